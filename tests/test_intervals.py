"""Do the intervals cover? Each tolerance is 3 standard errors of a coverage estimated from the given replications."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxinv.evaluate import mean_interval, moving_block_bootstrap
from jaxinv.intervals import student_quantile


def autoregressive(rng, shape, correlation=0.6):
    """Stationary AR(1) sequences along the last axis with mean 1 and variance 1."""
    noise = rng.normal(size=shape) * np.sqrt(1 - correlation**2)
    values = np.empty(shape)
    values[..., 0] = rng.normal(size=shape[:-1])
    for t in range(1, shape[-1]):
        values[..., t] = correlation * values[..., t - 1] + noise[..., t]
    return 1 + values


def coverage(intervals, truth=1.0):
    low, high = np.asarray(intervals).T
    return np.mean((low <= truth) & (truth <= high))


@pytest.mark.parametrize("df", [4, 9, 19, 99, 999])
def test_student_quantile(df):
    np.testing.assert_allclose(student_quantile(df), stats.t.ppf(0.975, df), rtol=3e-3)


@pytest.mark.parametrize("shape", [(10, 20), (1, 2000)])
def test_intervals_from_paths_and_from_batches_cover(shape):
    replications = 2000
    values = autoregressive(np.random.default_rng(0), (replications, *shape))
    intervals = jax.jit(jax.vmap(mean_interval))(jnp.asarray(values, jnp.float32))
    # Batches of 100 periods are slightly dependent still: 1 % less.
    assert abs(coverage(intervals) - 0.95) < 3 * np.sqrt(0.95 * 0.05 / replications) + (0.01 if shape[0] == 1 else 0)


def test_block_bootstrap_covers_where_dates_and_locations_depend():
    """A day's shock common to all locations. The interval of independent dates would be half as wide as needed."""
    replications, length, locations = 200, 200, 2
    rng = np.random.default_rng(1)
    common = autoregressive(rng, (replications, length))[:, :, None]
    own = rng.normal(size=(replications, length, locations))
    values = jnp.asarray((common + own) / locations, jnp.float32)
    keys = jax.random.split(jax.random.key(0), replications)

    def intervals(block):
        def one(x, key):
            return moving_block_bootstrap(x, key, block=block, num_resamples=200, locations=False).ci95

        return jax.vmap(one)(values, keys)

    assert abs(coverage(intervals(15)) - 0.95) < 3 * np.sqrt(0.95 * 0.05 / replications) + 0.03  # finite blocks
    assert coverage(intervals(1)) < 0.8


def test_resampling_locations_widens_the_interval_where_they_differ():
    """With 30 locations of means 1 +- 1, the interval is about that of a mean of 30 numbers."""
    rng = np.random.default_rng(2)
    locations = 30
    means = rng.normal(1, 1, locations)
    values = jnp.asarray((means + 0.1 * rng.normal(size=(100, locations))) / locations, jnp.float32)
    these, like_these = (
        moving_block_bootstrap(values, jax.random.key(0), block=5, locations=flag) for flag in (False, True)
    )
    np.testing.assert_allclose(these.mean, np.asarray(values).sum(1).mean(), rtol=1e-5)
    assert np.diff(these.ci95)[0] < 0.1 * np.diff(like_these.ci95)[0]
    # 1000 percentiles of a standard deviation known to 13 %: 3 of them for the resampling.
    np.testing.assert_allclose(np.diff(like_these.ci95)[0], 2 * 1.96 * means.std() / np.sqrt(locations), rtol=0.1)


def test_paths_are_resampled_as_independent():
    means = np.random.default_rng(3).normal(size=50)
    values = jnp.asarray(np.broadcast_to(means[:, None, None], (50, 20, 1)), jnp.float32)
    got = moving_block_bootstrap(values, jax.random.key(0), block=4)
    np.testing.assert_allclose(np.diff(got.ci95)[0], 2 * 1.96 * means.std() / np.sqrt(50), rtol=0.1)


def test_what_cannot_be_resampled_is_an_error():
    with pytest.raises(ValueError, match=r"must be \[T, W\] or \[N, T, W\], got shape \(5,\)"):
        moving_block_bootstrap(jnp.zeros(5), jax.random.key(0))
    with pytest.raises(ValueError, match=r"block must be in 1..5, the number of dates, got 7"):
        moving_block_bootstrap(jnp.zeros((5, 2)), jax.random.key(0), block=7)
