"""Soft actor-critic (Haarnoja et al. 2018, arXiv:1812.05905), compiled together with the environment."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.agents.ddpg import DDPG
from jaxinv.agents.networks import LOG_STD_RANGE
from jaxinv.agents.off_policy import Batch, OffPolicyState
from jaxinv.agents.policy import NetworkPolicy
from jaxinv.env import spaces


class LocalStd(nn.Module):
    """An actor-critic network whose standard deviations depend on the observation, like the means."""

    network: nn.Module

    def __call__(self, observation: Any, space: Any) -> tuple[tuple, Array]:
        pairs = spaces.Tree([spaces.Discrete(2, leaf.shape) for leaf in spaces.leaves(space)])  # type: ignore
        heads, value = self.network(observation, pairs)
        initial = self.network.initial_log_std  # type: ignore[attr-defined]
        return tuple((x[..., 0], jnp.clip(initial + x[..., 1], *LOG_STD_RANGE)) for x in heads), value


@struct.dataclass(kw_only=True)
class SAC(DDPG):
    """SAC as its own configuration, see :class:`~jaxinv.agents.off_policy.OffPolicy` and
    :class:`~jaxinv.agents.ddpg.DDPG`: a stochastic policy, squashed into boxes with two bounds, that is rewarded for
    its entropy as much as is needed to keep that at ``target_entropy``. The weights are
    {"actor", "critics", "log_temperature"}; with ``average_reward``, rho includes what the entropy is worth.
    """

    num_critics: int = struct.static(2)

    initial_temperature: Array = struct.leaf(0.1, above=0.0)  # worth of a unit of entropy, in units of rewards
    target_entropy: Array = struct.leaf(-1.0)  # per entry of the action, raw

    def policy(self, state: OffPolicyState, *, deterministic: bool = True) -> NetworkPolicy:
        """The policy learned so far; deterministic: its median."""
        return super().policy(state).replace(deterministic=deterministic)  # type: ignore[attr-defined]

    @property
    def _actor(self) -> LocalStd:
        return LocalStd(super()._actor)

    def _init_params(self, key: Array, observation: Any, space: Any) -> Any:
        return super()._init_params(key, observation, space) | {"log_temperature": jnp.log(self.initial_temperature)}

    def _behave(self, state: OffPolicyState, observation: Any, mask: Any, key: Array) -> Any:
        return self._distribution(state.params, observation, state.action_space).sample(seed=key)

    def _following(self, state: OffPolicyState, observation: Any, key: Array) -> tuple[Any, Array | float]:
        distribution = self._distribution(state.params, observation, state.action_space)
        action, log_prob = distribution.sample_and_log_prob(seed=key)
        return action, -jnp.exp(state.params["log_temperature"]) * log_prob

    def _actor_loss(self, params: Any, batch: Batch, space: Any, key: Array) -> tuple[Array, dict[str, Array]]:
        distribution = self._distribution(params, batch.observation, space)
        action, log_prob = distribution.sample_and_log_prob(seed=key)
        value = jnp.min(self._values(params, batch.observation, action), 0)
        temperature = jnp.exp(params["log_temperature"])
        actor_loss = jnp.mean(jax.lax.stop_gradient(temperature) * log_prob - value)
        entropy = -jnp.sum(jnp.mean(log_prob, 0))  # of all agents
        excess = entropy - self.target_entropy * spaces.size(space)
        loss = actor_loss + params["log_temperature"] * jax.lax.stop_gradient(excess)
        return loss, {"entropy": entropy, "temperature": temperature}
