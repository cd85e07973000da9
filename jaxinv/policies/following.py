"""Levels that follow the demand expected, which every heuristic can be combined with."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.env.dynamics import demand_within
from jaxinv.policies.sizing import Factor, Sizing

_CALENDAR_PERIODS = 28  # that are read ahead; beyond them demand is their average


def demand_ahead(env: Any, state: Any, params: Any, periods: Array, adaptation: Array | None) -> Array:
    """Demand [*cells] expected within the next ``periods`` [*cells]: what the calendar says, corrected for how recent
    sales compare with what it said of them, where the state keeps that. An ``adaptation`` [*cells] of 0 trusts the
    calendar alone, 1 makes it the forecast of the environment, continued; None is for states that keep nothing."""
    ahead = jnp.arange(_CALENDAR_PERIODS)
    calendar = demand_within(jax.vmap(lambda a: params.demand.mean(state.exo.demand, a))(ahead), periods)
    if adaptation is None:
        return calendar
    recent = state.exo.mean / jnp.maximum(state.exo.expected, 1e-6)
    return calendar * (1.0 + adaptation * (recent - 1.0))


@struct.dataclass(kw_only=True)
class Following(struct.Typed):
    """What a policy does at ``typical`` demand it does at another in proportion: its levels and quantities are
    multiplied by the demand expected within the next ``periods`` over what is typical of as many."""

    FACTORS: ClassVar = {"adaptation": Factor(0.1, 0.2, per="location")}

    typical: Array = struct.leaf(above=0.0)  # [W, K] units per period
    periods: Array = struct.leaf(above=0.0)  # [W, K] that levels are meant for: lead time and time between orders
    # [W, K] 0: follow the calendar alone, 1: all of what recent sales say. None where a state does not keep these.
    adaptation: Array | None = struct.leaf(0.0)

    def scale(self, env: Any, state: Any, params: Any) -> Array:
        """The factor [W, K], within 0.1 and 10."""
        typical, periods = (jnp.broadcast_to(x, env.cells) for x in (self.typical, self.periods))
        adaptation = None if self.adaptation is None else jnp.broadcast_to(self.adaptation, env.cells)
        expected = demand_ahead(env, state, params, periods, adaptation)
        return jnp.clip(expected / (typical * periods), 0.1, 10.0)

    @classmethod
    def from_factors(cls, sizing: Sizing, *, adaptation: Array) -> "Following":
        return cls(
            typical=jnp.maximum(sizing.mean, 1e-3),
            periods=sizing.lead_time + sizing.period,
            adaptation=jnp.clip(adaptation, 0.0, 1.0),
        )
