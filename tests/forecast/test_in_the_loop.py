"""Forecasts and covariates as observations of an environment: what policies see of each date, and never ahead of it."""

import dataclasses

import jax
import numpy as np
import pytest
from forecast.panels import panel, random_panel

from jaxinv.data import known_covariates
from jaxinv.demand import Trace
from jaxinv.env.informed import Informed
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.env.single_item import SingleItem
from jaxinv.forecast import GRU, ExponentialSmoothing, FittedNeural, Neural
from jaxinv.forecast.series import Series, extended

FIRST, CUT, LEAD_TIME = 60, 80, 2
LEVELS = (0.5, 0.9)
SIGNALS = ("holiday", "visits", "weather")


def with_signals(quantity, seed=0):
    """Holidays are planned; visits and weather are seen as they come."""
    rng = np.random.default_rng(seed)
    periods, locations, skus = quantity.shape
    covariates = {
        "holiday": rng.random(periods) < 0.1,
        "visits": rng.poisson(1000.0, (periods, locations)),
        "weather": rng.normal(0.0, 10.0, (periods, locations, skus)),
    }
    return panel(quantity, covariates=covariates)


PANEL = with_signals(random_panel(missing=0.0).quantity)


def otherwise(changed):
    """``PANEL`` with another future from ``CUT`` on, of demand and, where ``changed``, of these covariates."""
    other = with_signals(random_panel(missing=0.0, seed=9).quantity, seed=9)
    quantity = np.concatenate([PANEL.quantity[:CUT], 7.0 + other.quantity[CUT:]])
    covariates = {
        name: np.concatenate([x[:CUT], 1.0 + other.covariates[name][CUT:]]) if name in changed else x
        for name, x in PANEL.covariates.items()
    }
    return dataclasses.replace(PANEL, quantity=quantity, covariates=covariates)


@pytest.fixture(scope="module")
def fitted():
    """By what it is, each fitted to the dates before the first forecast."""
    known = PANEL.between(end=PANEL.dates[FIRST])
    neural = Neural(
        network=GRU(8),
        context=14,
        horizon=3,
        steps=3,
        batch=4,
        num_paths=8,
        covariates=SIGNALS,
        planned=("holiday",),
    )
    return {"classical": ExponentialSmoothing(num_paths=20).fit(known), "neural": neural.fit(known)}


def trace(forecaster, demand):
    """The dates from ``FIRST`` on, with what is known before each."""
    rolling = forecaster.rolling(demand, LEAD_TIME + 1, levels=LEVELS, first=FIRST)
    return Trace(
        quantity=demand.quantity[FIRST:],
        start_day=demand.start_day + FIRST,
        last=len(demand.dates) - FIRST - 1,
        expected=np.ones_like(demand.quantity[FIRST:]),
        forecasts=np.asarray(rolling.features()[:-1]),
        covariates=known_covariates(demand, SIGNALS, ("holiday",))[FIRST:],
    )


ENV = Informed(MultiWarehouse(2, 3, max_lead_time=LEAD_TIME))


def observed(process):
    """[T, W, K, F] of each day, at the beginning of an episode."""
    params = ENV.make_params(demand=process, demand_scale=2.0)

    @jax.jit
    def on(row):
        begun = params.replace(demand=process.replace(first=row, last=row))
        return ENV.reset(jax.random.key(0), begun)[0]

    return np.stack([on(row) for row in range(len(process.quantity))])


@pytest.mark.parametrize("name", ["classical", "neural"])
def test_another_future_changes_no_observation_and_no_forecast_before_it(fitted, name):
    known, other = (trace(fitted[name], demand) for demand in (PANEL, otherwise(("visits", "weather"))))
    seen = CUT - FIRST + 1  # of the day itself nothing is known yet
    for a, b in (
        (known.forecasts, other.forecasts),
        (known.covariates, other.covariates),
        (observed(known), observed(other)),
    ):
        np.testing.assert_array_equal(a[:seen], b[:seen])
        assert (np.asarray(a)[seen] != np.asarray(b)[seen]).any()


