"""DualSourcing solved exactly: Gijsbrechts et al. (2022, Manufacturing and Service Operations Management 24(3), sec.
6.2 and figure 9), closed forms, and bounds that lose nothing.

There demand is 0..4 units, all as likely, expediting is instant, and holding costs 5 and stock-outs 495. The figure
prints percentages above the optimum; the costs and parameters here were computed independently of this library.
"""

import itertools

import numpy as np
import pytest

from jaxinv.demand import UniformInteger
from jaxinv.env.dual_sourcing import DualSourcing
from jaxinv.policies import CappedDualIndex, DualIndex, SingleIndex, TailoredBaseSurge
from jaxinv.policies.closed_forms import base_stock
from jaxinv.solvers import policy_evaluation, relative_value_iteration

# (regular lead time, expedited cost) -> optimal cost, where known; then of each heuristic the best parameters, the
# cost, and the published percentage
TABLE = {
    (2, 105): (
        216.76980, ((4, 7, 2), 216.7824, 0.00), ((4, 7), 217.0221, 0.11), ((5, 6), 218.0000, 0.56),
        ((4, 1), 216.9030, 0.06),
    ),
    (2, 110): (
        219.73333, ((4, 8, 2), 219.7994, 0.03), ((4, 8), 220.1253, 0.18), ((6, 8), 222.0000, 1.03),
        ((4, 1), 221.9030, 0.99),
    ),
    (3, 105): (
        216.87672, ((4, 9, 1), 216.8783, 0.00), ((4, 8), 217.4582, 0.27), ((6, 7), 219.0000, 0.98),
        ((4, 1), 216.9030, 0.01),
    ),
    (3, 110): (
        220.34105, ((4, 10, 2), 220.4657, 0.06), ((4, 9), 221.1353, 0.36), ((8, 10), 225.0000, 2.11),
        ((4, 1), 221.9030, 0.71),
    ),
    (4, 105): (
        None, ((4, 11, 1), None, 0.00), ((4, 8), None, 0.36), ((7, 8), None, 1.43), ((4, 1), None, 0.00),
    ),
    (4, 110): (
        None, ((4, 11, 2), None, 0.11), ((4, 11), None, 0.49), ((7, 8), None, 2.44), ((4, 1), None, 0.58),
    ),
}  # fmt: skip
HEURISTICS = {
    CappedDualIndex: ("expedited_level", "regular_level", "cap"),
    DualIndex: ("expedited_level", "regular_level"),
    SingleIndex: ("expedited_level", "regular_level"),
    TailoredBaseSurge: ("expedited_level", "quantity"),
}
# Longer lead times are larger programs and nothing new.
ROWS = [pytest.param(*key, marks=[pytest.mark.slow] * (key[0] > 2), id=f"{key[0]}-{key[1]}") for key in TABLE]


def problem(lead_time, expedited_cost, **numbers):
    env = DualSourcing(regular_lead_time=lead_time)
    return env, env.make_params(expedited_cost=expedited_cost, **numbers)


def optimum(env, params, **bounds):
    return -relative_value_iteration(env.finite_model(params, **bounds), params, tolerance=1e-7).gain


def cost(model, params, policy):
    return -policy_evaluation(model, params, policy, tolerance=1e-7).gain


@pytest.mark.parametrize(("lead_time", "expedited_cost"), ROWS)
def test_optimum_and_heuristics(lead_time, expedited_cost):
    optimal, *rows = TABLE[lead_time, expedited_cost]
    env, params = problem(lead_time, expedited_cost)
    found = optimum(env, params)
    if optimal is not None:
        assert found == pytest.approx(optimal, abs=0.6e-5)  # five decimals
    # A constant regular order may pile up: room for more than is optimal.
    model = env.finite_model(params, max_position=30)
    for (kind, names), (parameters, expected, gap) in zip(HEURISTICS.items(), rows, strict=True):
        policy = kind(**dict(zip(names, map(float, parameters), strict=True)))
        reached = cost(model, params, policy)
        if expected is not None:
            assert reached == pytest.approx(expected, abs=0.6e-4), kind.__name__  # four decimals
        # The figure's labels are cut or rounded to two decimals.
        assert 100 * (reached / found - 1) == pytest.approx(gap, abs=0.01), kind.__name__


