"""Policies for one item with lost sales and a lead time, which look at each outstanding order and not at their sum.

Here x_0 is the stock on hand when an order is placed, x_k the order that arrives k periods later and L the lead time:
an order placed now is in stock for the demand of the L-th period after this one. Supply is certain.
"""

from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.policies import closed_forms
from jaxinv.policies.base import Heuristic, whole_orders

_ROUNDING = 1e-6  # of float32 sums of probabilities


@struct.dataclass(kw_only=True)
class PipelinePolicy(Heuristic):
    """Base of the policies that read the orders outstanding: ``state.inventory`` [] and ``state.pipeline``."""

    def __call__(self, env: Any, state: Any, params: Any, key: Array) -> Any:
        if self.following is not None or self.rebalancing is not None:
            raise ValueError(f"{type(self).__name__} takes neither following nor rebalancing")
        wanted = super().__call__(env, state, params, key)
        # What suppliers have not shipped yet arrives together with this order at the earliest: it is a part of it.
        return whole_orders(wanted - env.awaited(state))


@struct.dataclass(kw_only=True)
class VectorBaseStock(PipelinePolicy):
    """Keeps what arrives from l periods on, x_l + ... + x_{L-1} and the order, within ``levels`` s_l, for every l
    (Zipkin 2008, Operations Research 56(5), sec. 4). The plain base-stock policy has s_0 alone."""

    levels: Array = struct.leaf()  # [L + 1] of the stock that arrives l = 0..L periods from now, or later

    @classmethod
    def of(cls, env: Any, params: Any) -> Self:
        """The standard levels: newsvendor levels of the demand of L - l + 1 periods. There is an optimal policy that
        keeps within them (Zipkin 2008, sec. 3)."""
        short = closed_forms.shortage_cost(params)
        levels = [
            closed_forms.base_stock(params.demand, params.holding_cost, short, env.lead_time - periods)[0]
            for periods in range(env.lead_time + 1)
        ]
        return cls(levels=jnp.asarray(levels, jnp.float32))

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        if self.levels.shape != (env.lead_time + 1,):
            raise ValueError(f"VectorBaseStock.levels must have shape {(env.lead_time + 1,)}, got {self.levels.shape}")
        units = jnp.stack([state.inventory, *state.pipeline, jnp.float32(0)])[: env.lead_time + 1]
        return jnp.min(self.levels - jnp.cumsum(units[::-1])[::-1])


@struct.dataclass(kw_only=True)
class ProjectionPolicy(PipelinePolicy):
    """Base of the policies that look at the stock in the L-th period after this one, when what is ordered now is in
    stock. Its distribution given the state is exact.

    A distribution of stock is held as P(stock <= i) for i = 0..n-1. More than n - 1 units, the most that L + 2
    periods can demand, make no difference to a decision.
    """

    demand: Array = struct.leaf(low=0.0, high=1.0)  # [m] probabilities of 0, 1, ..., m - 1 units per period

    @classmethod
    def of(cls, env: Any, params: Any, **fields: Any) -> Self:
        """The policy for the demand of ``params``: a process of shape () with a finite support in whole units, the
        same in every period."""
        return cls(demand=jnp.asarray(closed_forms.demand_table(params.demand), jnp.float32), **fields)

    @property
    def units(self) -> Array:
        """0, 1, ..., m - 1 [m]: what a period may demand, and so the orders worth considering."""
        return jnp.arange(len(self.demand), dtype=jnp.float32)

    def projected(self, on_hand: Array, arrivals: tuple[Array, ...], env: Any) -> Array:
        """P(stock <= i) [n] when as many periods have passed as there are ``arrivals``, the last of them included."""
        stock = jnp.arange((env.lead_time + 2) * (len(self.demand) - 1) + 1, dtype=jnp.float32)
        cdf = (on_hand <= stock).astype(jnp.float32)
        for arriving in arrivals:
            before = (stock - arriving).astype(jnp.int32)
            cdf = jnp.where(before >= 0, self.after_demand(cdf)[jnp.maximum(before, 0)], 0.0)
        return cdf

    def after_demand(self, cdf: Array) -> Array:
        """P((stock - demand)^+ <= i) [n]: the sum over d of P(demand = d) P(stock <= i + d)."""
        cdf = jnp.concatenate([cdf, jnp.ones(len(self.demand) - 1)])
        return jnp.convolve(cdf, self.demand[::-1], mode="valid", precision="highest")

    def stockouts(self, cdf: Array) -> Array:
        """P(demand > stock + z) [..., m] for orders z: the sum over i of P(demand = z + 1 + i) P(stock <= i), of
        which ``cdf`` [..., m or more] are the first."""
        size = len(self.demand)
        z, i = jnp.indices((size, size))
        weights = jnp.where(z + 1 + i < size, self.demand[jnp.minimum(z + 1 + i, size - 1)], 0.0)
        return jnp.matmul(cdf[..., :size], weights.T, precision="highest")

    def arrivals(self, env: Any, state: Any) -> tuple[Array, ...]:
        """What arrives 1..L periods from now, without what is ordered now."""
        return (*state.pipeline, jnp.float32(0))[: env.lead_time]


