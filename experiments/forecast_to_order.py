"""From forecasts to orders: what a better forecast is worth, to one item and to stores, on held-out real demand.

Forecasters are fitted to the first dates of a panel and forecast the demand of the lead time and a day more at every
date after them, which the environments replay. On the dates that follow, heuristics are tuned, a learner shifts the
orders that a forecast gives (residual PPO), and recurrent policies learn from the raw history of demand along the
gradient of what they cost (pathwise); the next dates choose among them; the last ones judge: one table, result.json and
figures in the output directory.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments import command, forecasters
from experiments.retail import RetailConfig
from experiments.retail_item import RetailItemConfig


@dataclasses.dataclass(frozen=True)
class ForecastConfig:
    """Who forecasts."""

    classical: tuple[Literal[forecasters.CLASSICAL], ...] = (  # type: ignore[valid-type]
        "exponential smoothing", "holt-winters", "weekday quantile",
    )  # fmt: skip
    network: Literal[tuple(forecasters.NETWORKS)] = "gru"  # type: ignore[valid-type]
    context: int = 56
    """days that the network looks back on"""
    horizon: int = 7
    """days ahead that it learns, whatever the lead time: problems with as many series share one compiled training"""
    steps: int = 400
    """of its training"""
    batch: int = 32
    num_paths: int = 100
    prices_planned: bool = False
    """prices of the panels are what was asked, known ahead; not what was paid"""
    series: int = 24
    """largest SKUs that forecasters of a single item are fitted to, the item among them"""


@dataclasses.dataclass(frozen=True)
class PPOConfig:
    """Of ``jaxinv.agents.PPO``; shifts are days of typical demand."""

    num_updates: int = 64
    num_envs: int = 64
    num_steps: int = 16
    learning_rate: float = 2e-3
    discount: float = 0.95
    branches: int = 8
    hidden: tuple[int, ...] = (32, 32)
    initial_log_std: float = -1.5


@dataclasses.dataclass(frozen=True)
class PathwiseConfig:
    """Of ``jaxinv.optimise.Pathwise``, and what its policies remember."""

    memories: tuple[Literal["gru", "transformer"], ...] = ("gru", "transformer")
    window: int = 14
    """days that are remembered"""
    hidden: int = 24
    num_updates: int = 48
    num_envs: int = 8
    num_steps: int = 30
    learning_rate: float = 3e-3


@dataclasses.dataclass(frozen=True)
class Config(command.OutputConfig):
    problems: tuple[Literal["single", "stores"], ...] = ("single", "stores")
    """single: one item of all locations together, SingleItem-v0; stores: MultiWarehouse-v0"""
    demand: str = "complete_journey"
    """an embedded panel (complete_journey, online_retail) or a sales file: long CSV or Parquet"""
    columns: dict[str, str] = dataclasses.field(default_factory=dict)
    """what the file calls our columns, e.g. --columns date Day sku Item quantity Units"""
    covariates: tuple[str, ...] = ()
    """further columns of the file that the network and the learners read: weather, holidays, signals of web or
    marketing"""
    planned: tuple[str, ...] = ()
    """those of them that are known ahead"""
    single: RetailItemConfig = RetailItemConfig(stockout_cost=19.0)
    """test_days and warmup_days are those below"""
    stores: RetailConfig = RetailConfig(delivery_cost=0.0, line_cost=0.0)
    """likewise"""
    test_days: int = 70
    """the last days, held out; as many before them choose among what was tuned and learned"""
    fit_share: float = 0.5
    """of the days before those, that forecasters are fitted to; policies learn on the rest"""
    warmup_days: int = 14
    """days before those that are judged on that are replayed first, and not counted"""
    forecast: ForecastConfig = ForecastConfig()
    ppo: PPOConfig = PPOConfig()
    pathwise: PathwiseConfig = PathwiseConfig()
    out: Path = Path("runs/forecast_to_order")

    def __post_init__(self):
        command.at_least(self, test_days=14, warmup_days=0)
        command.at_least(self.forecast, series=1, num_paths=2, context=8, horizon=1, steps=1)
        command.at_least(self.pathwise, window=2)
        if not 0.1 <= self.fit_share <= 0.9:
            raise ValueError(f"fit_share must be in [0.1, 0.9], got {self.fit_share}")
        if not self.problems or not self.forecast.classical:
            raise ValueError("problems and forecast.classical must name at least one")


PRESETS = {
    "smoke": Config(
        preset="smoke",
        stores=RetailConfig(stores=2, skus=2, delivery_cost=0.0, line_cost=0.0),
        forecast=ForecastConfig(classical=("exponential smoothing",), steps=4, batch=4, num_paths=20, series=3),
        ppo=PPOConfig(num_updates=2, num_envs=16, num_steps=8, hidden=(8,)),
        pathwise=PathwiseConfig(num_updates=2, num_envs=2, num_steps=8, hidden=8, window=7),
    ),
    "default": Config(),
}


def run(config: Config) -> dict:
    from experiments import forecast_orders

    return forecast_orders.run(config)


def main() -> None:
    command.launch(PRESETS, __doc__, run)


if __name__ == "__main__":
    main()
