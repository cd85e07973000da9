"""Replay of demand as it was."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.demand.base import Demand, DemandState
from jaxinv.demand.modifiers import within_calendar


@struct.dataclass
class Trace(struct.Typed, Demand):
    """A panel of observed demand, replayed: nothing is random but where an episode begins.

    ``quantity`` [T, *shape] begins on calendar day ``start_day``. An episode begins in a row drawn from
    ``first``..``last``: with ``last`` = (end of a split) - (episode length), no episode sees beyond the split. Past
    the end of the panel the last row is repeated, and it never should come to that.

    ``expected`` [T, *shape] is the forecast of each day that was made beforehand, from other dates; ``mean`` tells
    it. Without one, ``mean`` is the mean of rows 0..``first``-1, the past of every episode, which must not be empty.
    Without a state it is the mean over all rows: the scale of the demand, which numbers of a problem are measured in,
    and no forecast.
    ``promotions`` [T, *shape] (1: one runs) are known ``announced`` days ahead, as in ``modifiers.Promotion``.
    ``forecasts`` [T, *shape, Q] and ``covariates`` [T, *shape, C] are what :meth:`forecast` and :meth:`signals` tell
    of each day: units, and numbers of any kind, that were known before its demand (``jaxinv.forecast``,
    ``jaxinv.data.known_covariates``).
    """

    quantity: Array = struct.leaf(low=0.0)
    start_day: Array = struct.leaf(0, dtype=jnp.int32, low=0)
    first: Array = struct.leaf(0, dtype=jnp.int32, low=0)
    last: Array = struct.leaf(0, dtype=jnp.int32, low=0)
    expected: Array | None = struct.leaf(None, low=0.0)
    promotions: Array | None = struct.leaf(None, low=0.0, high=1.0)
    announced: Array = struct.leaf(7, dtype=jnp.int32, low=-1)
    forecasts: Array | None = struct.leaf(None, low=0.0)
    covariates: Array | None = struct.leaf(None)

    def validate(self):
        rows, first, last = len(self.quantity), int(np.max(self.first)), int(np.max(self.last))
        if not first <= last < rows:
            raise ValueError(f"Trace.first and last must satisfy first <= last < {rows} rows, got {first} and {last}")
        if self.expected is None and int(np.min(self.first)) == 0:
            raise ValueError("Trace.expected must be given where episodes begin in row 0: nothing lies before it")
        for name in ("expected", "promotions"):
            value = getattr(self, name)
            if value is not None and value.shape != self.quantity.shape:
                raise ValueError(f"Trace.{name} must have shape {self.quantity.shape}, got {value.shape}")
        for name in ("forecasts", "covariates"):
            value = getattr(self, name)
            if value is not None and value.shape[:-1] != self.quantity.shape:
                raise ValueError(f"Trace.{name} must have shape {(*self.quantity.shape, '...')}, got {value.shape}")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.quantity.shape[1:]

    @property
    def num_uniforms(self) -> int:
        return 0

    @property
    def num_initial_uniforms(self) -> int:
        return 1

    def init(self, u: Array) -> DemandState:
        rows = self.last - self.first + 1
        row = self.first + jnp.minimum(jnp.floor(u[0] * rows).astype(jnp.int32), rows - 1)
        return DemandState(day=self.start_day + row)

    def draw(self, u: Array, state: DemandState) -> tuple[Array, DemandState]:
        return self._row(self.quantity, state, 0), self.advance(u, state)

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        """The demand observed, whatever ``u`` is."""
        if state is None:
            raise ValueError("Trace.quantile needs the state: demand depends on the day")
        demand = self._row(self.quantity, state, 0)
        return jnp.broadcast_to(demand, jnp.broadcast_shapes(jnp.shape(u), self.shape))

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        if state is None:
            return jnp.mean(self.quantity if self.expected is None else self.expected, 0)
        if self.expected is None:
            past = (jnp.arange(len(self.quantity)) < self.first).astype(jnp.float32)
            return jnp.tensordot(past, self.quantity, 1, precision="highest") / jnp.maximum(jnp.sum(past), 1.0)
        return self._row(self.expected, state, ahead)

    def promotion(self, state: DemandState, ahead: int | Array = 0) -> Array:
        if self.promotions is None:
            return jnp.zeros(self.shape, jnp.float32)
        running = within_calendar(self.promotions, state.day - self.start_day + ahead)
        return jnp.where(ahead <= self.announced, running, 0.0)

    def forecast(self, state: DemandState) -> Array:
        return super().forecast(state) if self.forecasts is None else self._row(self.forecasts, state, 0)

    def signals(self, state: DemandState) -> Array:
        return super().signals(state) if self.covariates is None else self._row(self.covariates, state, 0)

    def _row(self, table: Array, state: DemandState, ahead: int | Array) -> Array:
        return table[jnp.clip(state.day - self.start_day + ahead, 0, len(self.quantity) - 1)]
