"""Quantile functions against scipy. A law is known by its jumps: below F(k) the quantile is k, above it k + 1."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxinv.demand import (
    Empirical,
    Gamma,
    Geometric,
    Intermittent,
    NegativeBinomial,
    Normal,
    Poisson,
    UniformInteger,
)

GRID = ((np.arange(2**15) + 0.5) / 2**15).astype(np.float32)  # midpoints: averages over it are integrals over u

quantile = jax.jit(lambda process, u: process.quantile(u))
moments = jax.jit(lambda process: (process.mean(), process.variance()))


def counts(mean, dispersion):
    """scipy's law of the float32 parameters."""
    mean, dispersion = float(np.float32(mean)), float(np.float32(dispersion))
    if dispersion == 0.0:
        return stats.poisson(mean)
    return stats.nbinom(1.0 / dispersion, 1.0 / (1.0 + dispersion * mean))


def jumps(cdf, slack, largest, rows=2048):
    """(u, exact quantiles), both [rows], ``slack`` below and above the jumps that are wide enough to tell."""
    k = np.arange(largest)
    below, here, above = cdf(k - 1), cdf(k), cdf(k + 1)
    wide = (here - below > 3 * slack) & (above - here > 3 * slack)
    u = np.concatenate([here[wide] - slack, here[wide] + slack])
    assert len(u) <= rows
    return np.resize(u, rows).astype(np.float32), np.resize(np.concatenate([k[wide], k[wide] + 1]), rows)


def displacement(demand, u, cdf):
    """The least change of u that makes every quantile exact: an error of the distribution function."""
    demand, u = np.asarray(demand, np.float64), np.asarray(u, np.float64)
    return np.maximum(np.maximum(cdf(demand - 1) - u, u - cdf(demand)), 0.0).max()


def assert_exact(process, cdfs, slack, largest=4096):
    """``process``: shape [n], one cell per distribution function."""
    u, exact = (np.stack(x, 1) for x in zip(*(jumps(cdf, slack, largest) for cdf in cdfs), strict=True))
    np.testing.assert_array_equal(quantile(process, u), exact)


# -- counts -----------------------------------------------------------------------------------------------------------


def test_small_counts_are_exact():
    means, dispersions = np.meshgrid([0.01, 0.1, 1.0, 5.0, 16.0], [0.0, 0.1, 0.5, 1.0, 4.0])
    means, dispersions = means.ravel(), dispersions.ravel()
    cdfs = [counts(m, a).cdf for m, a in zip(means, dispersions, strict=True)]
    # Below 48 units, but for u within 1e-5 of a jump: what summing in float32 costs.
    assert_exact(NegativeBinomial(means, dispersions), cdfs, 1e-5, largest=46)


def test_geometric():
    means = np.array([0.01, 0.5, 5.0, 100.0])
    assert_exact(Geometric(means), [counts(m, 1.0).cdf for m in means], 1e-6)
    large = np.asarray(quantile(Geometric(np.array([1e5])), GRID[:, None]))[:, 0]
    assert displacement(large, GRID, counts(1e5, 1.0).cdf) < 1e-5


def test_uniform_integer():
    highest = np.array([3.0, 9.0, 150.0])
    assert_exact(UniformInteger(2.0, highest), [stats.randint(2, h + 1).cdf for h in highest], 1e-6)
    assert set(np.asarray(quantile(UniformInteger(2.0, 2.0), GRID))) == {2.0}


def test_memory_of_many_cells_with_large_means_is_a_few_arrays():
    cells = (200, 50)
    process = Poisson(np.broadcast_to(np.geomspace(0.01, 1e5, 50), cells))
    compiled = quantile.lower(process, jnp.zeros(cells)).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 20 * 4 * 200 * 50  # no table of counts per cell
    demand = np.asarray(compiled(process, jax.random.uniform(jax.random.key(0), cells)), np.float64)
    # The mean of 200 draws is known to a standard error; 50 of them: 4.5 of these are never reached by chance.
    rate = np.asarray(process.rate[0], np.float64)
    assert np.abs((demand.mean(0) - rate) / np.sqrt(rate / 200)).max() < 4.5


