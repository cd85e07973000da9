"""Policy iteration: evaluation and improvement in turn."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

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
