"""What our learners and rejax's reach after the same steps: the other half of ``experiments.throughput``, where speed
counts only if as much is learned.

PPO and DQN choose orders under lost sales, SAC order-up-to levels under backlog, on both sides with the same
environments, networks, minibatches and gradient steps per environment step; rejax gets at the problem through
``jaxinv.compat``. All policies act greedily on the same demand.
"""

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table

from experiments import output


@dataclasses.dataclass(frozen=True)
class Config:
    kinds: tuple[str, ...] = ("PPO", "DQN", "SAC")
    steps: int = 1_000_000
    """environment steps of each seed"""
    num_seeds: int = 5
    num_envs: int = 64
    learning_rates: tuple[float, ...] = (3e-4, 1e-3, 3e-3)
    """that both sides are given; the best for each counts"""
    num_paths: int = 256
    """demand paths that the policies are judged on, of 500 periods each"""
    num_others: int = 0
    """actions that our DQN simulates besides the one taken, see ``jaxinv.agents.DQN``"""
    json: Path | None = None
    """write the rows to this file too"""

    def __post_init__(self):
        if unknown := set(self.kinds) - {"PPO", "DQN", "SAC"}:
            raise ValueError(f"kinds must be among PPO, DQN and SAC, got {min(unknown)}")
        for name, low in (("steps", 1), ("num_seeds", 2), ("num_envs", 1), ("num_paths", 1), ("num_others", 0)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be at least {low}, got {getattr(self, name)}")


def measure(config: Config) -> list[dict[str, Any]]:
    """A row per learner, side and learning rate: cost of each seed and seconds of training, compilation included."""
    from functools import partial

    import jax

    from experiments import speed_training
    from jaxinv.evaluate import evaluate, sample_paths

    rows = []
    for kind in config.kinds:
        name, env, params = speed_training.problem(kind)
        paths = sample_paths(env, params, jax.random.key(1), config.num_paths, 600)
        ours = partial(speed_training.learned, **{"num_others": config.num_others} if kind == "DQN" else {})
        for side, learn in (("jaxinv", ours), ("rejax", speed_training.learned_by_rejax)):
            for rate in config.learning_rates:
                before = time.perf_counter()
                policies = learn(kind, rate, config.num_envs, config.steps, config.num_seeds)
                seconds = time.perf_counter() - before
                costs = [float(evaluate(each, env, params, paths, warmup=100).cost_mean) for each in policies]
                row = {"learner": kind, "problem": name, "by": side, "learning_rate": rate, "steps": config.steps}
                rows.append(row | {"costs": costs, "seconds": seconds})
    return rows


def table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="Cost per period after the same steps, mean over seeds")
    for name in ("learner", "problem", "by"):
        table.add_column(name)
    for name in ("learning rate", "steps", "cost", "seeds", "seconds"):
        table.add_column(name, justify="right")
    for row in rows:
        costs = row["costs"]
        table.add_row(
            row["learner"], row["problem"], row["by"], f"{row['learning_rate']:g}", f"{row['steps']:,}",
            f"{sum(costs) / len(costs):.4f}", " ".join(f"{cost:.3f}" for cost in costs), f"{row['seconds']:.1f}",
        )  # fmt: skip
    return table


def main() -> None:
    try:
        config = tyro.cli(Config, description=__doc__)
        output.file(config.json)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    rows = measure(config)
    Console(width=max(120, Console().width)).print(table(rows))
    if config.json is not None:
        config.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