# -- gamma and normal -------------------------------------------------------------------------------------------------


def rounded(law):
    return lambda k: law.cdf(k + 0.5) * (k >= 0)  # everything below 0 becomes 0


def test_rounded_gamma_is_that_of_de_moor():
    means, cvs = np.array([4.0, 0.5, 40.0, 2.0]), np.array([0.5, 0.7, 0.2, 2.0])
    laws = [stats.gamma(cv**-2, scale=m * cv**2) for m, cv in zip(means, cvs, strict=True)]
    assert_exact(Gamma(means, cvs), [rounded(law) for law in laws], 2e-5)  # 2e-5: float32 logarithms
    # The demand of the perishable benchmark: mean 4, cv 0.5; zero with F(0.5).
    zero = np.mean(np.asarray(quantile(Gamma(4.0, 0.5), GRID)) == 0.0)
    assert zero == pytest.approx(laws[0].cdf(0.5), abs=1.0 / len(GRID))
    values, probabilities = Gamma(4.0, 0.5).support()
    expected = np.diff(laws[0].cdf(np.asarray(values) + 0.5), prepend=0.0)
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)  # the float32 incomplete gamma function
    assert laws[0].sf(float(values[-1])) < 1e-6


@pytest.mark.parametrize(("cv", "bound"), [(0.05, 5e-5), (0.2, 5e-5), (0.5, 1e-5), (1.0, 1e-5), (2.0, 1e-5)])
def test_gamma(cv, bound):
    means = np.array([0.5, 120.0, 1e5])
    smooth = np.asarray(quantile(Gamma(means, cv, rounded=False), GRID[:, None]), np.float64)
    for i, mean in enumerate(means):
        law = stats.gamma(cv**-2, scale=mean * cv**2)
        assert np.abs(law.cdf(smooth[:, i]) - GRID).max() < bound  # shapes over 32 are expanded, the others solved for


@pytest.mark.parametrize(
    "process",
    [Gamma([0.3, 4.0, 30.0], [2.0, 0.5, 0.8]), Normal([-0.5, 1.0, 40.0], [1.0, 2.0, 6.0])],
    ids=["gamma", "normal"],
)
def test_moments_know_of_the_cut_and_of_rounding(process):
    values, probabilities = (np.asarray(x, np.float64) for x in process.support())
    mean = probabilities @ values
    # 1e-7 is cut off the support's tail.
    expected = mean, probabilities @ values**2 - mean**2
    for moment, exact, tolerance in zip(moments(process), expected, (1e-4, 1e-3), strict=True):
        np.testing.assert_allclose(moment, exact, rtol=tolerance)
    smooth = dataclasses.replace(process, rounded=False)
    demand = np.asarray(quantile(smooth, GRID[:, None]), np.float64)
    np.testing.assert_allclose(smooth.mean(), demand.mean(0), rtol=2e-3)  # the grid's ends cut the tails
    np.testing.assert_allclose(smooth.variance(), demand.var(0), rtol=2e-2)


def test_normal():
    locations, deviations = np.array([10.0, 2.0, 0.0]), np.array([2.0, 3.0, 0.5])
    laws = [stats.norm(m, s) for m, s in zip(locations, deviations, strict=True)]
    assert_exact(Normal(locations, deviations), [rounded(law) for law in laws], 1e-6)
    smooth = quantile(Normal(locations, deviations, rounded=False), GRID[:, None])
    expected = np.stack([np.maximum(law.ppf(np.float64(GRID)), 0.0) for law in laws], 1)
    np.testing.assert_allclose(smooth, expected, atol=1e-5)


# -- empirical and intermittent ---------------------------------------------------------------------------------------


def test_empirical():
    probabilities = np.array([[0.25, 0.5, 0.0, 0.25], [0.0, 0.125, 0.875, 0.0]])
    values = np.array([0.0, 1.0, 3.5, 20.0])
    demand = np.asarray(quantile(Empirical(values, probabilities), GRID[:, None]))
    share = (demand[..., None] == values).mean(0)
    np.testing.assert_array_equal(share, probabilities)  # binary fractions, so exact on the grid


