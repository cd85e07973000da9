"""Policies for many SKUs in a chain of warehouses (``MultiSku``): levels per agent from the moments of demand."""

from typing import Any, ClassVar, Self

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import ndtri

from jaxinv import struct
from jaxinv.policies import closed_forms
from jaxinv.policies.base import Heuristic
from jaxinv.policies.sizing import Factor, Sizing


def chain_sizing(env: Any, params: Any, demand: Array) -> Sizing:
    """What textbook formulas need to know of each agent [E, K], from the public's demand observed or simulated,
    [..., K]. ``BaseStock.from_factors(chain_sizing(env, params, demand), safety=0.0)``, and the same of other
    heuristics, makes its levels.

    A unit short costs what it costs where the public sees it, at warehouse 0. With ``env.echelon_positions`` a level
    covers the lead times of the warehouse and of all below it.
    """
    periods = tuple(range(demand.ndim - 1))
    mean, std = (jnp.broadcast_to(moment(demand, periods), env.cells) for moment in (jnp.mean, jnp.std))
    short = closed_forms.shortage_cost(params)[:1]
    ratio = short / jnp.maximum(short + params.holding_cost, 1e-6)
    period = closed_forms.economic_period(params.fixed_order_cost, params.holding_cost * mean)
    return Sizing(
        mean=mean,
        std=std,
        lead_time=_covered(env, env.lead_time_mean(params)),
        safety=ndtri(jnp.clip(ratio, 0.05, 0.999)),
        period=jnp.clip(period, 1.0, 60.0),
    )


@struct.dataclass(kw_only=True)
class AdaptiveBaseStock(Heuristic):
    """Base-stock whose levels are made anew in every period, of the moving mean and deviation of demand and of what
    today's lead time and one more period need of it."""

    FACTORS: ClassVar = {"safety": Factor(0.0, 0.7)}

    safety: Array = struct.leaf()  # [E, K] standard deviations

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        periods = _covered(env, env.lead_time_now(state, params).astype(jnp.float32)) + 1.0
        mean, variance = state.exo.mean[None], state.exo.variance[None]
        return mean * periods + self.per_cell("safety", env) * jnp.sqrt(variance * periods) - position

    @classmethod
    def from_factors(cls, sizing: Sizing, *, safety: Array) -> Self:
        return cls(safety=sizing.safety + safety)


def _covered(env: Any, lead_time: Array) -> Array:
    """Periods [E, K] between an order and its arrival in the stock that a position is of."""
    return jnp.cumsum(lead_time, 0) if env.echelon_positions else lead_time
