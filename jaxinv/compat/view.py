"""An environment as other packages see it: arrays by name in place of structs, and periods without autoreset."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv.env import Environment, spaces


def named(tree: Any) -> dict[str, Any]:
    """Leaves (spaces are leaves, too) by the names on the way to them."""
    leaves = jax.tree.leaves_with_path(tree, is_leaf=lambda x: isinstance(x, spaces.Space))
    return {jax.tree_util.keystr(path, simple=True, separator="_"): leaf for path, leaf in leaves}


def shape(leaf: Any) -> tuple[int, ...]:
    """Shape of what a ``Box`` or ``Discrete`` space describes, as shown: one choice is a scalar and one real number a
    vector, since that is what learners have networks for."""
    if isinstance(leaf, spaces.Discrete):
        return () if math.prod(leaf.shape) == 1 else leaf.shape
    return leaf.shape or (1,)


def convert(space: spaces.Space, leaf: Callable[[Any], Any], group: Callable[[dict[str, Any]], Any]) -> Any:
    """``space`` in another package's terms: ``leaf`` converts a ``Box`` or ``Discrete``, ``group`` joins several."""
    if isinstance(space, spaces.Tree):
        return group({name: leaf(entry) for name, entry in named(space.spaces).items()})
    return leaf(space)


def outward(space: Any, value: Any) -> Any:
    """A value of ``space`` as shown: an array, or a dictionary of them."""
    if not isinstance(space, spaces.Tree):
        return jnp.reshape(value, shape(space))
    entries = zip(named(space.spaces).items(), jax.tree.leaves(value), strict=True)
    return {name: outward(entry, x) for (name, entry), x in entries}


def inward(space: Any, value: Any) -> Any:
    """The value of ``space`` that is shown as ``value``. Raises ``ValueError`` for other names or sizes."""
    if not isinstance(space, spaces.Tree):
        value = jnp.asarray(value, space.dtype)
        if value.size != math.prod(space.shape):
            raise ValueError(f"the action must have the shape {shape(space)}, got {value.shape}")
        return jnp.reshape(value, space.shape)
    entries = named(space.spaces)
    if set(value) != set(entries):
        raise ValueError(f"the action must have the entries {', '.join(entries)}, got {', '.join(map(str, value))}")
    treedef = jax.tree.structure(space.spaces, is_leaf=lambda x: isinstance(x, spaces.Space))
    return treedef.unflatten([inward(entry, value[name]) for name, entry in entries.items()])


def mask(env: Environment, value: Any, params: Any) -> Any:
    """The action mask ``value`` as shown: in the shape of the logits of the action, by name where there are several."""
    space = env.action_space(params)
    if value is None:
        return None
    return jnp.reshape(value, (*shape(space), space.n)) if isinstance(space, spaces.Discrete) else named(value)


def extras(env: Environment, state: Any, params: Any) -> dict[str, Any]:
    """What is known beside the observation: the mask of the actions legal in ``state``, where not all are."""
    legal = mask(env, env.action_mask(state, params), params)
    return {} if legal is None else {"action_mask": legal}


def reset(env: Environment, u: Array, params: Any) -> tuple[Any, Any, dict[str, Any]]:
    """(state, observation, info) of a new episode from uniforms [num_initial_uniforms]."""
    state = env.init_state(u, params)
    observation = outward(env.observation_space(params), env.observe(state, params))
    return state, observation, extras(env, state, params)


def period(
    env: Environment, u: Array, state: Any, action: Any, params: Any
) -> tuple[Any, Any, Array, Array, Array, dict[str, Any]]:
    """One period from uniforms [num_uniforms], with time limit and without reset: (state, observation, reward,
    terminated, truncated, info)."""
    action = inward(env.action_space(params), action)
    state, outcome = env.transition(state, action, env.exogenous(u, state, params), params)
    truncated = (state.time >= params.max_steps_in_episode) & ~outcome.terminated
    observation = outward(env.observation_space(params), env.observe(state, params))
    info = {"ledger": named(outcome.ledger), **extras(env, state, params)}
    return state, observation, outcome.reward, outcome.terminated, truncated, info
