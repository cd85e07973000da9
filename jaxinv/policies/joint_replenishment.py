"""Policies that fill trucks, for ``JointReplenishment``.

The sources say when trucks are sent and that orders are enlarged or reduced to fill them. How the units are divided
among the items is not public: here the items in stock for the fewest periods of mean demand come first, and with
:class:`DynamicOrderUpTo` those that save most. Vanvuchelen, Gijsbrechts and Boute (2020, sec. 6.2) print one decision
of both policies, which agrees with that.
"""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.policies import closed_forms
from jaxinv.policies.base import Heuristic, whole_orders

_SAME = 1e-5  # difference of two values that is rounding


def _smallest(scores: Array) -> Array:
    """One-hot [N]: the first of the smallest ``scores`` [N]."""
    return (jnp.arange(len(scores)) == jax.lax.argmin(scores, 0, jnp.int32)).astype(scores.dtype)


def _coverage(position: Array, state: Any, params: Any) -> Array:
    """Periods of mean demand [N] that inventory positions [N] cover."""
    return position / jnp.maximum(params.demand.mean(state.exo.demand), 1e-6)


@struct.dataclass(kw_only=True)
class MinimumQuantity(Heuristic):
    """(Q, S | T): every ``review`` periods trucks are sent for what the items are short of their levels, the last one
    if it has at least ``quantity`` units to carry (Cachon 2001, Manufacturing and Service Operations Management 3(3),
    in the form of Vanvuchelen et al. 2020, Computers in Industry 119).

    Trucks are full: one unit after the other is added to the order of the item with the lowest coverage, or taken from
    the order of the item with the highest.
    """

    level: Array = struct.leaf()  # [N] order-up-to level S
    quantity: Array = struct.leaf(low=0.0)  # [] units Q
    review: Array = struct.leaf(1.0, low=1.0)  # [] periods T of the calendar, rounded

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        short = whole_orders(self.per_cell("level", env) - position)
        full = jnp.floor(jnp.sum(short) / params.truck_volume)
        rest = jnp.sum(short) - full * params.truck_volume
        load = params.truck_volume * (full + ((rest > 0) & (rest >= self.quantity)))

        def step(orders: Array) -> Array:
            coverage = _coverage(position + orders, state, params)
            added = orders + _smallest(coverage)
            return jnp.where(
                jnp.sum(orders) < load, added, orders - _smallest(jnp.where(orders > 0, -coverage, jnp.inf))
            )

        orders = jax.lax.while_loop(lambda orders: jnp.abs(load - jnp.sum(orders)) >= 1.0, step, short)
        review = jnp.round(self.review).astype(jnp.int32)
        return jnp.where(state.exo.demand.day % review == 0, orders, 0.0)


@struct.dataclass(kw_only=True)
class DynamicOrderUpTo(Heuristic):
    """DYN-OUT: what the items together are short of their levels, rounded to the nearest number of full trucks
    (Kiesmüller 2009, International Journal of Production Economics 118(1)).

    One unit after the other goes to the item for which it saves most in the period in which it is in stock, expected
    stock-out cost less expected holding cost, and of several to the one with the lowest coverage.
    """

    level: Array = struct.leaf()  # [N] order-up-to level S
    demand: Array = struct.leaf(low=0.0, high=1.0)  # [N, n] probabilities of 0, 1, ... units in L + 1 periods

    @classmethod
    def of(cls, env: Any, params: Any, level: Any = None) -> Self:
        """The policy for the demand of ``params``, which must be the same in every period and in whole units; by
        default with newsvendor levels."""
        if level is None:
            short = closed_forms.shortage_cost(params)
            level, _ = closed_forms.base_stock(params.demand, params.holding_cost, short, env.lead_time)
        demand: Any = closed_forms.demand_table(params.demand, env.lead_time + 1)
        return cls(level=level, demand=demand)

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        short = jnp.maximum(jnp.sum(self.per_cell("level", env) - position), 0.0)
        load = params.truck_volume * jnp.floor(short / params.truck_volume + 0.5)
        units = jnp.arange(self.demand.shape[-1])[None]
        cost_of_short = closed_forms.shortage_cost(params)

        def step(orders: Array) -> Array:
            after = position + orders
            stockout = jnp.sum(jnp.where(units > after[:, None], self.demand, 0.0), 1)
            saved = cost_of_short * stockout - params.holding_cost * (1.0 - stockout)
            best = saved >= jnp.max(saved) - _SAME
            return orders + _smallest(jnp.where(best, _coverage(after, state, params), jnp.inf))

        return jax.lax.while_loop(lambda orders: load - jnp.sum(orders) >= 1.0, step, jnp.zeros_like(position))