@pytest.mark.parametrize(("lead_time", "expedited_cost"), ROWS[:4])
def test_the_printed_parameters_are_best_among_their_neighbours(lead_time, expedited_cost):
    env, params = problem(lead_time, expedited_cost)
    model = env.finite_model(params, max_position=30)
    for (kind, names), (best, *_) in zip(HEURISTICS.items(), TABLE[lead_time, expedited_cost][1:], strict=True):
        costs = {}
        for step in itertools.product((-1, 0, 1), repeat=len(names)):
            numbers = [float(x + dx) for x, dx in zip(best, step, strict=True)]
            if kind is TailoredBaseSurge and numbers[1] >= 2.0:
                continue  # as much as is demanded: stock grows for ever
            costs[step] = cost(model, params, kind(**dict(zip(names, numbers, strict=True))))
        assert costs[(0,) * len(names)] == pytest.approx(min(costs.values()), abs=1e-6), kind.__name__


@pytest.mark.parametrize(("largest", "expected"), [(4, 219.173), pytest.param(8, 435.217, marks=pytest.mark.slow)])
def test_a_lower_stockout_cost(largest, expected):
    """Two cells without published figures, solved independently to three decimals."""
    env, params = problem(2, 110, stockout_cost=50.0, demand=UniformInteger(0, largest))
    assert optimum(env, params) == pytest.approx(expected, abs=0.6e-3)


# -- closed forms -----------------------------------------------------------------------------------------------------

LEAD_TIMES = [(1, 0), (2, 0), (2, 1), (3, 1)]


@pytest.mark.parametrize(
    ("slow", "fast"), [pytest.param(*pair, marks=[pytest.mark.slow] * (pair != (2, 1))) for pair in LEAD_TIMES]
)
def test_where_one_supplier_is_never_worth_it_the_other_is_a_newsvendor(slow, fast):
    env = DualSourcing(regular_lead_time=slow, expedited_lead_time=fast)
    for regular_cost, expedited_cost, lead_time in ((1.0, 1000.0, slow), (1.0, 1.0, fast)):
        params = env.make_params(
            regular_cost=regular_cost, expedited_cost=expedited_cost, holding_cost=1.0, stockout_cost=4.0
        )
        _, level_cost = base_stock(params.demand, 1.0, 4.0, lead_time)
        # Dearer by more than it costs to wait: a unit may wait for a regular order.
        assert optimum(env, params) == pytest.approx(2.0 + level_cost, abs=1e-5)


def test_a_dual_index_policy_is_optimal_for_consecutive_lead_times():
    """Fukuda (1964, Management Science 10(4))."""
    env, params = problem(1, 110)
    model = env.finite_model(params)
    costs = [
        cost(model, params, DualIndex(expedited_level=float(e), regular_level=float(r)))
        for e, r in itertools.product(range(2, 6), range(3, 8))
    ]
    assert min(costs) == pytest.approx(optimum(env, params), abs=1e-6)


# -- bounds -----------------------------------------------------------------------------------------------------------


BOUNDED = [
    ({}, dict(expedited_cost=105.0)),
    (dict(regular_lead_time=3), {}),
    (dict(expedited_lead_time=1), {}),
    (dict(regular_lead_time=3), dict(expedited_cost=120.0, stockout_cost=20.0)),  # just worth expediting at once
    ({}, dict(expedited_cost=120.0, stockout_cost=10.0)),  # not worth it
    ({}, dict(demand=UniformInteger(2, 6), stockout_cost=20.0)),
]


@pytest.mark.parametrize(
    ("structure", "numbers"), [BOUNDED[0], *(pytest.param(*case, marks=pytest.mark.slow) for case in BOUNDED[1:])]
)
def test_wider_bounds_do_not_change_the_optimum(structure, numbers):
    env = DualSourcing(**structure)
    params = env.make_params(**numbers)
    model = env.finite_model(params)
    bounds = model.max_order, model.positions[0], model.lattice.low[0]
    assert env.finite_model(params, **bounded(*bounds)) == model  # these are the bounds that are used
    wider = bounded(bounds[0] + 3, bounds[1] + 3, bounds[2] - 5)
    # More is allowed in all respects, so no single bound costs anything if all together do not.
    assert optimum(env, params, **wider) == pytest.approx(optimum(env, params), rel=1e-6)


def bounded(max_order, max_position, min_inventory):
    return dict(max_order=max_order, max_position=max_position, min_inventory=min_inventory)


def test_narrower_bounds_cost_more():
    """What the tests of wider bounds would see: a bound that binds."""
    env, params = problem(2, 110)
    best = optimum(env, params)
    for bounds in (dict(max_order=1), dict(max_position=5)):
        assert optimum(env, params, **bounds) > best + 1e-3
    assert np.isfinite(best)
