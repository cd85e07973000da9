"""MultiWarehouse against closed forms and against the lost-sales problem solved exactly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from published.lost_sales import solve
from scipy import stats

from jaxinv.demand import Poisson
from jaxinv.env.multi_warehouse import MultiWarehouse


def average_cost(env, params, policy, paths=400, warmup=100, length=1500):
    """(mean cost per period, its standard error over independent paths)."""

    def one(key):
        _, state = env.reset(key, params)
        path = env.sample_path(key, state, params, warmup + length)
        _, rewards = env.rollout(policy, state, path, params, record=lambda t: t.outcome.reward)
        return -jnp.mean(rewards[warmup:])

    costs = np.asarray(jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(7), paths)))
    return costs.mean(), costs.std(ddof=1) / np.sqrt(paths)


def order_up_to(levels):
    levels = jnp.asarray(levels, jnp.float32)

    def policy(env, state, params, key):
        return env.order_action(jnp.maximum(levels - env.inventory_position(state), 0.0))

    return policy


def newsvendor(level, mean, holding, penalty):
    """h E(S - D)^+ + p E(D - S)^+ for Poisson D."""
    demand = np.arange(int(mean + 20 * np.sqrt(mean) + 20))
    probability = stats.poisson.pmf(demand, mean)
    over, under = np.maximum(level - demand, 0), np.maximum(demand - level, 0)
    return (holding * over + penalty * under) @ probability


@pytest.mark.parametrize("lead_time", [0, 2])
def test_uncoupled_cells_with_full_backlog_are_newsvendors_over_the_lead_time_and_one_period(lead_time):
    env = MultiWarehouse(num_warehouses=2, num_skus=2, max_lead_time=lead_time, transfers=False)
    rates = np.array([[2.0, 5.0], [0.5, 12.0]])
    holding, penalty = np.array([[1.0, 0.5], [2.0, 1.0]]), np.array([[9.0, 4.0], [30.0, 19.0]])
    levels = stats.poisson.ppf(penalty / (penalty + holding), rates * (lead_time + 1))
    params = env.make_params(
        demand=Poisson(rates), holding_cost=holding, stockout_cost=penalty, backlog_share=1.0,
        fixed_order_cost=0.0, initial_stock=levels,
    )  # fmt: skip
    expected = sum(
        newsvendor(s, m * (lead_time + 1), h, p)
        for s, m, h, p in zip(levels.flat, rates.flat, holding.flat, penalty.flat, strict=True)
    )
    cost, error = average_cost(env, params, order_up_to(levels))
    assert abs(cost - expected) < 3 * error
    assert error < 0.01 * expected
    # The level is the optimum: its neighbours cost more.
    for step in (-1, 1):
        around = sum(
            newsvendor(s + step, m * (lead_time + 1), h, p)
            for s, m, h, p in zip(levels.flat, rates.flat, holding.flat, penalty.flat, strict=True)
        )
        assert around > expected


def test_free_instant_cross_shipping_pools_the_warehouses():
    warehouses, rate, holding, penalty, lead_time = 4, 3.0, 1.0, 9.0, 1
    env = MultiWarehouse(
        num_warehouses=warehouses, num_skus=1, max_lead_time=lead_time, transfers=False, cross_shipping=True
    )
    pooled_mean = warehouses * rate * (lead_time + 1)
    level = stats.poisson.ppf(penalty / (penalty + holding), pooled_mean)
    levels = np.full((warehouses, 1), level // warehouses)
    levels[: int(level % warehouses)] += 1
    params = env.make_params(
        demand=Poisson(np.full((warehouses, 1), rate)), holding_cost=holding, stockout_cost=penalty,
        backlog_share=1.0, fixed_order_cost=0.0, cross_shipping_cost=0.0, initial_stock=levels,
    )  # fmt: skip
    pooled = newsvendor(level, pooled_mean, holding, penalty)
    apart = sum(newsvendor(s, rate * (lead_time + 1), holding, penalty) for s in levels[:, 0])
    cost, error = average_cost(env, params, order_up_to(levels))
    assert abs(cost - pooled) < 3 * error
    assert cost + 10 * error < apart


def test_one_cell_with_lost_sales_is_the_zipkin_problem():
    """The optimal policy of the dynamic programme, simulated here, gives the optimal average cost (4.3953; Zipkin
    2008, table 3: 4.40)."""
    optimum, orders = solve(penalty=4.0, lead_time=2)
    assert abs(optimum - 4.39530) < 5e-6
    table = np.zeros((max(x[0] for x in orders) + 1, max(x[1] for x in orders) + 1), np.float32)
    for (on_hand, arriving), order in orders.items():
        table[on_hand, arriving] = order

    def policy(env, state, params, key):
        x = state.on_hand[0, 0].astype(jnp.int32), state.orders[0, 0, 0].astype(jnp.int32)
        return env.order_action(jnp.asarray(table)[x].reshape(1, 1))

    env = MultiWarehouse(num_warehouses=1, num_skus=1, max_lead_time=2, transfers=False)
    params = env.make_params(stockout_cost=4.0, fixed_order_cost=0.0, initial_stock=5.0)
    cost, error = average_cost(env, params, policy)
    assert abs(cost - optimum) < 3 * error
    assert error < 0.002 * optimum
