"""What all forecasters share: shapes, quantiles, dates, what is planned, and nothing read of the future."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from forecast.panels import panel, random_panel

from jaxinv import struct
from jaxinv.forecast import SBA, Fitted, Forecast, HoltWinters, Naive, Pool, SeasonalNaive, WeekdayQuantile
from jaxinv.forecast.base import quantiles
from jaxinv.forecast.series import Series, extended

PANEL = random_panel(periods=60)


def test_quantiles_are_the_newsvendors():
    """The least y with P(demand <= y) >= level, from the definition."""
    samples = np.array([3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3])
    for level in (0.05, 0.1, 0.15, 0.3, 0.5, 0.7, 0.9, 0.95, 1.0):
        least = next(y for y in np.sort(samples) if np.mean(samples <= y) >= level - 1e-9)
        assert quantiles(jnp.asarray(samples), [level])[0] == least


def test_cumulative_demand_is_that_of_paths():
    samples = jnp.arange(24.0).reshape(2, 3, 2, 2)
    np.testing.assert_array_equal(Forecast(samples).cumulative().samples[:, 2], samples.sum(1))


def test_shapes_are_those_of_the_panel():
    forecast = Naive(num_paths=11).fit(PANEL).predict(PANEL, 4)
    assert forecast.samples.shape == (11, 4, 2, 3)
    assert forecast.mean().shape == (4, 2, 3)
    assert forecast.quantiles((0.5, 0.9)).shape == (2, 4, 2, 3)
    rolling = Naive().fit(PANEL).rolling(PANEL, 4, levels=(0.5, 0.9), first=10, every=7)
    assert rolling.origins.tolist() == list(range(10, 61, 7))
    assert rolling.mean.shape == (8, 4, 2, 3)
    assert rolling.quantiles.shape == rolling.cumulative.shape == (8, 2, 4, 2, 3)


@pytest.mark.parametrize("method", [HoltWinters(), WeekdayQuantile()], ids=lambda m: type(m).__name__)
def test_rolling_forecasts_are_those_made_at_each_date(method):
    fitted = method.fit(PANEL)
    rolling = fitted.rolling(PANEL, 5, first=20, every=40)
    for i, origin in enumerate(rolling.origins.tolist()):
        future = None if origin == len(PANEL.dates) else extended(PANEL, 5).between(start=PANEL.dates[origin])
        known = PANEL if future is None else PANEL.between(end=PANEL.dates[origin])
        forecast = fitted.predict(known, 5, future=future)
        np.testing.assert_allclose(rolling.quantiles[i], forecast.quantiles(), atol=1e-5)
        np.testing.assert_allclose(rolling.cumulative[i], forecast.cumulative().quantiles(), atol=1e-5)


@pytest.mark.parametrize("method", [SBA(), SeasonalNaive()], ids=lambda m: type(m).__name__)
def test_the_future_changes_nothing_before_it(method):
    changed = PANEL.quantity.copy()
    changed[40:] = 1000.0 - changed[40:]
    fitted = method.fit(PANEL.between(end=PANEL.dates[40]))
    before = fitted.rolling(PANEL, 5)
    after = fitted.rolling(dataclasses.replace(PANEL, quantity=changed), 5)
    for a, b in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
        np.testing.assert_array_equal(a[:40], b[:40])  # made after 1, ..., 40 periods
        assert a is before.origins or (np.asarray(a[40:]) != np.asarray(b[40:])).any()


def test_nothing_is_forecast_where_a_location_is_shut():
    """On a day that the plan says, or on a weekday on which it was shut for four weeks."""
    quantity = np.full((56, 2, 1), 3.0)
    available = np.ones(quantity.shape, bool)
    available[6::7, 0] = False  # the first location on Sundays
    known = panel(quantity * available, available=available)
    fitted = Naive().fit(known)
    np.testing.assert_array_equal(fitted.predict(known, 14).mean()[:, 0, 0], [3, 3, 3, 3, 3, 3, 0] * 2)
    np.testing.assert_array_equal(fitted.predict(known, 14).mean()[:, 1, 0], [3] * 14)
    plan = extended(known, 14).between(start="2024-02-26")
    shut = np.ones(plan.quantity.shape, bool)
    shut[2] = False
    planned = fitted.predict(known, 14, future=dataclasses.replace(plan, available=shut))
    np.testing.assert_array_equal(planned.mean()[:, 0, 0], [3, 3, 0] + [3] * 11)


def test_what_is_planned_comes_from_the_future():
    price = np.full(PANEL.quantity.shape, 2.0)
    priced = dataclasses.replace(PANEL, price=price, promotion=price > 3)
    ahead = extended(priced, 3)
    assert len(ahead.dates) == 63
    assert ahead.dates[-1] == PANEL.dates[-1] + 3
    assert (ahead.price[-3:] == 2.0).all()
    assert not ahead.promotion[-3:].any()
    future = dataclasses.replace(ahead.between(start=ahead.dates[-3]), price=price[:3] + 1, promotion=price[:3] > 1)
    ahead = extended(priced, 3, future)
    assert (ahead.price[-3:] == 3.0).all()
    assert ahead.promotion[-3:].all()


def test_series_are_the_panels_columns():
    weeks = random_panel(periods=60, period="week")
    series = Series.of(weeks)
    assert series.season == 52
    np.testing.assert_array_equal(series.phase[52:], series.phase[:8])
    days = Series.of(PANEL)
    np.testing.assert_array_equal(days.demand[:, 4], PANEL.quantity[:, 1, 1])
    np.testing.assert_array_equal(days.observed[:, 4], PANEL.available[:, 1, 1])
    assert days.phase[:8].tolist() == [0, 1, 2, 3, 4, 5, 6, 0]  # 1 January 2024 was a Monday
    np.testing.assert_allclose(days.year[:3], np.array([0, 1, 2]) / 366)


def test_what_cannot_be_is_refused():
    fitted = Naive().fit(PANEL)
    with pytest.raises(ValueError, match="horizon must be at least 1 period, got 0"):
        fitted.predict(PANEL, 0)
    with pytest.raises(ValueError, match=r"origins must be in 1..60"):
        fitted.rolling(PANEL, 3, first=0)
    with pytest.raises(ValueError, match="future must hold 3 periods from 2024-03-01 on, got 60 from 2024-01-01"):
        fitted.predict(PANEL, 3, future=PANEL)
    with pytest.raises(ValueError, match="future must have the locations"):
        fitted.predict(PANEL, 3, future=PANEL.select(skus=[1]))


def test_a_pool_has_the_paths_of_its_members():
    """Those that each draws of itself, where it draws none by chance; more of the one that draws more."""
    members = Naive(num_paths=20).fit(PANEL), SeasonalNaive(num_paths=60).fit(PANEL)
    pooled = Pool(members).predict(PANEL, 4)
    assert pooled.samples.shape == (80, 4, 2, 3)
    means = [member.predict(PANEL, 4).mean() for member in members]
    np.testing.assert_allclose(pooled.mean(), 0.25 * means[0] + 0.75 * means[1], rtol=1e-5, atol=1e-5)


@struct.dataclass
class Told(Fitted):
    """In the place of a forecaster: foretells the covariate that it reads."""

    name: str = struct.static()

    @property
    def covariates(self):
        return (self.name,)

    def condition(self, series):
        return series.covariates[..., 0]

    def draw(self, known, series, origin, horizon, key):
        return jax.lax.dynamic_slice_in_dim(known, origin, horizon)[None]


def test_members_of_a_pool_read_their_own_covariates():
    values = {name: np.full((60, 1, 1), value) for name, value in (("cold", 2.0), ("warm", 5.0))}
    told = panel(np.ones((60, 1, 1)), covariates=values)
    for names in (("cold", "warm"), ("warm", "cold")):
        samples = Pool(tuple(map(Told, names))).rolling(told, 3, levels=(0.5, 1.0), first=57).quantiles
        assert np.unique(samples[0, 0]) == 2.0
        assert np.unique(samples[0, 1]) == 5.0
