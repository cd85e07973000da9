"""Closed forms, and the levels made of them."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from jaxinv.demand import Poisson
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.policies import Sizing, newsvendor


@pytest.mark.parametrize(("holding", "penalty"), [(1.0, 4.0), (2.0, 39.0)])
def test_normal_newsvendor_against_integration(holding, penalty):
    level, cost = newsvendor.normal_newsvendor(*map(jnp.float32, (50.0, 8.0, holding, penalty)))

    def expected_cost(level):
        def integrand(d):
            return (holding * max(level - d, 0) + penalty * max(d - level, 0)) * stats.norm.pdf(d, 50, 8)

        return integrate.quad(integrand, -14, 114, points=[level], limit=200)[0]  # 8 standard deviations

    np.testing.assert_allclose(cost, expected_cost(float(level)), rtol=1e-4)
    assert all(expected_cost(float(level) + step) > float(cost) for step in (-0.5, 0.5))


def test_one_store_backlogged_of_published_problems():
    """Normal demand (5, 1.6), lead time 4, penalty 9: optimal average cost 6.2788 (Alvo et al. 2023)."""
    _, cost = newsvendor.normal_newsvendor(
        jnp.float32(25.0), jnp.float32(1.6 * np.sqrt(5)), jnp.float32(1.0), jnp.float32(9.0)
    )
    np.testing.assert_allclose(cost, 6.2788, rtol=1e-4)


def test_economic_period_balances_fixed_and_holding_cost():
    period = float(newsvendor.economic_period(jnp.float32(50.0), jnp.float32(4.0)))

    def cost(periods):
        return 50.0 / periods + 4.0 * periods / 2

    assert cost(period) < min(cost(period * 1.01), cost(period / 1.01))


def test_critical_ratio_counts_the_lost_margin_of_those_who_do_not_wait():
    env = MultiWarehouse(num_warehouses=1, num_skus=3, max_lead_time=1, transfers=False)
    params = env.make_params(
        price=10.0, unit_cost=4.0, stockout_cost=3.0, holding_cost=1.0, backlog_share=[[0, 0.5, 1]]
    )
    np.testing.assert_allclose(newsvendor.critical_ratio(params), [[9 / 10, 6 / 7, 3 / 4]], rtol=1e-6)


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
