"""Policies for an online shop: what it charges, what its centres hold, and which of them ships."""

from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.env.ecommerce import Action
from jaxinv.env.ecommerce_shipping import ship_nearest_first
from jaxinv.policies.base import whole_orders
from jaxinv.policies.continuous import BaseStock


def nearest_centre(env: Any, state: Any, params: Any) -> Array:
    """Allocation [F, R, K]: each region's orders, as many as are expected, go to the nearest centre that has stock
    for them, and beyond that to the nearest."""
    expected = state.backlog + env.forecast(state, params)[0]
    flows = ship_nearest_first(state.on_hand, expected, params.shipping_cost)
    parts = flows / jnp.maximum(expected, 1e-6)[None]
    return parts + (1.0 - jnp.sum(parts, 0))[None] * env.nearest(params)[:, :, None]


def stock_balanced(env: Any, state: Any, params: Any) -> Array:
    """Allocation [F, R, K] in proportion to the stock of the centres, so that they run out together; to the nearest
    one where none has any."""
    total = jnp.sum(state.on_hand, 0)
    parts = state.on_hand / jnp.maximum(total, 1e-6)[None]
    return jnp.where((total > 0)[None, None], parts[:, None], env.nearest(params)[:, :, None])


ALLOCATIONS = {"nearest": nearest_centre, "balanced": stock_balanced}


def _known(allocation: str) -> None:
    if allocation not in ALLOCATIONS:
        raise ValueError(f"allocation must be one of {', '.join(ALLOCATIONS)}, got {allocation!r}")


@struct.dataclass(kw_only=True)
class StaticPrice(BaseStock):
    """Base-stock in every centre, always the same prices, and an allocation. With a ``quantity`` a centre waits until
    its SKUs together are short of their levels by as many units, so that they share deliveries."""

    price: Array | None = struct.leaf(None, above=0.0)  # [K] or []; None: the reference prices
    quantity: Array | None = struct.leaf(None, low=0.0)  # [F] or [] units; None: a centre orders whenever it is short
    allocation: str = struct.static("nearest")  # one of ALLOCATIONS

    def __post_init__(self):
        super().__post_init__()
        _known(self.allocation)

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        short = super().orders(position, env, state, params)
        if self.quantity is None:
            return short
        due = jnp.sum(jnp.maximum(short, 0.0), 1, keepdims=True) >= self.per_cell("quantity", env)
        return jnp.where(due, short, 0.0)

    def __call__(self, env: Any, state: Any, params: Any, key: Array) -> Action:
        action = super().__call__(env, state, params, key)
        price = params.reference_price if self.price is None else self.price
        return action.replace(
            price=jnp.broadcast_to(price, (env.num_skus,)),
            allocation=ALLOCATIONS[self.allocation](env, state, params),
        )


