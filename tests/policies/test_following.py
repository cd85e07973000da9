"""Levels that follow the demand expected."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Modulated, Poisson, Weekly
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.evaluate import compare, evaluate, sample_paths
from jaxinv.policies import BaseStock, CanOrder, Following
from jaxinv.policies.following import demand_ahead

ENV = MultiWarehouse(num_warehouses=1, num_skus=2, max_lead_time=2, transfers=False)
PROFILE = np.array([0.2, 0.4, 0.6, 0.8, 1.2, 1.8, 2.0])
MEAN = np.array([[5.0, 2.0]])


@pytest.fixture(scope="module")
def problem():
    profile = np.broadcast_to(PROFILE[:, None, None], (7, 1, 2))
    demand = Modulated(base=Poisson(MEAN), modifiers=(Weekly(profile=profile),))
    params = ENV.make_params(demand=demand, fixed_order_cost=0.0)
    _, state = ENV.reset(jax.random.key(0), params)
    state = state.replace(on_hand=jnp.array([[7.0, 3.0]]))
    exo = state.exo.replace(mean=jnp.asarray(MEAN * [1.5, 0.5]), expected=jnp.asarray(MEAN))  # mean and expectation
    return params, state.replace(exo=jax.tree.map(lambda x: x.astype(jnp.result_type(x, jnp.int32)), exo))


def test_demand_ahead_continues_the_forecast_of_the_environment(problem):
    params, state = problem

    def ahead(periods, adaptation):
        return np.asarray(demand_ahead(ENV, state, params, jnp.full((1, 2), periods), jnp.full((1, 2), adaptation)))

    np.testing.assert_allclose(ahead(3.0, 1.0), ENV.forecast(state, params).sum(0), rtol=1e-5)
    np.testing.assert_allclose(ahead(3.0, 0.0), MEAN * PROFILE[:3].sum(), rtol=1e-5)
    np.testing.assert_allclose(ahead(9.5, 0.0), MEAN * (PROFILE.sum() + PROFILE[:2].sum() + 0.3), rtol=1e-5)
    np.testing.assert_allclose(ahead(9.5, 0.5), ahead(9.5, 0.0) * [[1.25, 0.75]], rtol=1e-5)


def test_levels_and_quantities_move_in_proportion(problem):
    params, state = problem
    following = Following(typical=MEAN, periods=[[3.0, 7.0]])
    scale = np.array([[PROFILE[:3].sum() / 3, 1.0]])
    np.testing.assert_allclose(following.scale(ENV, state, params), scale, rtol=1e-5)

    def orders(policy):
        return np.asarray(policy(ENV, state, params, jax.random.key(0)).orders).tolist()

    # 40 units on an average day are 40 * 0.4 in these three.
    assert orders(BaseStock(level=40.0, following=following)) == [[np.round(40 * 0.4 - 7), 40 - 3]]
    # The position of 7 is above the reorder point of 15 * 0.4, and the other cell's 3 below: the first may join.
    policy = CanOrder(reorder=15.0, can_order=20.0, up_to=40.0, following=following)
    assert orders(policy) == [[9, 37]]
    assert orders(policy.replace(can_order=jnp.float32(16))) == [[0, 37]]


@pytest.mark.slow
def test_following_the_calendar_saves_money(problem):
    params, _ = problem
    paths = sample_paths(ENV, params, jax.random.key(1), 32, 220)
    policy = BaseStock(level=MEAN * 3 + 1.3 * np.sqrt(MEAN * 3))
    following = Following(typical=MEAN, periods=np.full((1, 2), 3.0))
    fixed, moving = (
        evaluate(policy.replace(following=rule), ENV, params, paths, warmup=10) for rule in (None, following)
    )
    assert compare(moving, fixed).ci95[1] < -0.1 * fixed.cost_mean


def test_typical_demand_must_be_positive():
    with pytest.raises(ValueError, match=r"Following.typical must be > 0"):
        Following(typical=[[0.0, 1.0]], periods=3.0)
