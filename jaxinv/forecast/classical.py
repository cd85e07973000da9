"""What classical methods share: a filter over time per series, parameters from a grid, and past errors as what the
future may bring.

The predictive distribution is the same for all: sample path s is the point forecast of the next H periods plus the
errors that the method made in H successive past periods, forecast from one date as it would have been then. The most
recent ``num_paths`` such dates are used, of daily panels by default those on the same weekday. Taking errors of all
steps of one date together keeps their dependence, which the spread of lead-time demand hangs on (a level that is wrong
is wrong in all periods); nothing is assumed of their shape. Paths are cut at 0 and, where all demand that was fitted is
whole, rounded. Only errors that were complete before the date of the forecast are used. An error of a period in which a
series was not observed is that of the same step from the date before; where there is none at all, as ahead of the first
H + 1 periods, it is 0.
"""

import dataclasses
import itertools
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.data import DemandPanel
from jaxinv.forecast.base import Fitted, check_fields
from jaxinv.forecast.series import SEASON, Series


@dataclasses.dataclass(frozen=True, kw_only=True)
class Classical:
    """A method for one series; subclasses write :meth:`start`, :meth:`update`, :meth:`outlook` and :meth:`ahead`.

    Parameters are those of the grid by which squared errors one period ahead are least, per series, over the observed
    periods but for the first two seasons (the last half, where there are no more).
    """

    SMOOTHED: ClassVar[tuple[str, ...]] = ()  # fields that hold values in [0, 1] to choose among

    num_paths: int = 100  # past dates whose errors are used
    same_weekday: bool = True  # of daily panels: only errors from dates on the same weekday, which have its spread

    def __post_init__(self):
        check_fields(self, num_paths=(1, 10_000), **dict.fromkeys(self.SMOOTHED, (0.0, 1.0)))

    def grid(self) -> Mapping[str, tuple[float, ...]]:
        """Values to try of each parameter; all combinations are."""
        return {name: getattr(self, name) for name in self.SMOOTHED}

    def start(self, season: int) -> Any:
        """What is known before any period."""
        raise NotImplementedError

    def update(self, state: Any, demand: Array, phase: Array, parameters: Mapping[str, Array]) -> Any:
        """What is known after a period with ``demand`` []. Periods that are not observed change nothing."""
        raise NotImplementedError

    def outlook(self, state: Any, parameters: Mapping[str, Array]) -> Any:
        """What the forecast depends on: by default the expected demand [] of every further period."""
        raise NotImplementedError

    def ahead(self, outlook: Any, phases: Array) -> Array:
        """Point forecasts [H] of the next periods, of these ``phases`` [H]."""
        return jnp.broadcast_to(outlook, phases.shape)

    def fit(self, panel: DemandPanel) -> "FittedClassical":
        """Choose parameters by a panel's demand, for its series in their order."""
        series = Series.of(panel)
        parameters = _best(self, series, self._combinations())
        quantity = panel.quantity[panel.available]
        return FittedClassical(
            method=self,
            parameters=parameters,
            whole=jnp.asarray((quantity == np.round(quantity)).all()),
            names=(panel.locations, panel.skus),
        )

    def _combinations(self) -> dict[str, Array]:
        names, values = self.grid().keys(), list(itertools.product(*self.grid().values()))
        return {name: jnp.asarray([v[i] for v in values], jnp.float32) for i, name in enumerate(names)}

    def _filter(self, demand: Array, observed: Array, phase: Array, season: int, parameters: Any) -> Any:
        """Outlooks [T, ...] after each period of one series [T]."""

        def period(state: Any, now: tuple[Array, Array, Array]) -> tuple[Any, Any]:
            demand, observed, phase = now
            updated = self.update(state, demand, phase, parameters)
            state = jax.tree.map(lambda new, old: jnp.where(observed, new, old), updated, state)
            return state, self.outlook(state, parameters)

        return jax.lax.scan(period, self.start(season), (demand, observed, phase))[1]


