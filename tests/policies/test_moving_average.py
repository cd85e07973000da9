"""Levels from the demand seen of late, against plain numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Modulated, Poisson, Weekly
from jaxinv.env.history import LastDemand, ObservationHistory
from jaxinv.env.single_item import SingleItem
from jaxinv.evaluate import compare, evaluate, sample_paths
from jaxinv.policies import BaseStock, Following, MovingAverage

BARE = SingleItem(lead_time=2, calendar=True)
ENV = ObservationHistory(LastDemand(BARE), 7)
PROFILE = np.array([0.2, 0.4, 0.6, 0.8, 1.2, 1.8, 2.0])


@pytest.fixture(scope="module")
def problem():
    """After a few periods: parameters, state and the demand of the last 7."""
    params = BARE.make_params(demand=Modulated(base=Poisson(20.0), modifiers=(Weekly(profile=PROFILE),)))
    start, path = jax.tree.map(
        lambda x: x[0],
        (lambda paths: (paths.states, paths.exogenous))(sample_paths(ENV, params, jax.random.key(0), 1, 10)),
    )
    state, _ = ENV.rollout(BaseStock(level=60.0), start, path, params)
    return params, state, np.asarray(path.demand)[-7:]


def test_level_of_a_plain_window(problem):
    params, state, demand = problem
    policy = MovingAverage(window=4.0, safety=1.5, adaptation=0.6)
    mean = 0.4 * 20.0 + 0.6 * demand[-4:].mean()
    expected = 3 * mean + 1.5 * np.sqrt(((demand[-4:] - mean) ** 2).mean()) * np.sqrt(3)
    np.testing.assert_allclose(policy.level(ENV, state, params), expected, rtol=1e-5)


def test_level_that_follows_the_calendar(problem):
    params, state, demand = problem
    day = int(state.exo.demand.day)
    usual = 20.0 * PROFILE[np.arange(day - 5, day) % 7]
    ratio = demand[-5:].sum() / usual.sum()
    ahead = ratio * 20.0 * PROFILE[np.arange(day, day + 3) % 7].sum()
    expected = ahead + 0.5 * np.sqrt(((demand[-5:] - ratio * usual) ** 2).mean()) * np.sqrt(3)
    policy = MovingAverage(window=5.0, safety=0.5, calendar=True)
    np.testing.assert_allclose(policy.level(ENV, state, params), expected, rtol=1e-5)
    order = policy(ENV, state, params, jax.random.key(0))
    assert order == jnp.maximum(jnp.round(policy.level(ENV, state, params) - BARE.inventory_position(state)), 0.0)


def test_a_window_longer_than_what_is_remembered_is_all_of_it(problem):
    params, state, _ = problem
    levels = [MovingAverage(window=window, safety=1.0).level(ENV, state, params) for window in (7.0, 30.0)]
    assert levels[0] == levels[1]


def test_without_adaptation_it_follows_the_calendar_alone(problem):
    """As a base-stock level that follows it does, where a state keeps nothing of recent sales."""
    params, _, _ = problem
    paths = sample_paths(ENV, params, jax.random.key(1), 8, 40)
    following = Following(typical=20.0, periods=3.0, adaptation=None)
    a, b = (
        evaluate(policy, ENV, params, paths)
        for policy in (
            BaseStock(level=60.0, following=following),
            MovingAverage(window=7.0, safety=0.0, adaptation=0.0, calendar=True),
        )
    )
    # Orders of the one are scaled after, those of the other before the position is taken off: the same, but rounding.
    assert abs(compare(a, b).mean) < 0.02 * a.cost_mean
