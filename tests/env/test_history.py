"""Observations with their past."""

import jax
import numpy as np
import pytest

from jaxinv.env import make
from jaxinv.env.history import LastDemand, ObservationHistory
from jaxinv.env.wrappers import DiscreteOrders
from jaxinv.evaluate import evaluate, sample_paths
from jaxinv.policies import BaseStock
from jaxinv.testing import check_environment

ENV, PARAMS = make("SingleItem-v0")


@pytest.mark.slow
@pytest.mark.parametrize("length", [1, 4])
def test_keeps_the_protocol(length):
    check_environment(ObservationHistory(ENV, length))


def test_the_past_is_what_was_observed(key):
    env = ObservationHistory(DiscreteOrders(ENV, 6), 3)
    observation, state = env.reset(key, PARAMS)
    seen = [env.env.observe(state.bare, PARAMS)] * 3
    np.testing.assert_array_equal(observation, np.stack(seen))
    for period in range(5):
        observation, state, *_ = env.step_env(jax.random.fold_in(key, period), state, np.int32(period), PARAMS)
        seen.append(env.env.observe(state.bare, PARAMS))
        np.testing.assert_array_equal(observation, np.stack(seen[-3:]))


def test_policies_act_in_it_as_in_the_wrapped_environment(key):
    policy = BaseStock(level=20.0)
    for env in (ENV, DiscreteOrders(ObservationHistory(ENV, 5), 20)):
        inner = env if env is ENV else env.env
        paths = sample_paths(inner, PARAMS, key, 4, 20)
        cost = evaluate(policy, inner, PARAMS, paths).cost
        if env is ENV:
            expected = cost
    np.testing.assert_array_equal(cost, expected)


def test_last_demand_keeps_the_protocol():
    check_environment(LastDemand(ENV))


def test_the_history_of_demand_is_what_came(key):
    env = ObservationHistory(LastDemand(ENV), 4)
    _, state = env.reset(key, PARAMS)
    path = env.sample_path(key, state, PARAMS, 6)
    start = env.observe(state, PARAMS)
    np.testing.assert_allclose(start["demand"] * PARAMS.demand_scale, np.full(4, PARAMS.demand.mean()))
    state, _ = env.rollout(BaseStock(level=20.0), state, path, PARAMS)
    seen = env.observe(state, PARAMS)
    np.testing.assert_allclose(seen["demand"] * PARAMS.demand_scale, path.demand[-4:])
    np.testing.assert_array_equal(seen["observation"][-1], ENV.observe(state.bare.bare, PARAMS))


def test_length_is_named():
    with pytest.raises(ValueError, match=r"ObservationHistory\.length must be a whole number >= 1, got 0"):
        ObservationHistory(ENV, 0)
