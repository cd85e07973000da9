"""Every classical method against a slow loop, and its paths against errors made one by one."""

import dataclasses

import jax
import numpy as np
import pytest
from forecast.panels import panel, random_panel

from jaxinv.forecast import (
    SBA,
    TSB,
    Croston,
    ExponentialSmoothing,
    HoltWinters,
    MovingAverage,
    Naive,
    SeasonalNaive,
    WeekdayQuantile,
)
from jaxinv.forecast.classical import FittedClassical
from jaxinv.forecast.series import Series

PANEL = random_panel()
SERIES = PANEL.quantity.reshape(len(PANEL.dates), -1)
OBSERVED = PANEL.available.reshape(SERIES.shape)


def last(demand, phase, horizon, **_):
    return [demand[-1]] * horizon if len(demand) else [0.0] * horizon


def last_of_weekday(demand, phase, horizon, following, **_):
    seen = dict(zip(phase, demand, strict=True))
    return [seen.get(p, 0.0) for p in following]


def mean_of_last(demand, phase, horizon, **_):
    return [np.mean(demand[-28:]) if len(demand) else 0.0] * horizon


def nothing(demand, phase, horizon, **_):
    return [0.0] * horizon


def smoothed(demand, phase, horizon, alpha, **_):
    level = 0.0
    for n, y in enumerate(demand, 1):
        a = max(alpha, 1 / n)
        level = a * y + (1 - a) * level
    return [level] * horizon


def holt_winters(demand, phase, horizon, following, alpha, beta, gamma):
    level = trend = 0.0
    season, counts = [0.0] * 7, [0] * 7
    for n, (y, p) in enumerate(zip(demand, phase, strict=True), 1):
        before = level
        a = max(alpha, 1 / n)
        level = a * (y - season[p]) + (1 - a) * (before + trend)
        if n > 1:
            trend = beta * (level - before) + (1 - beta) * trend
        counts[p] += 1
        g = max(gamma, 1 / counts[p])
        season[p] = g * (y - level) + (1 - g) * season[p]
    return [level + (h + 1) * trend + season[p] for h, p in enumerate(following)]


def croston(demand, phase, horizon, alpha, factor=1.0, **_):
    size, interval, since, count = 0.0, 1.0, 0, 0
    for y in demand:
        since += 1
        if y > 0:
            count += 1
            a = max(alpha, 1 / count)
            size, interval, since = size + a * (y - size), interval + a * (since - interval), 0
    return [factor * size / interval] * horizon


def sba(demand, phase, horizon, alpha, **_):
    return croston(demand, phase, horizon, alpha, factor=1 - alpha / 2)


def tsb(demand, phase, horizon, alpha, beta, **_):
    size = probability = 0.0
    count = 0
    for n, y in enumerate(demand, 1):
        probability += max(beta, 1 / n) * ((y > 0) - probability)
        if y > 0:
            count += 1
            size += max(alpha, 1 / count) * (y - size)
    return [size * probability] * horizon


METHODS = [
    (Naive(), last),
    (SeasonalNaive(), last_of_weekday),
    (MovingAverage(), mean_of_last),
    (WeekdayQuantile(), nothing),
    (ExponentialSmoothing(), smoothed),
    (HoltWinters(), holt_winters),
    (Croston(), croston),
    (SBA(), sba),
    (TSB(), tsb),
]


def some(*classes):
    """Of the methods, with their slow loops."""
    chosen = [(m, slow) for m, slow in METHODS if type(m) in classes]
    return pytest.mark.parametrize(("method", "slow"), chosen, ids=[type(m).__name__ for m, _ in chosen])


def slow_forecast(slow, parameters, series, origin, horizon):
    """Point forecasts [H] of a series after ``origin`` periods, of which those are read that were observed."""
    rows = np.flatnonzero(OBSERVED[:origin, series])
    phase = (np.arange(len(SERIES) + horizon) + PANEL.start_day) % 7
    following = phase[origin : origin + horizon]
    return np.array(slow(SERIES[rows, series], phase[rows], horizon, following=following, **parameters))


def parameters_of(fitted, series):
    return {name: float(values[series]) for name, values in fitted.parameters.items()}


