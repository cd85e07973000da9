"""Levels of many SKUs in a chain: against closed forms, against each other, and what they achieve."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv import struct
from jaxinv.demand import Normal, Poisson
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.multi_sku import MultiSku
from jaxinv.evaluate import evaluate, sample_paths
from jaxinv.policies import AdaptiveBaseStock, BaseStock, ReorderPoint, chain_sizing

ENV = MultiSku(num_skus=6, num_echelons=2, max_lead_time=3)
ECHELONS = dataclasses.replace(ENV, echelon_positions=True)
RATES = np.array([2.0, 5.0, 5.0, 9.0, 14.0, 20.0])


def problem(env=ENV, **numbers):
    return env.make_params(
        demand=Poisson(RATES), lead_time=[[1, 1, 3, 2, 2, 3], [2] * 6], storage_capacity=UNLIMITED, **numbers
    )


def test_levels_are_those_of_the_newsvendor_on_the_lead_time_and_a_period():
    """With normal demand of deviation 2 and a penalty of 9, so z = Phi^-1(9 / 10) at warehouse 0, of the unit
    holding cost, and Phi^-1(9 / 9.5) above it."""
    demand = jnp.asarray(np.random.default_rng(0).normal(5.0, 2.0, (20_000, 6)), jnp.float32)
    for env, lead_times in ((ENV, [1, 2]), (ECHELONS, [1, 3])):
        params = env.make_params(demand=Normal(np.full(6, 5.0), 2.0), lead_time=[[1], [2]])
        level = BaseStock.from_factors(chain_sizing(env, params, demand), safety=jnp.float32(0)).level
        for e, (lead_time, z) in enumerate(zip(lead_times, (1.28155, 1.61986), strict=True)):
            meant = 5.0 * (lead_time + 1) + z * 2.0 * np.sqrt(lead_time + 1)
            # Standard errors of mean and deviation are 0.014 and 0.01, times at most 4 and 1.62 * 2.
            np.testing.assert_allclose(level[e], meant, atol=0.25)


@pytest.fixture(scope="module")
def paths():
    return sample_paths(ENV, problem(), jax.random.key(1), 4, 220)


def test_levels_serve_better_than_mean_demand_does(paths):
    """And echelon levels, which count what the warehouses below hold, do so at less cost than local ones."""
    params = problem()

    def cost(kind, env, safety):
        sizing = chain_sizing(env, params, paths.exogenous.demand)
        policy = kind.from_factors(sizing, safety=safety(sizing))
        return evaluate(policy, env, params, paths, warmup=20)

    def normal(sizing):
        return jnp.float32(0)

    echelon, local = (cost(BaseStock, env, normal) for env in (ECHELONS, ENV))
    bare = cost(BaseStock, ECHELONS, lambda sizing: -sizing.safety)
    adaptive = cost(AdaptiveBaseStock, ECHELONS, normal)
    assert echelon.fill_rate > bare.fill_rate + 0.05
    assert echelon.cost_mean < min(bare.cost_mean, 0.95 * local.cost_mean)
    # Demand is stationary: what adapts only errs more, and not by much.
    assert echelon.cost_mean < adaptive.cost_mean < 1.2 * echelon.cost_mean


@struct.dataclass
class Informed:
    """Local base-stock levels [E] where each warehouse knows the order of the one below it before it orders."""

    level: tuple[float, ...]

    def __call__(self, env, state, params, key):
        position, below, orders = env.inventory_position(state), jnp.zeros(env.num_skus), []
        for e, level in enumerate(self.level):
            below = jnp.maximum(level * params.demand_scale - position[e] + below, 0.0)
            orders.append(below)
        return env.order_action(jnp.stack(orders))


def test_nested_echelon_levels_are_local_ones_where_everything_waits(paths):
    """With full backlog local levels are the differences of echelon levels (Axsater and Rosling 1993, Management
    Science 39(10)), if orders are placed from the public upwards; here, where all order at once, only echelon
    positions know so early."""
    scale = RATES[None]
    params = problem(backlog_share=1.0, initial_stock=[[4], [3]] * scale)
    one = evaluate(BaseStock(level=[[4], [7]] * scale), ECHELONS, params, paths)
    two = evaluate(Informed((4.0, 3.0)), ENV, params, paths)
    np.testing.assert_allclose(one.cost, two.cost, rtol=1e-5)
    assert 0.5 < one.fill_rate < 1.0


def test_fixed_costs_make_orders_rarer(paths):
    params = problem(fixed_order_cost=40.0)
    sizing = chain_sizing(ENV, params, paths.exogenous.demand)
    daily = evaluate(BaseStock.from_factors(sizing, safety=jnp.float32(0)), ENV, params, paths, warmup=20)
    batched = ReorderPoint.from_factors(sizing, safety=jnp.float32(0), lot=jnp.float32(0))
    batched = evaluate(batched, ENV, params, paths, warmup=20)
    assert batched.cost_by_cause["fixed_order"] < 0.7 * daily.cost_by_cause["fixed_order"]
    assert batched.cost_mean < daily.cost_mean
