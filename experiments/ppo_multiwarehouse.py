"""Several stores, real demand: PPO beside tuned heuristics, judged on sales that none of them has seen.

The demand of a sales panel is fitted to its training dates; heuristics are tuned and PPO is trained on that fit. All
are then replayed on the real demand of the held-out dates: one table, result.json and figures in the output directory.
"""

import dataclasses
import sys
from pathlib import Path
from typing import Literal

import tyro

from experiments.retail import RetailConfig


@dataclasses.dataclass(frozen=True)
class PPOConfig:
    """Of ``jaxinv.agents.PPO`` where not explained; hyper-parameters are the same for every instance."""

    num_updates: int = 360
    num_envs: int = 128
    num_steps: int = 16
    num_epochs: int = 4
    num_minibatches: int = 4
    learning_rate: float = 3e-3
    discount: float = 0.98
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    entropy_coef: float = 0.0
    team_share: float = 1.0
    branches: int = 8
    target_kl: float = 0.03
    hidden: tuple[int, ...] = (32, 32)
    """widths of the network that all cells share"""
    initial_log_std: float = -1.5
    """log standard deviation of the first exploration"""


@dataclasses.dataclass(frozen=True)
class SearchConfig:
    """How heuristics are tuned: see ``jaxinv.optimise.tune``."""

    population: int = 128
    elite: int = 16
    iterations: int = 20
    paths: int = 128
    """demand paths that candidates are compared on, and that the best state of PPO is chosen by"""


@dataclasses.dataclass(frozen=True)
class Config:
    demand: str = "complete_journey"
    """an embedded panel (complete_journey, online_retail) or a sales file: long CSV or Parquet"""
    columns: dict[str, str] = dataclasses.field(default_factory=dict)
    """what the file calls our columns, e.g. --columns date Day sku Item quantity Units"""
    preset: Literal["smoke", "default", "large"] = "default"
    """smoke: seconds, to see that it runs; default: minutes on a laptop; large: for an accelerator or a long wait"""
    env: RetailConfig = RetailConfig()
    ppo: PPOConfig = PPOConfig()
    search: SearchConfig = SearchConfig()
    seed: int = 0
    num_seeds: int = 1
    """PPO runs at once; the one best in validation, on fitted demand, is the policy judged"""
    out: Path = Path("runs/ppo_multiwarehouse")
    resume: bool = False
    """go on with the training run in the output directory"""


PRESETS = {
    "smoke": Config(
        preset="smoke",
        env=RetailConfig(stores=2, skus=3),
        ppo=PPOConfig(num_updates=6, num_envs=32, num_steps=16, hidden=(16, 16)),
        search=SearchConfig(population=8, elite=2, iterations=2, paths=8),
    ),
    "default": Config(),
    "large": Config(
        preset="large",
        env=RetailConfig(stores=8, skus=20),
        ppo=PPOConfig(num_updates=4000, num_envs=512, hidden=(64, 64)),
        search=SearchConfig(paths=256),
    ),
}


def parse(arguments: list[str] | None = None) -> Config:
    """The configuration of a command line: the preset's, with what else is given set on top."""
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = "default"
    for i, argument in enumerate(arguments):
        if argument == "--preset" and i + 1 < len(arguments):
            chosen = arguments[i + 1]
        elif argument.startswith("--preset="):
            chosen = argument.partition("=")[2]
    return tyro.cli(Config, args=arguments, default=PRESETS.get(chosen, Config()), description=__doc__)


def main() -> None:
    config = parse()
    if (config.out / "result.json").exists() and not config.resume:
        sys.exit(f"{config.out} holds a finished run: choose another --out, or --resume it")
    from experiments.comparison import run  # jax and the rest: --help answers without them

    try:
        run(config)
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(f"stopped; --resume goes on from the last checkpoint in {config.out}")


if __name__ == "__main__":
    main()
