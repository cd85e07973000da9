"""Rewards against a baseline on the same demand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.env import make
from jaxinv.env.baseline import AgainstZero
from jaxinv.env.wrappers import Steered
from jaxinv.policies import BaseStock
from jaxinv.testing import check_environment

BARE, PARAMS = make("SingleItem-v0")
POLICY = BaseStock(level=24.0)
STEERED = Steered(BARE, POLICY, ("level",))
ENV = AgainstZero(STEERED)


@pytest.mark.slow
def test_keeps_the_protocol():
    check_environment(ENV)


def test_the_reward_is_the_gain_over_the_heuristic_from_the_start_on(key):
    _, state = ENV.reset(key, PARAMS)
    path = ENV.sample_path(key, state, PARAMS, 12)

    def acting(a):
        return lambda env, state, params, key: {"level": jnp.float32(a)}

    def rewards(env, policy, state):
        return env.rollout(policy, state, path, PARAMS, record=lambda t: t.outcome.reward)[1]

    usual = rewards(BARE, POLICY, state.bare)
    np.testing.assert_array_equal(rewards(ENV, acting(0.0), state), np.zeros(12))
    own = rewards(STEERED, acting(-0.4), state.bare)
    np.testing.assert_allclose(rewards(ENV, acting(-0.4), state), own - usual, atol=1e-4)
    assert np.abs(own - usual).max() > 1.0


def test_ledger_and_observation_are_those_of_the_decisions_taken(key):
    _, state = ENV.reset(key, PARAMS)
    exo = jax.tree.map(lambda x: x[0], ENV.sample_path(key, state, PARAMS, 1))
    action = {"level": jnp.float32(0.5)}
    following, outcome = ENV.transition(state, action, exo, PARAMS)
    bare, own = STEERED.transition(state.bare, action, exo, PARAMS)
    jax.tree.map(np.testing.assert_array_equal, outcome.ledger, own.ledger)
    np.testing.assert_array_equal(ENV.observe(following, PARAMS), STEERED.observe(bare, PARAMS))
