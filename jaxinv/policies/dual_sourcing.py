"""Policies for one item with a regular and an expedited supplier.

An inventory position is on hand less backlog plus orders outstanding: all of them, or for expediting those that arrive
no later than an expedited order placed now. Both include the orders due now. Orders are whole units.
"""

from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.env.dual_sourcing import Action
from jaxinv.policies.base import whole_orders


@struct.dataclass(kw_only=True)
class DualIndex(struct.Typed):
    """Expedites what the expedited position is short of one level, then orders regularly what the inventory position
    is short of another (Veeraraghavan and Scheller-Wolf 2008, Operations Research 56(4), sec. 3)."""

    expedited_level: Array = struct.leaf()  # [] units z_e
    regular_level: Array = struct.leaf()  # [] units z_r

    def position(self, env: Any, state: Any) -> Array:
        """The position [] that expediting looks at."""
        return env.expedited_position(state)

    def limited(self, order: Array) -> Array:
        """The regular order [] in place of ``order``."""
        return order

    def __call__(self, env: Any, state: Any, params: Any, key: Array) -> Action:
        expedited = whole_orders(self.expedited_level - self.position(env, state))
        short = self.regular_level - env.inventory_position(state) - expedited
        return Action(regular=whole_orders(self.limited(short)), expedited=expedited)


@struct.dataclass(kw_only=True)
class SingleIndex(DualIndex):
    """Dual index that looks at the inventory position both times (Scheller-Wolf, Veeraraghavan and van Houtum 2007,
    *Effective dual sourcing with a single index policy*)."""

    def position(self, env: Any, state: Any) -> Array:
        return env.inventory_position(state)


@struct.dataclass(kw_only=True)
class CappedDualIndex(DualIndex):
    """Dual index whose regular orders are at most ``cap`` (Sun and Van Mieghem 2019, Manufacturing and Service
    Operations Management 21(1))."""

    cap: Array = struct.leaf(low=0.0)  # [] units, largest regular order

    def limited(self, order: Array) -> Array:
        return jnp.minimum(order, self.cap)


@struct.dataclass(kw_only=True)
class TailoredBaseSurge(struct.Typed):
    """Orders the same ``quantity`` from the regular supplier in every period and expedites what the expedited position
    is short of a level (Allon and Van Mieghem 2010, Management Science 56(1))."""

    expedited_level: Array = struct.leaf()  # [] units S
    quantity: Array = struct.leaf(low=0.0)  # [] units Q

    def __call__(self, env: Any, state: Any, params: Any, key: Array) -> Action:
        expedited = whole_orders(self.expedited_level - env.expedited_position(state))
        return Action(regular=whole_orders(self.quantity), expedited=expedited)