def test_shifting_the_future_changes_nothing_before_it(fitted):
    shifted = dataclasses.replace(
        PANEL, quantity=np.concatenate([PANEL.quantity[:CUT], np.roll(PANEL.quantity[CUT:], 1, 0)])
    )
    a, b = (observed(trace(fitted["classical"], demand)) for demand in (PANEL, shifted))
    np.testing.assert_array_equal(a[: CUT - FIRST + 1], b[: CUT - FIRST + 1])
    assert (a != b).any()


def test_what_is_planned_is_read_ahead_and_the_rest_is_not(fitted):
    """Of the dates that a forecast is for, from the one before ``CUT`` on."""
    # The weights are nearly those of the start, with which a holiday moves little.
    heavy = dataclasses.replace(fitted["neural"], params=jax.tree.map(lambda x: 20.0 * x, fitted["neural"].params))

    def forecast(changed):
        return np.asarray(trace(heavy, otherwise(changed)).forecasts[CUT - 1 - FIRST])

    np.testing.assert_array_equal(forecast(()), forecast(("visits", "weather")))
    assert (forecast(()) != forecast(("holiday",))).any()


def test_observations_are_quantiles_and_covariates_beside_what_there_was(fitted):
    process = trace(fitted["classical"], PANEL)
    seen = observed(process)[5]
    bare = observed(process.replace(forecasts=None, covariates=None))[5]
    np.testing.assert_array_equal(seen[..., :-5], bare)
    np.testing.assert_allclose(seen[..., -5:-3], process.forecasts[5] / 2.0)
    day = FIRST + 5
    np.testing.assert_array_equal(seen[..., -3], np.broadcast_to(PANEL.covariates["holiday"][day], (2, 3)))
    np.testing.assert_array_equal(seen[..., -2], np.broadcast_to(PANEL.covariates["visits"][day - 1], (2, 3)))
    np.testing.assert_array_equal(seen[..., -1], PANEL.covariates["weather"][day - 1])
    assert ENV.observation_space(ENV.make_params(demand=process)).shape == seen.shape


def test_what_is_known_of_covariates():
    demand = panel(np.ones((4, 1, 2)), covariates={"a": [np.nan, 2, np.nan, 4], "b": [1, 0, 1, 1]})
    known = known_covariates(demand, ("a", "b"), planned=("b",))
    np.testing.assert_array_equal(known[:, 0, 1], [[0, 1], [0, 0], [2, 1], [2, 1]])
    with pytest.raises(ValueError, match="names must be among a, b; got 'c'"):
        known_covariates(demand, ("c",))
    with pytest.raises(ValueError, match="planned must be among a; got 'b'"):
        known_covariates(demand, ("a",), planned=("b",))


def test_series_hold_the_covariates_asked_for():
    series = Series.of(PANEL, ("weather", "none", "holiday"))
    assert series.covariates.shape == (120, 6, 3)
    np.testing.assert_array_equal(series.covariates[:, 4, 0], PANEL.covariates["weather"][:, 1, 1])
    assert np.isnan(series.covariates[..., 1]).all()
    np.testing.assert_array_equal(series.covariates[:, 5, 2], PANEL.covariates["holiday"][:, 0, 0])
    ahead = Series.of(extended(PANEL, 2), ("holiday",)).covariates
    assert np.isnan(ahead[-2:]).all()
    future = extended(PANEL, 2).between(start=PANEL.dates[-1] + 1)
    future = dataclasses.replace(future, covariates={"holiday": [1.0, 0.0]})
    assert Series.of(extended(PANEL, 2, future), ("holiday",)).covariates[-2:, 0, 0].tolist() == [1.0, 0.0]


def test_a_forecaster_keeps_the_names_of_its_covariates(fitted):
    neural = fitted["neural"]
    again = FittedNeural.from_bytes(neural.to_bytes())
    assert again.config == neural.config
    assert again.covariates == SIGNALS
    with pytest.raises(ValueError, match="planned must name some of its covariates"):
        Neural(planned=("holiday",))


def test_what_cannot_be_is_refused(fitted):
    process = trace(fitted["classical"], PANEL)
    with pytest.raises(ValueError, match=r"Trace.forecasts must have shape \(60, 2, 3, '...'\), got \(59, 2, 3, 2\)"):
        process.replace(forecasts=np.asarray(process.forecasts)[1:])
    env = Informed(SingleItem())
    with pytest.raises(ValueError, match=r"Informed\.env must observe an array"):
        env.observation_space(env.default_params().replace(demand=process))
