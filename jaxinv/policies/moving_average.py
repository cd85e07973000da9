"""Stock levels made of the demand seen of late."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.policies.base import Heuristic


@struct.dataclass(kw_only=True)
class MovingAverage(Heuristic):
    """Base-stock whose level is a newsvendor's for the demand of the last periods: what it says of the lead time and a
    period more, and ``safety`` times the deviation of as many periods.

    ``adaptation`` is the weight of the mean of the ``window`` last periods, the rest is the long-run mean's. With
    ``calendar`` both are of demand in proportion to what the calendar expected of each period, and the level follows
    what it expects of the coming ones. For one item observed as ``env.history.LastDemand`` in an
    ``env.history.ObservationHistory`` of at least ``window`` periods.
    """

    window: Array = struct.leaf(low=1.0)  # [] periods
    safety: Array = struct.leaf()  # [] standard deviations
    adaptation: Array = struct.leaf(1.0, low=0.0, high=1.0)  # []
    calendar: bool = struct.static(False)

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        return self.level(env, state, params) - position

    def level(self, env: Any, state: Any, params: Any) -> Array:
        """Order-up-to level []."""
        seen = env.observe(state, params)["demand"] * params.demand_scale  # [T]
        age = len(seen) - jnp.arange(len(seen))
        weight = (age <= self.window) / jnp.minimum(self.window, len(seen))
        typical = self._expected(state, params, -age)
        recent = jnp.sum(weight * seen) / jnp.maximum(jnp.sum(weight * typical), 1e-6)
        factor = 1.0 + self.adaptation * (recent - 1.0)
        deviation = jnp.sqrt(jnp.sum(weight * (seen - factor * typical) ** 2))
        periods = jnp.arange(env.lead_time + 1)
        ahead = jnp.sum(self._expected(state, params, periods))
        return factor * ahead + self.safety * deviation * jnp.sqrt(len(periods))

    def _expected(self, state: Any, params: Any, ahead: Array) -> Array:
        """Demand [n] that is typical of the periods ``ahead`` [n] of the coming one, negative for those gone by."""
        if not self.calendar:
            return jnp.broadcast_to(params.demand.mean(), ahead.shape)
        return jax.vmap(lambda a: params.demand.mean(state.exo.demand, a))(ahead)
