"""Which regime a period is in, by itself: 0 in normal times, 1, 2, ... in shocks (see ``shocks.Shocked``)."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct


@struct.dataclass(kw_only=True)
class Schedule(struct.Typed):
    """Regime r = 1..S is in force for ``length[r - 1]`` periods from period ``start[r - 1]`` on, and regime 0 in all
    others. Where two overlap, the one with the larger number is."""

    start: Array = struct.leaf(dtype=jnp.int32, low=0)  # [S] periods since reset
    length: Array = struct.leaf(dtype=jnp.int32, low=0)  # [S] periods

    num_uniforms = 0

    def validate(self):
        if self.start.ndim != 1 or self.start.shape != self.length.shape:
            shapes = f"{self.start.shape} and {self.length.shape}"
            raise ValueError(f"Schedule.start and length must be lists with an entry per shock, got shapes {shapes}")

    @property
    def num_regimes(self) -> int:
        return len(self.start) + 1

    def first(self) -> Array:
        """Regime of the first period, int32 []."""
        return self._at(jnp.int32(0))

    def following(self, u: Array, regime: Array, time: Array) -> Array:
        """Regime after that of period ``time``."""
        return self._at(time + 1)

    def _at(self, time: Array) -> Array:
        running = (self.start <= time) & (time - self.start < self.length)
        numbers = jnp.arange(1, self.num_regimes, dtype=jnp.int32)
        return jnp.max(jnp.where(running, numbers, 0), initial=0)


@struct.dataclass(kw_only=True)
class Chain(struct.Typed):
    """Regimes that move as a Markov chain, beginning with regime 0."""

    transition: Array = struct.leaf(low=0.0, high=1.0)  # [R, R] probabilities from row to column

    num_uniforms = 1

    def validate(self):
        matrix = np.asarray(self.transition)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or np.abs(matrix.sum(1) - 1).max() > 1e-5:
            raise ValueError(f"Chain.transition must be square with rows that sum to 1, got {matrix.tolist()}")

    @property
    def num_regimes(self) -> int:
        return self.transition.shape[0]

    def first(self) -> Array:
        return jnp.int32(0)

    def following(self, u: Array, regime: Array, time: Array) -> Array:
        # Cumulative probabilities without the last, so that a sum that rounds below 1 cannot lead beyond R - 1.
        return jnp.sum(u[0] >= jnp.cumsum(self.transition[regime])[:-1], dtype=jnp.int32)
