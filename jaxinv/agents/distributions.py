"""Distributions over the actions of a space. The only file that imports distrax.

Learners work with *raw* actions: what a distribution samples and what its density refers to. A raw entry of a
finite ``Box`` is in units of half its range, counted from its middle, so that one network initialisation and one
exploration noise suit every box; :func:`to_env` gives the environment's action, clipped to the bounds. A raw entry of
a ``Box`` that is not bounded on both sides is the action before clipping, and a raw ``Discrete`` action is the action.
"""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv.env import spaces

with warnings.catch_warnings():
    # On import distrax loads tensorflow-probability, which reads a name of jax that is deprecated.
    warnings.filterwarnings("ignore", "jax.core.pytype_aval_mappings", DeprecationWarning)
    import distrax


class _Categorical(distrax.Categorical):
    """Sampled by inverse CDF: one uniform per entry, where the Gumbel trick needs one per choice and two logarithms
    of each. Sampling would otherwise be the most expensive part of a rollout on CPU."""

    def _sample_n(self, key: Array, n: int) -> Array:
        # Choices without probability are out of the question whatever rounding does: no u is below their 0, and some
        # other choice attains the maximum, which is above every u.
        cumulative = jnp.where(self.probs > 0, jnp.cumsum(self.probs, -1), 0.0)
        u = jax.random.uniform(key, (n, *cumulative.shape[:-1], 1)) * jnp.max(cumulative, -1, keepdims=True)[None]
        return jnp.argmax(u < cumulative[None], -1)


def distribution(space: spaces.Space, heads: tuple, mask: Any = None, *, kept: int = 0) -> Any:
    """The distrax distribution over the raw actions of ``space``, all entries independent.

    ``heads`` holds what a network says of each leaf of the space, in the order of ``spaces.leaves``: logits
    [..., *shape, n] of a ``Discrete``; mean and log standard deviation, both [..., *shape], of a ``Box``. ``mask``
    (True: legal) has the structure of the action with the shape of the logits in its leaves; None, for the whole or
    for a leaf, where all is legal. Leading axes are a batch: one key samples all of it, and ``log_prob`` and
    ``entropy`` are [...]; the first ``kept`` axes of the actions' shapes, which all leaves share, count among them.
    """
    leaves, treedef = _flatten(space)
    masks = [None] * len(leaves) if mask is None else treedef.flatten_up_to(mask)
    return distrax.Joint(treedef.unflatten(map(_factor, leaves, heads, masks, [kept] * len(leaves))))


def to_env(space: spaces.Space, raw: Any) -> Any:
    """The action of ``space`` that a raw action (without a batch axis) stands for."""
    leaves, treedef = _flatten(space)
    return treedef.unflatten(map(_decode, leaves, treedef.flatten_up_to(raw)))


def _flatten(space: spaces.Space) -> tuple[list, Any]:
    tree = space.spaces if isinstance(space, spaces.Tree) else space
    return jax.tree.flatten(tree, is_leaf=lambda node: isinstance(node, spaces.Space))


def _factor(space: Any, head: Any, mask: Array | None, kept: int) -> Any:
    if isinstance(space, spaces.Discrete):
        logits = head if mask is None else jnp.where(mask, head, -jnp.inf)
        entries = _Categorical(logits)
    else:
        mean, log_std = head
        entries = distrax.Normal(mean, jnp.exp(log_std))
    return distrax.Independent(entries, reinterpreted_batch_ndims=len(space.shape) - kept)


def _decode(space: Any, raw: Array) -> Array:
    if isinstance(space, spaces.Discrete):
        return raw.astype(space.dtype)
    low, high = jnp.broadcast_to(space.low, space.shape), jnp.broadcast_to(space.high, space.shape)
    finite = jnp.isfinite(low) & jnp.isfinite(high)
    bottom, top = jnp.where(finite, low, -1.0), jnp.where(finite, high, 1.0)  # -1 and 1 leave raw as it is
    return jnp.clip((bottom + top) / 2 + (top - bottom) / 2 * raw, low, high).astype(space.dtype)
