"""What every demand process offers.

A process is a pytree: its parameters are typed arrays whose leading shape is the shape of one period's demand
(``()`` for one item, ``[W, K]`` for warehouses by SKUs), so one object covers all cells and ``vmap`` and ``grad``
work over the parameters. Randomness enters only as uniforms in [0, 1), pushed through quantile functions: the same
uniforms replay the same demand for every policy.

The calendar: ``DemandState.day`` counts days from Monday 1 January of the year 1, so ``day % 7`` is the weekday
(0 = Monday) and ``datetime.date.fromordinal(day + 1)`` is the date.
"""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct


@struct.dataclass
class DemandState:
    """The part of demand that has a memory. It evolves by itself, whatever the stock and the orders are."""

    day: Array  # int32 []: calendar day of the coming period
    memory: Any = ()  # what the process remembers besides the day (regimes, running shocks, ...)


class Demand:
    """Base of all demand processes. Subclasses are frozen pytree dataclasses (``jaxinv.struct.dataclass``)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one period's demand."""
        raise NotImplementedError

    @property
    def num_uniforms(self) -> int:
        """Uniforms that one period consumes (static): those of the demand itself, then those of :meth:`advance`."""
        return self.num_demand_uniforms

    @property
    def num_demand_uniforms(self) -> int:
        """Uniforms behind one period's demand (static): one per cell and, where cells depend on each other, more."""
        return math.prod(self.shape)

    @property
    def num_initial_uniforms(self) -> int:
        """Uniforms that :meth:`init` consumes (static)."""
        return 0

    def init(self, u: Array) -> DemandState:
        """State before the first period; ``u``: [num_initial_uniforms]."""
        return DemandState(day=jnp.int32(0))

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        """Demand (units, float32) of the coming period at probability ``u``: [..., *shape], broadcast."""
        raise NotImplementedError

    def per_cell(self, u: Array) -> Array:
        """A uniform for every cell [*shape], at which its :meth:`quantile` is its demand, from those of a period
        [num_uniforms]. Where cells depend on each other, so do these."""
        return jnp.reshape(u[: math.prod(self.shape)], self.shape)

    def advance(self, u: Array, state: DemandState) -> DemandState:
        """State of the next period; ``u``: the uniforms left after those of the demand."""
        return dataclasses.replace(state, day=state.day + 1)

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        """Expected demand [*shape] of the period ``ahead`` periods after the coming one, as known now."""
        raise NotImplementedError

    def promotion(self, state: DemandState, ahead: int | Array = 0) -> Array:
        """1 where a promotion that is known now runs ``ahead`` periods after the coming one, else 0; [*shape]."""
        return jnp.zeros(self.shape, jnp.float32)

    def forecast(self, state: DemandState) -> Array:
        """Quantiles [*shape, Q] of the demand of the coming periods together, which were computed beforehand from what
        was known now: none (Q = 0), unless a process was given them."""
        return jnp.zeros((*self.shape, 0), jnp.float32)

    def signals(self, state: DemandState) -> Array:
        """Whatever else is known now that may tell of demand, [*shape, C]: nothing (C = 0), unless a process was given
        it."""
        return jnp.zeros((*self.shape, 0), jnp.float32)

    def law(self, state: DemandState) -> "Demand":
        """The distribution of the coming period's demand, as known now: a stationary process.

        Raises ``NotImplementedError`` for a process without one.
        """
        raise NotImplementedError(f"{type(self).__name__} has no distribution per period")

    @property
    def cycle(self) -> int:
        """Periods after which :meth:`law` repeats itself (static): 1 if demand is stationary, 7 for weekdays.

        Raises ``NotImplementedError`` for a process that does not repeat itself.
        """
        raise NotImplementedError(f"{type(self).__name__} does not repeat itself")

    def support(self, size: int | None = None) -> tuple[Array, Array]:
        """Values [n] and their probabilities [*shape, n], which sum to 1, where the support is finite.

        An infinite one is cut: where negligible, which needs concrete parameters, or to the whole numbers
        0..``size`` - 1, for which traced ones will do.

        Raises ``NotImplementedError`` for a process without a finite support.
        """
        raise NotImplementedError(f"{type(self).__name__} has no finite support")

    def draw(self, u: Array, state: DemandState) -> tuple[Array, DemandState]:
        """Demand [*shape] of the coming period and the state after it; ``u``: [num_uniforms]."""
        return self.quantile(self.per_cell(u), state), self.advance(u[self.num_demand_uniforms :], state)

    def sample(self, key: Array, length: int) -> tuple[Array, DemandState]:
        """A path of demand [length, *shape] and the states [length] in which it was drawn."""
        first, rest = jax.random.split(key)
        state = self.init(jax.random.uniform(first, (self.num_initial_uniforms,)))

        def body(state, u):
            demand, following = self.draw(u, state)
            return following, (demand, state)

        _, path = jax.lax.scan(body, state, jax.random.uniform(rest, (length, self.num_uniforms)))
        return path
