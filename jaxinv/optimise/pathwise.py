"""Pathwise policy optimisation: descent along the gradient of what a policy costs in hindsight, through the transition
(hindsight differentiable policy optimisation: Alvo, Russo and Kanoria 2023, arXiv:2306.11246)."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxinv import sharding, struct
from jaxinv.agents import distributions, returns
from jaxinv.agents.learner import Learner, LearnerState, late_average
from jaxinv.agents.networks import MLP
from jaxinv.agents.normalise import RunningStatistics
from jaxinv.env import spaces
from jaxinv.evaluate import Risk

_SETTLING = 20  # iterations that the usual norm of a gradient is known by


@struct.dataclass(kw_only=True)
class PathwiseState(LearnerState):
    """``params`` are the weights, or the learned fields of the heuristic by name."""

    average_params: Any  # running average of them, that the policy acts by
    usual_norm: Array  # running mean of the norm of the gradient


@struct.dataclass(kw_only=True)
class Pathwise(Learner):
    """A policy whose parameters follow the gradient of its mean reward, see :class:`~jaxinv.agents.learner.Learner`.

    What happens does not depend on what is decided, so that the reward along an exogenous path is a function of the
    policy's parameters that can be differentiated through every transition: but for choices there are no values to be
    learned, no exploration, and no noise but that of the paths. An iteration is a step of the optimiser on ``num_envs``
    new paths of ``warmup`` + ``num_steps`` periods from new initial states. Rewards of the ``warmup`` are ignored, so
    that where paths begin does not matter; set it to 0 where they begin as the problem does. Rewards count by the power
    of ``discount``. Of each period only the state is stored and the rest is computed again on the way back.

    What is learned are the weights of ``network``, whose quantities are squashed into their bounds, so that boxes must
    have two of them, as those of ``wrappers.OrderUpTo`` with a ``max_level`` have. With a ``heuristic`` it is the
    fields of it that are ``learned``.

    Gradients through many periods explode where a policy overreacts to what it did itself, and then lead anywhere
    (Metz et al. 2021, arXiv:2111.05803). A gradient ``wild`` times as long as usual is therefore not followed, and the
    weights return to their average over about the last ``average_share`` of the iterations, which is also what the
    policy acts by.

    With ``risk`` it is not the mean that is improved but what the paths' costs per counted period are worth together.

    Gradients see slopes, not steps. In an environment with whole units, learn with orders that are nearly whole and
    judge the policy with whole ones: the same wrappers around ``wrappers.NearBatches`` and around
    ``wrappers.RoundToBatches``; ``optimise.shift_levels`` then finds from where on to round up. Heuristics round what
    they order and pass its slopes as if they did not; where they divide scarce stock into whole units, or order only in
    some periods, the division and the periods have none. A fixed cost of ordering is a step too. Nothing is learned of
    steps unless they are choices of their own: whether to order, as with ``wrappers.OptionalOrderUpTo``, or how to
    shift what decides when a heuristic acts, as with ``wrappers.Steered`` and fields that are ``chosen``.

    Choices of the network are sampled while it learns, and their probabilities follow the score function, beside the
    slopes of the quantities (stochastic computation graphs: Schulman et al. 2015, arXiv:1506.05254). The choices of a
    counted period are credited with what it and the periods after it earn more than the network's value says, a
    generalised advantage whose rewards fade by the power of ``memory`` besides ``discount``, less the mean of it in the
    other ``branches``, paths that begin alike and along which the same happens. ``entropy_coef`` times the mean cost
    per period, falling to zero, is what their entropy is worth. The policy that is handed over takes the likeliest.
    """

    network: nn.Module = struct.static(MLP(shared=True))
    num_envs: int = struct.static(512)
    num_steps: int = struct.static(30)
    num_updates: int = struct.static(1000)
    warmup: int = struct.static(20)
    branches: int = struct.static(8)  # where there are choices
    learned: tuple[str, ...] = struct.static(())  # fields of the heuristic

    heuristic: Any = None  # a policy for the environment, where learning starts
    risk: Risk | None = None  # of a path's mean cost
    learning_rate: Array = struct.leaf(3e-3, low=0.0)
    discount: Array = struct.leaf(1.0, low=0.0, high=1.0)
    memory: Array = struct.leaf(0.98, low=0.0, high=1.0)
    gae_lambda: Array = struct.leaf(0.95, low=0.0, high=1.0)
    value_coef: Array = struct.leaf(0.5, low=0.0)
    entropy_coef: Array = struct.leaf(0.25, low=0.0)
    max_grad_norm: Array = struct.leaf(1.0, above=0.0)
    average_share: Array = struct.leaf(0.1, low=0.0, high=1.0)  # of the iterations so far
    wild: Array = struct.leaf(8.0, above=1.0)  # times the usual norm; or inf

    def __post_init__(self):
        super().__post_init__()
        self._at_least("warmup", 0)
        self._at_least("branches", 2)
        fields = () if self.heuristic is None else tuple(vars(self.heuristic))
        if bool(fields) != bool(self.learned) or not set(self.learned) <= set(fields):
            raise ValueError(f"Pathwise.learned must name fields of the heuristic ({fields}), got {self.learned}")

    @property
    def steps_per_update(self) -> int:
        return self.num_envs * (self.warmup + self.num_steps)

    # -- public ---------------------------------------------------------------------------------------------------
    def init(self, key: Array, env_params: Any) -> PathwiseState:
        """State before the first iteration."""
        self._has_one_reward()
        key, state_key, time_key, network_key = jax.random.split(key, 4)
        _, observation, _ = self._start(state_key, time_key, env_params)
        example, action_space = self._interface(observation, env_params)
        if self._chooses(action_space):
            self._multiple("num_envs", "branches")
        if self.heuristic is None:
            params = self.network.init(network_key, example, action_space)
            self._has_one_value(params, example, action_space)
        else:
            params = {name: getattr(self.heuristic, name) for name in self.learned}
        return PathwiseState(
            key=key,
            updates=jnp.int32(0),
            params=params,
            average_params=jax.tree.map(jnp.copy, params),
            usual_norm=jnp.float32(0),
            opt_state=self._optimiser(self.learning_rate).init(params),
            env_state=None,
            observation=None,
            action_mask=None,
            observation_statistics=RunningStatistics.like(example, memory=50),
            average_reward=jnp.float32(0),
            action_space=action_space,
        )

    def update(self, state: PathwiseState, env_params: Any) -> tuple[PathwiseState, dict[str, Array]]:
        """One iteration. Metrics are scalars: ``reward`` and, by cause, ``gain/...`` and ``cost/...`` are means per
        counted period and environment, ``entropy`` is that of a period's choices, ``grad_norm`` is that of the gradient
        before it is cut to ``max_grad_norm``, and ``wild`` is 1 where it was not followed."""
        key, state_key, time_key, path_key = jax.random.split(state.key, 4)
        env_state, _, _ = self._start(state_key, time_key, env_params)
        length, branches, noise = self.warmup + self.num_steps, 1, None
        if self._chooses(state.action_space):
            path_key, noise_key = jax.random.split(path_key)
            branches, noise = self.branches, self._noise(noise_key, state.action_space)
            env_state = jax.tree.map(lambda x: x[::branches], env_state)
        paths = jax.vmap(lambda key, start: self.env.sample_path(key, start, env_params, length))(
            jax.random.split(path_key, self.num_envs // branches), env_state
        )
        env_state, paths = jax.tree.map(lambda x: jnp.repeat(x, branches, 0), (env_state, paths))
        samples = sharding.divide_samples((env_state, paths, noise))
        grads, (observation, metrics) = jax.grad(self._loss, has_aux=True)(state.params, state, samples, env_params)
        norm, iteration = optax.tree.norm(grads), state.updates + 1
        limit = self.wild * state.usual_norm
        wild = (iteration > _SETTLING) & ~(norm <= limit)  # also where it is not a number
        optimiser = self._optimiser(self.learning_rate * self._annealed(state))
        updates, opt_state = optimiser.update(grads, state.opt_state, state.params)
        followed = optax.apply_updates(state.params, updates), opt_state
        params, opt_state = jax.tree.map(
            lambda new, old: jnp.where(wild, old, new), followed, (state.average_params, state.opt_state)
        )
        usual = jnp.where(wild, limit, norm)
        return dataclasses.replace(
            state,
            key=key,
            updates=iteration,
            params=params,
            opt_state=opt_state,
            average_params=late_average(params, state.average_params, self.average_share, iteration),
            usual_norm=state.usual_norm + (usual - state.usual_norm) / jnp.minimum(iteration, _SETTLING),
            observation_statistics=state.observation_statistics.update(observation),
        ), metrics | {"grad_norm": norm, "wild": jnp.float32(wild)}

    def policy(self, state: PathwiseState) -> Any:
        """The policy learned so far."""
        return self._policy(state, state.average_params)

    # -- small parts ----------------------------------------------------------------------------------------------
    def _policy(self, state: PathwiseState, params: Any) -> Any:
        if self.heuristic is not None:
            return dataclasses.replace(self.heuristic, **params)
        return self._acting(state, self.network, params, squashed=True)

    def _loss(self, params: Any, state: PathwiseState, samples: Any, env_params: Any) -> tuple[Array, Any]:
        """Cost, and the observations [T, N, ...] and scalars."""
        policy = self._policy(state, params)
        weights = self.discount ** jnp.arange(self.num_steps)
        weights = jnp.concatenate([jnp.zeros(self.warmup), weights / jnp.mean(weights)])
        transition = jax.vmap(self.env.transition, in_axes=(0, 0, 0, None))
        chooses = self._chooses(state.action_space)

        def decide(env_state: Any, noise: Any) -> tuple[Any, Any]:
            if chooses:
                action, *choice = policy.choose(self.env, env_state, env_params, noise)
                return action, tuple(choice)
            return policy(self.env, env_state, env_params, None), None

        @jax.checkpoint
        def period(carry: Any, inputs: Any) -> Any:
            env_state, ended = carry
            exo, noise, weight = inputs
            action, choice = jax.vmap(decide)(env_state, noise)
            following, outcome = transition(env_state, action, exo, env_params)
            going_on = jnp.where(ended, 0.0, 1.0)
            causes = self._by_cause(jax.tree.map(lambda x: _scaled(x, weight * going_on), outcome.ledger))
            record = {
                "observation": jax.vmap(self.env.observe, in_axes=(0, None))(env_state, env_params),
                "reward": going_on * outcome.reward,
                "going_on": going_on,
                "terminated": outcome.terminated,
                "choice": jax.tree.map(lambda x: going_on * x, choice),
            }
            return (following, ended | outcome.terminated), (record, causes)

        env_state, *along = samples
        start = env_state, jnp.zeros(self.num_envs, bool)
        paths, noise = jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), along)
        (final, _), (record, causes) = jax.lax.scan(period, start, (paths, noise, weights))
        observation = record["observation"]
        cost = -(weights @ record["reward"]) / self.num_steps  # [N]
        metrics = {"reward": -jnp.mean(cost)} | jax.tree.map(lambda x: jnp.sum(x) / self.num_steps, causes)
        loss = 0.0
        if chooses:
            counted = jax.tree.map(lambda x: x[self.warmup :], record)
            last = jax.vmap(self.env.observe, in_axes=(0, None))(final, env_params)
            advantage, misfit = self._advantages(params, state, counted, last)
            log_prob, entropy = counted["choice"]
            credit = -jnp.sum(_scaled(log_prob * advantage, weights[self.warmup :]), 0) / self.num_steps
            worth = self.entropy_coef * self._annealed(state) * jnp.abs(metrics["reward"])
            cost = cost + credit - jax.lax.stop_gradient(credit)  # zero with a gradient
            loss = self.value_coef * misfit - jax.lax.stop_gradient(worth) * jnp.mean(entropy)
            metrics |= {"entropy": jnp.mean(entropy), "value_loss": misfit}
        loss += jnp.mean(cost) if self.risk is None else self.risk.judge(cost)
        return loss, jax.lax.stop_gradient((observation, metrics))

    def _advantages(self, params: Any, state: PathwiseState, counted: Any, last: Any) -> tuple[Array, Array]:
        """Of the choices in what is recorded of the counted periods, [T, N], in money, and how far values are from what
        they are to be, in money as the rest of the loss. ``last`` are the observations [N, ...] after them."""
        observation = jax.tree.map(lambda x, y: jnp.concatenate([x, y[None]]), counted["observation"], last)
        observation = jax.lax.stop_gradient(self._standardise(state, observation))
        values = jax.vmap(lambda x: self._apply(params, x, state.action_space)[1])(observation)
        value, following = values[:-1], jax.lax.stop_gradient(values[1:])
        reward = jax.lax.stop_gradient(counted["reward"])  # [T, N]
        if self.average_reward:
            reward = reward - jnp.mean(reward)
        unit = jnp.std(reward) + 1e-8 if self.normalise_reward else 1.0
        known, terminated = jax.lax.stop_gradient(value), counted["terminated"]
        never, discount = jnp.zeros(terminated.shape, bool), self.discount * self.memory
        advantage = returns.generalised_advantages(
            reward / unit, known, following, terminated, never, discount, self.gae_lambda
        )
        target = advantage + known
        if self.average_reward:  # as in on-policy learning
            target = target - jnp.mean(target)
        misfit = unit * jnp.mean(counted["going_on"] * (value - target) ** 2) / 2
        return unit * returns.against_branches(advantage, self.branches), misfit

    def _noise(self, key: Array, space: Any) -> Any:
        """That choices are sampled by, [N, T, ...]."""
        length = self.warmup + self.num_steps
        drawn = distributions.noise(space, key, self.num_envs * length)
        return jax.tree.map(lambda x: x.reshape(self.num_envs, length, *x.shape[1:]), drawn)

    def _has_one_value(self, params: Any, example: Any, space: Any) -> None:
        values = jax.eval_shape(self.network.apply, params, example, space)[1].shape  # type: ignore[union-attr]
        if self._chooses(space) and values:
            raise ValueError(f"Pathwise.network must give one value for what all choices earn, got values {values}")

    def _chooses(self, space: Any) -> bool:
        """Whether some of the actions are choices of the network."""
        return self.heuristic is None and any(isinstance(leaf, spaces.Discrete) for leaf in spaces.leaves(space))


def _scaled(x: Array, weight: Array) -> Array:
    """[N, ...] by weights [N]."""
    return x * weight.reshape(-1, *(1,) * (x.ndim - 1))
