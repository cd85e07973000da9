"""Networks wired as a supply network: the part of ``pathwise_network`` that is its own."""

import dataclasses
import time
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure

from experiments import learners, side_by_side
from experiments.heuristics import tuned
from experiments.side_by_side import Contender, trained
from jaxinv.agents import MLP, GraphNetwork
from jaxinv.env import make
from jaxinv.env.wrappers import Steered
from jaxinv.evaluate import sample_paths
from jaxinv.optimise import Pathwise, hindsight_bound
from jaxinv.report.figures import COLOURS


def run(config: Any) -> dict:
    started = time.perf_counter()
    env, params = make("SupplyNetwork-v0", instance=config.instance)
    if env.horizon is None:
        raise ValueError(f"instance must have a horizon, which {config.instance!r} does not")
    tuning, testing = jax.random.split(jax.random.key(config.seed))
    found = tuned(env, params, tuning, num_paths=config.search.paths, length=env.horizon, warmup=0)
    contenders = {name: Contender(policy, env, params) for name, policy in found.items()}
    steered = Steered(env, found["NetworkBaseStock"], ("level",))
    numbers = dataclasses.asdict(config.learner)
    shape: dict[str, Any] = {"hidden": numbers.pop("hidden"), "shared": True}
    numbers |= learners.along_paths(env)
    for name, network in (("graph", GraphNetwork.of(env, **shape)), ("plain", MLP(**shape))):
        learner = Pathwise(env=steered, network=network, **numbers)
        contenders[f"pathwise, {name} network"] = trained(learner, params, config.seed)
    ppo = learners.learner("ppo", steered, num_envs=config.learner.num_envs, num_steps=env.horizon)
    steps = learner.num_updates * learner.steps_per_update
    ppo = dataclasses.replace(ppo, num_updates=max(1, steps // ppo.steps_per_update))
    contenders["PPO"] = trained(ppo, params, config.seed)

    paths = sample_paths(env, params, testing, config.paths, env.horizon)
    rows = side_by_side.judge(contenders, paths, 0)
    bound = float(np.mean([hindsight_bound(env, params, demand) for demand in paths.exogenous.demand]))
    for row in rows.values():
        row["gap_percent"] = 100 * (row["cost_mean"] - bound) / abs(bound)
    gaps = {"gap to clairvoyant": {name: f"{row['gap_percent']:.2f} %" for name, row in rows.items()}}
    title = f"{config.instance}: cost per period, less revenue; a clairvoyant pays {bound:,.2f}"
    shown = side_by_side.table(rows, title, gaps)
    return side_by_side.finish(config, {"policies": rows, "clairvoyant": bound}, {"gaps": _gaps(rows)}, shown, started)


def _gaps(rows: dict[str, dict]) -> Figure:
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    axes = figure.add_subplot()
    names = list(rows)[::-1]
    colours = [COLOURS[0] if rows[name]["train_steps"] else COLOURS[7] for name in names]
    bars = axes.barh(names, [rows[name]["gap_percent"] for name in names], color=colours)
    axes.bar_label(bars, fmt="%.1f", fontsize=8, padding=3)
    axes.set(xlabel="% above what a clairvoyant pays", title="Learners (blue) and heuristics")
    axes.grid(axis="x", alpha=0.3)
    return figure
