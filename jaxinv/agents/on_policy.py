"""What learners that learn from their current policy's own trajectories share: rollouts, returns and their units."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import sharding, struct
from jaxinv.agents import distributions, returns
from jaxinv.agents.imitation import imitate
from jaxinv.agents.learner import Learner, LearnerState
from jaxinv.agents.normalise import RunningStatistics
from jaxinv.agents.policy import NetworkPolicy
from jaxinv.agents.risk import CostLevels
from jaxinv.evaluate import Risk, location_cost

_CPU_SAMPLES = 4096  # that a gradient is computed of at a time on CPU: of more, activations do not stay in the cache


@struct.dataclass(kw_only=True)
class OnPolicyState(LearnerState):
    """``params`` are the weights of the one network. [*V] is the shape of its value of an observation, and that of the
    ``average_reward``, a running mean."""

    discounted_sum: Array  # [N, *V] of rewards so far, whose ...
    return_statistics: RunningStatistics  # ... deviation is the unit of rewards
    cost_levels: CostLevels  # that risk is told by


@struct.dataclass(kw_only=True)
class Trajectory:
    """What learning reads of T periods in N environments; leaves [T, N, ...]."""

    observation: Any
    action_mask: Any
    action: Any  # raw
    log_prob: Array
    value: Array
    next_value: Array  # of the state reached, before any reset
    reward: Array
    terminated: Array
    truncated: Array


@struct.dataclass(kw_only=True)
class Batch:
    """What the loss reads; leaves [N, T, ...] as environments are shuffled, [samples, ...] in a minibatch."""

    observation: Any  # standardised
    action_mask: Any
    action: Any
    log_prob: Array
    value: Array
    advantage: Array
    target: Array


@struct.dataclass(kw_only=True)
class OnPolicy(Learner):
    """Base of the learners that learn in each iteration from that iteration's periods alone (:meth:`_learn`), see
    :class:`~jaxinv.agents.learner.Learner`.

    With ``average_reward`` the running mean of the reward is subtracted from it, and values are differences from a mean
    of zero (reward centring, Naik et al. 2024, arXiv:2405.09999; the average-value constraint of Ma et al. 2021,
    arXiv:2106.03442).

    Most of the noise in what an action earns is the demand that follows. With ``branches`` > 1 the environments come
    in groups of as many: in each iteration a group starts where the first of it was and meets one exogenous path, and
    advantages are counted from the mean of the other branches, which shared the luck but not the actions (a baseline
    may depend on the exogenous path: Mao et al. 2019, arXiv:1807.02264). The price is fewer distinct paths.

    Where the network gives a value per location (``CellNetwork.local_values``), each location's actions have a ratio
    and an advantage of their own. A ``team_share`` of 1 credits them with the mean reward of all locations. A smaller
    one credits them with that part of it and, for the rest, with the location's own entries of the ledger: less noise,
    but locations that help each other then live at each other's expense (Yu et al. 2022, arXiv:2103.01955, for agents
    that share parameters). Where the environment gives every agent its own reward (``env.multi_agent``), its actions
    have a ratio and an advantage of their own, too (``agents.multi_agent``).

    What is rewarded for its entropy are choices. How widely quantities are explored is a weight like any other: what
    is good to order while every order is a little off is not what is good to order.

    With ``risk``, rewards are replaced by what each adds to what the costs of single periods are worth together.

    Learning starts from a ``teacher`` where there is one: a heuristic for the problem, which the network imitates for
    ``teacher_periods`` before the first iteration (:mod:`jaxinv.agents.imitation`). Action wrappers around the problem
    must be able to ``encode`` what it does.
    """

    num_envs: int = struct.static(256)
    num_steps: int = struct.static(32)
    num_updates: int = struct.static(500)
    branches: int = struct.static(1)  # environments that start an iteration alike and meet the same exogenous path
    burn_in: int = struct.static(0)  # periods that the untrained policy runs before learning starts
    teacher_periods: int = struct.static(2000)

    teacher: Any = None  # a policy for the environment
    risk: Risk | None = None  # of the cost of a period
    gae_lambda: Array = struct.leaf(0.95, low=0.0, high=1.0)
    entropy_coef: Array = struct.leaf(0.01, low=0.0)  # of choices, annealed
    value_coef: Array = struct.leaf(0.5, low=0.0)
    team_share: Array = struct.leaf(1.0, low=0.0, high=1.0)  # of rewards that locations have in common

    def __post_init__(self):
        super().__post_init__()
        self._at_least("branches", 1)
        self._at_least("burn_in", 0)
        self._at_least("teacher_periods", 1)
        self._multiple("num_envs", "branches")

    # -- public ---------------------------------------------------------------------------------------------------
    def init(self, key: Array, env_params: Any) -> OnPolicyState:
        """State before the first iteration."""
        key, env_key, time_key, network_key, burn_in_key, teacher_key = jax.random.split(key, 6)
        env_state, observation, action_mask = self._start(env_key, time_key, env_params)
        example, action_space = self._interface(observation, env_params)
        # Standardised by what is seen at reset, until there is more.
        statistics = RunningStatistics.like(example, memory=50).update(observation)
        params = self.network.init(network_key, example, action_space)
        values = jax.eval_shape(self.network.apply, params, example, action_space)[1].shape  # type: ignore[union-attr]
        if self._agents and values != self._agents:
            raise ValueError(
                f"{type(self).__name__}.network must give a value for each of {self._agents[0]} agents, as "
                f"AgentNetwork does; {type(self.network).__name__} gives {values}"
            )
        state = OnPolicyState(
            key=key,
            updates=jnp.int32(0),
            params=params,
            opt_state=self._optimiser(self.learning_rate).init(params),
            env_state=env_state,
            observation=observation,
            action_mask=action_mask,
            observation_statistics=statistics,
            average_reward=jnp.zeros(values, jnp.float32),
            discounted_sum=jnp.zeros((self.num_envs, *values), jnp.float32),
            return_statistics=RunningStatistics.like(jnp.float32(0), memory=5),  # values follow a change quickly
            cost_levels=CostLevels.like(values),
            action_space=action_space,
        )
        if self.teacher is not None:
            state = imitate(self, state, env_params, teacher_key)
        if self.burn_in:
            state, trajectory, _ = self._rollout(state, env_params, burn_in_key, self.burn_in)
            state, _ = self._estimate(state, trajectory)
        return state

    def update(self, state: OnPolicyState, env_params: Any) -> tuple[OnPolicyState, dict[str, Array]]:
        """One iteration. Metrics are scalars: ``reward`` and, by cause, ``gain/...`` and ``cost/...`` are means per
        period and environment, and what learning reports are means over its minibatches."""
        key, rollout_key, learn_key = jax.random.split(state.key, 3)
        state, trajectory, causes = self._rollout(state, env_params, rollout_key, self.num_steps)
        state, batch = self._estimate(state, trajectory)
        state, metrics = self._learn(state, batch, learn_key)
        metrics |= causes | self._rewards(state, trajectory)
        return dataclasses.replace(state, key=key, updates=state.updates + 1), metrics

    def policy(self, state: OnPolicyState, *, deterministic: bool = True) -> NetworkPolicy:
        """The policy learned so far."""
        return self._acting(state, self.network, state.params, deterministic=deterministic)

    # -- the parts of an iteration --------------------------------------------------------------------------------
    def _rollout(
        self, state: OnPolicyState, env_params: Any, key: Array, length: int
    ) -> tuple[OnPolicyState, Trajectory, dict[str, Array]]:
        """Run the current policy for ``length`` periods: (state, trajectory, mean money per period by cause)."""
        space = state.action_space
        state = self._branch(state)
        num_uniforms = self.env.num_step_uniforms(env_params)
        step = jax.vmap(self.env.step_from_uniforms, in_axes=(0, 0, 0, None))

        # Of the whole iteration at once: on CPU each call of jax.random is a loop of its own.
        keys = jax.vmap(jax.random.split)(jax.random.split(key, length))
        noise = jax.vmap(lambda key: distributions.noise(space, key, self.num_envs))(keys[:, 0])
        shape = self.num_envs // self.branches, num_uniforms
        uniforms = jax.vmap(lambda key: jax.random.uniform(key, shape))(keys[:, 1])
        per_location = state.average_reward.ndim == 1

        def period(carry, inputs):
            env_state, observation, mask = carry
            noise, u = inputs
            heads, _ = self._apply(state.params, self._standardise(state, observation), space)
            distribution = distributions.distribution(space, heads, mask, kept=state.average_reward.ndim)
            raw = distributions.sample(distribution, noise)
            action = jax.vmap(distributions.to_env, in_axes=(None, 0))(space, raw)

            u = jnp.repeat(u, self.branches, 0)
            following, env_state, reward, terminated, truncated, info = step(u, env_state, action, env_params)
            record = {
                "observation": observation,
                "action_mask": mask,
                "action": raw,
                "log_prob": distribution.log_prob(raw),
                "reward": self._credit(reward, info["ledger"]) if per_location and reward.ndim == 1 else reward,
                # Ends are those of the whole environment; with an axis for locations or agents where there is one.
                "terminated": terminated[:, None] if per_location else terminated,
                "truncated": truncated[:, None] if per_location else truncated,
            }
            causes = self._by_cause(info["ledger"])
            return (env_state, following, info["action_mask"]), (record, info["final_observation"], causes)

        carry = state.env_state, state.observation, state.action_mask
        carry, (record, reached, causes) = jax.lax.scan(period, carry, (noise, uniforms))
        values = self._values(state, {"value": record["observation"], "next_value": reached})
        env_state, observation, mask = carry
        state = dataclasses.replace(state, env_state=env_state, observation=observation, action_mask=mask)
        return state, Trajectory(**record, **values), jax.tree.map(jnp.mean, causes)

    def _values(self, state: OnPolicyState, observations: Any) -> Any:
        """The network's values [T, N, ...] of observations [T, N, ...], for all of the named ones; as many periods at a
        time as gradients are computed of at least."""

        def of_period(observations):
            return {
                name: self._apply(state.params, self._standardise(state, observation), state.action_space)[1]
                for name, observation in observations.items()
            }

        length = jax.tree.leaves(observations)[0].shape[0]
        periods = max(1, _CPU_SAMPLES // self.num_envs) if jax.default_backend() == "cpu" else length
        return jax.lax.map(of_period, observations, batch_size=min(periods, length))

    def _rewards(self, state: OnPolicyState, trajectory: Trajectory) -> dict[str, Array]:
        return {
            "reward": jnp.sum(jnp.mean(trajectory.reward, (0, 1))),
            "average_reward": jnp.sum(state.average_reward),
        }

    def _estimate(self, state: OnPolicyState, trajectory: Trajectory) -> tuple[OnPolicyState, Batch]:
        """Advantages and value targets; the statistics move on, after this trajectory was standardised by the ones
        that its policy saw."""
        observation = self._standardise(state, trajectory.observation)
        # Running means: plain ones at first, then exponential.
        rate = jnp.maximum(self.average_reward_rate, 1.0 / (state.updates + 1))
        cost_levels = state.cost_levels.moved(self.risk, trajectory.reward, rate)
        reward = cost_levels.weigh(self.risk, trajectory.reward)
        state = dataclasses.replace(
            state,
            observation_statistics=state.observation_statistics.update(trajectory.observation),
            average_reward=state.average_reward + rate * (jnp.mean(reward, (0, 1)) - state.average_reward),
            cost_levels=cost_levels,
        )
        if self.average_reward:
            reward = reward - state.average_reward[None, None]
        if self.normalise_reward:
            done = trajectory.terminated | trajectory.truncated
            last, sums = returns.discounted_sums(state.discounted_sum, reward, done, self.discount)
            statistics = state.return_statistics.update(sums)
            state = dataclasses.replace(state, discounted_sum=last, return_statistics=statistics)
            reward = reward / jnp.sqrt(statistics.variance + 1e-8)

        advantage, target = self._advantages(trajectory, reward)
        if self.average_reward:  # differential values are defined up to a constant: keep it from drifting
            target = target - jnp.mean(target, (0, 1), keepdims=True)
        batch = Batch(
            observation=observation,
            action_mask=trajectory.action_mask,
            action=trajectory.action,
            log_prob=trajectory.log_prob,
            value=trajectory.value,
            advantage=(advantage - jnp.mean(advantage)) / (jnp.std(advantage) + 1e-8),
            target=target,
        )
        return state, jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), batch)

    def _advantages(self, trajectory: Trajectory, reward: Array) -> tuple[Array, Array]:
        """Advantages and value targets [T, N, ...] of centred and scaled rewards."""
        advantage = returns.generalised_advantages(
            reward,
            trajectory.value,
            trajectory.next_value,
            trajectory.terminated,
            trajectory.truncated,
            self.discount,
            self.gae_lambda,
        )
        return returns.against_branches(advantage, self.branches), advantage + trajectory.value

    def _learn(self, state: OnPolicyState, batch: Batch, key: Array) -> tuple[OnPolicyState, dict[str, Array]]:
        """The state with better weights, and scalars about it."""
        raise NotImplementedError

    def _gradient(self, params: Any, batch: Batch, environments: Array, *rest: Any) -> tuple[Any, dict[str, Array]]:
        """Gradient of ``self._loss(params, samples, *rest)`` over some ``environments`` [n] of the batch, and the
        scalars that come with the loss; part by part where that is faster."""

        def of_part(environments):
            samples = jax.tree.map(lambda x: x[environments].reshape(-1, *x.shape[2:]), batch)
            samples = sharding.divide_samples(samples)
            return jax.grad(self._loss, has_aux=True)(params, samples, *rest)

        parts = environments.reshape(_parts(environments.size, batch.log_prob.shape[1]), -1)
        return jax.tree.map(lambda x: jnp.mean(x, 0), jax.lax.map(of_part, parts))

    def _loss(self, params: Any, batch: Batch, *rest: Any) -> tuple[Array, dict[str, Array]]:
        raise NotImplementedError

    # -- small parts ----------------------------------------------------------------------------------------------
    def _branch(self, state: OnPolicyState) -> OnPolicyState:
        """All environments of a group where the first of them is."""
        if self.branches == 1:
            return state
        names = ("env_state", "observation", "action_mask", "discounted_sum")
        first = jax.tree.map(
            lambda x: jnp.repeat(x[:: self.branches], self.branches, 0), {name: getattr(state, name) for name in names}
        )
        return dataclasses.replace(state, **first)

    def _credit(self, reward: Array, ledger: Any) -> Array:
        """Rewards [N, W] of the locations, which sum to ``reward`` [N]."""
        local = -jax.vmap(location_cost)(ledger)
        return (1.0 - self.team_share) * local + self.team_share * (reward / local.shape[1])[:, None]


def _parts(environments: int, num_steps: int) -> int:
    """Equal parts of some environments whose gradients are computed one after the other, for the same sum."""
    if jax.default_backend() != "cpu":
        return 1
    divisors = (n for n in range(1, environments + 1) if environments % n == 0)
    return next((n for n in divisors if environments // n * num_steps <= _CPU_SAMPLES), environments)
