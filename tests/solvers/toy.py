"""A small numbered problem with given probabilities and rewards, and its exact solutions by linear algebra."""

import dataclasses
import itertools
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.env import core


@struct.dataclass(kw_only=True)
class Params(core.EnvParams):
    """Of S states, A actions and K outcomes of an action in a state."""

    probabilities: Array = struct.leaf(low=0.0, high=1.0)  # [S, A, K]
    following: Array = struct.leaf(dtype=jnp.int32, low=0)  # [S, A, K] states
    rewards: Array = struct.leaf()  # [S, A, K]
    ends: Array = struct.leaf(dtype=jnp.int32, low=0, high=1)  # [S, A, K]
    legal: Array = struct.leaf(dtype=jnp.int32, low=0, high=1)  # [S, A]


@struct.dataclass(kw_only=True)
class State(core.EnvState):
    number: Array  # int32 []


@struct.dataclass(kw_only=True)
class Exogenous(core.Exogenous):
    u: Array  # uniform [] that decides the outcome


@dataclasses.dataclass(frozen=True)
class Toy(core.Environment):
    num_states: int = 3
    num_actions: int = 2
    num_outcomes: int = 3

    def num_uniforms(self, params: Params) -> int:
        return 1

    def init_state(self, u: Array, params: Params) -> State:
        return State(time=jnp.int32(0), exo=(), number=jnp.int32(0))

    def exogenous(self, u: Array, state: State, params: Params) -> Exogenous:
        return Exogenous(next=(), u=u[0])

    def transition(self, state: State, action: Any, exo: Exogenous, params: Params) -> tuple[State, core.Outcome]:
        where = state.number, action
        k = jnp.sum(exo.u >= jnp.cumsum(params.probabilities[where])[:-1])
        following = State(time=state.time + 1, exo=(), number=params.following[where][k])
        return following, core.Outcome(params.rewards[where][k], params.ends[where][k] == 1, ledger=())


@dataclasses.dataclass(frozen=True)
class Model:
    env: Toy

    @property
    def num_states(self) -> int:
        return self.env.num_states

    @property
    def num_actions(self) -> int:
        return self.env.num_actions

    def index_to_state(self, index: Array, params: Params, time: Array | int = 0) -> State:
        return State(time=jnp.asarray(time, jnp.int32), exo=(), number=jnp.asarray(index, jnp.int32))

    def state_to_index(self, state: State, params: Params) -> Array:
        return state.number

    def index_to_action(self, index: Array, params: Params) -> Array:
        return index

    def action_mask(self, state: State, params: Params) -> Array:
        return params.legal[state.number] == 1

    def exogenous_support(self, state: State, action: Array, params: Params) -> tuple[Exogenous, Array]:
        probabilities = params.probabilities[state.number, action]
        return Exogenous(next=(), u=jnp.cumsum(probabilities) - probabilities / 2), probabilities


def toy(seed: int = 0, states: int = 3, actions: int = 2, ending: float = 0.0, **numbers: Any) -> tuple[Model, Params]:
    """A random problem; an outcome ends it with probability ``ending``."""
    rng = np.random.default_rng(seed)
    outcomes = 3
    shape = (states, actions, outcomes)
    following = rng.integers(0, states, shape)
    following[:, :, 0] = (np.arange(states)[:, None] + 1) % states  # so that every state is visited
    following[:, :, 1] = np.arange(states)[:, None]  # and none with a period
    drawn = dict(
        probabilities=rng.dirichlet(np.ones(outcomes), shape[:2]),
        following=following,
        rewards=rng.normal(0.0, 5.0, shape),
        ends=rng.random(shape) < ending,
        legal=np.ones(shape[:2]),
        discount=0.875,
    )
    return Model(Toy(states, actions, outcomes)), Params(**{**drawn, **numbers})


# -- exact solutions --------------------------------------------------------------------------------------------------


def tables(params: Params) -> tuple[np.ndarray, np.ndarray]:
    """(probabilities of the next state [S, A, S], without ends, and expected rewards [S, A])."""
    chance, following, rewards, ends = (
        np.asarray(x) for x in (params.probabilities, params.following, params.rewards, params.ends)
    )
    chance = chance.astype(np.float64) / chance.astype(np.float64).sum(-1, keepdims=True)
    states, actions, outcomes = chance.shape
    moves = np.zeros((states, actions, states))
    for s, a, k in itertools.product(range(states), range(actions), range(outcomes)):
        if not ends[s, a, k]:
            moves[s, a, following[s, a, k]] += chance[s, a, k]
    return moves, (chance * rewards).sum(-1)


def under(policy: Any, params: Params) -> tuple[np.ndarray, np.ndarray]:
    """The tables of a policy [S]: ([S, S], [S])."""
    moves, rewards = tables(params)
    states = np.arange(len(rewards))
    return moves[states, np.asarray(policy)], rewards[states, np.asarray(policy)]


def discounted(policy: Any, params: Params, discount: float | None = None) -> np.ndarray:
    """Values [S] of a policy."""
    moves, rewards = under(policy, params)
    discount = float(params.discount) if discount is None else discount
    return np.linalg.solve(np.eye(len(rewards)) - discount * moves, rewards)


def shares(policy: Any, params: Params) -> np.ndarray:
    """Stationary distribution [S] of a policy."""
    moves, rewards = under(policy, params)
    equations = np.vstack([moves.T - np.eye(len(rewards)), np.ones(len(rewards))])
    return np.linalg.lstsq(equations, np.eye(len(rewards) + 1)[-1], rcond=None)[0]


def average(policy: Any, params: Params) -> tuple[Any, np.ndarray]:
    """(gain, values [S] relative to state 0) of a policy."""
    moves, rewards = under(policy, params)
    gain = shares(policy, params) @ rewards
    size = len(rewards)
    equations = np.vstack([np.eye(size) - moves, np.eye(size)[:1]])
    return gain, np.linalg.lstsq(equations, np.append(rewards - gain, 0.0), rcond=None)[0]


def policies(params: Params) -> list[tuple[int, ...]]:
    """All policies of legal actions."""
    return list(itertools.product(*(np.flatnonzero(legal).tolist() for legal in np.asarray(params.legal))))


def best_discounted(params: Params) -> np.ndarray:
    return np.max([discounted(policy, params) for policy in policies(params)], 0)


def best_average(params: Params) -> tuple[Any, np.ndarray, tuple[int, ...]]:
    """(gain, relative values, policy)."""
    best = max(policies(params), key=lambda policy: average(policy, params)[0])
    return *average(best, params), best
