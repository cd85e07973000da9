"""Who gives, who takes, and what it does to orders."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Poisson
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.evaluate import compare, evaluate, sample_paths
from jaxinv.policies import BaseStock, PeriodicReview, Rebalancing

ENV = MultiWarehouse(num_warehouses=3, num_skus=1, max_lead_time=3)


def state_of(params, on_hand, orders=None):
    _, state = ENV.reset(jax.random.key(0), params)
    state = state.replace(on_hand=jnp.asarray(on_hand, jnp.float32)[:, None])
    return state if orders is None else state.replace(orders=jnp.asarray(orders, jnp.float32)[:, :, None])


def flows(rule, on_hand, orders=None):
    """Units by (from, to)."""
    params = ENV.default_params()
    moved = np.asarray(rule.flows(ENV, state_of(params, on_hand, orders), params))[:, :, 0]
    return {(int(i), int(j)): float(moved[i, j]) for i, j in np.argwhere(moved)}


def test_cells_in_need_take_from_cells_with_much():
    rule = Rebalancing(need=2.0, keep=4.0)  # of a demand of 5 a period: below 10 in need, above 20 giving
    assert flows(rule, [4, 15, 33]) == {(2, 0): 6}
    assert flows(rule, [0, 15, 23]) == {(2, 0): 3}
    assert flows(rule, [10, 15, 33]) == {}


def test_deliveries_that_come_in_time_count():
    rule = Rebalancing(need=2.0, keep=4.0)
    orders = np.zeros((2, 3))
    orders[0] = [5, 0, 0]  # for the demand of the next period but one: within the two periods
    assert flows(rule, [4, 15, 33], orders) == {(2, 0): 1}
    orders = np.roll(orders, 1, 0)  # a period later: too late
    assert flows(rule, [4, 15, 33], orders) == {(2, 0): 6}


def test_wishes_move_along_existing_lanes_and_orders_see_the_result():
    cost = np.full((3, 3), UNLIMITED)
    cost[2, 0] = 1.0
    params = ENV.make_params(transfer_cost=cost)
    policy = BaseStock(level=20.0, rebalancing=Rebalancing(need=2.0, keep=4.0))
    action = policy(ENV, state_of(params, [4, 4, 33]), params, jax.random.key(0))
    expected = np.zeros((3, 3))
    expected[2, 0] = 6
    np.testing.assert_array_equal(action.flows[:, :, 0], expected)
    assert action.orders[:, 0].tolist() == [10, 16, 0]


def test_the_rule_is_inert_without_transfers():
    env = MultiWarehouse(num_warehouses=3, num_skus=1, max_lead_time=2, transfers=False)
    params = env.default_params()
    _, state = env.reset(jax.random.key(0), params)
    state = state.replace(on_hand=jnp.array([[0.0], [5.0], [90.0]]))
    with_rule, without = (
        BaseStock(level=20.0, rebalancing=rule)(env, state, params, jax.random.key(0)) for rule in (Rebalancing(), None)
    )
    np.testing.assert_array_equal(with_rule.orders, without.orders)
    assert with_rule.flows is None


@pytest.mark.slow
def test_rebalancing_saves_money_where_transfers_are_cheap():
    """Deliveries every 6 periods to four warehouses, on the same demand."""
    env = MultiWarehouse(num_warehouses=4, num_skus=1, max_lead_time=2)
    params = env.make_params(demand=Poisson(np.full((4, 1), 4.0)), transfer_cost=0.5, stockout_cost=20.0)
    paths = sample_paths(env, params, jax.random.key(0), 64, 200)
    policy = PeriodicReview(review=6.0, level=38.0)
    alone = evaluate(policy, env, params, paths, warmup=20)
    helped = evaluate(policy.replace(rebalancing=Rebalancing(need=2.0, keep=4.0)), env, params, paths, warmup=20)
    assert compare(helped, alone).ci95[1] < 0
    assert helped.fill_rate > alone.fill_rate


def test_periods_cannot_be_negative():
    with pytest.raises(ValueError, match=r"Rebalancing.need must be >= 0"):
        Rebalancing(need=-1.0)
