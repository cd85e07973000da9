"""Policies under stress: stock, service and cost before, during and after a supplier outage, a loss of capacity, late
deliveries, a surge or a collapse of demand, or a jump of costs, and how long they take to recover.

Heuristics are tuned on normal demand and meet every shock on the paths on which they also go without it, so that what
the shock costs is a difference of the two. A policy has recovered when, from then on to the end, the mean cost of a
period differs by less than 5 % from that without the shock, or by no more than the noise of the paths (a 95 % band over
all periods together).
    python -m experiments.stress --env SingleItem-v0 --set lead_time=4 stockout_cost=19 --scenarios outage surge
"""

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments.problem import ProblemConfig, given_instance
from experiments.scenarios import SCENARIOS, Severity, stressed, summary


@dataclasses.dataclass(frozen=True)
class Config:
    problem: Annotated[ProblemConfig, tyro.conf.arg(name="")] = ProblemConfig()
    instance: str | None = None
    """a published instance of --env, in place of its default numbers"""
    scenarios: tuple[str, ...] = SCENARIOS
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
    """folder for config.json, result.json and a figure per scenario"""

    def __post_init__(self):
        if unknown := sorted(set(self.scenarios) - set(SCENARIOS)):
            raise ValueError(f"no scenario {unknown[0]!r}; there are {', '.join(SCENARIOS)}")
        for name, low in (("length", 1), ("before", 1), ("after", 1), ("warmup", 0), ("num_paths", 2)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be >= {low}, got {getattr(self, name)}")


def run(config: Config) -> dict[str, Any]:
    """The result, as in result.json; tables are printed and figures written on the way."""
    import jax
    import numpy as np
    from rich.console import Console

    from experiments.heuristics import tuned
    from jaxinv import report
    from jaxinv.env import build, make
    from jaxinv.env.shocks import Shocked
    from jaxinv.evaluate import sample_paths

    began, console = time.perf_counter(), Console()
    given = given_instance(config.problem)
    env, params = (
        make(config.problem.env, instance=config.instance) if given is None else build(given.env, given.settings)
    )
    tuning, drawing = jax.random.split(jax.random.key(config.seed))
    with console.status("tuning heuristics on normal demand"):
        policies = tuned(
            env, params, tuning, num_paths=config.tuning_paths, length=500 + config.warmup, warmup=config.warmup
        )
    policies.pop("ProjectedInventory", None)  # it reads the pipeline, and would order anew what waits at suppliers
    shocked, start = Shocked(env, max_slip=config.severity.slip), config.warmup + config.before
    length = start + config.length + config.after

    @jax.jit
    def simulate(policy, params, paths):
        def one(state, exogenous):
            return shocked.rollout(policy, state, exogenous, params, record=_recorded)[1]

        return jax.vmap(one)(paths.states, paths.exogenous)  # [N, T] each

    def simulated(scenario: str, periods: int) -> dict[str, dict[str, np.ndarray]]:
        numbers = stressed(shocked, params, scenario, config.severity, start, periods)
        paths = sample_paths(shocked, numbers, drawing, config.num_paths, length)
        found = {name: simulate(policy, numbers, paths) for name, policy in policies.items()}
        return jax.tree.map(lambda x: np.asarray(x, np.float64)[:, config.warmup :], found)

    result: dict[str, Any] = {"env": type(env).__name__, "policies": {n: _numbers(p) for n, p in policies.items()}}
    calm = simulated(config.scenarios[0], 0)  # without a shock, all scenarios are the same
    config.out.mkdir(parents=True, exist_ok=True)
    for scenario in config.scenarios:
        met = simulated(scenario, config.length)
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
    return {"stock on hand": met["on_hand"].mean(0), "fill rate": fill, "cost": met["cost"].mean(0)}


def main() -> None:
    try:
        run(tyro.cli(Config, description=__doc__))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
