"""Who gets what when stores order more than the warehouse of ``Distribution`` has: rules, and a wrapper for them.

A rule is a projection of the action, not a part of the model: a policy may use any, and the transition cuts what it is
still too much for, in proportion or in random order.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxinv.env.dynamics import fill_fraction
from jaxinv.env.given import structure
from jaxinv.env.wrappers import ActionWrapper

RULES = ("proportional", "balanced")


def proportional(available: Array, wanted: Array) -> Array:
    """Shipments [N]: ``wanted`` [N], all cut in the same proportion where ``available`` [] is less."""
    return wanted * fill_fraction(available, jnp.sum(wanted))


def in_turn(available: Array, wanted: Array, turn: Array) -> Array:
    """Shipments [N]: stores get what they ``wanted`` [N] one after the other, the one with the least ``turn`` [N]
    first, as long as there is some ``available`` []."""
    rank = jnp.argsort(jnp.argsort(turn))  # of equals, too, one is first
    before = jnp.sum(jnp.where(rank[None] < rank[:, None], wanted[None], 0.0), 1)
    return jnp.clip(available - before, 0.0, wanted)


def balanced(available: Array, wanted: Array, position: Array, unit: Array) -> Array:
    """Shipments [N] of at most ``wanted`` [N] that leave the smallest of (``position`` + shipment) / ``unit`` as large
    as ``available`` [] allows, then the next smallest, and so on; all [N].

    With ``position`` less the order-up-to level it minimises the largest shortfall, in units of ``unit``. Exact: what
    is shipped when all stores are raised to a common height is piecewise linear in it, and bends where a store begins
    to get something or has all it wants.
    """
    bends = jnp.sort(jnp.concatenate([position / unit, (position + wanted) / unit]))  # [2 N]
    shipped = jnp.sum(_raised(bends[:, None], wanted[None], position[None], unit[None]), 1)
    height = jnp.interp(available, shipped, bends)
    return _raised(height, wanted, position, unit)


def _raised(height: Array, wanted: Array, position: Array, unit: Array) -> Array:
    """Shipments that raise all stores to ``height``, as far as they are wanted."""
    return jnp.clip(height * unit - position, 0.0, wanted)


def whole_units(shipments: Array, available: Array, wanted: Array) -> Array:
    """``shipments`` [N] rounded down, and the units that then remain of what is ``available`` [] and ``wanted`` [N],
    whole numbers, given one each to those who lost most by that."""
    floor = jnp.floor(shipments + 1e-3)  # rounding errors are no fractions
    lost = jnp.where(floor < wanted, shipments - floor, -1.0)
    rank = jnp.argsort(jnp.argsort(-lost))
    remaining = jnp.minimum(available, jnp.sum(wanted)) - jnp.sum(floor)
    return floor + jnp.where((rank < remaining - 0.5) & (lost > -1.0), 1.0, 0.0)


@dataclasses.dataclass(frozen=True)
class Rationing(ActionWrapper):
    """The orders of :class:`~jaxinv.env.distribution.Distribution`, where those of the stores exceed the warehouse's
    stock cut by a rule: all in the same proportion (``proportional``), or so that the inventory position with the
    fewest periods of typical demand is as large as possible (``balanced``)."""

    rule: str = "balanced"

    def __post_init__(self):
        structure(self, rule=RULES)

    def decode(self, action: Array, state: Any, params: Any) -> Array:
        wanted = self.env.within_capacity(action[1:], state, params)
        available = self.env.available(action[0], state, params)
        if self.rule == "proportional":
            shipments = proportional(available, wanted)
        else:
            position = self.env.inventory_position(state)[1:]
            shipments = balanced(available, wanted, position, params.demand_scale[1:])
        return jnp.concatenate([action[:1], shipments])
