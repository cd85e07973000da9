"""What modulates demand, against the calendar, closed forms and simulation."""

import datetime

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import (
    CommonFactor,
    Cyclic,
    DemandState,
    Empirical,
    Gamma,
    Geometric,
    Intermittent,
    Modulated,
    NegativeBinomial,
    Normal,
    Poisson,
    Promotion,
    Regime,
    Trace,
    Trend,
    Weekly,
    Yearly,
    shock,
)

PROFILE = np.array([0.5, 0.75, 1.0, 1.0, 1.25, 1.5, 1.0], np.float32)
CALM_AND_BUSY = np.array([[0.9, 0.1], [0.3, 0.7]])


def day(year, month, day_of_month):
    return jnp.int32(datetime.date(year, month, day_of_month).toordinal() - 1)


# -- the calendar -----------------------------------------------------------------------------------------------------


def test_weekly_factors_are_those_of_the_weekday():
    weekly = Weekly(PROFILE)
    first = datetime.date(2023, 12, 25)
    for ahead in range(14):
        weekday = (first + datetime.timedelta(days=ahead)).weekday()
        assert weekly.expected((), day(2023, 12, 25), ahead) == PROFILE[weekday]
    assert weekly.long_run() == pytest.approx(PROFILE.mean())


def test_yearly_factors_are_those_of_the_month():
    monthly = Yearly(np.arange(1.0, 13.0))
    dates = [datetime.date(year, month, 15) for year in range(1990, 2051) for month in range(1, 13)]
    days = jnp.array([date.toordinal() - 1 for date in dates], jnp.int32)
    np.testing.assert_array_equal(jax.vmap(lambda d: monthly.factor((), d))(days), [date.month for date in dates])


def test_yearly_parts_begin_within_a_day_of_where_they_should():
    parts = 52
    yearly = Yearly(np.arange(float(parts)))
    days = np.arange(2 * 146097, dtype=np.int32)  # twice the cycle of the Gregorian calendar
    found = np.asarray(jax.jit(jax.vmap(lambda d: yearly.factor((), d)))(days))
    exact = lambda d: np.floor(d * 10000 * parts / 3652425) % parts  # noqa: E731
    # Where a part begins at midnight to within 0.02 days, float32 may take the day before or after.
    assert ((found == exact(days)) | (found == exact(days - 0.02)) | (found == exact(days + 0.02))).all()


def test_yearly_factors_of_weekly_periods():
    weeks = day(2024, 7, 15) // 7
    assert Yearly(np.arange(1.0, 13.0), period_days=7).factor((), weeks) == 7.0


def test_trend():
    trend = Trend(rate=[0.01, -0.02], origin=738000)
    np.testing.assert_allclose(trend.factor((), jnp.int32(738000)), [1.0, 1.0])
    # 1e-5: the exponent is a float32.
    np.testing.assert_allclose(trend.expected((), jnp.int32(738060), 40), [1.01**100, 0.98**100], rtol=1e-5)


# -- promotions -------------------------------------------------------------------------------------------------------


def test_promotions_lift_demand_and_are_known_ahead():
    calendar = np.zeros(20)
    calendar[[4, 9]] = 1.0
    promotion = Promotion(calendar=calendar, lift=3.0, start_day=100, announced=5)
    assert promotion.long_run() == pytest.approx(1.2)
    for today in range(95, 125):
        for ahead in range(8):
            runs = today + ahead in (104, 109)
            known = ahead <= 5
            assert promotion.promotion(jnp.int32(today), ahead) == (runs and known)
            expected = (3.0 if runs else 1.0) if known else 1.2
            assert promotion.expected((), jnp.int32(today), ahead) == pytest.approx(expected)
        assert promotion.factor((), jnp.int32(today)) == (3.0 if today in (104, 109) else 1.0)


def test_promotions_never_announced_still_happen():
    promotion = Promotion(calendar=np.ones((3, 2)), lift=[2.0, 4.0], announced=-1)
    np.testing.assert_array_equal(promotion.factor((), jnp.int32(1)), [2.0, 4.0])
    np.testing.assert_array_equal(promotion.promotion(jnp.int32(1), 0), np.zeros(()))
    half = promotion.replace(calendar=np.eye(2))
    np.testing.assert_array_equal(half.expected((), jnp.int32(0), 0), [1.5, 2.5])


