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
    """With one logarithm and one exponential per choice, where distrax normalises logits anew for probabilities and for
    the entropy. Sampled by inverse CDF: one uniform per entry, where the Gumbel trick needs one per choice and two
    logarithms of each. These would otherwise be the most expensive part of a rollout on CPU."""

    @property
    def probs(self) -> Array:
        return jnp.exp(self.logits)

    def log_prob(self, value: Array) -> Array:
        chosen = value[..., None] == jnp.arange(self.num_categories).reshape((1,) * value.ndim + (-1,))
        return jnp.sum(jnp.where(chosen, self.logits, 0.0), -1)

    def entropy(self) -> Array:
        probs = self.probs
        return -jnp.sum(probs * jnp.where(probs > 0, self.logits, 0.0), -1)

    def at(self, noise: Array) -> Array:
        """The sample that uniforms [*batch_shape] stand for."""
        # Choices without probability are out of the question whatever rounding does: no u is below their 0, and some
        # other choice attains the maximum, which is above every u.
        cumulative = jnp.where(self.probs > 0, jnp.cumsum(self.probs, -1), 0.0)
        return jnp.argmax(noise[..., None] * jnp.max(cumulative, -1, keepdims=True) < cumulative, -1)

    def _sample_n(self, key: Array, n: int) -> Array:
        return jax.vmap(self.at)(jax.random.uniform(key, (n, *self.logits.shape[:-1])))


class _Normal(distrax.Normal):
    def at(self, noise: Array) -> Array:
        """The sample that standard normals [*batch_shape] stand for."""
        return jnp.asarray(self.scale * noise + self.loc)


class _Squashed(_Normal):
    """A normal put through tanh in the entries that are ``finite``."""

    def __init__(self, mean: Array, std: Array, finite: Array):
        super().__init__(mean, std)
        self._finite = finite

    def at(self, noise: Array) -> Array:
        return self._squash(super().at(noise))

    def _sample_n(self, key: Array, n: int) -> Array:
        return self._squash(super()._sample_n(key, n))

    def _sample_n_and_log_prob(self, key: Array, n: int) -> tuple[Array, Array]:
        x = jnp.asarray(super()._sample_n(key, n))
        log_prob: Any = jax.vmap(super().log_prob)(x)
        # log(1 - tanh(x)^2), also where that is tiny
        slope = 2.0 * (jnp.log(2.0) - x - jax.nn.softplus(-2.0 * x))
        return self._squash(x), log_prob - jnp.where(jnp.broadcast_to(self._finite, x.shape), slope, 0.0)

    def log_prob(self, value: Array) -> Array:
        raise NotImplementedError("of samples only, as they are drawn: ends of a box have none")

    def entropy(self) -> Array:
        raise NotImplementedError("it has no closed form")

    def mode(self) -> Array:
        """The median: what is most likely may be an end of the box long before it is the best guess."""
        return self._squash(self.loc)

    def _squash(self, x: Any) -> Array:
        return jnp.where(jnp.broadcast_to(self._finite, x.shape), jnp.tanh(x), x)


def distribution(space: spaces.Space, heads: tuple, mask: Any = None, *, kept: int = 0, squashed: bool = False) -> Any:
    """The distrax distribution over the raw actions of ``space``, all entries independent.

    ``heads`` holds what a network says of each leaf of the space, in the order of ``spaces.leaves``: logits
    [..., *shape, n] of a ``Discrete``; mean and log standard deviation, both [..., *shape], of a ``Box``. ``mask``
    (True: legal) has the structure of the action with the shape of the logits in its leaves; None, for the whole or
    for a leaf, where all is legal. Leading axes are a batch: one key samples all of it, and ``log_prob`` and
    ``entropy`` are [...]; the first ``kept`` axes of the actions' shapes, which all leaves share, count among them.

    ``squashed``: in the entries of a box that are bounded on both sides, tanh of the normal, so that no probability
    lies beyond the bounds (Haarnoja et al. 2018, arXiv:1812.05905, app. C). Densities are then known of samples only,
    by ``sample_and_log_prob``, and there is no entropy; ``mode`` is the median.
    """
    parts, treedef = _flatten(space)
    factors = [
        _factor(part, head, legal, kept, squashed)
        for part, head, legal in zip(parts, heads, leaves(space, mask), strict=True)
    ]
    return distrax.Joint(treedef.unflatten(factors))


def choice_entropy(space: spaces.Space, distribution: Any) -> Array:
    """Entropy of the choices in ``distribution``, without that of quantities; of a batch."""
    parts, treedef = _flatten(space)
    factors = treedef.flatten_up_to(distribution.distributions)
    total = jnp.zeros(distribution.batch_shape)
    for part, factor in zip(parts, factors, strict=True):
        if isinstance(part, spaces.Discrete):
            total = total + factor.entropy()
    return total


def choose(space: spaces.Space, distribution: Any, noise: Any) -> tuple[Any, Array]:
    """A raw action of sampled choices, which ``noise`` (see :func:`noise`) decides on, and of quantities that are the
    mode; and the logarithm of the probability of the choices. Of a batch."""
    parts, treedef = _flatten(space)
    raw, log_prob = [], jnp.zeros(distribution.batch_shape)
    for part, factor, own in zip(parts, *map(treedef.flatten_up_to, (distribution.distributions, noise)), strict=True):
        if isinstance(part, spaces.Discrete):
            raw.append(factor.distribution.at(own))
            log_prob = log_prob + factor.log_prob(raw[-1])
        else:
            raw.append(factor.mode())
    return treedef.unflatten(raw), log_prob


