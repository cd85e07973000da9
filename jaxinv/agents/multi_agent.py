"""Several agents that learn side by side, on the view of an environment that ``env.MultiAgent`` gives.

A learner becomes one of several agents by its network: :class:`AgentNetwork` gives every agent its own actions and its
own value, and :mod:`on_policy` and :mod:`off_policy` learners then credit each with its own reward. What distinguishes
the classes below is what values may know while learning; what acts, knows its own observation only.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.agents.ddpg import DDPG
from jaxinv.agents.dqn import DQN
from jaxinv.agents.networks import MLP, NOTHING
from jaxinv.agents.off_policy import Batch
from jaxinv.agents.ppo import PPO
from jaxinv.env import spaces


class AgentNetwork(nn.Module):
    """One small network over every agent's observation [A, F]: actions of agent a, the first axis of every leaf, are
    read from its own row alone, and there is a value [A] for each.

    With ``shared_weights`` all agents have the same weights and are told which of them they are; otherwise each has
    its own. With ``central_values`` the value of an agent is read from all that all agents observe.
    """

    hidden: tuple[int, ...] = (64, 64)
    activation: str = "tanh"  # a function of flax.linen
    shared: bool = False  # whether policy and value share the hidden layers
    initial_log_std: float = -0.5
    shared_weights: bool = True
    central_values: bool = False

    @nn.compact
    def __call__(self, observation: Any, space: spaces.Space) -> tuple[tuple, Array]:
        own = jnp.concatenate([x.reshape(x.shape[0], -1) for x in jax.tree.leaves(observation)], 1)
        of_one = spaces.Tree([_of_one(leaf) for leaf in spaces.leaves(space)])
        heads, value = self._each(own, of_one, shared=self.shared or self.central_values)
        if self.central_values:
            everything = jnp.broadcast_to(jnp.ravel(own), (own.shape[0], own.size))
            _, value = self._each(everything, NOTHING, shared=True)
        return heads, value

    def _each(self, x: Array, space: spaces.Space, shared: bool) -> tuple[tuple, Array]:
        """What a network says of every row."""
        if self.shared_weights:
            x = jnp.concatenate([x, jnp.eye(x.shape[0])], 1)
        lifting: dict[str, Any] = {
            "variable_axes": {"params": None if self.shared_weights else 0},
            "split_rngs": {"params": not self.shared_weights},
            "in_axes": (0, None),
        }
        network = nn.vmap(MLP, **lifting)
        return network(self.hidden, self.activation, shared, self.initial_log_std)(x, space)


def _of_one(leaf: Any) -> spaces.Space:
    """The part of a leaf that one agent decides; bounds do not matter to networks."""
    shape = leaf.shape[1:]
    return spaces.Discrete(leaf.n, shape) if isinstance(leaf, spaces.Discrete) else spaces.unbounded(shape)


@struct.dataclass(kw_only=True)
class IPPO(PPO):
    """Independent PPO (de Witt et al. 2020, arXiv:2011.09533): every agent learns by :class:`PPO` from its own reward,
    with a value of what it observes itself."""

    network: nn.Module = struct.static(AgentNetwork())


@struct.dataclass(kw_only=True)
class MAPPO(PPO):
    """Multi-agent PPO (Yu et al. 2022, arXiv:2103.01955): as :class:`IPPO`, with values of what all agents observe."""

    network: nn.Module = struct.static(AgentNetwork(central_values=True))


@struct.dataclass(kw_only=True)
class IDQN(DQN):
    """Independent deep Q-networks (Tampuu et al. 2017, PLoS ONE 12(4)): every agent learns what its own choices are
    worth to itself by :class:`~jaxinv.agents.dqn.DQN`. Where ``num_others`` other actions are simulated, they are those
    of all agents together."""

    network: nn.Module = struct.static(AgentNetwork(activation="relu"))


@struct.dataclass(kw_only=True)
class IDDPG(DDPG):
    """Independent DDPG: every agent has an actor and a critic of its own observations and actions, see
    :class:`~jaxinv.agents.ddpg.DDPG`."""

    network: nn.Module = struct.static(AgentNetwork(activation="relu"))


@struct.dataclass(kw_only=True)
class MADDPG(IDDPG):
    """Multi-agent DDPG (Lowe et al. 2017, arXiv:1706.02275): the critic of every agent reads what all observe and do,
    and an actor follows the gradient of its own agent's value by its own action, whatever the others' values are."""

    network: nn.Module = struct.static(AgentNetwork(activation="relu", central_values=True))

    @property
    def _actor(self) -> Any:
        return super()._actor.clone(central_values=False)

    def _actor_loss(self, params: Any, batch: Batch, space: Any, key: Array) -> tuple[Array, dict[str, Array]]:
        actions = self._distribution(params, batch.observation, space).mode()
        (num_agents,) = self._agents

        def of_agent(agent: Array) -> Array:
            def moved(x: Array) -> Array:  # by this agent only
                mine = (jnp.arange(num_agents) == agent).reshape(1, -1, *(1,) * (x.ndim - 2))
                return jnp.where(mine, x, jax.lax.stop_gradient(x))

            values = self._values(params, batch.observation, jax.tree.map(moved, actions))[0]
            return jnp.mean(values[:, agent])

        return -jnp.mean(jax.lax.map(of_agent, jnp.arange(num_agents))), {}
