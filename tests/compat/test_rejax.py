"""PPO of rejax 0.1, which expects five values a step, learns on an environment."""

import warnings

import jax
import numpy as np
import pytest

pytest.importorskip("gymnax", reason="a client of the extra 'compat'")

from jaxinv.compat import GymnaxFiveValueEnv
from tests.compat.problems import any_order, lost_sales


@pytest.fixture
def rejax():
    with warnings.catch_warnings():
        # It loads distrax, which loads tensorflow-probability, which reads a name of jax that is deprecated.
        warnings.filterwarnings("ignore", "jax.core.pytype_aval_mappings", DeprecationWarning)
        yield pytest.importorskip("rejax", reason="a client of the extra 'peers'")


@pytest.mark.slow
def test_ppo_learns(rejax, key):
    """To less than the long-run cost of the best constant order, 5.275 a period; the optimum is 4.40 (Zipkin 2008,
    table 3). Episodes start with stock for three periods, which adds a little. Twelve seeds ended at 4.6 to 4.9, from
    8 to 150."""
    env, params = lost_sales(length=100)
    algo = rejax.PPO.create(
        env=GymnaxFiveValueEnv(env),
        env_params=params,
        total_timesteps=200_000,
        eval_freq=200_000,
        num_envs=32,
        num_steps=64,
        num_epochs=4,
        num_minibatches=4,
        learning_rate=3e-3,
        gamma=0.95,
        ent_coef=0.02,
        max_grad_norm=0.5,
        normalize_rewards=True,
        agent_kwargs={"hidden_layer_sizes": (32, 32)},
    )
    with jax.numpy_rank_promotion("allow"):
        _, (lengths, returns) = jax.jit(algo.train)(key)
    np.testing.assert_array_equal(lengths, 100)
    untrained, trained = -np.asarray(returns) / 100  # cost per period [128 episodes]
    assert trained.mean() < 5.275
    assert trained.mean() + 10 * (trained.std() + untrained.std()) / np.sqrt(128) < untrained.mean()


def test_ppo_takes_single_real_numbers(rejax, key):
    """Traced only: compiling takes long."""
    env, params = any_order()
    algo = rejax.PPO.create(env=GymnaxFiveValueEnv(env), env_params=params)
    with jax.numpy_rank_promotion("allow"):
        state, (lengths, returns) = jax.eval_shape(algo.train, key)
    assert state.last_obs.shape == (algo.num_envs, 2)
    assert lengths.shape == returns.shape
