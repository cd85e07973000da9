"""Fits on two moments: the moments, and the laws that a fit is where one has these moments."""

import numpy as np
import pytest
from scipy import stats

from jaxinv.demand import Empirical, adan_fit


def moments(law):
    values, probabilities = (np.asarray(x, np.float64) for x in (law.values, law.probabilities))
    mean = probabilities @ values
    return mean, probabilities @ values**2 - mean**2


# a = (variance - mean) / mean^2 from below -1/2 to far above 1, and the edges between the four kinds
MOMENTS = [
    (0.3, 0.21), (0.3, 0.25), (0.5, 0.3), (1.7, 0.25), (2.0, 0.5), (3.0, 0.1), (4.0, 1.0), (4.0, 2.25), (4.0, 3.99),
    (4.0, 4.0), (4.0, 4.01), (2.0, 2.5), (4.0, 9.0), (2.0, 4.0), (4.0, 16.0), (4.0, 19.9), (4.0, 20.0), (4.0, 20.1),
    (4.0, 60.0), (0.2, 3.0), (60.0, 70.0), (60.0, 900.0),
]  # fmt: skip


@pytest.mark.parametrize(("mean", "variance"), MOMENTS)
def test_a_fit_has_the_moments(mean, variance):
    law = adan_fit(mean, variance)
    assert isinstance(law, Empirical)
    assert law.shape == ()
    np.testing.assert_array_equal(law.values, np.arange(len(law.values)))
    assert (np.asarray(law.probabilities) >= 0).all()
    # Probabilities are float32, and less than 1e-10 of the tail is cut off.
    np.testing.assert_allclose(moments(law), (mean, variance), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize(
    "law",
    [
        *(stats.poisson(mean) for mean in (0.1, 2.0, 4.0, 40.0)),
        *(stats.binom(trials, p) for trials, p in ((1, 0.3), (2, 0.5), (3, 0.9), (8, 0.25))),
        *(stats.nbinom(failures, p) for failures, p in ((1, 0.2), (2, 0.5), (3, 0.1), (7, 0.6))),
    ],
    ids=lambda law: f"{law.dist.name}{law.args}",
)
def test_a_fit_to_a_law_of_its_kinds_is_that_law(law):
    fit = adan_fit(law.mean(), law.var())
    np.testing.assert_allclose(fit.probabilities, law.pmf(np.asarray(fit.values)), atol=2e-6)


def test_a_mixture_of_geometric_laws():
    """Above a = 1: the moments and the ratio of the tails give the two laws and their weights."""
    mean, a = 3.0, 2.5
    fit = adan_fit(mean, mean + a * mean**2)
    root = np.sqrt(a**2 - 1)
    weight = 1 / (1 + a + root)
    scales = mean * (1 + a + root) / 2, mean * (1 + a - root) / 2
    assert weight * scales[0] + (1 - weight) * scales[1] == pytest.approx(mean)
    parts = [stats.nbinom(1, 1 / (1 + scale)).pmf(np.asarray(fit.values)) for scale in scales]
    np.testing.assert_allclose(fit.probabilities, weight * parts[0] + (1 - weight) * parts[1], atol=1e-6)


def test_certain_demand():
    for mean in (0.0, 1.0, 5.0):
        law = adan_fit(mean, 0.0)
        assert float(law.probabilities[int(mean)]) == pytest.approx(1.0, abs=1e-6)


def test_several_fits_together():
    fits = adan_fit(np.array([[4.0, 0.0], [2.0, 1.0]]), np.array([[9.0, 0.0], [2.0, 0.4]]))
    assert fits.shape == (2, 2)
    for index in np.ndindex(2, 2):
        alone = adan_fit([[4.0, 0.0], [2.0, 1.0]][index[0]][index[1]], [[9.0, 0.0], [2.0, 0.4]][index[0]][index[1]])
        row = np.asarray(fits.probabilities[index])
        np.testing.assert_allclose(row[: len(alone.values)], alone.probabilities, atol=1e-7)
        assert row[len(alone.values) :].sum() < 1e-7


@pytest.mark.parametrize(("mean", "variance", "least"), [(0.5, 0.2, 0.25), (2.3, 0.1, 0.21), (-1.0, 1.0, 0)])
def test_moments_that_no_counts_have(mean, variance, least):
    with pytest.raises(ValueError, match=f"counts of mean {mean} have a variance of at least {least}.*got {variance}"):
        adan_fit(mean, variance)


def test_demand_without_a_chance_of_none():
    with pytest.raises(ValueError, match="too large to be fitted"):
        adan_fit(2000.0, 2000.0)
