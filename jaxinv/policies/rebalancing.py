"""One rule for moving stock between locations, which every heuristic can be combined with."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.policies.sizing import Factor


def demand_within(forecast: Array, periods: Array) -> Array:
    """Demand [W, K] expected within the next ``periods`` [W, K], which may be fractional: the sum of ``forecast``
    [n, W, K], continued at its mean where it ends."""
    begins = jnp.arange(forecast.shape[0], dtype=forecast.dtype).reshape((-1,) + (1,) * periods.ndim)
    covered = jnp.clip(periods[None] - begins, 0.0, 1.0)
    beyond = jnp.maximum(periods - forecast.shape[0], 0.0)
    return jnp.sum(covered * forecast, 0) + beyond * jnp.mean(forecast, 0)


@struct.dataclass
class Rebalancing(struct.Typed):
    """Cells that run short soon are helped by cells that hold much.

    A cell is in need of what its demand forecast for the next ``need`` periods exceeds its stock by: on hand, less
    waiting customers, plus what arrives within them in time for its demand. A cell without need gives what it has
    on hand beyond the forecast of ``keep`` periods. Whole units move along the cheapest lanes.
    """

    FACTORS: ClassVar = {"need": Factor(0.7, 0.3), "keep": Factor(1.4, 0.5)}  # logs of periods

    need: Array = struct.leaf(1.5, low=0.0)  # [] periods
    keep: Array = struct.leaf(7.0, low=0.0)  # [] periods

    def wish(self, env: Any, state: Any, params: Any) -> Array:
        """Net wishes [W, K]: units to receive (positive) or to give (negative)."""
        forecast = env.forecast(state, params)
        available = state.on_hand - state.backlog
        # Entry l of a pipeline arrives in time for the demand of the period that begins l + 1 periods from now.
        arrives = jnp.arange(1, state.orders.shape[0] + 1, dtype=jnp.float32).reshape((-1,) + (1,) * available.ndim)
        counted = jnp.clip(self.need - arrives, 0.0, 1.0)
        arriving = jnp.sum(counted * state.orders, 0) + jnp.sum(counted * state.transfers, 0)

        expected = demand_within(forecast, jnp.broadcast_to(self.need, env.cells))
        kept = demand_within(forecast, jnp.broadcast_to(self.keep, env.cells))
        short = jnp.round(jnp.maximum(expected - available - arriving, 0.0))
        spare = jnp.floor(jnp.maximum(available - kept, 0.0))
        return jnp.where(short > 0, short, -spare)

    @classmethod
    def from_factors(cls, need: Array, keep: Array) -> "Rebalancing":
        return cls(need=jnp.exp(need), keep=jnp.exp(keep))

    def flows(self, env: Any, state: Any, params: Any) -> Array:
        """Transfer flows [W, W, K] from row to column."""
        return env.transfer_flows(self.wish(env, state, params), state, params)
