import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("gymnax", reason="a client of the extra 'compat'")

import gymnax.wrappers  # pyright: ignore[reportMissingImports]
from gymnax.environments import environment, spaces  # pyright: ignore[reportMissingImports]
from gymnax.experimental import RolloutWrapper  # pyright: ignore[reportMissingImports]

from jaxinv.compat import GymnaxEnv, GymnaxFiveValueEnv
from tests.compat.problems import Counter, Units, any_order, lost_sales, one_warehouse, warehouses, worth


@pytest.mark.parametrize(
    "problem", [lost_sales, pytest.param(one_warehouse, marks=pytest.mark.slow), any_order, warehouses]
)
def test_steps_are_those_of_the_environment(problem, key):
    env, params = problem(length=2)
    theirs, step = GymnaxEnv(env), jax.jit(env.step)
    assert isinstance(theirs, environment.Environment)
    observation, state = theirs.reset(key, params)
    expected, same = jax.jit(env.reset)(key, params)
    np.testing.assert_array_equal(observation, expected)
    for k in jax.random.split(key, 3):  # over a time limit
        action = theirs.action_space(params).sample(k)
        observation, state, *outcome, info = theirs.step(k, state, action, params)
        space = env.action_space(params)
        native = type(space.sample(k))(**action) if isinstance(action, dict) else jnp.reshape(action, space.shape)
        expected, same, *others, expected_info = step(k, same, native, params)
        results = (observation, state, outcome, info["ledger"], info["final_observation"])
        known = (expected, same, others, expected_info["ledger"], expected_info["final_observation"])
        # compiled in another program: float32 rounding
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5), results, known)


def test_five_values_join_the_two_ends(key):
    env, params = lost_sales(length=2)
    six, five = GymnaxEnv(env), GymnaxFiveValueEnv(env)
    _, state = six.reset(key, params)
    for expected in (False, True):
        *_, terminated, truncated, _ = six.step(key, state, 3, params)
        _, state, _, done, info = five.step(key, state, 3, params)
        assert bool(done) is expected
        assert (bool(terminated), bool(truncated)) == (False, expected)
        assert bool(info["truncated"]) is expected


def test_spaces(key):
    env, params = lost_sales()
    theirs = GymnaxEnv(env)
    space = theirs.action_space(params)
    assert isinstance(space, spaces.Discrete)
    assert (space.n, theirs.num_actions) == (11, 11)
    assert theirs.observation_space(params).shape == (2,)
    box = GymnaxEnv(warehouses()[0]).action_space(None).spaces["orders"]
    assert hash((box.low, box.high)) == hash((0.0, np.float32(1e9)))


def test_spaces_with_traced_parameters():
    """Learners ask for them inside of compiled code."""
    env, params = lost_sales()
    assert jax.jit(lambda p: jnp.zeros(GymnaxEnv(env).action_space(p).n))(params).shape == (11,)


@pytest.mark.parametrize("env", [Counter(), Units()])
def test_structs_are_dictionaries_and_arrays_of_choices_tuples(env, key):
    theirs = GymnaxEnv(env)
    params = theirs.default_params
    observation, state = theirs.reset(key)
    assert {name: x.shape for name, x in observation.items()} == {"even": (), "time": (1,)}
    action = theirs.action_space(params).sample(key)
    parts = action if isinstance(action, dict) else {"units": action, "choice": 0, "amount": 0.0}
    assert isinstance(parts["units"], tuple)
    observation, _, reward, *_, info = theirs.step(key, state, action)
    assert jax.tree.all(jax.tree.map(jnp.array_equal, info["final_observation"], observation))
    np.testing.assert_allclose(reward, worth(**parts), rtol=1e-6)  # float32


def test_their_wrappers_run(key):
    env, params = lost_sales(length=5)
    logged = gymnax.wrappers.LogWrapper(GymnaxEnv(env))
    _, state = logged.reset(key, params)
    total = 0.0
    for k in jax.random.split(key, 5):
        _, state, reward, _, _, info = logged.step(k, state, 5, params)
        total += float(reward)
    assert info["returned_episode"]
    assert info["returned_episode_lengths"] == 5
    np.testing.assert_allclose(info["returned_episode_returns"], total, rtol=1e-6)


def test_their_rollout_runs(key):
    env, params = lost_sales(length=5)
    rollout = RolloutWrapper(env=GymnaxEnv(env), env_params=params, num_env_steps=8)
    observation, action, reward, _, done, total = jax.vmap(rollout.single_rollout, (0, None))(
        jax.random.split(key, 4), None
    )
    assert observation.shape == (4, 8, 2)
    assert action.shape == (4, 8)
    np.testing.assert_array_equal(done, np.tile(np.arange(1, 9) == 5, (4, 1)))
    np.testing.assert_allclose(total[:, 0], reward[:, :5].sum(1), rtol=1e-5)  # of the first episode alone
