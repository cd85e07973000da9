"""Levels and costs of stages in series: one stage as a newsvendor, stockpyl, and levels beside the best."""

from statistics import NormalDist

import numpy as np
import pytest
from stockpyl.ssm_serial import newsvendor_heuristic

from jaxinv.demand import Cyclic, Normal, Poisson, UniformInteger
from jaxinv.env.serial import Serial
from jaxinv.policies.clark_scarf import clark_scarf, level_cost, newsvendor_levels, serial_cost, serial_optimum
from jaxinv.policies.closed_forms import base_stock

CHAIN = dict(lead_times=(1, 2, 2), holding_cost=(4.0, 2.5, 1.0), stockout_cost=20.0)


@pytest.mark.parametrize("lead_time", [1, 3])
def test_one_stage_is_a_newsvendor(lead_time):
    expected = base_stock(Poisson(5.0), 2.0, 9.0, lead_time - 1)  # which counts lead times from 0
    levels, cost = clark_scarf(Poisson(5.0), (lead_time,), (2.0,), 9.0)
    np.testing.assert_array_equal(levels, [expected[0]])
    assert cost == pytest.approx(float(expected[1]), rel=1e-12)
    np.testing.assert_array_equal(newsvendor_levels(Poisson(5.0), (lead_time,), (2.0,), 9.0), levels)


def test_one_stage_with_normal_demand_is_a_closed_form():
    """S = mu + z sigma and (h + p) phi(z) sigma; the lattice is 1/200 deviation."""
    z, normal = NormalDist().inv_cdf(0.9), NormalDist(12.0, 3.0)
    levels, cost = clark_scarf(normal, (4,), (1.0,), 9.0)
    assert levels[0] == pytest.approx(48.0 + z * 6.0, abs=0.6 * 3.0 / 200)
    assert cost == pytest.approx(10.0 * NormalDist().pdf(z) * 6.0, rel=1e-5)


@pytest.mark.parametrize(
    "demand", [Poisson(5.0), UniformInteger(0, 4), NormalDist(5.0, 2.0)], ids=["poi", "uni", "nor"]
)
def test_the_best_levels_cost_less_than_those_beside_them(demand):
    levels, cost = clark_scarf(demand, **CHAIN)
    assert level_cost(levels, demand, **CHAIN) == pytest.approx(cost, rel=1e-12)
    beside = [level_cost(levels + shift, demand, **CHAIN) for step in np.eye(3) for shift in (-step, step)]
    assert min(beside) > cost + 1e-4
    near = newsvendor_levels(demand, **CHAIN)
    assert cost <= level_cost(near, demand, **CHAIN) < 1.015 * cost  # 1.5 percent is the most that the paper found


def test_a_level_that_never_binds_drops_a_stage():
    """An upstream stage that always has enough: downstream is a single stage beside the stock held for it."""
    demand = UniformInteger(0, 4)  # at most 8 in a lead time of 2
    (level,), cost = clark_scarf(demand, (2,), (3.0,), 20.0)
    for upstream in (level + 8.0, 30.0):
        both = level_cost([level, upstream], demand, (2, 2), (3.0, 1.0), 20.0)
        # the echelon's mean inventory, which is its level less lead-time demand, less that of stage 0
        assert both == pytest.approx(cost + 1.0 * ((upstream - 4.0) - (level - 4.0)), rel=1e-6)


def test_newsvendor_levels_against_stockpyl():
    expected = newsvendor_heuristic(
        num_nodes=3, echelon_holding_cost={1: 1.5, 2: 1.5, 3: 1.0}, lead_time={1: 1, 2: 2, 3: 2}, stockout_cost=20.0,
        demand_mean=5.0, demand_standard_deviation=1.0,
    )  # fmt: skip
    levels = newsvendor_levels(NormalDist(5.0, 1.0), **CHAIN)
    np.testing.assert_allclose(levels, [expected[i] for i in (1, 2, 3)], atol=1.01 / 200)  # a step of the lattice


