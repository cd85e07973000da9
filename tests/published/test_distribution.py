"""Published instances of Distribution, simulated, and their closed forms.

Van Roy et al. (1997) print 1302 for the best order-up-to levels of case 1; the printed mean of demand, 8.6, is not that
of the law described, 8.44, so 3 % are allowed. Kaynov et al. (2024) say neither where their 100 periods begin nor which
levels were found best; costs of the long run at the best levels found here are within 4 %.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.published import Problem
from jaxinv import policies
from jaxinv.demand import CorrelatedNormal, Normal
from jaxinv.env import instances, make
from jaxinv.env.instances import find
from jaxinv.evaluate import evaluate, sample_paths
from jaxinv.policies.closed_forms import normal_newsvendor

CENTRES = [i for i in instances("Distribution-v0") if i.name.startswith("alvo2023/centre")]


def cost(env, params, policy, num_paths, length=1100, warmup=100):
    """Mean cost per period and its standard error."""
    paths = sample_paths(env, params, jax.random.key(0), num_paths, length)
    by_path = np.asarray(evaluate(policy, env, params, paths, warmup=warmup).cost, np.float64).sum(-1).mean(1)
    return by_path.mean(), by_path.std(ddof=1) / np.sqrt(num_paths)


def published_levels(name):
    instance = find("Distribution-v0", name)
    env, params = make("Distribution-v0", instance=name)
    figure = instance.figures[0]
    return env, params, getattr(policies, figure.quantity)(**figure.parameters), figure


# -- Van Roy ----------------------------------------------------------------------------------------------------------


def test_van_roy_case_1():
    env, params, policy, figure = published_levels("vanroy1997/case1")
    found, error = cost(env, params, policy, 32)
    assert abs(found - 1285.0) < 4 * error + 0.5  # another simulation of the same model, to its digits
    assert found == pytest.approx(figure.published, rel=0.03)


@pytest.mark.slow
def test_when_holding_is_charged_matters():
    """By a quarter, for the same policy on the same problem otherwise."""
    env, params, policy, figure = published_levels("vanroy1997/case1")
    found, _ = cost(dataclasses.replace(env, holding_before_demand=False), params, policy, 32)
    assert 0.7 < found / figure.value < 0.9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "location", "deviation", "expected"),
    [
        ("simple", 5.0, 8.0, 57.67),
        ("simple", 6.294, 6.2, 51.69),
        ("case2", 0.0, 20.0, 1340.6),
        ("case2", 1.0, 20.0, 1436.4),
    ],
)
def test_van_roy_other_cases(name, location, deviation, expected):
    """Costs of the demand described, which are not those in print, 51.7 and 1449, and of laws with nearly the means in
    print, which are: within 0.1 and 0.9 %. Expected are simulations of the same model by another program, whose
    standard errors are not known; they are taken to be those here."""
    env, params, policy, figure = published_levels(f"vanroy1997/{name}")
    described = (float(params.demand.location[0]), float(params.demand.deviation[0])) == (location, deviation)
    params = params.replace(demand=Normal(np.full(env.num_stores, location), np.full(env.num_stores, deviation)))
    found, error = cost(env, params, policy, 256)
    assert abs(found - expected) < 3 * np.sqrt(2.0) * error
    if described:
        assert abs(found - figure.value) < 4 * error + 0.5 * 10.0**-figure.digits
    else:
        assert found == pytest.approx(figure.published, rel=0.01)


# -- Alvo -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("instance", CENTRES, ids=lambda i: i.name)
def test_lower_bounds(instance):
    env, params = make(instance.env, instance=instance.name)
    covariance = policies.demand_covariance(params.demand)
    _, bound = policies.cross_docking_bound(
        covariance, env.warehouse_lead_time, env.store_lead_time, 1.0, float(params.stockout_cost[0])
    )
    assert bound == pytest.approx(instance.figures[0].value, abs=1e-4)


# Simulated by another program, unclipped normal demand.
SIMULATED = {
    "N3-rho0.5-L2-p4": 17.7109,
    "N3-rho0.5-L2-p9": 22.2026,
    "N3-rho0-L2-p4": 15.9617,
    "N3-rho0.5-L6-p9": 29.7322,
    "N5-rho0.5-L2-p9": 35.5214,
}


@pytest.mark.parametrize(
    "name", ["N3-rho0.5-L2-p4", *(pytest.param(name, marks=pytest.mark.slow) for name in list(SIMULATED)[1:])]
)
def test_balanced_allocation_is_just_above_the_bound(name):
    instance = find("Distribution-v0", f"alvo2023/centre-{name}")
    env, params = make(instance.env, instance=instance.name)
    found, error = cost(env, params, policies.BalancedBaseStock.of(env, params), 1024)
    assert error < 0.002 * found
    assert abs(found - SIMULATED[name]) < 3 * error
    assert found > instance.figures[0].value - 3 * error


@pytest.mark.parametrize("instance", [i for i in instances("SingleItem-v0") if "one-store" in i.name])
def test_one_store_is_a_newsvendor(instance):
    lead_time = instance.settings["lead_time"]
    _, expected = normal_newsvendor(0.0, 1.6 * np.sqrt(lead_time + 1.0), 1.0, instance.settings["stockout_cost"])
    assert instance.optimum == pytest.approx(float(expected), abs=2e-4)  # four decimals, of float32


def test_a_store_behind_a_warehouse_costs_what_the_newsvendor_does():
    """Distribution with a warehouse that passes orders on, at a fractional level."""
    env, _ = make("Distribution-v0", num_stores=1, warehouse_lead_time=0, store_lead_time=4)
    demand = CorrelatedNormal([5.0], [1.6], clipped=False)
    params = env.make_params(demand=demand, holding_cost=[0.0, 1.0], stockout_cost=4.0)
    level, expected = normal_newsvendor(25.0, 1.6 * np.sqrt(5.0), 1.0, 4.0)

    def policy(env, state, params, key):
        return jnp.full(2, jnp.maximum(level - env.inventory_position(state)[1], 0.0))

    found, error = cost(env, params, jax.tree_util.Partial(policy), 256)
    assert abs(found - expected) < 3 * error
    assert expected == pytest.approx(find("SingleItem-v0", "alvo2023/one-store-L4-p4").optimum, abs=1e-4)


# -- Kaynov and Geevers -----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 6, 11])
def test_kaynov_within_what_is_unknown(number):
    problem = Problem(find("Distribution-v0", f"kaynov2024/instance{number}"), 0.0, 100)
    rows = {row.quantity.partition("(")[0]: row for row in problem.rows()}
    for policy in ("EchelonBaseStock", "ProportionalEchelonBaseStock"):
        assert rows[policy].computed == pytest.approx(rows[policy].published, rel=0.04), policy


@pytest.mark.slow
def test_geevers_divergent():
    """Another simulation of the same model: 3931 in 50 periods; the print is 4059."""
    env, params, policy, figure = published_levels("geevers2023/divergent")
    found, error = cost(env, params, policy, 256)
    assert abs(found - figure.value) < 4 * error + 0.005
    assert 50 * found == pytest.approx(3931, rel=0.005)
    assert found == pytest.approx(figure.published, rel=0.04)
