"""What the learners that replay have in common, by DQN."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv import train
from jaxinv.agents import DQN, MLP, SAC
from jaxinv.env import core
from tests.agents import probes
from tests.trees import assert_equal

PARAMS = core.EnvParams(max_steps_in_episode=7)
FIELDS = {
    "network": MLP(hidden=(16,)), "num_envs": 8, "num_steps": 2, "buffer_periods": 16, "burn_in": 4,
    "gradient_steps": 2, "batch_size": 16, "num_updates": 4,
}  # fmt: skip


def learner(**fields):
    return DQN(**{"env": probes.MatchTheObservation(), "prioritised": True, "n_step": 2} | FIELDS | fields)


@pytest.fixture(scope="module")
def single():
    """One compiled training run: it takes any learner whose numbers alone are different."""
    return train.compiled(lambda algo, key: algo.train(key, PARAMS), learner(), jax.random.key(0))[0]


class Clock(probes.Probe):
    """The period is observed, and it forbids one of three actions: number ``time % 3``."""

    def action_space(self, params):
        return probes.spaces.Discrete(3)

    def observe(self, state, params):
        return jnp.float32(state.time)[None]

    def action_mask(self, state, params):
        return jnp.arange(3) != state.time % 3

    def reward(self, state, action):
        return jnp.where(action == state.time % 3, -100.0, state.time)

    def terminated(self, following, params):
        return jnp.bool_(False)


def test_memory_holds_what_was_reached_before_a_reset_and_legal_actions_only():
    algo = learner(env=Clock(), stagger=True, num_updates=20)
    state, metrics = jax.jit(algo.train)(jax.random.key(0), PARAMS)
    data = state.buffer.data
    assert int(state.buffer.size) == 16
    time = data.observation[..., 0]
    np.testing.assert_array_equal(data.next_observation[..., 0], time + 1)
    np.testing.assert_array_equal(data.truncated, time == 6)
    assert data.truncated.any()
    time = np.asarray(time)
    np.testing.assert_array_equal(data.action_mask, np.arange(3) != time[..., None] % 3)
    np.testing.assert_array_equal(data.next_mask, np.arange(3) != (time[..., None] + 1) % 3)
    np.testing.assert_array_equal(data.reward, time)  # no action was illegal, neither at random nor greedily
    assert metrics["reward"].min() > -1
    # In order: where no episode ended, a period begins where the one before it led.
    order = (int(state.buffer.position) + np.arange(16)) % 16
    np.testing.assert_array_equal(time[order][1:], np.where(time[order][:-1] == 6, 0, time[order][:-1] + 1))


def test_targets_count_legal_actions_and_the_value_after_n_periods_only(key):
    """In the :class:`Clock`, where the period says which actions count."""
    algo = learner(env=Clock(), n_step=3, average_reward=False, normalise_reward=False, discount=0.9, double=False)
    state = jax.jit(algo.init)(key, PARAMS)
    batch, _ = jax.jit(algo._sample)(state, key)
    mean, std = float(state.observation_statistics.mean[0]), float(state.observation_statistics.variance[0]) ** 0.5
    time, after = (np.round(np.asarray(x)[:, 0] * std + mean) for x in (batch.observation, batch.next_observation))
    cut = np.minimum(7 - time, 3)
    np.testing.assert_array_equal(after, time + cut)
    np.testing.assert_allclose(batch.bootstrap, 0.9**cut, rtol=1e-6)
    rewards = time + np.where(cut > 1, 0.9 * (time + 1), 0) + np.where(cut > 2, 0.81 * (time + 2), 0)
    np.testing.assert_allclose(batch.reward, rewards, rtol=1e-5)

    (heads, base), target = jax.jit(
        lambda: (
            algo._quantiles(state.target_params, batch.next_observation, state.action_space),
            algo._target(state, batch),
        )
    )()
    values, base = np.asarray(heads[0])[..., 0], np.asarray(base)
    legal = np.arange(3) != after[:, None] % 3
    advantage = values - values.mean(1, where=legal, keepdims=True)
    best = base + advantage.max(1, where=legal, initial=-np.inf)
    np.testing.assert_allclose(target[:, 0], rewards + 0.9**cut * best, rtol=1e-4)


def test_policy_acts_by_the_average_of_the_last_weights(key):
    """Of nearly all iterations, those of the first quarter excepted, where the share is one half of those so far."""
    algo = learner(num_updates=20, average_share=0.5)
    state = jax.jit(algo.init)(key, PARAMS)
    update, average = jax.jit(algo.update), state.params
    for done in range(20):
        state, _ = update(state, PARAMS)
        rate = 1.0 / max(0.5 * done, 1.0)
        average = jax.tree.map(lambda old, new, rate=rate: old + rate * (new - old), average, state.params)
    assert_equal(state.average_params, average, atol=1e-6)
    assert_equal(algo.policy(state).params, state.average_params["network"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch_size": 0}, "DQN.batch_size must be at least 1, got 0"),
        ({"buffer_periods": 15}, "DQN.buffer_periods must be a multiple of num_steps = 2, got 15"),
        ({"burn_in": 2, "n_step": 4}, "DQN.burn_in must be at least 4, got 2"),
        ({"num_quantiles": 0}, "DQN.num_quantiles must be at least 1, got 0"),
        ({"epsilon_final": 1.5}, "DQN.epsilon_final must be <= 1"),
        ({"target_rate": 0.0}, "DQN.target_rate must be > 0"),
    ],
)
def test_errors_name_field_and_value(wrong, message):
    with pytest.raises(ValueError, match=message):
        learner(**wrong)


def test_actions_of_the_wrong_kind_are_refused(key):
    with pytest.raises(ValueError, match=r"DQN.env must have discrete actions, got Tree"):
        jax.eval_shape(learner(env=probes.Target()).init, key, PARAMS)
    with pytest.raises(ValueError, match=r"SAC.env must have actions in boxes, got Discrete"):
        jax.eval_shape(SAC(env=probes.Endless(), **FIELDS).init, key, PARAMS)
