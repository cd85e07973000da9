"""The two problems of ``forecast_to_order``: real demand by date with its forecasts, and the dates cut in four."""

import dataclasses
from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments import forecasters, retail, retail_item
from jaxinv.data import DemandPanel, known_covariates
from jaxinv.evaluate import Paths, sample_paths
from jaxinv.forecast import Backtest, Forecast, Neural
from jaxinv.forecast.backtest import compare, sold
from jaxinv.forecast.base import quantiles
from jaxinv.forecast.networks import NETWORKS

EPISODE = 60  # days of an episode in training, from a day drawn at reset, or as many as there are
STARTS = 8  # replays, each from stocks of its own
FEATURES = (0.1, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)  # levels of the quantiles that are observed


@dataclasses.dataclass(frozen=True)
class Dates:
    """How the replayed days are used: so many to learn on, to choose with and to judge on, after those that
    forecasters were fitted to."""

    fit: int
    train: int
    test: int  # to judge on; and before them as many to choose with
    warmup: int

    @classmethod
    def of(cls, days: int, config: Any) -> "Dates":
        left = days - 2 * config.test_days
        fit = int(config.fit_share * left)
        if min(fit, left - fit) < 28 + config.warmup_days:
            raise ValueError(
                f"test_days, to judge on and to choose with, leave {max(left, 0)} of the {days} days of the panel: too "
                f"few to fit forecasters and to learn on, which take {28 + config.warmup_days} each"
            )
        return cls(fit, left - fit, config.test_days, config.warmup_days)

    @property
    def replayed(self) -> int:
        return self.train + 2 * self.test

    def window(self, part: str) -> tuple[int, int]:
        """(first row, days) of the replay of a part and of the warm-up before it."""
        if part == "train":
            return 0, self.train
        before = self.train + (part == "test") * self.test
        return before - self.warmup, self.warmup + self.test


@dataclasses.dataclass(frozen=True)
class Problem:
    title: str
    env: Any
    params: Any  # whose demand is the trace of all replayed days, without forecasts
    stock: str  # the field of it that is the stock at reset
    panel: DemandPanel  # all days of the environment's series, in the order of its cells
    others: DemandPanel  # all days of the series that networks are fitted to, those of the environment among them
    horizon: int  # days that an order has to last for
    dates: Dates

    def foretell(self, fitted: Any) -> tuple[Array, Backtest]:
        """Of what is forecast before each of the replayed days: [T, *cells, Q], the quantiles ``FEATURES`` of the
        demand of ``horizon`` days from it on, and how good the forecasts of the days to judge on are."""
        first, days = self.dates.fit, len(self.panel.dates)
        judged = days - self.dates.test
        data = jnp.asarray(FEATURES), sold(self.panel, judged)
        features, sums = fitted.at_origins(self.panel, self.horizon, np.arange(first, days), _foretold, data)
        complete = slice(judged - first, days - self.horizon + 1 - first)  # all days ahead are in the panel
        test = Backtest(jax.tree.map(lambda x: x[complete], sums), block=self.horizon)
        return features.reshape(len(features), *self.env.cells, len(FEATURES)), test

    def knowing(self, forecasts: Array | None) -> Any:
        """Parameters whose demand tells these forecasts."""
        return self.params.replace(demand=self.params.demand.replace(forecasts=forecasts))

    def training(self, params: Any) -> Any:
        """Episodes within the days to learn on."""
        length = min(EPISODE, self.dates.train)
        demand = params.demand.replace(first=0, last=self.dates.train - length)
        return params.replace(demand=demand, max_steps_in_episode=length)

    def replays(self, env: Any, part: str, key: Array) -> Paths:
        """The days of a part and of the warm-up before it in ``env``, the problem's own or one around it, from 0.5 to
        1.5 times the usual stock of every cell: when deliveries fall is luck, which the mean evens out."""
        row, days = self.dates.window(part)
        params = self.params.replace(demand=self.params.demand.replace(first=row, last=row))
        return _replays(env, params, jax.random.split(key, STARTS), self.stock, days)


