"""Serial solved exactly: Snyder and Shen (2019, *Fundamentals of Supply Chain Theory*, example 6.1), the serial system
of Alvo, Russo and Kanoria (2023, arXiv:2306.11246) and the beer game of Oroojlooyjadid et al. (2022, Manufacturing and
Service Operations Management 24(1)), and what the environment itself costs under the levels found.

Stages are listed from the customers on. Values without a printed one were computed independently of this library.
"""

from statistics import NormalDist

import jax
import numpy as np
import pytest

from jaxinv.demand import Normal, Poisson
from jaxinv.env import instances, make
from jaxinv.env.instances import find
from jaxinv.env.serial import Serial
from jaxinv.evaluate import evaluate, sample_paths
from jaxinv.policies import SerialBaseStock
from jaxinv.policies.clark_scarf import clark_scarf, level_cost, newsvendor_levels, serial_optimum

EXAMPLE = dict(lead_times=(1, 1, 2), holding_cost=(7.0, 4.0, 2.0), stockout_cost=37.12)
FIVE = dict(lead_times=(1,) * 5, holding_cost=(3.5, 2.5, 1.5, 1.0, 0.5), stockout_cost=12.0)
ALVO = {
    1: (6.9157, 8.3844, 9.6256, 10.7186),
    2: (7.6189, 9.2821, 10.6918, 11.9346),
    3: (8.2297, 10.0614, 11.6171, 12.9902),
    4: (8.7793, 10.7620, 12.4488, 13.9391),
}


def test_the_textbook_example():
    """47.65 in print; stockpyl, on a lattice of about 0.01 mean demands, has 47.6687 at (6.5144, 12.0123, 22.7002)."""
    normal = NormalDist(5.0, 1.0)
    levels, cost = clark_scarf(normal, **EXAMPLE)
    np.testing.assert_allclose(levels, [6.490, 12.020, 22.705], atol=0.5 / 200)  # half a step of the lattice
    assert cost == pytest.approx(47.6601, abs=1e-4)
    printed = level_cost([6.5144, 12.0123, 22.7002], normal, **EXAMPLE)
    assert cost < printed < cost + 0.01  # the minimum is flat
    heuristic = [6.4909, 12.0274, 22.6340]
    np.testing.assert_allclose(newsvendor_levels(normal, **EXAMPLE), heuristic, atol=1.01 / 200)
    # stockpyl has 47.6547 of these, less than of the best ones, since its lattice errs by more than they do.
    assert cost < level_cost(heuristic, normal, **EXAMPLE) == pytest.approx(47.6547, rel=3e-4)


@pytest.mark.parametrize(
    ("echelon", "stockout_cost", "levels", "cost", "printed"),
    [((1,), 9.0, [8], 4.2211, 4.220849), ((2, 1), 10.0, [7, 13], 16.7983, 16.797779)],
)
def test_poisson_examples(echelon, stockout_cost, levels, cost, printed):
    """Of stockpyl, which cuts the tail of demand: its costs are lower by a few parts in 100,000."""
    env = Serial(lead_times=(1,) * len(echelon))
    params = env.make_params(echelon_holding_cost=echelon, stockout_cost=stockout_cost)
    found, optimum = serial_optimum(env, params)
    np.testing.assert_array_equal(found, levels)
    assert optimum == pytest.approx(cost, abs=0.6e-4)
    assert optimum == pytest.approx(printed, rel=1e-4)


def test_five_stages():
    """stockpyl's 226.8458 for Poisson demand, and for normal demand, on its lattice, 225.8672."""
    assert clark_scarf(Poisson(32.0), **FIVE)[1] == pytest.approx(226.8458, abs=0.6e-4)
    assert clark_scarf(NormalDist(32.0, 32.0**0.5), **FIVE)[1] == pytest.approx(225.8672, rel=5e-4)


def test_the_beer_game_s_local_levels():
    """48, 43, 41, 30 in print for normal(10, 2) and whole units: what each stage adds to the echelon level."""
    levels, cost = clark_scarf(NormalDist(10.0, 2.0), (4, 4, 4, 3), (1.0, 0.75, 0.5, 0.25), 10.0)
    local = np.diff(levels, prepend=0.0)
    np.testing.assert_allclose(local, [48.00, 42.48, 41.46, 30.30], atol=0.02)  # two steps of the lattice
    assert cost == pytest.approx(72.496, abs=0.6e-3)
    np.testing.assert_allclose(local, [48, 43, 41, 30], atol=0.55)


