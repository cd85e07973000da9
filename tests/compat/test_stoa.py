import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("stoa", reason="a client of the extra 'compat'")

import stoa  # pyright: ignore[reportMissingImports]
from stoa.core_wrappers.vmap import VmapWrapper  # pyright: ignore[reportMissingImports]

from jaxinv.compat import StoaEnv
from tests.compat.problems import Counter, Units, lost_sales, warehouses, worth


def test_their_wrappers_roll_out(key):
    env, params = lost_sales(length=5)
    single = stoa.AutoResetWrapper(stoa.RecordEpisodeMetrics(StoaEnv(env, params)), next_obs_in_extras=True)
    batch = VmapWrapper(single, num_envs=4)

    @jax.jit
    def rollout(key):
        start = batch.reset(key, params)

        def body(carry, _):
            state, timestep = batch.step(carry[0], jnp.full(4, 5), params)
            return (state, timestep), timestep

        return jax.lax.scan(body, start, None, 12)[1]

    timesteps = rollout(key)
    last = np.broadcast_to(np.isin(np.arange(1, 13), (5, 10))[:, None], (12, 4))
    np.testing.assert_array_equal(timesteps.last(), last)
    np.testing.assert_array_equal(timesteps.truncated(), last)
    np.testing.assert_array_equal(timesteps.discount, 1.0)
    metrics = timesteps.extras["episode_metrics"]
    np.testing.assert_array_equal(metrics["is_terminal_step"], last)
    np.testing.assert_array_equal(np.asarray(metrics["episode_length"])[last], 5)
    np.testing.assert_allclose(metrics["episode_return"][4], timesteps.reward[:5].sum(0), rtol=1e-6)
    fresh = np.asarray(StoaEnv(env, params).reset(key)[1].observation)
    np.testing.assert_array_equal(timesteps.observation[last], np.tile(fresh, (8, 1)))
    assert (np.asarray(timesteps.extras["next_obs"])[last] != fresh).any()
    demand = np.asarray(timesteps.extras["ledger"]["demanded"])
    assert len(np.unique(demand, axis=0)) == 12  # every period
    assert len(np.unique(demand, axis=1).T) == 4  # and every environment has its own


def test_step_types_tell_ends_from_limits(key):
    env = Counter(end=2)
    for limit, kind, discount in ((1, "truncated", 1.0), (2, "terminated", 0.0), (3, "terminated", 0.0)):
        theirs = StoaEnv(env, env.default_params().replace(max_steps_in_episode=jnp.int32(limit)))
        state, timestep = theirs.reset(key)
        assert timestep.first()
        for time in range(min(limit, 2)):
            assert timestep.mid() == (time > 0)
            state, timestep = theirs.step(state, theirs.action_space().sample(key))
        assert timestep.done()
        assert getattr(timestep, kind)()
        assert timestep.discount == discount


@pytest.mark.parametrize("env", [Counter(), Units()])
def test_spaces_hold_what_is_produced(env, key):
    theirs = StoaEnv(env)
    state, timestep = theirs.reset(key)
    assert theirs.observation_space().contains(timestep.observation)
    action = theirs.action_space().sample(key)
    _, timestep = jax.jit(theirs.step)(state, action)
    assert theirs.observation_space().contains(timestep.observation)
    parts = action if isinstance(action, dict) else {"units": action, "choice": 0, "amount": 0.0}
    np.testing.assert_allclose(timestep.reward, worth(**parts), rtol=1e-6)  # float32


def test_spaces():
    env, params = lost_sales()
    theirs = StoaEnv(env, params)
    assert theirs.action_space() == stoa.DiscreteSpace(11, jnp.int32)
    assert theirs.observation_space(params) == stoa.ArraySpace((2,), jnp.float32)
    orders = StoaEnv(*warehouses()).action_space().spaces["orders"]
    assert orders == stoa.BoundedArraySpace((2, 3), jnp.float32, 0.0, 1e9)
    with pytest.raises(NotImplementedError, match="not of states"):
        theirs.state_space()


def test_parameters_that_are_passed_count(key):
    """Also many at once."""
    env, params = lost_sales()
    theirs = StoaEnv(env, params)
    penalties = jnp.array([0.0, 1.0, 50.0])
    many = jax.vmap(lambda penalty: params.replace(stockout_cost=penalty, initial_inventory=jnp.float32(0)))(penalties)

    def reward(params):
        state, _ = theirs.reset(key, params)
        return theirs.step(state, jnp.int32(0), params)[1].reward

    rewards = jax.vmap(reward)(many)
    assert rewards[1] < 0
    np.testing.assert_allclose(rewards, rewards[1] * penalties, rtol=1e-6)


def test_masks_reach_their_wrapper(key):
    """Nothing may be ordered above a position of 15, which is what there is at the start."""
    env = stoa.AddActionMaskWrapper(StoaEnv(*lost_sales(max_position=15.0)))
    _, timestep = env.reset(key)
    np.testing.assert_array_equal(timestep.observation["action_mask"], np.arange(11) == 0)  # type: ignore[index]
