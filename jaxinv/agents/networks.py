"""Actor-critic networks (flax.linen).

A network maps one observation, without a batch axis, and the action space to ``(heads, value)``: for each leaf of
the space what :func:`jaxinv.agents.distributions.distribution` needs, and the value [] of the observation. Of the
space only the shapes are read. The last layer of the policy starts near zero: in the middle of every box, and with
nearly equal probabilities of all choices.
"""

import math
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from jaxinv.env import spaces

NOTHING = spaces.Tree(())  # the action space of what reads actions and chooses none
LOG_STD_RANGE = (-5.0, 1.0)  # of a raw action: beyond it a Gaussian has collapsed or is uniform on the bounds


def for_space(observation_space: spaces.Space, **fields: Any) -> nn.Module:
    """The network that suits a space: :class:`CellNetwork` for observations [W, K, F], otherwise :class:`MLP`."""
    cells = isinstance(observation_space, spaces.Box) and len(observation_space.shape) == 3
    return CellNetwork(**fields) if cells else MLP(**fields)


def over_batch(apply: Callable, batch: Any) -> Any:
    """``vmap(apply)(batch)`` of a function that applies a network. Gradients of weights are multiplied twice as fast on
    CPU as by JAX's own rule."""
    token = _in_batch.set(jax.default_backend() == "cpu")
    try:
        return jax.vmap(apply)(batch)
    finally:
        _in_batch.reset(token)


def dense(features: int, scale: float = math.sqrt(2.0), **fields: Any) -> nn.Dense:
    return nn.Dense(features, kernel_init=orthogonal(scale), dot_general=_dot_general, **fields)


def _dot_general(x: Array, weights: Array, dimensions: Any, **options: Any) -> Array:
    return _product(x, weights) if _in_batch.get() else jax.lax.dot_general(x, weights, dimensions, **options)


_in_batch = ContextVar("in_batch", default=False)


@jax.custom_batching.custom_vmap
def _product(x: Array, weights: Array) -> Array:
    """[..., F] @ [F, H], within ``vmap`` only: by itself it has no gradient."""
    return x @ weights


@_product.def_vmap
def _over_batch(axis_size: int, batched: Any, x: Array, weights: Array) -> tuple[Array, bool]:
    if list(batched) == [True, False]:
        return _batch_product(x, weights), True
    return jax.vmap(jnp.matmul, [0 if each else None for each in batched])(x, weights), True


@jax.custom_vjp
def _batch_product(x: Array, weights: Array) -> Array:
    return x @ weights


def _forward(x: Array, weights: Array) -> tuple[Array, tuple[Array, Array]]:
    return x @ weights, (x, weights)


def _backward(saved: tuple[Array, Array], change: Array) -> tuple[Array, Array]:
    x, weights = saved
    rows, changes = (a.reshape(-1, a.shape[-1]) for a in (x, change))
    # XLA multiplies columns by columns slowly; held back, the transpose does not become part of the product again.
    return change @ weights.T, jax.lax.optimization_barrier(rows.T) @ changes


_batch_product.defvjp(_forward, _backward)


def orthogonal(scale: float) -> Any:
    """Initialiser of matrices with orthogonal rows or columns (Saxe et al. 2014, arXiv:1312.6120) times ``scale``.

    By Gram-Schmidt, twice for float32 accuracy, and not by the QR decomposition of LAPACK: on CPU, jaxlib 0.10 runs
    a batch of LAPACK calls on the very threads that wait for it, so that initialising several learners under
    ``vmap`` can wait for itself for ever.
    """

    def init(key: Array, shape: tuple[int, int], dtype: Any = jnp.float32) -> Array:
        vectors = jax.random.normal(key, (max(shape), min(shape)), dtype).T

        def orthonormalise(i: int, found: Array) -> Array:
            v = vectors[i]
            for _ in range(2):
                v = v - (found @ v) @ found
            return found.at[i].set(v / jnp.linalg.norm(v))

        rows = jax.lax.fori_loop(0, min(shape), orthonormalise, jnp.zeros_like(vectors))
        return scale * (rows if shape[0] <= shape[1] else rows.T)

    return init


class Head(nn.Module):
    """What the policy says of one leaf of the action space, from an embedding [*lead, H]. The leaf's shape begins
    with ``lead``; the weights are shared along it, and so are the learned standard deviations of a ``Box``."""

    initial_log_std: float

    @nn.compact
    def __call__(self, embedding: Array, leaf: Any) -> Any:
        own = leaf.shape[embedding.ndim - 1 :]
        choices = (leaf.n,) if isinstance(leaf, spaces.Discrete) else ()
        out = dense(math.prod(own + choices), 0.01)(embedding).reshape(leaf.shape + choices)
        if choices:
            return out
        log_std = self.param("log_std", nn.initializers.constant(self.initial_log_std), own)
        return out, jnp.broadcast_to(jnp.clip(log_std, *LOG_STD_RANGE), leaf.shape)