def test_intermittent_is_nothing_or_a_size():
    process = Intermittent(probability=0.25, size=Poisson(2.0))
    demand = np.asarray(quantile(process, GRID))
    assert np.mean(demand == 0.0) == 0.75
    sizes = stats.poisson(2.0, loc=1.0)
    for k in range(1, 8):
        assert np.mean(demand == k) == pytest.approx(0.25 * sizes.pmf(k), abs=1.0 / len(GRID))


def test_intermittent_with_a_mean_of_a_hundredth():
    process = Intermittent(probability=0.005, size=Geometric(1.0))
    assert process.mean() == pytest.approx(0.01)
    u = (np.arange(2**20) + 0.5).astype(np.float32) / 2**20
    demand = np.asarray(quantile(process, u), np.float64)
    assert np.mean(demand == 0.0) == pytest.approx(0.995, abs=2e-6)
    assert demand.mean() == pytest.approx(0.01, rel=1e-3)
    assert demand.var() == pytest.approx(float(process.variance()), rel=1e-2)


def test_zero_inflation_at_probability_one_is_the_plain_law():
    plain = NegativeBinomial(3.0, 0.5)
    process = Intermittent(probability=1.0, size=plain, minimum=0.0)
    np.testing.assert_array_equal(quantile(process, GRID), quantile(plain, GRID))


@pytest.mark.parametrize("minimum", [0.0, 1.0])
@pytest.mark.parametrize("probability", [0.1, 0.6, 1.0])
def test_scaling_intermittent_demand_keeps_the_mean(probability, minimum):
    factors = np.array([0.0, 0.1, 0.5, 1.0, 1.5, 3.0, 20.0], np.float32)
    process = Intermittent(probability=probability, size=NegativeBinomial(2.0, 0.3), minimum=minimum)
    scaled = process.scaled(factors)
    assert scaled.shape == factors.shape
    assert float(scaled.probability.max()) <= 1.0
    np.testing.assert_allclose(scaled.mean(), process.mean() * factors, rtol=1e-5)
    demand = np.asarray(quantile(scaled, GRID[:, None]), np.float64)
    np.testing.assert_allclose(demand.mean(0), process.mean() * factors, rtol=2e-3)
    np.testing.assert_allclose(demand.var(0), scaled.variance(), rtol=1e-2)


# -- what all have in common ------------------------------------------------------------------------------------------


def empirical(level):
    rare = jnp.exp(-level)
    return Empirical(jnp.array([0.0, 2.0, 30.0]), jnp.stack([rare, 1.0 - rare - 0.01, jnp.full_like(rare, 0.01)], -1))


KINDS = {
    "poisson": Poisson,
    "negative binomial": lambda level: NegativeBinomial(level, jnp.full_like(level, 0.5)),
    "geometric": Geometric,
    "normal": lambda level: Normal(level, level / 4.0),
    "smooth normal": lambda level: Normal(level, level / 4.0, rounded=False),
    "gamma": lambda level: Gamma(level, jnp.full_like(level, 0.5)),
    "smooth gamma": lambda level: Gamma(level, jnp.full_like(level, 0.5), rounded=False),
    "uniform": lambda level: UniformInteger(jnp.ones_like(level), 1.0 + jnp.round(level)),
    "empirical": empirical,
    "intermittent": lambda level: Intermittent(jnp.full_like(level, 0.25), Poisson(level), jnp.ones_like(level)),
}
LEVELS = jnp.array([[0.02, 3.0, 30.0], [8.0, 400.0, 2e4]])


@pytest.mark.parametrize("kind", KINDS)
def test_mean_and_variance(kind):
    process = KINDS[kind](LEVELS[:, 1:])
    mean, variance = moments(process)
    demand = np.asarray(quantile(process, GRID[:, None, None]), np.float64)
    # Rounding a continuous law adds up to 1/12 to the variance; the grid's ends cut the tails.
    np.testing.assert_allclose(demand.mean(0), mean, rtol=2e-3)
    np.testing.assert_allclose(demand.var(0), variance, rtol=1e-2, atol=1 / 12 + 1e-3)