# -- regimes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transition", "stationary"),
    [
        (CALM_AND_BUSY, [0.75, 0.25]),
        ([[0.0, 1.0], [1.0, 0.0]], [0.5, 0.5]),
        ([[0.0, 0.3, 0.7], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], [0.5, 0.15, 0.35]),  # periodic, states not alike
        ([[0.9999, 0.0001], [0.0003, 0.9997]], [0.75, 0.25]),  # half a lifetime in each
    ],
)
def test_stationary_shares(transition, stationary):
    regime = Regime(transition, np.ones(len(stationary)))
    # 1e-4 where 1 - 0.9999 is a float32; the others are exact to a few digits of it.
    np.testing.assert_allclose(regime.stationary(), stationary, rtol=5e-4)
    # One uniform starts it in that distribution.
    u = ((jnp.arange(2000) + 0.5) / 2000)[:, None]
    first = np.bincount(np.asarray(jax.vmap(regime.init)(u)), minlength=len(stationary)) / 2000
    np.testing.assert_allclose(first, stationary, atol=1e-3)


def test_expected_regimes_are_powers_of_the_transition():
    regime = Regime(CALM_AND_BUSY, [[1.0, 1.0], [2.0, 0.5]])
    for ahead in (0, 1, 5, 100):
        power = np.linalg.matrix_power(CALM_AND_BUSY, ahead)
        for now in range(2):
            expected = power[now] @ np.asarray(regime.factors)
            np.testing.assert_allclose(regime.expected(jnp.int32(now), 0, ahead), expected, rtol=1e-5)
    np.testing.assert_allclose(regime.long_run(), [1.25, 0.875], rtol=1e-5)


def test_shocks_break_out_and_persist():
    regime = shock(probability=0.1, factor=[4.0, 0.5], persistence=0.6)
    np.testing.assert_allclose(regime.stationary(), [0.8, 0.2], rtol=1e-5)  # 0.1 / (0.1 + 0.4)
    np.testing.assert_array_equal(regime.factor(jnp.int32(1), 0), [4.0, 0.5])
    u = (jnp.arange(1000) + 0.5)[:, None] / 1000
    for now, outbreak in ((0, 0.1), (1, 0.6)):
        share = np.mean(np.asarray(jax.vmap(lambda u, now=now: regime.advance(u, jnp.int32(now)))(u)))
        assert share == pytest.approx(outbreak, abs=1e-3)


# -- modulated demand -------------------------------------------------------------------------------------------------


def store(base):
    """Two cells with everything at once."""
    calendar = np.zeros((40, 2))
    calendar[[2, 3, 20]] = 1.0
    modifiers = (
        Weekly(PROFILE),
        Regime(CALM_AND_BUSY, [1.0, 2.0]),
        Promotion(calendar=calendar, lift=[3.0, 1.5], start_day=70, announced=10),
        Trend(0.01, origin=70),
    )
    return Modulated(base, modifiers, first_day=70)


@pytest.mark.parametrize(
    "base",
    [
        Poisson([0.2, 30.0]),
        NegativeBinomial([0.2, 5.0], 0.5),
        Gamma([4.0, 60.0], 0.5, rounded=False),
        Intermittent([0.05, 0.7], Poisson(1.0)),
    ],
    ids=lambda base: type(base).__name__,
)
def test_mean_is_that_of_simulated_demand(base):
    process, lanes, length = store(base), 8192, 6
    start = DemandState(day=jnp.int32(70), memory=((), jnp.int32(0), (), ()))

    @jax.jit
    def simulate(u):
        def body(state, u):
            demand, state = jax.vmap(process.draw)(u, state)
            return state, demand

        states = jax.tree.map(lambda x: jnp.broadcast_to(x, (lanes, *x.shape)), start)
        return jax.lax.scan(body, states, u)[1]

    assert process.num_uniforms == 3
    assert process.num_initial_uniforms == 2
    demand = np.asarray(simulate(jax.random.uniform(jax.random.key(4), (length, lanes, 3))), np.float64)
    expected = np.stack([process.mean(start, ahead) for ahead in range(length)])
    error = (demand.mean(1) - expected) / (demand.std(1) / np.sqrt(lanes))
    assert np.abs(error).max() < 4.5  # standard errors, of 12 means
    np.testing.assert_array_equal(process.promotion(start, 2), [1.0, 1.0])
    np.testing.assert_array_equal(process.promotion(start, 4), [0.0, 0.0])
    np.testing.assert_array_equal(process.promotion(start, 20), [0.0, 0.0])  # runs, but is not announced yet


