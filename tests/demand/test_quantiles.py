"""Quantile functions against scipy in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from jaxinv.demand import quantiles

# Uniforms as a float32 generator gives them, dense in both tails.
U = np.concatenate([np.logspace(-6.5, -2, 300), np.linspace(0.01, 0.99, 20_001), 1 - np.logspace(-2, -6.5, 300)])
U = np.unique(np.concatenate([np.round(U * 2**23) / 2**23, [2.0**-23, 1 - 2.0**-23, 1 - 2.0**-24]])).astype(np.float32)
U64 = U.astype(np.float64)


@jax.jit
def poisson(mean):
    return quantiles.poisson_quantile(jnp.asarray(U), jnp.full(U.shape, mean))


@jax.jit
def negative_binomial(mean, dispersion):
    return quantiles.negative_binomial_quantile(jnp.asarray(U), jnp.full(U.shape, mean), jnp.full(U.shape, dispersion))


@jax.jit
def gamma(shape):
    return quantiles.gamma_quantile(jnp.asarray(U), jnp.full(U.shape, shape))


def distance(demand, cdf):
    """How far u would have to move, at most, for ``demand`` to be its exact quantile."""
    return np.max(np.maximum(np.maximum(cdf(demand - 1) - U64, U64 - cdf(demand)), 0))


def law(mean, dispersion):
    """scipy's negative binomial, of parameters as float32 holds them."""
    mean, dispersion = np.float64(np.float32(mean)), np.float64(np.float32(dispersion))
    return stats.nbinom(1 / dispersion, 1 / (1 + dispersion * mean))


@pytest.mark.parametrize("mean", [0.01, 0.3, 1.0, 5.0, 16.0])
def test_poisson_of_small_means_is_exact(mean):
    demand = np.asarray(poisson(mean))
    # float32 sums of up to 48 probabilities are right to about 1e-6; everything else would be an error.
    assert distance(demand, stats.poisson(np.float64(np.float32(mean))).cdf) < 1e-6
    assert (np.diff(demand) >= 0).all()


@pytest.mark.parametrize("mean", [30.0, 60.0, 100.0, 1e3, 1e4, 1e5])
def test_poisson_of_large_means_is_within_a_unit(mean):
    demand = np.asarray(poisson(mean))
    bulk = (U > 1e-5) & (U < 1 - 1e-5)
    wrong = demand - stats.poisson(mean).ppf(U64)
    assert np.abs(wrong[bulk]).max() <= 1
    # An error of the expansion or of float32's spacing at the mean, in probability.
    assert distance(demand, stats.poisson(mean).cdf) < 2e-5
    assert (np.diff(demand) >= 0).all()


@pytest.mark.parametrize("dispersion", [1e-6, 0.05, 0.3, 1.0, 5.0, 20.0])
@pytest.mark.parametrize("mean", [0.01, 1.0, 16.0, 60.0, 1e3, 1e5])
def test_negative_binomial(mean, dispersion):
    exact = law(mean, dispersion)
    demand = np.asarray(negative_binomial(mean, dispersion))
    # Sums below 48 units are right to 1e-5; the continuous law beyond is 1e-4 off at worst, near the hand-over.
    largest = 1e-5 if exact.sf(47) < 1e-5 else 2e-4
    assert distance(demand, exact.cdf) < largest
    few = exact.cdf(46) - 1e-5 >= U64
    assert distance(np.where(few, demand, exact.ppf(U64)), exact.cdf) < 1e-5
    assert (np.diff(demand) >= 0).all()
    assert np.isfinite(demand).all()


def test_negative_binomial_without_dispersion_is_poisson():
    assert distance(np.asarray(negative_binomial(4.0, 0.0)), stats.poisson(4).cdf) < 2e-6


@jax.jit
def binomial(trials, probability):
    return quantiles.binomial_quantile(
        jnp.asarray(U), jnp.full(U.shape, trials), jnp.full(U.shape, probability, jnp.float32)
    )


@pytest.mark.parametrize("probability", [1e-4, 0.1, 0.5, 0.75, 0.999])
@pytest.mark.parametrize("trials", [1.0, 7.0, 40.0])
def test_binomial_of_few_trials_is_exact(trials, probability):
    successes = np.asarray(binomial(trials, probability))
    exact = stats.binom(trials, np.float64(np.float32(probability)))
    # float32 sums of up to 41 probabilities; where successes are common, 1 - u is rounded besides.
    assert distance(successes, exact.cdf) < 2e-6
    assert (np.diff(successes) >= 0).all()
    assert (successes >= 0).all()
    assert (successes <= trials).all()


@pytest.mark.parametrize("probability", [1e-4, 0.01, 0.1, 0.5, 0.9, 0.99, 1 - 1e-4])
@pytest.mark.parametrize("trials", [100.0, 1000.0, 1e5])
def test_binomial_of_many_trials_is_within_a_unit(trials, probability):
    successes = np.asarray(binomial(trials, probability))
    p = np.float64(np.float32(probability))
    exact = stats.binom(trials, p)
    bulk = (U > 1e-5) & (U < 1 - 1e-5)
    assert np.abs(successes - exact.ppf(U64))[bulk].max() <= 1
    # A unit is at most the probability of the mode, and only near the steps of the distribution function.
    assert distance(successes, exact.cdf) < (2e-5 if trials * min(p, 1 - p) < 16 else 2e-3)
    assert (np.diff(successes) >= 0).all()
    assert (successes >= 0).all()
    assert (successes <= trials).all()


