"""A supply network that learns along the gradient of its own cost: pathwise with a network wired as the supply network.

Installation base-stock levels are tuned; a graph network and a plain one then shift them by what they observe, trained
through the transition, and PPO as far as it gets in as many steps. All are judged on common fresh paths, beside what a
clairvoyant would have paid on them: a table, result.json and a figure.
"""

import dataclasses
from pathlib import Path

from experiments import command


@dataclasses.dataclass(frozen=True)
class LearnerConfig:
    """Of ``jaxinv.optimise.Pathwise`` where not explained."""

    num_updates: int = 200
    num_envs: int = 256
    learning_rate: float = 3e-3
    hidden: tuple[int, ...] = (64, 64)


@dataclasses.dataclass(frozen=True)
class Config(command.OutputConfig):
    instance: str = "gym-invmgmt/network-lost"
    """of SupplyNetwork-v0, with a horizon"""
    learner: LearnerConfig = LearnerConfig()
    paths: int = 100
    """that all are judged on"""
    search: command.SearchConfig = command.SearchConfig(paths=64)
    out: Path = Path("runs/pathwise_network")

    def __post_init__(self):
        command.at_least(self, paths=2)


PRESETS = {
    "smoke": Config(
        preset="smoke",
        learner=LearnerConfig(num_updates=2, num_envs=8, hidden=(8,)),
        paths=4,
        search=command.SearchConfig(paths=2),
    ),
    "default": Config(),
}


def run(config: Config) -> dict:
    from experiments import wired_networks

    return wired_networks.run(config)


def main() -> None:
    command.launch(PRESETS, __doc__, run)


if __name__ == "__main__":
    main()
