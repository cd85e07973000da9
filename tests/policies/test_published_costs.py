"""Average costs of heuristics as published, by simulation. One cell, Poisson demand of 5, holding cost 1."""

import jax
import numpy as np
import pytest

from jaxinv.demand import Poisson
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.evaluate import evaluate, sample_paths
from jaxinv.policies import BaseStock, CappedBaseStock, ConstantOrder, ReorderPoint


def check(policy, expected, *, penalty, lead_time, fixed_cost=0.0):
    """Within 3 standard errors, which are below 0.2 %."""
    env = MultiWarehouse(num_warehouses=1, num_skus=1, max_lead_time=lead_time, transfers=False)
    params = env.make_params(
        demand=Poisson([[5.0]]),
        stockout_cost=penalty,
        fixed_order_cost=fixed_cost,  # type: ignore[arg-type]
    )
    paths = sample_paths(env, params, jax.random.key(0), 1000, 1100)
    cost = np.asarray(evaluate(policy, env, params, paths, warmup=100).cost).mean((1, 2))
    error = cost.std(ddof=1) / np.sqrt(len(cost))
    assert error < 0.002 * expected
    assert abs(cost.mean() - expected) < 3 * error


# Zipkin (2008), table 3, to the digits of an exact evaluation of the Markov chain; capped base-stock by the same.
@pytest.mark.parametrize(
    ("policy", "penalty", "lead_time", "expected"),
    [
        (BaseStock(level=25), 4.0, 4, 5.1978),
        (BaseStock(level=31), 19.0, 4, 9.2319),
        pytest.param(CappedBaseStock(level=26, cap=5), 4.0, 4, 4.7978, marks=pytest.mark.slow),
        pytest.param(CappedBaseStock(level=31, cap=6), 19.0, 4, 8.9544, marks=pytest.mark.slow),
        pytest.param(BaseStock(level=16), 4.0, 2, 4.6386, marks=pytest.mark.slow),
        pytest.param(CappedBaseStock(level=17, cap=5), 4.0, 2, 4.4057, marks=pytest.mark.slow),
        pytest.param(ConstantOrder(quantity=4), 4.0, 2, 5.275, marks=pytest.mark.slow),
    ],
)
def test_lost_sales(policy, penalty, lead_time, expected):
    check(policy, expected, penalty=penalty, lead_time=lead_time)


def test_lost_sales_with_a_fixed_cost():
    """Bijvank, Bhulai and Huh (2015), table 1: (s, S) = (17, 23), 11.62."""
    check(ReorderPoint(reorder=17, up_to=23), 11.61815, penalty=14.0, lead_time=2, fixed_cost=5.0)
