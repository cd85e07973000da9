"""The bound of a supply network in hindsight: exact where nothing was relaxed, below every policy otherwise."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Trace
from jaxinv.env import make
from jaxinv.env.supply_network import SupplyNetwork
from jaxinv.env.supply_network_topology import Arc, Topology, assembly, serial
from jaxinv.evaluate import evaluate, sample_paths
from jaxinv.optimise import hindsight_bound, hindsight_plan
from jaxinv.policies import NetworkBaseStock, NetworkReorderPoint


def simulated(env, params, orders, demand):
    """Mean cost per period of given orders [..., T, E, K] on known demand [T, M, K]."""
    demand = np.asarray(demand, np.float32)
    params = params.replace(demand=Trace(quantity=demand, expected=demand))

    def one(orders):
        _, state = env.reset(jax.random.key(0), params)
        path = env.sample_path(jax.random.key(0), state, params, len(demand))
        follow = lambda env, state, params, key: orders[state.time]  # noqa: E731
        _, reward = env.rollout(follow, state, path, params, record=lambda t: t.outcome.reward)
        return -jnp.mean(reward)

    flat = jnp.asarray(orders, jnp.float32).reshape(-1, len(demand), *env.cells)
    return jax.jit(jax.vmap(one))(flat)


def test_it_is_the_best_of_all_plans():
    """All whole orders of 0..3 on two arcs in four periods."""
    env = SupplyNetwork(serial([1, 0]), order_backlog=False)
    params = env.make_params(
        price=4.0, unit_cost=[3.0, 1.0], holding_cost=[0.6, 0.2], pipeline_cost=[0.3, 0.0], stockout_cost=0.5,
        initial_stock=[1.0, 0.0], capacity={"node2": 2.0}, backlog_share=1.0,
    )  # fmt: skip
    demand = np.array([2.0, 0.0, 3.0, 1.0])[:, None, None]
    plans = np.array(list(itertools.product(range(4), repeat=6)), np.float32).reshape(-1, 3, 2)
    plans = np.concatenate([plans, np.zeros((len(plans), 1, 2))], 1)  # an order in the last period is of no use
    best = float(simulated(env, params, plans[..., None], demand).min())
    bound = hindsight_plan(env, params, demand)
    np.testing.assert_allclose(bound.cost, best, rtol=1e-5)
    np.testing.assert_allclose(simulated(env, params, bound.orders, demand)[0], best, rtol=1e-5)


@pytest.mark.parametrize("receive_first", [False, True])
def test_its_plan_has_its_cost_where_nothing_is_relaxed(receive_first):
    """Components, yields, capacities, several suppliers, goods under way and customers of whom some wait."""
    topology = assembly(1, [2, 0])
    topology = Topology(
        (*topology.nodes, "depot"), (*topology.sources, "other"),
        (*topology.arcs, Arc("other", "depot", 1), Arc("depot", "retailer", 2)), topology.markets,
    )  # fmt: skip
    env = SupplyNetwork(topology, receive_first=receive_first, num_skus=2)
    params = env.make_params(
        price=[[20.0, 22.0]], unit_cost=[7.0, 1.0, 1.0, 8.0, 9.0], components=[1, 1, 2, 1],
        yield_rate={"assembly": 0.9},
        capacity={"assembly": 4.0, "depot": 3.0}, operating_cost={"assembly": 0.5}, pipeline_cost=0.05,
        holding_cost=[0.5, 0.1, 0.1, 0.2], stockout_cost=1.0, backlog_share=1.0, initial_stock=[5, 9, 9, 2],
    )  # fmt: skip
    demand = np.random.default_rng(4).poisson(5, (25, 1, 2))
    bound = hindsight_plan(env, params, demand)
    np.testing.assert_allclose(simulated(env, params, bound.orders, demand)[0], bound.cost, rtol=1e-4)
    busy = hindsight_plan(env, params, demand, env.init_state(jnp.zeros(1), params)).cost
    assert busy == bound.cost


def test_no_policy_undercuts_it(key):
    env, params = make("SupplyNetwork-v0", instance="gym-invmgmt/network-lost")
    paths = sample_paths(env, params, key, 6, 30)
    demand = paths.exogenous.demand
    bounds = np.array([hindsight_bound(env, params, path) for path in demand])
    level = NetworkBaseStock.of(env, params, demand).level
    for part in (0.7, 0.9, 1.0):
        policy = NetworkReorderPoint(level=level, reorder=part * level)
        cost = evaluate(policy, env, params, paths).cost.sum(-1).mean(-1)
        assert (cost > bounds).all()
    # Its authors print a perfect-information profit of 842 over ten paths; that of a path deviates by about 55.
    assert abs(-30 * bounds.mean() - 842) < 3 * 55 * np.hypot(10**-0.5, 6**-0.5)


def test_goodwill_is_refused():
    env = SupplyNetwork(serial([1]), goodwill=True)
    with pytest.raises(ValueError, match="goodwill must be off"):
        hindsight_bound(env, env.make_params(), np.ones((3, 1, 1)))


@pytest.mark.parametrize(
    ("demand", "message"),
    [
        (np.ones((3, 2, 1)), r"demand must have shape \(periods, \*\(1, 1\)\): markets by SKUs; got \(3, 2, 1\)"),
        (np.ones((3, 1)), r"got \(3, 1\)"),
        (np.ones((0, 1, 1)), r"got \(0, 1, 1\)"),
        (np.full((3, 1, 1), np.nan), "demand must be finite and >= 0"),
        (np.full((3, 1, 1), -1.0), "demand must be finite and >= 0"),
    ],
)
def test_demand_that_does_not_fit_is_named(demand, message):
    env = SupplyNetwork(serial([1]))
    with pytest.raises(ValueError, match=message):
        hindsight_bound(env, env.make_params(), demand)
