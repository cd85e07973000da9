"""A small network, trained once: what it learned, that it sees nothing ahead, and that it can be kept and moved."""

import dataclasses

import jax
import numpy as np
import pytest
from forecast.panels import panel

from jaxinv.forecast import GRU, FittedNeural, Neural, Transformer, backtest
from jaxinv.forecast.smoothing import ExponentialSmoothing

SMALL = Neural(network=GRU(16), context=21, horizon=7, steps=150, batch=16, learning_rate=1e-2, num_paths=40)


def weekly(seed=0, periods=140, series=8):
    """Poisson demand, five times as high on two days of the week."""
    rng = np.random.default_rng(seed)
    mean = rng.uniform(1.0, 20.0, series) * np.where(np.arange(periods) % 7 >= 5, 5.0, 1.0)[:, None]
    return panel(rng.poisson(mean)[:, None])


@pytest.fixture(scope="module")
def fitted():
    demand = weekly()
    return SMALL.fit(demand.between(end=demand.dates[112]))


def test_it_learns_what_smoothing_cannot(fitted):
    """The weekly profile, on dates that it did not see; of a level alone errors are those of the profile."""
    demand = weekly()
    train = demand.between(end=demand.dates[112])
    flat = ExponentialSmoothing(same_weekday=False).fit(train)
    ours, theirs = (backtest(each, demand, 7, first=112, every=7) for each in (fitted, flat))
    assert ours.difference(theirs, "wql").ci95[1] < 0
    assert float(fitted.losses[-20:].mean()) < float(fitted.losses[:20].mean())
    # It follows the profile: five times as much at the end of the week.
    week = fitted.predict(train, 7).mean()[:, 0].sum(1)
    assert week[5:].mean() / week[:5].mean() == pytest.approx(5.0, rel=0.35)


def test_the_future_changes_nothing_before_it(fitted):
    demand = weekly()
    changed = demand.quantity.copy()
    changed[112:] = 1000.5 - changed[112:]
    rolling = [
        fitted.rolling(dataclasses.replace(demand, quantity=quantity), 7, first=100, every=4)
        for quantity in (demand.quantity, changed)
    ]
    for a, b in zip(*map(jax.tree.leaves, rolling), strict=True):
        np.testing.assert_array_equal(a[:4], b[:4])  # made after 100, 104, 108 and 112 periods
    assert (np.asarray(rolling[0].mean[4:]) != np.asarray(rolling[1].mean[4:])).any()


def test_the_first_year_has_no_season(fitted):
    """The same demand at another time of the year, on the same weekdays."""
    demand, moved = weekly(), weekly()
    moved = dataclasses.replace(moved, dates=moved.dates + np.timedelta64(98, "D"))
    np.testing.assert_array_equal(fitted.predict(demand, 7).samples, fitted.predict(moved, 7).samples)


def test_it_is_kept_and_used_on_another_panel(fitted):
    again = FittedNeural.from_bytes(fitted.to_bytes())
    assert again.config == fitted.config
    other = weekly(1, periods=112)
    forecast = fitted.predict(other, 7)
    assert forecast.samples.shape == (40, 7, 1, 8)
    assert (np.asarray(forecast.samples) == np.round(forecast.samples)).all()
    np.testing.assert_array_equal(forecast.samples, again.predict(other, 7).samples)
    assert (forecast.samples != fitted.predict(other, 7, jax.random.key(1)).samples).any()


def test_fractional_demand_is_drawn_as_such(fitted):
    halves = panel(weekly(periods=112).quantity / 2.0)
    samples = np.asarray(fitted.predict(halves, 7).samples)
    assert (samples != np.round(samples)).any()
    assert (samples >= 0).all()


def test_tuning_goes_on_from_the_weights(fitted):
    tuned = fitted.tune(weekly(1, periods=112), steps=150, learning_rate=1e-5)
    for a, b in zip(jax.tree.leaves(fitted.params), jax.tree.leaves(tuned.params), strict=True):
        assert 0 < np.abs(a - b).max() < 3e-3  # 150 steps of about 1e-5 each


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Neural(context=4), r"Neural.context must be in \[8, 360\], got 4"),
        (lambda: Neural(learning_rate=2.0), r"Neural.learning_rate must be in"),
        (lambda: Neural(network=Neural), r"Neural.network must be one of GRU, Convolution, Transformer"),
    ],
)
def test_bad_choices_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.slow
def test_a_transformer_pretrained_on_others_beats_seasonal_naive():
    """On a panel it never saw."""
    from jaxinv.forecast import SeasonalNaive

    pretrained = dataclasses.replace(SMALL, network=Transformer(32), steps=400, batch=32).pretrain(
        [weekly(seed, series=20) for seed in (1, 2)]
    )
    unseen = weekly(3)
    naive = SeasonalNaive().fit(unseen.between(end=unseen.dates[112]))
    ours, theirs = (backtest(each, unseen, 7, first=112, every=7) for each in (pretrained, naive))
    assert ours.difference(theirs, "wql").ci95[1] < 0
