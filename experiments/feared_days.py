"""Warehouses whose worst days count: the part of ``ddpg_risk`` that is its own."""

import dataclasses
import time
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

from experiments import retail, side_by_side
from experiments.comparison import STARTS, WARMUP
from experiments.side_by_side import Contender, trained
from jaxinv.agents import DDPG, IDDPG, MADDPG, MLP, AgentNetwork
from jaxinv.env.multi_agent import MultiAgent
from jaxinv.env.wrappers import Steered
from jaxinv.evaluate import Risk, sample_paths
from jaxinv.optimise import tune
from jaxinv.policies import BaseStock
from jaxinv.report.figures import COLOURS

_CONTROLS = {"independent": IDDPG, "multi-agent": MADDPG, "central": DDPG}


def run(config: Any) -> dict:
    started = time.perf_counter()
    problem = retail.build(retail.read(config.demand, config.columns), config.env)
    env, params = problem.env, problem.train_params
    tuning, testing, starts = jax.random.split(jax.random.key(config.seed), 3)
    options = dataclasses.asdict(config.search) | {"following": True, "rebalancing": True, "warmup": WARMUP}
    seen = sample_paths(env, params, tuning, options.pop("paths"), WARMUP + config.days)
    base_stock = tune(BaseStock, env, params, seen, tuning, **options).policy
    steered = Steered(env, base_stock, ("level",), span=config.learner.span)
    contenders = {"base-stock": Contender(base_stock, env, params)}
    # The same program for both.
    for feared, risk in {"mean": Risk(), "worst days": Risk(cvar_level=config.cvar_level)}.items():
        for name, kind in _CONTROLS.items():
            contenders[f"{name}, {feared}"] = _learned(kind, steered, params, config, risk)
    paths = sample_paths(env, params, testing, config.paths, WARMUP + config.days)
    rows = side_by_side.judge(contenders, paths, WARMUP)

    # The same policies on the real demand of the held-out dates.
    real = {name: dataclasses.replace(c, params=_real(c, problem)) for name, c in contenders.items()}
    replayed = side_by_side.judge(real, problem.replays(starts, STARTS), config.env.warmup_days)
    for name, row in rows.items():
        row["held_out"] = replayed[name]
    more = {
        "held out": {name: f"{row['held_out']['cost_mean']:,.1f}" for name, row in rows.items()},
        "its worst days": {name: f"{row['held_out']['cost_cvar_periods']:,.1f}" for name, row in rows.items()},
    }
    title = f"{env.num_warehouses} warehouses, fitted demand of {config.demand}; real demand of the held-out dates"
    shown = side_by_side.table(rows, title, more)
    return side_by_side.finish(config, {"policies": rows}, {"risk": _risk(rows)}, shown, started)


def _learned(kind: Any, steered: Any, params: Any, config: Any, risk: Risk) -> Contender:
    numbers = dataclasses.asdict(config.learner)
    hidden, _ = numbers.pop("hidden"), numbers.pop("span")
    sizes: dict[str, Any] = {"hidden": hidden, "activation": "relu", "shared": True}
    if kind is DDPG:
        return trained(DDPG(env=steered, network=MLP(**sizes), risk=risk, **numbers), params, config.seed)
    network = AgentNetwork(**sizes, central_values=kind is MADDPG)
    env = MultiAgent(steered)
    # Independent learners know their own cost only; the others learn for all warehouses.
    agents = env.make_params(params, team_share=1.0 if kind is MADDPG else 0.0)
    return trained(kind(env=env, network=network, risk=risk, **numbers), agents, config.seed)


def _real(contender: Contender, problem: Any) -> Any:
    """Parameters of what a policy acts in, with real demand."""
    if isinstance(contender.env, MultiAgent):
        return contender.params.replace(inner=problem.test_params)
    return problem.test_params


def _risk(rows: dict[str, dict]) -> Figure:
    """Mean cost against that of the worst days."""
    figure = Figure(figsize=(7.5, 5), layout="constrained")
    axes = figure.add_subplot()
    for i, (name, row) in enumerate(sorted(rows.items())):
        worst = name.endswith("worst days")
        x, y = row["cost_mean"], row["cost_cvar_periods"]
        axes.errorbar(
            x, y, xerr=np.abs(np.asarray(row["cost_ci95"])[:, None] - x), color=COLOURS[i % len(COLOURS)],
            marker="^" if worst else "o", capsize=2, label=name,
        )  # fmt: skip
    axes.set(
        xlabel="mean cost per day, all warehouses",
        ylabel=f"mean cost of the worst {side_by_side.WORST:.0%} of the days",
        title="What is learned for the mean (circles) and for the worst days (triangles)",
    )  # fmt: skip
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    return figure
