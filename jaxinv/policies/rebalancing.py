"""One rule for moving stock between locations, which every heuristic can be combined with."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.env.dynamics import demand_within
from jaxinv.policies.sizing import Factor


@struct.dataclass
class Rebalancing(struct.Typed):
    """Cells that run short within ``need`` periods are helped by cells that hold more than ``keep`` periods' demand.
    Whole units move along the cheapest lanes.

    A cell is in need of what its forecast for the next ``need`` periods exceeds its stock by: on hand, less waiting
    customers, plus what arrives in time for them. A cell without need gives what it has on hand beyond the forecast of
    ``keep`` periods.
    """

    FACTORS: ClassVar = {"need": Factor(0.7, 0.3), "keep": Factor(1.4, 0.5)}  # logs of periods

    need: Array = struct.leaf(2.0, low=0.0)  # [], or [W, K], periods
    keep: Array = struct.leaf(4.0, low=0.0)  # [], or [W, K], periods

    def flows(self, env: Any, state: Any, params: Any) -> Array:
        """Transfer flows [W, W, K] from row to column."""
        return env.transfer_flows(self.wish(env, state, params), state, params)

    def wish(self, env: Any, state: Any, params: Any) -> Array:
        """Whole units [W, K] that cells are to receive (positive) or may give (negative)."""
        need, keep = jnp.broadcast_to(self.need, env.cells), jnp.broadcast_to(self.keep, env.cells)
        forecast = env.forecast(state, params)
        available = state.on_hand - state.backlog
        arriving = jnp.zeros(env.cells, jnp.float32)
        # Entry i of a pipeline arrives in time for the demand of the period that begins i + 1 periods from now.
        for i in range(env.pipeline_length):
            arriving += jnp.clip(need - (i + 1.0), 0.0, 1.0) * (state.orders[i] + state.transfers[i])
        short = jnp.round(jnp.maximum(demand_within(forecast, need) - available - arriving, 0.0))
        spare = jnp.floor(jnp.maximum(available - demand_within(forecast, keep), 0.0))
        return jnp.where(short > 0, short, -spare)

    @classmethod
    def from_factors(cls, need: Array, keep: Array) -> "Rebalancing":
        return cls(need=jnp.exp(need), keep=jnp.exp(keep))
