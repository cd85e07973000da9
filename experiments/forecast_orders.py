"""The course of ``forecast_to_order``: forecasters, the policies that use them or do without, and how they are judged.
Imported after the command line has been parsed."""

import dataclasses
import time
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments import figures, order_table, output
from experiments.comparison import summary, two_at_a_time
from experiments.order_problems import FEATURES, Problem, build, fitted_forecasters
from jaxinv.agents import GRU, PPO, SequenceNetwork, Transformer
from jaxinv.agents.networks import for_space
from jaxinv.env.history import LastDemand, ObservationHistory
from jaxinv.env.informed import Informed
from jaxinv.env.wrappers import OrderUpTo, Steered
from jaxinv.evaluate import Evaluation, evaluate
from jaxinv.forecast import Backtest
from jaxinv.optimise import Pathwise, grid_search, tune
from jaxinv.policies import BaseStock, Following, QuantileBaseStock
from jaxinv.policies.closed_forms import critical_ratio
from jaxinv.train import fit

_SCORES = ("wql", "lead_wql", "lead_coverage")
_PARTS = 8  # of a training run, after each of which the policy is judged on the days to choose with


@dataclasses.dataclass(frozen=True)
class Contender:
    kind: str  # heuristic, forecast, residual or end to end
    policy: Any
    env: Any
    params: Any
    forecaster: str | None = None  # whose forecasts it reads
    forecasts: Backtest | None = None  # how good they are on the days to judge on
    seconds: float = 0.0  # of training


class Replays:
    """Paths of each part of the days, the same for all who act in the environment and in views of it; those who
    remember have states of their own, of the same days and stocks."""

    def __init__(self, problem: Problem, config: Any, key: Array):
        self.problem = problem
        self.remembering = ObservationHistory(LastDemand(Informed(problem.env)), config.pathwise.window)
        self.paths = {part: problem.replays(problem.env, part, key) for part in ("train", "validation", "test")}
        self.remembered = {part: problem.replays(self.remembering, part, key) for part in ("validation", "test")}

    def judge(self, contender: Contender, part: str) -> Evaluation:
        c, paths = contender, self.remembered if contender.kind == "end to end" else self.paths
        return evaluate(c.policy, c.env, c.params, paths[part], warmup=self.problem.dates.warmup)

    def cost(self, contender: Contender) -> float:
        """On the days to choose with."""
        return float(self.judge(contender, "validation").cost_mean)


def run(config: Any) -> dict:
    """Everything from the panels to the files in ``config.out``; returns what result.json holds."""
    started = time.perf_counter()
    problems = [_solve(build(name, config), config) for name in config.problems]
    figures.write(config.out / "figures", {f"policies_{i}": order_table.drawn(of) for i, of in enumerate(problems)})
    result = {"problems": problems, **output.machine(), "wall_seconds": time.perf_counter() - started}
    output.write(config, result)
    (config.out / "forecast_to_order.md").write_text(order_table.markdown(problems))
    lines = [line for of in problems for line in (order_table.table(of), *order_table.lessons(of), "")]
    output.show(config, result, *lines)
    return result


def _solve(problem: Problem, config: Any) -> dict[str, Any]:
    """Rows of the table of a problem, and what its forecasters are worth."""
    learning, stocks, bootstrap = jax.random.split(jax.random.key(config.seed), 3)
    replays = Replays(problem, config, stocks)
    both = two_at_a_time(lambda of: of(problem, config, replays, learning), (_forecasting, _without_forecasts))
    contenders: dict[str, Contender] = both[0] | both[1]
    scores: dict[Any, Any] = {c.forecaster: c.forecasts for c in contenders.values() if c.kind == "forecast"}
    chosen = {name: replays.cost(c) for name, c in contenders.items()}
    on_test = {name: replays.judge(c, "test") for name, c in contenders.items()}

    def best(kind: str, forecasters: tuple[str | None, ...] = (None,)) -> str:
        """The cheapest contender of this kind on the days to choose with."""
        named = (name for name, c in contenders.items() if c.kind == kind and c.forecaster in forecasters)
        return min(named, key=lambda name: chosen[name])

    reference = best("heuristic")
    rows = {}
    for name, contender in contenders.items():
        rows[name] = summary(on_test[name], on_test[reference], bootstrap, stores=False)
        rows[name] |= {"kind": contender.kind, "forecaster": contender.forecaster, "seconds": contender.seconds}
        rows[name]["cost_mean_validation"] = chosen[name]
    return {
        "title": problem.title,
        "days": dataclasses.asdict(problem.dates),
        "held_out": [str(problem.panel.dates[-problem.dates.test]), str(problem.panel.dates[-1])],
        "best_heuristic": reference,
        "best_classical": best("forecast", config.forecast.classical),
        "best_neural": best("forecast", (config.forecast.network,)),
        "policies": rows,
        "scores": {name: {s: _numbers(of.score(s)) for s in _SCORES} for name, of in scores.items()},
        "pairs": [_pair(a, b, scores, on_test, bootstrap) for i, a in enumerate(scores) for b in list(scores)[:i]],
    }


def _pair(a: str, b: str, scores: dict, judged: dict[str, Evaluation], key: Array) -> dict[str, Any]:
    """Two forecasters: the differences, first less second, of their scores and of the costs of their orders."""
    ours, theirs = (judged[_orders(name)] for name in (a, b))
    cost = summary(ours, theirs, key, stores=False)["difference_to_best_heuristic"]
    return {
        "forecasters": [a, b],
        "cost": [cost["mean"], *cost["ci95"]],
        **{score: _numbers(scores[a].difference(scores[b], score)) for score in ("wql", "lead_wql")},
    }


