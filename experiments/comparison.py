"""The course of the experiments that tune, train, judge and write. Imported after the command line has been parsed."""

import abc
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from matplotlib.figure import Figure
from rich.console import Console

from experiments import figures, output
from jaxinv import report
from jaxinv.evaluate import Evaluation, Paths, evaluate, moving_block_bootstrap, sample_paths
from jaxinv.optimise import SearchResult
from jaxinv.train import FitResult, compiled, fit

STARTS = 32  # replays of the held-out dates, each from stocks of its own
WARMUP = 30  # periods of simulated paths that are not counted
PERIODS = 120  # of simulated paths

Tuner = Callable[[Paths, Array], SearchResult]


class Experiment(abc.ABC):
    """What an experiment says of itself; the rest is the same for all (:func:`run`). Made from the configuration of its
    command line."""

    env: Any  # that heuristics act in
    train_params: Any  # demand fitted to the training dates
    test_params: Any  # the real demand of the warm-up and the held-out dates
    dates: Any  # [T] the held-out dates
    warmup: int  # periods that are replayed before them, and not counted
    chunk: int = 40  # iterations of a learner between two validations
    profit: bool = False  # whether tables and figures show profit in place of cost
    stores: bool = False  # whether locations are a sample of stores, which intervals may be about as well

    @abc.abstractmethod
    def heuristics(self) -> dict[str, Tuner]:
        """Name -> search for the best parameters on some paths, ``WARMUP`` periods of which do not count."""

    @abc.abstractmethod
    def learners(self, found: dict[str, SearchResult]) -> dict[str, Any]:
        """Name -> learner; it may start from, or act relative to, one of the heuristics ``found``."""

    def acting(self, learner: Any) -> Any:
        """The environment that what it learned acts in."""
        return learner.env

    @abc.abstractmethod
    def replays(self, key: Array) -> Paths:
        """Paths of the warm-up and held-out dates' real demand, each from a stock of its own: when deliveries fall is
        luck, which the mean over them evens out."""

    def lower_bound(self, real: Paths) -> float | None:
        """Of the cost per period on the held-out dates; None where none is known."""
        return None

    @abc.abstractmethod
    def figures(self, policies: dict[str, tuple[Any, Any]], shown: list[str], real: Paths) -> dict[str, Figure]:
        """File name -> figure, besides those that all experiments have, of the policies ``shown``, the best learner
        first. ``policies``: name -> (policy, the environment it acts in)."""


def run(config: Any, kind: Callable[[Any], Experiment]) -> dict:
    """Everything from the panel to the files in ``config.out``; returns what result.json holds."""
    started = time.perf_counter()
    console = Console(width=200 if not Console().is_terminal else None)
    experiment = kind(config)
    env = experiment.env
    tuning, training, starts, bootstrap = jax.random.split(jax.random.key(config.seed), 4)

    # Heuristics and learners see fitted demand only: the paths that heuristics are tuned on, and that the best state
    # of training is chosen by.
    paths = sample_paths(env, experiment.train_params, tuning, config.search.paths, PERIODS)
    with console.status("tuning heuristics"):
        found = _tune(experiment.heuristics(), paths, tuning)
    tuning_seconds = time.perf_counter() - started
    learners = experiment.learners(found)
    trained = {name: _train(config, experiment, name, learners, paths, training) for name in learners}
    scores = {name: float(np.min(result.best_score)) for name, result in trained.items()}
    best_learner = min(scores, key=lambda name: scores[name])
    policies = {
        name: (_policy(config, learner, trained[name]), experiment.acting(learner))
        for name, learner in learners.items()
    }
    policies |= {name: (result.policy, env) for name, result in found.items()}
    fitted = scores | {name: float(result.cost) for name, result in found.items()}

    # Judged on the held-out dates' real demand, after a warm-up on the days before them.
    real = experiment.replays(starts)

    def judge(name: str) -> Evaluation:
        policy, of = policies[name]
        return evaluate(policy, of, experiment.test_params, real, warmup=experiment.warmup)

    with console.status("judging"):
        judged = dict(zip(policies, two_at_a_time(judge, policies), strict=True))
    best = min(found, key=lambda name: float(judged[name].cost_mean))
    training_of = {
        name: {
            "train_steps": len(result.history) * learners[name].steps_per_update * config.num_seeds,
            "steps_per_second": result.steps_per_second,
            "compile_seconds": result.compile_seconds,
            "training_seconds": result.wall_seconds,
            "validation_score": np.asarray(result.best_score).tolist(),
        }
        for name, result in trained.items()
    }
    result = {
        "policies": {
            name: summary(judged[name], judged[best], bootstrap, experiment.stores)
            | {"cost_mean_fitted_demand": fitted[name]}
            for name in policies
        },
        "best_heuristic": best,
        "best_learner": best_learner,
        "lower_bound": experiment.lower_bound(real),
        "held_out": [str(experiment.dates[0]), str(experiment.dates[-1])],
        **training_of[best_learner],
        "learners": training_of,
        "tuning_seconds": tuning_seconds,
        **output.machine(),
    }
    result["difference_to_best_heuristic"] = result["policies"][best_learner]["difference_to_best_heuristic"]
    drawn = figures.common(result, {name: of.history for name, of in trained.items()}, profit=experiment.profit)
    figures.write(config.out / "figures", drawn | experiment.figures(policies, [best_learner, best], real))
    result["wall_seconds"] = time.perf_counter() - started
    output.write(config, result)
    _show(config, experiment, result)
    return result


