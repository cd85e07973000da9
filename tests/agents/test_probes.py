"""Do learners find the known answers? Values and actions are those of the noise-free problem, so tolerances cover what
is left of the policy's noise and of the learning rate at the end of training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.agents import A2C, A3C, MLP, PPO, REINFORCE
from tests.agents import probes

CRITICS = {
    "PPO": lambda **fields: PPO(value_clip=jnp.inf, target_kl=jnp.inf, **fields),
    "A2C": lambda num_updates, **fields: A2C(num_updates=3 * num_updates, **fields),
    # As many steps of the optimiser, on half of the samples each.
    "A3C": lambda num_updates, **fields: A3C(num_updates=3 * num_updates, staleness=1, **fields),
}
LEARNERS = CRITICS | {
    "REINFORCE": lambda num_updates, **fields: REINFORCE(num_updates=3 * num_updates, unseen=4, **fields),
}


def of_kinds(kinds):
    # A3C without staleness is A2C, which is another test, and REINFORCE is A2C but for its returns.
    marked = [pytest.param(kind, marks=[pytest.mark.slow] * (kind in ("A2C", "A3C"))) for kind in kinds]
    return pytest.mark.parametrize("kind", marked)


critics, learners = of_kinds(CRITICS), of_kinds(LEARNERS)


def learner(kind, env, *, num_updates=60, **fields):
    fields = {
        "network": MLP(hidden=(16,)),
        "num_envs": 64,
        "num_steps": 8,
        "num_updates": num_updates,
        "average_reward": False,
        "normalise_reward": False,
        "learning_rate": 1e-2,
        "discount": 0.9,
    } | fields
    return LEARNERS[kind](env=env, **fields)


def train(kind, env, **fields):
    algo = learner(kind, env, **fields)
    return algo, *jax.jit(algo.train)(jax.random.key(0), env.default_params())


def values(algo, state, *observations):
    """The network's values of observations."""
    observations = jnp.array(observations, jnp.float32).reshape(-1, 1)
    standard = state.observation_statistics.standardise(observations)
    return np.asarray(algo._apply(state.params, standard, state.action_space)[1])


@critics
def test_delayed_reward_is_discounted(kind):
    assert values(*train(kind, probes.DelayedReward())[:2], 0.0, 1.0) == pytest.approx([0.9, 1.0], abs=0.05)


@critics
def test_termination_ends_the_return_and_truncation_does_not(kind):
    algo = learner(kind, probes.Endless(), discount=0.5)
    program = jax.jit(algo.train)
    for ends, value in ((True, 1.0), (False, 2.0)):
        params = probes.EndlessParams(max_steps_in_episode=1, ends=ends)
        state, _ = program(jax.random.key(0), params)
        assert values(algo, state, 0.0) == pytest.approx([value], abs=0.05)


@critics
def test_average_reward_and_differential_values(kind):
    algo, state, _ = train(kind, probes.Alternating(), average_reward=True, discount=0.99, num_updates=100)
    assert float(state.average_reward) == pytest.approx(1.0, abs=0.01)
    assert values(algo, state, 0.0, 1.0) == pytest.approx([-1 / 1.99, 1 / 1.99], abs=0.05)


@learners
def test_policy_reads_the_observation(kind):
    algo, state, metrics = train(kind, probes.MatchTheObservation())
    policy = algo.policy(state)
    assert [int(policy.act(jnp.array([x]))) for x in (0.0, 1.0)] == [0, 1]
    assert metrics["reward"][-1] > 0.98


@learners
def test_illegal_actions_are_never_taken(kind):
    algo, state, metrics = train(kind, probes.Forbidden())
    assert float(jnp.max(metrics["reward"])) <= 1.0
    policy = algo.policy(state)
    assert int(policy.act(jnp.zeros(1), jnp.array([True, True, False]))) == 1
    if kind in CRITICS:
        assert values(algo, state, 0.0) == pytest.approx([1.0], abs=0.05)


@learners
def test_continuous_actions_find_the_target(kind):
    algo, state, _ = train(kind, probes.Target(), num_updates=150, learning_rate=5e-3, entropy_coef=0.0)
    action = algo.policy(state).act(jnp.zeros(1))
    assert float(action["bounded"]) == pytest.approx(7.0, abs=0.2)
    np.testing.assert_allclose(action["free"], [-0.5, 0.5], atol=0.05)