# Of continuous laws the smooth ones, which are more sensitive.
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind in ("normal", "gamma"))) for kind in KINDS]
)
def test_shapes_batches_and_parameters(kind):
    u = jax.random.uniform(jax.random.key(1), (4, 2, 3))
    table, cell = KINDS[kind](LEVELS), KINDS[kind](LEVELS[1, 1])
    rows = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[KINDS[kind](row) for row in LEVELS])

    @jax.jit
    def draws(table, rows, cell, u):
        by_row = jax.vmap(lambda d, u: d.quantile(u), (0, 1), 1)(rows, u)
        return table.quantile(u), jax.vmap(table.quantile)(u), by_row, cell.quantile(u[:, 1, 1])

    demand, mapped, by_row, of_cell = draws(table, rows, cell, u)
    assert (table.shape, cell.shape) == ((2, 3), ())
    assert demand.shape == (4, 2, 3)
    assert demand.dtype == jnp.float32
    assert table.mean().shape == table.variance().shape == (2, 3)
    # 1e-6: vectorised float32 functions; counts are the same whatever the batch.
    same = {"rtol": 1e-6 if "smooth" in kind else 0.0}
    np.testing.assert_allclose(mapped, demand, **same)
    np.testing.assert_allclose(by_row, demand, **same)
    np.testing.assert_allclose(of_cell, demand[:, 1, 1], **same)


@pytest.mark.parametrize("kind", ["negative binomial", "smooth gamma"])
def test_compiled_or_not(kind):
    u = jax.random.uniform(jax.random.key(3), (2, 3))
    process = KINDS[kind](LEVELS)
    np.testing.assert_allclose(process.quantile(u), quantile(process, u), rtol=1e-6 if "smooth" in kind else 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_quantiles_rise_and_stay_finite(kind):
    tails = np.arange(16) * 2.0**-24
    u = np.concatenate([tails, GRID[16:-16], 1.0 - 2.0**-24 - tails[::-1]]).astype(np.float32)
    demand = np.asarray(quantile(KINDS[kind](LEVELS[:, 1:]), u[:, None, None]))
    assert np.isfinite(demand).all()
    assert (demand >= 0.0).all()
    # Float32 arithmetic of a smooth law wavers by its last digits.
    assert (np.diff(demand, axis=0) >= (-1e-6 * demand[1:] if "smooth" in kind else 0.0)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_within_a_scan(kind):
    u = jax.random.uniform(jax.random.key(2), (3, 5, 2, 3))

    def total(level):
        process = KINDS[kind](level)

        def body(carry, u):
            return carry + jnp.sum(process.quantile(u)), None

        return jax.lax.scan(body, 0.0, u)[0]

    gradient = np.asarray(jax.jit(jax.grad(total))(LEVELS))
    if "smooth" in kind:  # all of these laws are multiples of their mean
        parts = quantile(KINDS[kind](LEVELS), u).sum((0, 1)) / LEVELS
        np.testing.assert_allclose(gradient, parts, rtol=1e-4)
    elif kind == "intermittent":
        assert np.isfinite(gradient).all()
    else:
        np.testing.assert_array_equal(gradient, np.zeros_like(LEVELS))


@pytest.mark.parametrize("kind", ["poisson", "negative binomial", "geometric", "uniform", "empirical"])
def test_supports(kind):
    process = KINDS[kind](LEVELS[:, :2])
    values, probabilities = (np.asarray(x, np.float64) for x in process.support())
    assert probabilities.shape == (2, 2, len(values))
    np.testing.assert_allclose(probabilities.sum(-1), 1.0, rtol=1e-5)
    mean = probabilities @ values
    np.testing.assert_allclose(mean, process.mean(), rtol=1e-5)
    np.testing.assert_allclose(probabilities @ values**2 - mean**2, process.variance(), rtol=1e-4)
    if kind == "poisson":
        np.testing.assert_allclose(probabilities[1, 1], stats.poisson(400.0).pmf(values), atol=1e-8)
    if kind == "geometric":
        np.testing.assert_allclose(probabilities[0, 1], counts(3.0, 1.0).pmf(values), atol=1e-8)


@pytest.mark.parametrize(
    "kind",
    ["poisson", "negative binomial", "geometric", pytest.param("normal", marks=pytest.mark.slow), "gamma", "uniform"],
)
def test_supports_of_a_given_size(kind):
    """Compiled, with traced parameters, is as not compiled; as long as the support that is found, it is that."""
    process = KINDS[kind](jnp.array([3.0, 9.0]))
    values, probabilities = process.support()
    compiled = jax.jit(lambda process, size: process.support(size), static_argnums=1)
    for size in (len(values), 6, len(values) + 20):
        units, weights = compiled(process, size)
        np.testing.assert_array_equal(units, np.arange(size))
        assert weights.shape == (2, size)
        np.testing.assert_allclose(weights.sum(-1), 1.0, rtol=1e-5)
        _, plain = process.support(size)
        np.testing.assert_allclose(weights, plain, rtol=1e-4, atol=2e-7)  # float32 logarithms up to 30
        if size >= len(values):
            longer = np.pad(probabilities, ((0, 0), (0, size - len(values))))
            np.testing.assert_allclose(weights, longer, rtol=1e-4, atol=2e-7)


# Rounding and the cut at 0 come after scaling, so those of rounded laws are multiplied but for what these do.
@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("uniform", "empirical", "gamma", "normal")])
def test_scaling_multiplies_the_mean(kind):
    factor = jnp.array([[0.5], [3.0]])
    process = KINDS[kind](LEVELS)
    np.testing.assert_allclose(process.scaled(factor).mean(), process.mean() * factor, rtol=1e-5)


