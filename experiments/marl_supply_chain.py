"""Four learners in the beer game, beside base-stock and anchor-and-adjust players.

Each player of the chain sees its own stock, orders and deliveries and learns by itself (IPPO, IDQN), with values of
what all see while learning (MAPPO), for its own cost or for that of the chain. Demand is that of Croson and Donohue
(2006), 0 to 8 units a week. Heuristics are tuned on the same demand; all are judged on common fresh paths: cost, the
worst paths, and how orders vary more from player to player (bullwhip): a table, result.json and figures.
"""

import dataclasses
from pathlib import Path

from experiments import command


@dataclasses.dataclass(frozen=True)
class LearnerConfig:
    """Of ``jaxinv.agents`` where not explained."""

    num_envs: int = 128
    num_steps: int = 32
    num_updates: int = 150
    """of PPO; DQN has as many environment steps"""
    hidden: tuple[int, ...] = (64, 64)


@dataclasses.dataclass(frozen=True)
class Config(command.OutputConfig):
    learner: LearnerConfig = LearnerConfig()
    weeks: int = 200
    """that are counted, on every path"""
    warmup: int = 50
    paths: int = 200
    """that all are judged on"""
    search: command.SearchConfig = command.SearchConfig(paths=64)
    out: Path = Path("runs/marl_supply_chain")

    def __post_init__(self):
        command.at_least(self, weeks=2, warmup=0, paths=2)


PRESETS = {
    "smoke": Config(
        preset="smoke",
        learner=LearnerConfig(num_envs=8, num_steps=8, num_updates=2, hidden=(8,)),
        weeks=10,
        warmup=2,
        paths=4,
        search=command.SearchConfig(paths=2),
    ),
    "default": Config(),
}


def run(config: Config) -> dict:
    from experiments import beer_game

    return beer_game.run(config)


def main() -> None:
    command.launch(PRESETS, __doc__, run)


if __name__ == "__main__":
    main()
