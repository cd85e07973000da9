"""Backward induction over a finite horizon."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.env.finite import FiniteModel
from jaxinv.solvers import bellman
from jaxinv.solvers.bellman import in_double_precision


@struct.dataclass
class Plan:
    """Of a finite model with S states over T periods."""

    values: Array  # [T + 1, S] expected discounted reward from each period and state on
    actions: Array  # int32 [T, S] an optimal action, the first of several


@in_double_precision
def backward_induction(
    model: FiniteModel, params: Any, horizon: int, *, final: Any = None, batch_size: int | None = None
) -> Plan:
    """Optimal rewards over ``horizon`` periods, discounted at ``params.discount``; ``final`` [S] is what the states are
    worth after the last one (default nothing). What the environment itself charges at the end of its horizon is
    counted, since period t is solved in states whose time is t. Can be vmapped over ``params``."""
    final = jnp.zeros(model.num_states) if final is None else jnp.asarray(final, float)
    return _induce(model, params, final, horizon, batch_size)


@partial(jax.jit, static_argnames=("model", "horizon", "batch_size"))
def _induce(model, params, final, horizon, batch_size) -> Plan:
    discount = jnp.asarray(params.discount, float)

    def period(values: Array, time: Array):
        values, actions, _ = bellman.improve(model, params, values, discount, batch_size, time)
        return values, (values, actions)

    _, (values, actions) = jax.lax.scan(period, final, jnp.arange(horizon, dtype=jnp.int32), reverse=True)
    return Plan(values=jnp.concatenate([values, final[None]]), actions=actions)
