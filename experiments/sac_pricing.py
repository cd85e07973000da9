"""An online shop that sets prices and replenishes every day: SAC beside static and myopic prices.

The demand of a panel with prices is fitted to its training dates; heuristics are tuned and SAC, which moves the prices
and order-up-to levels of the best of them, is trained on that fit. All are then replayed on the real demand of the
held-out dates, as it would have been at the prices set: one table, result.json and figures in the output directory.
"""

import dataclasses
from pathlib import Path

from experiments import command
from experiments.online_shop import OnlineShopConfig


@dataclasses.dataclass(frozen=True)
class SACConfig:
    """Of ``jaxinv.agents.SAC`` where not explained."""

    num_updates: int = 500
    num_envs: int = 64
    num_steps: int = 4
    gradient_steps: int = 8
    batch_size: int = 256
    buffer_periods: int = 1024
    learning_rate: float = 5e-4
    discount: float = 0.99
    """units are paid when they are ordered, and earn their price a lead time and more later"""
    initial_temperature: float = 0.01
    target_entropy: float = -1.0
    """per price and level"""
    hidden: tuple[int, ...] = (64, 64)
    initial_log_std: float = -2.0
    """log standard deviation of the first exploration"""
    span: float = 0.1
    """log of the factor by which prices and levels can be moved"""


@dataclasses.dataclass(frozen=True)
class TuningConfig(command.SearchConfig):
    """How heuristics are tuned: see ``jaxinv.optimise.cross_entropy``."""

    population: int = 64
    elite: int = 8
    iterations: int = 20


@dataclasses.dataclass(frozen=True)
class Config(command.RunConfig):
    demand: str = "online_retail"
    """an embedded panel with prices (online_retail, complete_journey) or such a sales file: long CSV or Parquet"""
    columns: dict[str, str] = dataclasses.field(default_factory=dict)
    """what the file calls our columns, e.g. --columns date Day sku Item quantity Units price Price"""
    env: OnlineShopConfig = OnlineShopConfig()
    warmup_days: int = 14
    """the first of the held-out days, which are replayed and not counted"""
    sac: SACConfig = SACConfig()
    search: TuningConfig = TuningConfig(paths=64)
    out: Path = Path("runs/sac_pricing")

    def __post_init__(self):
        if not 0 <= self.warmup_days < self.env.test_days:
            raise ValueError(
                f"warmup_days must leave some of the {self.env.test_days} held-out days, got {self.warmup_days}"
            )


PRESETS = {
    "smoke": Config(
        preset="smoke",
        env=OnlineShopConfig(skus=2),
        sac=SACConfig(num_updates=4, num_envs=8, batch_size=16, buffer_periods=64, hidden=(16, 16)),
        search=TuningConfig(paths=4, population=8, elite=2, iterations=2),
    ),
    "default": Config(),
}


def run(config: Config) -> dict:
    from experiments import comparison, shop_prices

    return comparison.run(config, shop_prices.ShopPrices)


def main() -> None:
    command.launch(PRESETS, __doc__, run)


if __name__ == "__main__":
    main()
