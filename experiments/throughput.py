"""Speed on this machine: environment steps and training steps per second, of forecasters too, compile times, peers.

Steady rates are medians of interleaved repeats in one process, compilation and warm-up excluded, so that ratios hold
on a noisy machine where absolute figures do not. Peers (``pip install -e ".[peers]"``) are measured where installed:
gymnax's CartPole rollout at the same number of environments, gym-invmgmt's network beside the same one here, and
rejax's PPO (on CartPole), DQN and SAC (on our problem) with the same networks, periods, minibatches and gradient steps.
Everything runs on one device, peers too (on CPU one XLA host device): programs are compared, not ways to shard them.
What is learned meanwhile: ``python -m experiments.beside_rejax``.
"""

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table

from experiments import output


@dataclasses.dataclass(frozen=True)
class Config:
    json: Path | None = None
    """write the rows to this file too: name, num_envs, steps_per_second, compile_seconds, peer, ratio"""
    num_envs: tuple[int, ...] = (256, 4096)
    """numbers of environments of the rollouts"""
    envs: tuple[str, ...] = ()
    """registered environments of the rollouts besides lost sales; all of them unless some are given"""
    instances: tuple[tuple[int, int], ...] = ((4, 6), (8, 50))
    """warehouses and SKUs of the rollouts besides the 1 x 1 lost-sales problem"""
    items: tuple[tuple[int, int], ...] = ((1, 200), (3, 200))
    """warehouses in a chain and SKUs of the rollouts that are counted in SKU-steps"""
    items_num_envs: int = 64
    """number of environments of these"""
    ppo_num_envs: tuple[int, ...] = (64, 2048)
    """numbers of environments of PPO and A2C"""
    num_steps: int = 128
    """periods per environment in one iteration of these"""
    replay_num_envs: tuple[int, ...] = (64,)
    """numbers of environments of DQN and SAC, which take a gradient step per period"""
    forecast_batch: tuple[int, ...] = (64,)
    """numbers of windows in an optimiser step of the forecasters"""
    population: tuple[int, int] = (16, 8)
    """seeds and learning rates of a population of PPO, compared with a single run"""
    repeats: int = 5
    """interleaved measurements of each program, of which the median counts"""
    seconds: float = 0.5
    """least length of one measurement"""
    quick: bool = False
    """only to see that it runs: small sizes and short measurements, so the time is compilation and rates mean little"""

    def __post_init__(self):
        counts = "num_envs", "ppo_num_envs", "replay_num_envs", "forecast_batch", "population", "instances", "items"
        for name in counts:
            if any(size < 1 for sizes in getattr(self, name) for size in (sizes if type(sizes) is tuple else (sizes,))):
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if any(n % 4 for n in self.ppo_num_envs):
            raise ValueError(f"ppo_num_envs must be multiples of 4, the number of minibatches, got {self.ppo_num_envs}")
        for name in ("items_num_envs", "num_steps", "repeats", "seconds"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


QUICK = {
    "num_envs": (8,), "instances": (), "items": ((1, 20),), "items_num_envs": 8, "ppo_num_envs": (4,),
    "replay_num_envs": (4,), "forecast_batch": (4,), "population": (2, 2), "num_steps": 4, "repeats": 2,
    "seconds": 0.01,
}  # fmt: skip


def check_names(envs: tuple[str, ...]) -> None:
    """Raises ``ValueError`` for names of environments that do not exist."""
    if envs:
        from jaxinv.env import registered

        if unknown := [name for name in envs if name not in registered()]:
            raise ValueError(f"no environment {unknown[0]!r}; registered are {', '.join(registered())}")


def measure(config: Config) -> list[dict[str, Any]]:
    """The rows of the table, as ``--json`` writes them."""
    from experiments import speed, speed_forecasts, speed_training  # jax and the rest: --help answers without them

    if config.quick:
        config = dataclasses.replace(config, envs=config.envs or ("DualSourcing-v0",), **QUICK)
    groups = [speed.rollouts(n, config.envs, config.instances) for n in config.num_envs]
    groups += [speed.networks(n) for n in config.num_envs]
    groups.append(speed.many_items(config.items_num_envs, config.items))
    groups += [speed_training.trainings(n, config.num_steps) for n in config.ppo_num_envs]
    groups += [speed_training.replays(n) for n in config.replay_num_envs]
    groups.append(speed_training.population(*config.population))
    groups += [speed_forecasts.networks(batch) for batch in config.forecast_batch]
    rows = []
    for programs in groups:
        rows += speed.compare(programs, config.repeats, config.seconds)
    return rows


def table(rows: list[dict[str, Any]], title: str) -> Table:
    caption = "ratio: to the peer measured beside it; of forecasters: windows in a batch, and steps of the optimiser"
    table = Table(title=title, caption=caption, title_justify="left")
    table.add_column("program")
    for name in ("environments", "steps/s", "compile s"):
        table.add_column(name, justify="right")
    table.add_column("peer")
    table.add_column("ratio", justify="right")
    for row in rows:
        table.add_row(
            row["name"],
            f"{row['num_envs']:,}",
            f"{row['steps_per_second']:.2e}",
            f"{row['compile_seconds']:.2f}",
            row["peer"] or "",
            "" if row["ratio"] is None else f"{row['ratio']:.2f}",
        )
    return table


def main() -> None:
    os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"  # compile times are those of compiling
    try:
        config = tyro.cli(Config, description=__doc__)
        check_names(config.envs)
        output.file(config.json)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    rows = measure(config)

    import jax

    device = jax.devices()[0].device_kind
    # Wide enough for the programs' names where the output is not a terminal.
    Console(width=max(120, Console().width)).print(
        table(rows, f"Throughput, one {device} device of {os.cpu_count()} cores, jax {jax.__version__}")
    )
    if config.json is not None:
        config.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
