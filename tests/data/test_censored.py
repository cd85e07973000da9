"""Demand is found again from the sales of a store whose stock runs out."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from jaxinv.data import DemandPanel, fit_demand
from jaxinv.data.censored import at_least, strata
from jaxinv.demand import Intermittent, NegativeBinomial

DAYS = 728
PROFILE = np.array([0.7, 0.8, 0.8, 0.9, 1.1, 1.5, 1.2])
MONDAY = np.datetime64("2022-01-03")


@pytest.mark.parametrize(
    ("probability", "mean", "dispersion", "minimum"),
    [(1.0, 4.0, 0.0, 0.0), (1.0, 30.0, 0.7, 0.0), (0.3, 5.0, 1.5, 1.0), (0.2, 2.0, 0.0, 1.0)],
)
def test_draws_follow_the_law_from_the_least_on(probability, mean, dispersion, minimum):
    law = Intermittent(probability, NegativeBinomial(mean, dispersion), minimum)
    values = np.arange(2000)
    n = 1 / dispersion if dispersion else 1.0
    sizes = stats.nbinom.pmf(values, n, n / (n + mean)) if dispersion else stats.poisson.pmf(values, mean)
    chances = probability * np.roll(sizes, int(minimum))
    chances[0] += 1.0 - probability
    u = (np.arange(4_000) + 0.5) / 4_000
    for least in (0, 1, 6, 25):
        drawn = at_least(law, np.full(u.shape, float(least)), u)
        tail = chances[least:] / chances[least:].sum()
        # Shares of 4,000 equal parts; the last part of a tail moves the mean by a little more.
        np.testing.assert_allclose(np.bincount(drawn.astype(int), minlength=2000)[least:] / 4_000, tail, atol=5e-4)
        np.testing.assert_allclose(drawn.mean(), (tail * values[least:]).sum(), rtol=2e-3)
        assert drawn.min() == least


def test_what_is_beyond_belief_is_the_least():
    law = Intermittent(1.0, NegativeBinomial(0.1, 0.0), 0.0)
    np.testing.assert_array_equal(at_least(law, np.array([500.0, 500.0]), np.array([0.01, 0.99])), [500.0, 500.0])


def test_draws_are_spread_evenly_over_the_periods_of_a_series():
    censored = np.random.default_rng(0).random((50, 2, 3)) < 0.4
    u = strata(censored)
    for w, k in np.ndindex(2, 3):
        n = censored[:, w, k].sum()
        np.testing.assert_allclose(np.sort(u[censored[:, w, k], w, k]), (np.arange(n) + 0.5) / n)


def stocked(demand, level, lead_time=2):
    """(sales, whether stock ran out) under a base-stock policy without backlog; all [T, W, K], ``level`` [K]."""
    stock = np.broadcast_to(level, demand.shape[1:]).astype(float)
    pipeline = [np.zeros_like(stock)] * lead_time
    sales, out = np.zeros_like(demand), np.zeros(demand.shape, bool)
    for t, wanted in enumerate(demand):
        stock = stock + pipeline.pop(0)
        sales[t] = np.minimum(wanted, stock)
        stock = stock - sales[t]
        out[t] = stock == 0
        pipeline.append(level - stock - sum(pipeline))
    return sales, out


@pytest.fixture(scope="module")
def store():
    """The demand of four SKUs in three locations - Poisson, negative binomial of two sizes and intermittent - and the
    panel of what was sold from base-stock levels at which stock runs out on 14 to 37 % of the days."""
    rng, mean = np.random.default_rng(0), np.array([6.0, 12.0, 40.0, 1.6])
    factor = PROFILE[np.arange(DAYS) % 7][:, None, None]
    dispersion = np.array([1e-9, 0.4, 0.2, 1.0])
    shape = (DAYS, 3, 4)
    sizes = np.where([False, False, False, True], 7.0, mean * factor)  # lots of 8
    counts = rng.poisson(sizes * rng.gamma(1 / dispersion, dispersion, shape)).astype(float)
    demand = np.where([False, False, False, True], (1 + counts) * (rng.random(shape) < 0.2 * factor), counts)
    sales, out = stocked(demand, np.array([15.0, 24.0, 85.0, 9.0]))
    panel = DemandPanel(
        sales, MONDAY + np.arange(DAYS), ("x", "y", "z"), ("poisson", "small", "large", "lots"), stocked_out=out
    )
    return mean, panel


def test_demand_is_found_again_where_stock_ran_out(store):
    mean, panel = store
    fit, blind = fit_demand(panel), fit_demand(dataclasses.replace(panel, stocked_out=None))
    # 4.5 standard errors of the mean of 3 x 728 uncensored observations: of a Poisson count of 6, negative binomial
    # ones of 12 and 40, and 437 lots of mean 8 and variance 56. Half as much again for what was not seen.
    error = 1.5 * 4.5 / np.sqrt([2184 * 6, 2184 / (1 / 12 + 0.4), 2184 / (1 / 40 + 0.2), 437 / (0.8 + 56 / 64)])
    assert (np.abs(fit.level.mean(0) / mean - 1.0) < error).all()
    # What sales alone say is too low by 5, 20, 12 and 30 % at least, and too regular.
    assert (blind.level.mean(0) / mean < [0.95, 0.8, 0.88, 0.7]).all()
    assert fit.family[0].tolist() == ["poisson", "negative binomial", "negative binomial", "intermittent"]
    # Three series of each: a standard error of about 6 % without stock-outs.
    np.testing.assert_allclose(fit.dispersion[:, 1:3].mean(0), [0.4, 0.2], rtol=0.27)
    assert (blind.dispersion[:, 1:3].mean(0) < [0.3, 0.17]).all()
    # 4.5 standard errors of 3 x 104 weekdays of 1.3 % for those that sell much, whose stock-outs are not all alike.
    np.testing.assert_allclose(fit.profile[:, :, :3].mean((1, 2)), PROFILE, rtol=0.06)


def test_a_series_that_always_stocked_out_is_fitted_to_its_sales(store):
    panel = store[1].select(skus=[0, 1]).between(end="2022-07-04")
    always = np.array([True, False]) | panel.stocked_out
    fit = fit_demand(dataclasses.replace(panel, stocked_out=always))
    np.testing.assert_allclose(fit.level[:, 0], panel.quantity[:, :, 0].mean(0), rtol=0.03)


def test_nothing_changes_where_stock_never_ran_out(store):
    panel = store[1].select(skus=[0, 1]).between(end="2022-07-04")
    fits = [
        fit_demand(dataclasses.replace(panel, stocked_out=out)) for out in (None, np.zeros(panel.quantity.shape, bool))
    ]
    np.testing.assert_array_equal(fits[0].level, fits[1].level)