def test_mean_without_a_state_is_that_of_the_long_run():
    process = Modulated(Poisson([2.0, 10.0]), (Weekly(PROFILE), Regime(CALM_AND_BUSY, [1.0, 2.0])), span=7)
    np.testing.assert_allclose(process.mean(), np.array([2.0, 10.0]) * PROFILE.mean() * 1.25, rtol=1e-5)
    demand, states = jax.jit(process.sample, static_argnums=1)(jax.random.key(5), 70_000)
    np.testing.assert_array_equal(np.diff(states.day), 1)
    weeks = np.asarray(demand, np.float64).reshape(100, 700, 2).mean(1)  # batches longer than any memory
    error = (weeks.mean(0) - process.mean()) / (weeks.std(0, ddof=1) / 10)
    assert np.abs(error).max() < 4.5  # standard errors by batch means


def test_episodes_begin_within_the_span():
    process = Modulated(Poisson(1.0), (), first_day=50, span=3)
    u = np.array([0.0, 0.3, 0.4, 0.7, 1.0 - 2.0**-24], np.float32)[:, None]
    np.testing.assert_array_equal(jax.vmap(process.init)(u).day, [50, 50, 51, 52, 52])


def test_gradients_of_the_modifiers():
    u = jax.random.uniform(jax.random.key(6), (5, 3))
    start = DemandState(day=jnp.int32(71), memory=((), jnp.int32(0), (), ()))

    def total(process):
        def body(state, u):
            demand, state = process.draw(u, state)
            return state, demand

        return jnp.sum(jax.lax.scan(body, start, u)[1])

    gradient = jax.jit(jax.grad(total, allow_int=True))
    smooth = gradient(store(Gamma([4.0, 60.0], 0.5, rounded=False)))
    weekly, regime, promotion, trend = smooth.modifiers
    used = np.isin(np.arange(7), np.arange(71, 76) % 7)
    np.testing.assert_array_equal(np.asarray(weekly.profile) > 0, used)
    assert (np.asarray(promotion.lift) > 0).all()
    assert trend.rate > 0
    assert regime.factors[0] > 0
    counts = gradient(store(Poisson([4.0, 60.0])))
    assert all((np.asarray(x) == 0).all() for x in jax.tree.leaves(counts) if x.dtype == jnp.float32)


def test_many_processes_are_mapped_over():
    factors = np.array([1.0, 2.0, 5.0])
    processes = [Modulated(Poisson(f * np.ones(2)), (Weekly(f * PROFILE), shock(0.1, f))) for f in factors]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *processes)
    states = jax.vmap(lambda p: p.init(jnp.array([0.0, 0.95])))(stacked)
    means = jax.vmap(lambda p, s: p.mean(s))(stacked, states)
    np.testing.assert_allclose(means, (factors**3 * PROFILE[0])[:, None] * np.ones(2), rtol=1e-6)


def test_demand_needs_to_know_the_day():
    with pytest.raises(ValueError, match=r"Modulated.quantile needs the state"):
        Modulated(Poisson(1.0)).quantile(jnp.float32(0.5))


def test_given_values_cannot_be_modulated():
    process = Modulated(Empirical([0.0, 1.0], [0.5, 0.5]), (Weekly(PROFILE),))
    with pytest.raises(NotImplementedError, match="Empirical cannot be scaled"):
        process.quantile(jnp.float32(0.5), DemandState(jnp.int32(0), ((),)))


