"""What actions and observations may be: shapes, types and bounds, with sampling and membership."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct


class Space:
    """Base of all spaces."""

    def sample(self, key: Array) -> Any:
        raise NotImplementedError

    def contains(self, x: Any) -> Array:
        """bool []: whether ``x`` has the space's structure, shape and dtype (checked at once) and lies within it."""
        raise NotImplementedError


@struct.dataclass
class Box(Space):
    """Real arrays within bounds. ``shape`` is static; the bounds are traced and broadcast to it."""

    low: Any
    high: Any
    shape: tuple[int, ...] = struct.static(())
    dtype: Any = struct.static(jnp.float32)

    def sample(self, key: Array) -> Array:
        # Unbounded sides are sampled within one unit of the other side (of zero where both are unbounded).
        low = jnp.where(jnp.isfinite(self.low), self.low, jnp.where(jnp.isfinite(self.high), self.high - 1.0, -1.0))
        high = jnp.where(jnp.isfinite(self.high), self.high, low + 1.0)
        return (low + (high - low) * jax.random.uniform(key, self.shape)).astype(self.dtype)

    def contains(self, x: Any) -> Array:
        if jnp.shape(x) != self.shape or jnp.result_type(x) != self.dtype:
            return jnp.bool_(False)
        return jnp.all((x >= self.low) & (x <= self.high))


@struct.dataclass
class Discrete(Space):
    """Integers 0..n-1, independently in every entry of ``shape``."""

    n: int = struct.static()
    shape: tuple[int, ...] = struct.static(())
    dtype: Any = struct.static(jnp.int32)

    def sample(self, key: Array) -> Array:
        return jax.random.randint(key, self.shape, 0, self.n, self.dtype)

    def contains(self, x: Any) -> Array:
        if jnp.shape(x) != self.shape or not jnp.issubdtype(jnp.result_type(x), jnp.integer):
            return jnp.bool_(False)
        return jnp.all((x >= 0) & (x < self.n))


@struct.dataclass
class Tree(Space):
    """A pytree (a struct or a dict) of spaces."""

    spaces: Any

    def sample(self, key: Array) -> Any:
        leaves, treedef = jax.tree.flatten(self.spaces, is_leaf=_is_space)
        keys = jax.random.split(key, len(leaves))
        return treedef.unflatten([space.sample(k) for space, k in zip(leaves, keys, strict=True)])

    def contains(self, x: Any) -> Array:
        leaves, treedef = jax.tree.flatten(self.spaces, is_leaf=_is_space)
        if jax.tree.structure(x) != treedef:
            return jnp.bool_(False)
        inside = [space.contains(leaf) for space, leaf in zip(leaves, jax.tree.leaves(x), strict=True)]
        return jnp.all(jnp.stack(inside))


def _is_space(x: Any) -> bool:
    return isinstance(x, Space)


def leaves(space: Space) -> list[Space]:
    """The ``Box`` and ``Discrete`` spaces that a space is made of, in the order of the tree's leaves."""
    return jax.tree.leaves(space.spaces, is_leaf=_is_space) if isinstance(space, Tree) else [space]


def size(space: Space) -> int:
    """Numbers in a sample of the space."""
    return sum(math.prod(leaf.shape) for leaf in leaves(space))  # type: ignore[attr-defined]


def unbounded(shape: tuple[int, ...]) -> Box:
    return Box(low=np.float32(-np.inf), high=np.float32(np.inf), shape=shape)