@struct.dataclass
class FittedClassical(Fitted):
    """A method and its parameters for N series."""

    parameters: dict[str, Array]  # [N] each
    whole: Array  # [] bool: demand comes in whole units
    method: Classical = struct.static()
    names: tuple[tuple[str, ...], tuple[str, ...]] = struct.static()  # locations and SKUs

    def check(self, panel: DemandPanel) -> None:
        if (panel.locations, panel.skus) != self.names:
            raise ValueError(
                f"{type(self.method).__name__} forecasts the locations and SKUs that were fitted, in their order: fit "
                "it to this panel first"
            )

    def condition(self, series: Series) -> Any:
        def one(demand: Array, observed: Array, parameters: Any) -> Any:
            return self.method._filter(demand, observed, series.phase, series.season, parameters)

        return jax.vmap(one, in_axes=(1, 1, 0), out_axes=1)(series.demand, series.observed, self.parameters)

    def draw(self, known: Any, series: Series, origin: Array, horizon: int, key: Array) -> Array:
        method, season = self.method, series.season
        steps = jnp.arange(horizon)

        def forecast(origin: Array) -> Array:  # [H, N]
            outlook = jax.tree.map(lambda x: x[origin - 1], known)
            phases = (series.phase[origin - 1] + 1 + steps) % season
            return jax.vmap(lambda one: method.ahead(one, phases), out_axes=1)(outlook)

        stride = season if method.same_weekday and season == SEASON["day"] else 1
        last = origin - -(-horizon // stride) * stride  # the last date whose errors are complete
        count = jnp.clip((last - 1) // stride + 1, 1, method.num_paths)
        dates = last - stride * (jnp.arange(method.num_paths) % count)  # in turn, where there are fewer
        rows = dates[:, None] + steps[None]
        past = jax.vmap(forecast)(jnp.maximum(dates, 1))
        usable = series.observed[rows] & (dates >= 1)[:, None, None]
        error = _carried(jnp.where(usable, series.demand[rows] - past, 0.0), usable)
        paths = jnp.maximum(forecast(origin)[None] + error, 0.0)
        return jnp.where(self.whole, jnp.round(paths), paths)


def _carried(error: Array, usable: Array) -> Array:
    """``error`` [S, H, N], where it is not usable that of the next path that is; of the last before, where none is."""
    here = jnp.arange(len(error))[:, None, None]
    after = jax.lax.cummin(jnp.where(usable, here, len(error)), 0, reverse=True)
    before = jax.lax.cummax(jnp.where(usable, here, 0), 0)
    return jnp.take_along_axis(error, jnp.where(after < len(error), after, before), 0)


@partial(jax.jit, static_argnames="method")
def _best(method: Classical, series: Series, combinations: dict[str, Array]) -> dict[str, Array]:
    """Of each parameter the value [N] among ``combinations`` [G] that forecasts best one period ahead."""
    if not combinations:
        return {}
    seen = jnp.cumsum(series.observed, 0)
    counted = series.observed & (seen > jnp.minimum(2 * series.season, seen[-1:] // 2))
    following = (series.phase + 1) % series.season

    def one(demand: Array, observed: Array, counted: Array) -> dict[str, Array]:
        def error(parameters: Any) -> Array:
            outlooks = method._filter(demand, observed, series.phase, series.season, parameters)
            forecast = jax.vmap(lambda outlook, phase: method.ahead(outlook, phase[None])[0])(outlooks, following)
            return jnp.sum(jnp.where(counted[1:], (demand[1:] - forecast[:-1]) ** 2, 0.0))

        errors = jax.vmap(error)(combinations)
        return jax.tree.map(lambda x: x[jnp.argmin(errors)], combinations)

    # A few series at a time: all outlooks of all combinations would not fit in memory.
    series_first = series.demand.T, series.observed.T, counted.T
    return jax.lax.map(lambda args: one(*args), series_first, batch_size=min(64, series.demand.shape[1]))
