"""One retailer orders one item by the case, each order at a fixed cost: DQN and double DQN beside tuned heuristics.

The demand of a sales panel is fitted to its training dates; heuristics are tuned and both learners are trained on that
fit. All are then replayed on the real demand of the held-out dates: one table, result.json and figures in the output
directory.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments import command
from experiments.retail_item import RetailItemConfig


@dataclasses.dataclass(frozen=True)
class DQNConfig:
    """Of ``jaxinv.agents.DQN``, the same for every agent and item."""

    num_updates: int = 3000
    num_envs: int = 64
    num_steps: int = 4
    gradient_steps: int = 8
    batch_size: int = 128
    learning_rate: float = 1e-3
    discount: float = 0.99
    hidden: tuple[int, ...] = (64, 64)
    num_others: int = 3
    """other orders that each step teaches about as well, on the demand that came"""
    dueling: bool = True


@dataclasses.dataclass(frozen=True)
class Config(command.RunConfig):
    demand: str = "complete_journey"
    """an embedded panel (complete_journey, online_retail) or a sales file: long CSV or Parquet"""
    columns: dict[str, str] = dataclasses.field(default_factory=dict)
    """what the file calls our columns, e.g. --columns date Day sku Item quantity Units"""
    env: RetailItemConfig = RetailItemConfig(order_cost=300.0, batch=36)
    agents: tuple[Literal["dqn", "double_dqn"], ...] = ("dqn", "double_dqn")
    dqn: DQNConfig = DQNConfig()
    out: Path = Path("runs/dqn_replenishment")

    def __post_init__(self):
        if not self.agents or len(set(self.agents)) < len(self.agents):
            raise ValueError(f"agents must be at least one, each once; got {' '.join(self.agents) or 'none'}")


PRESETS = {
    "smoke": Config(
        preset="smoke",
        dqn=DQNConfig(num_updates=4, num_envs=16, batch_size=16, hidden=(16, 16)),
        search=command.SearchConfig(paths=8),
    ),
    "default": Config(),
}


def run(config: Config) -> dict:
    from experiments import comparison, whole_orders

    return comparison.run(config, whole_orders.WholeOrders)


def main() -> None:
    command.launch(PRESETS, __doc__, run)


if __name__ == "__main__":
    main()