def test_factors_of_more_cells_than_the_base_are_refused():
    process = Modulated(Poisson(1.0), (Weekly(np.ones((7, 3))),))
    with pytest.raises(ValueError, match=r"Modulated.modifiers: factors must broadcast to \(\), got \(3,\)"):
        process.quantile(jnp.float32(0.5), DemandState(jnp.int32(0), ((),)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Weekly(np.ones(6)), r"Weekly.profile must have 7 entries, Monday first, got shape \(6,\)"),
        (lambda: Weekly(-np.ones(7)), r"Weekly.profile must be >= 0.0"),
        (lambda: Trend(-1.0), r"Trend.rate must be > -1.0, got -1.0"),
        (lambda: Promotion(calendar=[0, 2], lift=2.0), r"Promotion.calendar must be <= 1.0"),
        (lambda: Promotion(calendar=[0, 1], lift=2.0, announced=-2), r"Promotion.announced must be >= -1, got -2"),
        (lambda: Regime([[0.5, 0.4], [0.0, 1.0]], [1.0, 2.0]), r"Regime.transition must be square with rows that sum"),
        (lambda: Regime(CALM_AND_BUSY, [1.0, 2.0, 3.0]), r"Regime.factors must have 2 entries, got shape \(3,\)"),
        (lambda: shock(1.5, 2.0), r"shock: probability must be in \[0, 1\], got 1.5"),
        (lambda: Cyclic((Poisson(1.0), Geometric(1.0))), r"Cyclic.laws must be of one kind and shape"),
        (lambda: Cyclic((Poisson(1.0), Poisson([1.0, 2.0]))), r"Cyclic.laws must be of one kind and shape"),
        (lambda: Cyclic((Normal(1.0, 1.0), Normal(1.0, 1.0, rounded=False))), r"Cyclic.laws must be of one kind"),
        (lambda: Cyclic(()), r"Cyclic.laws must be of one kind and shape, got \(\)"),
        (lambda: Cyclic((Poisson(1.0),), first_day=-1), r"Cyclic.first_day must be >= 0, got -1"),
        (lambda: Modulated(Poisson(1.0), span=0), r"Modulated.span must be >= 1, got 0"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_common_factor_moves_the_cells_of_a_location_together(key):
    """Mean 1 and variance 0.25 of a gamma variable, whose skewness is 1 and kurtosis 4.5: standard errors of 20,000
    draws are 0.4 %, 1.3 % and, of the third moment, 5 %."""
    shocked = Modulated(Poisson(np.full((2, 2), 1e4)), (CommonFactor(np.array([[0.5], [0.0]])),))
    demand, state = shocked.sample(key, 20000)
    first, calm = demand[:, 0] / 1e4, demand[:, 1] / 1e4
    np.testing.assert_allclose(first.mean(0), 1.0, atol=0.016)
    np.testing.assert_allclose(first.var(0), 0.25, rtol=0.055)
    np.testing.assert_allclose(((first[:, 0] - 1) ** 3).mean() / 0.25**1.5, 1.0, atol=0.22)
    assert np.corrcoef(first.T)[0, 1] > 0.99
    np.testing.assert_allclose(calm.var(0), 1e-4, rtol=0.05)
    assert abs(np.corrcoef(first[1:, 0], first[:-1, 0])[0, 1]) < 0.03  # four standard errors
    # Nobody knows it beforehand.
    np.testing.assert_allclose(shocked.mean(jax.tree.map(lambda x: x[0], state)), 1e4)
    np.testing.assert_allclose(shocked.mean(), 1e4)


def test_a_persistent_common_factor_drifts(key):
    """The correlation over n periods is persistence^n (of the normal variable behind it); with 0.9 and 20,000 periods,
    about 1,000 independent ones, its standard error is below 0.02."""
    drifting = Modulated(Poisson(np.full((2, 2), 1e5)), (CommonFactor(np.array([[0.2, 0.1]]), 0.9),))
    demand, _ = drifting.sample(key, 20000)
    factor = np.asarray(demand) / 1e5
    np.testing.assert_allclose(factor[:, 0].std(0), [0.2, 0.1], rtol=0.1)
    for lag in (1, 5):
        for sku in (0, 1):
            correlation = np.corrcoef(factor[lag:, 0, sku], factor[:-lag, 1, sku])[0, 1]  # of two locations
            assert abs(correlation - 0.9**lag) < 0.08
    assert abs(np.corrcoef(factor[:, 0].T)[0, 1]) < 0.15


# -- laws in turn -----------------------------------------------------------------------------------------------------

RATES = np.array([[1.0, 40.0], [4.0, 10.0], [9.0, 0.0]])
CYCLIC = Cyclic(tuple(Poisson(rate) for rate in RATES), first_day=4, span=2)


def test_laws_take_turns():
    assert CYCLIC.cycle == 3
    assert CYCLIC.shape == (2,)
    np.testing.assert_allclose(CYCLIC.mean(), RATES.mean(0), rtol=1e-6)
    for today in range(7):
        state = DemandState(jnp.int32(today))
        np.testing.assert_array_equal(CYCLIC.law(state).mean(), RATES[today % 3])
        u = jnp.array([0.3, 0.9])
        np.testing.assert_array_equal(CYCLIC.quantile(u, state), Poisson(RATES[today % 3]).quantile(u))
        for ahead in range(5):
            np.testing.assert_array_equal(CYCLIC.mean(state, ahead), RATES[(today + ahead) % 3])


def test_a_path_of_cyclic_demand():
    demand, states = jax.jit(CYCLIC.sample, static_argnums=1)(jax.random.key(8), 6000)
    np.testing.assert_array_equal(np.diff(states.day), 1)
    assert states.day[0] in (4, 5)
    days = np.asarray(states.day) % 3
    for i, rate in enumerate(RATES):
        error = np.asarray(demand)[days == i].mean(0) - rate
        assert (np.abs(error) <= 4.5 * np.sqrt(rate / 2000)).all()  # standard errors


def test_cyclic_episodes_begin_within_the_span():
    u = np.array([0.0, 0.49, 0.51, 1.0 - 2.0**-24], np.float32)[:, None]
    np.testing.assert_array_equal(jax.vmap(CYCLIC.init)(u).day, [4, 4, 5, 5])


def test_cyclic_demand_needs_to_know_the_day():
    with pytest.raises(ValueError, match=r"Cyclic.quantile needs the state"):
        CYCLIC.quantile(jnp.float32(0.5))


def test_cyclic_laws_are_mapped_over_and_differentiated():
    state = DemandState(jnp.int32(1))
    smooth = Cyclic(tuple(Gamma(level, 0.5, rounded=False) for level in (2.0, 5.0)))
    gradient = jax.jit(jax.grad(lambda process: process.quantile(jnp.float32(0.4), state), allow_int=True))(smooth)
    slope = smooth.laws[1].quantile(jnp.float32(0.4)) / 5.0  # a gamma law is a multiple of its mean
    np.testing.assert_allclose([law.location for law in gradient.laws], [0.0, slope], rtol=1e-4)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), smooth, jax.tree.map(lambda x: 2 * x, smooth))
    np.testing.assert_array_equal(jax.vmap(lambda process: process.mean(state))(stacked), [5.0, 10.0])