def _numbers(interval: Any) -> list[float]:
    """Mean and the ends of its interval."""
    return [float(interval.mean), *map(float, interval.ci95)]


def _orders(forecaster: str) -> str:
    return f"quantile of {forecaster}"


# -- who is compared --------------------------------------------------------------------------------------------------
def _without_forecasts(problem: Problem, config: Any, replays: Replays, key: Array) -> dict[str, Contender]:
    """Base-stock levels that are fixed, and that follow the calendar, tuned on the days to learn on; and policies that
    remember."""
    env, params, warmup = problem.env, problem.params, problem.dates.warmup
    paths, typical = replays.paths["train"], params.demand_scale

    def base_stock(follows: bool) -> Contender:
        if env.cells:
            numbers = {"warmup": warmup, "population": 64, "elite": 8, "iterations": 12}
            found = tune(BaseStock, env, params, paths, key, following=follows, **numbers)
        else:
            rule = Following(typical=typical, periods=problem.horizon, adaptation=None) if follows else None  # type: ignore[arg-type]
            grid = {"level": typical * problem.horizon * jnp.linspace(0.3, 3.0, 109)}
            found = grid_search(partial(BaseStock, following=rule), grid, env, params, paths, warmup=warmup)
        return Contender("heuristic", found.policy, env, params)

    found = {"base-stock": base_stock(False), "base-stock by the calendar": base_stock(True)}
    level, memories = found["base-stock"].policy.level, config.pathwise.memories
    learned = two_at_a_time(lambda memory: _end_to_end(problem, memory, level, config, replays, key), memories)
    return found | {f"pathwise {memory}": of for memory, of in zip(memories, learned, strict=True)}


def _forecasting(problem: Problem, config: Any, replays: Replays, key: Array) -> dict[str, Contender]:
    """Order-up-to levels at the newsvendor's fractile of each forecast, and at that which was cheapest on the days to
    learn on; and what learns to shift the orders of the best of these."""
    env = Informed(problem.env)

    def make(fractile: Array) -> QuantileBaseStock:  # of all cells: one program judges what is tuned and what is not
        of_cells = jnp.broadcast_to(fractile, env.cells)
        return QuantileBaseStock(levels=jnp.asarray(FEATURES), fractile=of_cells, extra=jnp.zeros(env.cells))

    grid = {"fractile": jnp.linspace(0.5, FEATURES[-1], 25)}
    found = {}
    for name, fitted in fitted_forecasters(problem, config):
        forecasts, test = problem.foretell(fitted)
        params = problem.knowing(forecasts)
        tuned = grid_search(make, grid, env, params, replays.paths["train"], warmup=problem.dates.warmup).policy
        for how, policy in (("", make(critical_ratio(params))), ("tuned ", tuned)):
            found[how + _orders(name)] = Contender("forecast", policy, env, params, name, test)
    base = min(found, key=lambda name: replays.cost(found[name]))
    return found | {f"residual PPO on {base}": _residual(found[base], config, replays, key)}


def _residual(base: Contender, config: Any, replays: Replays, key: Array) -> Contender:
    """PPO that adds to, or takes from, the levels of a forecast."""
    numbers = dataclasses.asdict(config.ppo)
    shape = {"hidden": tuple(numbers.pop("hidden")), "initial_log_std": numbers.pop("initial_log_std"), "shared": True}
    env = Steered(base.env, base.policy, ("extra",), span=1.0)
    network = for_space(env.observation_space(base.params), **shape)
    ppo = PPO(env=env, network=network, **numbers)
    return _trained(dataclasses.replace(base, kind="residual", env=env), ppo, replays, key)


def _end_to_end(problem: Problem, memory: str, level: Array, config: Any, replays: Replays, key: Array) -> Contender:
    """Levels from the raw history of demand, stock and calendar, without a forecast, up to twice the fixed ones,
    learned along the gradient of their cost."""
    numbers = dataclasses.asdict(config.pathwise)
    del numbers["memories"]
    del numbers["window"]
    hidden = numbers.pop("hidden")
    reads = {"gru": GRU(hidden), "transformer": Transformer(hidden, num_layers=1, num_heads=4)}[memory]
    env = OrderUpTo(replays.remembering, _tuples((2.0 * np.maximum(level, 1.0)).tolist()))
    network = SequenceNetwork(memory=reads, shared=True, cell_axes=len(env.cells))
    learner = Pathwise(env=env, network=network, warmup=problem.dates.warmup, stagger=False, **numbers)
    return _trained(Contender("end to end", None, env, problem.params), learner, replays, key)


def _tuples(values: Any) -> Any:
    return tuple(map(_tuples, values)) if isinstance(values, list) else values


def _trained(contender: Contender, learner: Any, replays: Replays, key: Array) -> Contender:
    """With what its learner learned on the days to learn on, in the state that was cheapest on the days to choose
    with."""
    started = time.perf_counter()

    def score(policy: Any) -> float:
        return replays.cost(dataclasses.replace(contender, policy=policy))

    chunk = max(1, learner.num_updates // _PARTS)
    params = replays.problem.training(contender.params)
    found = fit(learner, params, key, chunk=chunk, evaluate=score, progress=False)
    policy = learner.policy(found.best_state)
    return dataclasses.replace(contender, policy=policy, seconds=time.perf_counter() - started)
