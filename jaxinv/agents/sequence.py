"""An actor-critic network that reads a sequence of observations, as ``jaxinv.env.history.ObservationHistory`` gives
them: arrays [T, ...], the latest last."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from jaxinv.agents.networks import Head, dense, orthogonal
from jaxinv.env import spaces


class GRU(nn.Module):
    """What a gated recurrent unit (Cho et al. 2014, arXiv:1406.1078) knows [..., H] after sequences [..., T, F]."""

    hidden: int = 64

    @nn.compact
    def __call__(self, x: Array) -> Array:
        # flax's default initialiser is a QR decomposition, see ``orthogonal``.
        cell = nn.GRUCell(self.hidden, recurrent_kernel_init=orthogonal(1.0))
        known: Any = nn.RNN(cell)(nn.tanh(dense(self.hidden)(x)))
        return nn.tanh(dense(self.hidden)(known[..., -1, :]))


class Transformer(nn.Module):
    """What causal self-attention (Vaswani et al. 2017, arXiv:1706.03762, with normalisation before each part) knows
    [..., H] at the end of sequences [..., T, F]."""

    hidden: int = 64
    num_layers: int = 2
    num_heads: int = 4

    @nn.compact
    def __call__(self, x: Array) -> Array:
        position = self.param("position", nn.initializers.normal(0.02), (x.shape[-2], self.hidden))
        mask = nn.make_causal_mask(x[..., 0])
        x = dense(self.hidden)(x)
        x = x + jnp.broadcast_to(position, x.shape)
        for _ in range(self.num_layers):
            normal = nn.LayerNorm()(x)
            x = x + nn.MultiHeadDotProductAttention(self.num_heads)(normal, normal, mask=mask)
            x = x + dense(self.hidden)(nn.gelu(dense(4 * self.hidden)(nn.LayerNorm()(x))))
        return nn.LayerNorm()(x[..., -1, :])


class SequenceNetwork(nn.Module):
    """Policy and value, each with a memory of its own unless they share it.

    With ``cell_axes`` n the n axes after time are cells, as in the observations [T, W, K, F] of a ``MultiWarehouse``
    (2): one small memory, whose weights they share, reads the past of each, and action leaves begin with these axes.
    """

    memory: nn.Module = GRU()
    shared: bool = False  # whether policy and value share the memory
    initial_log_std: float = -0.5
    cell_axes: int = 0

    @nn.compact
    def __call__(self, observation: Any, space: spaces.Space) -> tuple[tuple, Array]:
        lead = self.cell_axes + 1
        x = jnp.concatenate([leaf.reshape(*leaf.shape[:lead], -1) for leaf in jax.tree.leaves(observation)], -1)
        x = jnp.moveaxis(x, 0, -2)
        policy = self.memory.copy(name="policy_memory")(x)
        value = policy if self.shared else self.memory.copy(name="value_memory")(x)
        heads = tuple(Head(self.initial_log_std)(policy, leaf) for leaf in spaces.leaves(space))
        value = jnp.mean(value, tuple(range(self.cell_axes)))
        return heads, dense(1, 1.0)(value)[0]