def test_binomial_at_the_ends():
    """No trial, no chance and no doubt, at both ends of u; no gradient goes through."""
    u, trials = jnp.asarray([0.0, 0.5, 1 - 2.0**-24, 1.0]), jnp.asarray([0.0, 1.0, 60.0, 1e4])
    u, trials = (jnp.broadcast_to(x, (4, 4)) for x in (u[:, None], trials[None]))
    np.testing.assert_array_equal(quantiles.binomial_quantile(u, trials, jnp.zeros((4, 4))), 0.0)
    np.testing.assert_array_equal(quantiles.binomial_quantile(u, trials, jnp.ones((4, 4))), trials)
    np.testing.assert_array_equal(quantiles.binomial_quantile(u, 0.0 * trials, jnp.full((4, 4), 0.3)), 0.0)
    slope = jax.grad(lambda n: jnp.sum(quantiles.binomial_quantile(u, n, jnp.full((4, 4), 0.3))))(trials)
    np.testing.assert_array_equal(slope, 0.0)


@pytest.mark.parametrize("shape", [0.05, 0.3, 1.0, 4.0, 16.0, 31.9, 32.1, 400.0, 1e5])
def test_gamma(shape):
    a = np.float64(np.float32(shape))
    exact = np.where(U64 < 0.5, special.gammaincinv(a, U64), special.gammainccinv(a, 1 - U64))
    demand = np.asarray(gamma(shape), np.float64)
    error = np.abs(demand - exact).max() / np.sqrt(a)  # in standard deviations
    assert error < (6e-5 if shape < 32 else 2e-4)
    assert (np.diff(demand) >= 0).all()


def test_gamma_derivatives():
    """Slopes in u and in the shape against central differences of scipy."""
    u, a = np.meshgrid([0.01, 0.3, 0.9, 0.999], [0.2, 1.0, 5.0, 100.0])
    slope = jax.jit(jax.vmap(jax.grad(quantiles.gamma_quantile, (0, 1))))(
        jnp.asarray(u.ravel(), jnp.float32), jnp.asarray(a.ravel(), jnp.float32)
    )
    u, a = np.float64(np.float32(u.ravel())), np.float64(np.float32(a.ravel()))
    in_u = (special.gammaincinv(a, u * (1 + 1e-6)) - special.gammaincinv(a, u * (1 - 1e-6))) / (2e-6 * u)
    in_a = (special.gammaincinv(a * (1 + 1e-6), u) - special.gammaincinv(a * (1 - 1e-6), u)) / (2e-6 * a)
    np.testing.assert_allclose(slope[0], in_u, rtol=2e-3)  # 1 - 0.999 has 4 digits in float32
    np.testing.assert_allclose(slope[1], in_a, rtol=2e-3)


def test_ends():
    """Finite results and gradients at both ends of what float32 offers, and 0 at u = 0."""
    u = jnp.asarray([[0.0], [2.0**-24], [1 - 2.0**-24], [1.0]])

    @jax.jit
    def ends(u):
        u = jnp.broadcast_to(u, (4, 4))
        means = jnp.broadcast_to(jnp.asarray([0.0, 0.01, 5.0, 1e5])[None], (4, 4))
        dispersions = jnp.broadcast_to(jnp.asarray([1.0, 0.0, 10.0, 0.2])[None], (4, 4))
        shapes = jnp.broadcast_to(jnp.asarray([0.05, 1.0, 30.0, 1e4])[None], (4, 4))
        gamma, slopes = jax.vjp(quantiles.gamma_quantile, u, shapes)
        poisson = quantiles.poisson_quantile(u, means)
        negative_binomial = quantiles.negative_binomial_quantile(u, means, dispersions)
        return (poisson, negative_binomial, gamma), slopes(jnp.ones((4, 4)))

    demands, slopes = ends(u)
    for demand in demands:
        assert np.isfinite(demand).all()
        np.testing.assert_array_equal(demand[0], 0)
        assert (np.diff(np.asarray(demand), axis=0) >= 0).all()
    np.testing.assert_array_equal(demands[0][:, 0], 0)  # a mean of 0 is no demand
    assert np.isfinite(np.asarray(slopes)).all()


@jax.jit
def top_draws(means, dispersions):
    """The largest draws of Poisson and negative binomial demand."""
    top = jnp.full(means.shape, 1 - 2.0**-24)
    return (
        quantiles.poisson_quantile(top, means),
        quantiles.negative_binomial_quantile(top, means / 4, dispersions),
    )


def test_rare_draws_do_not_run_away():
    """The float32 sum of probabilities must pass every uniform: of slow movers none may end at the last count."""
    means = jnp.geomspace(0.003, 12.0, 4000)
    poisson, negative_binomial = top_draws(means, jnp.geomspace(0.5, 1e-6, 4000))
    assert np.max(poisson) < 40  # 34 by scipy
    # By scipy P(D > 12 mean + 4) < 6e-8 for means from 0.0008 to 3 and dispersions falling from 0.5.
    assert np.max(np.asarray(negative_binomial - 3 * means)) <= 4
