"""Replay: what was sold, on its own days, and nothing of it beforehand."""

import datetime

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import DemandState, Trace

FIRST_DAY = datetime.date(2024, 2, 26)  # a Monday before a leap day
QUANTITY = np.random.default_rng(0).poisson(5.0, (30, 2, 3)).astype(np.float32)
PROMOTIONS = np.random.default_rng(1).random((30, 2, 3)) < 0.2


def trace(**fields):
    numbers = {"start_day": FIRST_DAY.toordinal() - 1, "first": 10, "last": 20, "announced": 2}
    return Trace(QUANTITY, **(numbers | fields))


def test_windows_stay_between_first_and_last():
    process = trace()
    tails = np.arange(8) * 2.0**-24
    u = np.concatenate([tails, np.linspace(0.0, 0.999, 1000), 1.0 - 2.0**-24 - tails]).astype(np.float32)
    rows = np.asarray(jax.vmap(process.init)(u[:, None]).day) - (FIRST_DAY.toordinal() - 1)
    assert set(rows) == set(range(10, 21))
    assert np.bincount(rows)[10:].min() > 85  # about as often: 92 of 1016 each
    assert process.num_initial_uniforms == 1
    assert process.num_uniforms == 0


def test_demand_is_replayed_exactly():
    process = trace(first=12, last=12)
    demand, states = process.sample(jax.random.key(0), 18)
    np.testing.assert_array_equal(demand, QUANTITY[12:30])
    for row, day in enumerate(np.asarray(states.day)):
        date = datetime.date.fromordinal(int(day) + 1)
        assert date == FIRST_DAY + datetime.timedelta(days=12 + row)
        assert day % 7 == date.weekday()
    # Whatever the uniforms are, in a batch and one by one.
    first = jax.tree.map(lambda leaf: leaf[0], states)
    np.testing.assert_array_equal(process.quantile(jnp.ones((4, 2, 3)) * 0.3, first), np.stack([QUANTITY[12]] * 4))


def test_many_traces_are_mapped_over():
    windows = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[trace(first=f, last=f) for f in (1, 5, 29)])
    states = jax.vmap(lambda p: p.init(jnp.zeros(1)))(windows)
    demand = jax.jit(jax.vmap(lambda p, s: p.draw(jnp.zeros(0), s)[0]))(windows, states)
    np.testing.assert_array_equal(demand, QUANTITY[[1, 5, 29]])


def state(row):
    return DemandState(day=jnp.int32(FIRST_DAY.toordinal() - 1 + row))


def test_without_a_forecast_the_mean_is_that_of_the_past():
    process = trace()
    np.testing.assert_allclose(process.mean(state(15), 3), QUANTITY[:10].mean(0), rtol=1e-6)


def test_without_a_state_the_mean_is_over_all_days():
    np.testing.assert_allclose(trace().mean(), QUANTITY.mean(0), rtol=1e-6)
    np.testing.assert_allclose(trace(expected=2.0 * QUANTITY).mean(), 2.0 * QUANTITY.mean(0), rtol=1e-6)


def test_nothing_of_the_window_is_known_beforehand():
    # What an episode may look at before it happens depends only on the rows before all episodes.
    other = QUANTITY.copy()
    other[10:] += 100.0
    promotions = PROMOTIONS.copy()
    promotions[15 + 3 :] = ~promotions[15 + 3 :]  # announced two days ahead, so not known on day 15
    one, two = trace(promotions=PROMOTIONS), trace(promotions=promotions).replace(quantity=jnp.asarray(other))
    for ahead in range(6):
        np.testing.assert_array_equal(one.mean(state(15), ahead), two.mean(state(15), ahead))
        np.testing.assert_array_equal(one.promotion(state(15), ahead), two.promotion(state(15), ahead))


def test_forecast_and_promotions_are_looked_up():
    expected = QUANTITY[::-1].copy()
    process = trace(expected=expected, promotions=PROMOTIONS, first=0)
    for row, ahead in ((0, 0), (4, 1), (20, 2)):
        np.testing.assert_array_equal(process.mean(state(row), ahead), expected[row + ahead])
        np.testing.assert_array_equal(process.promotion(state(row), ahead), PROMOTIONS[row + ahead])
    np.testing.assert_array_equal(process.promotion(state(4), 3), np.zeros((2, 3)))  # not announced yet
    np.testing.assert_array_equal(process.promotion(state(29), 1), np.zeros((2, 3)))  # beyond the panel
    np.testing.assert_allclose(process.mean(), expected.mean(0), rtol=1e-6)
    np.testing.assert_array_equal(trace().promotion(state(4)), np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"first": 21}, r"Trace.first and last must satisfy first <= last < 30 rows, got 21 and 20"),
        ({"last": 30}, r"Trace.first and last must satisfy first <= last < 30 rows, got 10 and 30"),
        ({"first": -1}, r"Trace.first must be >= 0, got -1"),
        ({"first": 0}, r"Trace.expected must be given where episodes begin in row 0"),
        ({"expected": np.ones((30, 2))}, r"Trace.expected must have shape \(30, 2, 3\), got \(30, 2\)"),
        ({"promotions": np.ones((29, 2, 3))}, r"Trace.promotions must have shape \(30, 2, 3\), got \(29, 2, 3\)"),
        ({"expected": -QUANTITY}, r"Trace.expected must be >= 0.0"),
    ],
)
def test_bad_input_is_named(fields, message):
    with pytest.raises(ValueError, match=message):
        trace(**fields)
