"""Does DQN find the known answers, with each of its switches? Values are those of the noise-free problem, so tolerances
cover what is left of the learning rate at the end of training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.agents import DQN, MLP
from jaxinv.env import spaces
from tests.agents import probes

SWITCHES = {
    "plain": {"double": False, "dueling": False},
    "prioritised": {"prioritised": True, "n_step": 2},
    "quantiles": {"num_quantiles": 4},
    "others": {"num_others": 2, "n_step": 2, "prioritised": True},
    "quantiles of others": {"num_others": 1, "num_quantiles": 4},
}
# The case "others" has priorities and several steps as well; quantiles and the plain learner have other tests below.
SLOW = SWITCHES.keys() - {"others"}
run = jax.jit(lambda algo, params: algo.train(jax.random.key(0), params))


def learner(env, **fields):
    return DQN(env=env, **{
        "network": MLP(hidden=(16,), activation="relu"), "num_envs": 16, "num_steps": 4, "num_updates": 150,
        "gradient_steps": 4, "batch_size": 64, "buffer_periods": 64, "burn_in": 16, "average_reward": False,
        "normalise_reward": False, "learning_rate": 2e-2, "discount": 0.9, "target_rate": 0.1, "epsilon_final": 0.5,
    } | fields)  # fmt: skip


def train(env, **fields):
    algo = learner(env, **fields)
    return algo, *run(algo, env.default_params())


def quantiles(algo, state, observation, action, mask=None):
    """Of an action in an observation, in units of rewards."""
    standard = state.observation_statistics.standardise(jnp.float32(observation).reshape(1, 1))
    heads, value = algo._quantiles(state.target_params, standard, state.action_space)
    return np.asarray(algo._values(heads, value, mask, jnp.int32(action)[None], state.action_space))[0]


@pytest.mark.parametrize("switch", [pytest.param(s, marks=[pytest.mark.slow] * (s in SLOW)) for s in SWITCHES])
def test_delayed_reward_is_discounted(switch):
    algo, state, _ = train(probes.DelayedReward(), **SWITCHES[switch])
    values = [quantiles(algo, state, time, 0).mean() for time in (0.0, 1.0)]
    assert values == pytest.approx([0.9, 1.0], abs=0.05)


@pytest.mark.parametrize("n_step", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_termination_ends_the_return_and_truncation_does_not(n_step):
    algo = learner(probes.Endless(), discount=0.5, n_step=n_step)
    for limit, ends, value in ((1, True, 1.0), (1, False, 2.0), (2, False, 2.0)):
        params = probes.EndlessParams(max_steps_in_episode=limit, ends=ends)
        state, _ = run(algo, params)
        assert quantiles(algo, state, 0.0, 0) == pytest.approx([value], abs=0.05)


@pytest.mark.parametrize("discount", [0.9, 1.0])
def test_average_reward_and_differential_values(discount):
    """Without discounting it is differential Q-learning."""
    algo, state, _ = train(probes.Alternating(), average_reward=True, discount=discount)
    assert float(state.average_reward) == pytest.approx(1.0, abs=0.02)
    values = [quantiles(algo, state, time, 0)[0] for time in (0.0, 1.0)]
    assert values == pytest.approx([-1 / (1 + discount), 1 / (1 + discount)], abs=0.05)


def test_policy_reads_the_observation_and_explores_as_the_schedule_says():
    algo, state, metrics = train(probes.MatchTheObservation(), epsilon_final=0.2)
    policy = algo.policy(state)
    assert [int(policy.act(jnp.array([x]))) for x in (0.0, 1.0)] == [0, 1]
    assert metrics["reward"][:2].mean() == pytest.approx(0.5, abs=0.15)  # 128 fair coins: three deviations
    assert metrics["reward"][-50:].mean() == pytest.approx(0.9, abs=0.02)  # half of the random actions are right


@pytest.mark.slow  # cells below have masks, too
@pytest.mark.parametrize("num_others", [0, 2])
def test_illegal_actions_are_never_taken(num_others):
    algo, state, metrics = train(probes.Forbidden(), num_others=num_others)
    assert float(jnp.max(metrics["reward"])) <= 1.0
    mask = jnp.array([True, True, False])
    assert int(algo.policy(state).act(jnp.zeros(1), mask)) == 1
    assert quantiles(algo, state, 0.0, 1, mask[None]) == pytest.approx([1.0], abs=0.05)


class Lottery(probes.Probe):
    """A number between 0 and 1, or, by action 1, three times its square: mean 1/2 and 1."""

    def reward(self, state, action):
        return jnp.where(action == 1, 3 * state.exo**2, state.exo)


def test_quantiles_are_those_of_the_return():
    """Of a known distribution. Over 9600 draws, with a step size that ends at zero: 0.03 is five deviations of the
    median of the last 1024 of them, which are remembered."""
    algo, state, _ = train(Lottery(), num_quantiles=8, batch_size=256)
    level = (np.arange(8) + 0.5) / 8
    np.testing.assert_allclose(quantiles(algo, state, 0.0, 0), level, atol=0.08)
    np.testing.assert_allclose(quantiles(algo, state, 0.0, 1), 3 * level**2, atol=0.2)
    assert int(algo.policy(state).act(jnp.zeros(1))) == 1


class Haggling(probes.Probe):
    """What a choice of four is worth is known but for a large luck that it does not depend on. For ever; the luck is
    seen afterwards, and after action 3 there is an end."""

    def action_space(self, params):
        return spaces.Discrete(4)

    def observe(self, state, params):
        return jnp.stack([state.exo, jnp.float32(state.time)])

    def transition(self, state, action, exo, params):
        following, outcome = super().transition(state, action, exo, params)
        reward = jnp.float32(action) + 10 * exo.next
        return following, outcome.replace(reward=reward, terminated=action == 3)

    def reward(self, state, action):
        return 0.0


@pytest.mark.parametrize("n_step", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_all_actions_of_a_state_are_simulated_on_the_same_luck(n_step, key):
    """By hand: the first action is given, the target's best ones follow, up to an end or a value."""
    env = Haggling()
    algo = learner(env, num_others=3, n_step=n_step, double=False, burn_in=32)
    params = env.default_params()
    state = jax.jit(algo.init)(key, params)
    batch, _ = jax.jit(algo._sample)(state, key)
    actions, targets = map(np.asarray, jax.jit(algo._simulated)(state, batch, params, key))
    np.testing.assert_array_equal(actions[0], batch.action)
    assert set(np.unique(actions[1:])) == {0, 1, 2, 3}
    luck = jax.random.uniform(jax.random.split(key, 4)[0], (n_step, 64, 1))

    @jax.jit
    def worth(env_state):
        standard = state.observation_statistics.standardise(env.observe(env_state, params))[None]
        heads, value = algo._quantiles(state.target_params, standard, state.action_space)
        every = [algo._values(heads, value, None, jnp.array([a]), state.action_space)[0, 0] for a in range(4)]
        return jnp.stack(every)

    for i in range(6):
        for action, target in zip(actions[:, i], targets[:, i, 0], strict=True):
            env_state, expected, weight = jax.tree.map(lambda x, i=i: x[i], batch.env_state), 0.0, 1.0
            for u in luck[:, i]:
                env_state, outcome = env.transition(env_state, action, env.exogenous(u, env_state, params), params)
                expected += weight * float(outcome.reward)
                weight *= 0.0 if action == 3 else 0.9
                action = int(np.argmax(worth(env_state)))
            assert target == pytest.approx(expected + weight * float(worth(env_state).max()), rel=1e-4)


class TwoCells(probes.Probe):
    """A choice of three in each of two cells; the first is best at 2, where 1 is not legal, and the second at 1."""

    def action_space(self, params):
        return spaces.Discrete(3, (2,))

    def action_mask(self, state, params):
        return jnp.array([[True, False, True], [True, True, True]])

    def reward(self, state, action):
        return (action[0] == 2) + 3.0 * (action[1] == 1) - 50.0 * (action[0] == 1)


@pytest.mark.parametrize("num_others", [pytest.param(0, marks=pytest.mark.slow), 2])
def test_values_of_cells_add_up(num_others):
    algo, state, _ = train(TwoCells(), num_others=num_others)
    mask = TwoCells().action_mask(None, None)
    np.testing.assert_array_equal(algo.policy(state).act(jnp.zeros(1), mask), [2, 1])
    for action in ([2, 1], [0, 1], [2, 0], [0, 2]):
        worth = float(TwoCells().reward(None, jnp.array(action)))
        assert quantiles(algo, state, 0.0, action, mask[None])[0] == pytest.approx(worth, abs=0.1)
