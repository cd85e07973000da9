"""The fit finds known parameters again, and makes of real panels processes that resemble them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.data import DemandPanel, fit_demand, load_panel
from jaxinv.data.fit import FAMILIES
from jaxinv.demand import DemandState, Promotion, Weekly

DAYS = 728
PROFILE = np.array([0.7, 0.8, 0.8, 0.9, 1.1, 1.5, 1.2])
MONDAY = np.datetime64("2022-01-03")


def simulated(level, *, profile=PROFILE, lift=1.0, days=DAYS, dispersion=0.0, probability=1.0, seed=0):
    """A panel of known parameters, [K] or numbers, in 3 locations; drawn by numpy. ``level`` is what is sold in a mean
    week; with a ``probability`` below 1 demand comes in lots of 1 + a negative binomial count."""
    rng = np.random.default_rng(seed)
    level, lift, dispersion, probability = np.broadcast_arrays(*np.atleast_1d(level, lift, dispersion, probability))
    shape = (days, 3, len(level))
    promotion = rng.random((days // 7, *shape[1:])).repeat(7, 0) < 0.3
    factor = np.reshape(profile, (7, -1))[np.arange(days) % 7][:, None] * np.where(promotion, lift, 1.0)
    lots = probability < 1.0
    mean = np.where(lots, level / probability - 1.0, level * factor) + np.zeros(shape)
    rate = mean * np.where(dispersion > 0, rng.gamma(1 / np.maximum(dispersion, 1e-9), dispersion, shape), 1.0)
    counts = rng.poisson(rate)
    quantity = np.where(lots, (1 + counts) * (rng.random(shape) < probability * factor), counts)
    skus = [f"sku {k}" for k in range(shape[2])]
    return DemandPanel(quantity, MONDAY + np.arange(days), ("x", "y", "z"), skus, promotion=promotion)


def on(process, day):
    """The state of a process on a day, hidden factors in the middle."""
    return dataclasses.replace(process.init(jnp.full(process.num_initial_uniforms, 0.5)), day=jnp.int32(day))


def test_finds_level_profile_and_lift_again():
    level, lift = np.array([1.0, 3.0, 10.0, 40.0, 200.0]), np.array([1.0, 1.3, 1.6, 2.0, 2.5])
    fit = fit_demand(simulated(level, lift=lift))
    assert (fit.family == "poisson").all()
    # Poisson standard errors of what each series alone tells; shrinking only makes errors smaller. Of 15 series by 7
    # weekdays 4.5 of them are exceeded once in a thousand such tests.
    units = level * DAYS * (1 + 0.3 * (lift - 1))
    assert (np.abs(fit.level / level - 1) < 4.5 / np.sqrt(0.7 * level * DAYS)).all()
    assert (
        np.abs(fit.lift / lift - 1) < 4.5 * np.sqrt(1 / (0.7 * level * DAYS) + 1 / (0.3 * lift * level * DAYS))
    ).all()
    error = np.abs(fit.profile / PROFILE[:, None, None] - 1)
    assert (error < 4.5 / np.sqrt(units / 7 * PROFILE[:, None, None])).all()
    np.testing.assert_allclose(fit.profile.mean(0), 1.0, rtol=1e-6)


def test_tells_the_families_apart():
    panel = simulated(
        np.array([4.0, 4.0, 30.0, 0.8, 2.0]),
        dispersion=np.array([0.0, 0.5, 1.5, 0.3, 0.0]),
        probability=np.array([1.0, 1.0, 1.0, 0.2, 0.25]),
    )
    fit = fit_demand(panel)
    assert fit.family[0].tolist() == [FAMILIES[i] for i in (0, 1, 1, 2, 2)]
    assert (fit.family == fit.family[0]).all()
    # Dispersions are tried in steps of 10 %; their standard error is about sqrt(2 / 728) (1 + 1 / (4 x 0.5)) / 0.5,
    # 16 %, and 6 % in turn. That is 4 of them.
    np.testing.assert_allclose(fit.dispersion[:, 1], 0.5, rtol=0.65)
    np.testing.assert_allclose(fit.dispersion[:, 2], 1.5, rtol=0.3)
    base = fit.process.base
    # 728 x 0.2 occasions: a standard error of 7 %, of the lots (mean 4 and 8) 6 %.
    np.testing.assert_allclose(base.probability[:, 3:], np.tile([0.2, 0.25], (3, 1)), rtol=0.28)
    np.testing.assert_allclose(1 + base.size.mean_demand[:, 3:], np.tile([4.0, 8.0], (3, 1)), rtol=0.25)


def test_finds_the_shock_that_a_location_shares():
    """Mean 10 with a shared gamma factor of variance 0.25 in the second location: three series have 3 x 728
    products of pairs, whose spread (seen over seeds) is below a fifth of the variance."""
    quiet = simulated(np.full(3, 10.0), dispersion=0.3)
    rng = np.random.default_rng(1)
    factor = np.ones((DAYS, 3, 1))
    factor[:, 1, 0] = rng.gamma(4.0, 0.25, DAYS)
    mean = 10.0 * PROFILE[np.arange(DAYS) % 7][:, None, None]
    shaken = dataclasses.replace(
        quiet, quantity=rng.poisson(mean * factor * rng.gamma(1 / 0.3, 0.3, quiet.quantity.shape)).astype(np.float32)
    )
    assert (fit_demand(quiet).shock < 0.1).all()
    fit = fit_demand(shaken)
    np.testing.assert_allclose(fit.shock[1] ** 2, 0.25, rtol=0.4)
    assert (fit.shock[[0, 2]] < 0.1).all()
    # The dispersion of a series, (1 + 0.3) (1 + 0.25) - 1 in the second location, and what is left as its own.
    np.testing.assert_allclose(fit.dispersion[1], 0.625, rtol=0.3)
    np.testing.assert_allclose(fit.process.base.size.dispersion, 0.3, rtol=0.5)


def test_finds_the_drift_of_a_level():
    """A SKU's level follows an autoregressive factor with the persistence that the fit assumes and a standard
    deviation of 0.3 (of the logarithm). Two years hold a dozen independent months of each of six SKUs, so that the
    variance is found to within half of it (a standard error of about sqrt(2 / 70), 17 %)."""
    rng, skus = np.random.default_rng(2), 6
    log = np.zeros((DAYS, 1, skus))
    log[0] = rng.standard_normal((1, skus))
    for day in range(1, DAYS):
        weight = np.exp(-1 / 30)
        log[day] = weight * log[day - 1] + np.sqrt(1 - weight**2) * rng.standard_normal((1, skus))
    panel = simulated(np.full(skus, 10.0))
    mean = 10.0 * PROFILE[np.arange(DAYS) % 7][:, None, None] * np.exp(0.3 * log - 0.045)
    drifting = dataclasses.replace(panel, quantity=rng.poisson(mean, panel.quantity.shape).astype(np.float32))
    assert fit_demand(panel).drift < 0.05
    fit = fit_demand(drifting)
    np.testing.assert_allclose(fit.drift**2, np.expm1(0.09), rtol=0.5)
    assert (fit.shock < 0.1).all()


def test_finds_elasticities_beside_lifts():
    """Weekly prices spread by 20 % around a mean, lower on promotion for one SKU; elasticities of 0, 1 and 2.5. Their
    variance is 1 / (0.2^2 x units): 728 days of 8 units give a standard error of 0.07, and that of the lift, nearly
    all of it from the 30 % of days on promotion, is 3 %."""
    rng, elasticity, level = np.random.default_rng(3), np.array([0.0, 1.0, 2.5]), 8.0
    panel = simulated(np.full(3, level))
    shape = panel.quantity.shape
    price = 3.0 * np.exp(0.2 * rng.standard_normal((DAYS // 7, *shape[1:]))).repeat(7, 0)
    price[:, :, 1] *= np.where(panel.promotion[:, :, 1], 0.8, 1.0)
    usual = np.exp(np.log(price).mean(0))
    rate = level * PROFILE[np.arange(DAYS) % 7][:, None, None] * (price / usual) ** -elasticity
    sold = rng.poisson(rate * np.where(panel.promotion, 1.4, 1.0))
    panel = dataclasses.replace(panel, quantity=sold, price=price)
    fit = fit_demand(panel, prices=True)
    np.testing.assert_allclose(fit.reference, usual, rtol=1e-5)  # float32
    np.testing.assert_allclose(fit.elasticity, np.broadcast_to(elasticity, (3, 3)), atol=0.35)
    np.testing.assert_allclose(fit.lift, 1.4, rtol=0.15)
    np.testing.assert_allclose(fit.level, level, rtol=0.08)
    assert (fit.dispersion < 0.05).all()  # prices of one step, up to 15 % apart, have one mean
    blind = fit_demand(panel)
    assert (blind.elasticity == 0).all()
    assert (blind.dispersion[:, 2] > 0.15).all()  # what prices do looks like chance
    # The process has the prices of the panel, and of other dates where those are given.
    np.testing.assert_allclose(fit.expected(panel, announced=False).mean(0), sold.mean(0), rtol=0.05)
    later = dataclasses.replace(panel, dates=panel.dates + 7 * 200, price=price[::-1])
    for process, of in ((fit.process, panel), (fit.on_dates(later), later)):
        _, promotion, prices = process.modifiers
        day = jnp.int32(of.start_day)
        mean = process.base.mean() * promotion.factor((), day) * prices.factor((), day)
        np.testing.assert_allclose(mean * fit.profile[0], fit.expected(of)[0], rtol=1e-4)  # float32 logarithms
    assert int(process.first_day) == later.start_day
    with pytest.raises(ValueError, match="prices is True, but the panel has none"):
        fit_demand(dataclasses.replace(panel, price=None), prices=True)


def test_thin_series_borrow_the_profile_of_the_others():
    thin = simulated(np.full(12, 0.15), days=364)
    fit = fit_demand(thin)
    sold = thin.quantity.reshape(52, 7, 3, 12).sum(0)
    own = sold / sold.mean(0)
    error = np.abs(fit.profile - PROFILE[:, None, None])
    # All together sold about 280 on each weekday, a standard error of 6 %; each alone 8, of 36 %.
    assert error.max() < 0.3
    assert error.mean() < 0.25 * np.abs(own - PROFILE[:, None, None]).mean()


def test_rich_series_keep_their_own_profile():
    profile = np.stack([PROFILE] * 5 + [PROFILE[::-1]], 1)
    fit = fit_demand(simulated(np.full(6, 20.0), profile=profile))
    # 20 x 104 sold on each weekday: a standard error of 2.2 %.
    np.testing.assert_allclose(fit.profile, np.broadcast_to(profile[:, None], (7, 3, 6)), rtol=0.1)


def test_what_was_not_available_has_no_influence():
    panel = simulated(np.array([3.0, 0.5]), lift=1.5)
    gone = np.random.default_rng(1).random(panel.quantity.shape) < 0.3
    fits = [
        fit_demand(dataclasses.replace(panel, quantity=np.where(gone, hidden, panel.quantity), available=~gone))
        for hidden in (0.0, 77.0)
    ]
    for name in ("level", "profile", "lift", "dispersion", "family"):
        np.testing.assert_array_equal(getattr(fits[0], name), getattr(fits[1], name))
    np.testing.assert_allclose(fits[0].level, fit_demand(panel).level, rtol=0.2)  # and not 30 % lower


def test_closed_weekdays_and_series_that_never_sold():
    panel = simulated(np.array([5.0, 0.0]))
    sunday = np.arange(DAYS) % 7 == 6
    shut = np.broadcast_to(sunday[:, None, None], panel.quantity.shape)
    panel = dataclasses.replace(panel, quantity=np.where(shut, 0, panel.quantity), available=~shut)
    fit = fit_demand(panel)
    assert (fit.profile[6] == 0).all()
    assert (fit.level[:, 1] == 0).all()
    np.testing.assert_allclose(fit.level[:, 0], 5.0 * PROFILE[:6].sum() / 7, rtol=0.07)  # 4.5 standard errors
    demand, states = fit.process.sample(jax.random.key(0), 70)
    assert (np.asarray(demand)[np.asarray(states.day) % 7 == 6] == 0).all()
    assert (np.asarray(demand)[..., 1] == 0).all()


@pytest.fixture(scope="module")
def journey():
    """Six categories in four stores, before and from the last 95 days."""
    panel = load_panel("complete_journey").largest(4, 6)
    before, after = panel.split(panel.dates[-95])
    return before, after, fit_demand(before, announced=5)


def test_the_forecast_is_the_mean_of_the_process(journey):
    before, _, fit = journey
    expected = fit.expected(before.between(end="2017-03-01"))
    days = before.start_day + jnp.arange(len(expected))
    mean = jax.vmap(lambda day: fit.process.mean(on(fit.process, day)))(days)
    np.testing.assert_allclose(mean, expected, rtol=1e-5)  # float32


def test_the_process_resembles_the_panel(journey):
    before, _, fit = journey
    keys = jax.random.split(jax.random.key(0), 16)
    demand, _ = jax.jit(jax.vmap(lambda key: fit.process.sample(key, len(before.dates))))(keys)
    demand = np.asarray(demand).reshape(-1, *before.quantity.shape[1:])
    real = before.quantity
    # Means by their standard errors, from the variances of both.
    error = np.sqrt(real.var(0) / len(real) + demand.var(0) / len(demand))
    assert (np.abs(demand.mean(0) - real.mean(0)) < 4 * error).all()
    np.testing.assert_allclose(np.median(demand.var(0) / real.var(0)), 1.0, atol=0.2)
    np.testing.assert_allclose((demand == 0).mean(), (real == 0).mean(), atol=0.03)
    # SKUs of a store sell well or badly together: the variance of its total, over what it would be otherwise.
    together = [x.sum(2).var(0) / x.var(0).sum(1) for x in (demand, real)]
    np.testing.assert_allclose(*together, rtol=0.25)
    assert (together[1] > 1.7).all()


def test_promotions_are_known_as_far_as_announced_and_go_on(journey):
    before, _, fit = journey
    length, whole = len(before.dates), len(before.dates) // 7 * 7
    state = on(fit.process, before.start_day)
    for ahead in (0, 5, 6):
        known = before.promotion[ahead] if ahead <= 5 else np.zeros_like(before.promotion[0])
        np.testing.assert_array_equal(fit.process.promotion(state, ahead), known)
    # Episodes that start on the last day see the calendar repeated from its beginning, on the same weekdays.
    again = on(fit.process, before.start_day + whole + 30)
    assert whole + 30 > length
    np.testing.assert_array_equal(fit.process.promotion(again), before.promotion[30])


def test_replay_is_the_panel_and_its_forecast_knows_the_calendar_only(journey):
    _, after, fit = journey
    trace = fit.replay(after, announced=5)
    demand, _ = trace.sample(jax.random.key(0), 95)
    np.testing.assert_array_equal(demand, after.quantity)
    other = fit.replay(dataclasses.replace(after, quantity=after.quantity[::-1]))
    np.testing.assert_array_equal(trace.expected, other.expected)
    state = DemandState(day=jnp.int32(after.start_day + 10))
    np.testing.assert_allclose(trace.mean(state, 3), fit.expected(after)[13], rtol=1e-6)
    np.testing.assert_array_equal(trace.promotion(state, 5), after.promotion[15])
    assert not np.asarray(trace.promotion(state, 6)).any()
    # Christmas is a closing day, and known to be one.
    assert (np.asarray(trace.expected)[after.dates == np.datetime64("2017-12-25")] == 0).all()
    # Never announced: the forecast has the average of the fitted dates.
    unknown = np.asarray(fit.replay(after, announced=-1).expected)
    weekly = unknown[: 95 // 7 * 7].reshape(-1, 7, 4, 6)
    np.testing.assert_allclose(weekly[0], weekly[1], rtol=1e-6)
    with pytest.raises(ValueError, match="fitted only"):
        fit.replay(after.select(skus=[0, 1]))


def test_forecasts_beat_a_constant_on_dates_not_fitted():
    before, after = load_panel("complete_journey").split("2017-09-28")

    def deviance(mean):  # Poisson deviance of each day
        q, m = after.quantity, np.maximum(mean, 1e-6)
        each = 2 * (np.where(q > 0, q * np.log(np.maximum(q, 1) / m), 0.0) - (q - m))
        return np.where(after.available, each, 0.0).sum((1, 2))

    constant = before.quantity.sum(0) / before.available.sum(0)
    gain = deviance(constant) - deviance(fit_demand(before).expected(after))
    assert gain.mean() > 3 * gain.std() / np.sqrt(len(gain))  # standard errors


def test_weeks():
    panel = simulated(np.array([3.0, 8.0]), lift=2.0).to_weeks()
    fit = fit_demand(panel)
    assert not any(isinstance(modifier, Weekly) for modifier in fit.process.modifiers)
    # 4.5 standard errors of 104 weeks of 21 and 56 units.
    np.testing.assert_allclose(fit.level, np.tile([21.0, 56.0], (3, 1)), rtol=0.12)
    np.testing.assert_allclose(fit.lift, 2.0, rtol=0.15)
    mean = fit.process.mean(on(fit.process, panel.start_day))
    np.testing.assert_allclose(mean, fit.expected(panel)[0], rtol=1e-5)


def test_online_retail():
    panel = load_panel("online_retail").select(skus=list(range(20)))
    fit = fit_demand(panel)
    assert (fit.profile[5] == 0).all()  # Saturdays
    assert not any(isinstance(modifier, Promotion) for modifier in fit.process.modifiers)
    demand, states = jax.jit(fit.process.sample, static_argnums=1)(jax.random.key(0), 2800)
    demand = np.asarray(demand)[np.asarray(states.day) % 7 != 5]
    real = np.where(panel.available, panel.quantity, np.nan)
    # 600 days of a coefficient of variation about 1.3 and 2,400 simulated ones: a standard error of 6 %.
    np.testing.assert_allclose(demand.mean(0), np.nanmean(real, 0), rtol=0.24)
    np.testing.assert_allclose((demand == 0).mean(), np.nanmean(real == 0), atol=0.05)


def test_summary_lists_the_largest_series(journey):
    fit = journey[2]
    lines = fit.summary(limit=3).splitlines()
    assert len(lines) == 4
    w, k = np.unravel_index(fit.level.argmax(), fit.level.shape)
    assert fit.locations[w] in lines[1]
    assert fit.skus[k] in lines[1]
    assert repr(fit).startswith("FittedDemand(4 locations x 6 SKUs")
