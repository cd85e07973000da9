from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv import struct, train
from jaxinv.agents import MLP, PPO, CellNetwork, on_policy, returns
from jaxinv.env import core
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.env.wrappers import OrderUpTo
from tests.agents import probes

PARAMS = core.EnvParams()


def learner(**fields):
    fields = {"env": probes.MatchTheObservation(), "network": MLP(hidden=(16,)), "num_updates": 3} | fields
    fields = {"learning_rate": 1e-2} | fields
    return PPO(num_envs=16, num_steps=8, num_epochs=2, num_minibatches=2, **fields)


def run(function, *args):
    return train.compiled(function, *args)[0](*args)


@pytest.fixture(scope="module")
def single():
    """One compiled training run: it takes any learner whose numbers alone are different."""
    return train.compiled(lambda algo, key: algo.train(key, PARAMS), learner(), jax.random.key(0))[0]


@struct.dataclass(kw_only=True)
class Till(core.Ledger):
    GAINS: ClassVar = ("revenue",)
    COSTS: ClassVar = ("rent",)
    UNITS: ClassVar = ("sold",)

    revenue: jax.Array
    rent: jax.Array
    sold: jax.Array


class Shop(probes.Target):
    """Two cells that sell 3 units for 1 each; the first pays rent of 4 in every other period."""

    def transition(self, state, action, exo, params):
        following, outcome = super().transition(state, action, exo, params)
        sold = jnp.full(2, 3.0)
        ledger = Till(revenue=sold, rent=jnp.array([4.0, 0.0]) * (state.time % 2), sold=sold)
        return following, outcome.replace(ledger=ledger, reward=ledger.reward(), terminated=jnp.bool_(False))


@pytest.fixture(scope="module")
def frozen():
    """Metrics of one iteration in a :class:`Shop` with a learning rate of zero."""
    algo = learner(env=Shop(), stagger=False, learning_rate=0.0, num_updates=1)
    return run(lambda key: algo.train(key, PARAMS), jax.random.key(0))[1]


def test_loss_sees_the_policy_that_acted(frozen):
    """While nothing moves every ratio is one: the log-probabilities of the rollout and of the loss agree,
    standardisation and action encoding included."""
    np.testing.assert_allclose(frozen["kl"], 0.0, atol=1e-6)
    assert frozen["clip_fraction"] == 0.0
    assert frozen["applied"] == 1.0


def test_gains_and_costs_are_reported_by_cause(frozen):
    assert frozen["gain/revenue"] == 6.0
    assert frozen["cost/rent"] == 2.0
    assert frozen["reward"] == 4.0
    assert not any("sold" in name for name in frozen)


def test_iteration_stops_once_the_policy_is_far(single):
    free, bound = (single(learner(learning_rate=0.1, target_kl=kl), jax.random.key(0))[1] for kl in (jnp.inf, 1e-3))
    np.testing.assert_array_equal(free["applied"], 1.0)
    assert free["kl"].max() > 0.05
    assert 0.25 <= bound["applied"].min() < 1.0  # the first of four minibatches finds the policy where it was
    assert bound["kl"].max() < free["kl"].max()


def test_schedules_end_at_zero(single):
    algo = learner(learning_rate=0.1)
    state, _ = single(algo, jax.random.key(0))
    beyond, _ = run(lambda algo, state: algo.update(state, PARAMS), algo, state)
    for a, b in zip(jax.tree.leaves(state.params), jax.tree.leaves(beyond.params), strict=True):
        np.testing.assert_array_equal(a, b)


def test_burn_in_leaves_the_initial_state_and_fills_the_statistics():
    env = probes.Alternating()
    state = run(lambda key: learner(env=env, stagger=False, burn_in=5).init(key, PARAMS), jax.random.key(0))
    assert (state.env_state.time == 5).all()
    assert float(state.average_reward) == pytest.approx(0.8)  # 0, 2, 0, 2, 0
    assert int(state.updates) == 0
    assert int(state.return_statistics.batches) == 1


