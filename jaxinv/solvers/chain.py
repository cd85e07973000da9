"""The Markov chain of a policy: exact long-run cost, over the states that it reaches."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer

from jaxinv import struct
from jaxinv.env.finite import FiniteModel
from jaxinv.solvers import bellman
from jaxinv.solvers.bellman import in_double_precision

# Share of periods that lead out of the model's bounds, above which these are too narrow for the policy.
_OUTSIDE = 1e-8
_BATCHES = (64, 4096)  # states at a time, few and many
# Part of a period that an iteration goes on by: what it stays behind makes periodic chains settle.
_STEP = 0.9


class OutOfBounds(ValueError):
    """The policy leads out of the model's bounds: they are too narrow for it."""


@struct.dataclass
class Chain:
    """R states of a finite model that a policy reaches, the first one it starts in, and where it leads from each."""

    states: Array  # int32 [R] numbers in the model
    following: Array  # int32 [R, K] positions in ``states``
    probabilities: Array  # [R, K]
    rewards: Array  # [R] expected of a period

    @in_double_precision
    def gain(self, tolerance: float = 1e-7, max_iterations: int = 1_000_000) -> Array:
        """Average reward per period [] in the long run, to ``tolerance``.

        Raises ``ValueError`` if it is not found, as where it depends on what the chain does first.
        """
        lower, upper = _gain(self, tolerance, max_iterations)
        if not isinstance(lower, Tracer) and upper - lower > 2 * tolerance:
            raise ValueError(f"the gain is only known to be {lower:.7g}..{upper:.7g} after {max_iterations:,} steps")
        return (lower + upper) / 2

    @in_double_precision
    def values(self, discount: float, tolerance: float = 1e-7) -> Array:
        """Expected discounted reward from each state on [R], to ``tolerance``; ``discount`` must be below 1."""
        if not isinstance(discount, Tracer) and discount >= 1.0:
            raise ValueError(f"values need a discount below 1, got {discount}: ask for the gain or the total")
        return _values(self, discount, tolerance)

    @in_double_precision
    def stationary_distribution(self, tolerance: float = 1e-10) -> Array:
        """Share of periods spent in each state in the long run [R]; a period changes it by ``tolerance`` at most."""
        return _stationary(self, tolerance)

    @in_double_precision
    def total(self, periods: int, discount: float = 1.0, burn_in: int = 0) -> Array:
        """Expected discounted reward [] of ``periods`` periods, counted from the period after the first ``burn_in``."""
        return _total(self, periods, discount, burn_in)


def reachable_chain(
    model: FiniteModel, params: Any, policy: Any, *, start: Any = None, max_states: int = 5_000_000
) -> Chain:
    """The chain of ``policy`` (a policy for ``model.env`` or action numbers [S]) from ``start`` on, by default an
    initial state. Only its own states are in memory, so ``model`` may have far more.

    Raises ``OutOfBounds`` if the policy leads out of the model's bounds, ``ValueError`` if it reaches more than
    ``max_states``.
    """
    if model.num_states >= 2**31:
        raise ValueError(f"states are numbered in int32: a model of {model.num_states:,} states is too large")
    with jax.enable_x64(True):
        if start is None:
            start = model.env.init_state(jnp.zeros(model.env.num_initial_uniforms(params)), params)
        known = np.array([int(model.state_to_index(start, params))], np.int32)
        found, frontier = [], known
        while frontier.size:
            if known.size > max_states:
                raise ValueError(f"the policy reaches more than max_states = {max_states:,} states")
            rows = [_rows(model, params, policy, part) for part in _batches(frontier)]
            following, weights, rewards, outside = (
                np.concatenate([np.asarray(row[i]) for row in rows])[: frontier.size] for i in range(4)
            )
            found.append((frontier, following, weights, rewards, outside))
            frontier = np.setdiff1d(np.unique(following), known)
            known = np.union1d(known, frontier)
        states, following, weights, rewards, outside = (np.concatenate(parts) for parts in zip(*found, strict=True))
        order = np.argsort(states)
        position = order[np.searchsorted(states, following, sorter=order)].astype(np.int32)
        chain: Any = Chain(states=states, following=position, probabilities=weights, rewards=rewards)  # type: ignore
        if outside.any() and (share := chain.stationary_distribution() @ outside) > _OUTSIDE:
            raise OutOfBounds(
                f"the policy leads out of the model's bounds in a share of {share:.2g} of all periods: give "
                f"{type(model.env).__name__}.finite_model wider ones, or take a wider lattice"
            )
        return chain


