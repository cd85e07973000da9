"""Last values, averages and exponential smoothing.

Smoothing starts without a guess at the first level: the k-th observation gets at least the weight 1/k, so that the
level is a plain mean until smoothing takes over.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxinv.forecast.base import check_fields
from jaxinv.forecast.classical import Classical

WEIGHTS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)  # of the latest observation, that are tried


@dataclasses.dataclass(frozen=True, kw_only=True)
class Naive(Classical):
    """The last demand goes on."""

    def start(self, season: int) -> Any:
        return jnp.float32(0.0)

    def update(self, state: Any, demand: Array, phase: Array, parameters: Mapping[str, Array]) -> Any:
        return demand

    def outlook(self, state: Any, parameters: Mapping[str, Array]) -> Any:
        return state


@dataclasses.dataclass(frozen=True, kw_only=True)
class SeasonalNaive(Classical):
    """The last demand on the same weekday (of weeks: in the same week, of 52, of a year) comes again."""

    def start(self, season: int) -> Any:
        return jnp.zeros(season)

    def update(self, state: Any, demand: Array, phase: Array, parameters: Mapping[str, Array]) -> Any:
        return state.at[phase].set(demand)

    def outlook(self, state: Any, parameters: Mapping[str, Array]) -> Any:
        return state

    def ahead(self, outlook: Any, phases: Array) -> Array:
        return outlook[phases]


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeekdayQuantile(Classical):
    """Past demand itself, by weekday: path s is what was sold in as many periods as are forecast, whole weeks ago, so
    that quantiles are the empirical ones of the weekday over the last ``num_paths`` weeks (of weekly panels, those of
    the last weeks)."""

    num_paths: int = 26

    def start(self, season: int) -> Any:
        return jnp.float32(0.0)

    def update(self, state: Any, demand: Array, phase: Array, parameters: Mapping[str, Array]) -> Any:
        return state

    def outlook(self, state: Any, parameters: Mapping[str, Array]) -> Any:
        return state  # a forecast of 0, by which errors are demand


@dataclasses.dataclass(frozen=True, kw_only=True)
class MovingAverage(Classical):
    """Mean of the last ``window`` periods in which the series was observed."""

    window: int = 28

    def __post_init__(self):
        super().__post_init__()
        check_fields(self, window=(1, 10_000))

    def start(self, season: int) -> Any:
        return jnp.zeros(self.window), jnp.int32(0)

    def update(self, state: Any, demand: Array, phase: Array, parameters: Mapping[str, Array]) -> Any:
        recent, seen = state
        return recent.at[seen % self.window].set(demand), seen + 1

    def outlook(self, state: Any, parameters: Mapping[str, Array]) -> Any:
        recent, seen = state
        return jnp.sum(recent) / jnp.clip(seen, 1, self.window)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExponentialSmoothing(Classical):
    """Simple exponential smoothing: level <- level + alpha (demand - level), which goes on (Brown 1959, *Statistical
    Forecasting for Inventory Control*)."""

    SMOOTHED = ("alpha",)

    alpha: tuple[float, ...] = WEIGHTS  # values to choose among

    def start(self, season: int) -> Any:
        return jnp.float32(0.0), jnp.int32(0)

    def update(self, state: Any, demand: Array, phase: Array, parameters: Mapping[str, Array]) -> Any:
        level, seen = state
        return level + weight(parameters["alpha"], seen) * (demand - level), seen + 1

    def outlook(self, state: Any, parameters: Mapping[str, Array]) -> Any:
        return state[0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class HoltWinters(Classical):
    """Additive level, trend and season (Winters 1960, Management Science 6(3), eqs. 5-8 with the season added):
    level' <- alpha (demand - season) + (1 - alpha)(level + trend), trend <- beta (level' - level) + (1 - beta) trend,
    season <- gamma (demand - level') + (1 - gamma) season. beta = 0 is no trend. Where a period is not observed level
    and trend wait."""

    SMOOTHED = ("alpha", "beta", "gamma")

    alpha: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2, 0.4)  # values to choose among
    beta: tuple[float, ...] = (0.0, 0.01)
    gamma: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2)

    def start(self, season: int) -> Any:
        return jnp.float32(0.0), jnp.float32(0.0), jnp.zeros(season), jnp.int32(0), jnp.zeros(season, jnp.int32)

    def update(self, state: Any, demand: Array, phase: Array, parameters: Mapping[str, Array]) -> Any:
        level, trend, profile, seen, seen_phase = state
        expected, own = level + trend, profile[phase]
        new = expected + weight(parameters["alpha"], seen) * (demand - own - expected)
        slope = jnp.where(seen > 0, parameters["beta"], 0.0)  # there is none before the second level
        trend = trend + slope * (new - level - trend)
        own = own + weight(parameters["gamma"], seen_phase[phase]) * (demand - new - own)
        return new, trend, profile.at[phase].set(own), seen + 1, seen_phase.at[phase].add(1)

    def outlook(self, state: Any, parameters: Mapping[str, Array]) -> Any:
        return state[:3]

    def ahead(self, outlook: Any, phases: Array) -> Array:
        level, trend, profile = outlook
        return level + trend * jnp.arange(1, len(phases) + 1) + profile[phases]


def weight(smoothing: Array, seen: Array) -> Array:
    """Of an observation after ``seen`` others."""
    return jnp.maximum(smoothing, 1.0 / (seen + 1))
