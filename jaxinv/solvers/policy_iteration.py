"""Policy iteration: evaluation and improvement in turn; the stationary distribution of a policy."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv.env.finite import FiniteModel
from jaxinv.solvers import bellman
from jaxinv.solvers.bellman import in_double_precision
from jaxinv.solvers.value_iteration import Solution, policy_evaluation

# An action replaces another where it is better by more than this part of the values: rounding must not cycle.
_BETTER = 1e-9


@in_double_precision
def policy_improvement(
    model: FiniteModel, params: Any, values: Any, *, average: bool = True, batch_size: int | None = None
) -> Any:
    """Actions int32 [S] that are best where what follows is worth ``values`` [S], the first of several."""
    return _improve(model, params, jnp.asarray(values, float), 1.0 if average else params.discount, batch_size)[1]


@partial(jax.jit, static_argnames=("model", "batch_size"))
def _improve(model, params, values, discount, batch_size):
    return bellman.improve(model, params, values, discount, batch_size)


@in_double_precision
def policy_iteration(
    model: FiniteModel,
    params: Any,
    *,
    average: bool = True,
    actions: Any = None,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
    batch_size: int | None = None,
) -> Solution:
    """Howard's policy iteration (1960, *Dynamic Programming and Markov Processes*) from ``actions`` [S], or from
    those that are best in a single period: evaluate to ``tolerance``, improve, until no action changes.

    Its result, bounds included, is that of :func:`relative_value_iteration` or, unless ``average``, of
    :func:`value_iteration`. A loop of the host: it is not for ``jit`` or ``vmap``.
    """
    discount = 1.0 if average else params.discount
    if actions is None:
        actions = policy_improvement(model, params, np.zeros(model.num_states), average=average, batch_size=batch_size)
    for _ in range(max_iterations):
        found = policy_evaluation(model, params, actions, average=average, tolerance=tolerance, batch_size=batch_size)
        improved, candidates = _improve(model, params, jnp.asarray(found.values), discount, batch_size)
        kept = jnp.asarray(found.values) + (found.gain if average else 0.0)
        gains = np.asarray(improved - kept) > tolerance + _BETTER * np.abs(found.values)
        actions = np.where(gains, candidates, actions)
        if not gains.any():
            break
    return Solution(found.values, found.lower, found.upper, found.iterations, jnp.asarray(actions, jnp.int32))


@in_double_precision
def stationary_distribution(
    model: FiniteModel,
    params: Any,
    policy: Any,
    *,
    tolerance: float = 1e-9,
    max_iterations: int = 100_000,
    batch_size: int | None = None,
) -> Array:
    """Share of periods [S] that ``policy`` spends in each state in the long run, to a total change of ``tolerance``
    per period. ``policy`` is as in :func:`policy_evaluation`."""
    return _stationary(model, params, policy, tolerance, max_iterations, batch_size)


@partial(jax.jit, static_argnames=("model", "max_iterations", "batch_size"))
def _stationary(model, params, policy, tolerance, max_iterations, batch_size) -> Array:
    decide = bellman.decision(model, params, policy)

    def leads_to(index: Array) -> tuple[Array, Array]:
        state = model.index_to_state(index, params)
        following, weights, _, _ = bellman.outcomes(model, params, state, decide(index, state))
        return following, weights

    batch_size = batch_size or bellman.default_batch_size(model, params, 1)
    following, weights = bellman.over_states(leads_to, model.num_states, batch_size)  # [S, K]

    def step(carry):
        share, _, iteration = carry
        after = jnp.zeros(model.num_states).at[following].add(share[:, None] * weights)
        return after, jnp.sum(jnp.abs(after - share)), iteration + 1

    def unfinished(carry):
        return (carry[1] > tolerance) & (carry[2] < max_iterations)

    start = jnp.full(model.num_states, 1.0 / model.num_states), jnp.asarray(jnp.inf), jnp.int32(0)
    return jax.lax.while_loop(unfinished, step, start)[0]
