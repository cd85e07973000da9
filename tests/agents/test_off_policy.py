"""What the learners that replay have in common, by DQN."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv import train
from jaxinv.agents import DQN, MLP, SAC
from jaxinv.env import core
from tests.agents import probes

PARAMS = core.EnvParams(max_steps_in_episode=7)
FIELDS = {
    "network": MLP(hidden=(16,)), "num_envs": 8, "num_steps": 2, "buffer_periods": 16, "burn_in": 4,
    "gradient_steps": 2, "batch_size": 16, "num_updates": 4,
}  # fmt: skip


def learner(**fields):
    return DQN(**{"env": probes.MatchTheObservation(), "prioritised": True, "n_step": 2} | FIELDS | fields)


def assert_equal(a, b, **tolerance):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        np.testing.assert_allclose(x, y, **{"rtol": 0.0, "atol": 0.0} | tolerance)


@pytest.fixture(scope="module")
def single():
    """One compiled training run: it takes any learner whose numbers alone are different."""
    return train.compiled(lambda algo, key: algo.train(key, PARAMS), learner(), jax.random.key(0))[0]


def test_lanes_of_a_sweep_equal_single_runs_and_call_no_lapack(single):
    """Batched matrix products may add up in another order: float32 rounding (about 1e-7), with room for adam to
    enlarge it. On CPU, jaxlib 0.10 runs a batch of LAPACK calls on the threads that wait for it."""
    keys = jax.random.split(jax.random.key(0), 3)
    sweep = {
        "learning_rate": jnp.array([1e-2, 3e-3, 1e-2]),
        "discount": jnp.array([0.99, 0.9, 0.99]),
        "target_rate": jnp.array([0.01, 0.1, 0.01]),
        "epsilon_final": jnp.array([0.01, 0.05, 0.5]),
        "priority_exponent": jnp.array([0.6, 0.6, 1.0]),
    }

    def lane(key, numbers):
        return learner().replace(**numbers).train(key, PARAMS)

    program = train.compiled(jax.vmap(lane), keys, sweep)[0]
    assert 'custom_call_target="lapack' not in program.as_text()
    states, metrics = program(keys, sweep)
    assert all(np.isfinite(value).all() for value in metrics.values())
    for i in range(3):
        state, single_metrics = single(learner(**{name: values[i] for name, values in sweep.items()}), keys[i])
        assert_equal(jax.tree.map(lambda x, i=i: x[i], states.params), state.params, atol=1e-5)
        assert_equal(jax.tree.map(lambda x, i=i: x[i], metrics), single_metrics, atol=1e-5)


def test_every_swept_number_matters(single):
    changes = [{}, {"learning_rate": 3e-3}, {"discount": 0.9}, {"epsilon_initial": 0.1}, {"epsilon_final": 0.9}]
    changes += [{"target_rate": 0.5}, {"average_reward_rate": 1.0}, {"priority_exponent": 0.0}]
    changes += [{"importance_exponent": 1.0}, {"max_grad_norm": 1e-6}, {"epsilon_decay": 1.0}]
    weights = [
        np.concatenate([np.ravel(x) for x in jax.tree.leaves(single(learner(**change), jax.random.key(0))[0].params)])
        for change in changes
    ]
    for change, other in list(zip(changes, weights, strict=True))[1:]:
        assert np.abs(other - weights[0]).max() > 1e-6, change


def test_interrupted_and_resumed_run_equals_train(single, tmp_path):
    def fit(**options):
        return train.fit(
            learner(), PARAMS, jax.random.key(0), chunk=2, progress=False, directory=tmp_path, **options
        )  # fmt: skip

    fit(num_updates=2)
    assert_equal(fit(resume=True).state, single(learner(), jax.random.key(0))[0])


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
    batch, _ = algo._sample(state, key)
    mean, std = float(state.observation_statistics.mean[0]), float(state.observation_statistics.variance[0]) ** 0.5
    time, after = (np.round(np.asarray(x)[:, 0] * std + mean) for x in (batch.observation, batch.next_observation))
    cut = np.minimum(7 - time, 3)
    np.testing.assert_array_equal(after, time + cut)
    np.testing.assert_allclose(batch.bootstrap, 0.9**cut, rtol=1e-6)
    rewards = time + np.where(cut > 1, 0.9 * (time + 1), 0) + np.where(cut > 2, 0.81 * (time + 2), 0)
    np.testing.assert_allclose(batch.reward, rewards, rtol=1e-5)

    values = np.asarray(algo._quantiles(state.target_params, batch.next_observation, state.action_space)[0][0])[..., 0]
    legal = np.arange(3) != after[:, None] % 3
    advantage = values - values.mean(1, where=legal, keepdims=True)
    base = np.asarray(algo._quantiles(state.target_params, batch.next_observation, state.action_space)[1])
    best = base + advantage.max(1, where=legal, initial=-np.inf)
    np.testing.assert_allclose(algo._target(state, batch)[:, 0], rewards + 0.9**cut * best, rtol=1e-4)


def test_policy_acts_by_the_average_of_the_weights(single, key):
    algo = learner()
    state, _ = single(algo, key)
    assert_equal(algo.policy(state).params, state.target_params["network"])
    other = dataclasses.replace(state, params=jax.tree.map(jnp.zeros_like, state.params))
    assert_equal(algo.policy(other), algo.policy(state))


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
        learner(env=probes.Target()).init(key, PARAMS)
    with pytest.raises(ValueError, match=r"SAC.env must have actions in boxes, got Discrete"):
        SAC(env=probes.Endless(), **FIELDS).init(key, PARAMS)