class MLP(nn.Module):
    """Dense layers on the whole observation, of any structure, as one vector."""

    hidden: tuple[int, ...] = (64, 64)
    activation: str = "tanh"  # a function of flax.linen
    shared: bool = False  # whether policy and value share the hidden layers
    initial_log_std: float = -0.5

    @nn.compact
    def __call__(self, observation: Any, space: spaces.Space) -> tuple[tuple, Array]:
        x = jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(observation)])
        policy = self._embed(x)
        value = policy if self.shared else self._embed(x)
        heads = tuple(Head(self.initial_log_std)(policy, leaf) for leaf in spaces.leaves(space))
        return heads, dense(1, 1.0)(value)[0]

    def _embed(self, x: Array) -> Array:
        for features in self.hidden:
            x = getattr(nn, self.activation)(dense(features)(x))
        return x


def in_context(x: Array, hidden: tuple[int, ...], activation: str, around: Callable[[Array], list[Array]]) -> Array:
    """Embeddings [*lead, H] of entities [*lead, F], within a module: the first layer sees each alone, further ones also
    what ``around`` makes of all, arrays to be broadcast to theirs."""
    activate = getattr(nn, activation)
    x = activate(dense(hidden[0])(x))
    for features in hidden[1:]:
        context = [dense(features, use_bias=False)(seen) for seen in around(x)]
        x = activate(sum(context, dense(features)(x)))
    return x


class CellNetwork(nn.Module):
    """One small network over every cell of an observation [W, K, F], W warehouses by K SKUs.

    The first layer sees a cell alone. Each further layer sees, besides the cell, the means over the SKUs of its
    warehouse, over the warehouses that hold its SKU, and over all cells (the exchangeable matrix layer of Hartford
    et al. 2018, "Deep Models of Interactions Across Sets"). Exchanging warehouses or SKUs therefore exchanges the
    actions, and the number of weights does not depend on W and K.

    An action leaf of shape (W, K, ...) is read from the cells, (W, ...) from the means over their SKUs and any
    other from the mean over all cells, as is the value. With ``local_values`` there is a value [W] per warehouse,
    read from the means over its SKUs: learners then credit each warehouse with its own cost.
    """

    hidden: tuple[int, ...] = (64, 64)
    activation: str = "tanh"  # a function of flax.linen
    shared: bool = False  # whether policy and value share the hidden layers
    initial_log_std: float = -0.5
    local_values: bool = False

    @nn.compact
    def __call__(self, observation: Array, space: spaces.Space) -> tuple[tuple, Array]:
        policy = self._embed(observation)
        value = policy if self.shared else self._embed(observation)
        heads = tuple(
            Head(self.initial_log_std)(self._pool(policy, leaf.shape), leaf)  # type: ignore[attr-defined]
            for leaf in spaces.leaves(space)
        )
        return heads, dense(1, 1.0)(jnp.mean(value, 1 if self.local_values else (0, 1)))[..., 0]

    def _embed(self, x: Array) -> Array:
        def around(x: Array) -> list[Array]:
            return [jnp.mean(x, axis, keepdims=True) for axis in (1, 0, (0, 1))]

        return in_context(x, self.hidden, self.activation, around)

    @staticmethod
    def _pool(cells: Array, shape: tuple[int, ...]) -> Array:
        if shape[:2] == cells.shape[:2]:
            return cells
        if shape[:1] == cells.shape[:1]:
            return jnp.mean(cells, 1)
        return jnp.mean(cells, (0, 1))


def beside(observation: Any, action: Any) -> Any:
    """What a critic reads: an observation with an action beside it. In one of cells [W, K, F] each cell gets its own
    part of the action, where that has one, and all of what belongs to its warehouse or to no cell."""
    if not isinstance(observation, Array) or observation.ndim != 3:
        return observation, action
    cells = observation.shape[:2]

    def features(leaf: Array) -> Array:
        lead = next(n for n in (2, 1, 0) if leaf.shape[:n] == cells[:n])
        own = leaf.reshape(*cells[:lead], *(1,) * (2 - lead), -1)
        return jnp.broadcast_to(own, (*cells, own.shape[-1]))

    return jnp.concatenate([observation, *map(features, jax.tree.leaves(action))], -1)
