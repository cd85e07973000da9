"""Forecasts as sample paths of demand, and what every forecaster does with them."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.data import DemandPanel
from jaxinv.forecast.series import Series, extended

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)  # of the quantiles of a rolling forecast, unless others are asked for


@struct.dataclass
class Forecast:
    """Equally likely paths of demand. Lead-time demand is :meth:`cumulative`, of the same paths: quantiles of sums are
    not sums of quantiles."""

    samples: Array  # [S, H, W, K] units in each of the H periods ahead

    def cumulative(self) -> "Forecast":
        """Of the units of the first 1, ..., H periods together."""
        return Forecast(jnp.cumsum(self.samples, 1))

    def mean(self) -> Array:
        """[H, W, K]."""
        return jnp.mean(self.samples, 0)

    def quantiles(self, levels: Any = LEVELS) -> Array:
        """[Q, H, W, K]: the least units such that demand stays within them in at least the share ``levels`` [Q] of the
        paths, which is the newsvendor's order at that fractile."""
        return quantiles(self.samples, levels)


def quantiles(samples: Array, levels: Any) -> Array:
    """[Q, ...] of equally likely ``samples`` [S, ...]: the inverse of their distribution function, without
    interpolation, so that quantiles of whole units are whole."""
    rank = jnp.ceil(jnp.asarray(levels) * samples.shape[0] - 1e-4).astype(jnp.int32) - 1
    return jnp.sort(samples, 0)[jnp.clip(rank, 0, samples.shape[0] - 1)]


@struct.dataclass
class RollingForecast:
    """Forecasts made at each of O dates, of L = H periods ahead."""

    origins: Array  # [O] int32: periods of the panel that were known; the forecast is for those from there on
    mean: Array  # [O, H, W, K] units per period
    quantiles: Array  # [O, Q, H, W, K] of units per period
    cumulative: Array  # [O, Q, H, W, K] of the units of the first 1, ..., H periods together

    def features(self) -> Array:
        """[O, W, K, Q] quantiles of the units of all H periods together, as ``demand.Trace.forecasts`` holds them of
        O = T dates: made before the demand of each. With H the lead time and a period more, that is what an order has
        to last for."""
        return jnp.moveaxis(self.cumulative[:, :, -1], 1, -1)


class Forecaster(Protocol):
    """How to forecast: a frozen dataclass of choices."""

    def fit(self, panel: DemandPanel) -> "Fitted": ...


@struct.dataclass
class Fitted:
    """What was learned from a panel. Subclasses say what is known after each period, and draw paths from there; the
    rest follows, jitted over all series at once."""

    @property
    def covariates(self) -> tuple[str, ...]:
        """Names of the panel's covariates that are read: none, unless a subclass says so."""
        return ()

    def condition(self, series: Series) -> Any:
        """All that paths are drawn from, computed once for all dates: what it holds of a period does not depend on
        demand after that period."""
        raise NotImplementedError

    def draw(self, known: Any, series: Series, origin: Array, horizon: int, key: Array) -> Array:
        """Paths [S, H, N] of the demand in periods origin, ..., origin + H - 1 of ``series``, from what was known of
        demand after the period ``origin`` - 1, at least 1 period."""
        raise NotImplementedError

    def check(self, panel: DemandPanel) -> None:
        """Raise ``ValueError`` where a panel is not of the kind that was fitted. Subclasses extend."""

    def predict(
        self,
        history: DemandPanel,
        horizon: int,
        key: Array | None = None,
        *,
        future: DemandPanel | None = None,
    ) -> Forecast:
        """Forecast of the ``horizon`` periods after ``history``, any panel of the kind that was fitted.

        ``key`` is only needed by those whose paths are drawn; there is a default one. ``future`` holds what is planned
        for these periods (promotions, prices, days on which a location is shut); its demand is not read. Without it
        see :func:`jaxinv.forecast.series.extended`.
        """
        _check_horizon(horizon)
        self.check(history)
        series = Series.of(extended(history, horizon, future), self.covariates)
        samples = _predict(self, series, jnp.int32(len(history.dates)), horizon, _key(key))
        return Forecast(samples.reshape(*samples.shape[:2], *history.quantity.shape[1:]))

    def rolling(
        self,
        panel: DemandPanel,
        horizon: int,
        *,
        levels: tuple[float, ...] = LEVELS,
        first: int = 1,
        every: int = 1,
        key: Array | None = None,
    ) -> RollingForecast:
        """The forecasts that are made after ``first`` periods of a panel, and every ``every`` periods from then on, to
        its end. Each reads demand before its date only, and what the panel says is planned after it (promotions,
        prices, days on which a location is shut)."""
        origins = np.arange(first, len(panel.dates) + 1, every)
        found = self.at_origins(panel, horizon, origins, _in_quantiles, jnp.asarray(levels), key=key)
        return RollingForecast(jnp.asarray(origins), *found)

    def at_origins(
        self,
        panel: DemandPanel,
        horizon: int,
        origins: Any,
        summary: Callable[[Forecast, Array, Any], Any],
        data: Any = None,
        *,
        key: Array | None = None,
    ) -> Any:
        """``summary(forecast, origin, data)`` of the forecasts made at ``origins`` [O], leaves stacked [O, ...]: all
        paths of one date are in memory at a time. ``data`` are arrays; a summary that is the same function does not
        compile again.

        Raises ``ValueError`` for origins outside 1..T.
        """
        _check_horizon(horizon)
        self.check(panel)
        origins = np.asarray(origins)
        if not len(origins) or origins.min() < 1 or origins.max() > len(panel.dates):
            raise ValueError(f"origins must be in 1..{len(panel.dates)}, the periods of the panel, got {origins}")
        series = Series.of(extended(panel, horizon), self.covariates)
        shape = panel.quantity.shape[1:]
        return _at_origins(self, series, jnp.asarray(origins, jnp.int32), horizon, shape, summary, data, _key(key))


