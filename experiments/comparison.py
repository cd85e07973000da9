"""The main job itself: tune, train, judge, write. Imported after the command line has been parsed."""

import dataclasses
import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from rich.console import Console

from experiments import figures, retail
from jaxinv import report
from jaxinv.agents import PPO
from jaxinv.agents.networks import CellNetwork
from jaxinv.data import PANELS, load_panel, read_sales
from jaxinv.env.wrappers import Steered
from jaxinv.evaluate import Evaluation, Paths, evaluate, moving_block_bootstrap, sample_paths
from jaxinv.optimise import SearchResult, hindsight_bound, tune
from jaxinv.policies import HEURISTICS
from jaxinv.train import FitResult, compiled, fit

# Heuristics the learner may act relative to, and what it shifts of them: small shifts have small consequences.
_STEERABLE = {"joint_quantity": ("level", "quantity"), "can_order": ("reorder", "up_to")}
_STARTS = 32  # replays of the held-out dates, each from stocks of its own
_WARMUP = 30  # periods of simulated paths that are not counted
_PERIODS = 120  # of simulated paths


def run(config: Any) -> dict:
    """Everything from the panel to the files in ``config.out``; returns what result.json holds."""
    started = time.perf_counter()
    console = Console(width=200 if not Console().is_terminal else None)
    panel = load_panel(config.demand) if config.demand in PANELS else read_sales(config.demand, config.columns or None)
    problem = retail.build(panel, config.env)
    env = problem.env
    tuning, training, starts, bootstrap = jax.random.split(jax.random.key(config.seed), 4)

    # Heuristics and learner see fitted demand only: the paths that heuristics are tuned on, and that the best state of
    # training is chosen by.
    paths = sample_paths(env, problem.train_params, tuning, config.search.paths, _PERIODS)
    with console.status("tuning heuristics"):
        found = _tune(config.search, problem, paths, tuning)
    tuning_seconds = time.perf_counter() - started
    learner, trained = _train(config, problem, found, paths, training)
    state = trained.best_state
    if config.num_seeds > 1:
        best_seed = int(np.argmin(trained.best_score))
        state = jax.tree.map(lambda x: x[best_seed], state)
    policies = {"ppo": (learner.policy(state), learner.env)} | {n: (result.policy, env) for n, result in found.items()}
    fitted = {"ppo": float(np.min(trained.best_score))} | {n: float(result.cost) for n, result in found.items()}

    # Judged on the held-out dates' real demand, after a warm-up on the days before them.
    real = problem.replays(starts, _STARTS)

    def judge(name: str) -> Evaluation:
        policy, of = policies[name]
        return evaluate(policy, of, problem.test_params, real, warmup=config.env.warmup_days)

    with console.status("judging"):
        judged = dict(zip(policies, _two_at_a_time(judge, policies), strict=True))
    best = min(found, key=lambda name: float(judged[name].cost_mean))

    def summary(name: str) -> dict:
        evaluation = judged[name]
        # Stores that live on each other's stock are one observation: dates are resampled, with all stores of a date.
        interval = partial(moving_block_bootstrap, key=bootstrap, locations=False)
        cost = interval(jnp.mean(evaluation.cost, 0))
        differences = jnp.mean(evaluation.cost - judged[best].cost, 0)
        difference = interval(differences)
        return {
            "cost_mean": float(evaluation.cost_mean),
            "cost_ci95": cost.ci95.tolist(),
            "fill_rate": float(evaluation.fill_rate),
            "service_level": float(evaluation.service_level),
            "turns": float(evaluation.turns),
            "waste": float(evaluation.waste),
            "cost_by_cause": {cause: float(value) for cause, value in evaluation.cost_by_cause.items()},
            "difference_to_best_heuristic": {
                "mean": float(difference.mean),
                "ci95": difference.ci95.tolist(),
                "ci95_dates_and_stores": moving_block_bootstrap(differences, bootstrap).ci95.tolist(),
            },
            "cost_mean_fitted_demand": fitted[name],
        }

    result = {
        "policies": {name: summary(name) for name in policies},
        "best_heuristic": best,
        "lower_bound": float(
            hindsight_bound(env, problem.test_params, real.exogenous.demand[0, -config.env.test_days :])
        ),
        "held_out": [str(problem.test_panel.dates[-config.env.test_days]), str(problem.test_panel.dates[-1])],
        "train_steps": len(trained.history) * learner.steps_per_update * config.num_seeds,
        "steps_per_second": trained.steps_per_second,
        "compile_seconds": trained.compile_seconds,
        "tuning_seconds": tuning_seconds,
        "training_seconds": trained.wall_seconds,
        "validation_score": np.asarray(trained.best_score).tolist(),
        "device": jax.devices()[0].device_kind,
        "versions": {name: version(name) for name in ("jaxinv", "jax", "jaxlib", "flax", "optax", "numpy")},
    }
    result["difference_to_best_heuristic"] = result["policies"]["ppo"]["difference_to_best_heuristic"]
    figures.write(config, problem, policies, best, result, trained.history, real)
    result["wall_seconds"] = time.perf_counter() - started
    _write(config, result)
    dates = " to ".join(result["held_out"])
    console.print(report.comparison_table(result, title=f"Real demand of {dates}, held out"))
    console.print(
        f"PPO: {result['train_steps']:,} steps at {result['steps_per_second']:,.0f} a second; all in "
        f"{result['wall_seconds']:.0f} s. Figures and result.json in {config.out}",
        highlight=False,
    )
    return result


