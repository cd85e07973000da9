"""Policies for perishables that order more where stock is about to be wasted."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.policies.base import Heuristic


def expected_waste(env: Any, state: Any, params: Any) -> Array:
    """Units [*cells] wasted in the periods before an order placed now can be sold, if each brings mean demand."""
    wasted = jnp.zeros(env.cells)
    for ahead in range(env.lead_time):
        exo = env.expected_exogenous(state, params, ahead)
        state, outcome = env.transition(state, env.order_action(jnp.zeros(env.cells)), exo, params)
        wasted = wasted + outcome.ledger.written_off
    return wasted


@struct.dataclass(kw_only=True)
class BaseStockEW(Heuristic):
    """Orders what the inventory position, less the waste expected during the lead time, is short of ``level``: the
    EWA policy of Broekmeulen and van Donselaar (2009, Computers and Operations Research 36(11))."""

    level: Array = struct.leaf()  # order-up-to level S

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        return self.per_cell("level", env) - position + expected_waste(env, state, params)


@struct.dataclass(kw_only=True)
class LowStockEW(Heuristic):
    """Base-stock with a second level for low stock, and with the waste expected during the lead time: BSP-low-EW of
    Haijema and Minner (2019, International Journal of Production Economics 209).

    From an inventory position of ``threshold`` b on it is :class:`BaseStockEW` of ``level`` S2. Below, with nothing at
    all it orders up to ``low_level`` S1, and between the two positions its orders change linearly: S1 - a position,
    with a = 1 - (S2 - S1) / b.
    """

    low_level: Array = struct.leaf()  # S1
    level: Array = struct.leaf()  # S2
    threshold: Array = struct.leaf(above=0.0)  # b

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        low, level, threshold = (self.per_cell(name, env) for name in ("low_level", "level", "threshold"))
        slope = 1.0 - (level - low) / threshold
        wanted = jnp.where(position < threshold, low - slope * position, level - position)
        return wanted + expected_waste(env, state, params)
