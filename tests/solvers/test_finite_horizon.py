"""Backward induction against all plans, and against the definition of a stock with final costs."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from solvers import toy as t

from jaxinv.demand import Cyclic, Empirical
from jaxinv.env.single_item import SingleItem
from jaxinv.solvers import backward_induction, value_iteration


def worth(plan, params, final):
    """Values [T + 1, S] of a plan: a policy per period."""
    values = [np.asarray(final, float)]
    for policy in reversed(plan):
        moves, rewards = t.under(policy, params)
        values.append(rewards + float(params.discount) * moves @ values[-1])
    return np.array(values[::-1])


@pytest.mark.parametrize("ending", [0.0, 0.4])
@pytest.mark.parametrize("final", [None, [3.0, -20.0, 8.0]])
def test_against_all_plans(ending, final):
    model, params = t.toy(1, ending=ending)
    found = backward_induction(model, params, 3, final=final)
    assert found.values.shape == (4, 3)
    assert found.actions.shape == (3, 3)
    plans = itertools.product(t.policies(params), repeat=3)
    best = np.max([worth(plan, params, [0, 0, 0] if final is None else final) for plan in plans], 0)
    np.testing.assert_allclose(found.values, best, atol=1e-12)
    np.testing.assert_allclose(worth(found.actions, params, found.values[-1]), best, atol=1e-12)


def test_without_discount():
    model, params = t.toy(2, discount=1.0)
    found = backward_induction(model, params, 2)
    best = np.max([worth(plan, params, [0, 0, 0]) for plan in itertools.product(t.policies(params), repeat=2)], 0)
    np.testing.assert_allclose(found.values, best, atol=1e-12)


def test_a_long_horizon_is_an_infinite_one():
    """0.875^200 is 3e-12."""
    model, params = t.toy(3)
    found, endless = backward_induction(model, params, 200), value_iteration(model, params)
    np.testing.assert_allclose(found.values[0], endless.values, atol=1e-6)
    np.testing.assert_array_equal(found.actions[0], endless.actions)


def test_compiled_mapped_and_in_batches():
    model, params = t.toy(4)
    each = [backward_induction(model, params.replace(rewards=c * params.rewards), 4) for c in (1.0, 2.0)]
    assert each[0].values.dtype == np.float64
    assert each[0].actions.dtype == np.int32
    compiled = jax.jit(lambda params: backward_induction(model, params, 4))(params)
    assert compiled.values.dtype == jnp.float32
    np.testing.assert_allclose(compiled.values, each[0].values, rtol=1e-6, atol=1e-5)
    stacked = jax.tree.map(lambda x: jnp.stack([x, x]), params)
    stacked = stacked.replace(rewards=stacked.rewards * jnp.array([1.0, 2.0])[:, None, None, None])
    mapped = jax.vmap(lambda params: backward_induction(model, params, 4))(stacked)
    for i, single in enumerate(each):
        np.testing.assert_allclose(mapped.values[i], single.values, rtol=1e-6, atol=1e-5)
        np.testing.assert_array_equal(mapped.actions[i], single.actions)
    np.testing.assert_array_equal(backward_induction(model, params, 4, batch_size=2).values, each[0].values)


# -- a stock with final costs -----------------------------------------------------------------------------------------

VALUES, LAWS = (0, 1, 3), ((0.25, 0.5, 0.25), (0.625, 0.125, 0.25))
NUMBERS = dict(price=1.5, unit_cost=0.5, fixed_order_cost=1.0, holding_cost=0.25, stockout_cost=2.0, discount=0.875)
FINAL = dict(final_holding_cost=-0.25, final_stockout_cost=3.0)
MOST = 6  # units in an order


def least_cost(horizon, lead_time, share, first_day=0):
    """The least expected cost by time, inventory and outstanding orders, and the orders that have it, by definition."""
    numbers = {**NUMBERS, **FINAL}

    def period(t, x, pipeline, order):
        total = numbers["unit_cost"] * order + numbers["fixed_order_cost"] * (order > 0)
        due = (*pipeline, order)
        stock = x + (order if lead_time == 0 else 0)
        for demand, p in zip(VALUES, LAWS[(t + first_day) % 2], strict=True):
            lost = 0 if share else max(demand - max(stock, 0), 0)
            left = stock - demand + lost
            cost = numbers["holding_cost"] * max(left, 0) + numbers["stockout_cost"] * (lost + max(-left, 0))
            if t == horizon - 1:
                cost += FINAL["final_holding_cost"] * max(left, 0) + FINAL["final_stockout_cost"] * max(-left, 0)
            after = left + (due[0] if lead_time else 0)
            sold = max(-x, 0) + demand - lost - max(-after, 0)
            cost -= numbers["price"] * sold
            total += p * (cost + numbers["discount"] * least(t + 1, after, due[1:] if lead_time else ())[0])
        return total

    @functools.cache
    def least(t, x, pipeline):
        if t == horizon:
            return 0.0, ()
        costs = [period(t, x, pipeline, order) for order in range(MOST + 1)]
        return min(costs), tuple(order for order, cost in enumerate(costs) if cost < min(costs) + 1e-9)

    return least


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize(("lead_time", "horizon"), [(0, 3), (1, 3), (2, 4)])
def test_a_stock_with_final_costs_and_demand_that_changes(lead_time, horizon, share):
    env = SingleItem(lead_time=lead_time, horizon=horizon)
    demand = Cyclic(tuple(Empirical(np.array(VALUES), np.array(law)) for law in LAWS), first_day=1)
    params = env.make_params(demand=demand, backlog_share=share, **NUMBERS, **FINAL)
    # Wide enough for all that can be reached from the states looked at.
    bounds = dict(max_order=MOST, max_position=4 + MOST * horizon, min_inventory=-(4 + 3 * horizon) if share else 0)
    model = env.finite_model(params, **bounds)
    found = backward_induction(model, params, horizon)
    least = least_cost(horizon, lead_time, share, first_day=1)
    _, first = env.reset(jax.random.key(0), params)
    for x in range(-3 if share else 0, 4):
        pipeline = (1,) * max(lead_time - 1, 0)
        state = first.replace(inventory=jnp.float32(x), pipeline=tuple(jnp.float32(units) for units in pipeline))
        index = int(model.state_to_index(state, params))
        cost, orders = least(0, x, pipeline)
        assert -found.values[0, index] == pytest.approx(cost, abs=1e-9)  # all numbers are exact in float32
        assert found.actions[0, index] in orders
    if lead_time == 0:  # in the last period, when stock is worth its holding cost back
        last = [least(horizon - 1, x, ())[1] for x in range(-3 if share else 0, 4)]
        day = (horizon - 1 + 1) % 2
        states = [first.replace(inventory=jnp.float32(x)) for x in range(-3 if share else 0, 4)]
        for state, orders in zip(states, last, strict=True):
            state = state.replace(exo=state.exo.replace(demand=state.exo.demand.replace(day=jnp.int32(day))))
            assert found.actions[horizon - 1, int(model.state_to_index(state, params))] in orders
    # What is beyond the end is worth nothing.
    np.testing.assert_array_equal(found.values[horizon], 0.0)
