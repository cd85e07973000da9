"""JointReplenishment solved exactly: the small settings of Vanvuchelen, Gijsbrechts and Boute (2020, Computers in
Industry 119, table 2), separable problems, and bounds that are wide enough.

Two items share trucks of 6 units that cost 75; the paper prints no costs. The average costs here were computed
independently of this library.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import UniformInteger
from jaxinv.env.joint_replenishment import JointReplenishment
from jaxinv.env.wrappers import EnumeratedActions
from jaxinv.evaluate import evaluate, sample_paths
from jaxinv.policies import DynamicOrderUpTo, MinimumQuantity, TablePolicy
from jaxinv.policies.closed_forms import zheng_federgruen
from jaxinv.solvers import (
    backward_induction,
    policy_evaluation,
    reachable_chain,
    relative_value_iteration,
    value_iteration,
)

ENV = JointReplenishment()
OPTIMA = {1: 64.9183, 5: 71.4448, 9: 64.7752}


def setting(number):
    """Holding costs 1 or 5 of either item in turn, stock-out costs 19 times as high; then minor costs; then demand."""
    costs, minor, demand = (number - 1) % 4, (number - 1) // 4 % 2, (number - 1) // 8
    holding = np.array([(1, 1), (1, 5), (5, 1), (5, 5)][costs], float)
    return ENV.make_params(
        holding_cost=holding,
        stockout_cost=19.0 * holding,
        minor_order_cost=[(10, 10), (40, 10)][minor],
        demand=UniformInteger(np.zeros(2), np.array([(5, 3), (6, 2)][demand])),
    )


@pytest.fixture(scope="module")
def model():
    """One for settings 1, 5 and 9: the widest of their bounds, and demands of up to 6 and 3 units."""
    demand = UniformInteger(np.zeros(2), np.array([6.0, 3.0]))
    params = setting(5).replace(demand=demand)
    return ENV.finite_model(params, max_position=[26, 15], min_inventory=[-12, -10], max_trucks=6)


def start(params, inventory):
    return ENV.reset(jax.random.key(0), params)[1].replace(inventory=jnp.asarray(inventory, jnp.float32))


@pytest.mark.parametrize("number", OPTIMA)
def test_optimal_average_cost(model, number):
    solution = relative_value_iteration(model, setting(number), tolerance=1e-5)
    assert -solution.gain == pytest.approx(OPTIMA[number], rel=1e-5)  # four decimals


def test_the_decision_that_is_published(model):
    """Section 6.2: with 5 and 0 in stock a whole truck of the second item is optimal in setting 5, at discount 0.99."""
    params = setting(5)
    solution = value_iteration(model, params, tolerance=1e-4)
    number = model.state_to_index(start(params, [5, 0]), params)
    np.testing.assert_array_equal(model.orders[solution.actions[number]], [0, 6])


def test_four_periods(model):
    """The first decision and cost of four periods of setting 1 from 2 and 0 on, computed independently."""
    params = setting(1)
    plan = backward_induction(model, params, 4)
    number = int(model.state_to_index(start(params, [2, 0]), params))
    assert -plan.values[0, number] == pytest.approx(266.3863466, abs=1e-4)  # float32 rewards
    np.testing.assert_array_equal(model.orders[plan.actions[0, number]], [6, 6])


@pytest.mark.parametrize("number", [1, 5, pytest.param(9, marks=pytest.mark.slow)])
def test_heuristics_cost_what_the_paper_says(number):
    """4 to 25 percent above the optimum (figure 2); parameters of the policies are not printed."""
    params = setting(number)
    model = ENV.finite_model(params, max_position=40, min_inventory=-60)
    dynamic = DynamicOrderUpTo.of(ENV, params)
    for policy in (dynamic, MinimumQuantity(level=dynamic.level, quantity=3.0)):
        cost = -float(reachable_chain(model, params, policy).gain())
        assert 4 < 100 * (cost / OPTIMA[number] - 1) < 25


@pytest.mark.slow  # contract tests compare models with simulation, and the chain of a heuristic has its test above
def test_simulation_costs_what_the_chain_says():
    """The optimal policy of setting 2, by its numbered actions, and a heuristic, within 3 standard errors."""
    params = setting(2)
    model = ENV.finite_model(params)
    solution = relative_value_iteration(model, params)
    wrapped = EnumeratedActions(ENV, model)
    actions = jnp.asarray(solution.actions)
    paths = sample_paths(ENV, params, jax.random.key(5), 300, 700)
    heuristic = MinimumQuantity(level=[5.0, 3.0], quantity=2.0)
    cases = [
        (lambda env, state, params, key: actions[model.state_to_index(state, params)], wrapped, solution.gain),
        (TablePolicy(actions=solution.actions, model=model), ENV, solution.gain),
        (heuristic, ENV, policy_evaluation(model, params, heuristic).gain),
    ]
    for policy, env, gain in cases:
        costs = np.asarray(evaluate(jax.tree_util.Partial(policy), env, params, paths, warmup=100).cost).sum(-1).mean(1)
        assert abs(costs.mean() + gain) < 3 * costs.std(ddof=1) / np.sqrt(len(costs))


# -- separable problems -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lead_time", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_without_truck_costs_every_item_has_its_own_levels(lead_time):
    """The optimum is the sum of those of (s, S) policies (Scarf 1960)."""
    env = JointReplenishment(full_trucks=False, lead_time=lead_time)
    highs, holding, stockout, minor = (2.0, 1.0), (1.0, 2.0), (9.0, 6.0), (4.0, 6.0)
    params = env.make_params(
        demand=UniformInteger([0.0, 0.0], highs), holding_cost=holding, stockout_cost=stockout,
        minor_order_cost=minor, major_order_cost=0.0, truck_volume=1000.0,
    )  # fmt: skip
    model = env.finite_model(params)
    parts = [
        zheng_federgruen(UniformInteger(0.0, high), h, b, k, lead_time)[2]
        for high, h, b, k in zip(highs, holding, stockout, minor, strict=True)
    ]
    found = -relative_value_iteration(model, params, tolerance=1e-6).gain
    assert found == pytest.approx(sum(parts), abs=1e-5)


def test_one_item_on_large_trucks_has_an_s_and_an_S():
    env = JointReplenishment(num_items=1, full_trucks=False)
    params = env.make_params(major_order_cost=20.0, minor_order_cost=4.0, truck_volume=1000.0)
    solution = relative_value_iteration(env.finite_model(params), params, tolerance=1e-6)
    s, S, cost = zheng_federgruen(UniformInteger(0.0, 5.0), 1.0, 19.0, 24.0)
    assert -solution.gain == pytest.approx(cost, abs=1e-5)
    model = env.finite_model(params)
    for inventory in range(s - 2, s + 3):
        number = model.state_to_index(
            env.reset(jax.random.key(0), params)[1].replace(inventory=jnp.full(1, inventory)), params
        )
        ordered = model.orders[solution.actions[number]][0]
        assert ordered == (S - inventory if inventory <= s else 0)


# -- bounds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [4, pytest.param(15, marks=pytest.mark.slow)])
def test_wider_bounds_do_not_change_the_optimum(number):
    params = setting(number)
    model = ENV.finite_model(params)
    lowest, trucks = model.lattice.low[:2], model.max_units // 6
    bounds = dict(max_position=model.positions, min_inventory=lowest, max_trucks=trucks)
    assert ENV.finite_model(params, **bounds) == model  # these are the bounds that are used
    wider = ENV.finite_model(
        params,
        max_position=[most + 4 for most in model.positions],
        min_inventory=[least - 4 for least in lowest],
        max_trucks=trucks + 1,
    )
    costs = [relative_value_iteration(m, params, tolerance=1e-5).gain for m in (model, wider)]
    assert costs[1] == pytest.approx(costs[0], rel=1e-6)


def test_narrower_bounds_cost_more():
    """What the test of wider bounds would see: bounds that bind."""
    params = setting(4)
    costs = [
        -relative_value_iteration(ENV.finite_model(params, **bounds), params, tolerance=1e-4).gain
        for bounds in ({}, dict(max_position=6))
    ]
    assert costs[1] > costs[0] + 0.01