def _tune(config: Any, problem: retail.Retail, paths: Paths, key: Array) -> dict[str, SearchResult]:
    """Every heuristic at its best on ``paths``."""
    options = dataclasses.asdict(config) | {"following": True, "rebalancing": True, "warmup": _WARMUP}
    del options["paths"]

    def tuned(name: str) -> SearchResult:
        found = tune(HEURISTICS[name], problem.env, problem.train_params, paths, key, **options)
        return jax.block_until_ready(found)

    return dict(zip(HEURISTICS, _two_at_a_time(tuned, HEURISTICS), strict=True))


def _train(
    config: Any, problem: retail.Retail, found: dict[str, SearchResult], paths: Paths, key: Array
) -> tuple[PPO, FitResult]:
    """PPO that acts relative to the better of the heuristics that it can steer; its best state is that on ``paths``."""
    name = min(_STEERABLE, key=lambda name: float(found[name].cost))
    base, steered = found[name].policy, _STEERABLE[name]
    if problem.env.transfers:  # thresholds of every cell, to be shifted one by one
        thresholds = jax.tree.map(lambda x: jnp.broadcast_to(x, problem.env.cells), base.rebalancing)
        base, steered = base.replace(rebalancing=thresholds), (*steered, "rebalancing")
    learner = _learner(config.ppo, Steered(problem.env, base, steered))
    params = problem.train_params
    score, _ = compiled(
        lambda policy, params, paths: evaluate(policy, learner.env, params, paths, warmup=_WARMUP).cost_mean,
        jax.eval_shape(lambda: learner.policy(learner.init(key, params))),
        params,
        paths,
    )
    trained = fit(
        learner,
        params,
        key,
        num_seeds=config.num_seeds,
        directory=config.out / "training",
        resume=config.resume,
        chunk=40,
        evaluate=lambda policy: score(policy, params, paths),
    )
    return learner, trained


def _two_at_a_time(function: Callable, arguments: Iterable) -> list:
    """``map``, with two programs being compiled at a time: the compiler uses one core."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, arguments))


def _learner(config: Any, env: Any) -> PPO:
    numbers = dataclasses.asdict(config)
    network = CellNetwork(
        hidden=tuple(numbers.pop("hidden")),
        shared=True,
        initial_log_std=numbers.pop("initial_log_std"),
        local_values=True,
    )
    return PPO(env=env, network=network, **numbers)


def _write(config: Any, result: dict) -> None:
    config.out.mkdir(parents=True, exist_ok=True)
    settings = dataclasses.asdict(config) | {"device": result["device"], "versions": result["versions"]}
    (config.out / "config.json").write_text(json.dumps(settings, indent=1, default=str) + "\n")
    (config.out / "result.json").write_text(json.dumps(result, indent=1) + "\n")