@struct.dataclass(kw_only=True)
class ProjectedInventory(ProjectionPolicy):
    """Raises the stock expected when the order arrives to ``level``: the projected inventory level policy (van
    Jaarsveld and Arts 2024, Operations Research 72(5))."""

    level: Array = struct.leaf(low=0.0)  # [] units

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        return self.level - jnp.sum(1.0 - self.projected(state.inventory, self.arrivals(env, state), env))


@struct.dataclass(kw_only=True)
class Myopic1(ProjectionPolicy):
    """Orders for the least expected cost of the period in which the order is in stock: the smallest order after which
    a stock-out is at most as probable as one minus the critical ratio (Morton 1971, Operations Research 19(7); Zipkin
    2008, Operations Research 56(5), sec. 4)."""

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        stockouts = self.stockouts(self.projected(state.inventory, self.arrivals(env, state), env))
        allowed = 1.0 - closed_forms.critical_ratio(params)
        return jnp.sum(stockouts > allowed + _ROUNDING, dtype=jnp.float32)


@struct.dataclass(kw_only=True)
class Myopic2(Myopic1):
    """Orders for the least expected cost of that period and, at ``params.discount``, of the one after it, whose order
    is then chosen as by :class:`Myopic1`, today's demand being known (Zipkin 2008, Operations Research 56(5), sec. 4).

    Work per state grows with the fourth power of the largest demand, memory with the third.
    """

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        if env.lead_time == 0:  # what is best for the first period leaves the second all its choices
            return super().orders(position, env, state, params)
        arrivals = self.arrivals(env, state)
        z, i = jnp.indices((len(self.demand),) * 2)

        def afterwards(demand):
            """Expected cost [m] of the second period for orders z placed now, if this is today's demand."""
            on_hand = jnp.maximum(state.inventory - demand, 0.0) + arrivals[0]
            cdf = self.projected(on_hand, arrivals[1:], env)
            stockouts = self.stockouts(cdf)
            left, _ = self.balance(stockouts, jnp.sum(1.0 - cdf))
            # P(stock - demand <= j) for j = -m..m-1, and from it P((stock + z - demand)^+ <= i) for all z and i.
            net = jnp.concatenate([stockouts[::-1], self.after_demand(cdf)[: len(self.demand)]])
            following = self.stockouts(net[len(self.demand) + i - z])
            return jax.vmap(lambda stockouts, stock: jnp.min(self.costs(stockouts, stock, params)))(following, left)

        cdf = self.projected(state.inventory, arrivals, env)
        costs = self.costs(self.stockouts(cdf), jnp.sum(1.0 - cdf), params)
        second = jnp.matmul(self.demand, jax.vmap(afterwards)(self.units), precision="highest")
        return jnp.argmin(costs + params.discount * second).astype(jnp.float32)

    def balance(self, stockouts: Array, stock: Array) -> tuple[Array, Array]:
        """Units expected to be left and to be lost [m] after a period, for orders z and expected ``stock`` [] besides:
        E(demand - stock - z)^+ is the sum over k >= z of P(demand > stock + k)."""
        lost = jnp.cumsum(stockouts[::-1])[::-1]
        return stock + self.units - jnp.sum(self.demand * self.units) + lost, lost

    def costs(self, stockouts: Array, stock: Array, params: Any) -> Array:
        """Expected cost [m] of that period for orders z."""
        left, lost = self.balance(stockouts, stock)
        return params.holding_cost * left + closed_forms.shortage_cost(params) * lost
