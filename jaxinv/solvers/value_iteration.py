"""Value iteration, discounted and relative, and the evaluation of policies, with bounds."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.env.finite import FiniteModel
from jaxinv.solvers import bellman
from jaxinv.solvers.bellman import in_double_precision

# Part of the way to a policy's next values that a step goes: chains that are periodic, or nearly so, settle too and
# others sooner (Schweitzer 1971, Journal of Mathematical Analysis and Applications 34(3); Puterman 2005, sec. 8.5.4).
_STEP = 0.8


@struct.dataclass
class Values:
    """Of a policy on a finite model with S states. Rewards are counted: a cost is a negative reward."""

    values: Array  # [S] expected discounted reward from each state on; average criterion: relative to state 0
    lower: Array  # [] bounds of the gain, the average reward per period; discounted: of the error of ``values``
    upper: Array  # []
    iterations: Array  # int32 []

    @property
    def gain(self) -> Array:
        """Average reward per period [], within half of ``upper - lower``."""
        return (self.lower + self.upper) / 2


@struct.dataclass
class Solution(Values):
    """Of the optimal policy; ``iterations`` are comparisons of all actions."""

    actions: Array  # int32 [S] an optimal action in each state, the first of several


@in_double_precision
def value_iteration(
    model: FiniteModel,
    params: Any,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 100_000,
    sweeps: int = 5,
    batch_size: int | None = None,
) -> Solution:
    """Optimal discounted reward at ``params.discount``, which must be below 1; each value within ``tolerance``.

    Value iteration with the bounds of MacQueen (1966, Journal of Mathematical Analysis and Applications 14(1)), which
    close long before the values have settled. Between two comparisons of all actions, ``sweeps`` steps evaluate the
    policy found (modified policy iteration: Puterman 2005, *Markov Decision Processes*, sec. 6.5). ``batch_size``
    states are in memory at a time. Can be vmapped over ``params``, for all of which ``model`` must be wide enough.

    States are solved as they are at time 0: where the environment has a horizon of its own, this is not for it but
    :func:`backward_induction` is. Raises ``ValueError`` for a discount of 1.
    """
    discount = bellman.discount_below_one(params)
    return _solve(model, params, discount, tolerance, max_iterations, sweeps, batch_size)


@in_double_precision
def relative_value_iteration(
    model: FiniteModel,
    params: Any,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 100_000,
    sweeps: int = 5,
    batch_size: int | None = None,
) -> Solution:
    """Optimal average reward per period, to a span of ``tolerance`` between its lower and upper bound (Odoni 1969,
    Operations Research 17(5); Puterman 2005, sec. 8.5 and 8.7).

    For problems in which one class of states is left in the end, periodic or not; others do not converge and end
    after ``max_iterations`` with bounds apart. The rest is as in :func:`value_iteration`.
    """
    return _solve(model, params, 1.0, tolerance, max_iterations, sweeps, batch_size)


@in_double_precision
def policy_evaluation(
    model: FiniteModel,
    params: Any,
    policy: Any,
    *,
    average: bool = True,
    tolerance: float = 1e-6,
    max_iterations: int = 100_000,
    batch_size: int | None = None,
) -> Values:
    """What a policy earns per period in the long run or, unless ``average``, discounted from each state on.

    ``policy``: an array of action numbers [S], or a policy for ``model.env`` that does not draw at random. Bounds are
    as in :func:`relative_value_iteration` and :func:`value_iteration`.
    """
    discount = 1.0 if average else bellman.discount_below_one(params)
    return _evaluate(model, params, policy, discount, tolerance, max_iterations, batch_size)


def bounds(values: Array, previous: Array, discount: Array, ends: Array) -> tuple[Array, Array]:
    """Of the gain; discounted, of what a step's change may still add to values: it goes on as a geometric series, or
    for shorter where the problem ends."""
    future = jnp.where(discount >= 1.0, 1.0, discount / jnp.maximum(1.0 - discount, 1e-12))
    lower, upper = jnp.min(values - previous), jnp.max(values - previous)
    lower = jnp.where(ends, jnp.minimum(lower, 0.0), lower)
    upper = jnp.where(ends, jnp.maximum(upper, 0.0), upper)
    return future * lower, future * upper


def settled(found: Any, discount: Array) -> Any:
    """Average: values relative to state 0. Discounted: values in the middle of their bounds."""
    average = discount >= 1.0
    shift = jnp.where(average, -found.values[0], found.gain)
    middle = jnp.where(average, 0.0, found.gain)
    return found.replace(values=found.values + shift, lower=found.lower - middle, upper=found.upper - middle)


@partial(jax.jit, static_argnames=("model", "max_iterations", "sweeps", "batch_size"))
def _solve(model, params, discount, tolerance, max_iterations, sweeps, batch_size) -> Solution:
    discount = jnp.asarray(discount, float)

    def improve(values: Array, iterations: Array) -> Solution:
        improved, actions, ends = bellman.improve(model, params, values, discount, batch_size)
        return Solution(improved, *bounds(improved, values, discount, ends), iterations, actions)

    def body(found: Solution) -> Solution:
        decide = bellman.decision(model, params, found.actions)

        def sweep(_, values: Array) -> Array:
            values = values - jnp.where(discount >= 1.0, values[0], 0.0)
            following, _ = bellman.follow(model, params, values, discount, decide, batch_size)
            return values + _STEP * (following - values)

        return improve(jax.lax.fori_loop(0, sweeps, sweep, found.values), found.iterations + 1)

    def unfinished(found: Solution) -> Array:
        return (found.upper - found.lower > tolerance) & (found.iterations < max_iterations)

    first = improve(jnp.zeros(model.num_states), jnp.int32(1))
    return settled(jax.lax.while_loop(unfinished, body, first), discount)


@partial(jax.jit, static_argnames=("model", "max_iterations", "batch_size"))
def _evaluate(model, params, policy, discount, tolerance, max_iterations, batch_size) -> Values:
    discount = jnp.asarray(discount, float)
    decide = bellman.decision(model, params, policy)

    def step(values: Array, iterations: Array) -> tuple[Array, Values]:
        values = values - jnp.where(discount >= 1.0, values[0], 0.0)
        following, ends = bellman.follow(model, params, values, discount, decide, batch_size)
        found = Values(following, *bounds(following, values, discount, ends), iterations)
        return values + _STEP * (following - values), found

    def unfinished(carry: tuple[Array, Values]) -> Array:
        _, found = carry
        return (found.upper - found.lower > tolerance) & (found.iterations < max_iterations)

    def body(carry: tuple[Array, Values]) -> tuple[Array, Values]:
        values, found = carry
        return step(values, found.iterations + 1)

    _, found = jax.lax.while_loop(unfinished, body, step(jnp.zeros(model.num_states), jnp.int32(1)))
    return settled(found, discount)
