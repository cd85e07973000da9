"""Common random numbers: exogenous paths that every policy is judged on."""

from functools import partial
from typing import Any

import jax
from jax import Array

from jaxinv import struct


@struct.dataclass
class Paths:
    """Where simulations start and what happens in them whatever is decided."""

    states: Any  # initial states, leaves [N, ...]
    exogenous: Any  # exogenous information, leaves [N, T, ...]

    @property
    def num_paths(self) -> int:
        return jax.tree.leaves(self.exogenous)[0].shape[0]

    @property
    def length(self) -> int:
        return jax.tree.leaves(self.exogenous)[0].shape[1]


@partial(jax.jit, static_argnames=("env", "num_paths", "length"))
def sample_paths(env: Any, params: Any, key: Array, num_paths: int, length: int) -> Paths:
    """``num_paths`` independent initial states and the exogenous information of ``length`` periods after each.

    They are held in memory: of ``MultiWarehouse``, four numbers per cell, period and path.
    """

    def one(key):
        first, rest = jax.random.split(key)
        _, state = env.reset(first, params)
        return state, env.sample_path(rest, state, params, length)

    return Paths(*jax.vmap(one)(jax.random.split(key, num_paths)))