def test_initial_policy_acts_on_states_and_on_observations_alike(key):
    algo = learner(env=probes.Target())
    state = jax.jit(algo.init)(jax.random.key(1), PARAMS)
    assert len(np.unique(state.env_state.time)) > 8, "environments should start out of step"
    _, env_state = algo.env.reset(key, PARAMS)
    observation = algo.env.observe(env_state, PARAMS)

    @jax.jit
    def both(policy):
        return policy(algo.env, env_state, PARAMS), policy.act(observation)

    action, observed = both(algo.policy(state))
    jax.tree.map(np.testing.assert_array_equal, action, observed)
    assert algo.env.action_space(PARAMS).contains(action)

    stochastic = algo.policy(state, deterministic=False)
    keys = jax.random.split(key, 50)
    draws = jax.jit(jax.vmap(lambda k: stochastic(algo.env, env_state, PARAMS, k)))(keys)
    assert float(jnp.std(draws["bounded"])) > 0.5


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_epochs": 0}, "num_epochs must be at least 1"),
        ({"num_minibatches": 3}, "num_envs must be a multiple of num_minibatches = 3, got 256"),
        ({"branches": 3}, "num_envs must be a multiple of branches = 3, got 256"),
        ({"burn_in": -1}, "burn_in must be at least 0"),
        ({"discount": 1.5}, "discount must be <= 1"),
        ({"target_kl": 0.0}, "target_kl must be > 0"),
    ],
)
def test_errors_name_the_field(wrong, message):
    with pytest.raises(ValueError, match=message):
        PPO(env=probes.Endless(), **wrong)


def test_local_rewards_sum_to_the_whole_and_share_what_they_should(key):
    env = MultiWarehouse(num_warehouses=3, num_skus=2, max_lead_time=1)
    params = env.make_params(fixed_order_cost=[10.0, 20.0, 30.0])
    _, state = jax.jit(env.reset)(key, params)
    _, _, reward, _, info = jax.jit(env.step_env)(key, state, env.order_action(jnp.ones(env.cells)), params)
    batch = jax.tree.map(lambda x: x[None], (reward, info["ledger"]))
    network = CellNetwork(hidden=(4,), local_values=True)
    for share in (0.0, 0.4, 1.0):
        credit = PPO(env=env, network=network, team_share=share)._credit(*batch)
        assert credit.shape == (1, 3)
        np.testing.assert_allclose(credit.sum(), reward, rtol=1e-5)
    np.testing.assert_allclose(credit, np.full((1, 3), reward / 3), rtol=1e-5)


def test_local_values_learn(key):
    env = MultiWarehouse(num_warehouses=2, num_skus=2, max_lead_time=1, transfers=False)
    algo = PPO(
        env=OrderUpTo(env), network=CellNetwork(hidden=(8,), shared=True, local_values=True), num_envs=8, num_steps=4,
        num_updates=2,
    )  # fmt: skip
    state, metrics = jax.jit(algo.train)(key, env.default_params())
    assert state.average_reward.shape == (2,)
    assert all(np.isfinite(value).all() for value in metrics.values())
    np.testing.assert_allclose(metrics["average_reward"][0], metrics["reward"][0], rtol=1e-4)  # first: the plain mean


def test_branches_share_start_and_demand_but_not_actions(key):
    env = MultiWarehouse(num_warehouses=2, num_skus=1, max_lead_time=1, transfers=False)
    params = env.default_params()
    algo = PPO(
        env=OrderUpTo(env), network=MLP(hidden=(8,)), num_envs=8, num_steps=3, branches=4, num_minibatches=1,
        num_updates=2,
    )  # fmt: skip
    state, _ = run(lambda key: algo.update(algo.init(key, params), params), key)
    demand = state.env_state.exo.mean.reshape(2, 4, -1)  # moving mean of what was demanded
    np.testing.assert_array_equal(demand, demand[:, :1].repeat(4, 1))
    assert not np.array_equal(demand[0], demand[1])
    stock = state.env_state.on_hand.reshape(2, 4, -1)
    assert len(np.unique(stock[0], axis=0)) == 4
    np.testing.assert_array_equal(state.env_state.time.reshape(2, 4), state.env_state.time[::4, None].repeat(4, 1))


def test_advantages_are_counted_from_the_other_branches(key):
    algo = learner(branches=4)
    advantage = jax.random.normal(key, (3, 8, 2))
    against = returns.against_branches(advantage, algo.branches)
    for branch in range(4):
        others = [b for b in range(4) if b != branch]
        np.testing.assert_allclose(
            against[:, branch], advantage[:, branch] - advantage[:, others].mean(1), rtol=1e-5, atol=1e-6
        )
    np.testing.assert_allclose(returns.against_branches(advantage, learner().branches), advantage)


@pytest.mark.slow
def test_a_minibatch_in_chunks_learns_the_same(monkeypatch, key):
    """Gradients of equal parts add up to that of the whole; float32 rounding, which adam enlarges."""
    weights = []
    for samples in (4096, 20):  # 8 environments of 8 periods in one part, and in parts of two
        monkeypatch.setattr(on_policy, "_CPU_SAMPLES", samples)
        state, metrics = jax.jit(lambda key: learner().train(key, PARAMS))(key)
        weights.append(jax.tree.leaves((state.params, metrics)))
    assert on_policy._parts(8, 8) == 4
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
