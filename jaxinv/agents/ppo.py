"""Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347), compiled together with the environment."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxinv import struct
from jaxinv.agents import distributions
from jaxinv.agents.on_policy import Batch, OnPolicy, OnPolicyState


@struct.dataclass(kw_only=True)
class PPO(OnPolicy):
    """PPO as its own configuration, see :class:`~jaxinv.agents.on_policy.OnPolicy`.

    One iteration, :meth:`update`, makes ``num_epochs`` passes over what the environments gave, in ``num_minibatches``
    parts. Environments are shuffled into minibatches whole.
    """

    num_epochs: int = struct.static(4)
    num_minibatches: int = struct.static(4)

    clip_range: Array = struct.leaf(0.2, above=0.0)  # of the probability ratio
    value_clip: Array = struct.leaf(0.5, above=0.0)  # change of a value in one iteration, in units of rewards; or inf
    target_kl: Array = struct.leaf(0.03, above=0.0)  # beyond it the rest of an iteration is skipped; or inf

    def __post_init__(self):
        super().__post_init__()
        for name in ("num_epochs", "num_minibatches"):
            self._at_least(name, 1)
        self._multiple("num_envs", "num_minibatches")

    def _learn(self, state: OnPolicyState, batch: Batch, key: Array) -> tuple[OnPolicyState, dict[str, Array]]:
        """Epochs of minibatches; once a minibatch finds the policy ``target_kl`` away, nothing moves any more."""
        remaining = self._annealed(state)
        entropy_coef = self.entropy_coef * remaining
        optimiser = self._optimiser(self.learning_rate * remaining)

        def minibatch(carry, environments):
            params, opt_state, stopped = carry
            grads, metrics = self._gradient(params, batch, environments, state.action_space, entropy_coef)
            stopped |= metrics["kl"] > self.target_kl
            updates, moved_opt_state = optimiser.update(grads, opt_state, params)
            moved = optax.apply_updates(params, updates), moved_opt_state
            params, opt_state = jax.tree.map(lambda old, new: jnp.where(stopped, old, new), (params, opt_state), moved)
            metrics |= {"grad_norm": optax.tree.norm(grads), "applied": 1.0 - stopped}
            return (params, opt_state, stopped), metrics

        orders = jnp.argsort(jax.random.uniform(key, (self.num_epochs, self.num_envs)), axis=-1)
        carry = state.params, state.opt_state, jnp.bool_(False)
        (params, opt_state, _), metrics = jax.lax.scan(
            minibatch, carry, orders.reshape(self.num_epochs * self.num_minibatches, -1)
        )
        metrics = jax.tree.map(jnp.mean, metrics)
        error = jnp.var(batch.target - batch.value)
        metrics["explained_variance"] = 1.0 - error / (jnp.var(batch.target) + 1e-8)
        return dataclasses.replace(state, params=params, opt_state=opt_state), metrics

    def _loss(self, params: Any, batch: Batch, space: Any, entropy_coef: Array) -> tuple[Array, dict[str, Array]]:
        heads, value = self._apply(params, batch.observation, space)
        distribution = distributions.distribution(space, heads, batch.action_mask, kept=value.ndim - 1)
        log_ratio = distribution.log_prob(batch.action) - batch.log_prob
        ratio = jnp.exp(log_ratio)
        clipped = jnp.clip(ratio, 1.0 - self.clip_range, 1.0 + self.clip_range)
        policy_loss = -jnp.mean(jnp.minimum(ratio * batch.advantage, clipped * batch.advantage))

        near = batch.value + jnp.clip(value - batch.value, -self.value_clip, self.value_clip)
        value_loss = 0.5 * jnp.mean(jnp.maximum((value - batch.target) ** 2, (near - batch.target) ** 2))

        entropy = jnp.mean(distributions.choice_entropy(space, distribution))
        metrics = {
            "policy_loss": policy_loss,
            "value_loss": value_loss,
            "entropy": entropy,
            "kl": jnp.mean(ratio - 1.0 - log_ratio),  # unbiased and never negative (Schulman 2020)
            "clip_fraction": jnp.mean(jnp.abs(ratio - 1.0) > self.clip_range),
        }
        return policy_loss + self.value_coef * value_loss - entropy_coef * entropy, metrics
