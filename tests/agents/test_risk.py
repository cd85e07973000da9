"""Learners that fear the worst."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import ndtri

from jaxinv.agents import DQN, MLP, PPO
from jaxinv.demand import Normal
from jaxinv.env.single_item import SingleItem
from jaxinv.env.wrappers import OrderUpTo
from jaxinv.evaluate import Risk
from jaxinv.optimise import Pathwise
from jaxinv.policies import BaseStock
from jaxinv.policies.closed_forms import cvar_newsvendor
from tests.agents import probes

ENV = SingleItem(lead_time=0)  # every period is a newsvendor's
PARAMS = ENV.make_params(demand=Normal(20.0, 4.0, rounded=False), stockout_cost=9.0, backlog_share=1.0)
LEVEL = 0.2  # of the conditional value at risk
BEST = float(cvar_newsvendor(lambda q: 20.0 + 4.0 * ndtri(q), 1.0, 9.0, LEVEL))  # 28.0; in the mean 25.1 is best


def test_pathwise_finds_the_newsvendor_who_fears_the_worst(key):
    """A path is one period. 0.3 units are 0.3 % of the cost."""
    algo = Pathwise(
        env=ENV, heuristic=BaseStock(level=22.0), learned=("level",), num_updates=300, learning_rate=0.2,
        warmup=0, num_steps=1, num_envs=1024, risk=Risk(cvar_level=LEVEL),
    )  # fmt: skip
    state, _ = jax.jit(algo.train)(key, PARAMS)
    assert float(algo.policy(state).level) == pytest.approx(BEST, abs=0.3)


@pytest.mark.parametrize(
    "risk",
    [Risk(cvar_level=LEVEL), *(pytest.param(x, marks=pytest.mark.slow) for x in (Risk(variance_weight=0.3), None))],
)
def test_ppo_finds_the_level_of_its_risk(key, risk):
    algo = PPO(
        env=OrderUpTo(ENV, 40.0), network=MLP(hidden=(16,), initial_log_std=-2.0), num_envs=256, num_steps=16,
        num_updates=100, learning_rate=5e-3, risk=risk,
    )  # fmt: skip
    state, metrics = jax.jit(algo.train)(key, PARAMS)
    demand = 20.0 + 4.0 * ndtri((jnp.arange(20_000) + 0.5) / 20_000)
    levels = jnp.linspace(20.0, 32.0, 121)[None]
    costs = jnp.maximum(levels - demand[:, None], 0.0) + 9.0 * jnp.maximum(demand[:, None] - levels, 0.0)
    worth = (risk or Risk()).judge(costs)
    found = float(algo.policy(state).act(ENV.observe(ENV.reset(key, PARAMS)[1], PARAMS)))
    assert jnp.interp(found, levels[0], worth) < jnp.min(worth) * 1.02
    assert metrics["reward"][-1] < 0.0  # that of the environment, not what it adds to the risk


class Gamble(probes.Probe):
    """1 for sure, or 0 or 2.4, either as likely."""

    def reward(self, state, action):
        return jnp.where(action == 0, 1.0, 2.4 * jnp.round(state.exo))


@pytest.mark.parametrize(("level", "action"), [(0.5, 0), pytest.param(1.0, 1, marks=pytest.mark.slow)])
def test_dqn_gambles_unless_it_fears_the_worst(key, level, action):
    algo = DQN(
        env=Gamble(), network=MLP(hidden=(16,)), num_quantiles=8, cvar_level=level, num_envs=32, num_steps=2,
        num_updates=150, learning_rate=1e-2, average_reward=False, normalise_reward=False,
    )  # fmt: skip
    state, _ = jax.jit(algo.train)(key, Gamble().default_params())
    assert int(algo.policy(state).act(jnp.zeros(1))) == action


@pytest.mark.parametrize(
    ("risk", "action"),
    [
        (Risk(cvar_level=0.5), 0),
        *(pytest.param(*each, marks=pytest.mark.slow) for each in ((None, 1), (Risk(variance_weight=1.0), 0))),
    ],
)
def test_off_policy_learners_fear_bad_periods(key, risk, action):
    """The gamble has a mean of 1.2, a variance of 1.44, and 0 in the worse half of the periods."""
    algo = DQN(
        env=Gamble(), network=MLP(hidden=(16,)), num_envs=64, num_steps=4, num_updates=100, learning_rate=1e-2,
        average_reward=False, normalise_reward=False, average_reward_rate=0.2, epsilon_final=0.5, risk=risk,
    )  # fmt: skip
    state, _ = jax.jit(algo.train)(key, Gamble().default_params())
    assert int(algo.policy(state).act(jnp.zeros(1))) == action


@pytest.mark.parametrize("level", [0.0, 0.05, 1.5])
def test_a_share_of_no_quantile_is_refused(level):
    with pytest.raises(ValueError, match=r"DQN.cvar_level must be in 1 / num_quantiles = 0\.125\.\.1"):
        DQN(env=Gamble(), num_quantiles=8, cvar_level=level)


@pytest.mark.slow
def test_a_neutral_risk_changes_nothing(key):
    def weights(risk):
        algo = PPO(env=probes.MatchTheObservation(), num_envs=8, num_steps=4, num_updates=3, risk=risk)
        state, _ = jax.jit(algo.train)(key, probes.core.EnvParams())
        return np.concatenate([np.ravel(x) for x in jax.tree.leaves(state.params)])

    np.testing.assert_allclose(weights(Risk()), weights(None), atol=1e-5)
