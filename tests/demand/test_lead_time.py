"""The distribution of demand over several periods, against scipy and enumeration."""

import itertools

import numpy as np
import pytest
from scipy import stats

from jaxinv.demand import Cyclic, Empirical, Gamma, Geometric, Modulated, Normal, Poisson, Trend, UniformInteger, Weekly
from jaxinv.demand.lead_time import fractile, lead_time_demand


def same(table, expected):
    """Both [n], of any length, to what is cut off the supports (1e-9) and float32 probabilities (1e-7 of the mode)."""
    size = max(len(table), len(expected))
    pad = lambda x: np.pad(x, (0, size - len(x)))  # noqa: E731
    np.testing.assert_allclose(pad(table), pad(expected), atol=1e-7)
    assert table.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("periods", [1, 2, 5])
def test_sums_of_poisson_and_geometric_counts(periods):
    units = np.arange(400)
    same(lead_time_demand(Poisson(5.0), periods), stats.poisson.pmf(units, 5.0 * periods))
    # A sum of geometric counts is negative binomial.
    same(lead_time_demand(Geometric(5.0), periods), stats.nbinom.pmf(units, periods, 1 / 6))


def test_no_period_demands_nothing():
    np.testing.assert_array_equal(lead_time_demand(Poisson(5.0), 0), [1.0])


def test_against_all_sequences():
    values, probabilities = [0, 2, 3, 7], [0.25, 0.5, 0.125, 0.125]
    expected = np.zeros(22)
    for draws in itertools.product(range(4), repeat=3):
        expected[sum(values[i] for i in draws)] += np.prod([probabilities[i] for i in draws])
    same(lead_time_demand(Empirical(values, probabilities), 3), expected)


def test_cells_of_their_own():
    table = lead_time_demand(Poisson([[1.0, 4.0], [0.0, 9.0]]), 2)
    assert table.shape[:2] == (2, 2)
    for cell, rate in zip(table.reshape(4, -1), (1.0, 4.0, 0.0, 9.0), strict=True):
        same(cell, stats.poisson.pmf(np.arange(table.shape[-1]), 2 * rate))


@pytest.mark.parametrize("begin", [0, 1, 2, 3, 5])
def test_cyclic_demand_is_that_of_the_days_in_turn(begin):
    units = np.arange(120)
    rates = (1.0, 4.0, 9.0)
    ahead = [rates[day % 3] for day in range(begin, begin + 4)]
    cyclic = Cyclic(tuple(Poisson(rate) for rate in rates))
    same(lead_time_demand(cyclic, 4, begin), stats.poisson.pmf(units, sum(ahead)))


def test_weekdays_of_a_modulated_law():
    profile = np.array([0.5, 1.0, 1.0, 1.0, 1.5, 2.0, 0.0])
    weekly = Modulated(Poisson(4.0), (Weekly(profile),))
    for begin in range(7):
        rate = 4.0 * (profile[begin] + profile[(begin + 1) % 7])
        same(lead_time_demand(weekly, 2, begin), stats.poisson.pmf(np.arange(60), rate))


def test_rounded_laws_are_whole_units():
    """N(20, 4) over three periods, each rounded: variance 4^2 + 1/12 a period."""
    table = lead_time_demand(Normal(20.0, 4.0), 3)
    units = np.arange(len(table))
    mean = table @ units
    assert mean == pytest.approx(60.0, abs=1e-4)  # float32 distribution functions
    assert table @ (units - mean) ** 2 == pytest.approx(3 * (16 + 1 / 12), rel=1e-4)


@pytest.mark.parametrize("demand", [Empirical([0.0, 0.5], [0.5, 0.5]), Empirical([1.5, 2.0], [0.5, 0.5])])
def test_demand_in_parts_of_units_is_refused(demand):
    with pytest.raises(ValueError, match="demand must come in whole units"):
        lead_time_demand(demand, 1)


def test_demand_without_a_finite_support_or_a_cycle_is_refused():
    with pytest.raises(NotImplementedError, match="no finite support"):
        lead_time_demand(Gamma(4.0, 0.5, rounded=False), 1)
    with pytest.raises(NotImplementedError, match="Trend does not repeat itself"):
        _ = Modulated(Poisson(1.0), (Trend(0.1),)).cycle


@pytest.mark.parametrize("ratio", [0.0, 0.05, 0.5, 0.8, 0.975, 1.0 - 1e-5])
@pytest.mark.parametrize("mean", [0.5, 5.0, 30.0])
def test_fractile(mean, ratio):
    assert fractile(lead_time_demand(Poisson(mean), 1), ratio) == max(stats.poisson.ppf(ratio, mean), 0)


def test_a_fractile_that_is_met_exactly_is_met():
    """0.8 of 0..9 is covered by 7 units; the float32 probabilities sum to a little less or more."""
    for ratio in np.arange(1, 11) / 10:
        assert fractile(lead_time_demand(UniformInteger(0.0, 9.0), 1), ratio) == round(10 * ratio) - 1


def test_the_whole_distribution_is_covered_by_its_largest_value():
    table = lead_time_demand(UniformInteger(2.0, 6.0), 3)
    assert fractile(table, 1.0) == fractile(table, 7.0) == 18
