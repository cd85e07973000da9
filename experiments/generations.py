"""Generations of Deep Controlled Learning: the part of ``dcl_lost_sales`` that is its own."""

import dataclasses
import itertools
import time
from typing import Any

import jax
from matplotlib.figure import Figure
from rich.table import Table

from experiments import learners, side_by_side
from experiments.gaps import PATIENCE, Benchmark
from jaxinv.env.instances import find
from jaxinv.report.figures import COLOURS


def run(config: Any) -> dict:
    started = time.perf_counter()
    benchmark = Benchmark(find("SingleItem-v0", config.instance), config.paths)
    problem, (kind, optimum) = benchmark.problem, benchmark.reference
    if problem.model is None:
        raise ValueError(f"instance must have whole units and orders to choose from, which {config.instance!r} has not")
    rows = [_row(name, problem.cost(policy)[0], optimum, 0.0) for name, policy in benchmark.heuristics.items()]

    for states in config.dcl.states:
        rows += _generations(config, benchmark, states)

    levels, rounded = _decision("pathwise", benchmark)
    pathwise = dataclasses.replace(learners.learner("pathwise", levels), num_updates=config.pathwise_updates)
    found = side_by_side.trained(pathwise, problem.params, config.seed)
    begun = time.perf_counter()
    policy = jax.block_until_ready(benchmark.rounded(found.policy, rounded))
    seconds = found.seconds + time.perf_counter() - begun
    rows.append(_row("pathwise, rounded", problem.cost(policy, rounded)[0], optimum, seconds))

    result = {"instance": config.instance, "reference": kind, "optimum": optimum, "policies": rows}
    return side_by_side.finish(
        config, result, {"gap": _figure(config.instance, rows)}, _table(config.instance, result), started
    )


def _generations(config: Any, benchmark: Benchmark, states: int) -> list[dict[str, Any]]:
    """A row per generation of DCL with as many ``states``, the last two of which gain nothing."""
    problem, (_, optimum) = benchmark.problem, benchmark.reference
    chosen, judged_in = _decision("dcl", benchmark)
    teacher = benchmark.heuristics["BaseStock"]  # the plainest of heuristics, far from the optimum
    numbers = dataclasses.asdict(config.dcl) | {"num_envs": states // config.dcl.num_steps}
    del numbers["states"]
    algo = dataclasses.replace(learners.learner("dcl", chosen, teacher=teacher), **numbers)
    init, update = jax.jit(algo.init), jax.jit(algo.update)
    rows, seconds, state = [], 0.0, None
    for generation in range(algo.num_updates + 1):
        begun, metrics = time.perf_counter(), {}
        if generation:
            state, metrics = update(state, problem.params)
        else:
            state = init(jax.random.key(config.seed), problem.params)
        jax.block_until_ready(state)
        seconds += time.perf_counter() - begun
        name = f"DCL, {states} states, generation {generation}"
        cost = problem.cost(algo.policy(state), judged_in)[0]
        rows.append(_row(name, cost, optimum, seconds) | {"states": states, "generation": generation})
        rows[-1] |= {name: float(metrics[name]) for name in ("changed", "agreement") if metrics}
        costs = [row["cost"] for row in rows]
        if generation - costs.index(min(costs)) == PATIENCE:
            break
    return rows


def _decision(name: str, benchmark: Benchmark) -> tuple[Any, Any]:
    problem = benchmark.problem
    decided = learners.decision(name, problem.env, problem.params, problem.model, benchmark.demand_paths)
    if decided is None:
        raise ValueError(f"{name} cannot decide what {problem.instance.name!r} asks for")
    return decided


def _row(name: str, cost: float, optimum: float, seconds: float) -> dict[str, Any]:
    return {"policy": name, "cost": cost, "gap_percent": 100 * (cost - optimum) / abs(optimum), "seconds": seconds}


def _table(instance: str, result: dict[str, Any]) -> Table:
    title = f"{instance}: {result['reference']} {result['optimum']:.4f} per period"
    caption = "seconds since learning began, compilation included"
    shown = Table(title=title, title_justify="left", caption=caption)
    shown.add_column("policy")
    for name in ("cost", "gap", "seconds"):
        shown.add_column(name, justify="right")
    for row in sorted(result["policies"], key=lambda row: row["cost"]):
        seconds = f"{row['seconds']:.0f}" if row["seconds"] else ""
        style = "bold" if row["seconds"] else None
        shown.add_row(row["policy"], f"{row['cost']:.4f}", f"{row['gap_percent']:.3f} %", seconds, style=style)
    return shown


def _figure(instance: str, rows: list[dict[str, Any]]) -> Figure:
    """Gap against time, a curve for each number of states, with heuristics as lines; the first point of a curve is the
    imitation that it begins with."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    floor = 1e-3  # % that the chain's cost is exact to
    runs = sorted({row["states"] for row in rows if "states" in row})
    for states, colour in zip(runs, itertools.cycle(COLOURS), strict=False):
        run = [row for row in rows if row.get("states") == states]
        gaps = [max(row["gap_percent"], floor) for row in run]
        axes.plot([row["seconds"] for row in run], gaps, marker="o", color=colour, label=f"DCL, {states:,} states")
    last = rows[-1]
    axes.plot(last["seconds"], max(last["gap_percent"], floor), "^", color="black", label=last["policy"])
    others = [row for row in rows if not row["seconds"]]
    for row, style in zip(sorted(others, key=lambda row: row["cost"])[:3], ("--", "-.", ":"), strict=False):
        axes.axhline(max(row["gap_percent"], floor), color="grey", linestyle=style, linewidth=1.0, label=row["policy"])
    axes.set(yscale="log", xlabel="seconds, compilation included", ylabel="% above the optimum", title=instance)
    axes.legend(fontsize=8, loc="upper right")
    axes.grid(alpha=0.3, which="both")
    return figure
