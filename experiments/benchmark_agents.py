"""The gap table: learners on problems whose optimum is known, each with one set of hyper-parameters for everything.

The gap is the cost of a seed's final policy over the optimum, less 1; where the optimum is not known, over a lower
bound or else over the best heuristic. Which generation of DCL is the final one, and how levels of pathwise learning are
rounded, is decided on simulated paths of their own. Costs are exact on the policy's Markov chain where the state space
allows, else simulated on common paths.
    python -m experiments.benchmark_agents --family lost_sales --agents ppo a2c
    python -m experiments.benchmark_agents --set demand=poisson demand.mean=5 lead_time=3 stockout_cost=9
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.table import Table

from experiments import output
from experiments.problem import ProblemConfig, given_instance

FAMILIES = {
    "lost_sales": ("zipkin2008/",),
    "long_lead_times": ("temizoz2025/poisson",),
    "fixed_cost": ("bijvank2015/",),
    "dual_sourcing": ("gijsbrechts2022/",),
    "perishables": ("demoor2022/", "temizoz2025/m"),
    "one_store": ("alvo2023/one-store",),
    "serial": ("alvo2023/serial",),
    "centre": ("alvo2023/centre",),
    "joint_replenishment": ("vanvuchelen2020/",),
    "partial_backlog": tuple(f"kaynov2024/instance{number}" for number in (11, 12, 13, 14)),
    "supply_network": ("gym-invmgmt/",),
}


@dataclasses.dataclass(frozen=True)
class Config:
    problem: Annotated[ProblemConfig, tyro.conf.arg(name="")] = ProblemConfig()
    family: tuple[Literal[tuple(FAMILIES)], ...] = ()  # type: ignore[valid-type]
    """families of instances; all of them if neither these nor instances are given"""
    instances: tuple[str, ...] = ()
    """instances by name, or by what their names begin with"""
    agents: tuple[str, ...] = ()
    """learners; all of them if none are given"""
    num_seeds: int = 5
    budget: float = 1.0
    """part of the usual number of training iterations"""
    num_paths: int = 400
    """simulated paths, where a cost is not computed exactly"""
    json: Path | None = None
    """write the rows to this file: instance, agent, cost, gap, gap_ci95, seeds, train_steps, wall_seconds and more"""
    out: Path | None = None
    """folder for agents.md and agents.json; rows of other instances and learners that are there stay"""

    def __post_init__(self):
        for name, low in (("num_seeds", 1), ("num_paths", 2)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be >= {low}, got {getattr(self, name)}")
        if not self.budget > 0:
            raise ValueError(f"budget must be positive, got {self.budget}")


def chosen(config: Config) -> list[Any]:
    """The instances to run; raises ``ValueError`` where there are none."""
    from jaxinv.env import instances, registered

    given = given_instance(config.problem)
    if given is not None:
        return [given]
    beginnings = [*config.instances, *(prefix for family in config.family for prefix in FAMILIES[family])]
    beginnings = beginnings or [prefix for prefixes in FAMILIES.values() for prefix in prefixes]
    known = [instance for env in registered() for instance in instances(env)]
    found = []
    for beginning in beginnings:
        matching = [i for i in known if i.name == beginning] or [i for i in known if i.name.startswith(beginning)]
        if not matching:
            raise ValueError(f"no instance's name begins with {beginning!r}")
        found += [instance for instance in matching if instance not in found]
    return found


def run(config: Config, show: Any = lambda row: None) -> list[dict[str, Any]]:
    """A row per instance and learner, shown and written as they come."""
    from experiments import learners
    from experiments.gaps import Benchmark

    for agent in config.agents:
        if agent not in learners.LEARNERS:
            raise ValueError(f"no learner {agent!r}; there are {', '.join(learners.LEARNERS)}")
    rows = []
    for instance in chosen(config):
        benchmark = Benchmark(instance, config.num_paths)
        for agent in config.agents or learners.LEARNERS:
            row = benchmark.row(agent, config.num_seeds, config.budget)
            if row is None:  # not every learner decides what the problem asks for
                continue
            rows.append(row)
            show(row)
            if config.json is not None:
                config.json.write_text(json.dumps(rows, indent=1) + "\n")
            if config.out is not None:
                _merge(config.out, row)
    return rows


def _merge(out: Path, row: dict[str, Any]) -> None:
    """Put a row in the place of an older one of the same instance and learner, into both files."""
    from experiments.learners import LEARNERS
    from jaxinv.env import instances

    stored = out / "agents.json"
    rows = json.loads(stored.read_text()) if stored.exists() else []
    rows = [old for old in rows if (old["instance"], old["agent"]) != (row["instance"], row["agent"])] + [row]
    order = {name: i for i, name in enumerate([*(i.name for i in instances()), *LEARNERS])}
    rows.sort(key=lambda row: [order.get(row[name], len(order)) for name in ("instance", "agent")])
    stored.write_text(json.dumps(rows, indent=1) + "\n")
    (out / "agents.md").write_text(markdown(rows))


MARKS = {"optimum": "", "lower bound": " *", "heuristic": " †"}
_HEADER = (
    "instance", "agent", "cost", "optimum", "gap, %", "95 % interval", "of avoidable cost, %",
    "best heuristic's gap, %", "seeds", "steps", "s",
)  # fmt: skip


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """A row of the table as text."""
    low, high = row["gap_ci95"]
    mark = MARKS[row["reference"]]
    interval = f"{low:.3f} to {high:.3f}" if row["seeds"] > 1 else ""
    return (
        row["instance"], row["agent"], f"{row['cost']:.4f}", f"{row['optimum']:.4f}{mark}", f"{row['gap']:.3f}",
        interval, "" if row["gap_avoidable"] == row["gap"] else f"{row['gap_avoidable']:.3f}",
        f"{row['heuristic_gap']:.3f} {row['heuristic']}", str(row["seeds"]), f"{row['train_steps']:.2g}",
        f"{row['wall_seconds']:.0f}",
    )  # fmt: skip


def summary(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """A line per family and learner."""
    lines = []
    for family, beginnings in FAMILIES.items():
        members = [row for row in rows if row["instance"].startswith(beginnings)]
        for agent in dict.fromkeys(row["agent"] for row in members):
            own = [row for row in members if row["agent"] == agent]
            gaps, others = [row["gap"] for row in own], [row["heuristic_gap"] for row in own]
            below = sum(gap < other for gap, other in zip(gaps, others, strict=True))
            lines.append((
                family, agent, str(len(own)), f"{sum(gaps) / len(own):.3f}", f"{max(gaps):.3f}",
                f"{sum(others) / len(own):.3f}", f"{below} of {len(own)}",
            ))  # fmt: skip
    return lines


def markdown(rows: list[dict[str, Any]]) -> str:
    """The table with its summary."""

    def table(header: tuple[str, ...], lines: list[tuple[str, ...]]) -> list[str]:
        return ["| " + " | ".join(line) + " |" for line in (header, ("---",) * len(header), *lines)]

    header = ("family", "agent", "instances", "mean gap, %", "largest", "best heuristic's mean", "cheaper than it")
    return "\n".join([
        "# Learners beside the optimum",
        "",
        "Made by `python -m experiments.benchmark_agents --out docs`, each learner with one set of hyper-parameters "
        "for everything (`experiments/learners.py`). The gap is the mean over seeds of the final policy's cost over "
        "the optimum, less 1, in percent. Where the optimum is not known, a lower bound (*) or the best heuristic (†) "
        "stands for it; profits are negative costs. Which generation of DCL is the final one, and how levels of "
        "pathwise learning are rounded, is decided on simulated paths of their own. Costs are exact on "
        "the policy's Markov chain where the state space allows, else simulated on paths that all share; the interval "
        "covers seeds and that simulation. Where part of the cost is the same for every policy, the gap is also given "
        "in percent of the rest. Gaps may be a little negative: the optimum of one store with normal demand is that "
        "of demand which is not cut at 0, and that of a year after a warm-up is the cost of the policy best for "
        "ever. Heuristics are tuned on simulated demand and judged alike. Seconds are those of training all seeds "
        "together, compilation included. Learners of several agents and for risk are held against heuristics and each "
        "other, as no optimum is known there: `docs/benchmarks.md`, `marl_supply_chain` and `ddpg_risk`.",
        "",
        *table(header, summary(rows)),
        "",
        "## Instances",
        "",
        *table(_HEADER, [cells(row) for row in rows]),
    ]) + "\n"  # fmt: skip


def main() -> None:
    try:
        config = tyro.cli(Config, description=__doc__)
        output.file(config.json)
        if config.out is not None:
            output.folder(config.out)
        rows = run(config, lambda row: print(" | ".join(cells(row)), flush=True))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    table = Table(
        title="Gaps to the optimum (*: a lower bound, †: the best heuristic)",
        title_justify="left",
    )
    for number, name in enumerate(_HEADER):
        table.add_column(name, justify="left" if number < 2 else "right", no_wrap=number == 0)
    for row in rows:
        table.add_row(*cells(row))
    Console(width=max(160, Console().width)).print(table)


if __name__ == "__main__":
    main()