@struct.dataclass(kw_only=True)
class MyopicPricing(struct.Typed):
    """The price and the stock that together are best for one period (Whitin 1955, Management Science 2(1)), of each SKU
    on its own: a list price while the position is below its order-up-to level, and less for what is above (Federgruen
    and Heching 1999, Operations Research 47(3)). Make it by :meth:`of`.

    ``profit`` is that of a price and a stock beyond what the stock itself costs; a centre serves the regions that it is
    the nearest to.
    """

    prices: Array = struct.leaf(above=0.0)  # [P, K] to choose from
    levels: Array = struct.leaf(low=0.0)  # [P, F, K] best order-up-to levels at each price
    profit: Array = struct.leaf()  # [P, F, K, n] expected profit of a period that begins with 0..n-1 units
    allocation: str = struct.static("nearest")  # one of ALLOCATIONS

    def __post_init__(self):
        super().__post_init__()
        _known(self.allocation)

    def __call__(self, env: Any, state: Any, params: Any, key: Array) -> Action:
        position = env.inventory_position(state)
        after = jnp.maximum(self.levels, position[None])
        index = jnp.clip(jnp.round(after), 0, self.profit.shape[-1] - 1).astype(jnp.int32)
        profit = jnp.take_along_axis(self.profit, index[..., None], -1)[..., 0]
        best = jnp.argmax(jnp.sum(profit, 1), 0)  # [K]
        chosen = jnp.take_along_axis(self.levels, jnp.broadcast_to(best[None, None], (1, *env.cells)), 0)[0]
        return Action(
            orders=whole_orders(chosen - position),
            price=jnp.take_along_axis(self.prices, best[None], 0)[0],
            allocation=ALLOCATIONS[self.allocation](env, state, params),
        )

    @classmethod
    def of(
        cls,
        env: Any,
        params: Any,
        prices: Any = None,
        *,
        salvage: float = 0.0,
        allocation: str = "nearest",
        samples: int = 10_000,
    ) -> Self:
        """For ``prices`` [P, K], or [P] for all SKUs alike (default: 21 within their bounds). A unit left is worth
        ``salvage`` of its cost: 0 for a last period, near 1 for one of many. With a lead time the period is as long as
        it and a period more, at the same price. Where SKUs compete (``Logit``) the others have the price of the same
        rank. Demand is that of satisfied customers, simulated from ``samples`` stratified draws. Runs on the host.

        Raises ``ValueError`` for prices of another shape.
        """
        if prices is None:
            prices = np.linspace(params.price_low, params.price_high, 21)
        prices = np.asarray(prices, np.float32)
        prices = np.broadcast_to(prices[:, None], (len(prices), env.num_skus)) if prices.ndim == 1 else prices
        if prices.ndim != 2 or prices.shape[1] != env.num_skus:
            raise ValueError(f"MyopicPricing.prices must have shape [P] or [P, {env.num_skus}], got {prices.shape}")

        near, lead_time = np.asarray(env.nearest(params)), np.asarray(params.lead_time)
        mean = np.asarray(params.demand.mean(), np.float64)
        of_centre = np.maximum(near @ mean, 1e-9)

        def average(x: Array) -> np.ndarray:  # of the regions of a centre, by demand
            return near @ (np.asarray(x) * mean) / of_centre

        waits, late, lost = (average(x) for x in (params.backlog_share, params.late_cost, params.lost_cost))
        shipping = (near * np.asarray(params.shipping_cost)) @ mean / of_centre
        kept, handling = 1.0 - np.asarray(params.return_share), np.asarray(params.return_share * params.return_cost)
        cost = np.asarray(params.unit_cost)
        over = np.asarray(params.holding_cost) + (1.0 - salvage) * cost

        profits, levels = [], []
        for price, demand in zip(prices, _simulated(env, params, prices, samples), strict=True):
            margin = price * kept - handling - shipping - cost  # [F, K] of a unit sold
            under = waits * late + (1.0 - waits) * (margin + lost)
            share = _distribution(near @ demand, lead_time)  # [F, K, n] of units demanded
            below = np.cumsum(np.cumsum(share, -1), -1)
            left = np.concatenate([np.zeros((*env.cells, 1)), below[..., :-1]], -1)  # expected, of 0..n-1 units
            sold = share @ np.arange(share.shape[-1])
            short = sold[..., None] - np.arange(share.shape[-1]) + left
            profit = margin[..., None] * sold[..., None] - under[..., None] * short - over[..., None] * left
            profits.append(profit)
            levels.append(profit.argmax(-1))
        longest = max(profit.shape[-1] for profit in profits)
        # Beyond the largest demand every unit more is left.
        profits = [
            np.concatenate([p, p[..., -1:] - over[..., None] * np.arange(1, longest - p.shape[-1] + 1)], -1)
            for p in profits
        ]
        return cls(
            prices=prices,  # type: ignore[arg-type]
            levels=np.stack(levels),  # type: ignore[arg-type]
            profit=np.stack(profits),  # type: ignore[arg-type]
            allocation=allocation,
        )


def _simulated(env: Any, params: Any, prices: np.ndarray, samples: int) -> np.ndarray:
    """Demand [P, samples, R, K] at each of the prices, of periods that follow each other."""
    path_key, key = jax.random.split(jax.random.key(0))
    shape = (samples, env.num_regions, env.num_skus)
    place = jnp.broadcast_to(jnp.arange(samples, dtype=jnp.float32)[:, None, None], shape)
    u = (jax.random.permutation(key, place, 0, independent=True) + 0.5) / samples

    @jax.jit
    def simulate(params, prices):
        _, states = params.demand.sample(path_key, samples)
        turnout = jnp.ones((env.num_regions, 1))

        def period(price, u, state):
            return params.response.law(params.demand.law(state), price, params.reference_price, turnout).quantile(u)

        return jax.lax.map(lambda price: jax.vmap(period, (None, 0, 0))(price, u, states), prices)

    return np.asarray(simulate(params, prices))


def _distribution(demand: np.ndarray, lead_time: np.ndarray) -> np.ndarray:
    """Shares [F, K, n] of 0..n-1 units that demand [T, F, K], rounded, sums to over lead time [F] and a period."""
    total = np.concatenate([np.zeros((1, *demand.shape[1:])), np.cumsum(np.round(demand), 0, dtype=float)])
    units = [
        [total[lead + 1 :, f, k] - total[: -lead - 1, f, k] for k in range(demand.shape[2])]
        for f, lead in enumerate(lead_time)
    ]
    most = int(max(x.max() for row in units for x in row))
    return np.array([[np.bincount(x.astype(int), minlength=most + 1) / len(x) for x in row] for row in units])
