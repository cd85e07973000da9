"""What neural forecasters see: windows of a series and of the plan around a date, free of scale.

A window is ``context`` periods before the date and ``horizon`` from it on. Demand is divided by the window's scale, the
mean observed demand of its context, so that one network serves series of any size and panels that it never saw; the
scale is all there is to a scaler, and needs no storing. Nothing of demand from the date on enters but through the
demand of each period before the one that is forecast, which when paths are drawn is the path's own.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.forecast.series import SEASON, Series

YEAR = {SEASON["day"]: 364, SEASON["week"]: 52}  # periods after which a year has passed, on the same weekday
PAD = 364  # periods put before a series: the longest context, or year
COLUMNS = ("demand", "observed", "open", "promotion", "price", "last_year", "last_year_observed", "mean", "covariates")
OF_WEEK = 7  # columns of the calendar that tell the week; the others tell the year
_LAG = {SEASON["day"]: 7, SEASON["week"]: 4}  # whose demand is also shown, beside the last one


@struct.dataclass
class Planned:
    """N series over T periods as windows are cut from, with ``PAD`` before in which nothing was observed; leaves
    [T + PAD, N] unless said otherwise."""

    demand: Array
    observed: Array
    open: Array
    promotion: Array
    price: Array
    last_year: Array  # demand a year ago
    last_year_observed: Array
    mean: Array  # of all observed demand before the period
    covariates: Array  # [T + PAD, N, C]
    calendar: Array  # [T + PAD, C] weekday and time of the year
    whole: Array  # [T + PAD] bool: all demand before came in whole units
    lag: Array  # [] int32 periods

    @classmethod
    @partial(jax.jit, static_argnums=0)
    def of(cls, series: Series) -> "Planned":
        year = YEAR[series.season]

        def padded(x: Array, value: Any) -> Array:
            return jnp.pad(x, ((PAD, 0), *((0, 0),) * (x.ndim - 1)), constant_values=value)

        demand, observed = padded(series.demand, 0.0), padded(series.observed, False)
        seen = jnp.cumsum(observed, 0) - observed
        sold = jnp.cumsum(demand, 0) - demand
        fractional = jnp.any(demand != jnp.round(demand), 1)
        return cls(
            demand=demand,
            observed=observed,
            open=padded(series.open, False),
            promotion=padded(series.promotion, 0.0),
            price=padded(series.price, jnp.nan),
            last_year=jnp.pad(demand, ((year, 0), (0, 0)))[: len(demand)],
            last_year_observed=jnp.pad(observed, ((year, 0), (0, 0)))[: len(demand)],
            mean=sold / jnp.maximum(seen, 1),
            covariates=padded(series.covariates, jnp.nan),
            calendar=padded(_calendar(series), 0.0),
            whole=jnp.cumsum(fractional) - fractional == 0,
            lag=jnp.int32(_LAG[series.season]),
        )


def _calendar(series: Series) -> Array:
    """[T, 11]: whether periods are weeks, three harmonics of the week (``OF_WEEK`` in all), and two of the year."""
    weekly = series.season != SEASON["day"]
    week = 2.0 * jnp.pi * series.phase[:, None] / 7.0 * jnp.arange(1, 4)[None]
    year = 2.0 * jnp.pi * series.year[:, None] * jnp.arange(1, 3)[None]
    of_week = jnp.concatenate([jnp.sin(week), jnp.cos(week)], 1) * (not weekly)
    return jnp.concatenate([jnp.full((len(week), 1), float(weekly)), of_week, jnp.sin(year), jnp.cos(year)], 1)


@struct.dataclass
class Window:
    """Around one date, L = context + horizon periods of one series (or with axes in front, of several)."""

    demand: Array  # [L]
    observed: Array  # [L]
    open: Array  # [L] planned
    plan: Array  # [L, F] what is known of each period without its demand
    lag: Array  # [] int32
    scale: Array  # [] units
    whole: Array  # [] bool

    @classmethod
    def cut(
        cls,
        rows: dict[str, Array],
        context: int,
        whole: Array,
        lag: Array,
        prices_planned: bool,
        planned: tuple[bool, ...] = (),
    ) -> "Window":
        """From the rows [L] of one series in ``COLUMNS`` and ``calendar`` of ``Planned``. Unless ``prices_planned`` the
        last price goes on: what was paid on a day, as files often have it, tells what was sold on it. So it does of
        each covariate [C] that is not ``planned``."""
        demand, observed = rows["demand"], rows["observed"]
        seen = observed[:context]
        count = jnp.sum(seen)
        past = rows["mean"][context]  # of all that was before the date
        recent = jnp.sum(demand[:context]) / jnp.maximum(count, 1)
        # A little of the long mean, lest a pause leave nothing to divide by.
        scale = jnp.maximum(0.9 * recent + 0.1 * past, 1e-2)
        last_year = jnp.log1p(rows["last_year"] / scale)
        price = jnp.where(jnp.isnan(rows["price"]), 0.0, rows["price"])
        if not prices_planned:
            price = jnp.where(jnp.arange(len(price)) < context, price, price[context - 1])
        known = price[:context] > 0
        usual = jnp.sum(price[:context] * known) / jnp.maximum(jnp.sum(known), 1)
        usual = jnp.where(usual > 0, usual, 1.0)
        relative = jnp.where((price > 0) & known.any(), jnp.log(jnp.where(price > 0, price, usual) / usual), 0.0)
        # What its weekday sold in the context, drawn to the mean of all by as much as one day more would.
        weekday = jnp.arange(len(demand)) % 7
        sold = jnp.full(7, scale).at[weekday[:context]].add(demand[:context])
        profile = jnp.log(sold / jnp.ones(7).at[weekday[:context]].add(seen) / scale)
        profile = jnp.where(lag == 7, profile[weekday], 0.0)  # of days
        last = seen & (jnp.arange(context) >= context - lag)
        latest = (jnp.sum(demand[:context] * last) + scale) / (jnp.sum(last) + 1)
        static = jnp.stack([
            jnp.log(latest / scale),
            jnp.log(scale) / 4.0,
            jnp.log(jnp.maximum(past / scale, 1e-2)),
            jnp.sum((demand[:context] == 0) & seen) / jnp.maximum(count, 1),
            count / context,
        ])  # fmt: skip
        # Of the time of the year nothing can be learned in the first one, and something would be.
        week, year = rows["calendar"][:, :OF_WEEK], rows["calendar"][:, OF_WEEK:]
        plan = [
            week,
            year * rows["last_year_observed"][:, None],
            rows["open"][:, None],
            rows["promotion"][:, None],
            jnp.clip(relative, -2.0, 2.0)[:, None],
            profile[:, None],
            last_year[:, None],
            rows["last_year_observed"][:, None],
            jnp.broadcast_to(static[None], (len(demand), len(static))),
            _covariates(rows["covariates"], context, planned),
        ]
        return cls(demand, observed, rows["open"], jnp.concatenate(plan, -1), lag, scale, whole)

    def inputs(self) -> Array:
        """[L, F] of every period: the plan of it and demand before it. The first period sees none."""

        def before(periods: Array) -> tuple[Array, Array]:
            place = jnp.arange(len(self.demand)) - periods
            inside = place >= 0
            place = jnp.maximum(place, 0)
            return jnp.where(inside, self.demand[place], 0.0), inside & self.observed[place]

        last, lagged = before(jnp.int32(1)), before(self.lag)
        return jnp.concatenate([self.plan, recent(last, lagged, self.scale)], -1)


def _covariates(given: Array, context: int, planned: tuple[bool, ...]) -> Array:
    """[L, 2 C] of the covariates [L, C] of a window: by how much each, on a scale of logarithms, differs from its mean
    over the context, and whether it is known."""
    ahead = (jnp.arange(len(given)) >= context)[:, None]
    given = jnp.where(ahead & ~jnp.asarray(planned, jnp.bool_)[None], given[context - 1][None], given)
    known = ~jnp.isnan(given)
    given = jnp.where(known, given, 0.0)
    level = jnp.sign(given) * jnp.log1p(jnp.abs(given))
    usual = jnp.sum(level[:context] * known[:context], 0) / jnp.maximum(jnp.sum(known[:context], 0), 1)
    return jnp.concatenate([jnp.where(known, level - usual[None], 0.0), known], -1)


def recent(last: tuple[Array, Array], lagged: tuple[Array, Array], scale: Array) -> Array:
    """Inputs [..., 5] of (demand, whether observed) [...] one period ago and a week (four weeks) ago."""
    scaled = [jnp.log1p(demand / scale) for demand, _ in (last, lagged)]
    return jnp.stack([scaled[0], last[1], last[0] > 0, scaled[1], lagged[1]], -1)
