"""What a heuristic does in an environment, as pictures: stock, orders on the way, demand and orders of every node, and
cost by cause, against the period; and the flow of goods through the network in several periods.

    python -m experiments.rollout --env Distribution-v0 --set num_stores=4 --policy EchelonBaseStock
"""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from experiments import output
from experiments.problem import ProblemConfig, build_problem


@dataclasses.dataclass(frozen=True)
class Config:
    problem: Annotated[ProblemConfig, tyro.conf.arg(name="")] = ProblemConfig()
    instance: str | None = None
    """a published instance of --env, which --set and --file change, in place of its default numbers"""
    policy: str | None = None
    """heuristic by name; the one that costs least unless given"""
    periods: int = 60
    """periods drawn"""
    warmup: int = 0
    """periods simulated before them"""
    tuning_paths: int = 16
    """paths of 200 periods that heuristics are tuned on"""
    seed: int = 0
    out: Path = Path("runs/rollout")
    """folder for rollout.png and flow.png"""

    def __post_init__(self):
        for name, low in (("periods", 1), ("warmup", 0), ("tuning_paths", 1)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be >= {low}, got {getattr(self, name)}")


def run(config: Config, console: Console) -> list[Path]:
    """Tune, simulate and draw; returns the paths of the drawings."""
    import jax

    from experiments.heuristics import tuned
    from jaxinv import report
    from jaxinv.evaluate import evaluate, sample_paths

    env, params = build_problem(config.problem, config.instance)
    output.folder(config.out)
    tuning, comparing, resetting, drawing = jax.random.split(jax.random.key(config.seed), 4)
    names = None if config.policy is None else [config.policy]
    with console.status("tuning heuristics"):
        policies = tuned(env, params, tuning, num_paths=config.tuning_paths, length=200, warmup=50, names=names)
        paths = sample_paths(env, params, comparing, config.tuning_paths, 200)
        costs = {
            name: float(evaluate(policy, env, params, paths, warmup=50).cost_mean) for name, policy in policies.items()
        }
    for name, cost in sorted(costs.items(), key=lambda item: item[1]):
        console.print(f"{name}: {cost:,.2f} a period", highlight=False)
    best = min(costs, key=lambda name: costs[name])

    _, state = env.reset(resetting, params)
    path = env.sample_path(drawing, state, params, config.warmup + config.periods)
    drawn = report.record(env, policies[best], state, path, params, warmup=config.warmup)
    title = f"{config.instance or config.problem.env}: {best}"
    figures = {"rollout": report.rollout_figure(drawn, title=title), "flow": report.flow_by_period(drawn, title=title)}
    written = []
    for name, figure in figures.items():
        written.append(config.out / f"{name}.png")
        figure.savefig(written[-1], dpi=110)
    console.print(f"drawn to {' and '.join(map(str, written))}", highlight=False, soft_wrap=True)
    return written


def main() -> None:
    try:
        run(tyro.cli(Config, description=__doc__), Console())
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
