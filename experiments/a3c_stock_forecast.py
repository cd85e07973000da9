"""How much stock to hold, from the history of demand: A3C or A2C beside fixed, moving-average and calendar levels.

An item is raised to a level every day. A learner chooses the level from the demand of the last weeks, what is in stock
and under way, and the calendar. The demand of a sales panel is fitted to its training dates; heuristics are
tuned and the learner is trained on that fit. All are then replayed on the real demand of the held-out dates: one table,
result.json and figures in the output directory.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments import command
from experiments.retail_item import RetailItemConfig


@dataclasses.dataclass(frozen=True)
class LearnerConfig:
    """Of ``jaxinv.agents.A3C`` where not explained."""

    steps: int = 4_000_000
    """environment steps"""
    num_envs: int = 256
    num_steps: int = 16
    staleness: int = 3
    """of A3C"""
    branches: int = 8
    learning_rate: float = 2e-3
    discount: float = 0.95
    gae_lambda: float = 0.9
    entropy_coef: float = 0.0
    memory: Literal["window", "gru", "transformer"] = "window"
    """how the past is read: all periods at once by dense layers, or as a sequence"""
    window: int = 28
    """periods of it"""
    hidden: int = 64
    """width of the network"""
    initial_log_std: float = -2.0
    """log standard deviation of the first exploration; 1 is half of the range of levels"""


@dataclasses.dataclass(frozen=True)
class Config(command.RunConfig):
    demand: str = "complete_journey"
    """an embedded panel (complete_journey, online_retail) or a sales file: long CSV or Parquet"""
    columns: dict[str, str] = dataclasses.field(default_factory=dict)
    """what the file calls our columns, e.g. --columns date Day sku Item quantity Units"""
    env: RetailItemConfig = RetailItemConfig()
    agent: Literal["a3c", "a2c"] = "a3c"
    learner: LearnerConfig = LearnerConfig()
    out: Path = Path("runs/a3c_stock_forecast")

    def __post_init__(self):
        for name, low in (("steps", 1), ("window", 2), ("hidden", 1)):
            if getattr(self.learner, name) < low:
                raise ValueError(f"learner.{name} must be >= {low}, got {getattr(self.learner, name)}")


PRESETS = {
    "smoke": Config(
        preset="smoke",
        learner=LearnerConfig(steps=4096, num_envs=32, hidden=16),
        search=command.SearchConfig(paths=8),
    ),
    "default": Config(),
}


def run(config: Config) -> dict:
    from experiments import comparison, stock_levels

    return comparison.run(config, stock_levels.StockLevels)


def main() -> None:
    command.launch(PRESETS, __doc__, run)


if __name__ == "__main__":
    main()
