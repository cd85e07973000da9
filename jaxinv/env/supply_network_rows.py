"""Rows: what a network has per arc, stock, supplier or market, an array [K] over SKUs each.

Rows are a tuple of such arrays in small networks and one array [n, K] in larger ones; whatever is computed from them is
written once for both. Behind the axis of a batch, an axis of a dozen arcs is too short for a CPU's vector units:
rollouts and gradients of tuples take a half to a third of the time. But the compiler makes loops of their own of all
arrays in a tuple and takes 0.1 to 0.3 s per arc for that, the more the more there are; one array takes it two seconds.
"""

import dataclasses
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

Rows = Any  # tuple[Array, ...] | Array

each = jax.tree.map  # a function of arrays, of all their rows


def plus(a: Rows, b: Rows) -> Rows:
    return each(jnp.add, a, b)


def minus(a: Rows, b: Rows) -> Rows:
    return each(jnp.subtract, a, b)


def times(a: Rows, b: Rows) -> Rows:
    return each(jnp.multiply, a, b)


def whole(rows: Rows, axis: int = 0) -> Array:
    """Rows as one array, [n, K], or if they have axes before that of SKUs, with that of rows as its ``axis``."""
    return jnp.stack(rows, axis) if isinstance(rows, tuple) else rows


def total(several: Any) -> Array:
    """Sum of all rows of several kinds, []."""
    sums: dict[tuple[int, ...], Any] = {}  # by shape: adding entries to each other is cheaper than adding them up
    for array in jax.tree.leaves(several):
        sums[array.shape] = sums.get(array.shape, 0.0) + array
    return sum((jnp.sum(array) for array in sums.values()), jnp.float32(0))


def _pick(rows: Array, index: np.ndarray, otherwise: Any) -> Array:
    """The rows at ``index``, or ``otherwise`` where that is negative."""
    there = (index >= 0)[:, None]
    return rows[index] if there.all() else jnp.where(there, rows[np.maximum(index, 0)], otherwise)


@dataclasses.dataclass(frozen=True)
class Groups:
    """Whose each row is: arcs are their suppliers', say."""

    owners: tuple[int, ...]  # of each row
    count: int  # of owners

    def of(self, owned: Rows) -> Rows:
        """For each row what its owner has."""
        if isinstance(owned, tuple):
            return tuple(owned[owner] for owner in self.owners)
        return owned[np.asarray(self.owners, int)]

    def sums(self, rows: Rows) -> Rows:
        """Sum of every owner's rows."""
        if not isinstance(rows, tuple):
            return jax.ops.segment_sum(rows, np.asarray(self.owners, int), self.count)
        totals = [jnp.zeros_like(rows[0])] * self.count
        for row, owner in zip(rows, self.owners, strict=True):
            totals[owner] = totals[owner] + row
        return tuple(totals)

    def least(self, rows: Rows, limits: Rows) -> Rows:
        """The least of every owner's rows and its limit."""
        if not isinstance(rows, tuple):
            for back in self._back:
                rows = jnp.minimum(rows, _pick(rows, back, jnp.inf))
            return jnp.minimum(limits, _pick(rows, self._last, jnp.inf))
        least = list(limits)
        for row, owner in zip(rows, self.owners, strict=True):
            least[owner] = jnp.minimum(least[owner], row)
        return tuple(least)

    def in_turn(self, wanted: Rows, available: Rows) -> Rows:
        """What each row gets of what its owner has ``available``, first come, first served."""
        if not isinstance(wanted, tuple):
            return jnp.minimum(wanted, jnp.maximum(self.of(available) - self._before(wanted), 0.0))
        left, granted = list(available), []
        for want, owner in zip(wanted, self.owners, strict=True):
            granted.append(jnp.minimum(want, left[owner]))
            left[owner] = left[owner] - granted[-1]
        return tuple(granted)

    def _before(self, rows: Array) -> Array:
        """Sum of the owner's earlier rows, for each row."""
        if not self._back:
            return jnp.zeros_like(rows)
        rows = _pick(rows, self._back[0], 0.0)
        longest = np.bincount(self.owners).max()
        for back in self._back[: int(longest - 2).bit_length()]:  # sums of the last one, of the last two, four, ...
            rows = rows + _pick(rows, back, 0.0)
        return rows

    @cached_property
    def _last(self) -> np.ndarray:
        """Every owner's last row, or -1."""
        last = np.full(self.count, -1)
        last[list(self.owners)] = range(len(self.owners))
        return last

    @cached_property
    def _back(self) -> list[np.ndarray]:
        """For each row, the owner's row 1, 2, 4, ... rows back, or -1, as long as there are any."""
        latest, back = {}, np.full(len(self.owners), -1)
        for row, owner in enumerate(self.owners):
            back[row] = latest.get(owner, -1)
            latest[owner] = row
        hops = []
        while (back >= 0).any():
            hops.append(back)
            back = np.where(back >= 0, back[back], -1)
        return hops


@dataclasses.dataclass(frozen=True)
class Queues:
    """Rows that wait in queues of fixed lengths, one queue after the other, the front of each first."""

    lengths: tuple[int, ...]

    def fronts(self, rows: Rows, entering: Rows) -> Rows:
        """What leaves the queues now: at once what is ``entering`` those of length 0."""
        first = np.where(self._lengths > 0, np.cumsum(self._lengths) - self._lengths, -1)
        if isinstance(rows, tuple):
            return tuple(rows[row] if row >= 0 else enter for row, enter in zip(first, entering, strict=True))
        return _pick(rows, first, entering) if len(rows) else entering

    def push(self, rows: Rows, entering: Rows) -> Rows:
        """The queues after everything has moved up and ``entering`` is at their ends."""
        ends = (np.cumsum(self._lengths) - 1)[self._lengths > 0]
        entered = np.flatnonzero(self._lengths)
        if not isinstance(rows, tuple):
            return jnp.roll(rows, -1, 0).at[ends].set(entering[entered], unique_indices=True)
        moved = [*rows[1:], *rows[:1]]
        for end, queue in zip(ends, entered, strict=True):
            moved[end] = entering[queue]
        return tuple(moved)

    def split(self, rows: Rows) -> list[Rows]:
        """The rows in every queue."""
        ends = np.cumsum(self._lengths)
        return [rows[end - length : end] for end, length in zip(ends, self.lengths, strict=True)]

    @property
    def _lengths(self) -> np.ndarray:
        return np.asarray(self.lengths)