def noise(space: spaces.Space, key: Array, batch_size: int) -> Any:
    """What :func:`sample` makes actions [batch_size, ...] of: uniforms of a ``Discrete``, normals of a ``Box``."""
    parts, treedef = _flatten(space)

    def draw(part: Any, key: Array) -> Array:
        of_kind = jax.random.uniform if isinstance(part, spaces.Discrete) else jax.random.normal
        return of_kind(key, (batch_size, *part.shape))

    return treedef.unflatten(map(draw, parts, jax.random.split(key, len(parts))))


def sample(distribution: Any, noise: Any) -> Any:
    """What ``distribution.sample(seed=key)`` is where ``key`` made the ``noise``."""
    return jax.tree.map(
        lambda factor, noise: factor.distribution.at(noise),
        distribution.distributions,
        noise,
        is_leaf=lambda node: isinstance(node, distrax.Independent),
    )


def sample_uniformly(space: spaces.Space, mask: Any, key: Array, batch_size: int) -> Any:
    """Raw actions [batch_size, ...] drawn from all that are legal; ``mask`` as in :func:`distribution`. An entry of a
    ``Box`` that is not bounded on both sides is standard normal."""
    parts, treedef = _flatten(space)

    def sample(part: Any, legal: Array | None, key: Array) -> Array:
        if isinstance(part, spaces.Discrete):
            logits = jnp.zeros((batch_size, *part.shape, part.n))
            return _Categorical(logits if legal is None else jnp.where(legal, logits, -jnp.inf)).sample(seed=key)
        uniform_key, normal_key = jax.random.split(key)
        uniform = jax.random.uniform(uniform_key, (batch_size, *part.shape), minval=-1.0)
        return jnp.where(_finite(part)[None], uniform, jax.random.normal(normal_key, uniform.shape))

    return treedef.unflatten(map(sample, parts, leaves(space, mask), jax.random.split(key, len(parts))))


def clip(space: spaces.Space, raw: Any) -> Any:
    """Raw actions, with any leading axes, within the bounds of boxes that have two."""
    parts, treedef = _flatten(space)

    def within(part: Any, x: Array) -> Array:
        return jnp.where(jnp.broadcast_to(_finite(part), x.shape), jnp.clip(x, -1.0, 1.0), x)

    return treedef.unflatten(map(within, parts, treedef.flatten_up_to(raw)))


def leaves(space: spaces.Space, tree: Any) -> list:
    """The leaves of an action or a mask, in the order of ``spaces.leaves``; None where all is legal."""
    parts, treedef = _flatten(space)
    return [None] * len(parts) if tree is None else treedef.flatten_up_to(tree)


def to_env(space: spaces.Space, raw: Any) -> Any:
    """The action of ``space`` that a raw action (without a batch axis) stands for."""
    parts, treedef = _flatten(space)
    return treedef.unflatten(map(_decode, parts, treedef.flatten_up_to(raw)))


def from_env(space: spaces.Space, action: Any) -> Any:
    """The raw action (without a batch axis) that stands for an action of ``space``, or for the nearest one in it."""
    parts, treedef = _flatten(space)
    return treedef.unflatten(map(_encode, parts, treedef.flatten_up_to(action)))


def _flatten(space: spaces.Space) -> tuple[list, Any]:
    tree = space.spaces if isinstance(space, spaces.Tree) else space
    return jax.tree.flatten(tree, is_leaf=lambda node: isinstance(node, spaces.Space))


def _factor(space: Any, head: Any, mask: Array | None, kept: int, squashed: bool) -> Any:
    if isinstance(space, spaces.Discrete):
        logits = head if mask is None else jnp.where(mask, head, -jnp.inf)
        entries = _Categorical(logits)
    else:
        mean, log_std = head
        std = jnp.exp(log_std)
        entries = _Squashed(mean, std, _finite(space)) if squashed else _Normal(mean, std)
    return distrax.Independent(entries, reinterpreted_batch_ndims=len(space.shape) - kept)


def _decode(space: Any, raw: Array) -> Array:
    if isinstance(space, spaces.Discrete):
        return raw.astype(space.dtype)
    middle, half = _units(space)
    return jnp.clip(middle + half * raw, space.low, space.high).astype(space.dtype)


def _encode(space: Any, action: Array) -> Array:
    if isinstance(space, spaces.Discrete):
        return jnp.asarray(action, jnp.int32)
    middle, half = _units(space)
    return (jnp.clip(action, space.low, space.high) - middle) / half


def _units(space: Any) -> tuple[Array, Array]:
    """Middle and half range of each entry of a box; 0 and 1 where it is not bounded on both sides."""
    finite = _finite(space)
    low, high = jnp.broadcast_to(space.low, space.shape), jnp.broadcast_to(space.high, space.shape)
    bottom, top = jnp.where(finite, low, -1.0), jnp.where(finite, high, 1.0)
    return (bottom + top) / 2, (top - bottom) / 2


def _finite(space: Any) -> Array:
    """Which entries of a box are bounded on both sides."""
    return jnp.broadcast_to(jnp.isfinite(space.low) & jnp.isfinite(space.high), space.shape)
