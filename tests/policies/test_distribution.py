"""Order-up-to policies of a warehouse and its stores: single decisions by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import CorrelatedNormal, Cyclic, Poisson
from jaxinv.env.distribution import Distribution
from jaxinv.policies import (
    BalancedBaseStock,
    BaseStock,
    EchelonBaseStock,
    InstallationBaseStock,
    ProportionalEchelonBaseStock,
    cross_docking_bound,
    demand_covariance,
)

ENV = Distribution(num_stores=3, warehouse_lead_time=2, store_lead_time=1)
PARAMS = ENV.default_params()


def decide(policy, warehouse, stores, env=ENV, params=PARAMS, orders=5.0):
    _, state = env.reset(jax.random.key(0), params)
    state = state.replace(
        warehouse=jnp.float32(warehouse), stores=jnp.asarray(stores, jnp.float32), orders=(jnp.float32(orders),)
    )
    return np.asarray(policy(env, state, params, jax.random.key(0)))


@pytest.mark.parametrize(
    ("kind", "orders"),
    [
        (EchelonBaseStock, [21, 6, 2, 0]),  # 40 less 13 and 6; short of 8 by 10, 6, 2: after 6 and 2 by 4, 4, 2
        (ProportionalEchelonBaseStock, [21, 4, 2, 0]),  # 80/18, 48/18 and 16/18, rounded down
        (InstallationBaseStock, [35, 6, 2, 0]),  # 40 less 13, of which 8 leave
    ],
)
def test_decisions_by_hand(kind, orders):
    policy = kind(warehouse_level=40.0, store_level=8.0)
    np.testing.assert_array_equal(decide(policy, 8, [-2, 2, 6]), orders)


def test_enough_for_all():
    for kind in (EchelonBaseStock, ProportionalEchelonBaseStock, InstallationBaseStock):
        policy = kind(warehouse_level=40.0, store_level=jnp.array([8.0, 9.0, 5.0]))
        assert decide(policy, 30, [-2, 2, 6])[1:].tolist() == [10, 7, 0]


def test_an_order_that_does_not_know_what_is_shipped():
    policy = InstallationBaseStock(warehouse_level=40.0, store_level=8.0, after_shipping=False)
    assert decide(policy, 8, [-2, 2, 6]).tolist() == [27, 6, 2, 0]


def test_base_stock_is_echelon_base_stock_where_stock_suffices():
    levels = jnp.array([60.0, 8.0, 9.0, 5.0])
    general, own = BaseStock(level=levels), EchelonBaseStock(warehouse_level=60.0, store_level=levels[1:])
    np.testing.assert_array_equal(decide(general, 30, [-2, 2, 6]), decide(own, 30, [-2, 2, 6]))


def test_balanced_stores_are_equally_safe():
    env = Distribution(num_stores=3, warehouse_lead_time=2, store_lead_time=(0, 3, 3), cross_docking=True)
    demand = CorrelatedNormal([2.0, 3.0, 5.0], [1.0, 1.0, 2.0], 0.5, clipped=False)
    params = env.make_params(demand=demand, holding_cost=1.0, stockout_cost=9.0)
    policy = BalancedBaseStock.of(env, params)
    np.testing.assert_allclose(policy.mean, [2, 12, 20])
    np.testing.assert_allclose(policy.deviation, [1, 2, 4], rtol=1e-6)
    shipped = decide(policy, 30.0, [1.0, 2.0, 3.0], env, params)[1:]
    assert shipped.sum() == pytest.approx(30, rel=1e-6)
    safety = (np.array([1.0, 2.0, 3.0]) + shipped - policy.mean) / policy.deviation
    np.testing.assert_allclose(safety, np.full(3, safety.mean()), atol=1e-5)
    # One that has more than its share gets nothing.
    shipped = decide(policy, 10.0, [9.0, 2.0, 3.0], env, params)[1:]
    assert shipped[0] == 0
    assert shipped.sum() == pytest.approx(10, rel=1e-6)


def test_levels_of_a_centre_are_those_of_its_bound():
    env = Distribution(num_stores=2, warehouse_lead_time=3, store_lead_time=2, cross_docking=True)
    demand = CorrelatedNormal([3.0, 5.0], [1.0, 2.0], 0.5, clipped=False)
    params = env.make_params(demand=demand, holding_cost=1.0, stockout_cost=4.0)
    covariance = demand_covariance(demand)
    np.testing.assert_allclose(covariance, [[1, 1], [1, 4]], rtol=1e-6)
    safety, _ = cross_docking_bound(covariance, 3, 2, 1.0, 4.0)
    policy = BalancedBaseStock.of(env, params)
    np.testing.assert_allclose(policy.warehouse_level, 6 * 8 + safety, rtol=1e-5)


def test_a_bound_with_one_store_is_a_newsvendor():
    """Of 6 periods of demand: 3 before the stock is allocated, 2 under way and the one in which it is used."""
    _, bound = cross_docking_bound([[4.0]], 3, 2, 1.0, 9.0)
    assert bound == pytest.approx(10 * 0.17549833 * 2 * np.sqrt(6), rel=1e-5)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (dict(covariance=[[4.0, 0.0]]), r"covariance must be a square matrix.*got shape \(1, 2\)"),
        (dict(covariance=[[4.0, 1.0], [0.0, 4.0]]), "the same as its transpose"),
        (dict(covariance=[[1.0, 2.0], [2.0, 1.0]]), "covariance must have no negative eigenvalue"),
        (dict(covariance=[[np.nan]]), "covariance must"),
        (dict(warehouse_lead_time=-1), "warehouse_lead_time must be a whole number >= 0, got -1"),
        (dict(store_lead_time=1.5), "store_lead_time must be a whole number >= 0, got 1.5"),
        (dict(holding=-1.0), "holding must be > 0, got -1.0"),
        (dict(penalty=0.0), "penalty must be > 0, got 0.0"),
    ],
)
def test_what_is_no_centre_without_stock_is_named(changed, message):
    given = dict(covariance=[[4.0]], warehouse_lead_time=3, store_lead_time=2, holding=1.0, penalty=9.0)
    with pytest.raises(ValueError, match=message):
        cross_docking_bound(**{**given, **changed})


def test_costs_have_slopes_in_the_levels():
    """Of balanced allocation, which is all that a centre without stock decides besides its order."""
    env = Distribution(num_stores=2, warehouse_lead_time=1, store_lead_time=1, cross_docking=True)
    demand = CorrelatedNormal([3.0, 5.0], [1.0, 2.0], 0.5, clipped=False)
    params = env.make_params(demand=demand, holding_cost=1.0, stockout_cost=4.0, initial_inventory=0.0)
    _, state = env.reset(jax.random.key(0), params)
    path = env.sample_path(jax.random.key(1), state, params, 100)

    @jax.jit
    @jax.value_and_grad
    def cost(policy):
        return -jnp.mean(env.rollout(policy, state, path, params, record=lambda t: t.outcome.reward)[1][10:])

    policy = BalancedBaseStock.of(env, params)
    value, slopes = cost(policy)
    assert all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(slopes))
    up, _ = cost(policy.replace(warehouse_level=policy.warehouse_level + 0.02))
    down, _ = cost(policy.replace(warehouse_level=policy.warehouse_level - 0.02))
    np.testing.assert_allclose(slopes.warehouse_level, (up - down) / 0.04, atol=0.05)  # kinks within the step
    high, slope = cost(policy.replace(warehouse_level=policy.warehouse_level + 30.0))
    np.testing.assert_allclose(slope.warehouse_level, 1.0, rtol=1e-4)  # nobody ever waits: a unit more is held
    assert high > value


def test_unknown_variance_raises():
    demand = Cyclic((Poisson([1.0, 2.0]), Poisson([3.0, 2.0])))
    with pytest.raises(ValueError, match="demand must be a stationary distribution, got Cyclic"):
        demand_covariance(demand)


def test_newsvendor_levels_are_whole():
    policy = EchelonBaseStock.of(ENV, ENV.make_params(demand=Poisson([3.0, 4.0, 5.0])))
    np.testing.assert_array_equal(policy.store_level, np.round(policy.store_level))
    assert policy.store_level.shape == (3,)
    assert 24 < policy.store_level.sum() < policy.warehouse_level
