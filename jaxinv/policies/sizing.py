"""From textbook formulas to levels: what makes the parameters of heuristics scale-free."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import ndtri

from jaxinv import struct
from jaxinv.policies import closed_forms


class Factor(NamedTuple):
    """A scale-free parameter as a search starts with it: normal with this mean and standard deviation."""

    mean: float
    std: float
    per: str = "cell"  # "cell", or "location" for one that its cells share


@struct.dataclass
class Sizing:
    """What textbook formulas need to know of each cell; all [W, K]."""

    mean: Array  # demand per period
    std: Array  # of demand per period
    lead_time: Array  # periods, expected
    safety: Array  # standard deviations of safety stock of a newsvendor
    period: Array  # economic periods between the deliveries of a location

    @classmethod
    def of(cls, env: Any, params: Any, demand: Array) -> "Sizing":
        """From demand observed or simulated, [..., W, K]."""
        time = tuple(range(demand.ndim - len(env.cells)))
        mean, std = jnp.mean(demand, time), jnp.std(demand, time)
        fixed = params.fixed_order_cost + jnp.sum(params.line_order_cost, 1)
        period = closed_forms.economic_period(fixed, jnp.sum(params.holding_cost * mean, 1))
        ratio = jnp.clip(closed_forms.critical_ratio(params), 0.05, 0.999)
        return cls(
            mean=mean,
            std=std,
            lead_time=jnp.broadcast_to(env.lead_time_mean(params)[:, None], env.cells),
            safety=ndtri(ratio),
            period=jnp.broadcast_to(jnp.clip(period, 1.0, 60.0)[:, None], env.cells),
        )

    def level(self, review: Array, safety: Array) -> Array:
        """Order-up-to level [W, K] that covers the lead time and ``review`` periods, with the newsvendor's safety
        stock and ``safety`` standard deviations more."""
        horizon = self.lead_time + review
        return self.mean * horizon + (self.safety + safety) * self.std * jnp.sqrt(horizon)
