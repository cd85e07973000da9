"""From levels learned along slopes to orders in whole batches."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.evaluate import Paths, evaluate

_PARTS = tuple(i / 10 for i in range(-4, 5))  # of a batch


@struct.dataclass
class ShiftedLevels:
    """A policy whose order-up-to levels, alone or as ``"level"`` beside choices, are moved by a ``part`` [] of a
    batch."""

    policy: Any
    part: Array

    def __call__(self, env: Any, state: Any, params: Any, key: Array | None = None) -> Any:
        action, shift = self.policy(env, state, params, key), self.part * params.batch_size
        return action | {"level": action["level"] + shift} if isinstance(action, dict) else action + shift


@partial(jax.jit, static_argnames=("env", "warmup"))
def shift_levels(policy: Any, env: Any, params: Any, paths: Paths, *, warmup: int = 0) -> ShiftedLevels:
    """The policy, which acts in an ``OrderUpTo`` around ``RoundToBatches`` (``env``), with its levels moved by the part
    of a batch, 0.4 at most, that costs least on the paths after the ``warmup``.

    Levels that were learned along slopes need not do best when orders are rounded to the nearest batch: where two
    orders cost nearly the same, the slope between them says little.
    """

    def cost(part: Array) -> Array:
        return evaluate(ShiftedLevels(policy, part), env, params, paths, warmup=warmup).cost_mean

    parts = jnp.asarray(_PARTS)
    return ShiftedLevels(policy, parts[jnp.argmin(jax.lax.map(cost, parts))])