@struct.dataclass
class Pool(Fitted):
    """Paths of several forecasters together, of each as many as it draws: a linear opinion pool (Stone 1961, The Annals
    of Mathematical Statistics 32(4)). Networks that were trained apart err apart, and their pool less than most."""

    members: tuple[Fitted, ...]

    @property
    def covariates(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for member in self.members for name in member.covariates))

    def check(self, panel: DemandPanel) -> None:
        for member in self.members:
            member.check(panel)

    def condition(self, series: Series) -> Any:
        return tuple(member.condition(self._read_by(member, series)) for member in self.members)

    def draw(self, known: Any, series: Series, origin: Array, horizon: int, key: Array) -> Array:
        keys = jax.random.split(key, len(self.members))
        drawn = [
            member.draw(each, self._read_by(member, series), origin, horizon, key)
            for member, each, key in zip(self.members, known, keys, strict=True)
        ]
        return jnp.concatenate(drawn)

    def _read_by(self, member: Fitted, series: Series) -> Series:
        columns = [self.covariates.index(name) for name in member.covariates]
        return dataclasses.replace(series, covariates=series.covariates[..., columns])


@partial(jax.jit, static_argnames="horizon")
def _predict(fitted: Fitted, series: Series, origin: Array, horizon: int, key: Array) -> Array:
    return _paths(fitted, fitted.condition(series), series, origin, horizon, key)


def _in_quantiles(forecast: Forecast, origin: Array, levels: Array) -> tuple[Array, Array, Array]:
    return forecast.mean(), forecast.quantiles(levels), forecast.cumulative().quantiles(levels)


@partial(jax.jit, static_argnames=("horizon", "shape", "summary"))
def _at_origins(
    fitted: Fitted,
    series: Series,
    origins: Array,
    horizon: int,
    shape: tuple[int, int],
    summary: Any,
    data: Any,
    key: Array,
) -> Any:
    known = fitted.condition(series)

    def at(origin: Array) -> Any:
        samples = _paths(fitted, known, series, origin, horizon, key)
        return summary(Forecast(samples.reshape(*samples.shape[:2], *shape)), origin, data)

    return jax.lax.map(at, origins)


def _paths(fitted: Fitted, known: Any, series: Series, origin: Array, horizon: int, key: Array) -> Array:
    """Paths [S, H, N] of an origin, without demand where a location is known to be shut."""
    samples = fitted.draw(known, series, origin, horizon, jax.random.fold_in(key, origin))
    return jnp.where(series.rows(origin, horizon).open[None], samples, 0.0)


def _key(key: Array | None) -> Array:
    return jax.random.key(0) if key is None else key


def _check_horizon(horizon: int) -> None:
    if horizon < 1:
        raise ValueError(f"horizon must be at least 1 period, got {horizon}")


def check_fields(forecaster: Any, **limits: tuple[float, float]) -> None:
    """Raise ``ValueError`` unless the named fields of a forecaster lie within [low, high]."""
    for name, (low, high) in limits.items():
        value = getattr(forecaster, name)
        for each in value if isinstance(value, tuple) else (value,):
            if not low <= each <= high:
                raise ValueError(f"{type(forecaster).__name__}.{name} must be in [{low}, {high}], got {each}")
