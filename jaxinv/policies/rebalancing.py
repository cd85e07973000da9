"""One rule for moving stock between locations, which every heuristic can be combined with."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.policies.sizing import Factor


@struct.dataclass
class Rebalancing(struct.Typed):
    """Cells that run short within ``need`` periods are helped by cells that hold more than ``keep`` periods' demand:
    the rule of ``MultiWarehouse.rebalancing_wish``. Whole units move along the cheapest lanes."""

    FACTORS: ClassVar = {"need": Factor(0.7, 0.3), "keep": Factor(1.4, 0.5)}  # logs of periods

    need: Array = struct.leaf(2.0, low=0.0)  # [], or [W, K], periods
    keep: Array = struct.leaf(4.0, low=0.0)  # [], or [W, K], periods

    def flows(self, env: Any, state: Any, params: Any) -> Array:
        """Transfer flows [W, W, K] from row to column."""
        need, keep = jnp.broadcast_to(self.need, env.cells), jnp.broadcast_to(self.keep, env.cells)
        return env.transfer_flows(env.rebalancing_wish(need, keep, state, params), state, params)

    @classmethod
    def from_factors(cls, need: Array, keep: Array) -> "Rebalancing":
        return cls(need=jnp.exp(need), keep=jnp.exp(keep))