@pytest.mark.parametrize("lead_time", ALVO)
def test_the_serial_system_without_transit_costs(lead_time):
    """Of the normal law itself. The environment cuts demand at 0, and its optimum is a few parts in 1,000 lower."""
    holding, lead_times = np.array([1.0, 0.5, 0.2, 0.1]), (lead_time + 1, 3, 4, 2)
    for stockout_cost, expected in zip((4, 9, 19, 39), ALVO[lead_time], strict=True):
        _, cost = clark_scarf(NormalDist(5.0, 2.0), lead_times, holding, stockout_cost)
        moving = 5.0 * np.dot(holding[1:], lead_times[:-1])  # what units in transit and on arrival would cost
        assert cost - moving == pytest.approx(expected, abs=1.1e-4)
        recorded = find("Serial-v0", f"alvo2023/serial-L{lead_time}-p{stockout_cost}").optimum
        assert 0.995 * expected < recorded < expected


def test_the_levels_of_the_serial_system():
    """Of lead time 4 and stock-out cost 9, computed independently to two decimals; a step of the lattice is 0.01."""
    levels, _ = clark_scarf(NormalDist(5.0, 2.0), (5, 3, 4, 2), (1.0, 0.5, 0.2, 0.1), 9.0)
    np.testing.assert_allclose(levels, [32.36, 49.00, 72.82, 83.18], atol=0.011)


@pytest.mark.parametrize("instance", instances("Serial-v0"), ids=lambda i: i.name)
def test_recorded_optima_are_the_recursion_s(instance):
    env, params = make(instance.env, instance=instance.name)
    digits = next(figure.digits for figure in instance.figures if figure.quantity == "optimum")
    assert serial_optimum(env, params)[1] == pytest.approx(instance.optimum, abs=0.6 * 10.0**-digits)


# -- simulation -------------------------------------------------------------------------------------------------------


def simulated(env, params, policy, num_paths, length, warmup):
    """Mean cost and its standard error."""
    paths = sample_paths(env, params, jax.random.key(1), num_paths, length)
    cost = np.asarray(evaluate(policy, env, params, paths, warmup=warmup).cost).sum(-1).mean(1)
    return cost.mean(), cost.std(ddof=1) / np.sqrt(num_paths)


@pytest.mark.parametrize(
    "name", [pytest.param("snyder2019/example-6.1", marks=pytest.mark.slow), "alvo2023/serial-L2-p9"]
)
def test_the_environment_costs_what_the_recursion_says(name):
    env, params = make("Serial-v0", instance=name)
    optimum = serial_optimum(env, params)[1]
    mean, error = simulated(env, params, SerialBaseStock.of(env, params), 400, 550, 50)
    assert error < 0.005 * optimum
    assert abs(mean - optimum) < 3 * error


def test_transit_costs_and_any_levels():
    """Lead times of 2 charge transit; the levels are those of newsvendors, then far off."""
    env = Serial(lead_times=(2, 2, 2))
    costs = dict(holding_cost=(7.0, 4.0, 2.0), stockout_cost=37.12)
    params = env.make_params(demand=Poisson(5.0), **costs)
    best, cost = clark_scarf(params.demand, env.lead_times, **costs)
    assert cost == pytest.approx(114.03, abs=0.006)
    # Units in transit may cost nothing; another program's simulations have 114.08 and 84.07, half in a thousand more.
    still = env.make_params(demand=Poisson(5.0), **costs, transit_cost=0.0)
    assert serial_optimum(env, still)[1] == pytest.approx(cost - 5.0 * (4.0 + 2.0))
    assert serial_optimum(env, still)[1] == pytest.approx(84.07, abs=0.05)
    for levels in (best, newsvendor_levels(params.demand, env.lead_times, **costs), np.array([12.0, 30.0, 34.0])):
        mean, error = simulated(env, params, SerialBaseStock(level=levels), 400, 450, 50)
        assert abs(mean - level_cost(levels, params.demand, env.lead_times, **costs)) < 3 * error


def test_demand_cut_at_zero():
    """Demand that is often cut, where the normal law's cost would be far off."""
    env, params = make("Serial-v0", instance="alvo2023/serial-L2-p9")
    params = params.replace(demand=Normal(2.0, 2.0, rounded=False))
    _, cost = serial_optimum(env, params)
    mean, error = simulated(env, params, SerialBaseStock.of(env, params), 400, 550, 50)
    assert abs(mean - cost) < 3 * error
    # The mean of demand is 2.167, its deviation 1.70.
    _, other = clark_scarf(NormalDist(2.0, 2.0), env.lead_times, params.holding_cost, 9.0)
    assert abs(mean - (other - 2.0 * np.dot(params.holding_cost[1:], env.lead_times[:-1]))) > 10 * error
