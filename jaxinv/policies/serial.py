"""Policies for stages in series. A local base-stock policy of the beer game is ``BaseStock``."""

from typing import Any, Self

import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.policies import clark_scarf


@struct.dataclass(kw_only=True)
class SerialBaseStock(struct.Typed):
    """Echelon base-stock: every stage orders what its echelon inventory position is short of ``level``. Optimal for
    ``Serial`` (Clark and Scarf 1960, Management Science 6(4)). Orders are as fractional as demand and levels are."""

    level: Array = struct.leaf()  # [N] echelon order-up-to levels

    @classmethod
    def of(cls, env: Any, params: Any) -> Self:
        """The optimal levels, for independent demand."""
        levels, _ = clark_scarf.serial_optimum(env, params)
        return cls(level=jnp.asarray(levels, jnp.float32))

    def __call__(self, env: Any, state: Any, params: Any, key: Array) -> Array:
        return env.order_action(jnp.maximum(self.level - env.inventory_position(state), 0.0))


@struct.dataclass(kw_only=True)
class AnchorAndAdjust(struct.Typed):
    """How people play the beer game: they order what they expect to be ordered and part of what their stock is short of
    a level, and forget part of what they have ordered already (Sterman 1989, Management Science 35(3)).

    What they expect is ``state.expected``, whose smoothing is a parameter of the environment. With ``adjustment`` and
    ``supply_line`` 1 and expectation d it is a local base-stock policy with levels d + ``level``. Orders are not
    rounded.
    """

    level: Array = struct.leaf()  # [N] or [] units S' of stock and, weighted by ``supply_line``, on order
    adjustment: Array = struct.leaf(1.0, low=0.0)  # [N] or [] alpha: part of the shortfall that is ordered
    supply_line: Array = struct.leaf(1.0, low=0.0)  # [N] or [] beta: part of what is on order that is remembered
    opening: Array = struct.leaf(0, dtype=jnp.int32, low=0)  # [] first decisions that only order what is expected

    def __call__(self, env: Any, state: Any, params: Any, key: Array) -> Array:
        short = self.level - state.inventory - self.supply_line * env.on_order(state)
        correction = jnp.where(state.time < self.opening, 0.0, self.adjustment * short)
        return env.order_action(jnp.maximum(state.expected + correction, 0.0))
