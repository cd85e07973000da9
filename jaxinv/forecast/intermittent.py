"""Smoothing of demand that is zero in most periods: sizes and how often they come, apart."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv.forecast.classical import Classical
from jaxinv.forecast.smoothing import WEIGHTS, weight


@dataclasses.dataclass(frozen=True, kw_only=True)
class Croston(Classical):
    """Mean size over mean interval of demands (Croston 1972, Operational Research Quarterly 23(3)): when demand comes,
    size <- size + alpha (demand - size) and interval <- interval + alpha (periods since the last - interval); the
    forecast is size / interval, 0 ahead of all demand. Periods in which a series was not observed do not count."""

    SMOOTHED = ("alpha",)

    alpha: tuple[float, ...] = WEIGHTS  # values to choose among

    def start(self, season: int) -> Any:
        return jnp.float32(0.0), jnp.float32(1.0), jnp.int32(0), jnp.int32(0)

    def update(self, state: Any, demand: Array, phase: Array, parameters: Mapping[str, Array]) -> Any:
        size, interval, since, demands = state
        alpha, since = weight(parameters["alpha"], demands), since + 1
        after = size + alpha * (demand - size), interval + alpha * (since - interval), jnp.int32(0), demands + 1
        before = size, interval, since, demands
        return jax.tree.map(lambda a, b: jnp.where(demand > 0, a, b), after, before)

    def outlook(self, state: Any, parameters: Mapping[str, Array]) -> Any:
        size, interval, _, _ = state
        return size / interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class SBA(Croston):
    """Croston's forecast times 1 - alpha / 2, which takes off most of its bias (Syntetos and Boylan 2005, International
    Journal of Forecasting 21(2), eq. 6)."""

    def outlook(self, state: Any, parameters: Mapping[str, Array]) -> Any:
        return (1.0 - parameters["alpha"] / 2.0) * super().outlook(state, parameters)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TSB(Classical):
    """Mean size times the probability of demand, which falls in every period without any, so that an item that is dying
    out is forecast less and less (Teunter, Syntetos and Babai 2011, European Journal of Operational Research 214(3)):
    probability <- probability + beta (whether there was demand - probability); size as Croston's."""

    SMOOTHED = ("alpha", "beta")

    alpha: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2, 0.3)  # of sizes; values to choose among
    beta: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1, 0.2)  # of the probability

    def start(self, season: int) -> Any:
        return jnp.float32(0.0), jnp.float32(0.0), jnp.int32(0), jnp.int32(0)

    def update(self, state: Any, demand: Array, phase: Array, parameters: Mapping[str, Array]) -> Any:
        size, probability, seen, demands = state
        came = demand > 0
        probability = probability + weight(parameters["beta"], seen) * (came - probability)
        size = jnp.where(came, size + weight(parameters["alpha"], demands) * (demand - size), size)
        return size, probability, seen + 1, demands + came

    def outlook(self, state: Any, parameters: Mapping[str, Array]) -> Any:
        return state[0] * state[1]
