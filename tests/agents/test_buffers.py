import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxinv.agents.buffers import ReplayBuffer

ROWS, ENVS = 6, 3


def filled(periods, *, prioritised=False, at_a_time=2):
    """A buffer that has seen ``periods`` periods; its data say which period and environment they are of."""
    buffer = ReplayBuffer.like({"period": jnp.zeros((ENVS, 1))}, ROWS, prioritised=prioritised)
    for first in range(0, periods, at_a_time):
        block = jnp.arange(first, first + at_a_time, dtype=jnp.float32)[:, None, None]
        buffer = buffer.insert({"period": jnp.broadcast_to(block, (at_a_time, ENVS, 1))})
    return buffer


@pytest.mark.parametrize("periods", [2, 4, 6, 8, 10, 24])
@pytest.mark.parametrize("prioritised", [False, True])
def test_windows_are_successive_periods_that_are_remembered(periods, prioritised, key):
    n = 2
    buffer = filled(periods, prioritised=prioritised)
    index, likelihood = buffer.sample(key, 500, n, 0.5)
    first, second = np.asarray(buffer.windows(buffer.data["period"], index, n))[..., 0]
    np.testing.assert_array_equal(second, first + 1)
    remembered = min(periods, ROWS)
    assert set(first) == set(range(periods - remembered, periods - 1))
    assert set(np.asarray(index[1])) == set(range(ENVS))
    np.testing.assert_allclose(likelihood, 1.0, rtol=1e-5)


def test_draws_follow_priorities(key):
    """Chi-square at the level 0.001; likelihoods correct means exactly for what is drawn more often."""
    buffer = filled(8, prioritised=True)
    priorities = jax.random.uniform(key, (ROWS, ENVS), maxval=3.0).at[4, 1].set(0.0)
    rows, envs = jnp.indices((ROWS, ENVS))
    buffer = buffer.prioritise((rows.ravel(), envs.ravel()), priorities.ravel())
    exponent, size = 0.7, 4000
    (row, env), likelihood = jax.jit(lambda key: buffer.sample(key, size, 1, exponent))(key)
    counts = np.zeros((ROWS, ENVS))
    np.add.at(counts, (np.asarray(row), np.asarray(env)), 1)
    chances = np.asarray(priorities, float) ** exponent
    chances /= chances.sum()
    assert counts[4, 1] == 0
    drawn = chances > 0
    assert stats.chisquare(counts[drawn], size * chances[drawn]).pvalue > 1e-3
    np.testing.assert_allclose(likelihood, chances[row, env] * ROWS * ENVS, rtol=1e-4)
    assert np.mean(1 / np.asarray(likelihood)) == pytest.approx(drawn.sum() / (ROWS * ENVS), rel=0.05)


def test_uniform_draws_are_uniform(key):
    (row, env), _ = filled(8).sample(key, 5000, 1)
    counts = np.bincount(np.asarray(row) * ENVS + np.asarray(env), minlength=ROWS * ENVS)
    assert stats.chisquare(counts).pvalue > 1e-3


def test_new_periods_get_the_largest_priority():
    buffer = filled(6, prioritised=True)
    np.testing.assert_array_equal(buffer.priorities, 1.0)
    buffer = buffer.prioritise((jnp.array([3]), jnp.array([1])), jnp.array([5.0]))
    buffer = buffer.insert({"period": jnp.zeros((2, ENVS, 1))})
    np.testing.assert_array_equal(buffer.priorities[:2], 5.0)
    assert float(buffer.priorities[3, 1]) == 5.0
    assert float(jnp.sum(buffer.priorities[2:])) == 11 + 5


def test_lanes_do_not_mix(key):
    """Buffers at different positions under vmap."""
    lanes = [filled(4), filled(10)]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *lanes)
    block = {"period": jnp.full((2, ENVS, 1), -1.0)}
    inserted = jax.jit(jax.vmap(lambda buffer: buffer.insert(block)))(stacked)
    for i, lane in enumerate(lanes):
        for a, b in zip(jax.tree.leaves(inserted), jax.tree.leaves(lane.insert(block)), strict=True):
            np.testing.assert_array_equal(a[i], b)