def _batches(indices: np.ndarray) -> list[np.ndarray]:
    """Of two lengths, so that two compiled programs do for all."""
    few, many = _BATCHES
    length = few if indices.size <= few else many
    padded = np.resize(indices, -(-indices.size // length) * length)
    return np.split(padded, padded.size // length)


@partial(jax.jit, static_argnames="model")
def _rows(model, params, policy, indices):
    decide = bellman.decision(model, params, policy)

    def row(index):
        state = model.index_to_state(index, params)
        action = decide(index, state)
        following, weights, rewards, _ = bellman.outcomes(model, params, state, action)
        exo, _ = model.exogenous_support(state, action, params)
        reached, _ = jax.vmap(model.env.transition, (None, None, 0, None))(state, action, exo, params)
        numbered = jax.vmap(lambda i: model.index_to_state(i, params))(following)
        # All but the calendar, which goes on while its number in the model begins anew.
        pairs = zip(*(jax.tree.leaves(x.replace(time=None, exo=None)) for x in (reached, numbered)), strict=True)
        outside = sum(jnp.any((x != y).reshape(len(x), -1), 1).astype(float) for x, y in pairs) > 0
        following = jnp.where(weights > 0.0, following, index)  # what has probability 0 is not reached
        return following, weights, jnp.sum(weights * rewards), jnp.sum(weights * outside)

    return jax.vmap(row)(indices)


def _step(chain: Chain, values: Array, discount: Array | float) -> Array:
    return chain.rewards + discount * jnp.sum(chain.probabilities * values[chain.following], 1)


@jax.jit
def _gain(chain: Chain, tolerance: Array, max_iterations: Array) -> tuple[Array, Array]:
    def step(carry):
        values = carry[0] - carry[0][0]
        change = _step(chain, values, 1.0) - values
        return values + _STEP * change, jnp.min(change), jnp.max(change), carry[3] + 1

    def unfinished(carry):
        return (carry[2] - carry[1] > 2 * tolerance) & (carry[3] < max_iterations)

    start = jnp.zeros(chain.rewards.shape), jnp.asarray(-jnp.inf), jnp.asarray(jnp.inf), 0
    return jax.lax.while_loop(unfinished, step, start)[1:3]


@jax.jit
def _values(chain: Chain, discount: Array, tolerance: Array) -> Array:
    def step(carry):
        following = _step(chain, carry[0], discount)
        return following, jnp.max(jnp.abs(following - carry[0])) * discount / (1.0 - discount)

    start = jnp.zeros(chain.rewards.shape), jnp.asarray(jnp.inf)
    return jax.lax.while_loop(lambda carry: carry[1] > tolerance, step, start)[0]


def _move(chain: Chain, share: Array) -> Array:
    """The distribution [R] a period after ``share`` [R]."""
    return jnp.zeros(share.shape).at[chain.following].add(share[:, None] * chain.probabilities)


@jax.jit
def _stationary(chain: Chain, tolerance: Array) -> Array:
    def step(carry):
        change = _move(chain, carry[0]) - carry[0]
        return carry[0] + _STEP * change, jnp.sum(jnp.abs(change))

    start = jnp.zeros(chain.rewards.shape).at[0].set(1.0), jnp.asarray(jnp.inf)
    return jax.lax.while_loop(lambda carry: carry[1] > tolerance, step, start)[0]


@partial(jax.jit, static_argnums=(1, 3))
def _total(chain: Chain, periods: int, discount: Array, burn_in: int) -> Array:
    share = jnp.zeros(chain.rewards.shape).at[0].set(1.0)
    share = jax.lax.fori_loop(0, burn_in, lambda _, share: _move(chain, share), share)

    def step(carry, _):
        share, weight = carry
        return (_move(chain, share), weight * discount), weight * jnp.sum(share * chain.rewards)

    return jnp.sum(jax.lax.scan(step, (share, jnp.asarray(1.0)), length=periods)[1])
