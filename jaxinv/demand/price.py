"""How demand answers to price: what makes of a process at the reference price the law at another one, and the prices
of a calendar, which nobody chooses.

A response is a pytree of numbers per SKU, [K] or [], the same in all regions. It scales the law of the coming period by
``factor``, which is 1 at the reference price, and by ``turnout``, the part of the customers who come at all.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.demand.base import DemandState
from jaxinv.demand.distributions import Distribution, Empirical, spread
from jaxinv.demand.modifiers import Modifier, within_calendar
from jaxinv.demand.quantiles import U_MAX
from jaxinv.demand.trace import Trace


class PriceResponse(struct.Typed):
    """Base of the responses."""

    def factor(self, price: Array, reference: Array) -> Array:
        """Mean demand [K] at ``price`` [K] over that at the ``reference`` price [K]."""
        raise NotImplementedError

    def law(self, base: Any, price: Array, reference: Array, turnout: Array) -> Distribution:
        """The law [R, K] at ``price`` [K] where ``base``, a ``Distribution``, is that at the ``reference`` price [K];
        ``turnout`` [R, 1]."""
        return base.scaled(turnout * self.factor(price, reference)[None])


@struct.dataclass
class ConstantElasticity(PriceResponse):
    """Demand in proportion to price to the power of minus ``elasticity``: 1 % on the price costs ``elasticity`` % of
    the demand."""

    elasticity: Array = struct.leaf(2.0, low=0.0)

    def factor(self, price: Array, reference: Array) -> Array:
        return (price / reference) ** -self.elasticity


@struct.dataclass
class Logit(PriceResponse):
    """Visitors who buy one of the SKUs or nothing by a multinomial logit (McFadden 1974): at the reference prices
    SKU k with probability ``share`` [K], and its utility falls by ``sensitivity`` per unit of money. A dearer SKU sends
    part of its customers to the others."""

    share: Array = struct.leaf(low=0.0)
    sensitivity: Array = struct.leaf(above=0.0)

    def validate(self):
        if np.ndim(self.share) != 1 or np.sum(self.share) >= 1.0:
            raise ValueError(
                f"Logit.share must be one per SKU, their sum below 1, got {np.asarray(self.share).tolist()}"
            )

    def factor(self, price: Array, reference: Array) -> Array:
        weight = jnp.exp(-self.sensitivity * (price - reference))
        return weight / (1.0 + jnp.sum(self.share * (weight - 1.0)))


@struct.dataclass
class PriceTable(PriceResponse):
    """Demand of ``values`` [n], 0 first and ascending, with ``probabilities`` [P, n] at each of ``prices`` [P],
    ascending; linear in between. It takes the place of the process's own law, and what does not reach is 0."""

    prices: Array = struct.leaf(above=0.0)
    values: Array = struct.leaf(low=0.0)
    probabilities: Array = struct.leaf(low=0.0, high=1.0)

    def validate(self):
        prices, values, table = (np.asarray(x) for x in (self.prices, self.values, self.probabilities))
        if prices.ndim != 1 or (np.diff(prices) <= 0).any():
            raise ValueError(f"PriceTable.prices must ascend, got {prices.tolist()}")
        if values.ndim != 1 or values[0] != 0 or (np.diff(values) <= 0).any():
            raise ValueError(f"PriceTable.values must ascend from 0, got {values.tolist()}")
        if table.shape != (len(prices), len(values)) or np.abs(table.sum(1) - 1).max() > 1e-5:
            raise ValueError(
                f"PriceTable.probabilities must be {len(prices)} rows of {len(values)} that sum to 1, "
                f"got {table.tolist()}"
            )

    def factor(self, price: Array, reference: Array) -> Array:
        mean = jnp.sum(self.probabilities * self.values[None], 1)
        return jnp.interp(price, self.prices, mean) / jnp.interp(reference, self.prices, mean)

    def law(self, base: Any, price: Array, reference: Array, turnout: Array) -> Empirical:
        turnout = jnp.broadcast_to(turnout, base.shape)[..., None]
        interpolate = jnp.vectorize(lambda column: jnp.interp(price, self.prices, column), signature="(p)->(k)")
        at_price = jnp.moveaxis(interpolate(self.probabilities.T), 0, -1)  # [K, n]
        nothing = (self.values == 0).astype(jnp.float32)
        return Empirical(self.values, turnout * at_price[None] + (1.0 - turnout) * nothing[None, None])


@struct.dataclass
class PriceCalendar(Modifier):
    """Prices by a calendar: ``log_price`` [T, *shape], from day ``start_day`` on, is the logarithm of the price over
    the reference price, and demand is multiplied by that ratio to the power of minus ``elasticity`` [*shape], as in
    :class:`ConstantElasticity`. Outside the calendar the price is the reference one.

    Prices are known ``announced`` days ahead (0: on the day itself, before its demand); with -1 never. Where they are
    not, the mean factor of the calendar is expected.
    """

    log_price: Array = struct.leaf()
    elasticity: Array = struct.leaf(low=0.0)
    start_day: Array = struct.leaf(0, dtype=jnp.int32)
    announced: Array = struct.leaf(7, dtype=jnp.int32, low=-1)

    def factor(self, memory: Any, day: Array) -> Array:
        return jnp.exp(-self.elasticity * within_calendar(self.log_price, day - self.start_day))

    def expected(self, memory: Any, day: Array, ahead: Array | int) -> Array:
        return jnp.where(ahead <= self.announced, self.factor(memory, day + ahead), self.long_run())

    def long_run(self) -> Array:
        elasticity = jnp.broadcast_to(self.elasticity, self.log_price.shape)
        return jnp.mean(jnp.exp(-elasticity * self.log_price), 0)


@struct.dataclass
class Observed(Distribution):
    """What was ``sold``, and not random: times a factor, rounded up or down at random so that the mean is kept."""

    sold: Array = struct.leaf(low=0.0)

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        u, sold = spread(u, self.sold)
        return jnp.floor(sold + jnp.minimum(u, U_MAX))

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        return self.sold

    def variance(self) -> Array:
        part = self.sold % 1.0
        return part * (1.0 - part)

    def scaled(self, factor: Any) -> "Observed":
        sold, factor = spread(self.sold, factor)
        return Observed(sold * factor)


@struct.dataclass
class PricedTrace(Trace):
    """A :class:`~jaxinv.demand.trace.Trace` with a law, so that it can be asked what would have been sold at another
    price: ``quantity`` is what was, or would have been, sold at the reference price, and need not be whole."""

    def law(self, state: DemandState) -> Observed:
        return Observed(self._row(self.quantity, state, 0))
