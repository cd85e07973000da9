"""Returns and advantages from trajectories."""

import jax
import jax.numpy as jnp
from jax import Array


def generalised_advantages(
    reward: Array,
    value: Array,
    next_value: Array,
    terminated: Array,
    truncated: Array,
    discount: Array | float,
    gae_lambda: Array | float,
) -> Array:
    """Generalised advantage estimates (Schulman et al. 2016, arXiv:1506.02438, eq. 16) [T, ...].

    All arrays are [T, ...]. ``next_value`` is the value of the state that the period led to, *before* any reset: it
    counts unless the problem terminated, also where the episode was only cut off. Nothing is carried back over the
    end of an episode, of whichever kind.
    """
    error = reward + discount * jnp.where(terminated, 0.0, next_value) - value
    decay = jnp.where(terminated | truncated, 0.0, discount * gae_lambda)

    def body(following, inputs):
        error, decay = inputs
        advantage = error + decay * following
        return advantage, advantage

    return jax.lax.scan(body, jnp.zeros_like(value[0]), (error, decay), reverse=True)[1]


def rewards_to_go(reward: Array, done: Array, discount: Array | float) -> Array:
    """Discounted sums of the rewards from each period on [T, ...], up to the end of its episode or of the arrays.
    ``reward`` and ``done`` are [T, ...]."""

    def body(following, inputs):
        reward, done = inputs
        total = reward + discount * jnp.where(done, 0.0, following)
        return total, total

    return jax.lax.scan(body, jnp.zeros_like(reward[0]), (reward, done), reverse=True)[1]


def discounted_sums(initial: Array, reward: Array, done: Array, discount: Array | float) -> tuple[Array, Array]:
    """Discounted sums of past rewards, R_t = r_t + discount * R_{t-1}, begun anew after every ``done``: the sums to
    carry on from [...] and those of each period [T, ...]. ``reward`` and ``done`` are [T, ...]."""

    def body(running, inputs):
        reward, done = inputs
        running = reward + discount * running
        return jnp.where(done, 0.0, running), running

    return jax.lax.scan(body, initial, (reward, done))
