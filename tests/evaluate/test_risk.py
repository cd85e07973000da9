"""Conditional value at risk, and mean and variance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import ndtri

from jaxinv.env.single_item import SingleItem
from jaxinv.evaluate import Risk, cvar, evaluate, sample_paths
from jaxinv.policies import BaseStock
from jaxinv.policies.closed_forms import cvar_newsvendor, normal_newsvendor


def worst_mean(cost, level):
    """As it is said: the worst costs one after the other, until the share is reached."""
    left, total = level * len(cost), 0.0
    for x in sorted(cost, reverse=True):
        total += min(left, 1.0) * x
        left = max(left - 1.0, 0.0)
    return total / (level * len(cost))


@pytest.mark.parametrize("level", [0.03, 0.1, 0.25, 0.99, 1.0])
def test_the_worst_are_counted_the_last_in_part(key, level):
    cost = jax.random.gamma(key, 0.7, (19, 2))
    found = cvar(cost, level)
    np.testing.assert_allclose(found, [worst_mean(cost[:, i].tolist(), level) for i in (0, 1)], rtol=1e-5)


@pytest.mark.parametrize(
    "risk", [Risk(), Risk(cvar_level=0.2), Risk(variance_weight=0.5), Risk(cvar_level=0.3, variance_weight=2.0)]
)
def test_shares_add_up_to_the_whole(key, risk):
    """0.2 and 0.3 of 1,000 are whole numbers of costs."""
    cost = jax.random.normal(key, (1000,))
    shares = risk.share(cost, risk.value_at_risk(cost), jnp.mean(cost))
    np.testing.assert_allclose(jnp.mean(shares), risk.judge(cost), rtol=2e-3)


def test_slopes_are_those_of_the_worst():
    slopes = jax.grad(lambda cost: cvar(cost, 0.5))(jnp.array([1.0, 5.0, 3.0, 0.0]))
    np.testing.assert_allclose(slopes, [0.0, 0.5, 0.5, 0.0])


@pytest.mark.parametrize("level", [0.05, 0.3, 1.0])
def test_the_newsvendor_who_fears_the_worst(level):
    """No other level does better on a million equally likely demands; over 0.1 units cost moves by 1e-3 at least."""
    demand = 20.0 + 4.0 * ndtri((jnp.arange(1_000_000) + 0.5) / 1_000_000)
    best = cvar_newsvendor(lambda q: 20.0 + 4.0 * ndtri(jnp.clip(q, 1e-6, 1.0 - 1e-6)), 1.0, 9.0, level)
    costs = [
        float(cvar(jnp.maximum(y - demand, 0.0) + 9.0 * jnp.maximum(demand - y, 0.0), level))
        for y in (best - 0.3, best, best + 0.3)
    ]
    assert costs[1] < min(costs[0], costs[2])
    if level == 1.0:
        np.testing.assert_allclose(best, normal_newsvendor(20.0, 4.0, 1.0, 9.0)[0], rtol=1e-5)


def test_evaluations_tell_the_worst_scenarios(key):
    env = SingleItem(lead_time=1)
    params = env.default_params()
    found = evaluate(BaseStock(level=8.0), env, params, sample_paths(env, params, key, 40, 30))
    costs = np.asarray(found.cost).sum((1, 2)) / 30
    np.testing.assert_allclose(found.path_cost, costs, rtol=1e-6)
    np.testing.assert_allclose(found.cost_cvar(), np.sort(costs)[-2:].mean(), rtol=1e-6)
    np.testing.assert_allclose(found.cost_cvar(1.0), found.cost_mean, rtol=1e-6)


@pytest.mark.parametrize(("numbers", "said"), [({"cvar_level": 0.0}, "> 0"), ({"variance_weight": -1.0}, ">= 0")])
def test_what_cannot_be_a_risk(numbers, said):
    with pytest.raises(ValueError, match=f"Risk.{next(iter(numbers))} must be {said}"):
        Risk(**numbers)
