"""Heuristics for every problem, and that tuning them helps."""

import dataclasses

import jax
import pytest

from experiments import heuristics
from jaxinv.env import build, instances, make, registered
from jaxinv.env.single_item import SingleItem
from jaxinv.evaluate import evaluate, sample_paths

SIZE = {"num_paths": 8, "length": 150, "warmup": 50}
FAST = ("Perishable-v0",)


def untuned(name, env, params, paths):
    """The policy that the search began with, if it began with one."""
    found = heuristics.candidates(env, params, lambda: paths)[name]
    return found.policy if isinstance(found, heuristics.Around) else None


def test_demand_in_two_streams_is_covered_as_one():
    """Customers who take the oldest and the freshest units: what is searched reaches beyond the published level, 11."""
    instance = next(i for i in instances() if i.name == "temizoz2025/m4-L1-cv1-f0.5")
    env, params = build(instance.env, instance.settings)
    found = heuristics.candidates(env, params, None)
    assert params.demand.shape == (2,)
    assert found["BaseStock"].values["level"].max() > 20
    assert found["BaseStockEW"].values["level"].max() > 20


@pytest.mark.parametrize(
    "name", [each if each in FAST else pytest.param(each, marks=pytest.mark.slow) for each in registered()]
)
def test_every_problem_has_heuristics_and_searches_improve_them(name, key):
    env, params = make(name)
    found = heuristics.tuned(env, params, key, **SIZE)
    paths = sample_paths(env, params, jax.random.split(key)[0], SIZE["num_paths"], SIZE["length"])

    def cost(policy):
        return float(evaluate(policy, env, params, paths, warmup=SIZE["warmup"]).cost_mean)

    assert found
    for each, policy in found.items():
        before = untuned(each, env, params, paths)
        if before is not None:
            assert cost(policy) <= cost(before) + 1e-3 * abs(cost(before)), each


def test_a_problem_without_heuristics_is_named(key):
    @dataclasses.dataclass(frozen=True)
    class Another(SingleItem):
        pass

    env = Another()
    with pytest.raises(ValueError, match="no heuristics are known here for Another"):
        heuristics.tuned(env, env.default_params(), key, **SIZE)


def test_heuristics_by_name(key):
    env, params = make("Serial-v0")
    assert list(heuristics.tuned(env, params, key, **SIZE, names=["SerialBaseStock"])) == ["SerialBaseStock"]
    with pytest.raises(
        ValueError, match="no heuristic 'BaseStock' is known here for Serial; there are SerialBaseStock"
    ):
        heuristics.tuned(env, params, key, **SIZE, names=["BaseStock"])
