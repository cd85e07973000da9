"""A generator is told to be right where it is, and wrong where it is not."""

import dataclasses

import numpy as np
import pytest

from jaxinv.data import DemandPanel, fit_demand, held_out_report

PROFILE = np.array([0.7, 0.8, 0.8, 0.9, 1.1, 1.5, 1.2])
MONDAY = np.datetime64("2022-01-03")


def drawn(days, start=0, factor=1.0, seed=0):
    """Poisson, negative binomial and slow series in two locations, by the weekday."""
    rng, level, dispersion = np.random.default_rng(seed), np.array([6.0, 20.0, 0.4]), np.array([1e-9, 0.1, 1e-9])
    shape = (days, 2, 3)
    rate = factor * level * PROFILE[(start + np.arange(days)) % 7][:, None, None]
    quantity = rng.poisson(rate * rng.gamma(1 / dispersion, dispersion, shape))
    return DemandPanel(quantity, MONDAY + start + np.arange(days), ("x", "y"), ("a", "b", "c"))


@pytest.fixture(scope="module")
def fit():
    return fit_demand(drawn(1092))


def by_name(rows):
    return {row.statistic: row for row in rows}


def test_more_of_the_same_process_is_within_all_tolerances(fit):
    """Two years held out. A day's total of 53 has a standard deviation of 22 %, so that the factor of a weekday, of
    104 days and 156 fitted ones, has a standard error of 0.03; all else is known better. But 52 independent fortnights
    of six series tell the share of them below a median to 0.03 only: coverage is to be within 4.5 standard errors."""
    report = held_out_report(fit, drawn(728, start=1092, seed=1))
    rows = by_name(report)
    assert len(rows) == 3 + 7 + 3 * 3 * 2
    assert [row.statistic for row in report if not row.within and "coverage" not in row.statistic] == []
    for lead in (1, 7, 14):
        for level in (0.5, 0.9, 0.95):
            error = 4.5 * np.sqrt(level * (1 - level) / (728 * 6 / lead))
            assert abs(rows[f"{lead}: coverage of {level:g}"].error) < error
    assert np.mean([row.usual for row in report]) > 0.7
    # What the paths cover of themselves is above the level where demand is of few values, and else is the level.
    assert 0.5 < rows["1: coverage of 0.5"].generated < 0.7
    np.testing.assert_allclose(rows["14: coverage of 0.95"].generated, 0.95, atol=0.015)


def test_numbers_by_hand(fit):
    panel = drawn(728, start=1092, seed=2)
    panel = dataclasses.replace(panel, available=np.arange(728)[:, None, None] >= [[0, 300, 728], [0, 0, 0]])
    rows = by_name(held_out_report(fit, panel, lead_times=(1, 7), levels=(0.9,)))
    q = np.where(panel.available, panel.quantity, np.nan)
    q = q.reshape(728, 6)[:, [0, 1, 3, 4, 5]]  # the third of the first location is never available
    mean = np.nanmean(q, 0)
    np.testing.assert_allclose(rows["mean"].held_out, mean.sum(), rtol=1e-6)
    np.testing.assert_allclose(rows["variance / mean"].held_out, np.median(np.nanvar(q, 0) / mean), rtol=1e-5)
    zero = np.where(np.isnan(q), np.nan, q == 0)
    np.testing.assert_allclose(rows["share of zeros"].held_out, np.nanmean(zero, 0).mean(), rtol=1e-6)
    usual = (mean * ~np.isnan(q[::7])).sum()
    np.testing.assert_allclose(rows["Monday"].held_out, np.nansum(q[::7]) / usual, rtol=1e-6)
    weeks = np.lib.stride_tricks.sliding_window_view(np.nan_to_num(q), 7, 0).sum(-1)
    np.testing.assert_allclose(rows["7: quantile 0.9"].held_out, np.quantile(weeks, 0.9, 0).sum(), rtol=1e-6)


def test_a_level_that_changed_is_told_and_followed_by_the_recent_one(fit):
    after = drawn(728, start=1092, factor=1.5, seed=3)
    rows = by_name(held_out_report(fit, after, lead_times=(7,)))
    assert not rows["mean"].within
    assert not rows["mean"].usual
    np.testing.assert_allclose(rows["mean"].error, -1 / 3, atol=0.06)
    assert rows["7: coverage of 0.9"].error > 0.2  # stock for the old level would not do
    before = drawn(1092)
    last = drawn(56, start=1036, factor=1.5, seed=4).quantity
    before = dataclasses.replace(before, quantity=np.concatenate([before.quantity[:1036], last]))
    recent = fit_demand(before, recent=56)
    np.testing.assert_allclose(recent.level.sum() / fit.level.sum(), 1.5, rtol=0.15)  # 56 days: a standard error of 3 %
    with pytest.raises(ValueError, match=r"recent must be in 1\.\.1092 periods, got 1093"):
        fit_demand(before, recent=1093)


def test_what_cannot_be_compared_is_refused(fit):
    panel = drawn(14, start=1092)
    with pytest.raises(ValueError, match=r"lead_times must be in 1\.\.14 periods, got \(1, 15\)"):
        held_out_report(fit, panel, lead_times=(1, 15))
    with pytest.raises(ValueError, match=r"levels must be in \(0, 1\), got \(0.5, 1.0\)"):
        held_out_report(fit, panel, levels=(0.5, 1.0))
    with pytest.raises(ValueError, match="paths must be at least 20, got 3"):
        held_out_report(fit, panel, paths=3)
    with pytest.raises(ValueError, match="fitted only"):
        held_out_report(fit, panel.select(skus=[0]))
    with pytest.raises(ValueError, match="nothing was sold"):
        held_out_report(fit, dataclasses.replace(panel, quantity=np.zeros(panel.quantity.shape)))
