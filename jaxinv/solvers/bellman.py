"""Bellman operators on a finite model: expectations over the environment's own transition, in batches of states.

Nothing is tabulated: a batch of states by actions by outcomes is all that is in memory besides the values. Values are
in double precision, since float32 cannot tell values of hundreds apart by the 1e-6 that solutions are wanted to.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer

from jaxinv.env.finite import FiniteModel

# Triples of state, action and outcome that are in memory at a time, unless the caller gives a number of states.
_TRIPLES = 2**20


def in_double_precision(solver: Callable) -> Callable:
    """Run ``solver`` in float64 whatever the caller's setting is. Floats come back as float64 numpy arrays; inside
    ``jit`` and ``vmap``, which cannot hold them, as float32."""

    def leave(leaf: Any) -> Any:
        if not isinstance(leaf, Tracer):
            return np.asarray(leaf)
        return leaf.astype(jnp.float32) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf.astype(jnp.int32)

    def run(*args: Any, **kwargs: Any) -> Any:
        with jax.enable_x64(True):
            return jax.tree.map(leave, solver(*args, **kwargs))

    return run


def action_values(model: FiniteModel, params: Any, values: Array, discount: Array, state: Any, action: Any) -> Array:
    """Expected reward of ``action`` in ``state`` plus the discounted value of where it leads, []."""
    exo, probabilities = model.exogenous_support(state, action, params)
    following, outcome = jax.vmap(model.env.transition, (None, None, 0, None))(state, action, exo, params)
    index = jax.vmap(model.state_to_index, (0, None))(following, params)
    later = jnp.where(outcome.terminated, 0.0, values[index])
    # Probabilities may be float32 ones, whose sum is not 1 to the precision wanted.
    weights = probabilities.astype(float) / jnp.sum(probabilities.astype(float))
    return weights @ (outcome.reward + discount * later)


def over_states(function: Callable[[Array], Any], num_states: int, batch_size: int) -> Any:
    """``function`` of every state's number, ``batch_size`` of them at a time; leaves [num_states, ...]."""
    batch_size = min(batch_size, num_states)
    batches = -(-num_states // batch_size)
    numbers = jnp.minimum(jnp.arange(batches * batch_size, dtype=jnp.int32), num_states - 1)
    results = jax.lax.map(jax.vmap(function), numbers.reshape(batches, batch_size))
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:num_states], results)


def default_batch_size(model: FiniteModel, params: Any, num_actions: int) -> int:
    """States at a time that keep a batch within ``_TRIPLES``."""

    def probabilities(params: Any) -> Array:
        state = model.index_to_state(jnp.int32(0), params)
        return model.exogenous_support(state, model.index_to_action(jnp.int32(0), params), params)[1]

    return max(1, _TRIPLES // (num_actions * jax.eval_shape(probabilities, params).shape[0]))


def improve(
    model: FiniteModel, params: Any, values: Array, discount: Array, *, time: Array | int = 0, batch_size: int
) -> tuple[Array, Array]:
    """The Bellman optimality operator: (values [S], greedy actions int32 [S], the first of several)."""
    actions = jnp.arange(model.num_actions, dtype=jnp.int32)

    def best(index: Array) -> tuple[Array, Array]:
        state = model.index_to_state(index, params, time)

        def value(action: Array) -> Array:
            return action_values(model, params, values, discount, state, model.index_to_action(action, params))

        q = jnp.where(model.action_mask(state, params), jax.vmap(value)(actions), -jnp.inf)
        return jnp.max(q), jnp.argmax(q).astype(jnp.int32)

    return over_states(best, model.num_states, batch_size)


def follow(
    model: FiniteModel,
    params: Any,
    values: Array,
    discount: Array,
    decide: Callable[[Array, Any], Any],
    *,
    batch_size: int,
) -> Array:
    """The Bellman operator of a policy, [S]; ``decide(index, state)`` is its action."""

    def value(index: Array) -> Array:
        state = model.index_to_state(index, params)
        return action_values(model, params, values, discount, state, decide(index, state))

    return over_states(value, model.num_states, batch_size)
