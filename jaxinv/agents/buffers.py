"""What off-policy learners remember: the last periods of all environments, on the device."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct


@struct.dataclass(kw_only=True)
class ReplayBuffer:
    """A ring of the last R periods of N environments.

    Periods stay in order, so that n-step windows are read from it when they are sampled. The rows of one iteration are
    inserted together; R is a multiple of their number, so that they never wrap around.
    """

    data: Any  # [R, N, ...]
    priorities: Array | None  # [R, N]; 0 of what is not there yet. None: all are sampled alike
    position: Array  # int32 []: the row to be written next
    size: Array  # int32 []: rows that hold something

    @classmethod
    def like(cls, example: Any, rows: int, *, prioritised: bool) -> "ReplayBuffer":
        """An empty buffer of ``rows`` periods like the ``example``, leaves [N, ...]."""
        num_envs = jax.tree.leaves(example)[0].shape[0]
        return cls(
            data=jax.tree.map(lambda x: jnp.zeros((rows, *x.shape), x.dtype), example),
            priorities=jnp.zeros((rows, num_envs)) if prioritised else None,
            position=jnp.int32(0),
            size=jnp.int32(0),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """(R, N)."""
        return jax.tree.leaves(self.data)[0].shape[:2]

    def insert(self, block: Any) -> "ReplayBuffer":
        """With the next periods, leaves [T, N, ...], in place of the oldest. They get the largest priority there is,
        so that all are seen soon."""
        length = jax.tree.leaves(block)[0].shape[0]

        def write(ring: Array, new: Array) -> Array:
            return jax.lax.dynamic_update_slice_in_dim(ring, new, self.position, 0)

        priorities = self.priorities
        if priorities is not None:
            largest = jnp.where(self.size > 0, jnp.max(priorities), 1.0)
            priorities = write(priorities, jnp.full((length, self.shape[1]), largest))
        return dataclasses.replace(
            self,
            data=jax.tree.map(write, self.data, block),
            priorities=priorities,
            position=(self.position + length) % self.shape[0],
            size=jnp.minimum(self.size + length, self.shape[0]),
        )

    def sample(
        self, key: Array, batch_size: int, n: int, exponent: Array | float = 0.0
    ) -> tuple[tuple[Array, Array], Array]:
        """Positions (rows, environments), int32 [B] each, that begin a window of ``n`` periods, and how likely each was
        to be drawn [B], relative to drawing all alike. The chance of a position is its priority to the power
        ``exponent``; draws are stratified (Schaul et al. 2016, arXiv:1511.05952, sec. 3.3)."""
        rows, num_envs = self.shape
        if self.priorities is None:
            row_key, env_key = jax.random.split(key)
            age = jax.random.randint(row_key, (batch_size,), n, self.size + 1)
            row = (self.position - age) % rows
            return (row, jax.random.randint(env_key, (batch_size,), 0, num_envs)), jnp.ones(batch_size)
        age = (self.position - 1 - jnp.arange(rows)) % rows + 1
        begins = (age >= n) & (age <= self.size)
        weights = jnp.where(begins[:, None], self.priorities**exponent, 0.0)
        cumulative = jnp.cumsum(jnp.sum(weights, 1))
        u = (jnp.arange(batch_size) + jax.random.uniform(key, (batch_size,))) / batch_size
        # Rows first, then environments in them. Rounding must reach neither the end nor what has no weight.
        u = u * cumulative[-1] * (1.0 - 1e-6)
        row = jnp.searchsorted(cumulative, u, side="right")
        within = jnp.cumsum(weights[row], 1)
        u = jnp.clip(u - (cumulative[row] - within[:, -1]), 0.0, within[:, -1] * (1.0 - 1e-6))
        env = jnp.sum(within <= u[:, None], 1)
        likelihood = weights[row, env] / cumulative[-1] * (jnp.sum(begins) * num_envs)
        return (row, env), likelihood

    def windows(self, read: Any, index: tuple[Array, Array], n: int) -> Any:
        """``n`` successive periods from each position on, of ``read``, a part of :attr:`data`: leaves [n, B, ...]."""
        row, env = index
        row = (row[None] + jnp.arange(n)[:, None]) % self.shape[0]
        return jax.tree.map(lambda x: x[row, env[None]], read)

    def prioritise(self, index: tuple[Array, Array], priority: Array) -> "ReplayBuffer":
        """With new priorities [B] of sampled positions."""
        if self.priorities is None:
            return self
        return dataclasses.replace(self, priorities=self.priorities.at[index].set(priority))
