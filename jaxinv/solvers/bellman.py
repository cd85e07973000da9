"""Bellman operators on a finite model: expectations over the environment's own transition, in batches of states.

Nothing is tabulated: a batch of states by actions by outcomes is all that is in memory besides the values. Values are
in double precision, since float32 cannot tell values of hundreds apart by the 1e-6 that solutions are wanted to.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer

from jaxinv.env.finite import FiniteModel

# Triples of state, action and outcome that are in memory at a time, unless the caller gives a number of states: few
# enough for the cache.
_TRIPLES = 2**16

Solver = TypeVar("Solver", bound=Callable)
# What to do in a state: its number and the state itself -> the environment's action.
Decision = Callable[[Array, Any], Any]


def in_double_precision(solver: Solver) -> Solver:
    """Run ``solver`` in float64 whatever the caller's setting is. Results come back as numpy arrays, float64 ones;
    inside ``jit`` and ``vmap``, which cannot hold them, as float32."""

    def leave(leaf: Any) -> Any:
        if not isinstance(leaf, Tracer):
            return np.asarray(leaf)
        return leaf.astype(jnp.float32) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf.astype(jnp.int32)

    @wraps(solver)
    def run(*args: Any, **kwargs: Any) -> Any:
        with jax.enable_x64(True):
            return jax.tree.map(leave, solver(*args, **kwargs))

    return run  # type: ignore[return-value]


def discount_below_one(params: Any) -> Array:
    """``params.discount``; raises ``ValueError`` where it is known not to be below 1."""
    if not isinstance(params.discount, Tracer) and np.any(np.asarray(params.discount) >= 1.0):
        raise ValueError(
            f"values need a discount below 1, got {np.asarray(params.discount).tolist()}: give params another one, or "
            "ask for the average reward"
        )
    return params.discount


def action_value(
    model: FiniteModel, params: Any, values: Array, discount: Array, state: Any, action: Any
) -> tuple[Array, Array]:
    """Expected reward of ``action`` in ``state`` plus the discounted value of where it leads, [], and whether the
    problem may end there, bool []."""
    index, weights, reward, ends = outcomes(model, params, state, action)
    value = jnp.sum(weights * (reward + discount * jnp.where(ends, 0.0, values[index])))
    return value, jnp.any(ends & (weights > 0.0))


def outcomes(model: FiniteModel, params: Any, state: Any, action: Any) -> tuple[Array, Array, Array, Array]:
    """All that can come of ``action`` in ``state``: numbers of the next states, probabilities, rewards, ends; [K]."""
    exo, probabilities = model.exogenous_support(state, action, params)
    following, outcome = jax.vmap(model.env.transition, (None, None, 0, None))(state, action, exo, params)
    index = jax.vmap(model.state_to_index, (0, None))(following, params)
    probabilities = probabilities.astype(float)  # may be float32 ones, whose sum is not 1 to the precision wanted
    return index, probabilities / jnp.sum(probabilities), outcome.reward, outcome.terminated


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
    model: FiniteModel, params: Any, values: Array, discount: Array, batch_size: int | None, time: Array | int = 0
) -> tuple[Array, Array, Array]:
    """The Bellman optimality operator: (values [S], greedy actions int32 [S], the first of several, and whether the
    problem may end, bool [])."""
    actions = jnp.arange(model.num_actions, dtype=jnp.int32)

    def best(index: Array) -> tuple[Array, Array, Array]:
        state = model.index_to_state(index, params, time)

        def value(action: Array) -> tuple[Array, Array]:
            return action_value(model, params, values, discount, state, model.index_to_action(action, params))

        q, ends = jax.vmap(value)(actions)
        legal = model.action_mask(state, params)
        q = jnp.where(legal, q, -jnp.inf)
        highest = jnp.max(q)
        # Not argmax, which cannot be compiled in double precision within a program in single precision.
        return highest, jnp.min(jnp.where(q == highest, actions, model.num_actions)), jnp.any(ends & legal)

    batch_size = batch_size or default_batch_size(model, params, model.num_actions)
    values, actions_, ends = over_states(best, model.num_states, batch_size)
    return values, actions_, jnp.any(ends)


def follow(
    model: FiniteModel, params: Any, values: Array, discount: Array, decide: Decision, batch_size: int | None
) -> tuple[Array, Array]:
    """The Bellman operator of a policy: values [S], and whether the problem may end, bool []."""

    def value(index: Array) -> tuple[Array, Array]:
        state = model.index_to_state(index, params)
        return action_value(model, params, values, discount, state, decide(index, state))

    values, ends = over_states(value, model.num_states, batch_size or default_batch_size(model, params, 1))
    return values, jnp.any(ends)


def decision(model: FiniteModel, params: Any, policy: Any) -> Decision:
    """What ``policy`` does, an array of action numbers [S] or a policy for ``model.env``; the latter must not draw."""
    if callable(policy):
        return lambda index, state: policy(model.env, state, params, jax.random.key(0))
    return lambda index, state: model.index_to_action(jnp.asarray(policy)[index], params)
