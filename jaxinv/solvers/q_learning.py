"""Tabular Q-learning: value iteration from samples."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.env.finite import FiniteModel


@struct.dataclass
class QTable:
    """What was learned of a finite model with S states and A actions."""

    values: Array  # [S, A] of an action in a state, and the best actions after it; -inf where it is not legal
    visits: Array  # int32 [S, A]

    @property
    def actions(self) -> Array:
        """The best action in each state, int32 [S]."""
        return jnp.argmax(self.values, 1).astype(jnp.int32)


@partial(jax.jit, static_argnames=("model", "num_steps", "num_envs", "average"))
def q_learning(
    model: FiniteModel,
    params: Any,
    key: Array,
    *,
    num_steps: int,
    num_envs: int = 256,
    average: bool = False,
    exploration: Array | float = 0.2,
    decay: Array | float = 0.6,
) -> QTable:
    """Q-learning (Watkins and Dayan 1992, Machine Learning 8) over ``num_steps`` periods of ``num_envs`` simulations,
    which begin in states drawn uniformly; discounted at ``params.discount`` or, with ``average``, relative to the
    first state's first action (RVI Q-learning: Abounadi, Bertsekas and Borkar 2001, SIAM Journal on Control and
    Optimization 40(3)).

    A step takes a random legal action with probability ``exploration``; the n-th visit of a state and action moves
    its value by the weight n^-``decay``. Where simulations visit the same one at the same time, their mean counts
    for as many visits.
    """
    env = model.env
    discount = jnp.where(average, 1.0, params.discount)
    every_state = jax.vmap(lambda index: model.index_to_state(index, params))
    mask = jax.vmap(lambda state: model.action_mask(state, params))
    start_key, key = jax.random.split(key)
    states = every_state(jax.random.randint(start_key, (num_envs,), 0, model.num_states))
    legal = mask(every_state(jnp.arange(model.num_states)))
    table = QTable(values=jnp.where(legal, 0.0, -jnp.inf), visits=jnp.zeros(legal.shape, jnp.int32))

    def one(key: Array, state: Any, values: Array, legal: Array):
        explore_key, action_key, exo_key = jax.random.split(key, 3)
        drawn = jax.random.categorical(action_key, jnp.where(legal, 0.0, -jnp.inf))
        action = jnp.where(jax.random.uniform(explore_key) < exploration, drawn, jnp.argmax(values))
        exo = env.sample_exogenous(exo_key, state, params)
        following, outcome = env.transition(state, model.index_to_action(action, params), exo, params)
        return action, following, outcome.reward, outcome.terminated

    def step(carry, key):
        table, states = carry
        index = jax.vmap(model.state_to_index, (0, None))(states, params)
        keys = jax.random.split(key, num_envs)
        actions, following, rewards, ends = jax.vmap(one)(keys, states, table.values[index], legal[index])
        # Simulations go on in the nearest state that the model has.
        next_index = jax.vmap(model.state_to_index, (0, None))(following, params)
        best = jnp.where(ends, 0.0, jnp.max(table.values[next_index], 1))
        error = rewards + discount * best - table.values[index, actions] - average * table.values[0, 0]
        hits = jnp.zeros_like(table.visits).at[index, actions].add(1)
        total = jnp.zeros_like(table.values).at[index, actions].add(error)
        visits = table.visits + hits
        rate = 1.0 - (1.0 - jnp.maximum(visits, 1).astype(jnp.float32) ** -decay) ** hits
        values = jnp.where(hits > 0, table.values + rate * total / jnp.maximum(hits, 1), table.values)
        return (QTable(values=values, visits=visits), every_state(next_index)), None

    (table, _), _ = jax.lax.scan(step, (table, states), jax.random.split(key, num_steps))
    return table
