"""Search for good policy parameters by simulation on common paths; each search is one compiled call."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree

from jaxinv import struct
from jaxinv.env.core import Policy
from jaxinv.evaluate import Paths, location_cost

# Smoothing of the cross-entropy updates, mean and standard deviation; the latter slower, against premature
# convergence (de Boer et al. 2005, sec. 2.5 and remark 3.3).
_MEAN_RATE, _STD_RATE = 0.8, 0.5
# Standard deviations are kept above this part of what a stage began with.
_STD_FLOOR = 0.02
# Means of a stage's last iterations that are compared on all paths: one mean alone carries the noise of its few paths.
_FINALISTS = 8


@struct.dataclass
class SearchResult:
    policy: Any  # the best found
    cost: Array  # [] its mean cost per period on the paths
    history: Array  # cost of every grid point; of the mean of every iteration of a cross-entropy search, on its paths


def mean_cost(policy: Policy, env: Any, params: Any, paths: Paths, warmup: int = 0) -> Array:
    """Mean cost per period by location [W], over paths and the periods after the warm-up."""

    def one_path(state, exogenous):
        _, cost = env.rollout(
            policy, state, exogenous, params, record=lambda transition: location_cost(transition.outcome.ledger)
        )
        return jnp.mean(cost[warmup:], 0)

    return jnp.mean(jax.vmap(one_path)(paths.states, paths.exogenous), 0)


@partial(jax.jit, static_argnames=("make_policy", "env", "warmup", "batch_size"))
def grid_search(
    make_policy: Callable[..., Policy],
    grid: dict[str, Array],
    env: Any,
    params: Any,
    paths: Paths,
    *,
    warmup: int = 0,
    batch_size: int = 64,
) -> SearchResult:
    """The cheapest of ``make_policy(**point)`` over all combinations of ``grid``'s values, each [n_i, ...].

    ``history``: [n_1, n_2, ...], in the order of the names. ``batch_size`` combinations are simulated at a time.
    """
    names = sorted(grid)
    sizes = [grid[name].shape[0] for name in names]
    indices = jnp.stack([jnp.ravel(axis) for axis in jnp.indices(sizes)], -1)  # [points, names]

    def point(index):
        return make_policy(**{name: grid[name][index[i]] for i, name in enumerate(names)})

    def cost(index):
        return jnp.sum(mean_cost(point(index), env, params, paths, warmup))

    costs = jax.lax.map(cost, indices, batch_size=min(batch_size, indices.shape[0]))
    best = jnp.argmin(costs)
    return SearchResult(policy=point(indices[best]), cost=costs[best], history=costs.reshape(sizes))


@partial(
    jax.jit,
    static_argnames=("env", "warmup", "population", "elite", "iterations", "paths_per_iteration"),
)
def cross_entropy(
    build: Callable[[Any], Policy],
    mean: Any,
    stages: Sequence[Any],
    env: Any,
    params: Any,
    paths: Paths,
    key: Array,
    *,
    warmup: int = 0,
    population: int = 128,
    elite: int = 16,
    iterations: int = 20,
    paths_per_iteration: int = 4,
    separable: bool | Array = False,
) -> SearchResult:
    """Cross-entropy search over the parameters of a policy (de Boer et al. 2005, *A tutorial on the cross-entropy
    method*, Annals of Operations Research 134).

    ``build`` makes a policy of a pytree of parameters and is itself a pytree (wrap a function in
    ``jax.tree_util.Partial``). ``mean`` is where the search starts. ``stages`` are pytrees of standard deviations, of
    the structure and shapes of ``mean``: each stage starts with its own, from the mean that the stage before it
    found, and leaves parameters alone whose standard deviation is 0. All candidates of an iteration meet the same
    ``paths_per_iteration`` of the ``paths``, which the iterations take in turn. At the end the means of each stage's
    last iterations and the start are compared on all paths.

    ``separable`` says that locations share nothing. Each is then credited with its own cost for its own parameters,
    the leaves whose first axis is the locations, so that one candidate is a trial of every location.
    """
    locations = env.cells[0]
    start, unravel = ravel_pytree(mean)  # [P]
    stds = jnp.stack([ravel_pytree(stage)[0] for stage in stages])  # [stages, P]
    # The location that each parameter belongs to; number W stands for all locations together.
    owner, _ = ravel_pytree(jax.tree.map(lambda leaf: _owner(leaf.shape, locations), mean))
    sampled = min(paths_per_iteration, paths.num_paths)

    def cost(parameters: Array, on: Paths) -> Array:
        return mean_cost(build(unravel(parameters)), env, params, on, warmup)  # [W]

    def iterate(carry, inputs):
        mean, std, floor = carry
        key, iteration = inputs
        noise = jax.random.normal(key, (population, mean.size)).at[0].set(0.0)  # the first candidate is the mean
        trials = mean[None] + std[None] * noise
        picked = (iteration * sampled + jnp.arange(sampled)) % paths.num_paths
        on = jax.tree.map(lambda leaf: leaf[picked], paths)
        costs = jax.vmap(cost, in_axes=(0, None))(trials, on)  # [population, W]
        total = jnp.sum(costs, 1, keepdims=True)
        credited = jnp.concatenate([jnp.where(separable, costs, total), total], 1)  # [population, W + 1]
        best = jnp.argsort(credited, 0)[:elite]
        elites = jnp.take_along_axis(trials, best[:, owner], 0)  # [elite, P]
        mean = mean + _MEAN_RATE * (jnp.mean(elites, 0) - mean)
        std = std + _STD_RATE * (jnp.std(elites, 0) - std)
        return (mean, jnp.maximum(std, floor), floor), (mean, total[0, 0])

    def run_stage(mean, inputs):
        std, key, first = inputs
        each = jax.random.split(key, iterations), first + jnp.arange(iterations)
        (mean, _, _), (means, history) = jax.lax.scan(iterate, (mean, std, _STD_FLOOR * std), each)
        return mean, (means[-_FINALISTS:], history)

    begins = jnp.arange(len(stages)) * iterations
    _, (found, history) = jax.lax.scan(run_stage, start, (stds, jax.random.split(key, len(stages)), begins))
    finalists = jnp.concatenate([start[None], found.reshape(-1, start.size)])
    costs = jax.lax.map(lambda finalist: jnp.sum(cost(finalist, paths)), finalists)
    best = jnp.argmin(costs)
    return SearchResult(policy=build(unravel(finalists[best])), cost=costs[best], history=history.reshape(-1))


def _owner(shape: tuple[int, ...], locations: int) -> Array:
    """The location of every entry of a parameter, its index on a first axis of the locations; else ``locations``."""
    if shape[:1] != (locations,):
        return jnp.full(shape, locations)
    return jnp.broadcast_to(jnp.arange(locations).reshape(-1, *(1 for _ in shape[1:])), shape)
