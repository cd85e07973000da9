"""Advantage actor-critic, with one worker (A2C) and with several that do not wait for each other (A3C)."""

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
class A2C(OnPolicy):
    """Synchronous advantage actor-critic (Mnih et al. 2016, arXiv:1602.01783, without its asynchrony): one step of the
    optimiser per iteration, along the policy gradient of all that the environments gave. See
    :class:`~jaxinv.agents.on_policy.OnPolicy` for what is common.
    """

    num_updates: int = struct.static(1000)
    learning_rate: Array = struct.leaf(5e-3, low=0.0)

    def _learn(self, state: OnPolicyState, batch: Batch, key: Array) -> tuple[OnPolicyState, dict[str, Array]]:
        return self._step(state, state.params, batch)

    def _step(self, state: OnPolicyState, acted: Any, batch: Batch) -> tuple[OnPolicyState, dict[str, Array]]:
        """Move the weights of ``state`` along the gradient at the weights that ``acted``."""
        remaining = self._annealed(state)
        environments = jnp.arange(batch.log_prob.shape[0])
        grads, metrics = self._gradient(acted, batch, environments, state.action_space, self.entropy_coef * remaining)
        optimiser = self._optimiser(self.learning_rate * remaining)
        updates, opt_state = optimiser.update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        metrics["grad_norm"] = optax.tree.norm(grads)
        return dataclasses.replace(state, params=params, opt_state=opt_state), metrics

    def _loss(self, params: Any, batch: Batch, space: Any, entropy_coef: Array) -> tuple[Array, dict[str, Array]]:
        heads, value = self._apply(params, batch.observation, space)
        distribution = distributions.distribution(space, heads, batch.action_mask, kept=value.ndim - 1)
        policy_loss = -jnp.mean(distribution.log_prob(batch.action) * batch.advantage)
        value_loss = 0.5 * jnp.mean((value - batch.target) ** 2)
        entropy = jnp.mean(distributions.choice_entropy(space, distribution))
        metrics = {"policy_loss": policy_loss, "value_loss": value_loss, "entropy": entropy}
        return policy_loss + self.value_coef * value_loss - entropy_coef * entropy, metrics


@struct.dataclass(kw_only=True)
class A3CState(OnPolicyState):
    """``params`` are the weights that all workers improve."""

    copies: Any  # [workers, ...] the weights that each worker fetched after its last turn


@struct.dataclass(kw_only=True)
class A3C(A2C):
    """Asynchronous advantage actor-critic (Mnih et al. 2016, arXiv:1602.01783): workers with environments of their own
    act with a copy of the weights and put the gradient at that copy to the weights that all share, which others have
    moved in the meantime.

    Here the workers are equally fast and take turns, one in each :meth:`update`, so that a run can be repeated: there
    are ``staleness`` + 1 of them, each with its part of ``num_envs``, and a gradient is as many steps old as the name
    says. Without staleness it is :class:`A2C`.
    """

    num_updates: int = struct.static(4000)  # turns of a worker
    staleness: int = struct.static(3)

    def __post_init__(self):
        super().__post_init__()
        self._at_least("staleness", 0)
        if self.num_envs % (self.branches * self.num_workers):
            raise ValueError(
                f"A3C.num_envs must be a multiple of branches * (staleness + 1) = {self.branches * self.num_workers}, "
                f"got {self.num_envs}"
            )

    @property
    def num_workers(self) -> int:
        return self.staleness + 1

    @property
    def steps_per_update(self) -> int:
        """Environment steps of one turn."""
        return self.num_envs // self.num_workers * self.num_steps

    def init(self, key: Array, env_params: Any) -> A3CState:
        state = super().init(key, env_params)
        copies = jax.tree.map(lambda x: jnp.stack([x] * self.num_workers), state.params)
        return A3CState(**vars(state), copies=copies)

    def update(self, state: A3CState, env_params: Any) -> tuple[A3CState, dict[str, Array]]:
        """A turn of the next worker; metrics as of :meth:`OnPolicy.update`, of its environments."""
        turn = state.updates % self.num_workers
        key, rollout_key, _ = jax.random.split(state.key, 3)
        mine = {name: jax.tree.map(lambda x: self._split(x)[turn], getattr(state, name)) for name in _BY_ENVIRONMENT}
        acted = jax.tree.map(lambda x: x[turn], state.copies)

        worker = dataclasses.replace(self, num_envs=self.num_envs // self.num_workers, staleness=0)
        acting = dataclasses.replace(state, params=acted, **mine)
        acting, trajectory, causes = worker._rollout(acting, env_params, rollout_key, self.num_steps)
        acting, batch = worker._estimate(acting, trajectory)
        learned, metrics = worker._step(dataclasses.replace(acting, params=state.params), acted, batch)

        def put(everyone: Array, own: Array) -> Array:
            return self._split(everyone).at[turn].set(own).reshape(everyone.shape)

        everyone = {name: jax.tree.map(put, getattr(state, name), getattr(learned, name)) for name in _BY_ENVIRONMENT}
        copies = jax.tree.map(lambda copies, new: copies.at[turn].set(new), state.copies, learned.params)
        metrics |= causes | self._rewards(learned, trajectory)
        following = vars(learned) | {"key": key, "updates": state.updates + 1, "copies": copies} | everyone
        return A3CState(**following), metrics

    def _split(self, x: Array) -> Array:
        """[N, ...] of all environments as [workers, N / workers, ...]."""
        return x.reshape(self.num_workers, x.shape[0] // self.num_workers, *x.shape[1:])


_BY_ENVIRONMENT = ("env_state", "observation", "action_mask", "discounted_sum")