def test_a_table_draws_the_same():
    # Enough values to be searched, and few enough to be compared with.
    for cells in (Poisson([2.0, 60.0]), Poisson([2.0, 5.0])):
        table = cells.tabulated()
        u = jax.random.uniform(jax.random.key(4), (11, 900, 2))
        demand = np.asarray(quantile(table, u))
        assert (demand != np.asarray(quantile(cells, u))).mean() < 1e-3  # u at a jump, in float32
        np.testing.assert_array_equal(quantile(table, u[3]), demand[3])
    with pytest.raises(NotImplementedError, match="no finite support"):
        Gamma(4.0, 0.5, rounded=False).tabulated()


@pytest.mark.parametrize("process", [UniformInteger(0, 3), Empirical([1.0], [1.0])])
def test_given_values_cannot_be_scaled(process):
    with pytest.raises(NotImplementedError, match=f"{type(process).__name__} cannot be scaled"):
        process.scaled(jnp.float32(2.0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Poisson(-1.0), r"Poisson.rate must be >= 0.0, got -1.0"),
        (lambda: Poisson(np.nan), r"Poisson.rate must not hold NaN"),
        (lambda: NegativeBinomial(1.0, -0.5), r"NegativeBinomial.dispersion must be >= 0.0, got -0.5"),
        (lambda: Normal(1.0, -2.0), r"Normal.deviation must be >= 0.0, got -2.0"),
        (lambda: Gamma(0.0, 0.5), r"Gamma.location must be > 0.0, got 0.0"),
        (lambda: UniformInteger(3, 2), r"UniformInteger.high must be >= low, got low 3.0 and high 2.0"),
        (lambda: UniformInteger(0, 2.5), r"UniformInteger.high must be whole numbers, got 2.5"),
        (lambda: Empirical([1.0, 0.0], [0.5, 0.5]), r"Empirical.values must ascend, got \[1.0, 0.0\]"),
        (lambda: Empirical([0.0, 1.0], [0.5, 0.4]), r"Empirical.probabilities must sum to 1, got sums 0.89"),
        (lambda: Empirical([0.0, 1.0], [1.0]), r"Empirical.probabilities must end in \(2,\), got shape \(1,\)"),
        (lambda: Intermittent(0.5, 3.0), r"Intermittent.size must be a distribution, got 3.0"),
        (lambda: Intermittent(1.5, Poisson(1.0)), r"Intermittent.probability must be <= 1.0, got 1.5"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