def _tune(tuners: dict[str, Tuner], paths: Paths, key: Array) -> dict[str, SearchResult]:
    """Every heuristic at its best on ``paths``."""

    def tuned(name: str) -> SearchResult:
        return jax.block_until_ready(tuners[name](paths, key))

    return dict(zip(tuners, two_at_a_time(tuned, tuners), strict=True))


def _train(
    config: Any, experiment: Experiment, name: str, learners: dict[str, Any], paths: Paths, key: Array
) -> FitResult:
    """A learner, whose best state is that on ``paths``."""
    learner, params = learners[name], experiment.train_params
    env = experiment.acting(learner)
    score, _ = compiled(
        lambda policy, params, paths: evaluate(policy, env, params, paths, warmup=WARMUP).cost_mean,
        jax.eval_shape(lambda: learner.policy(learner.init(key, params))),
        params,
        paths,
    )
    folder = config.out / "training"
    return fit(
        learner,
        params,
        key,
        num_seeds=config.num_seeds,
        directory=folder if len(learners) == 1 else folder / name,
        resume=config.resume,
        chunk=experiment.chunk,
        evaluate=lambda policy: score(policy, params, paths),
    )


def _policy(config: Any, learner: Any, trained: FitResult) -> Any:
    """Of the best state of the best seed."""
    state = trained.best_state
    if config.num_seeds > 1:
        best_seed = int(np.argmin(trained.best_score))
        state = jax.tree.map(lambda x: x[best_seed], state)
    return learner.policy(state)


def summary(evaluation: Evaluation, best: Evaluation, key: Array, stores: bool) -> dict:
    """Of a policy, beside that of the ``best`` heuristic."""
    # Stores that live on each other's stock are one observation: dates are resampled, with all stores of a date.
    interval = partial(moving_block_bootstrap, key=key, locations=False)
    differences = jnp.mean(evaluation.cost - best.cost, 0)
    difference = interval(differences)
    paired = {"mean": float(difference.mean), "ci95": difference.ci95.tolist()}
    if stores:
        paired["ci95_dates_and_stores"] = moving_block_bootstrap(differences, key).ci95.tolist()
    return {
        "cost_mean": float(evaluation.cost_mean),
        "cost_ci95": interval(jnp.mean(evaluation.cost, 0)).ci95.tolist(),
        "fill_rate": float(evaluation.fill_rate),
        "service_level": float(evaluation.service_level),
        "turns": float(evaluation.turns),
        "waste": float(evaluation.waste),
        "cost_by_cause": {cause: float(value) for cause, value in evaluation.cost_by_cause.items()},
        "difference_to_best_heuristic": paired,
    }


def two_at_a_time(function: Callable, arguments: Iterable) -> list:
    """``map``, with two programs being compiled at a time: the compiler uses one core."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, arguments))


# -- what is shown ----------------------------------------------------------------------------------------------------
def _show(config: Any, experiment: Experiment, result: dict) -> None:
    dates = " to ".join(result["held_out"])
    table = report.comparison_table(result, title=f"Real demand of {dates}, held out", profit=experiment.profit)
    speeds = [
        f"{name}: {training['train_steps']:,} steps at {training['steps_per_second']:,.0f} a second"
        for name, training in result["learners"].items()
    ]
    output.show(config, result, table, *speeds)