def test_demand_cut_at_zero_is_not_the_normal_law():
    cut, normal = (clark_scarf(d, **CHAIN)[1] for d in (Normal(5.0, 2.0, rounded=False), NormalDist(5.0, 2.0)))
    same = [clark_scarf(d, **CHAIN)[1] for d in (Normal(9.0, 1.0, rounded=False), NormalDist(9.0, 1.0))]
    assert cut != pytest.approx(normal, rel=1e-4)
    assert same[0] == pytest.approx(same[1], rel=1e-6)


def test_what_every_unit_costs_does_not_move_the_levels():
    env = Serial(lead_times=(1, 2, 2))
    costs = dict(holding_cost=CHAIN["holding_cost"], stockout_cost=20.0)
    levels, cost = serial_optimum(env, env.make_params(**costs))
    np.testing.assert_array_equal(levels, clark_scarf(Poisson(5.0), **CHAIN)[0])
    assert cost == pytest.approx(clark_scarf(Poisson(5.0), **CHAIN)[1])
    # 5 units a period, one of two periods under way to stages 1 and 2, at 1 and 0 unless said otherwise
    dearer, more = serial_optimum(env, env.make_params(**costs, unit_cost=[3.0, 2.0, 1.0], transit_cost=[9, 2, 0.5]))
    np.testing.assert_array_equal(dearer, levels)
    assert more == pytest.approx(cost + 5.0 * (6.0 + (2.0 - 1.0) + 0.5))
    params = env.make_params(**costs, unit_cost=[3.0, 2.0, 1.0], transit_cost=[9, 2, 0.5])
    assert serial_cost(env, params, levels) == more
    assert serial_cost(env, params, levels + 1.0) > more
    late = Serial(lead_times=(1, 2, 2), hold_arrivals=False)
    assert serial_optimum(late, late.make_params(**costs))[1] == pytest.approx(cost - 5.0 * (2.5 + 1.0))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (dict(holding_cost=(1.0, 2.0)), r"holding_cost must have shape \(3,\), got \(2,\)"),
        (dict(holding_cost=(1.0, 2.0, 3.0)), "holding_cost must be > 0 and fall from the customers on, got"),
        (dict(stockout_cost=0.0), "stockout_cost must be > 0, got 0.0"),
        (dict(lead_times=(1, 0, 2)), "lead_times must be whole numbers >= 1, one per stage"),
        (dict(lead_times=(1, -1, 2)), "lead_times must be whole numbers >= 1, one per stage"),
        (dict(lead_times=(1, 1.5, 2)), "lead_times must be whole numbers >= 1, one per stage"),
        (dict(demand=NormalDist(5.0, 0.0)), "demand must have a standard deviation > 0, got 0"),
        (dict(demand=Normal(5.0, 0.0, rounded=False)), "demand must have a standard deviation > 0, got 0"),
        (dict(demand=Normal([5.0, 5.0], 1.0, rounded=False)), r"demand must be a demand process of shape \(\)"),
        (dict(demand=Poisson([5.0, 5.0])), r"demand must be a demand process of shape \(\) or a NormalDist"),
        (dict(demand=Cyclic((Poisson(1.0), Poisson(2.0)))), "demand must be the same in every period"),
    ],
)
def test_bad_input_raises(changed, message):
    with pytest.raises(ValueError, match=message):
        clark_scarf(**{"demand": Poisson(5.0), **CHAIN, **changed})


@pytest.mark.parametrize("levels", [[3.0], [3.0, 4.0, 5.0], 3.0])
def test_a_level_per_stage(levels):
    with pytest.raises(ValueError, match="levels must be 2, one per stage, got shape"):
        level_cost(levels, UniformInteger(0, 4), (1, 1), (2.0, 1.0), 9.0)


def test_levels_that_would_only_lengthen_the_queue_raise():
    with pytest.raises(ValueError, match="level -1 of stage 1 is less than what is always demanded"):
        level_cost([3.0, -1.0], UniformInteger(0, 4), (1, 1), (2.0, 1.0), 9.0)