def _foretold(forecast: Forecast, origin: Array, data: Any) -> tuple[Array, dict[str, Array]]:
    levels, actual = data
    lead = forecast.cumulative().samples[:, -1]
    return jnp.moveaxis(quantiles(lead, levels), 0, -1), compare(forecast, origin, actual)


@partial(jax.jit, static_argnames=("env", "stock", "days"))
def _replays(env: Any, params: Any, keys: Array, stock: str, days: int) -> Paths:
    usual = getattr(params, stock)

    def from_stock(key: Array) -> Any:
        factor = jax.random.uniform(key, usual.shape, minval=0.5, maxval=1.5)
        stocked = params.replace(**{stock: jnp.round(factor * usual)})
        return jax.tree.map(lambda x: x[0], sample_paths(env, stocked, key, 1, days))

    return jax.vmap(from_stock)(keys)


def fitted_forecasters(problem: Problem, config: Any) -> Iterator[tuple[str, Any]]:
    """Each forecaster, fitted to the first days, and its name before it."""
    numbers, end = config.forecast, problem.panel.dates[problem.dates.fit]
    for name in numbers.classical:
        yield name, forecasters.classical(name, numbers.num_paths).fit(problem.panel.between(end=end))
    network = Neural(
        network=NETWORKS[forecasters.NETWORKS[numbers.network]](), horizon=numbers.horizon, context=numbers.context,
        steps=numbers.steps, batch=numbers.batch, num_paths=numbers.num_paths, prices_planned=numbers.prices_planned,
        covariates=config.covariates, planned=config.planned, seed=config.seed,
    )  # fmt: skip
    yield numbers.network, network.fit(problem.others.between(end=end))


def build(name: str, config: Any) -> Problem:
    """``single`` or ``stores``."""
    panel = retail.read(config.demand, config.columns, config.covariates)
    dates = Dates.of(len(panel.dates), config)
    return (_stores if name == "stores" else _single)(forecasters.name_of(config.demand), panel, dates, config)


def _single(source: str, panel: DemandPanel, dates: Dates, config: Any) -> Problem:
    numbers = dataclasses.replace(config.single, test_days=dates.replayed, warmup_days=0)
    panel = retail_item.one_location(panel)
    found = retail_item.build(panel, numbers)
    item = found.test_panel.skus[0]
    largest = panel.largest(skus=min(config.forecast.series, len(panel.skus))).skus
    others = panel.select(skus=[item, *(sku for sku in largest if sku != item)][: config.forecast.series])
    panel = panel.select(skus=[item])
    return Problem(
        title=f"SingleItem-v0: {item.lower()} of {source}",
        env=found.env,
        params=_with_covariates(found.test_params, panel, dates, config, ()),
        stock="initial_inventory",
        panel=panel,
        others=others,
        horizon=numbers.lead_time + 1,
        dates=dates,
    )


def _stores(source: str, panel: DemandPanel, dates: Dates, config: Any) -> Problem:
    numbers = dataclasses.replace(config.stores, test_days=dates.replayed, warmup_days=0)
    found = retail.build(panel, numbers)
    panel = panel.largest(locations=numbers.stores, skus=numbers.skus)
    return Problem(
        title=f"MultiWarehouse-v0: {numbers.stores} stores, {numbers.skus} SKUs of {source}",
        env=found.env,
        params=_with_covariates(found.test_params, panel, dates, config, found.env.cells),
        stock="initial_stock",
        panel=panel,
        others=panel,
        horizon=numbers.lead_time + 1,
        dates=dates,
    )


def _with_covariates(params: Any, panel: DemandPanel, dates: Dates, config: Any, cells: tuple[int, ...]) -> Any:
    if not config.covariates:
        return params
    known = known_covariates(panel, config.covariates, config.planned)[dates.fit :]
    covariates = known.reshape(len(known), *cells, known.shape[-1])
    return params.replace(demand=params.demand.replace(covariates=jnp.asarray(covariates)))
