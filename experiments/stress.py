"""Policies under stress: stock, service and cost before, during and after a supplier outage, a loss of capacity, late
deliveries, a surge or a collapse of demand, or a jump of costs, and how long they take to recover.

Heuristics are tuned on normal demand and meet every shock on the paths on which they also go without it, so that what
the shock costs is a difference of the two. A policy has recovered when, from then on to the end, the mean cost of a
period differs by less than 5 % from that without the shock, or by no more than the noise of the paths (a 95 % band over
all periods together). The scenario "random" has outages that begin and end by chance, and is judged over all periods.
    python -m experiments.stress --env SingleItem-v0 --set lead_time=4 stockout_cost=19 --scenarios outage surge random
"""

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments import output
from experiments.problem import ProblemConfig, build_problem
from experiments.scenarios import RANDOM, SCENARIOS, Severity, overall, stressed, summary


@dataclasses.dataclass(frozen=True)
class Config:
    problem: Annotated[ProblemConfig, tyro.conf.arg(name="")] = ProblemConfig()
    instance: str | None = None
    """a published instance of --env, which --set and --file change, in place of its default numbers"""
    scenarios: tuple[str, ...] = SCENARIOS
    """some of outage, capacity_loss, lead_time_slip, surge, collapse, cost_jump and random"""
    policies: tuple[str, ...] = ()
    """heuristics by name, e.g. BaseStock; all that fit the problem unless some are given"""
    severity: Severity = Severity()
    length: int = 10
    """periods that the shock lasts"""
    before: int = 20
    """periods shown before it"""
    after: int = 60
    """periods simulated after it"""
    warmup: int = 100
    """periods simulated before all that"""
    num_paths: int = 1000
    tuning_paths: int = 32
    """paths of 500 periods that heuristics are tuned on"""
    seed: int = 0
    out: Path = Path("runs/stress")
    """folder for config.json, result.json and a figure per scenario that is not random"""

    def __post_init__(self):
        known = (*SCENARIOS, RANDOM)
        if not self.scenarios:
            raise ValueError(f"scenarios must name some of {', '.join(known)}")
        if unknown := [name for name in self.scenarios if name not in known]:
            raise ValueError(f"no scenario {unknown[0]!r}; there are {', '.join(known)}")
        lows = {"length": 1, "before": 1, "after": 1, "warmup": 0, "num_paths": 2, "tuning_paths": 1}
        for name, low in lows.items():
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be >= {low}, got {getattr(self, name)}")


def run(config: Config) -> dict[str, Any]:
    """The result, as in result.json; tables are printed and figures written on the way."""
    import jax
    import numpy as np
    from rich.console import Console

    from experiments.heuristics import tuned
    from jaxinv import report
    from jaxinv.env.shocks import Shocked
    from jaxinv.evaluate import sample_paths

    # Wide enough for the numbers where the output is not a terminal.
    began, console = time.perf_counter(), Console(width=max(120, Console().width))
    env, params = build_problem(config.problem, config.instance)
    shocked, start = Shocked(env, max_slip=config.severity.slip), config.warmup + config.before
    length = start + config.length + config.after

    def numbers(scenario: str, periods: int) -> Any:
        return stressed(shocked, params, scenario, config.severity, start, periods)

    met_with = {
        scenario: numbers(scenario, config.length) for scenario in config.scenarios
    }  # what does not fit fails now
    output.folder(config.out)
    tuning, drawing = jax.random.split(jax.random.key(config.seed))
    with console.status("tuning heuristics on normal demand"):
        policies = tuned(
            env,
            params,
            tuning,
            num_paths=config.tuning_paths,
            length=500 + config.warmup,
            warmup=config.warmup,
            names=config.policies or None,
        )

    @jax.jit
    def simulate(policy, params, paths):
        def one(state, exogenous):
            return shocked.rollout(policy, state, exogenous, params, record=_recorded)[1]

        return jax.vmap(one)(paths.states, paths.exogenous)  # [N, T] each

    def simulated(numbers: Any) -> dict[str, dict[str, np.ndarray]]:
        paths = sample_paths(shocked, numbers, drawing, config.num_paths, length)
        found = {name: simulate(policy, numbers, paths) for name, policy in policies.items()}
        return jax.tree.map(lambda x: np.asarray(x, np.float64)[:, config.warmup :], found)

    result: dict[str, Any] = {"env": type(env).__name__, "policies": {n: _numbers(p) for n, p in policies.items()}}
    scheduled = [scenario for scenario in config.scenarios if scenario != RANDOM]
    calm = simulated(numbers(scheduled[0], 0)) if scheduled else {}  # without a shock, all of them are the same
    for scenario in config.scenarios:
        met = simulated(met_with[scenario])
        if scenario == RANDOM:
            without = simulated(numbers(RANDOM, 0))
            result[scenario] = {name: overall(met[name], without[name]) for name in policies}
            mean = f"{config.severity.begins:g} begin and {config.severity.ends:g} end in a period"
            console.print(report.stress_table(result[scenario], title=f"{result['env']}: random outages, {mean}"))
            continue
        rows = {name: summary(met[name], calm[name], config.before, config.length) for name in policies}
        result[scenario] = rows
        title = f"{result['env']}: {scenario.replace('_', ' ')} of {config.length} periods"
        console.print(report.stress_table(rows, title=title))
        series = {name: {"shock": _means(met[name]), "calm": _means(calm[name])} for name in policies}
        periods = np.arange(-config.before, config.length + config.after)
        report.shock_response(periods, series, config.length, title=title).savefig(
            config.out / f"{scenario}.png", dpi=130
        )
    result |= {"device": jax.devices()[0].device_kind, "wall_seconds": time.perf_counter() - began}
    (config.out / "config.json").write_text(json.dumps(dataclasses.asdict(config), indent=1, default=str) + "\n")
    (config.out / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    return result


def _recorded(transition: Any) -> dict[str, Any]:
    """Cost and units of a period, over all cells."""
    ledger = transition.outcome.ledger
    unmet = ledger.lost.sum() + ledger.backlogged.sum()
    units = {"demanded": ledger.demanded.sum(), "unmet": unmet, "on_hand": ledger.on_hand.sum()}
    return {"cost": -transition.outcome.reward, **units}


def _numbers(policy: Any) -> dict[str, Any]:
    """The parameters of a policy."""
    values = {field.name: getattr(policy, field.name) for field in dataclasses.fields(policy)}
    return {name: value.tolist() for name, value in values.items() if hasattr(value, "tolist")}


def _means(met: dict[str, Any]) -> dict[str, Any]:
    """Means over paths [T]."""
    fill = 1.0 - met["unmet"].mean(0) / met["demanded"].mean(0).clip(1e-9)
    return {
        "stock on hand\n[units]": met["on_hand"].mean(0),
        "fill rate": fill,
        "cost\n[money per period]": met["cost"].mean(0),
    }


def main() -> None:
    try:
        run(tyro.cli(Config, description=__doc__))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
