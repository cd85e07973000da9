"""Learners, compiled together with the environments that they learn in."""

from jaxinv.agents.a2c import A2C, A3C
from jaxinv.agents.networks import MLP, CellNetwork
from jaxinv.agents.on_policy import OnPolicy, OnPolicyState
from jaxinv.agents.policy import NetworkPolicy
from jaxinv.agents.ppo import PPO
from jaxinv.agents.reinforce import REINFORCE
from jaxinv.agents.sequence import GRU, SequenceNetwork, Transformer

__all__ = [
    "A2C",
    "A3C",
    "GRU",
    "MLP",
    "PPO",
    "REINFORCE",
    "CellNetwork",
    "NetworkPolicy",
    "OnPolicy",
    "OnPolicyState",
    "SequenceNetwork",
    "Transformer",
]
