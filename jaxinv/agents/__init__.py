"""Learners, compiled together with the environments that they learn in."""

from jaxinv.agents.a2c import A2C, A3C
from jaxinv.agents.dcl import DCL
from jaxinv.agents.ddpg import DDPG, TD3
from jaxinv.agents.dqn import DQN
from jaxinv.agents.graph import GraphNetwork
from jaxinv.agents.learner import Learner
from jaxinv.agents.multi_agent import IDDPG, IDQN, IPPO, MADDPG, MAPPO, AgentNetwork
from jaxinv.agents.networks import MLP, CellNetwork
from jaxinv.agents.off_policy import OffPolicy, OffPolicyState
from jaxinv.agents.on_policy import OnPolicy, OnPolicyState
from jaxinv.agents.policy import NetworkPolicy
from jaxinv.agents.ppo import PPO
from jaxinv.agents.reinforce import REINFORCE
from jaxinv.agents.sac import SAC
from jaxinv.agents.sequence import GRU, SequenceNetwork, Transformer

__all__ = [
    "A2C",
    "A3C",
    "DCL",
    "DDPG",
    "DQN",
    "GRU",
    "IDDPG",
    "IDQN",
    "IPPO",
    "MADDPG",
    "MAPPO",
    "MLP",
    "PPO",
    "REINFORCE",
    "SAC",
    "TD3",
    "AgentNetwork",
    "CellNetwork",
    "GraphNetwork",
    "Learner",
    "NetworkPolicy",
    "OffPolicy",
    "OffPolicyState",
    "OnPolicy",
    "OnPolicyState",
    "SequenceNetwork",
    "Transformer",
]
