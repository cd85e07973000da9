"""Several warehouses under DDPG: independent, multi-agent and central, for the mean cost or the worst days.

The demand of a panel is fitted to its training dates; each learner moves the order-up-to levels of a tuned base-stock
policy, for the mean cost of a day or for its conditional value at risk. All are judged on common fresh paths of the
fitted demand, and on the real demand of the held-out dates: a table, result.json and a figure.
"""

import dataclasses
from pathlib import Path

from experiments import command
from experiments.retail import RetailConfig, TuningConfig


@dataclasses.dataclass(frozen=True)
class DDPGConfig:
    """Of ``jaxinv.agents.DDPG`` where not explained."""

    num_updates: int = 800
    num_envs: int = 64
    num_steps: int = 4
    gradient_steps: int = 4
    batch_size: int = 256
    buffer_periods: int = 512
    learning_rate: float = 1e-3
    hidden: tuple[int, ...] = (64, 64)
    span: float = 0.15
    """log of the factor by which levels can be moved"""


@dataclasses.dataclass(frozen=True)
class Config(command.OutputConfig):
    demand: str = "complete_journey"
    """an embedded panel (complete_journey, online_retail) or a sales file: long CSV or Parquet"""
    columns: dict[str, str] = dataclasses.field(default_factory=dict)
    """what the file calls our columns, e.g. --columns date Day sku Item quantity Units"""
    env: RetailConfig = RetailConfig(stores=3, skus=2, delivery_cost=0.0, line_cost=0.0)
    cvar_level: float = 0.05
    """share of the days that those who fear the worst look at"""
    learner: DDPGConfig = DDPGConfig()
    days: int = 120
    """that are counted, on every path"""
    paths: int = 200
    """that all are judged on"""
    search: TuningConfig = TuningConfig(paths=64, population=64, elite=8)
    out: Path = Path("runs/ddpg_risk")

    def __post_init__(self):
        command.at_least(self, days=2, paths=2)
        if not 0.0 < self.cvar_level <= 1.0:
            raise ValueError(f"cvar_level must be above 0 and at most 1, got {self.cvar_level}")


PRESETS = {
    "smoke": Config(
        preset="smoke",
        env=RetailConfig(stores=2, skus=1, delivery_cost=0.0, line_cost=0.0),
        learner=DDPGConfig(num_updates=2, num_envs=8, batch_size=16, buffer_periods=64, hidden=(8,)),
        days=10,
        paths=4,
        search=TuningConfig(paths=2, population=8, elite=2, iterations=2),
    ),
    "default": Config(),
}


def run(config: Config) -> dict:
    from experiments import feared_days

    return feared_days.run(config)


def main() -> None:
    command.launch(PRESETS, __doc__, run)


if __name__ == "__main__":
    main()
