"""Policies for networks: a rule for every stock, whose order is divided among the arcs that replenish it.

A stock's inventory position is what is on hand, under way and waiting at suppliers, less what others wait for. Its
echelon position counts, instead of what it owes to other nodes, all that they hold and are sent of it, less what
customers wait for; where a stock has several suppliers, its units stand for them in the proportions of ``share``.
Orders are whole units. Levels are [P, K], for stocks by SKUs, [P] or []. ``BaseStock`` and other heuristics
with a level per order, [E, K], do without shares: they look, arc by arc, at the position of the stock that the arc
replenishes.
"""

from typing import Any, Self

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import ndtri

from jaxinv import struct
from jaxinv.demand import Distribution
from jaxinv.env.supply_network_rows import whole
from jaxinv.policies import closed_forms
from jaxinv.policies.base import whole_orders


def contents(env: Any, params: Any, share: Array) -> Array:
    """Units [J, P, K] of every stock that are in a unit of every node's output."""
    t, usage = env.topology, env.usage(params)
    inside = [jnp.zeros((len(t.stocks), env.num_skus), jnp.float32)] * len(t.nodes)
    for j in reversed(t.downstream_first):
        for e in t.arcs_into[j]:
            if t.supplier_of[e] < len(t.nodes):
                inside[j] = inside[j] + (usage[t.stock_of[e]] * share[e])[None] * inside[t.supplier_of[e]]
        for p in {t.stock_of[e] for e in t.arcs_into[j]}:
            inside[j] = inside[j].at[p].add(usage[p])
    return jnp.stack(inside)


def echelon_position(env: Any, state: Any, params: Any, share: Array) -> Array:
    """Echelon inventory position [P, K] of every stock."""
    t, inside = env.topology, contents(env, params, share)
    suppliers, servers = np.asarray(t.supplier_of), np.asarray(t.server_of)
    within = np.flatnonzero(suppliers < len(t.nodes))
    held = (
        env.in_transit(state) + share * whole(state.on_hand)[np.asarray(t.stock_of)]
    )  # what others are sent, and hold
    held = _units_inside(inside[suppliers[within]], held[within])
    return env.stock_position(state, usage=0.0) + held - _units_inside(inside[servers], whole(state.backlog))


def _units_inside(inside: Array, units: Array) -> Array:
    """Units [P, K] in ``units`` [n, K] of nodes with the contents ``inside`` [n, P, K]."""
    return jnp.einsum("npk,nk->pk", inside, units, precision="highest")


@struct.dataclass(kw_only=True)
class NetworkBaseStock(struct.Typed):
    """Orders what each stock's position is short of ``level``: installation stock or, with ``echelon``, echelon stock
    (Clark and Scarf 1960, Management Science 6(4))."""

    level: Array = struct.leaf()  # [P, K] order-up-to levels S
    share: Array = struct.leaf(None, low=0.0, high=1.0)  # [E, K] parts of a stock's order; equal ones, if not given
    echelon: bool = struct.static(False)

    @classmethod
    def of(
        cls, env: Any, params: Any, demand: Array | None = None, *, share: Any = None, safety: Any = 0.0, **fields: Any
    ) -> Self:
        """Newsvendor levels [P, K] of installation stocks, from ``demand`` [..., M, K], observed or simulated, or else
        from the law that ``params`` give.

        Each stock covers its lead time and a period of what passes through it, with the safety stock of a newsvendor
        who pays the stock's holding cost for a unit too many and, for one too few, what a customer not served costs:
        the stock-out cost and, of those who do not wait, the price less what sources are paid for a unit. It is
        ``safety`` standard deviations more. Demand is taken as independent over markets and periods.

        Raises ``ValueError`` where ``demand`` is not given and its law not the same in every period.
        """
        return cls(level=_newsvendor(env, params, demand, share, safety)[0], share=share, **fields)

    def shortage(self, position: Array) -> Array:
        """Units [P, K] that stocks need at a position [P, K]."""
        return jnp.maximum(self.per_stock("level", position) - position, 0.0)

    def per_stock(self, name: str, position: Array) -> Array:
        """The parameter ``name`` as an array of the shape of the positions."""
        value, shape = getattr(self, name), position.shape
        if value.shape not in ((), shape[:1], shape):
            raise ValueError(
                f"{type(self).__name__}.{name} must have shape {shape}, {shape[:1]} or (), got {value.shape}"
            )
        return jnp.broadcast_to(value.reshape(*value.shape, *(1,) * (2 - value.ndim)), shape)

    def __call__(self, env: Any, state: Any, params: Any, key: Array) -> Array:
        share = env.topology.equal_shares() if self.share is None else self.share
        share = jnp.broadcast_to(share, env.cells)
        if self.echelon:
            position = echelon_position(env, state, params, share)
        else:
            position = env.stock_position(state, env.usage(params))
        orders = share * self.shortage(position)[np.asarray(env.topology.stock_of)]
        return env.order_action(whole_orders(orders))


