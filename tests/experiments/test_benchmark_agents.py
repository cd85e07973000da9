"""The gap table: which instances and learners, what a row holds, and how tables grow."""

import json

import jax.numpy as jnp
import pytest

from experiments import benchmark_agents, learners
from experiments.benchmark_agents import FAMILIES, Config, chosen, markdown, run, summary
from experiments.gaps import Benchmark
from experiments.problem import ProblemConfig
from jaxinv.env import instances
from jaxinv.env.wrappers import EnumeratedActions, NearBatches, OrderUpTo, RoundToBatches, Steered

TINY = ProblemConfig(
    env="SingleItem-v0",
    set=("demand=poisson", "demand.mean=2", "lead_time=1", "stockout_cost=4", "holding_cost=1", "backlog_share=0"),
)


def row(instance, agent, gap, **fields):
    return {
        "instance": instance, "agent": agent, "cost": 5.0 + gap, "gap": gap, "gap_ci95": [gap - 0.1, gap + 0.1],
        "gap_avoidable": gap, "reference": "optimum", "optimum": 5.0, "heuristic": "BaseStock", "heuristic_gap": 1.0,
        "seeds": 2, "train_steps": 1000, "wall_seconds": 3.0,
    } | fields  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_families_hold_instances(family):
    assert chosen(Config(family=(family,)))


def test_instances_by_name_or_by_what_it_begins_with():
    exact = chosen(Config(instances=("zipkin2008/poisson-p4-L4",)))
    assert [instance.name for instance in exact] == ["zipkin2008/poisson-p4-L4"]
    several = chosen(Config(instances=("zipkin2008/poisson-p4", "zipkin2008/poisson-p4-L4")))
    assert len(several) == len({instance.name for instance in several}) > 1
    assert len(chosen(Config())) == len({i.name for family in FAMILIES for i in chosen(Config(family=(family,)))})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"instances": ("nobody",)}, "no instance's name begins with 'nobody'"),
        ({"agents": ("ppo", "magic"), "problem": TINY}, "no learner 'magic'; there are ppo, a2c"),
        ({"num_seeds": 0}, "num_seeds must be >= 1, got 0"),
        ({"budget": 0.0}, "budget must be positive, got 0"),
    ],
)
def test_errors_come_before_learning(config, message):
    with pytest.raises(ValueError, match=message):
        run(Config(**config))


CHOICES, LEVELS, SHIFTS = EnumeratedActions, OrderUpTo, Steered


@pytest.mark.parametrize(
    ("instance", "wrappers"),
    [
        ("zipkin2008/poisson-p4-L2", {"ppo": CHOICES, "dqn": CHOICES, "dcl": CHOICES, "sac": None, "pathwise": LEVELS}),
        ("demoor2022/m2-exp1", {"ppo": CHOICES, "dcl": CHOICES, "td3": None, "pathwise": None}),
        ("alvo2023/one-store-L1-p4", {"ppo": LEVELS, "dqn": None, "dcl": None, "sac": LEVELS, "pathwise": LEVELS}),
        ("alvo2023/serial-L1-p4", {"ppo": LEVELS, "td3": LEVELS, "pathwise": LEVELS}),
        ("kaynov2024/instance11", {"ppo": SHIFTS, "sac": SHIFTS, "dqn": None, "pathwise": SHIFTS}),
    ],
)
def test_what_learners_decide(instance, wrappers):
    problem = Benchmark(next(i for i in instances() if i.name == instance), num_paths=2).problem
    found = {name: learners.decision(name, problem.env, problem.params, problem.model, list) for name in wrappers}
    assert {name: pair if pair is None else type(pair[0]) for name, pair in found.items()} == wrappers
    if problem.model is not None and found["pathwise"] is not None:
        learns, judged = (env.env for env in found["pathwise"])
        assert isinstance(learns, NearBatches)
        assert isinstance(judged, RoundToBatches)