@some(*(type(m) for m, _ in METHODS))
def test_forecasts_after_every_period(method, slow):
    """With parameters that differ by series, and none of what was not observed."""
    count = SERIES.shape[1]
    parameters = {name: np.linspace(0.05, 0.4, count, dtype=np.float32) for name in method.grid()}
    fitted = FittedClassical(parameters, False, method, (PANEL.locations, PANEL.skus))
    series = Series.of(PANEL)
    known = jax.jit(lambda series: fitted.condition(series))(series)
    for origin in (1, 3, 14, 60, 120):
        phases = (series.phase[origin - 1] + 1 + np.arange(9)) % 7
        for i in range(count):
            outlook = jax.tree.map(lambda x, i=i, origin=origin: x[origin - 1, i], known)
            expected = slow_forecast(slow, parameters_of(fitted, i), i, origin, 9)
            np.testing.assert_allclose(method.ahead(outlook, phases), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("same_weekday", [False, True])
@some(ExponentialSmoothing, SeasonalNaive)
def test_paths_are_forecasts_plus_past_errors(method, slow, same_weekday):
    horizon, origin, count = 5, 100, 8
    fitted = dataclasses.replace(method, num_paths=count, same_weekday=same_weekday).fit(PANEL)
    found = fitted.predict(PANEL.between(end=PANEL.dates[origin]), horizon).samples.reshape(count, horizon, -1)
    stride = 7 if same_weekday else 1
    first = origin - (7 if same_weekday else horizon)
    for series in range(SERIES.shape[1]):
        parameters = parameters_of(fitted, series)
        now = slow_forecast(slow, parameters, series, origin, horizon)
        for path in range(count):
            for step in range(horizon):
                # The first date, from this path's on back, on which what was sold at this step is known.
                dates = [first - stride * (path + back) for back in range(count - path)]
                dates += [first - stride * (path - back) for back in range(1, path + 1)]
                date = next(d for d in dates if OBSERVED[d + step, series])
                error = SERIES[date + step, series] - slow_forecast(slow, parameters, series, date, horizon)[step]
                expected = max(now[step] + error, 0.0)
                assert abs(float(found[path, step, series]) - expected) <= 0.5 + 1e-3  # rounded: whole units


@some(ExponentialSmoothing, TSB)
def test_parameters_have_least_squared_errors(method, slow):
    grids = {name: (0.05, 0.2) for name in method.grid()}
    method = dataclasses.replace(method, **grids)
    fitted = method.fit(PANEL)
    combinations = {name: np.asarray(values) for name, values in method._combinations().items()}
    for series in (0, 4):
        counted = OBSERVED[:, series] & (np.cumsum(OBSERVED[:, series]) > 14)
        errors = []
        for i in range(len(next(iter(combinations.values())))):
            parameters = {name: float(values[i]) for name, values in combinations.items()}
            forecasts = [slow_forecast(slow, parameters, series, t, 1)[0] for t in np.flatnonzero(counted)]
            errors.append(((SERIES[counted, series] - forecasts) ** 2).sum())
        chosen = parameters_of(fitted, series)
        same = [np.isclose(values, chosen[name]) for name, values in combinations.items()]
        assert errors[int(np.flatnonzero(np.all(same, 0))[0])] == pytest.approx(min(errors), rel=1e-5)


@some(TSB)
def test_a_fractional_series_is_not_rounded(method, slow):
    """The point forecast itself: a path with an error of 0, where no error is known."""
    halves = panel(PANEL.quantity / 2.0, available=PANEL.available)
    fitted = method.fit(halves)
    origin = 4  # nothing of a horizon of 5 is complete
    found = fitted.predict(halves.between(end=halves.dates[origin]), 5).samples.reshape(method.num_paths, 5, -1)
    for series in range(SERIES.shape[1]):
        expected = slow_forecast(slow, parameters_of(fitted, series), series, origin, 5) / 2.0
        np.testing.assert_allclose(found[0, :, series], np.maximum(expected, 0.0), rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(found[0, :, series], found[-1, :, series])


def test_weekday_quantiles_are_those_of_the_weekday():
    weeks = np.arange(-1, 10)[:, None] + 100.0 * np.arange(1, 8)  # week w sold w + 100 d on day d, 1 to 7
    demand = panel(weeks.reshape(77, 1, 1))
    forecast = WeekdayQuantile(num_paths=10).fit(demand).predict(demand, 7)
    for day in range(7):
        np.testing.assert_array_equal(
            forecast.quantiles((0.1, 0.5, 1.0))[:, day, 0, 0], 100 * (day + 1) + np.array([0, 4, 9])
        )
    # A week's sum is that of whole weeks: 2800 + 7 w.
    np.testing.assert_array_equal(np.sort(forecast.cumulative().samples[:, -1, 0, 0]), 2800 + 7 * np.arange(10))


def test_a_published_croston_forecast():
    """Demand 3 in every fourth period: size 3, interval 4, rate 3/4 (Croston 1972, section on regular demand)."""
    demand = panel(np.tile([0.0, 0, 0, 3], 30).reshape(-1, 1, 1) + 0.0)
    fitted = Croston().fit(demand)
    known = fitted.condition(Series.of(demand))
    np.testing.assert_allclose(known[-1], 0.75, rtol=1e-6)


def test_other_series_than_those_fitted_are_refused():
    fitted = Naive().fit(PANEL)
    with pytest.raises(ValueError, match="Naive forecasts the locations and SKUs that were fitted"):
        fitted.predict(PANEL.select(skus=[0]), 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Naive(num_paths=0), r"Naive.num_paths must be in \[1, 10000\], got 0"),
        (lambda: MovingAverage(window=0), r"MovingAverage.window must be in \[1, 10000\], got 0"),
        (lambda: SBA(alpha=(0.1, 1.5)), r"SBA.alpha must be in \[0.0, 1.0\], got 1.5"),
    ],
)
def test_bad_choices_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
