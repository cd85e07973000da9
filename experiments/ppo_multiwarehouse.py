"""Several stores, real demand: a learner beside tuned heuristics, judged on sales that none of them has seen.

The demand of a sales panel is fitted to its training dates; heuristics are tuned and the learner, PPO unless said
otherwise, is trained on that fit. All are then replayed on the real demand of the held-out dates: one table,
result.json and figures in the output directory.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from experiments import command
from experiments.retail import RetailConfig, TuningConfig


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
    """widths of the network that all cells share, of every learner"""
    initial_log_std: float = -1.5
    """log standard deviation of the first exploration, of every learner"""


@dataclasses.dataclass(frozen=True)
class Config(command.RunConfig):
    demand: str = "complete_journey"
    """an embedded panel (complete_journey, online_retail) or a sales file: long CSV or Parquet"""
    columns: dict[str, str] = dataclasses.field(default_factory=dict)
    """what the file calls our columns, e.g. --columns date Day sku Item quantity Units"""
    preset: Literal["smoke", "default", "large"] = "default"
    """smoke: seconds, to see that it runs; default: minutes on a laptop; large: for an accelerator or a long wait"""
    env: RetailConfig = RetailConfig()
    agent: Literal["ppo", "a2c", "a3c", "reinforce", "ddpg", "td3", "sac", "pathwise"] = "ppo"
    """who learns; all but ppo and pathwise with the hyper-parameters that the gap table gives them for every problem"""
    ppo: PPOConfig = PPOConfig()
    budget: float = 1.0
    """of another agent than ppo: part of its usual training; as many steps as PPO takes but for ddpg, td3 and sac"""
    search: TuningConfig = TuningConfig()
    out: Path = Path("runs/ppo_multiwarehouse")

    def __post_init__(self):
        if not self.budget > 0:
            raise ValueError(f"budget must be positive, got {self.budget}")


PRESETS = {
    "smoke": Config(
        preset="smoke",
        env=RetailConfig(stores=2, skus=3),
        ppo=PPOConfig(num_updates=6, num_envs=32, num_steps=16, hidden=(16, 16)),
        budget=0.005,
        search=TuningConfig(population=8, elite=2, iterations=2, paths=8),
    ),
    "default": Config(),
    "large": Config(
        preset="large",
        env=RetailConfig(stores=8, skus=20),
        ppo=PPOConfig(num_updates=4000, num_envs=512, hidden=(64, 64)),
        search=TuningConfig(paths=256),
    ),
}


def run(config: Config) -> dict:
    from experiments import comparison, steered_stores

    return comparison.run(config, steered_stores.SteeredStores)


def main() -> None:
    command.launch(PRESETS, __doc__, run)


if __name__ == "__main__":
    main()
