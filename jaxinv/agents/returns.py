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


def against_branches(x: Array, branches: int) -> Array:
    """What is [T, N, ...] of environments in groups of ``branches``, each next to its others, less the mean of these
    others; as it is for a group of one."""
    if branches == 1:
        return x
    groups = x.reshape(x.shape[0], -1, branches, *x.shape[2:])
    own = groups - jnp.mean(groups, 2, keepdims=True)
    return (own * branches / (branches - 1)).reshape(x.shape)


def discounted_sums(initial: Array, reward: Array, done: Array, discount: Array | float) -> tuple[Array, Array]:
    """Discounted sums of past rewards, R_t = r_t + discount * R_{t-1}, begun anew after every ``done``: the sums to
    carry on from [...] and those of each period [T, ...]. ``reward`` and ``done`` are [T, ...]."""

    def body(running, inputs):
        reward, done = inputs
        running = reward + discount * running
        return jnp.where(done, 0.0, running), running

    return jax.lax.scan(body, initial, (reward, done))


def n_step_sums(
    reward: Array, terminated: Array, truncated: Array, discount: Array | float
) -> tuple[Array, Array, Array]:
    """What an n-step target is made of, from windows of n periods [n, ...]: the discounted sum of rewards up to the
    end of the window or of the episode, int32 index of the last period in it, and the weight of the value of the state
    that this period led to: the discount over all of them, 0 where the problem terminated; each [...]."""
    done = terminated | truncated
    counts = jnp.cumsum(done, 0) - done == 0  # nothing does after the first end
    weights = discount ** jnp.arange(len(reward), dtype=reward.dtype).reshape(-1, *(1,) * (reward.ndim - 1))
    total = jnp.sum(jnp.where(counts, weights * reward, 0.0), 0)
    periods = jnp.sum(counts, 0, dtype=jnp.int32)
    ended = jnp.any(counts & terminated, 0)
    return total, periods - 1, jnp.where(ended, 0.0, discount**periods)


def quantile_loss(quantiles: Array, target: Array) -> Array:
    """What it costs [...] to say that a return has these ``quantiles`` [..., Q], at the levels (i + 1/2) / Q, of
    samples ``target`` [..., M]: least in expectation for the right ones (Dabney et al. 2018, arXiv:1710.10044, eq. 9).
    Summed over quantiles, mean over samples."""
    count = quantiles.shape[-1]
    level = jnp.expand_dims((jnp.arange(count) + 0.5) / count, (*range(quantiles.ndim - 1), -1))
    short = target[..., None, :] - quantiles[..., None]
    return jnp.sum(jnp.mean(short * (level - (short < 0)), -1), -1)
