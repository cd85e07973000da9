"""Running mean and variance, kept in the learner's state."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct

CLIP = 10.0  # bound of a standardised feature
FLAT = 1e-4  # a feature counts as constant when its deviation is less than this part of 1 + |mean|


@struct.dataclass(kw_only=True)
class RunningStatistics:
    """Mean and variance per feature of everything seen, in a tree of observations.

    The features of an array are its last axis; all axes before it are pooled, so an observation [W, K, F] has F
    features and every cell of it is standardised alike. Batches are merged as by Chan et al. (1983, The American
    Statistician 37(3)) with equal weights. Batches are counted, not samples, which float32 could not count
    beyond 16.7e6; from ``memory`` batches on the weights decay exponentially, as what an untrained policy saw must
    not count for ever.
    """

    mean: Any  # leaves [F], or [] where the observation has scalars
    variance: Any
    batches: Array  # int32 []
    memory: int = struct.static()

    @classmethod
    def like(cls, observation: Any, memory: int) -> "RunningStatistics":
        """Mean 0 and variance 1, for observations (without a batch axis) of this structure."""
        mean = jax.tree.map(lambda x: jnp.zeros(x.shape[-1:], jnp.float32), observation)
        return cls(mean=mean, variance=jax.tree.map(jnp.ones_like, mean), batches=jnp.int32(0), memory=memory)

    def update(self, batch: Any) -> "RunningStatistics":
        """Statistics with a batch merged in: observations with any leading axes."""
        weight = 1.0 / jnp.minimum(self.batches + 1, self.memory)

        def merge(x, mean, variance):
            pooled = tuple(range(x.ndim - mean.ndim))
            shift = jnp.mean(x, pooled) - mean
            spread = jnp.var(x, pooled) - variance + (1.0 - weight) * shift**2
            return mean + weight * shift, variance + weight * spread

        merged = jax.tree.map(merge, batch, self.mean, self.variance)
        mean, variance = jax.tree.transpose(jax.tree.structure(batch), jax.tree.structure((0, 0)), merged)
        return dataclasses.replace(self, mean=mean, variance=variance, batches=self.batches + 1)

    def standardise(self, observation: Any) -> Any:
        """Observations, with any leading axes, in standard deviations from the mean. Features that have never
        varied are only centred, so that one which begins to vary does not explode."""

        def apply(x, mean, variance):
            std = jnp.sqrt(variance)
            scale = jnp.where(std > FLAT * (1.0 + jnp.abs(mean)), std, 1.0)
            batch_axes = tuple(range(x.ndim - mean.ndim))
            centred = x - jnp.expand_dims(mean, batch_axes)
            return jnp.clip(centred / jnp.expand_dims(scale, batch_axes), -CLIP, CLIP)

        return jax.tree.map(apply, observation, self.mean, self.variance)
