"""Policies that look at every cell in every period."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.policies.base import Heuristic
from jaxinv.policies.sizing import Factor, Sizing


@struct.dataclass(kw_only=True)
class BaseStock(Heuristic):
    """Orders what the inventory position is short of ``level``. Optimal with full backlog and no fixed cost (Karlin
    and Scarf 1958)."""

    FACTORS: ClassVar = {"safety": Factor(0.0, 0.7)}

    level: Array = struct.leaf()  # order-up-to level S

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        return self.per_cell("level", env) - position

    @classmethod
    def from_factors(cls, sizing: Sizing, *, safety: Array) -> "BaseStock":
        return cls(level=sizing.level(jnp.float32(1), safety))


@struct.dataclass(kw_only=True)
class CappedBaseStock(Heuristic):
    """Base-stock whose orders are at most ``cap``. Near-optimal with lost sales and long lead times (Xin 2021,
    Operations Research 69(1))."""

    FACTORS: ClassVar = {"safety": Factor(0.0, 0.7), "cap": Factor(0.3, 0.3)}

    level: Array = struct.leaf()  # order-up-to level S
    cap: Array = struct.leaf(low=0.0)  # largest order r

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        wanted = self.per_cell("level", env) - position
        return jnp.minimum(wanted, self.per_cell("cap", env))

    @classmethod
    def from_factors(cls, sizing: Sizing, *, safety: Array, cap: Array) -> "CappedBaseStock":
        """``cap``: log of the cap in periods' mean demand."""
        # A cap below one unit would never order.
        return cls(level=sizing.level(jnp.float32(1), safety), cap=jnp.maximum(sizing.mean * jnp.exp(cap), 1.0))


@struct.dataclass(kw_only=True)
class ConstantOrder(Heuristic):
    """Orders the same ``quantity`` in every period: asymptotically optimal with lost sales as the lead time grows
    (Goldberg et al. 2016, Mathematics of Operations Research 41(3)). Whole orders average a fractional quantity."""

    FACTORS: ClassVar = {"rate": Factor(-0.1, 0.15)}

    quantity: Array = struct.leaf(low=0.0)  # units per period

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        quantity = self.per_cell("quantity", env)
        time = state.time.astype(jnp.float32)
        return jnp.floor((time + 1.0) * quantity) - jnp.floor(time * quantity)

    @classmethod
    def from_factors(cls, sizing: Sizing, *, rate: Array) -> "ConstantOrder":
        """``rate``: log of the quantity in periods' mean demand."""
        return cls(quantity=sizing.mean * jnp.exp(rate))


@struct.dataclass(kw_only=True)
class ReorderPoint(Heuristic):
    """(s, S): a cell whose inventory position is at ``reorder`` or below is raised to ``up_to``. Optimal with full
    backlog and a fixed cost per line (Scarf 1960)."""

    FACTORS: ClassVar = {"safety": Factor(0.0, 0.7), "lot": Factor(0.0, 0.5)}

    reorder: Array = struct.leaf()  # s
    up_to: Array = struct.leaf()  # S

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        low = position <= self.per_cell("reorder", env)
        return jnp.where(low, self.per_cell("up_to", env) - position, 0.0)

    @classmethod
    def from_factors(cls, sizing: Sizing, *, safety: Array, lot: Array) -> "ReorderPoint":
        """``lot``: log of (S - s) in economic periods' mean demand."""
        reorder = sizing.level(jnp.float32(1), safety) - 1.0
        return cls(reorder=reorder, up_to=reorder + jnp.maximum(sizing.mean * sizing.period * jnp.exp(lot), 1.0))


@struct.dataclass(kw_only=True)
class CappedReorderPoint(ReorderPoint):
    """(s, S) whose orders are at most ``cap``: the modified (s, S, q) policy, near-optimal with lost sales and a fixed
    cost (Bijvank, Bhulai and Huh 2015, European Journal of Operational Research 241(2))."""

    cap: Array = struct.leaf(low=0.0)  # largest order q

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        return jnp.minimum(super().orders(position, env, state, params), self.per_cell("cap", env))


@struct.dataclass(kw_only=True)
class ReorderQuantity(Heuristic):
    """(s, nQ): a cell whose inventory position is at ``reorder`` or below orders as many batches of ``quantity`` as
    raise it above (Hadley and Whitin 1963)."""

    reorder: Array = struct.leaf()  # s
    quantity: Array = struct.leaf(above=0.0)  # batch Q

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        quantity = self.per_cell("quantity", env)
        batches = jnp.floor((self.per_cell("reorder", env) - position) / quantity) + 1.0
        return quantity * jnp.maximum(batches, 0.0)