@struct.dataclass(kw_only=True)
class NetworkReorderPoint(NetworkBaseStock):
    """(s, S) per stock: one whose position is at ``reorder`` or below is raised to ``level``."""

    reorder: Array = struct.leaf()  # [P, K] s

    @classmethod
    def of(
        cls, env: Any, params: Any, demand: Array | None = None, *, share: Any = None, safety: Any = 0.0, **fields: Any
    ) -> Self:
        """Newsvendor levels to order at, and above them the economic order quantity, or what passes in a period where
        that is more."""
        reorder, passing = _newsvendor(env, params, demand, share, safety)
        t, share = env.topology, np.broadcast_to(env.topology.equal_shares() if share is None else share, env.cells)
        fixed = np.zeros(passing.shape, np.float32)
        np.add.at(fixed, list(t.stock_of), share * np.asarray(params.fixed_order_cost))
        quantity, _ = closed_forms.economic_order_quantity(fixed, jnp.maximum(params.holding_cost, 1e-6), passing)
        level = reorder + jnp.maximum(quantity, passing)
        return cls(level=level, reorder=reorder, share=share, **fields)

    def shortage(self, position: Array) -> Array:
        return jnp.where(position <= self.per_stock("reorder", position), super().shortage(position), 0.0)


def _newsvendor(env: Any, params: Any, demand: Any, share: Any, safety: Any) -> tuple[Array, Array]:
    """Levels [P, K] as :meth:`NetworkBaseStock.of` says, and the units [P, K] that pass through a stock in a period."""
    t, usage = env.topology, np.asarray(env.usage(params), float)
    share = np.broadcast_to(t.equal_shares() if share is None else share, env.cells)
    mean, variance = _moments(params.demand, demand)
    flow, output = t.flows(mean, usage, share)
    _, output_variance = t.flows(variance, usage**2, share**2)

    lead_time = np.zeros((len(t.stocks), env.num_skus))
    np.add.at(lead_time, list(t.stock_of), share * np.asarray(t.lead_times)[:, None])
    periods, of_node = lead_time + 1.0, list(t.node_of)
    outside = np.asarray(t.supplier_of) >= len(t.nodes)
    bought = (np.asarray(params.unit_cost) * flow)[outside].sum(0) / np.maximum(mean.sum(0), 1e-9)
    margin = np.maximum(np.asarray(params.price) - bought, 0.0)
    missed = np.asarray(params.stockout_cost) + (1.0 - np.asarray(params.backlog_share)) * margin
    missed = (missed * mean).sum(0) / np.maximum(mean.sum(0), 1e-9)
    ratio = np.clip(missed / np.maximum(missed + np.asarray(params.holding_cost), 1e-9), 0.05, 0.999)
    passing = usage * output[of_node]
    deviation = usage * np.sqrt(output_variance[of_node] * periods)
    level = passing * periods + (np.asarray(ndtri(ratio)) + safety) * deviation
    return jnp.asarray(level, jnp.float32), jnp.asarray(passing, jnp.float32)


def _moments(process: Any, demand: Any) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance [M, K] of a period's demand, of what was observed if that is given."""
    if demand is not None:
        over = tuple(range(demand.ndim - 2))
        return np.asarray(jnp.mean(demand, over), float), np.asarray(jnp.var(demand, over), float)
    if not isinstance(process, Distribution):
        raise ValueError(f"demand must be given where it is no stationary distribution, got {type(process).__name__}")
    return np.asarray(process.mean(), float), np.asarray(process.variance(), float)
