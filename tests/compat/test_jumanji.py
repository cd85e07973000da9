import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("jumanji", reason="a client of the extra 'compat'")

import dm_env  # pyright: ignore[reportMissingImports]
import jumanji  # pyright: ignore[reportMissingImports]
from jumanji import specs  # pyright: ignore[reportMissingImports]
from jumanji.testing.env_not_smoke import check_env_does_not_smoke, check_env_specs_does_not_smoke  # pyright: ignore[reportMissingImports]
from jumanji.wrappers import AutoResetWrapper, JumanjiToDMEnvWrapper, VmapWrapper  # pyright: ignore[reportMissingImports]

from jaxinv.compat import JumanjiEnv
from tests.compat.problems import Counter, Units, lost_sales, warehouses, worth


@pytest.mark.parametrize("problem", [lost_sales(length=5), (Units(), None)], ids=["lost sales", "units"])
def test_their_own_checks(problem):
    env = JumanjiEnv(*problem)
    assert isinstance(env, jumanji.Environment)
    check_env_does_not_smoke(env)
    check_env_specs_does_not_smoke(env)


def test_structs_are_named_tuples(key):
    env = JumanjiEnv(Counter())
    state, timestep = env.reset(key)
    env.observation_spec.validate(timestep.observation)
    assert env.action_spec["choice"].num_values == 5
    action = env.action_spec.generate_value()._replace(units=jnp.array([2, 3]), choice=jnp.int32(4))
    env.action_spec.validate(action)
    first = timestep
    _, timestep = jax.jit(env.step)(state, action)
    assert jax.tree.structure(timestep) == jax.tree.structure(first)  # so that loops can carry it
    assert timestep.reward == worth([2, 3], 4, 0.0)
    env.observation_spec.validate(timestep.observation)


def test_specs():
    env = JumanjiEnv(*lost_sales())
    assert env.action_spec == specs.DiscreteArray(11, name="action")
    assert type(env.observation_spec) is specs.Array
    orders = JumanjiEnv(*warehouses()).action_spec["orders"]
    assert (orders.shape, float(orders.minimum), float(orders.maximum)) == ((2, 3), 0.0, 1e9)


def test_discount_tells_ends_from_limits(key):
    env = Counter(end=2)
    for limit, discount in ((1, 1.0), (2, 0.0), (3, 0.0)):
        theirs = JumanjiEnv(env, env.default_params().replace(max_steps_in_episode=jnp.int32(limit)))
        state, timestep = theirs.reset(key)
        assert timestep.first()
        assert timestep.discount == 1.0
        for time in range(min(limit, 2)):
            assert timestep.mid() == (time > 0)
            state, timestep = theirs.step(state, theirs.action_spec.generate_value())
        assert timestep.last()
        assert timestep.discount == discount


def test_their_autoreset_runs_in_a_scan(key):
    env, params = lost_sales(length=5)
    batch = VmapWrapper(AutoResetWrapper(JumanjiEnv(env, params), next_obs_in_extras=True))

    @jax.jit
    def rollout(key):
        start = batch.reset(jax.random.split(key, 4))

        def body(carry, _):
            state, timestep = batch.step(carry[0], jnp.full(4, 5))
            return (state, timestep), timestep

        return jax.lax.scan(body, start, None, 12)[1]

    timesteps = rollout(key)
    last = np.broadcast_to(np.isin(np.arange(1, 13), (5, 10))[:, None], (12, 4))
    np.testing.assert_array_equal(timesteps.last(), last)
    np.testing.assert_array_equal(timesteps.discount, 1.0)  # time limits all
    np.testing.assert_allclose(
        timesteps.reward, -(timesteps.extras["ledger"]["holding"] + timesteps.extras["ledger"]["stockout"]), rtol=1e-6
    )
    fresh = np.asarray(JumanjiEnv(env, params).reset(key)[1].observation)
    np.testing.assert_array_equal(timesteps.observation[last], np.tile(fresh, (8, 1)))
    assert (np.asarray(timesteps.extras["next_obs"])[last] != fresh).any()
    demand = np.asarray(timesteps.extras["ledger"]["demanded"])
    assert len(np.unique(demand, axis=0)) == 12  # every period
    assert len(np.unique(demand, axis=1).T) == 4  # and every environment has its own


def test_dm_env_runs():
    env = JumanjiToDMEnvWrapper(JumanjiEnv(*lost_sales(length=3)))
    timestep = env.reset()
    types = [timestep.step_type]
    while not timestep.last():
        timestep = env.step(np.array(5))
        types.append(int(timestep.step_type))
    assert types == [dm_env.StepType.FIRST, dm_env.StepType.MID, dm_env.StepType.MID, dm_env.StepType.LAST]
    assert env.action_spec().maximum == 10  # type: ignore[attr-defined]
