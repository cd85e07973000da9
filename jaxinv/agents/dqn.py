"""Deep Q-networks (Mnih et al. 2015, Nature 518), compiled together with the environment."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax import Array

from jaxinv import struct
from jaxinv.agents import distributions, returns
from jaxinv.agents.off_policy import Batch, OffPolicy, OffPolicyState, weighted_mean
from jaxinv.agents.policy import NetworkPolicy
from jaxinv.env import spaces


class ChoiceQuantiles(nn.Module):
    """An actor-critic network that says ``num_quantiles`` numbers of every choice, in place of one logit. Called as
    such a network, it gives their means, of the ``num_worst`` lowest."""

    network: nn.Module
    num_quantiles: int
    num_worst: int

    def __call__(self, observation: Any, space: Any) -> tuple[tuple, Array]:
        heads, value = self.quantiles(observation, space)
        return tuple(map(self.worth, heads)), value

    def worth(self, head: Array) -> Array:
        """What quantiles [..., Q] count for."""
        worst = head if self.num_worst == self.num_quantiles else jnp.sort(head, -1)[..., : self.num_worst]
        return jnp.mean(worst, -1)

    def quantiles(self, observation: Any, space: Any) -> tuple[tuple, Array]:
        leaves = spaces.leaves(space)
        wide = [spaces.Discrete(leaf.n * self.num_quantiles, leaf.shape) for leaf in leaves]  # type: ignore
        heads, value = self.network(observation, spaces.Tree(wide))
        split = [head.reshape(*leaf.shape, leaf.n, -1) for head, leaf in zip(heads, leaves, strict=True)]  # type: ignore
        return tuple(split), value


@struct.dataclass(kw_only=True)
class DQN(OffPolicy):
    """DQN as its own configuration, see :class:`~jaxinv.agents.off_policy.OffPolicy`.

    The network's heads say what each choice is worth, with ``dueling`` relative to the mean of the legal ones and to
    the network's value (Wang et al. 2016, arXiv:1511.06581). Where an action has several entries, one for each
    location or SKU, its value is the sum of theirs (value decomposition, Sunehag et al. 2018, arXiv:1706.05296), so
    that each entry is chosen by itself; several agents have a value each. Choices that are not legal are neither tried
    nor counted in the best of a following state.

    ``double``: the learned weights choose there and the target's say what that is worth (van Hasselt et al. 2016,
    arXiv:1509.06461). ``num_quantiles`` > 1: the distribution of the return is learned by quantile regression, without
    smoothing (QR-DQN-0, Dabney et al. 2018, arXiv:1710.10044), and its mean decides, or the mean of the worst share
    ``cvar_level`` of the quantiles: the conditional value at risk of the discounted return (Dabney et al. 2018b,
    arXiv:1806.06923, sec. 4).

    ``num_others``: a gradient step takes only states from the memory. From each it simulates ``n_step`` periods for the
    action that was taken there and for so many other legal ones, drawn at random, all on the same fresh demand and with
    the target's best actions after the first. The transition is known and demand does not depend on actions, so nothing
    is assumed, n-step returns are those of the policy that is learned, and what demand adds to all actions alike is out
    of their differences, which decide.
    """

    double: bool = struct.static(True)
    dueling: bool = struct.static(True)
    num_quantiles: int = struct.static(1)
    cvar_level: float = struct.static(1.0)
    num_others: int = struct.static(0)

    # Chance that an entry of the action is drawn from the legal ones: falls linearly, then stays.
    epsilon_initial: Array = struct.leaf(1.0, low=0.0, high=1.0)
    epsilon_final: Array = struct.leaf(0.05, low=0.0, high=1.0)
    epsilon_decay: Array = struct.leaf(0.3, above=0.0, high=1.0)  # share of the training run in which it falls

    def __post_init__(self):
        super().__post_init__()
        self._at_least("num_quantiles", 1)
        self._at_least("num_others", 0)
        if not 0.0 < self.cvar_level <= 1.0 or self._num_worst < 1:
            raise ValueError(
                f"DQN.cvar_level must be in 1 / num_quantiles = {1 / self.num_quantiles:g}..1, got {self.cvar_level}"
            )

    def policy(self, state: OffPolicyState) -> NetworkPolicy:
        """The greedy policy."""
        return self._acting(state, self._network, state.average_params["network"])

    @property
    def _network(self) -> ChoiceQuantiles:
        return ChoiceQuantiles(self.network, self.num_quantiles, self._num_worst)

    @property
    def _num_worst(self) -> int:
        return round(self.cvar_level * self.num_quantiles)

    def _init_params(self, key: Array, observation: Any, space: Any) -> Any:
        for leaf in spaces.leaves(space):
            if not isinstance(leaf, spaces.Discrete):
                raise ValueError(f"DQN.env must have discrete actions, got {space}: see env.wrappers.DiscreteOrders")
        return {"network": self._network.init(key, observation, space)}

    def _behave(self, state: OffPolicyState, observation: Any, mask: Any, key: Array) -> Any:
        space = state.action_space
        explore_key, uniform_key = jax.random.split(key)
        heads, _ = self._quantiles(state.params, observation, space)
        greedy = self._best(heads, mask, space)
        uniform = distributions.sample_uniformly(space, mask, uniform_key, self.num_envs)
        share = jnp.minimum((1.0 - self._remaining(state)) / self.epsilon_decay, 1.0)
        epsilon = self.epsilon_initial + share * (self.epsilon_final - self.epsilon_initial)
        keys = jax.random.split(explore_key, len(jax.tree.leaves(greedy)))
        keys = jax.tree.unflatten(jax.tree.structure(greedy), list(keys))
        return jax.tree.map(
            lambda a, b, key: jnp.where(jax.random.uniform(key, a.shape) < epsilon, b, a), greedy, uniform, keys
        )

    def _remembers_states(self) -> bool:
        return self.num_others > 0

    def _improve(self, state: OffPolicyState, env_params: Any, key: Array) -> tuple[OffPolicyState, dict[str, Array]]:
        sample_key, simulation_key = jax.random.split(key)
        batch, index = self._sample(state, sample_key)
        if self.num_others:
            actions, targets = self._simulated(state, batch, env_params, simulation_key)
        else:
            actions, targets = jax.tree.map(lambda x: x[None], (batch.action, self._target(state, batch)))
        loss = jax.grad(self._loss, has_aux=True)
        grads, (value, error, metrics) = loss(state.params, batch, actions, targets, state.action_space)
        state = self._move(state, grads)
        state = self._follow(state, value, batch, index, error)
        return state, metrics | {"grad_norm": optax.tree.norm(grads)}

    def _target(self, state: OffPolicyState, batch: Batch) -> Array:
        """[B, *V, quantiles]."""
        space = state.action_space
        heads, value = self._quantiles(state.target_params, batch.next_observation, space)
        deciding = self._quantiles(state.params, batch.next_observation, space)[0] if self.double else heads
        best = self._best(deciding, batch.next_mask, space)
        following = self._values(heads, value, batch.next_mask, best, space)
        return batch.reward[..., None] + batch.bootstrap[..., None] * following

    def _simulated(self, state: OffPolicyState, batch: Batch, env_params: Any, key: Array) -> tuple[Any, Array]:
        """Raw actions [1 + num_others, B, ...], the taken ones first, and what they lead to: targets
        [1 + num_others, B, *V, quantiles]."""
        space = state.action_space
        demand_key, *other_keys = jax.random.split(key, 1 + self.num_others)
        u = jax.random.uniform(demand_key, (self.n_step, self.batch_size, self.env.num_uniforms(env_params)))
        others = [distributions.sample_uniformly(space, batch.action_mask, key, self.batch_size) for key in other_keys]
        actions = jax.tree.map(lambda *x: jnp.stack(x), batch.action, *others)

        def period(u: Array, env_state: Any, raw: Any) -> tuple[Any, Any, Any, Array, Array]:
            exo = self.env.exogenous(u, env_state, env_params)
            action = distributions.to_env(space, raw)
            reached, outcome = self.env.transition(env_state, action, exo, env_params)
            observation, mask = self.env.observe(reached, env_params), self.env.action_mask(reached, env_params)
            return reached, self._standardise(state, observation), mask, outcome.reward, outcome.terminated

        def simulate(action: Any) -> Array:
            def body(carry: tuple, u: Array) -> tuple[tuple, None]:
                env_state, action, total, weight, *_ = carry
                env_state, observation, mask, reward, terminated = jax.vmap(period)(u, env_state, action)
                total = total + weight * self._scaled(state, reward)
                weight = jnp.where(self._per_agent(terminated), 0.0, self.discount * weight)
                heads, _ = self._quantiles(state.target_params, observation, space)
                return (env_state, self._best(heads, mask, space), total, weight, observation, mask), None

            nothing = jnp.zeros_like(batch.reward)
            carry = batch.env_state, action, nothing, nothing + 1.0, batch.observation, batch.action_mask
            (_, _, total, weight, observation, mask), _ = jax.lax.scan(body, carry, u)
            reached = dataclasses.replace(
                batch, reward=total, next_observation=observation, next_mask=mask, bootstrap=weight
            )
            return self._target(state, reached)

        return actions, jax.vmap(simulate)(actions)

    def _loss(
        self, params: Any, batch: Batch, action: Any, target: Array, space: Any
    ) -> tuple[Array, tuple[Array, Array, dict[str, Array]]]:
        """Of actions [n, B, ...] with targets [n, B, *V, quantiles]; and values [B, *V] of the first of them, errors
        [B, *V] and scalars."""
        heads, value = self._quantiles(params, batch.observation, space)
        values = jax.vmap(lambda action: self._values(heads, value, batch.action_mask, action, space))(action)
        means = jnp.mean(values, -1)
        error = jnp.mean(target, -1) - means
        loss = 0.5 * error**2 if self.num_quantiles == 1 else returns.quantile_loss(values, target)
        loss = weighted_mean(jnp.mean(loss, 0), batch.weight)
        error = jnp.sqrt(jnp.mean(error**2, 0))
        metrics = {"loss": loss, "value": jnp.mean(means), "error": jnp.sqrt(jnp.mean(error**2))}
        return loss, (means[0], error, metrics)

    def _quantiles(self, params: Any, observation: Any, space: Any) -> tuple[tuple, Array]:
        """Of every choice: heads [B, ..., n, quantiles], and the network's values [B, *V], of a batch of
        observations."""

        def apply(x: Any) -> Any:
            return self._network.apply(params["network"], x, space, method="quantiles")

        heads, value = jax.vmap(apply)(observation)
        return heads, self._joined(value[..., None])[..., 0]

    def _best(self, heads: tuple, mask: Any, space: Any) -> Any:
        worths = tuple(map(self._network.worth, heads))
        return distributions.distribution(space, worths, mask).mode()

    def _values(self, heads: tuple, value: Array, mask: Any, action: Any, space: Any) -> Array:
        """Quantiles [B, *V, Q] of actions, from what the network says of the observations."""
        total = value[..., None] if self.dueling else jnp.float32(0)
        actions = distributions.leaves(space, action)
        for leaf, head, chosen in zip(spaces.leaves(space), self._relative(heads, mask, space), actions, strict=True):
            picked = jnp.sum(jax.nn.one_hot(chosen, leaf.n)[..., None] * head, -2)  # type: ignore[attr-defined]
            total = total + self._joined(picked)
        return total

    def _joined(self, x: Array) -> Array:
        """Sums [B, *V, Q] over the entries of an action [B, *V, ..., Q]."""
        kept = 1 + len(self._agents)
        return jnp.sum(x.reshape(*x.shape[:kept], -1, x.shape[-1]), -2)

    def _relative(self, heads: tuple, mask: Any, space: Any) -> list[Array]:
        """What the heads say; with ``dueling`` relative to the mean of the legal choices."""
        if not self.dueling:
            return list(heads)

        def relative(head: Array, legal: Array | None) -> Array:
            where = None if legal is None else jnp.broadcast_to(legal[..., None], head.shape)
            return head - jnp.mean(head, (-2, -1), keepdims=True, where=where)

        return list(map(relative, heads, distributions.leaves(space, mask)))
