"""What all learners share: the environments that they run, their numbers, and the units of what they read."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxinv import sharding, struct
from jaxinv.agents.networks import MLP, over_batch
from jaxinv.agents.normalise import RunningStatistics
from jaxinv.agents.policy import NetworkPolicy
from jaxinv.env.core import Environment, Ledger


@struct.dataclass(kw_only=True)
class LearnerState:
    """Everything that changes while learning; N environments. Each kind of learner adds to it."""

    key: Array
    updates: Array  # int32 []
    params: Any  # weights
    opt_state: Any
    env_state: Any  # [N, ...]
    observation: Any  # [N, ...]
    action_mask: Any  # [N, ...] or None
    observation_statistics: RunningStatistics
    average_reward: Array  # per period, [*V]: of each agent where rewards are theirs, else []
    action_space: Any  # that the policy acts in


@struct.dataclass(kw_only=True)
class Learner(struct.Typed):
    """Base of the learners that run ``num_envs`` environments, all with the same ``env_params``, for ``num_steps``
    periods in one iteration and then learn.

    A learner is its own configuration. Sizes and flags are static, numbers are traced, so that a sweep is one
    ``vmap``::

        jax.vmap(lambda rate, key: algo.replace(learning_rate=rate).train(key, env_params))(rates, keys)

    Inventory problems are continuing and judged by average cost, hence ``average_reward``: rewards are counted from
    their average, and values are differences from a mean of zero. ``discount`` then discounts differences only and may
    stay below 1 to reduce variance. Where episodes truly terminate, or discounting is meant, switch the flag off;
    ``discount`` is then part of the problem: set it to that of ``env_params``.
    """

    env: Environment = struct.static()
    network: nn.Module = struct.static(MLP())
    num_envs: int = struct.static()
    num_steps: int = struct.static()  # periods per environment in one iteration
    num_updates: int = struct.static()  # iterations in a whole training run, over which schedules run
    stagger: bool = struct.static(True)  # start with random times, lest all environments reach their limit together
    average_reward: bool = struct.static(True)
    normalise_observation: bool = struct.static(True)  # by running mean and deviation
    normalise_reward: bool = struct.static(True)  # by a running deviation: of discounted returns, or of rewards
    anneal: bool = struct.static(True)  # learning rate, and what else a learner names, fall linearly to zero

    learning_rate: Array = struct.leaf(1e-3, low=0.0)
    discount: Array = struct.leaf(0.99, low=0.0, high=1.0)
    max_grad_norm: Array = struct.leaf(0.5, above=0.0)
    average_reward_rate: Array = struct.leaf(0.05, above=0.0, high=1.0)  # step of its running mean

    def __post_init__(self):
        super().__post_init__()
        for name in ("num_envs", "num_steps", "num_updates"):
            self._at_least(name, 1)

    @property
    def steps_per_update(self) -> int:
        """Environment steps that one iteration takes."""
        return self.num_envs * self.num_steps

    def init(self, key: Array, env_params: Any) -> Any:
        """State before the first iteration."""
        raise NotImplementedError

    def update(self, state: Any, env_params: Any) -> tuple[Any, dict[str, Array]]:
        """One iteration: (state, metrics, which are scalars)."""
        raise NotImplementedError

    def train(self, key: Array, env_params: Any) -> tuple[Any, dict[str, Array]]:
        """All ``num_updates`` iterations from :meth:`init`: (state, metrics [num_updates]). On several devices within
        ``jaxinv.sharding.over``."""

        def body(state, _):
            state, metrics = self.update(state, env_params)
            return sharding.divide_state(state), metrics

        start = sharding.divide_state(self.init(key, env_params))
        return jax.lax.scan(body, start, length=self.num_updates)

    def policy(self, state: Any) -> NetworkPolicy:
        """The policy learned so far."""
        raise NotImplementedError

    # -- for learners ---------------------------------------------------------------------------------------------
    @property
    def _agents(self) -> tuple[int, ...]:
        """[*V] of rewards: (A,) where every agent has its own (``env.multi_agent``), otherwise ()."""
        num_agents = getattr(self.env, "num_agents", None)
        return () if num_agents is None else (num_agents,)

    def _start(self, state_key: Array, time_key: Array, env_params: Any) -> tuple[Any, Any, Any]:
        """States, observations and action masks [N, ...] of new episodes; with ``stagger`` as if some time had
        passed."""
        u = jax.random.uniform(state_key, (self.num_envs, self.env.num_initial_uniforms(env_params)))
        state = jax.vmap(self.env.init_state, in_axes=(0, None))(u, env_params)
        if self.stagger:
            time = jax.random.randint(time_key, (self.num_envs,), 0, env_params.max_steps_in_episode)
            state = state.replace(time=time)
        observation = jax.vmap(self.env.observe, in_axes=(0, None))(state, env_params)
        return state, observation, jax.vmap(self.env.action_mask, in_axes=(0, None))(state, env_params)

    def _interface(self, observation: Any, env_params: Any) -> tuple[Any, Any]:
        """What networks are made for: one of the observations [N, ...], without that axis, and the action space."""
        example = jax.tree.map(lambda x: x[0], observation)
        return example, jax.tree.map(jnp.asarray, self.env.action_space(env_params))

    def _by_cause(self, ledger: Any) -> dict[str, Array]:
        """Money per environment of the ledgers [N, ...] by cause; nothing where the environment keeps none."""
        if not isinstance(ledger, Ledger):
            return {}
        named = [("gain", name) for name in ledger.GAINS] + [("cost", name) for name in ledger.COSTS]
        return {f"{kind}/{name}": jnp.sum(getattr(ledger, name)) / self.num_envs for kind, name in named}

    def _acting(self, state: Any, network: nn.Module, params: Any, **fields: Any) -> NetworkPolicy:
        """The policy of a network with the weights ``params``."""
        statistics = state.observation_statistics if self.normalise_observation else None
        return NetworkPolicy(
            network=network, params=params, statistics=statistics, action_space=state.action_space, **fields
        )

    def _apply(self, params: Any, observation: Any, space: Any) -> tuple[tuple, Array]:
        """The network's heads and values of a batch of standardised observations."""
        return over_batch(lambda x: self.network.apply(params, x, space), observation)  # type: ignore[misc]

    def _per_agent(self, x: Array) -> Array:
        """[N], of the whole environment, to be broadcast to [N, *V]."""
        return x[:, None] if self._agents else x

    def _standardise(self, state: Any, observation: Any) -> Any:
        return state.observation_statistics.standardise(observation) if self.normalise_observation else observation

    def _remaining(self, state: Any) -> Array:
        """Part of the training run that is left."""
        return jnp.maximum(self.num_updates - state.updates, 0) / self.num_updates

    def _annealed(self, state: Any) -> Array | float:
        """Part that is left of what falls to zero."""
        return self._remaining(state) if self.anneal else 1.0

    def _optimiser(self, learning_rate: Array) -> optax.GradientTransformation:
        return optax.chain(optax.clip_by_global_norm(self.max_grad_norm), optax.adam(learning_rate, eps=1e-5))

    def _has_one_reward(self) -> None:
        if self._agents:
            raise ValueError(
                f"{type(self).__name__}.env must have one reward, not those of {self._agents[0]} agents: give it the "
                "environment that MultiAgent divides"
            )

    def _at_least(self, name: str, low: int) -> None:
        if getattr(self, name) < low:
            raise ValueError(f"{type(self).__name__}.{name} must be at least {low}, got {getattr(self, name)}")

    def _multiple(self, name: str, of: str) -> None:
        value, divisor = getattr(self, name), getattr(self, of)
        if value % divisor:
            raise ValueError(f"{type(self).__name__}.{name} must be a multiple of {of} = {divisor}, got {value}")


def late_average(params: Any, average: Any, share: Array, iterations: Array) -> Any:
    """The running mean of weights over about the last ``share`` of the ``iterations`` so far, with the latest."""
    return optax.incremental_update(params, average, 1.0 / jnp.maximum(share * iterations, 1.0))
