"""Rolling-origin evaluation: forecasts at many dates of a panel against what was sold, with intervals and in pairs."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.data import DemandPanel
from jaxinv.forecast.base import LEVELS, Fitted, Forecast
from jaxinv.forecast.scores import crps, naive_variance, quantile_loss
from jaxinv.forecast.series import Series
from jaxinv.intervals import Interval, moving_block_bootstrap

# Each score is a ratio of sums over dates and series. Of periods: wQL, CRPS by mean demand, share of periods within
# the outermost quantiles, surplus of the mean by demand, and WRMSSE over the levels of a panel (``_GROUPS``). Of
# lead-time demand, which is that of all periods ahead together: the first three.
SCORES = {
    "wql": ("loss", "demand"),
    "crps": ("crps", "demand"),
    "coverage": ("covered", "periods"),
    "bias": ("error", "demand"),
    "wrmsse": ("weighted_rmsse", "weight"),
    "lead_wql": ("lead_loss", "lead_demand"),
    "lead_crps": ("lead_crps", "lead_demand"),
    "lead_coverage": ("lead_covered", "lead_times"),
}

# What the series of a panel [T, W, K] add up to: themselves, a location, a SKU in all locations, everything. Of the
# twelve levels of the M5 competition these are the four that any panel has; WRMSSE is the mean over levels.
_GROUPS = ((), (2,), (1,), (1, 2))


@struct.dataclass
class Backtest:
    """What forecasts of N series at O dates add up to, each leaf [O, N] over the periods ahead."""

    sums: dict[str, Array]
    block: int = struct.static(1)  # dates whose forecasts overlap

    @property
    def scores(self) -> tuple[str, ...]:
        """Those of ``SCORES`` that its sums give: all, but of peers that do not forecast lead-time demand."""
        return tuple(name for name, parts in SCORES.items() if set(parts) <= set(self.sums))

    def score(self, name: str, key: Array | None = None) -> Interval:
        """One of ``SCORES`` with a 95 % interval over dates and series like these."""
        return self._interval(*self._ratio(name), key)

    def difference(self, other: "Backtest", name: str, key: Array | None = None) -> Interval:
        """This score less that of another forecaster at the same dates of the same series: pairs are resampled
        together. Below 0 this one is better, where less is better."""
        ours, theirs = self._ratio(name), other._ratio(name)
        if ours[1].shape != theirs[1].shape:
            raise ValueError(f"backtests differ in dates or series: [O, N] is {ours[1].shape} and {theirs[1].shape}")
        return self._interval(ours[0] - theirs[0], ours[1] - theirs[1], key)

    def _ratio(self, name: str) -> tuple[Array, Array]:
        """The ratio, and by how much each date and series moves it (its linearisation: Owen 2007 resamples means)."""
        above, below = (self.sums[part] for part in SCORES[name])
        mean = jnp.sum(below) / len(below)
        ratio = jnp.sum(above) / jnp.sum(below)
        return ratio, (above - ratio * below) / mean

    def _interval(self, ratio: Array, influence: Array, key: Array | None) -> Interval:
        key = jax.random.key(0) if key is None else key
        around = moving_block_bootstrap(influence, key, block=min(self.block, len(influence)))
        return Interval(mean=ratio, ci95=ratio + around.ci95)


def backtest(
    fitted: Fitted,
    panel: DemandPanel,
    horizon: int,
    *,
    first: int,
    every: int = 1,
    levels: tuple[float, ...] = LEVELS,
    key: Array | None = None,
) -> Backtest:
    """Forecast ``horizon`` periods after ``first`` periods of a panel, and every ``every`` periods from then on while
    all of them are within it, and compare. What was fitted stays; it is not fitted again at each date.

    Periods count in which a series was on sale; lead-time demand does where it was in all of them but those in which
    its location was shut. Weights and scales of WRMSSE are those of the first ``first`` periods: what the last 28
    of them sold, in money where there are prices. Its levels are series, locations, SKUs and the whole.

    Raises ``ValueError`` where there is no such date.
    """
    origins = np.arange(first, len(panel.dates) - horizon + 1, every)
    if first < 2 or not len(origins):
        raise ValueError(
            f"first must be in 2..{len(panel.dates) - horizon}, so that {horizon} periods follow it; got {first}"
        )
    sums = fitted.at_origins(panel, horizon, origins, compare, sold(panel, first, levels), key=key)
    return Backtest(sums=sums, block=-(-horizon // every))


def sold(panel: DemandPanel, first: int, levels: tuple[float, ...] = LEVELS) -> Any:
    """What :func:`compare` compares with: the panel, and the weights and scales of its ``first`` periods."""
    series = Series.of(panel)
    past = jax.tree.map(lambda x: x[:first], series)
    price = jnp.nan_to_num(past.price[-28:], nan=0.0) if panel.price is not None else 1.0
    shape = panel.quantity.shape[1:]
    observed = _by_group(past.observed.astype(jnp.float32), shape) > 0
    scale = jax.vmap(naive_variance)(_by_group(past.demand, shape), observed)
    weight = jnp.where(scale[0] > 0, jnp.sum(past.demand[-28:] * price, 0), 0.0)
    return series, jnp.asarray(levels), weight, jnp.where(scale > 0, scale, 1.0)


def compare(forecast: Forecast, origin: Array, data: Any) -> dict[str, Array]:
    """Sums [N] over the periods ahead of one date, for :meth:`Fitted.at_origins`; ``data`` is what :func:`sold` gives,
    and all of these periods are within its panel."""
    series, levels, weight, scale = data
    samples = forecast.samples.reshape(*forecast.samples.shape[:2], -1)
    actual = series.rows(origin, samples.shape[1])
    flat, lead = Forecast(samples), Forecast(samples).cumulative()
    counted, demand = actual.observed, actual.demand
    complete = jnp.all(actual.observed | ~actual.open, 0, keepdims=True)
    total = jnp.sum(demand, 0, keepdims=True)
    error = flat.mean() - demand
    # A group weighs what its series weigh together: each has its share of the group's RMSSE.
    shape = forecast.samples.shape[2:]
    squares = _by_group(error * counted, shape) ** 2
    periods = jnp.sum(_by_group(counted.astype(jnp.float32), shape) > 0, 1)
    rmsse = jnp.mean(jnp.sqrt(jnp.sum(squares, 1) / jnp.maximum(periods, 1) / scale), 0)
    weight = jnp.where(jnp.any(counted, 0), weight, 0.0)
    by_period = _losses(samples, flat.quantiles(levels), levels, demand, counted)
    by_lead = _losses(lead.samples[:, -1:], lead.quantiles(levels)[:, -1:], levels, total, complete)
    return {
        **dict(zip(("loss", "crps", "covered", "demand", "periods"), by_period, strict=True)),
        "error": jnp.sum(error * counted, 0),
        "weighted_rmsse": weight * rmsse,
        "weight": weight,
        **dict(zip(("lead_loss", "lead_crps", "lead_covered", "lead_demand", "lead_times"), by_lead, strict=True)),
    }


def _by_group(values: Array, shape: tuple[int, ...]) -> Array:
    """Sums [G, T, N] of ``values`` [T, N] over the groups that each series of a panel of ``shape`` [W, K] is in."""
    cells = values.reshape(-1, *shape)
    sums = [jnp.broadcast_to(jnp.sum(cells, axes, keepdims=True), cells.shape) for axes in _GROUPS]
    return jnp.stack(sums).reshape(len(_GROUPS), *values.shape)


def _losses(samples: Array, quantiles: Array, levels: Array, demand: Array, counted: Array) -> tuple[Array, ...]:
    """Sums [N] over periods [H, N] that are ``counted``: quantile loss (twice its mean over levels), CRPS, periods
    within the outermost quantiles, demand, periods."""
    loss = 2.0 * jnp.mean(quantile_loss(quantiles, levels, demand), 0)
    covered = (quantiles[0] <= demand) & (demand <= quantiles[-1])
    each = loss, crps(samples, demand), covered, demand, 1.0
    return tuple(jnp.sum(jnp.where(counted, value, 0.0), 0) for value in each)
