"""Learners, compiled together with the environments that they learn in."""

from jaxinv.agents.networks import MLP, CellNetwork
from jaxinv.agents.policy import NetworkPolicy
from jaxinv.agents.ppo import PPO, PPOState

__all__ = ["MLP", "PPO", "CellNetwork", "NetworkPolicy", "PPOState"]
