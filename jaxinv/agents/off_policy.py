"""What learners that learn from a memory of many policies' periods share: rollouts, replay and the units of values."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxinv import sharding, struct
from jaxinv.agents import distributions, returns
from jaxinv.agents.buffers import ReplayBuffer
from jaxinv.agents.learner import Learner, LearnerState, late_average
from jaxinv.agents.networks import MLP
from jaxinv.agents.normalise import RunningStatistics
from jaxinv.agents.risk import CostLevels
from jaxinv.evaluate import Risk


@struct.dataclass(kw_only=True)
class OffPolicyState(LearnerState):
    """``params`` are weights by network, and so are all that follow from them; ``average_reward`` is that of the
    policy that is learned."""

    target_params: dict[str, Any]  # running average of the weights, that targets are made with
    average_params: dict[str, Any]  # a much slower one, that the policy acts by
    reward_statistics: RunningStatistics  # whose deviation is the unit of rewards
    cost_levels: CostLevels  # that risk is told by
    buffer: ReplayBuffer  # of periods


@struct.dataclass(kw_only=True)
class Period:
    """A period of N environments; leaves [N, ...]. Rewards are [N, *V], and what ends is to be broadcast to that."""

    observation: Any
    action_mask: Any
    action: Any  # raw
    reward: Array
    next_observation: Any  # of the state reached, before any reset
    next_mask: Any
    terminated: Array
    truncated: Array
    env_state: Any  # before it, where a learner asks for it, or None


@struct.dataclass(kw_only=True)
class Batch:
    """B samples; leaves [B, ...], and what is about values [B, *V]."""

    observation: Any  # standardised
    action_mask: Any
    action: Any  # raw
    reward: Array  # centred and scaled sum over n periods
    next_observation: Any  # after these, standardised
    next_mask: Any
    bootstrap: Array  # weight of the value of that observation
    weight: Array  # in the loss
    env_state: Any


@struct.dataclass(kw_only=True)
class OffPolicy(Learner):
    """Base of the learners that remember the last ``buffer_periods`` of each environment and take ``gradient_steps``
    steps of the optimiser in an iteration, each on ``batch_size`` of what is remembered, see
    :class:`~jaxinv.agents.learner.Learner`.

    With ``average_reward`` values are differential, Q(s, a) = r - rho + discount * max Q(s', .), where rho is the mean
    reward of late plus the mean of the values themselves in the memory, which pulls them to a mean of zero (RVI
    Q-learning: Abounadi, Bertsekas and Borkar 2001, SIAM J. Control and Optimization 40). It is the average reward of
    the policy that is learned, not of the one that explores.

    With ``risk``, rewards are replaced by what each adds to what the costs of single periods are worth together.

    The policy that is handed over acts by the mean of the weights over about the last ``average_share`` of the
    iterations so far: good actions differ by less than a gradient step moves their values (Polyak and Juditsky 1992,
    SIAM J. Control and Optimization 30).
    """

    network: nn.Module = struct.static(MLP(activation="relu"))
    num_envs: int = struct.static(64)
    num_steps: int = struct.static(4)
    num_updates: int = struct.static(1000)
    gradient_steps: int = struct.static(8)  # in one iteration
    batch_size: int = struct.static(512)
    buffer_periods: int = struct.static(512)  # last periods of each environment that are remembered
    burn_in: int = struct.static(64)  # periods of random actions before learning starts
    n_step: int = struct.static(1)  # periods whose rewards are seen before values stand for the rest
    prioritised: bool = struct.static(False)  # sample by the last error seen

    risk: Risk | None = None  # of the cost of a period
    max_grad_norm: Array = struct.leaf(10.0, above=0.0)
    target_rate: Array = struct.leaf(0.01, above=0.0, high=1.0)  # step of the target weights per gradient step
    average_share: Array = struct.leaf(0.2, low=0.0, high=1.0)  # of the iterations so far: those averaged
    priority_exponent: Array = struct.leaf(0.6, low=0.0)
    importance_exponent: Array = struct.leaf(0.4, low=0.0, high=1.0)  # of the weights at first; 1 at the end

    def __post_init__(self):
        super().__post_init__()
        for name in ("gradient_steps", "batch_size", "n_step"):
            self._at_least(name, 1)
        for name in ("buffer_periods", "burn_in"):
            self._at_least(name, max(self.num_steps, self.n_step))
            self._multiple(name, "num_steps")

    # -- public ---------------------------------------------------------------------------------------------------
    def init(self, key: Array, env_params: Any) -> OffPolicyState:
        """State before the first iteration, with ``burn_in`` periods of random actions in the memory."""
        key, env_key, time_key, network_key, burn_in_key = jax.random.split(key, 5)
        env_state, observation, action_mask = self._start(env_key, time_key, env_params)
        example, action_space = self._interface(observation, env_params)
        params = self._init_params(network_key, example, action_space)
        state = OffPolicyState(
            key=key,
            updates=jnp.int32(0),
            params=params,
            target_params=jax.tree.map(jnp.copy, params),
            average_params=jax.tree.map(jnp.copy, params),
            opt_state={name: self._optimiser(self.learning_rate).init(part) for name, part in params.items()},
            env_state=env_state,
            observation=observation,
            action_mask=action_mask,
            # Standardised by what is seen at reset, until there is more.
            observation_statistics=RunningStatistics.like(example, memory=50).update(observation),
            average_reward=jnp.zeros(self._agents),
            reward_statistics=RunningStatistics.like(jnp.zeros(self._agents), memory=50),
            cost_levels=CostLevels.like(self._agents),
            buffer=None,  # type: ignore[arg-type]
            action_space=action_space,
        )
        period = jax.eval_shape(lambda key: self._period(state, env_params, key, True)[1][0], key)
        buffer = ReplayBuffer.like(period, self.buffer_periods, prioritised=self.prioritised)
        state = dataclasses.replace(state, buffer=buffer)

        def body(state, key):
            return self._rollout(state, env_params, key, at_random=True)[0], None

        return jax.lax.scan(body, state, jax.random.split(burn_in_key, self.burn_in // self.num_steps))[0]

    def update(self, state: OffPolicyState, env_params: Any) -> tuple[OffPolicyState, dict[str, Array]]:
        """One iteration. Metrics are scalars: ``reward`` and, by cause, ``gain/...`` and ``cost/...`` are means per
        period and environment while exploring, ``average_reward`` is rho, and what learning reports are means over the
        gradient steps."""
        key, rollout_key, learn_key = jax.random.split(state.key, 3)
        state, metrics = self._rollout(state, env_params, rollout_key, at_random=False)

        def improve(state, key):
            return self._improve(state, env_params, key)

        state, learned = jax.lax.scan(improve, state, jax.random.split(learn_key, self.gradient_steps))
        metrics |= jax.tree.map(jnp.mean, learned) | {"average_reward": jnp.sum(state.average_reward)}
        average = late_average(state.params, state.average_params, self.average_share, state.updates)
        return dataclasses.replace(state, key=key, updates=state.updates + 1, average_params=average), metrics

    # -- what a learner adds --------------------------------------------------------------------------------------
    def _init_params(self, key: Array, observation: Any, space: Any) -> Any:
        """Weights, for one observation of the environment."""
        raise NotImplementedError

    def _behave(self, state: OffPolicyState, observation: Any, mask: Any, key: Array) -> Any:
        """Raw actions [N, ...], with exploration, for standardised observations [N, ...]."""
        raise NotImplementedError

    def _improve(self, state: OffPolicyState, env_params: Any, key: Array) -> tuple[OffPolicyState, dict[str, Array]]:
        """The state after one gradient step, and scalars about it."""
        raise NotImplementedError

    def _remembers_states(self) -> bool:
        """Whether ``Period.env_state`` is wanted."""
        return False

    # -- rollouts -------------------------------------------------------------------------------------------------
    def _rollout(
        self, state: OffPolicyState, env_params: Any, key: Array, *, at_random: bool
    ) -> tuple[OffPolicyState, dict[str, Array]]:
        """Run the environments for ``num_steps`` periods: (state with a longer memory, mean reward and its causes)."""

        def period(state, key):
            return self._period(state, env_params, key, at_random)

        keys = jax.random.split(key, self.num_steps)
        state, (periods, causes) = jax.lax.scan(period, state, keys)
        reward = periods.reward
        cost_levels = state.cost_levels.moved(self.risk, reward, self.average_reward_rate)
        state = dataclasses.replace(
            state,
            observation_statistics=state.observation_statistics.update(periods.observation),
            reward_statistics=state.reward_statistics.update(cost_levels.weigh(self.risk, reward)),
            cost_levels=cost_levels,
            buffer=state.buffer.insert(periods),
        )
        if at_random and self.average_reward:  # nothing is known of values
            state = dataclasses.replace(state, average_reward=state.reward_statistics.mean)
        return state, {"reward": jnp.sum(jnp.mean(reward, (0, 1)))} | jax.tree.map(jnp.mean, causes)

    def _period(
        self, state: OffPolicyState, env_params: Any, key: Array, at_random: bool
    ) -> tuple[OffPolicyState, tuple[Period, dict[str, Array]]]:
        space, mask = state.action_space, state.action_mask
        action_key, env_key = jax.random.split(key)
        if at_random:
            action = distributions.sample_uniformly(space, mask, action_key, self.num_envs)
        else:
            action = self._behave(state, self._standardise(state, state.observation), mask, action_key)

        def step(u, env_state, raw):
            chosen = distributions.to_env(space, raw)
            # The mask before a reset; the compiler merges the two transitions.
            exo = self.env.exogenous(u[: self.env.num_uniforms(env_params)], env_state, env_params)
            reached, _ = self.env.transition(env_state, chosen, exo, env_params)
            next_mask = self.env.action_mask(reached, env_params)
            return next_mask, self.env.step_from_uniforms(u, env_state, chosen, env_params)

        u = jax.random.uniform(env_key, (self.num_envs, self.env.num_step_uniforms(env_params)))
        next_mask, following = jax.vmap(step)(u, state.env_state, action)
        observation, env_state, reward, terminated, truncated, info = following
        period = Period(
            observation=state.observation,
            action_mask=mask,
            action=action,
            reward=reward,
            next_observation=info["final_observation"],
            next_mask=next_mask,
            terminated=self._per_agent(terminated),
            truncated=self._per_agent(truncated),
            env_state=state.env_state if self._remembers_states() else None,
        )
        state = dataclasses.replace(
            state, env_state=env_state, observation=observation, action_mask=info["action_mask"]
        )
        return state, (period, self._by_cause(info["ledger"]))

    # -- replay ---------------------------------------------------------------------------------------------------
    def _sample(self, state: OffPolicyState, key: Array) -> tuple[Batch, Any]:
        """A batch of what is remembered, and where it is."""
        buffer, data = state.buffer, state.buffer.data
        index, likelihood = buffer.sample(key, self.batch_size, self.n_step, self.priority_exponent)
        reward, terminated, truncated = buffer.windows(
            (data.reward, data.terminated, data.truncated), index, self.n_step
        )
        reward = self._scaled(state, reward)
        total, last, bootstrap = returns.n_step_sums(reward, terminated, truncated, self.discount)
        row, env = index
        final = (row + last.reshape(row.shape)) % buffer.shape[0], env
        exponent = self.importance_exponent + (1.0 - self.importance_exponent) * (1.0 - self._remaining(state))
        weight = likelihood**-exponent
        batch = Batch(
            observation=self._standardise(state, _at(data.observation, index)),
            action_mask=_at(data.action_mask, index),
            action=_at(data.action, index),
            reward=total,
            next_observation=self._standardise(state, _at(data.next_observation, final)),
            next_mask=_at(data.next_mask, final),
            bootstrap=bootstrap,
            weight=weight / jnp.max(weight),
            env_state=_at(data.env_state, index),
        )
        return sharding.divide_samples(batch), index

    def _move(self, state: OffPolicyState, grads: dict[str, Any]) -> OffPolicyState:
        """The state after a step of the optimisers of some parts of the weights."""
        optimiser = self._optimiser(self.learning_rate * self._annealed(state))
        params, opt_state = dict(state.params), dict(state.opt_state)
        for name, gradient in grads.items():
            updates, opt_state[name] = optimiser.update(gradient, opt_state[name], params[name])
            params[name] = optax.apply_updates(params[name], updates)
        return dataclasses.replace(state, params=params, opt_state=opt_state)

    def _follow(self, state: OffPolicyState, value: Array, batch: Batch, index: Any, error: Array) -> OffPolicyState:
        """The state with what follows the weights, the values [B, *V] of the actions taken and the errors [B, *V] of a
        gradient step."""
        average = state.average_reward
        if self.average_reward:
            excess = jnp.average(value, 0, weights=batch.weight) / self.n_step
            now = state.reward_statistics.mean + self._unit(state) * excess
            average = average + self.average_reward_rate * (now - average)
        target_params = optax.incremental_update(state.params, state.target_params, self.target_rate)
        buffer = state.buffer.prioritise(index, _by_sample(error) + 1e-6)  # so that none is forgotten for ever
        return dataclasses.replace(state, target_params=target_params, average_reward=average, buffer=buffer)

    # -- small parts ----------------------------------------------------------------------------------------------
    def _scaled(self, state: OffPolicyState, reward: Array) -> Array:
        """Rewards [..., *V] as they are learned from: from their average, in their unit."""
        average, unit = (jnp.broadcast_to(x, reward.shape) for x in (state.average_reward, self._unit(state)))
        return (state.cost_levels.weigh(self.risk, reward) - average) / unit

    def _unit(self, state: OffPolicyState) -> Array:
        """Of rewards."""
        return jnp.sqrt(state.reward_statistics.variance + 1e-8) if self.normalise_reward else jnp.float32(1)


def weighted_mean(loss: Array, weight: Array) -> Array:
    """Mean [] of losses [B, *V] with weights [B]."""
    return jnp.mean(weight * _by_sample(loss))


def _by_sample(x: Array) -> Array:
    """Means [B] of [B, *V]."""
    return jnp.mean(x.reshape(len(x), -1), 1)


def _at(tree: Any, index: tuple[Array, Array]) -> Any:
    return jax.tree.map(lambda x: x[index], tree)
