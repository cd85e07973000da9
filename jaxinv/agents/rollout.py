"""A batch of environments that a learner runs."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv.env.core import Environment, Ledger


def start(env: Environment, env_params: Any, num_envs: int, key: Array, *, stagger: bool) -> tuple[Any, Any, Any]:
    """States, observations and action masks [num_envs, ...] of new episodes; with ``stagger`` as if some time had
    passed, lest all reach the time limit together."""
    state_key, time_key = jax.random.split(key)
    u = jax.random.uniform(state_key, (num_envs, env.num_initial_uniforms(env_params)))
    state = jax.vmap(env.init_state, in_axes=(0, None))(u, env_params)
    if stagger:
        time = jax.random.randint(time_key, (num_envs,), 0, env_params.max_steps_in_episode)
        state = state.replace(time=time)
    observation = jax.vmap(env.observe, in_axes=(0, None))(state, env_params)
    return state, observation, jax.vmap(env.action_mask, in_axes=(0, None))(state, env_params)


def by_cause(ledger: Any, num_envs: int) -> dict[str, Array]:
    """Money per environment of a batch of ledgers by cause; nothing for an environment that keeps no ledger."""
    if not isinstance(ledger, Ledger):
        return {}
    named = [("gain", name) for name in ledger.GAINS] + [("cost", name) for name in ledger.COSTS]
    return {f"{kind}/{name}": jnp.sum(getattr(ledger, name)) / num_envs for kind, name in named}
