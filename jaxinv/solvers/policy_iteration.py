"""Policy iteration: evaluation and improvement in turn."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxinv.env.finite import FiniteModel
from jaxinv.solvers import bellman
from jaxinv.solvers.bellman import in_double_precision
from jaxinv.solvers.value_iteration import Solution, bounds, policy_evaluation, settled

# An action replaces another where it is better by more than this part of the values: rounding must not cycle.
_ROUNDING = 1e-12


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
    those that are best in a single period: evaluate, improve, until no action changes or ``max_iterations``.

    Its result, bounds included, is that of :func:`relative_value_iteration` or, unless ``average``, of
    :func:`value_iteration`. A loop of the host: it is not for ``jit`` or ``vmap``.
    """
    discount = jnp.asarray(1.0 if average else bellman.discount_below_one(params), float)
    better = tolerance / 2 if average else tolerance / 2 * (1.0 - float(discount))
    if actions is None:
        actions = policy_improvement(model, params, np.zeros(model.num_states), average=average, batch_size=batch_size)
    for iteration in range(1, max_iterations + 1):
        found = policy_evaluation(model, params, actions, average=average, tolerance=better, batch_size=batch_size)
        values = jnp.asarray(found.values)
        improved, candidates, ends = _improve(model, params, values, discount, batch_size)
        gains = improved - values - (found.gain if average else 0.0) > better + _ROUNDING * jnp.abs(values)
        actions = jnp.where(gains, candidates, jnp.asarray(actions))
        if iteration == max_iterations or not gains.any():
            lower, upper = bounds(improved, values, discount, ends)
            return settled(Solution(improved, lower, upper, jnp.int32(iteration), actions), discount)
    raise ValueError(f"policy_iteration: max_iterations must be >= 1, got {max_iterations}")
