"""Does PPO find the known answers? Values and actions are those of the noise-free problem, so tolerances cover what
is left of the policy's noise and of the learning rate at the end of training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.agents import MLP, PPO
from tests.agents import probes


def learner(env, *, num_updates=60, **fields):
    fields = {
        "network": MLP(hidden=(16,)),
        "num_envs": 64,
        "num_steps": 8,
        "num_updates": num_updates,
        "burn_in": 0,
        "average_reward": False,
        "normalise_reward": False,
        "learning_rate": 1e-2,
        "discount": 0.9,
        "value_clip": jnp.inf,
        "target_kl": jnp.inf,
    } | fields
    return PPO(env=env, **fields)


def train(env, **fields):
    ppo = learner(env, **fields)
    return ppo, *jax.jit(ppo.train)(jax.random.key(0), env.default_params())


def values(ppo, state, *observations):
    """The network's values of observations."""
    observations = jnp.array(observations, jnp.float32).reshape(-1, 1)
    standard = state.observation_statistics.standardise(observations)
    return np.asarray(ppo._apply(state.params, standard, state.action_space)[1])


def test_delayed_reward_is_discounted():
    assert values(*train(probes.DelayedReward())[:2], 0.0, 1.0) == pytest.approx([0.9, 1.0], abs=0.05)


def test_termination_ends_the_return_and_truncation_does_not():
    ppo = learner(probes.Endless(), discount=0.5)
    program = jax.jit(ppo.train)
    for ends, value in ((True, 1.0), (False, 2.0)):
        params = probes.EndlessParams(max_steps_in_episode=1, ends=ends)
        state, _ = program(jax.random.key(0), params)
        assert values(ppo, state, 0.0) == pytest.approx([value], abs=0.05)


def test_average_reward_and_differential_values():
    ppo, state, _ = train(probes.Alternating(), average_reward=True, discount=0.99, num_updates=100)
    assert float(state.average_reward) == pytest.approx(1.0, abs=0.01)
    assert values(ppo, state, 0.0, 1.0) == pytest.approx([-1 / 1.99, 1 / 1.99], abs=0.05)


def test_policy_reads_the_observation():
    ppo, state, metrics = train(probes.MatchTheObservation())
    policy = ppo.policy(state)
    assert [int(policy.act(jnp.array([x]))) for x in (0.0, 1.0)] == [0, 1]
    assert metrics["reward"][-1] > 0.98


def test_illegal_actions_are_never_taken():
    ppo, state, metrics = train(probes.Forbidden())
    assert float(jnp.max(metrics["reward"])) <= 1.0
    policy = ppo.policy(state)
    assert int(policy.act(jnp.zeros(1), jnp.array([True, True, False]))) == 1
    assert values(ppo, state, 0.0) == pytest.approx([1.0], abs=0.05)


def test_continuous_actions_find_the_target():
    ppo, state, _ = train(probes.Target(), num_updates=150, learning_rate=5e-3, entropy_coef=0.0)
    action = ppo.policy(state).act(jnp.zeros(1))
    assert float(action["bounded"]) == pytest.approx(7.0, abs=0.2)
    np.testing.assert_allclose(action["free"], [-0.5, 0.5], atol=0.05)
