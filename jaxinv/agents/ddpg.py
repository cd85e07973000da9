"""Deterministic policy gradients: DDPG (Lillicrap et al. 2016, arXiv:1509.02971) and TD3 (Fujimoto et al. 2018,
arXiv:1802.09477), compiled together with the environment."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.agents import distributions
from jaxinv.agents.networks import NOTHING, beside
from jaxinv.agents.off_policy import Batch, OffPolicy, OffPolicyState, weighted_mean
from jaxinv.agents.policy import NetworkPolicy
from jaxinv.env import spaces


@struct.dataclass(kw_only=True)
class DDPG(OffPolicy):
    """DDPG as its own configuration, see :class:`~jaxinv.agents.off_policy.OffPolicy`, for actions in boxes.

    The actor's raw actions (``agents.distributions``) are tanh of what the network says where a box has two bounds.
    Critics are networks of the same kind that read the action beside the observation. The weights are
    {"actor", "critics"}, the critics' with a leading axis.
    """

    num_critics: int = struct.static(1)  # of which the smallest value counts
    critic_steps: int = struct.static(1)  # for each gradient step of the actor

    exploration_noise: Array = struct.leaf(0.1, low=0.0)  # deviation, raw
    target_noise: Array = struct.leaf(0.0, low=0.0)  # deviation, raw, of the following action in targets ...
    target_noise_clip: Array = struct.leaf(0.5, low=0.0)  # ... and its bound

    def __post_init__(self):
        super().__post_init__()
        for name in ("num_critics", "critic_steps"):
            self._at_least(name, 1)

    def policy(self, state: OffPolicyState) -> NetworkPolicy:
        """The deterministic policy learned so far."""
        return self._acting(state, self._actor, state.average_params["actor"], squashed=True)

    # -- networks -------------------------------------------------------------------------------------------------
    @property
    def _actor(self) -> Any:
        return self.network.clone(shared=True)  # type: ignore[call-arg]  # its value is not used: no layers for it

    def _init_params(self, key: Array, observation: Any, space: Any) -> Any:
        for leaf in spaces.leaves(space):
            if not isinstance(leaf, spaces.Box):
                raise ValueError(f"{type(self).__name__}.env must have actions in boxes, got {space}")
        actor_key, critic_key, action_key = jax.random.split(key, 3)
        action = jax.tree.map(lambda x: x[0], distributions.sample_uniformly(space, None, action_key, 1))
        critics = jax.vmap(lambda key: self._critic.init(key, beside(observation, action), NOTHING))(
            jax.random.split(critic_key, self.num_critics)
        )
        return {"actor": self._actor.init(actor_key, observation, space), "critics": critics}

    @property
    def _critic(self) -> Any:
        return self.network.clone(shared=True)  # type: ignore[call-arg]

    def _distribution(self, params: Any, observation: Any, space: Any) -> Any:
        """Of raw actions, for a batch of observations."""
        heads, _ = jax.vmap(lambda x: self._actor.apply(params["actor"], x, space))(observation)
        return distributions.distribution(space, heads, kept=len(self._agents), squashed=True)

    def _values(self, params: Any, observation: Any, action: Any) -> Array:
        """[critics, B, *V] of a batch of observations and raw actions."""

        def value(params, observation, action):
            value = self._critic.apply(params, beside(observation, action), NOTHING)[1]
            return value if self._agents else jnp.sum(value)

        over_batch = jax.vmap(value, in_axes=(None, 0, 0))
        return jax.vmap(over_batch, in_axes=(0, None, None))(params["critics"], observation, action)

    # -- acting ---------------------------------------------------------------------------------------------------
    def _behave(self, state: OffPolicyState, observation: Any, mask: Any, key: Array) -> Any:
        action = self._distribution(state.params, observation, state.action_space).mode()
        return self._noisy(action, state.action_space, key, self.exploration_noise, jnp.inf)

    def _noisy(self, action: Any, space: Any, key: Array, deviation: Array, bound: Array | float) -> Any:
        parts, treedef = jax.tree.flatten(action)
        noisy = [
            x + jnp.clip(deviation * jax.random.normal(key, x.shape), -bound, bound)
            for x, key in zip(parts, jax.random.split(key, len(parts)), strict=True)
        ]
        return distributions.clip(space, treedef.unflatten(noisy))

    # -- learning -------------------------------------------------------------------------------------------------
    def _improve(self, state: OffPolicyState, env_params: Any, key: Array) -> tuple[OffPolicyState, dict[str, Array]]:
        *critic_keys, actor_key = jax.random.split(key, self.critic_steps + 1)
        for critic_key in critic_keys:
            sample_key, next_key = jax.random.split(critic_key)
            batch, index = self._sample(state, sample_key)
            target = self._target(state, batch, next_key)
            grads, (value, error, metrics) = jax.grad(self._critic_loss, has_aux=True)(state.params, batch, target)
            state = self._move(state, {"critics": grads["critics"]})
            state = self._follow(state, value, batch, index, error)
        actor_loss = jax.grad(self._actor_loss, has_aux=True)
        grads, actor_metrics = actor_loss(state.params, batch, state.action_space, actor_key)
        state = self._move(state, {name: grads[name] for name in grads if name != "critics"})
        return state, metrics | actor_metrics

    def _target(self, state: OffPolicyState, batch: Batch, key: Array) -> Array:
        """[B, *V]."""
        action, value = self._following(state, batch.next_observation, key)
        values = self._values(state.target_params, batch.next_observation, action)
        return batch.reward + batch.bootstrap * (jnp.min(values, 0) + value)

    def _following(self, state: OffPolicyState, observation: Any, key: Array) -> tuple[Any, Array | float]:
        """Raw actions that are taken after a batch of observations, and what that is worth by itself."""
        action = self._distribution(state.target_params, observation, state.action_space).mode()
        return self._noisy(action, state.action_space, key, self.target_noise, self.target_noise_clip), 0.0

    def _critic_loss(
        self, params: Any, batch: Batch, target: Array
    ) -> tuple[Array, tuple[Array, Array, dict[str, Array]]]:
        """And the values [B, *V], errors [B, *V] and scalars."""
        values = self._values(params, batch.observation, batch.action)
        errors = target[None] - values
        loss = 0.5 * weighted_mean(jnp.sum(errors**2, 0), batch.weight)
        error = jnp.sqrt(jnp.mean(errors**2, 0))
        metrics = {"loss": loss, "value": jnp.mean(values), "error": jnp.sqrt(jnp.mean(errors**2))}
        return loss, (jnp.mean(values, 0), error, metrics)

    def _actor_loss(self, params: Any, batch: Batch, space: Any, key: Array) -> tuple[Array, dict[str, Array]]:
        action = self._distribution(params, batch.observation, space).mode()
        return -jnp.mean(self._values(params, batch.observation, action)[0]), {}


@struct.dataclass(kw_only=True)
class TD3(DDPG):
    """Twin delayed DDPG: two critics, an actor that moves at every second step, and following actions with noise, so
    that values are smooth in the action. See :class:`DDPG`."""

    num_critics: int = struct.static(2)
    critic_steps: int = struct.static(2)

    target_noise: Array = struct.leaf(0.2, low=0.0)
