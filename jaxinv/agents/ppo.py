"""Proximal policy optimisation (Schulman et al. 2017, arXiv:1707.06347), compiled together with the environment."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxinv import struct
from jaxinv.agents import distributions, returns
from jaxinv.agents.networks import MLP
from jaxinv.agents.normalise import RunningStatistics
from jaxinv.agents.policy import NetworkPolicy
from jaxinv.env.core import Environment, Ledger
from jaxinv.evaluate import location_cost

_CPU_SAMPLES = 4096  # that a gradient is computed of at a time on CPU: of more, activations do not stay in the cache


@struct.dataclass(kw_only=True)
class PPOState:
    """Everything that changes while learning; N environments. [*V] is the shape of the network's value of one."""

    key: Array
    updates: Array  # int32 []
    params: Any  # weights of the network
    opt_state: Any
    env_state: Any  # [N, ...]
    observation: Any  # [N, ...]
    action_mask: Any  # [N, ...] or None
    observation_statistics: RunningStatistics
    average_reward: Array  # [*V]: running mean per period
    discounted_sum: Array  # [N, *V] of rewards so far, whose ...
    return_statistics: RunningStatistics  # ... deviation is the unit of rewards
    action_space: Any  # that the policy acts in


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
class PPO(struct.Typed):
    """PPO as its own configuration. Sizes and flags are static, numbers are traced, so that a sweep is one ``vmap``::

        jax.vmap(lambda rate, key: ppo.replace(learning_rate=rate).train(key, env_params))(rates, keys)

    One iteration, :meth:`update`, runs ``num_envs`` environments, all with the same ``env_params``, for ``num_steps``
    periods and then makes ``num_epochs`` passes over the data in ``num_minibatches`` parts. Environments are shuffled
    into minibatches whole.

    Inventory problems are continuing and judged by average cost, hence ``average_reward``: the running mean of the
    reward is subtracted from it, and values are differences from a mean of zero (reward centring, Naik et al. 2024,
    arXiv:2405.09999; the average-value constraint of Ma et al. 2021, arXiv:2106.03442). ``discount`` then discounts
    differences only and may stay below 1 to reduce variance. Where episodes truly terminate, or discounting is meant,
    switch the flag off; ``discount`` is then part of the problem: set it to that of ``env_params``.

    Most of the noise in what an action earns is the demand that follows. With ``branches`` > 1 the environments come
    in groups of as many: in each iteration a group starts where the first of it was and meets one exogenous path, and
    advantages are counted from the mean of the other branches, which shared the luck but not the actions (a baseline
    may depend on the exogenous path: Mao et al. 2019, arXiv:1807.02264). The price is fewer distinct paths.

    Where the network gives a value per location (``CellNetwork.local_values``), each location's actions have a ratio
    and an advantage of their own. A ``team_share`` of 1 credits them with the mean reward of all locations. A smaller
    one credits them with that part of it and, for the rest, with the location's own entries of the ledger: less noise,
    but locations that help each other then live at each other's expense (Yu et al. 2022, arXiv:2103.01955, for agents
    that share parameters).
    """

    env: Environment = struct.static()
    network: nn.Module = struct.static(MLP())
    num_envs: int = struct.static(256)
    num_steps: int = struct.static(32)  # periods per environment in one iteration
    num_epochs: int = struct.static(4)
    num_minibatches: int = struct.static(4)
    num_updates: int = struct.static(500)  # iterations in a whole training run, over which schedules run
    branches: int = struct.static(1)  # environments that start an iteration alike and meet the same exogenous path
    burn_in: int = struct.static(0)  # periods that the untrained policy runs before learning starts
    stagger: bool = struct.static(True)  # start with random times, lest all environments reach their limit together
    average_reward: bool = struct.static(True)
    normalise_observation: bool = struct.static(True)  # by running mean and deviation
    normalise_reward: bool = struct.static(True)  # by the running deviation of discounted returns
    anneal: bool = struct.static(True)  # learning rate and entropy coefficient fall linearly to zero

    learning_rate: Array = struct.leaf(1e-3, low=0.0)
    discount: Array = struct.leaf(0.99, low=0.0, high=1.0)
    gae_lambda: Array = struct.leaf(0.95, low=0.0, high=1.0)
    clip_range: Array = struct.leaf(0.2, above=0.0)  # of the probability ratio
    value_clip: Array = struct.leaf(0.5, above=0.0)  # change of a value in one iteration, in units of rewards; or inf
    entropy_coef: Array = struct.leaf(0.01, low=0.0)
    value_coef: Array = struct.leaf(0.5, low=0.0)
    max_grad_norm: Array = struct.leaf(0.5, above=0.0)
    target_kl: Array = struct.leaf(0.03, above=0.0)  # beyond it the rest of an iteration is skipped; or inf
    team_share: Array = struct.leaf(1.0, low=0.0, high=1.0)  # of rewards that locations have in common
    average_reward_rate: Array = struct.leaf(0.05, above=0.0, high=1.0)  # step of its running mean per iteration

    def __post_init__(self):
        super().__post_init__()
        for name in ("num_envs", "num_steps", "num_epochs", "num_minibatches", "num_updates", "branches"):
            if getattr(self, name) < 1:
                raise ValueError(f"PPO.{name} must be at least 1, got {getattr(self, name)}")
        if self.burn_in < 0:
            raise ValueError(f"PPO.burn_in must be at least 0, got {self.burn_in}")
        for name in ("num_minibatches", "branches"):
            if self.num_envs % getattr(self, name):
                raise ValueError(
                    f"PPO.num_envs must be a multiple of {name} = {getattr(self, name)}, got {self.num_envs}"
                )

    @property
    def steps_per_update(self) -> int:
        """Environment steps that one iteration takes."""
        return self.num_envs * self.num_steps

    # -- public ---------------------------------------------------------------------------------------------------
    def init(self, key: Array, env_params: Any) -> PPOState:
        """State before the first iteration."""
        key, env_key, time_key, network_key, burn_in_key = jax.random.split(key, 5)
        u = jax.random.uniform(env_key, (self.num_envs, self.env.num_initial_uniforms(env_params)))
        env_state = jax.vmap(self.env.init_state, in_axes=(0, None))(u, env_params)
        if self.stagger:
            time = jax.random.randint(time_key, (self.num_envs,), 0, env_params.max_steps_in_episode)
            env_state = env_state.replace(time=time)
        observation = jax.vmap(self.env.observe, in_axes=(0, None))(env_state, env_params)
        example = jax.tree.map(lambda x: x[0], observation)
        action_space = jax.tree.map(jnp.asarray, self.env.action_space(env_params))
        # Standardised by what is seen at reset, until there is more.
        statistics = RunningStatistics.like(example, memory=50).update(observation)
        params = self.network.init(network_key, example, action_space)
        values = jax.eval_shape(self.network.apply, params, example, action_space)[1].shape  # type: ignore[union-attr]
        state = PPOState(
            key=key,
            updates=jnp.int32(0),
            params=params,
            opt_state=self._optimiser(self.learning_rate).init(params),
            env_state=env_state,
            observation=observation,
            action_mask=jax.vmap(self.env.action_mask, in_axes=(0, None))(env_state, env_params),
            observation_statistics=statistics,
            average_reward=jnp.zeros(values, jnp.float32),
            discounted_sum=jnp.zeros((self.num_envs, *values), jnp.float32),
            return_statistics=RunningStatistics.like(jnp.float32(0), memory=5),  # values follow a change quickly
            action_space=action_space,
        )
        if self.burn_in:
            state, trajectory, _ = self._rollout(state, env_params, burn_in_key, self.burn_in)
            state, _ = self._estimate(state, trajectory)
        return state

    def update(self, state: PPOState, env_params: Any) -> tuple[PPOState, dict[str, Array]]:
        """One iteration. Metrics are scalars: ``reward`` and, by cause, ``gain/...`` and ``cost/...`` are means per
        period and environment, and what learning reports are means over its minibatches."""
        key, rollout_key, learn_key = jax.random.split(state.key, 3)
        state, trajectory, causes = self._rollout(state, env_params, rollout_key, self.num_steps)
        state, batch = self._estimate(state, trajectory)
        state, metrics = self._learn(state, batch, learn_key)
        metrics |= causes
        metrics["reward"] = jnp.sum(jnp.mean(trajectory.reward, (0, 1)))
        metrics["average_reward"] = jnp.sum(state.average_reward)
        return dataclasses.replace(state, key=key, updates=state.updates + 1), metrics

    def train(self, key: Array, env_params: Any) -> tuple[PPOState, dict[str, Array]]:
        """All ``num_updates`` iterations from :meth:`init`: (state, metrics [num_updates])."""

        def body(state, _):
            return self.update(state, env_params)

        return jax.lax.scan(body, self.init(key, env_params), length=self.num_updates)

    def policy(self, state: PPOState, *, deterministic: bool = True) -> NetworkPolicy:
        """The policy learned so far."""
        return NetworkPolicy(
            network=self.network,
            params=state.params,
            statistics=state.observation_statistics if self.normalise_observation else None,
            action_space=state.action_space,
            deterministic=deterministic,
        )

    # -- the parts of an iteration --------------------------------------------------------------------------------
    def _rollout(
        self, state: PPOState, env_params: Any, key: Array, length: int
    ) -> tuple[PPOState, Trajectory, dict[str, Array]]:
        """Run the current policy for ``length`` periods: (state, trajectory, mean money per period by cause)."""
        space = state.action_space
        state = self._branch(state)
        num_uniforms = self.env.num_step_uniforms(env_params)
        step = jax.vmap(self.env.step_from_uniforms, in_axes=(0, 0, 0, None))

        def period(carry, key):
            env_state, observation, mask = carry
            action_key, env_key = jax.random.split(key)
            heads, value = self._apply(state.params, self._standardise(state, observation), space)
            distribution = distributions.distribution(space, heads, mask, kept=value.ndim - 1)
            raw = distribution.sample(seed=action_key)
            action = jax.vmap(distributions.to_env, in_axes=(None, 0))(space, raw)

            u = jax.random.uniform(env_key, (self.num_envs // self.branches, num_uniforms))
            u = jnp.repeat(u, self.branches, 0)
            following, env_state, reward, terminated, truncated, info = step(u, env_state, action, env_params)
            _, next_value = self._apply(state.params, self._standardise(state, info["final_observation"]), space)
            record = Trajectory(
                observation=observation,
                action_mask=mask,
                action=raw,
                log_prob=distribution.log_prob(raw),
                value=value,
                next_value=next_value,
                reward=self._credit(reward, info["ledger"]) if value.ndim > 1 else reward,
                # Ends are those of the whole environment; with an axis for locations where there is one.
                terminated=terminated.reshape(-1, *(1,) * (value.ndim - 1)),
                truncated=truncated.reshape(-1, *(1,) * (value.ndim - 1)),
            )
            return (env_state, following, info["action_mask"]), (record, _by_cause(info["ledger"], self.num_envs))

        carry = state.env_state, state.observation, state.action_mask
        carry, (trajectory, causes) = jax.lax.scan(period, carry, jax.random.split(key, length))
        env_state, observation, mask = carry
        state = dataclasses.replace(state, env_state=env_state, observation=observation, action_mask=mask)
        return state, trajectory, jax.tree.map(jnp.mean, causes)

    def _estimate(self, state: PPOState, trajectory: Trajectory) -> tuple[PPOState, Batch]:
        """Advantages and value targets; the statistics move on, after this trajectory was standardised by the ones
        that its policy saw."""
        observation = self._standardise(state, trajectory.observation)
        state = dataclasses.replace(
            state,
            observation_statistics=state.observation_statistics.update(trajectory.observation),
            average_reward=self._move_average_reward(state, trajectory.reward),
        )
        reward = trajectory.reward
        if self.average_reward:
            reward = reward - state.average_reward[None, None]
        if self.normalise_reward:
            done = trajectory.terminated | trajectory.truncated
            last, sums = returns.discounted_sums(state.discounted_sum, reward, done, self.discount)
            statistics = state.return_statistics.update(sums)
            state = dataclasses.replace(state, discounted_sum=last, return_statistics=statistics)
            reward = reward / jnp.sqrt(statistics.variance + 1e-8)

        advantage = returns.generalised_advantages(
            reward,
            trajectory.value,
            trajectory.next_value,
            trajectory.terminated,
            trajectory.truncated,
            self.discount,
            self.gae_lambda,
        )
        target = advantage + trajectory.value
        advantage = self._against_branches(advantage)
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

    def _learn(self, state: PPOState, batch: Batch, key: Array) -> tuple[PPOState, dict[str, Array]]:
        """Epochs of minibatches; once a minibatch finds the policy ``target_kl`` away, nothing moves any more."""
        remaining = jnp.maximum(self.num_updates - state.updates, 0) / self.num_updates if self.anneal else 1.0
        entropy_coef = self.entropy_coef * remaining
        optimiser = self._optimiser(self.learning_rate * remaining)
        gradient = jax.grad(self._loss, has_aux=True)

        def minibatch(carry, environments):
            params, opt_state, stopped = carry

            def of_chunk(environments):
                part = jax.tree.map(lambda x: x[environments].reshape(-1, *x.shape[2:]), batch)
                return gradient(params, part, state.action_space, entropy_coef)

            chunks = environments.reshape(self._chunks(batch.log_prob.shape[1]), -1)
            grads, metrics = jax.tree.map(lambda x: jnp.mean(x, 0), jax.lax.map(of_chunk, chunks))
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

        entropy = jnp.mean(distribution.entropy())
        metrics = {
            "policy_loss": policy_loss,
            "value_loss": value_loss,
            "entropy": entropy,
            "kl": jnp.mean(ratio - 1.0 - log_ratio),  # unbiased and never negative (Schulman 2020)
            "clip_fraction": jnp.mean(jnp.abs(ratio - 1.0) > self.clip_range),
        }
        return policy_loss + self.value_coef * value_loss - entropy_coef * entropy, metrics

    def _chunks(self, num_steps: int) -> int:
        """Equal parts of a minibatch whose gradients are computed one after the other, for the same sum."""
        environments = self.num_envs // self.num_minibatches
        if jax.default_backend() != "cpu":
            return 1
        divisors = (n for n in range(1, environments + 1) if environments % n == 0)
        return next((n for n in divisors if environments // n * num_steps <= _CPU_SAMPLES), environments)

    # -- small parts ----------------------------------------------------------------------------------------------
    def _apply(self, params: Any, observation: Any, space: Any) -> tuple[tuple, Array]:
        """Heads and values of a batch of observations."""
        return jax.vmap(lambda x: self.network.apply(params, x, space))(observation)  # type: ignore[return-value]

    def _standardise(self, state: PPOState, observation: Any) -> Any:
        return state.observation_statistics.standardise(observation) if self.normalise_observation else observation

    def _branch(self, state: PPOState) -> PPOState:
        """All environments of a group where the first of them is."""
        if self.branches == 1:
            return state
        names = ("env_state", "observation", "action_mask", "discounted_sum")
        first = jax.tree.map(
            lambda x: jnp.repeat(x[:: self.branches], self.branches, 0), {name: getattr(state, name) for name in names}
        )
        return dataclasses.replace(state, **first)

    def _against_branches(self, advantage: Array) -> Array:
        """Advantages [T, N, ...] less the mean of those of the other branches."""
        if self.branches == 1:
            return advantage
        groups = advantage.reshape(advantage.shape[0], -1, self.branches, *advantage.shape[2:])
        own = groups - jnp.mean(groups, 2, keepdims=True)
        return (own * self.branches / (self.branches - 1)).reshape(advantage.shape)

    def _move_average_reward(self, state: PPOState, reward: Array) -> Array:
        """The plain mean at first, then an exponential one."""
        rate = jnp.maximum(self.average_reward_rate, 1.0 / (state.updates + 1))
        return state.average_reward + rate * (jnp.mean(reward, (0, 1)) - state.average_reward)

    def _credit(self, reward: Array, ledger: Any) -> Array:
        """Rewards [N, W] of the locations, which sum to ``reward`` [N]."""
        local = -jax.vmap(location_cost)(ledger)
        return (1.0 - self.team_share) * local + self.team_share * (reward / local.shape[1])[:, None]

    def _optimiser(self, learning_rate: Array) -> optax.GradientTransformation:
        return optax.chain(optax.clip_by_global_norm(self.max_grad_norm), optax.adam(learning_rate, eps=1e-5))


def _by_cause(ledger: Any, num_envs: int) -> dict[str, Array]:
    """Money per environment of a batch of ledgers by cause; nothing for an environment that keeps no ledger."""
    if not isinstance(ledger, Ledger):
        return {}
    named = [("gain", name) for name in ledger.GAINS] + [("cost", name) for name in ledger.COSTS]
    return {f"{kind}/{name}": jnp.sum(getattr(ledger, name)) / num_envs for kind, name in named}
