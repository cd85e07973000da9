"""Causal networks over time (flax.linen), each in two forms that agree: over a whole history at once, which is how they
are trained, and one period at a time after a history, along many paths that share it, which is how paths are drawn.

    outputs, memory = network(x)                      x [B, L, F], outputs [B, L, hidden]
    own = network.begin(memory, paths, horizon)       what each path adds, leaves [B, S, ...]
    output, own = network.step(memory, own, x, i)     x [B, S, F] of period i ahead, output [B, S, hidden]
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array


class GRU(nn.Module):
    """A gated recurrent unit (Cho et al. 2014, arXiv:1406.1078)."""

    hidden: int = 48

    def setup(self):
        self.embed = nn.Dense(self.hidden)
        self.cell = nn.GRUCell(self.hidden)
        self.over_time = nn.RNN(self.cell, return_carry=True)

    def __call__(self, x: Array) -> tuple[Array, Any]:
        memory, outputs = self.over_time(nn.gelu(self.embed(x)))
        return outputs, memory

    def begin(self, memory: Any, paths: int, horizon: int) -> Any:
        return jnp.repeat(memory[:, None], paths, 1)

    def step(self, memory: Any, own: Any, x: Array, i: Array) -> tuple[Array, Any]:
        own, output = self.cell(own, nn.gelu(self.embed(x)))
        return output, own


class Convolution(nn.Module):
    """Dilated causal convolutions of width 2, each added to what it reads (Bai, Kolter and Koltun 2018,
    arXiv:1803.01271): the last layer sees 2^num_layers periods."""

    hidden: int = 48
    num_layers: int = 6

    def setup(self):
        self.embed = nn.Dense(self.hidden)
        self.now = [nn.Dense(self.hidden) for _ in range(self.num_layers)]
        self.before = [nn.Dense(self.hidden, use_bias=False) for _ in range(self.num_layers)]
        self.out = [nn.Dense(self.hidden) for _ in range(self.num_layers)]
        self.norm = nn.LayerNorm()

    def __call__(self, x: Array) -> tuple[Array, Any]:
        x, memory = self.embed(x), []
        for layer in range(self.num_layers):
            memory.append(x)
            before = jnp.pad(x, ((0, 0), (2**layer, 0), (0, 0)))[:, : x.shape[1]]
            x = self._layer(layer, x, before)
        return self.norm(x), memory

    def begin(self, memory: Any, paths: int, horizon: int) -> Any:
        return [jnp.zeros((len(memory[0]), paths, horizon, self.hidden)) for _ in range(self.num_layers)]

    def step(self, memory: Any, own: Any, x: Array, i: Array) -> tuple[Array, Any]:
        x, added = self.embed(x), []
        for layer, (past, ours) in enumerate(zip(memory, own, strict=True)):
            added.append(jax.lax.dynamic_update_index_in_dim(ours, x, i, 2))
            back = i - 2**layer  # periods after the history, or before its end
            of_path = jax.lax.dynamic_index_in_dim(ours, jnp.maximum(back, 0), 2, keepdims=False)
            row = past.shape[1] + back
            of_history = jax.lax.dynamic_index_in_dim(past, jnp.maximum(row, 0), 1)
            of_history = jnp.where(row >= 0, of_history, 0.0)
            x = self._layer(layer, x, jnp.where(back >= 0, of_path, of_history))
        return self.norm(x), added

    def _layer(self, layer: int, x: Array, before: Array) -> Array:
        return x + self.out[layer](nn.gelu(self.now[layer](x) + self.before[layer](before)))


class Transformer(nn.Module):
    """Causal self-attention (Vaswani et al. 2017, arXiv:1706.03762, with normalisation before each part) over the last
    ``window`` periods. Places are told by a learned bias for each distance (as Raffel et al. 2020, JMLR 21(140)), so
    that attention can keep to weekdays."""

    hidden: int = 48
    num_layers: int = 2
    num_heads: int = 4
    window: int = 64

    def setup(self):
        each = range(self.num_layers)
        self.embed = nn.Dense(self.hidden)
        self.normal = [nn.LayerNorm() for _ in each]
        self.query, self.keys, self.values = (
            [nn.DenseGeneral((self.num_heads, self.hidden // self.num_heads)) for _ in each] for _ in range(3)
        )
        self.bias = [self.param(f"bias_{i}", nn.initializers.normal(0.02), (self.num_heads, self.window)) for i in each]
        self.merge = [nn.DenseGeneral(self.hidden, axis=(-2, -1)) for _ in each]
        self.normal_dense = [nn.LayerNorm() for _ in each]
        self.widen = [nn.Dense(2 * self.hidden) for _ in each]
        self.narrow = [nn.Dense(self.hidden) for _ in each]
        self.norm = nn.LayerNorm()

    def __call__(self, x: Array) -> tuple[Array, Any]:
        x, memory = self.embed(x), []
        places = jnp.arange(x.shape[1])
        for layer in range(self.num_layers):
            normal = self.normal[layer](x)
            query, keys, values = self._query(layer, normal), self.keys[layer](normal), self.values[layer](normal)
            memory.append((keys, values))
            scores = jnp.einsum("bqhd,bkhd->bqhk", query, keys)
            scores = scores + self._by_distance(layer, places[:, None] - places[None])[None]
            x = self._add(layer, x, jnp.einsum("bqhk,bkhd->bqhd", nn.softmax(scores), values))
        return self.norm(x), memory

    def begin(self, memory: Any, paths: int, horizon: int) -> Any:
        shape = (len(memory[0][0]), paths, horizon, self.num_heads, self.hidden // self.num_heads)
        return [(jnp.zeros(shape), jnp.zeros(shape)) for _ in range(self.num_layers)]

    def step(self, memory: Any, own: Any, x: Array, i: Array) -> tuple[Array, Any]:
        x, added = self.embed(x), []
        for layer, ((keys, values), ours) in enumerate(zip(memory, own, strict=True)):
            normal = self.normal[layer](x)
            new = self.keys[layer](normal), self.values[layer](normal)
            own_keys, own_values = (
                jax.lax.dynamic_update_index_in_dim(old, each, i, 2) for old, each in zip(ours, new, strict=True)
            )
            added.append((own_keys, own_values))
            query, history, horizon = self._query(layer, normal), keys.shape[1], own_keys.shape[2]
            distance = history + i - jnp.arange(history + horizon)
            scores = [
                jnp.einsum("bshd,bkhd->bshk", query, keys),
                jnp.einsum("bshd,bskhd->bshk", query, own_keys),
            ]
            scores = jnp.concatenate(scores, -1) + self._by_distance(layer, distance)[None, None]
            weights = nn.softmax(scores)
            read = jnp.einsum("bshk,bkhd->bshd", weights[..., :history], values)
            read += jnp.einsum("bshk,bskhd->bshd", weights[..., history:], own_values)
            x = self._add(layer, x, read)
        return self.norm(x), added

    def _query(self, layer: int, normal: Array) -> Array:
        return self.query[layer](normal) / jnp.sqrt(self.hidden // self.num_heads)

    def _by_distance(self, layer: int, distance: Array) -> Array:
        """What moves the scores of periods that lie ``distance`` [..., K] back, [..., heads, K]; far, out of sight."""
        bias = self.bias[layer][:, jnp.clip(distance, 0, self.window - 1)]
        seen = (distance >= 0) & (distance < self.window)
        return jnp.moveaxis(jnp.where(seen[None], bias, -1e9), 0, -2)

    def _add(self, layer: int, x: Array, read: Array) -> Array:
        x = x + self.merge[layer](read)
        return x + self.narrow[layer](nn.gelu(self.widen[layer](self.normal_dense[layer](x))))


NETWORKS = {network.__name__: network for network in (GRU, Convolution, Transformer)}