def test_a_row_is_judged_by_the_optimum(tmp_path):
    """Of a learner that has learned nothing, on an instance that no registry knows."""
    rows = run(
        Config(problem=TINY, agents=("dqn", "sac"), num_seeds=2, budget=1e-4, out=tmp_path, json=tmp_path / "rows.json")
    )
    assert (
        json.loads((tmp_path / "rows.json").read_text()) == json.loads((tmp_path / "agents.json").read_text()) == rows
    )
    (found,) = rows  # SAC chooses no orders in whole units
    assert (found["agent"], found["reference"]) == ("dqn", "optimum")
    assert found["gap"] == pytest.approx(sum(found["gaps"]) / 2)
    assert found["gap"] == pytest.approx(100 * (found["cost"] / found["optimum"] - 1))
    assert 0 <= found["heuristic_gap"] < min(found["gaps"])  # one iteration is not enough
    low, high = found["gap_ci95"]
    assert low < found["gap"] < high
    assert found["train_steps"] == learners.learner("dqn", None).steps_per_update
    assert f"{found['cost']:.4f}" in (tmp_path / "agents.md").read_text()


@pytest.mark.slow
def test_the_best_generation_is_judged(monkeypatch):
    """Not the last: here costs are told by the number of generations, and the second is the cheapest."""
    instance = next(i for i in instances() if i.name == "zipkin2008/poisson-p4-L1")
    benchmark, seen = Benchmark(instance, num_paths=2), []

    def cost(policy, env, paths):
        seen.append(policy)
        return (5.0, 1.0, 2.0, 3.0, 0.0)[len(seen) - 1], 0.1

    monkeypatch.setattr(benchmark.problem, "simulated", cost)
    env, judged_in = learners.decision(
        "dcl", benchmark.problem.env, benchmark.problem.params, benchmark.problem.model, list
    )
    sizes = {"num_envs": 4, "num_steps": 2, "scenarios": 3, "depth": 2, "fit_steps": 10, "fits": 1, "warmup": 1}
    trained = benchmark._trained(learners.learner("dcl", env, **sizes), judged_in, 1)
    assert len(seen) == 4
    assert int(trained.best_state.updates) == 2


def test_purchases_that_nobody_avoids_are_no_cost_of_the_policy():
    instance = next(i for i in instances() if i.name.startswith("gijsbrechts2022/"))
    assert Benchmark(instance, num_paths=2).unavoidable == 200.0  # mean demand 2, at 100
    assert Benchmark(next(i for i in instances() if i.name.startswith("zipkin2008/")), num_paths=2).unavoidable == 0.0


def test_rows_replace_older_ones_of_the_same_instance_and_learner(tmp_path):
    name = "zipkin2008/poisson-p4-L4"
    for new in (row("by hand", "ppo", 0.5), row(name, "dqn", 0.7), row(name, "ppo", 3.0), row(name, "ppo", 0.2)):
        benchmark_agents._merge(tmp_path, new)
    rows = json.loads((tmp_path / "agents.json").read_text())
    assert [(r["instance"], r["agent"], r["gap"]) for r in rows] == [
        (name, "ppo", 0.2), (name, "dqn", 0.7), ("by hand", "ppo", 0.5),
    ]  # fmt: skip


def test_summary_by_family():
    rows = [row("zipkin2008/a", "ppo", 0.5), row("zipkin2008/b", "ppo", 1.5), row("demoor2022/a", "ppo", 0.0)]
    assert summary(rows) == [
        ("lost_sales", "ppo", "2", "1.000", "1.500", "1.000", "1 of 2"),
        ("perishables", "ppo", "1", "0.000", "0.000", "1.000", "1 of 1"),
    ]
    page = markdown([*rows, row("new", "ppo", 2.0, reference="lower bound", gap_avoidable=4.0)])
    assert "| new | ppo | 7.0000 | 5.0000 * | 2.000 | 1.900 to 2.100 | 4.000 | 1.000 BaseStock |" in page


def test_numbers_of_learners_are_those_of_the_table():
    algo = learners.learner("ppo", None, budget=0.5)
    assert algo.num_updates == 250
    assert float(algo.learning_rate) == pytest.approx(float(jnp.float32(learners.LEARNERS["ppo"][2]["learning_rate"])))


def test_what_costs_are_compared_with():
    def reference(name):
        return Benchmark(next(i for i in instances() if i.name == name), num_paths=2).reference

    assert reference("alvo2023/one-store-L4-p9")[0] == "optimum"  # a closed form
    assert reference("alvo2023/centre-N3-rho0-L2-p9") == ("lower bound", pytest.approx(20.0051, abs=1e-3))
    with pytest.raises(
        ValueError, match="no lower bound is known for kaynov2024/instance11"
    ):  # its warehouse holds stock
        Benchmark(next(i for i in instances() if i.name == "kaynov2024/instance11"), num_paths=2).problem.lower_bound()