def test_the_cycle_of_modulated_demand():
    assert Modulated(Poisson(1.0)).cycle == 1
    assert Modulated(Poisson(1.0), (Weekly(PROFILE), Weekly(PROFILE))).cycle == 7
    for modifier in (Yearly(np.ones(12)), Trend(0.1), shock(0.1, 2.0), CommonFactor(0.5)):
        with pytest.raises(NotImplementedError, match=f"{type(modifier).__name__} does not repeat itself"):
            _ = Modulated(Poisson(1.0), (Weekly(PROFILE), modifier)).cycle


def test_a_state_need_not_say_that_modifiers_have_no_memory():
    process = Modulated(Poisson(3.0), (Weekly(PROFILE), Weekly(PROFILE[::-1])))
    short, full = DemandState(jnp.int32(2)), DemandState(jnp.int32(2), ((), ()))
    assert process.mean(short, 3) == process.mean(full, 3) == 3.0 * PROFILE[5] * PROFILE[1]
    assert process.law(short).mean() == process.law(full).mean()
    assert process.advance(jnp.zeros(0), short).day == 3


def test_the_law_is_what_is_drawn():
    """Of the coming period, the running regime included."""
    process = store(Poisson([2.0, 30.0]))
    state = DemandState(day=jnp.int32(70), memory=((), jnp.int32(1), (), ()))
    law = process.law(state)
    assert law.cycle == 1
    np.testing.assert_allclose(law.mean(), process.mean(state), rtol=1e-6)
    u = jax.random.uniform(jax.random.key(9), (50, 2))
    np.testing.assert_array_equal(law.quantile(u), process.quantile(u, state))
    with pytest.raises(NotImplementedError, match="Trace has no distribution per period"):
        Trace([[1.0], [2.0]], first=1, last=1).law(state)
