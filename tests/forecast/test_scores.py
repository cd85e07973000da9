"""Scores against slow loops and closed forms; backtests against forecasts made one by one."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from forecast.panels import panel, random_panel
from scipy import stats

from jaxinv.forecast import Backtest, ExponentialSmoothing, Naive, SeasonalNaive, backtest
from jaxinv.forecast.scores import crps, naive_variance, quantile_loss

PANEL = random_panel(periods=80)


def test_quantile_loss_of_a_constant():
    """Of q too little each unit costs the level, of q too much 1 less it."""
    loss = quantile_loss(jnp.array([[2.0, 2.0], [2.0, 2.0]]), (0.5, 0.9), jnp.array([5.0, 0.0]))
    np.testing.assert_allclose(loss, [[1.5, 1.0], [2.7, 0.2]], rtol=1e-6)


def test_crps_of_samples_by_every_pair():
    rng = np.random.default_rng(0)
    samples, actual = rng.gamma(2.0, 3.0, (17, 4)), rng.gamma(2.0, 3.0, 4)
    for i in range(4):
        distance = np.abs(samples[:, i] - actual[i]).mean()
        between = np.mean([[abs(a - b) for a in samples[:, i]] for b in samples[:, i]])
        np.testing.assert_allclose(
            crps(jnp.asarray(samples), jnp.asarray(actual))[i], distance - between / 2, rtol=1e-5
        )


def test_crps_of_one_sample_is_its_error():
    np.testing.assert_allclose(crps(jnp.array([[3.0, 7.0]]), jnp.array([5.0, 5.0])), [2.0, 2.0])


def test_crps_of_a_normal_is_the_closed_form():
    """sigma (z (2 Phi(z) - 1) + 2 phi(z) - 1/sqrt(pi)) (Gneiting and Raftery 2007, eq. 5), from 20,000 quantiles."""
    z, sigma = 0.7, 3.0
    samples = sigma * stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    expected = sigma * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
    found = crps(jnp.asarray(samples[:, None]), jnp.array([z * sigma]))[0]
    assert float(found) == pytest.approx(expected, rel=1e-3)  # float32 sums of 20,000


def test_scale_of_rmsse_begins_with_the_first_sale():
    demand = jnp.array([[0.0], [0.0], [2.0], [5.0], [9.0], [4.0]])
    observed = jnp.array([[True], [True], [True], [True], [False], [True]])
    np.testing.assert_allclose(naive_variance(demand, observed), [9.0])  # of 2 -> 5 alone
    observed = jnp.ones((6, 1), bool)
    np.testing.assert_allclose(naive_variance(demand, observed), [(9 + 16 + 25) / 3])


def test_a_backtest_adds_up_single_forecasts():
    horizon, levels = 4, (0.1, 0.5, 0.9)
    priced = panel(PANEL.quantity, available=PANEL.available, price=np.full(PANEL.quantity.shape, 2.0))
    fitted = ExponentialSmoothing().fit(priced.between(end=priced.dates[50]))
    found = backtest(fitted, priced, horizon, first=50, every=24, levels=levels)
    origins = [50, 74]
    total = {name: 0.0 for name in ("loss", "crps", "hit", "error", "demand", "n", "lead", "lead_demand")}
    for origin in origins:
        forecast = fitted.predict(priced.between(end=priced.dates[origin]), horizon)
        q, mean, samples = np.asarray(forecast.quantiles(levels)), np.asarray(forecast.mean()), forecast.samples
        lead = np.asarray(forecast.cumulative().quantiles(levels))[:, -1]
        for w in range(2):
            for k in range(3):
                for h in range(horizon):
                    y = priced.quantity[origin + h, w, k]
                    if not priced.available[origin + h, w, k]:
                        continue
                    for i, level in enumerate(levels):
                        f = q[i, h, w, k]
                        total["loss"] += 2 / 3 * (level * (y - f) if y >= f else (1 - level) * (f - y))
                    total["crps"] += float(crps(samples[:, h, w, k], jnp.float32(y)))
                    total["hit"] += q[0, h, w, k] <= y <= q[-1, h, w, k]
                    total["error"] += mean[h, w, k] - y
                    total["demand"] += y
                    total["n"] += 1
                on_sale, opened = priced.available[origin : origin + horizon, w, k], priced.available.any(2)
                if (on_sale | ~opened[origin : origin + horizon, w]).all():
                    y = priced.quantity[origin : origin + horizon, w, k].sum()
                    total["lead_demand"] += y
                    for i, level in enumerate(levels):
                        f = lead[i, w, k]
                        total["lead"] += 2 / 3 * (level * (y - f) if y >= f else (1 - level) * (f - y))
    assert float(found.score("wql").mean) == pytest.approx(total["loss"] / total["demand"], rel=1e-4)
    assert float(found.score("crps").mean) == pytest.approx(total["crps"] / total["demand"], rel=1e-4)
    assert float(found.score("coverage").mean) == pytest.approx(total["hit"] / total["n"], rel=1e-5)
    assert float(found.score("bias").mean) == pytest.approx(total["error"] / total["demand"], abs=1e-4)
    assert float(found.score("lead_wql").mean) == pytest.approx(total["lead"] / total["lead_demand"], rel=1e-4)


def test_wrmsse_is_the_mean_over_levels_of_their_groups_by_weight():
    """Of all, of locations, of SKUs and of single series; a group is on sale where one of its series is."""
    horizon, first = 4, 50
    price = 1.0 + np.arange(6.0).reshape(2, 3) * np.ones((80, 1, 1))
    priced = panel(PANEL.quantity, available=PANEL.available, price=price)
    fitted = ExponentialSmoothing().fit(priced.between(end=priced.dates[first]))
    found = backtest(fitted, priced, horizon, first=first, every=24)
    cells = [(w, k) for w in range(2) for k in range(3)]
    levels = (
        [cells],
        [[c for c in cells if c[0] == w] for w in range(2)],
        [[c for c in cells if c[1] == k] for k in range(3)],
        [[c] for c in cells],
    )
    total = everything = 0.0
    for origin in (50, 74):
        ahead = slice(origin, origin + horizon)
        mean = np.asarray(fitted.predict(priced.between(end=priced.dates[origin]), horizon).mean())
        error = np.where(priced.available[ahead], mean - priced.quantity[ahead], 0.0)
        for group in itertools.chain(*levels):
            w, k = map(list, zip(*group, strict=True))
            demand, on_sale = priced.quantity[:first, w, k].sum(1), priced.available[:, w, k].any(1)
            scale = naive_variance(jnp.asarray(demand)[:, None], jnp.asarray(on_sale[:first])[:, None])
            errors = error[:, w, k].sum(1)[on_sale[ahead]]
            weight = (priced.quantity * price)[first - 28 : first, w, k].sum()
            total += weight * np.sqrt(np.mean(errors**2) / float(scale[0])) / len(levels)
        everything += (priced.quantity * price)[first - 28 : first].sum()
    assert float(found.score("wrmsse").mean) == pytest.approx(total / everything, rel=1e-4)


def test_intervals_hold_the_ratio_and_pairs_are_tighter():
    train = PANEL.between(end=PANEL.dates[40])
    one, other = (
        backtest(method.fit(train), PANEL, 3, first=40, every=3) for method in (Naive(), ExponentialSmoothing())
    )
    for name in ("wql", "coverage", "bias", "lead_crps"):
        found = one.score(name)
        assert found.ci95[0] < found.mean < found.ci95[1]
    difference = other.difference(one, "wql")
    assert float(difference.mean) == pytest.approx(float(other.score("wql").mean - one.score("wql").mean), abs=1e-6)
    assert difference.ci95[1] < 0  # a mean of Poisson demand forecasts better than its last value

    def width(interval):
        return float(interval.ci95[1] - interval.ci95[0])

    assert width(difference) < width(one.score("wql")) + width(other.score("wql"))
    same = one.difference(one, "wql")
    np.testing.assert_allclose([same.mean, *same.ci95], 0.0, atol=1e-7)


def test_overlapping_forecasts_are_resampled_together():
    fitted = SeasonalNaive().fit(PANEL)
    assert backtest(fitted, PANEL, 14, first=40, every=7).block == 2
    assert backtest(fitted, PANEL, 7, first=40, every=7).block == 1


def test_what_cannot_be_is_refused():
    fitted = Naive().fit(PANEL)
    with pytest.raises(ValueError, match=r"first must be in 2..76, so that 4 periods follow it; got 77"):
        backtest(fitted, PANEL, 4, first=77)
    one, other = (Backtest({"loss": jnp.ones((o, 2)), "demand": jnp.ones((o, 2))}) for o in (3, 4))
    with pytest.raises(ValueError, match="backtests differ in dates or series"):
        one.difference(other, "wql")
