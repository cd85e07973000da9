"""Correlated normal demand: its moments, its cells by themselves, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import CorrelatedNormal, Normal


@pytest.mark.parametrize(("correlation", "clipped"), [(0.0, False), (0.5, False), (0.5, True), (1.0, False)])
def test_moments_and_correlation(correlation, clipped):
    demand = CorrelatedNormal([3.0, 5.0, 4.0], [1.0, 2.5, 2.0], correlation, clipped)
    draws, _ = demand.sample(jax.random.key(0), 40_000)
    draws = np.asarray(draws, np.float64)
    noise = draws.std(0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(0) - demand.mean()) < 4 * noise).all()
    np.testing.assert_allclose(draws.var(0), demand.variance(), rtol=0.04)  # 4 standard errors of sqrt(2 / n), about
    off_diagonal = np.corrcoef(draws.T)[np.triu_indices(3, 1)]
    if not clipped:  # clipping changes it a little
        np.testing.assert_allclose(off_diagonal, correlation, atol=0.02)
    assert (draws.min() < 0) == (not clipped)
    assert (off_diagonal > 0.45).all() == (correlation > 0)


def test_each_cell_is_normal():
    numbers = [3.0, 5.0], [2.0, 2.5]
    demand, normal = CorrelatedNormal(*numbers, 0.5), Normal(*numbers, rounded=False)
    u = jnp.array([[0.05, 0.3], [0.6, 0.999]])
    np.testing.assert_allclose(demand.quantile(u), normal.quantile(u), rtol=1e-6)
    np.testing.assert_allclose(demand.mean(), normal.mean(), rtol=1e-6)
    np.testing.assert_allclose(demand.variance(), normal.variance(), rtol=1e-6)
    np.testing.assert_allclose(demand.scaled(2.0).quantile(u), 2.0 * demand.quantile(u), rtol=1e-6)
    assert demand.cycle == 1
    assert demand.num_uniforms == 3


@pytest.mark.parametrize("correlation", [0.0, 1.0])
def test_slopes_are_finite(correlation):
    u = jnp.array([0.3, 0.6, 0.8])

    def total(demand):
        return jnp.sum(demand.draw(u, demand.init(jnp.zeros(0)))[0])

    slopes = jax.grad(total)(CorrelatedNormal([3.0, 5.0], [2.0, 2.5], correlation))
    assert all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(slopes))


def test_bad_numbers_raise():
    with pytest.raises(ValueError, match=r"CorrelatedNormal\.correlation must be one number, got shape \(2,\)"):
        CorrelatedNormal([3.0, 5.0], [1.0, 1.0], [0.1, 0.2])
    with pytest.raises(ValueError, match=r"CorrelatedNormal\.correlation must be <= 1"):
        CorrelatedNormal([3.0, 5.0], [1.0, 1.0], 1.5)
