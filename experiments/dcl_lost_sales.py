"""Deep Controlled Learning on lost sales, generation by generation, where the optimum is known.

A generation compares, by simulation, what can be ordered in states that the last policy visits, and fits networks to
what was best there and in the generations before, until two gain nothing. The gap of every generation to the optimum,
exact on the Markov chain, stands beside the heuristics' and beside pathwise learning of the same problem: a table,
result.json and a figure of gap against time, with a curve for each number of states that a generation samples.
"""

import dataclasses
from pathlib import Path

from experiments import command


@dataclasses.dataclass(frozen=True)
class DCLConfig:
    """Of ``jaxinv.agents.DCL`` where not explained."""

    states: tuple[int, ...] = (256, 1024, 4096)
    """that a generation samples; for each number there is a run"""
    num_updates: int = 8
    """generations at most"""
    num_steps: int = 16
    scenarios: int = 256
    rounds: int = 8
    depth: int = 40
    fit_steps: int = 2000
    fits: int = 4
    trial_periods: int = 8192

    def __post_init__(self):
        for states in self.states:
            if states < 1 or states % self.num_steps:
                raise ValueError(f"dcl.states must be multiples of dcl.num_steps = {self.num_steps}, got {states}")


@dataclasses.dataclass(frozen=True)
class Config(command.OutputConfig):
    instance: str = "zipkin2008/poisson-p4-L4"
    """of SingleItem-v0, with lost sales"""
    dcl: DCLConfig = DCLConfig()
    pathwise_updates: int = 500
    """iterations of ``jaxinv.optimise.Pathwise``"""
    paths: int = 200
    """that costs are simulated on where they are not exact"""
    out: Path = Path("runs/dcl_lost_sales")

    def __post_init__(self):
        command.at_least(self, pathwise_updates=1, paths=2)


PRESETS = {
    "smoke": Config(
        preset="smoke",
        instance="zipkin2008/poisson-p4-L2",
        dcl=DCLConfig(
            states=(8, 16), num_updates=1, num_steps=2, scenarios=8, rounds=3, depth=5, fit_steps=20, trial_periods=20
        ),
        pathwise_updates=2,
    ),
    "default": Config(),
}


def run(config: Config) -> dict:
    from experiments import generations

    return generations.run(config)


def main() -> None:
    command.launch(PRESETS, __doc__, run)


if __name__ == "__main__":
    main()
