"""Value iteration, discounted and relative, with bounds."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.env.finite import FiniteModel
from jaxinv.solvers import bellman
from jaxinv.solvers.bellman import in_double_precision


@struct.dataclass
class Solution:
    """Of a finite model with S states. Rewards are maximised: a cost is a negative reward."""

    values: Array  # [S] expected discounted reward from each state on; relative values for the average criterion
    actions: Array  # int32 [S] an optimal action in each state, the first of several
    lower: Array  # [] bounds of the gain, the average reward per period; discounted, of the error of the values
    upper: Array  # []
    iterations: Array  # int32 [] times that all actions were compared

    @property
    def gain(self) -> Array:
        """Average reward per period [], within half of ``upper - lower``."""
        return (self.lower + self.upper) / 2


@in_double_precision
def value_iteration(
    model: FiniteModel,
    params: Any,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 100_000,
    sweeps: int = 10,
    batch_size: int | None = None,
) -> Solution:
    """Optimal discounted reward at ``params.discount``, each value within ``tolerance``.

    Value iteration with the bounds of MacQueen (1966, Journal of Mathematical Analysis and Applications 14(1)), which
    close long before the values have settled. Between two comparisons of all actions, ``sweeps`` steps evaluate the
    policy found (modified policy iteration: Puterman 2005, *Markov Decision Processes*, sec. 6.5). ``batch_size``
    states are in memory at a time. Can be vmapped over ``params``, for which ``model`` must be wide enough.
    """
    return _iterate(model, params, params.discount, tolerance, max_iterations, sweeps, batch_size)


@in_double_precision
def relative_value_iteration(
    model: FiniteModel,
    params: Any,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 100_000,
    sweeps: int = 10,
    batch_size: int | None = None,
) -> Solution:
    """Optimal average reward per period, to a span of ``tolerance`` between its lower and upper bound (Odoni 1969,
    Operations Research 17(5); Puterman 2005, sec. 8.5 and 8.7).

    For problems in which one class of states is left in the end and visited without a period; others do not converge
    and end after ``max_iterations`` with bounds apart. The rest is as in :func:`value_iteration`.
    """
    return _iterate(model, params, jnp.float32(1), tolerance, max_iterations, sweeps, batch_size)


@partial(jax.jit, static_argnames=("model", "max_iterations", "sweeps", "batch_size"))
def _iterate(model, params, discount, tolerance, max_iterations, sweeps, batch_size) -> Solution:
    improve_size = batch_size or bellman.default_batch_size(model, params, model.num_actions)
    follow_size = batch_size or bellman.default_batch_size(model, params, 1)
    discount = jnp.asarray(discount, float)
    average = discount >= 1.0
    # What a change of the values in the last iteration may still add to them: geometric, once for the average.
    future = jnp.where(average, 1.0, discount / jnp.maximum(1.0 - discount, 1e-12))

    def improve(values: Array, iterations: Array) -> Solution:
        improved, actions = bellman.improve(model, params, values, discount, batch_size=improve_size)
        change = improved - values
        lower, upper = future * jnp.min(change), future * jnp.max(change)
        return Solution(improved, actions, lower, upper, iterations)

    def body(found: Solution) -> Solution:
        def sweep(_, values: Array) -> Array:
            values = values - jnp.where(average, values[0], 0.0)
            return bellman.follow(
                model,
                params,
                values,
                discount,
                lambda index, state: model.index_to_action(found.actions[index], params),
                batch_size=follow_size,
            )

        return improve(jax.lax.fori_loop(0, sweeps, sweep, found.values), found.iterations + 1)

    def unfinished(found: Solution) -> Array:
        return (found.upper - found.lower > tolerance) & (found.iterations < max_iterations)

    found = jax.lax.while_loop(unfinished, body, improve(jnp.zeros(model.num_states), jnp.int32(1)))
    shift = jnp.where(average, -found.values[0], found.gain)
    middle = jnp.where(average, 0.0, found.gain)
    return found.replace(values=found.values + shift, lower=found.lower - middle, upper=found.upper - middle)
