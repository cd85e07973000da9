"""Closed forms and classic algorithms by published examples and stockpyl, and the levels made of them."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats
from stockpyl import eoq, ss
from stockpyl import newsvendor as stockpyl_newsvendor

from jaxinv.demand import Empirical, Modulated, Poisson, UniformInteger, Weekly
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.policies import Sizing, closed_forms


@pytest.mark.parametrize(("holding", "penalty"), [(1.0, 4.0), (2.0, 39.0)])
def test_normal_newsvendor_against_integration(holding, penalty):
    level, cost = closed_forms.normal_newsvendor(*map(jnp.float32, (50.0, 8.0, holding, penalty)))

    def expected_cost(level):
        def integrand(d):
            return (holding * max(level - d, 0) + penalty * max(d - level, 0)) * stats.norm.pdf(d, 50, 8)

        return integrate.quad(integrand, -14, 114, points=[level], limit=200)[0]  # 8 standard deviations

    np.testing.assert_allclose(cost, expected_cost(float(level)), rtol=1e-4)
    assert all(expected_cost(float(level) + step) > float(cost) for step in (-0.5, 0.5))


def test_one_store_backlogged_of_published_problems():
    """Normal demand (5, 1.6), lead time 4, penalty 9: optimal average cost 6.2788 (Alvo et al. 2023)."""
    _, cost = closed_forms.normal_newsvendor(
        jnp.float32(25.0), jnp.float32(1.6 * np.sqrt(5)), jnp.float32(1.0), jnp.float32(9.0)
    )
    np.testing.assert_allclose(cost, 6.2788, rtol=1e-4)


def test_economic_period_balances_fixed_and_holding_cost():
    period = float(closed_forms.economic_period(jnp.float32(50.0), jnp.float32(4.0)))

    def cost(periods):
        return 50.0 / periods + 4.0 * periods / 2

    assert cost(period) < min(cost(period * 1.01), cost(period / 1.01))


def test_critical_ratio_counts_the_lost_margin_of_those_who_do_not_wait():
    env = MultiWarehouse(num_warehouses=1, num_skus=3, max_lead_time=1, transfers=False)
    params = env.make_params(
        price=10.0, unit_cost=4.0, stockout_cost=3.0, holding_cost=1.0, backlog_share=[[0, 0.5, 1]]
    )
    np.testing.assert_allclose(closed_forms.critical_ratio(params), [[9 / 10, 6 / 7, 3 / 4]], rtol=1e-6)


def test_sizing_turns_observed_demand_into_levels():
    env = MultiWarehouse(num_warehouses=2, num_skus=2, max_lead_time=3, transfers=False)
    params = env.make_params(
        demand=Poisson(np.full((2, 2), 5.0)), lead_time=[1, 3], fixed_order_cost=[20.0, 0.0], stockout_cost=4.0
    )
    demand = np.random.default_rng(0).normal(5, 2, (400, 3, 2, 2)).astype(np.float32)
    sizing = Sizing.of(env, params, jnp.asarray(demand))
    np.testing.assert_allclose(sizing.mean, demand.mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(sizing.std, demand.std((0, 1)), rtol=1e-4)
    np.testing.assert_allclose(
        sizing.period[:, 0], [np.sqrt(2 * 20 / demand[..., 0, :].mean((0, 1)).sum()), 1], rtol=1e-4
    )
    z = stats.norm.ppf(4 / 5)
    horizon = np.array([[3.0], [5.0]])
    expected = demand.mean((0, 1)) * horizon + (z + 0.5) * demand.std((0, 1)) * np.sqrt(horizon)
    np.testing.assert_allclose(sizing.level(jnp.float32(2), jnp.full((2, 2), 0.5)), expected, rtol=1e-4)


# -- economic order quantity --------------------------------------------------------------------------------------
def test_economic_order_quantity_of_the_textbook():
    """Snyder and Shen (2019), examples 3.1 and 3.8."""
    assert np.round(closed_forms.economic_order_quantity(8.0, 0.225, 1300.0), 4).tolist() == [304.0468, 68.4105]
    quantity, waiting, cost = closed_forms.economic_order_quantity_with_backorders(8.0, 0.225, 5.0, 1300.0)
    assert (round(quantity, 4), round(waiting, 7), round(cost, 4)) == (310.8126, 0.0430622, 66.9214)


def test_economic_order_quantities_against_stockpyl():
    rng = np.random.default_rng(0)
    fixed, holding, penalty, demand = rng.uniform([1, 0.1, 1, 10], [100, 5, 50, 1000], (5, 4)).T
    expected = [eoq.economic_order_quantity(*row) for row in zip(fixed, holding, demand, strict=True)]
    got = closed_forms.economic_order_quantity(fixed, holding, demand)
    np.testing.assert_allclose(np.transpose(got), expected, rtol=1e-12)
    rows = zip(fixed, holding, penalty, demand, strict=True)
    expected = [eoq.economic_order_quantity_with_backorders(*row) for row in rows]
    got = closed_forms.economic_order_quantity_with_backorders(fixed, holding, penalty, demand)
    np.testing.assert_allclose(np.transpose(got), expected, rtol=1e-12)


# -- newsvendor and base-stock ------------------------------------------------------------------------------------
def test_newsvendors_of_the_textbook():
    """Snyder and Shen (2019), example 4.3, also with lead time 4 and with Poisson demand, and example 4.7."""
    normal = closed_forms.normal_newsvendor(*map(jnp.float32, (50.0, 8.0, 0.18, 0.70)))
    np.testing.assert_allclose(normal, [56.6040, 1.99761], rtol=3e-6)  # float32, printed digits
    normal = closed_forms.normal_newsvendor(*map(jnp.float32, (250.0, 8.0 * np.sqrt(5), 0.18, 0.70)))
    np.testing.assert_allclose(normal, [264.767, 4.46678], rtol=3e-6)
    for demand, holding, penalty, expected in ((50.0, 0.18, 0.70, (56, 1.797235)), (6.0, 1.0, 4.0, (8, 3.570107))):
        level, cost = closed_forms.base_stock(Poisson(demand), holding, penalty)
        assert (level, round(float(cost), 6)) == expected


def test_newsvendor_against_stockpyl():
    rng = np.random.default_rng(1)
    for _ in range(5):
        values = np.sort(rng.choice(60, 12, replace=False))
        probabilities = rng.dirichlet(np.ones(12))
        holding, penalty = rng.uniform([0.1, 0.5], [3, 30])
        pmf = dict(zip(values.tolist(), probabilities.tolist(), strict=True))
        expected = stockpyl_newsvendor.newsvendor_discrete(holding, penalty, demand_pmf=pmf)
        got = closed_forms.newsvendor(values, probabilities, holding, penalty)
        np.testing.assert_allclose(got, expected, rtol=1e-9)


@pytest.mark.parametrize("lead_time", [0, 3])
def test_base_stock_with_a_lead_time_is_a_newsvendor_over_more_periods(lead_time):
    """Poisson demands add up to Poisson demand."""
    level, cost = closed_forms.base_stock(Poisson([[6.0, 0.5], [2.5, 11.0]]), [[1.0], [2.0]], 19.0, lead_time)
    for at, mean in (((0, 0), 6.0), ((0, 1), 0.5), ((1, 0), 2.5), ((1, 1), 11.0)):
        expected = stockpyl_newsvendor.newsvendor_poisson(1.0 + at[0], 19.0, mean * (lead_time + 1))
        np.testing.assert_allclose((level[at], cost[at]), expected, rtol=1e-6)  # float32 probabilities


def test_a_level_that_meets_the_critical_ratio_exactly_is_enough():
    """P(D <= 8) of 0..9 is 9 / 10, which sums of tenths miss."""
    assert closed_forms.base_stock(UniformInteger(0, 9), 1.0, 9.0)[0] == 8


def test_demand_over_several_periods():
    dice = Empirical([1.0, 3.0, 4.0], [0.25, 0.5, 0.25])
    np.testing.assert_allclose(closed_forms.demand_table(dice), [0, 0.25, 0, 0.5, 0.25])
    table = closed_forms.demand_table(dice, 2)
    np.testing.assert_allclose(table, [0, 0, 1 / 16, 0, 1 / 4, 1 / 8, 1 / 4, 1 / 4, 1 / 16])


def test_demand_in_fractions_or_with_a_calendar_has_no_table():
    with pytest.raises(ValueError, match=r"demand must come in whole units, got \[0.0, 1.5\]"):
        closed_forms.demand_table(Empirical([0.0, 1.5], [0.5, 0.5]))
    with pytest.raises(ValueError, match="demand must be the same in every period, got a cycle of 7"):
        closed_forms.demand_table(Modulated(base=Poisson(3.0), modifiers=(Weekly(profile=np.arange(7.0) / 3),)))


# -- (s, S) -------------------------------------------------------------------------------------------------------
def test_reorder_points_of_the_textbook():
    """Snyder and Shen (2019), example 4.7."""
    s, S, cost = closed_forms.zheng_federgruen(Poisson(6.0), 1.0, 4.0, 5.0)
    assert (s, S, round(cost, 6)) == (4, 10, 8.034112)


@pytest.mark.parametrize(
    ("mean", "expected"),
    [(10, (6, 40, 35.0216)), (20, (14, 62, 49.1730)), (40, (33, 87, 64.5118)), (64, (55, 74, 78.4023))],
)
def test_reorder_points_of_zheng_and_federgruen(mean, expected):
    """Their test-bed: Poisson demand, h = 1, p = 9, K = 64."""
    s, S, cost = closed_forms.zheng_federgruen(Poisson(float(mean)), 1.0, 9.0, 64.0)
    assert (s, S, round(cost, 4)) == expected


def test_reorder_points_against_stockpyl():
    rng = np.random.default_rng(2)
    for _ in range(5):
        size = int(rng.integers(3, 15))
        probabilities = rng.dirichlet(np.ones(size)).astype(np.float32)
        holding, penalty, fixed = rng.uniform([0.2, 1, 1], [2, 20, 100])
        # stockpyl reads probabilities up to S - s.
        pmf = np.pad(probabilities.astype(float) / probabilities.astype(float).sum(), (0, 100)).tolist()
        expected = ss.s_s_discrete_exact(holding, penalty, fixed, False, demand_hi=len(pmf) - 1, demand_pmf=pmf)
        got = closed_forms.zheng_federgruen(Empirical(np.arange(size), probabilities), holding, penalty, fixed)
        np.testing.assert_allclose(got, expected, rtol=1e-9)


@pytest.mark.parametrize(("lead_time", "fixed_cost"), [(0, 10.0), (2, 10.0), (3, 0.0)])
def test_reorder_points_with_a_lead_time_against_all_pairs(lead_time, fixed_cost):
    """The average cost of each (s, S) from the stationary inventory position after ordering, which is in (s, S]."""
    mean, holding, penalty = 2.0, 1.0, 6.0
    one = stats.poisson.pmf(np.arange(60), mean)
    total = np.arange(100)
    several = stats.poisson.pmf(total, mean * (lead_time + 1))

    def average(s, S):
        positions = np.arange(S, s, -1)
        transitions = np.zeros((S - s, S - s))
        for i, position in enumerate(positions):
            for units, probability in enumerate(one):
                after = position - units
                transitions[i, 0 if after <= s else S - after] += probability
        equations = np.vstack([transitions.T - np.eye(S - s), np.ones(S - s)])
        stationary = np.linalg.lstsq(equations, np.eye(S - s + 1)[-1], rcond=None)[0]
        left = positions[:, None] - total
        period = (holding * np.maximum(left, 0) + penalty * np.maximum(-left, 0)) @ several
        ordering = [one[position - s :].sum() for position in positions]
        return stationary @ (period + fixed_cost * np.array(ordering))

    costs = {(s, S): average(s, S) for s in range(-3, 14) for S in range(s + 1, s + 18)}
    best = min(costs, key=lambda pair: costs[pair])
    s, S, cost = closed_forms.zheng_federgruen(Poisson(mean), holding, penalty, fixed_cost, lead_time)
    assert (s, S) == best
    assert s > -3
    assert s + 17 > S
    np.testing.assert_allclose(cost, costs[best], rtol=1e-6)  # float32 probabilities


def test_costs_out_of_range_are_named():
    with pytest.raises(ValueError, match=r"holding must be > 0, got 0.0"):
        closed_forms.zheng_federgruen(Poisson(2.0), 0.0, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"fixed_cost must be >= 0, got -1.0"):
        closed_forms.zheng_federgruen(Poisson(2.0), 1.0, 1.0, -1.0)
    with pytest.raises(ValueError, match=r"demand must not be always 0"):
        closed_forms.zheng_federgruen(Poisson(0.0), 1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"demand must have shape \(\), got \(2,\)"):
        closed_forms.zheng_federgruen(Poisson([1.0, 2.0]), 1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"penalty must be >= 0, got -1.0"):
        closed_forms.base_stock(Poisson(2.0), 1.0, -1.0)
