"""Starting where a heuristic is: a network that learns to act as it does, from its own decisions."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxinv.agents import distributions
from jaxinv.env import spaces


def imitate(learner: Any, state: Any, env_params: Any, key: Array) -> Any:
    """The state of an on-policy learner whose policy acts as ``learner.teacher`` does, and whose environments are where
    that one led them.

    The teacher runs the environments for ``learner.teacher_periods``, and after each the weights move once towards
    what it did, by a learning rate that falls to zero: the likelihood of its choices, or the squared distance to its
    quantities. How much is explored in quantities, and what the network says states are worth, stay as they are.
    """
    env, space = learner.env, state.action_space

    def shown(env_state: Any) -> Any:
        """What the teacher does, as an action of the environment that is learned in."""
        action = learner.teacher(env, env_state, env_params, jax.random.key(0))  # heuristics are deterministic
        return env.encode(action, env_state, env_params)

    def loss(params: Any, observation: Any, mask: Any, raw: Any) -> Array:
        heads, _ = learner._apply(params, observation, space)
        kept = tuple(
            head if isinstance(leaf, spaces.Discrete) else (head[0], jax.lax.stop_gradient(head[1]))
            for leaf, head in zip(spaces.leaves(space), heads, strict=True)
        )
        return -jnp.mean(distributions.distribution(space, kept, mask).log_prob(raw))

    def period(carry: tuple[Any, Any], inputs: tuple[Array, Array]) -> tuple[tuple[Any, Any], None]:
        (state, opt_state), (key, remaining) = carry, inputs
        action = jax.vmap(shown)(state.env_state)
        raw = jax.vmap(lambda action: distributions.from_env(space, action))(action)
        observation = learner._standardise(state, state.observation)
        grads = jax.grad(loss)(state.params, observation, state.action_mask, raw)
        optimiser = learner._optimiser(learner.learning_rate * remaining)
        updates, opt_state = optimiser.update(grads, opt_state, state.params)

        u = jax.random.uniform(key, (learner.num_envs, env.num_step_uniforms(env_params)))
        step = jax.vmap(env.step_from_uniforms, in_axes=(0, 0, 0, None))
        following, env_state, _, _, _, info = step(u, state.env_state, action, env_params)
        state = dataclasses.replace(
            state,
            params=optax.apply_updates(state.params, updates),
            observation_statistics=state.observation_statistics.update(state.observation),
            env_state=env_state,
            observation=following,
            action_mask=info["action_mask"],
        )
        return (state, opt_state), None

    periods = learner.teacher_periods
    carry = state, learner._optimiser(learner.learning_rate).init(state.params)
    inputs = jax.random.split(key, periods), 1.0 - jnp.arange(periods) / periods
    (state, _), _ = jax.lax.scan(period, carry, inputs)
    return state
