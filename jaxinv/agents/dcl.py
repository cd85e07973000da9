"""Deep Controlled Learning (Temizoz et al. 2025, European Journal of Operational Research 324(1), arXiv:2011.15122):
policy iteration by simulation, compiled together with the environment."""

import dataclasses
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxinv import sharding, struct
from jaxinv.agents import distributions
from jaxinv.agents.imitation import imitate
from jaxinv.agents.learner import Learner, LearnerState
from jaxinv.agents.networks import MLP
from jaxinv.agents.normalise import RunningStatistics
from jaxinv.agents.policy import NetworkPolicy
from jaxinv.env import spaces


@struct.dataclass(kw_only=True)
class Samples:
    """What was found out about S states; leaves [S, ...]."""

    observation: Any
    action_mask: Any
    best: Array  # int32, the action that was found best


@struct.dataclass(kw_only=True)
class DCLState(LearnerState):
    samples: Samples  # [fits, S, ...] of the last generations, each in the place of that ``fits`` before


@struct.dataclass(kw_only=True)
class DCL(Learner):
    """Deep Controlled Learning as its own configuration, see :class:`~jaxinv.agents.learner.Learner`, for one choice
    among listed actions.

    An iteration is a generation. It visits states by the current policy: ``num_steps`` of each environment,
    ``spacing`` periods apart. In each of them the legal actions are compared by simulation: the action, then the
    current policy, for ``depth`` periods in all, on exogenous paths that the actions have in common. After each of
    ``rounds`` the better half of the actions stays and meets twice as many paths, so that most are spent on what is
    hard to tell apart (sequential halving: Karnin, Koren and Somekh 2013, ICML); what is left at the end has met
    ``scenarios``. Then ``fit_steps`` steps on ``batch_size`` of the states fit the network to the actions that were
    found best, and its likeliest action is the next policy.

    To compare takes nearly all time, and what was best with one policy often is with the next. There are therefore
    several ``fits``, of states of this generation alone, of the last two and so on. They and the network before them
    act for ``trial_periods`` in all environments, on what they have in common, and the one with the highest mean reward
    is kept, so that a generation loses nothing. If there is one of ``fits`` it is the next policy without a trial.

    As many states are compared side by side as fit into ``bytes_at_once``: by default a megabyte on CPU, which its
    caches hold, and a sixteenth of the memory of an accelerator. Devices within ``jaxinv.sharding.over`` take states of
    their own, with all actions and paths of each.

    How many generations gain anything differs; ``train.fit`` ends where none does with ``chunk=1``, an ``evaluate`` and
    ``patience=1``.

    The first policy imitates the ``teacher``, any heuristic for the problem, where there is one, as
    :class:`~jaxinv.agents.on_policy.OnPolicy` does. There are no values: rewards are neither centred nor scaled, and
    count by the power of ``discount``. The learning rate falls to zero in every generation.
    """

    network: nn.Module = struct.static(MLP(activation="relu", shared=True))
    num_envs: int = struct.static(512)
    num_steps: int = struct.static(16)
    num_updates: int = struct.static(6)
    warmup: int = struct.static(100)  # periods before the first states are taken
    spacing: int = struct.static(4)
    scenarios: int = struct.static(256)
    depth: int = struct.static(40)
    rounds: int = struct.static(8)  # at most: fewer where two actions or one path are left before
    fit_steps: int = struct.static(2000)
    batch_size: int = struct.static(256)
    fits: int = struct.static(4)
    trial_periods: int = struct.static(8192)
    bytes_at_once: int | None = struct.static(None)  # of the paths and states compared side by side; None: see class
    teacher_periods: int = struct.static(2000)

    teacher: Any = None  # a policy for the environment
    discount: Array = struct.leaf(1.0, low=0.0, high=1.0)
    max_grad_norm: Array = struct.leaf(10.0, above=0.0)

    def __post_init__(self):
        super().__post_init__()
        for name in ("spacing", "scenarios", "depth", "rounds"):
            self._at_least(name, 1)
        for name in ("fit_steps", "batch_size", "fits", "trial_periods", "teacher_periods"):
            self._at_least(name, 1)
        if self.bytes_at_once is not None:
            self._at_least("bytes_at_once", 1)
        self._at_least("warmup", 0)

    @property
    def steps_per_update(self) -> int:
        """Environment steps that one generation takes, nearly all of them in simulations."""
        num_actions = self.env.action_space(self.env.default_params()).n  # type: ignore[union-attr]
        paths = sum((end - begin) * left for begin, end, left in self._rounds(num_actions))
        trials = self.num_envs * self.trial_periods * (self.fits + 1) if self.fits > 1 else 0
        return self.num_envs * self.num_steps * (self.spacing + paths * self.depth) + trials

    # -- public ---------------------------------------------------------------------------------------------------
    def init(self, key: Array, env_params: Any) -> DCLState:
        """State before the first generation."""
        self._has_one_reward()
        key, env_key, time_key, network_key, teacher_key, run_key = jax.random.split(key, 6)
        env_state, observation, action_mask = self._start(env_key, time_key, env_params)
        example, action_space = self._interface(observation, env_params)
        if not isinstance(action_space, spaces.Discrete) or action_space.shape:
            raise ValueError(f"DCL.env must have one choice among listed actions, got {action_space}")
        samples = Samples(
            observation=example,
            action_mask=jax.tree.map(lambda x: x[0], action_mask),
            best=jnp.int32(0),
        )
        size = self.fits, self.num_envs * self.num_steps
        state = DCLState(
            key=key,
            updates=jnp.int32(0),
            params=self.network.init(network_key, example, action_space),
            opt_state=None,
            env_state=env_state,
            observation=observation,
            action_mask=action_mask,
            observation_statistics=RunningStatistics.like(example, memory=50).update(observation),
            average_reward=jnp.float32(0),
            action_space=action_space,
            samples=jax.tree.map(lambda x: jnp.zeros((*size, *x.shape), x.dtype), samples),
        )
        if self.teacher is not None:
            state = imitate(self, state, env_params, teacher_key)
        if self.warmup:
            state, (visited, _) = self._visit(state, env_params, run_key, self.warmup, _all)
            if self.teacher is None:  # weights that have learned nothing do not mind other units
                seen = jax.vmap(jax.vmap(lambda x: self.env.observe(x, env_params)))(visited)
                state = dataclasses.replace(state, observation_statistics=state.observation_statistics.update(seen))
        return state

    def update(self, state: DCLState, env_params: Any) -> tuple[DCLState, dict[str, Array]]:
        """One generation. Metrics are scalars: ``reward`` is the mean per period and environment of the policy that is
        improved, ``changed`` the part of the states where another action is better and ``improvement`` by how much on
        average, ``loss`` and ``agreement`` are those of the networks at the end, on average, and ``kept`` is 1 where
        none of them is better than the network before."""
        key, visit_key, compare_key, fit_key, trial_key = jax.random.split(state.key, 5)
        state, (visited, reward) = self._visit(state, env_params, visit_key, self.num_steps * self.spacing, _all)
        env_states = jax.tree.map(lambda x: x[:: self.spacing].reshape(-1, *x.shape[2:]), visited)
        compared, metrics = self._compare(state, env_states, env_params, compare_key)
        place = state.updates % self.fits
        samples = jax.tree.map(lambda x, new: x.at[place].set(new), state.samples, compared)
        state = dataclasses.replace(state, key=key, updates=state.updates + 1, samples=samples)
        generations = jnp.minimum(1 + jnp.arange(self.fits), state.updates)
        fitted, fit_metrics = jax.vmap(self._fit, (None, 0, 0))(
            state, generations, jax.random.split(fit_key, self.fits)
        )
        metrics |= jax.tree.map(jnp.mean, fit_metrics) | {"reward": jnp.mean(reward)}
        params, kept = self._best(state, fitted, env_params, trial_key)
        return dataclasses.replace(state, params=params), metrics | {"kept": kept}

    def policy(self, state: DCLState) -> NetworkPolicy:
        """The policy learned so far."""
        return self._acting(state, self.network, state.params)

    # -- acting ---------------------------------------------------------------------------------------------------
    def _visit(
        self, state: DCLState, env_params: Any, key: Array, periods: int, record: Callable[[Any, Array], Any]
    ) -> tuple[DCLState, Any]:
        """The state after the environments ran for some periods, and what is recorded of them, [periods, ...]: a
        function of their states before a period and of its rewards [N, ...]."""
        policy, num_uniforms = self.policy(state), self.env.num_step_uniforms(env_params)
        step = jax.vmap(self.env.step_from_uniforms, in_axes=(0, 0, 0, None))

        def period(carry, key):
            env_state, _, _ = carry
            action = jax.vmap(lambda x: policy(self.env, x, env_params))(env_state)
            u = jax.random.uniform(key, (self.num_envs, num_uniforms))
            observation, following, reward, _, _, info = step(u, env_state, action, env_params)
            return (following, observation, info["action_mask"]), record(env_state, reward)

        carry = state.env_state, state.observation, state.action_mask
        (env_state, observation, mask), records = jax.lax.scan(period, carry, jax.random.split(key, periods))
        return dataclasses.replace(state, env_state=env_state, observation=observation, action_mask=mask), records

    def _best(self, state: DCLState, fitted: Any, env_params: Any, key: Array) -> tuple[Any, Array]:
        """The best of the weights [F, ...] that were fitted and of the ones before, and 1 if it is these."""
        if self.fits == 1:
            return jax.tree.map(lambda x: x[0], fitted), jnp.float32(0)

        def reward(params: Any) -> Array:
            tried = dataclasses.replace(state, params=params)
            _, rewards = self._visit(tried, env_params, key, self.trial_periods, lambda _, reward: jnp.mean(reward))
            return jnp.mean(rewards)

        candidates = jax.tree.map(lambda new, old: jnp.concatenate([new, old[None]]), fitted, state.params)
        best = jnp.argmax(jax.vmap(reward)(candidates))
        return jax.tree.map(lambda x: x[best], candidates), jnp.float32(best == self.fits)

    # -- comparing ------------------------------------------------------------------------------------------------
    def _compare(self, state: DCLState, env_states: Any, env_params: Any, key: Array) -> tuple[Samples, dict]:
        """Samples of environment states [S, ...], and scalars about them."""

        at_once = self._states_at_once(env_states, env_params, key)

        def halve(samples: tuple[Any, Array], algo: DCL, policy: NetworkPolicy, env_params: Any) -> Any:
            return jax.lax.map(lambda x: algo._halve(policy, x[0], x[1], env_params), samples, batch_size=at_once)

        keys = jax.random.split(key, jax.tree.leaves(env_states)[0].shape[0])
        best, loss, current = sharding.over_samples(halve)((env_states, keys), self, self.policy(state), env_params)
        observation = jax.vmap(lambda x: self.env.observe(x, env_params))(env_states)
        mask = jax.vmap(lambda x: self.env.action_mask(x, env_params))(env_states)
        improvement = jnp.take_along_axis(loss, current[:, None], 1)[:, 0]
        samples = Samples(observation=observation, action_mask=mask, best=best)
        return samples, {"changed": jnp.mean(best != current), "improvement": jnp.mean(improvement)}

    def _halve(self, policy: NetworkPolicy, env_state: Any, key: Array, env_params: Any) -> tuple[Array, Array, Array]:
        """In one state: the best action, by how much others are worse [A] and the current policy's action."""
        num_actions = policy.action_space.n  # type: ignore[union-attr]
        mask = self.env.action_mask(env_state, env_params)
        current = policy(self.env, env_state, env_params)
        paths = jax.vmap(lambda key: self.env.sample_path(key, env_state, env_params, self.depth))(
            jax.random.split(key, self.scenarios)
        )
        weights = self.discount ** jnp.arange(self.depth)

        def total(action: Array, path: Any) -> Array:
            """Reward of an action along one path, up to the end where there is one."""
            first, rest = jax.tree.map(lambda x: x[0], path), jax.tree.map(lambda x: x[1:], path)
            following, outcome = self.env.transition(env_state, action, first, env_params)
            _, (rewards, ends) = self.env.rollout(
                policy, following, rest, env_params, record=lambda x: (x.outcome.reward, x.outcome.terminated)
            )
            going_on = jnp.cumsum(jnp.append(outcome.terminated, ends)[:-1]) == 0
            return outcome.reward + jnp.sum(jnp.where(going_on, weights[1:] * rewards, 0.0))

        legal = jnp.ones(num_actions, bool) if mask is None else mask
        loss = jnp.full(num_actions, jnp.inf)
        sums = jnp.where(legal, 0.0, -jnp.inf)  # of the actions that are left
        left = jnp.arange(num_actions)
        for begin, end, count in self._rounds(num_actions):
            sums, kept = jax.lax.top_k(sums, count)
            left = left[kept]
            seen = jax.tree.map(lambda x, part=slice(begin, end): x[part], paths)
            rewards = jax.vmap(jax.vmap(total, (None, 0)), (0, None))(left, seen)  # [left, paths]
            sums = sums + jnp.sum(rewards, 1)
            means = sums / end
            loss = loss.at[left].set(jnp.where(jnp.isfinite(means), jnp.max(means) - means, jnp.inf))
        return left[jnp.argmax(sums)].astype(jnp.int32), loss, current

    def _states_at_once(self, env_states: Any, env_params: Any, key: Array) -> int:
        """Of the environment states [S, ...]."""
        count = jax.tree.leaves(env_states)[0].shape[0]
        one = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), env_states)
        path = jax.eval_shape(lambda x: self.env.sample_path(key, x, env_params, self.depth), one)
        num_actions = self.env.action_space(env_params).n  # type: ignore[union-attr]
        copies = max((end - begin) * left for begin, end, left in self._rounds(num_actions))
        room = self.bytes_at_once
        if room is None:
            memory = jax.devices()[0].memory_stats()
            room = memory["bytes_limit"] // 16 if memory else 2**20
        return max(1, min(count, room // (self.scenarios * _bytes(path) + copies * _bytes(one))))

    def _rounds(self, num_actions: int) -> list[tuple[int, int, int]]:
        """Of each round the first of its paths, the first of the next and the number of actions that are left."""
        rounds = min(self.rounds, max(1, (num_actions - 1).bit_length()), (self.scenarios + 1).bit_length() - 1)
        ends = [round(self.scenarios * (2**i - 1) / (2**rounds - 1)) for i in range(rounds + 1)]
        counts = [-(-num_actions // 2**i) for i in range(rounds)]
        return list(zip(ends, ends[1:], counts, strict=False))

    # -- fitting --------------------------------------------------------------------------------------------------
    def _fit(self, state: DCLState, generations: Array, key: Array) -> tuple[Any, dict[str, Array]]:
        """Weights that choose the actions that were best in the last ``generations`` [], and scalars about them."""
        samples = state.samples
        observation = self._standardise(state, samples.observation)
        most = jnp.array([[generations], [self.num_envs * self.num_steps]])

        def loss(params: Any, index: tuple[Array, Array]) -> tuple[Array, Array]:
            batch = sharding.divide_samples(
                jax.tree.map(lambda x: x[index], (observation, samples.action_mask, samples.best))
            )
            heads, _ = self._apply(params, batch[0], state.action_space)
            chosen = distributions.distribution(state.action_space, heads, batch[1])
            return -jnp.mean(chosen.log_prob(batch[2])), jnp.mean(chosen.mode() == batch[2])

        def step(carry: Any, inputs: tuple[Array, Array]) -> tuple[Any, tuple[Array, Array]]:
            params, opt_state = carry
            key, remaining = inputs
            age, number = jax.random.randint(key, (2, self.batch_size), 0, most)
            index = (state.updates - 1 - age) % self.fits, number
            (value, agreement), grads = jax.value_and_grad(loss, has_aux=True)(params, index)
            updates, opt_state = self._optimiser(self.learning_rate * remaining).update(grads, opt_state, params)
            return (optax.apply_updates(params, updates), opt_state), (value, agreement)

        inputs = jax.random.split(key, self.fit_steps), 1.0 - jnp.arange(self.fit_steps) / self.fit_steps
        start = state.params, self._optimiser(self.learning_rate).init(state.params)
        (params, _), (losses, agreements) = jax.lax.scan(step, start, inputs)
        last = -min(100, self.fit_steps)
        return params, {"loss": jnp.mean(losses[last:]), "agreement": jnp.mean(agreements[last:])}


def _all(env_state: Any, reward: Array) -> tuple[Any, Array]:
    return env_state, reward


def _bytes(shapes: Any) -> int:
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(shapes))
