"""The bound in hindsight: exact where nothing was relaxed, below every policy otherwise."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.evaluate import evaluate, sample_paths
from jaxinv.optimise import hindsight_bound
from jaxinv.policies import CanOrder, Rebalancing


def test_the_bound_is_the_best_of_all_delivery_plans():
    env = MultiWarehouse(num_warehouses=1, num_skus=2, transfers=False)
    params = env.make_params(holding_cost=[1.0, 2.0], stockout_cost=[5.0, 3.0], fixed_order_cost=9.0)
    demand = np.random.default_rng(0).integers(0, 6, (7, 1, 2)).astype(np.float32)

    def cost(deliveries):  # the first period always has one, for free
        total = 9.0 * sum(deliveries)
        for t in range(7):
            last = max(a for a in range(t + 1) if a == 0 or deliveries[a - 1])
            for k, (holding, penalty) in enumerate([(1.0, 5.0), (2.0, 3.0)]):
                total += demand[t, 0, k] * min(holding * (t - last), penalty)
        return total / 7

    best = min(cost(plan) for plan in itertools.product((0, 1), repeat=6))
    np.testing.assert_allclose(hindsight_bound(env, params, jnp.asarray(demand)), best, rtol=1e-5)


def test_no_policy_undercuts_it(key):
    env = MultiWarehouse(num_warehouses=3, num_skus=2, max_lead_time=1)
    params = env.make_params(fixed_order_cost=40.0, transfer_cost=1.0, transfer_lead_time=1)
    paths = sample_paths(env, params, key, 8, 60)
    policy = CanOrder(
        reorder=jnp.full(env.cells, 10.0), can_order=jnp.full(env.cells, 16.0), up_to=jnp.full(env.cells, 30.0),
        rebalancing=Rebalancing(),
    )  # fmt: skip
    cost = evaluate(policy, env, params, paths, warmup=20).cost.sum(-1).mean(-1)
    bound = jax.vmap(lambda d: hindsight_bound(env, params, d))(paths.exogenous.demand[:, 20:])
    assert (bound > 0).all()
    assert (bound < cost).all()


def test_waiting_customers_are_refused():
    env = MultiWarehouse(num_warehouses=1, num_skus=1)
    with pytest.raises(ValueError, match="backlog_share must be 0"):
        hindsight_bound(env, env.make_params(backlog_share=0.5), jnp.ones((3, 1, 1)))
