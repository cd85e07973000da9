"""Search for good policy parameters by simulation on common paths; each search is one compiled call."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.env.core import Policy
from jaxinv.evaluate import Paths, location_cost

# Smoothing of the cross-entropy updates, mean and standard deviation; the latter slower, against premature
# convergence (de Boer et al. 2005, sec. 2.5 and remark 3.3).
_MEAN_RATE, _STD_RATE = 0.8, 0.5
# Standard deviations are kept above this part of what a stage began with.
_STD_FLOOR = 0.02


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
    ``paths_per_iteration`` paths, drawn anew from ``paths`` for each; at the end the best of the stages' means and
    the start is chosen on all paths.

    ``separable`` says that locations share nothing. Each is then credited with its own cost for its own parameters,
    the leaves whose first axis is the locations, so that one candidate is a trial of every location.
    """
    locations = env.cells[0]
    leaves, structure = jax.tree.flatten(mean)
    sampled = min(paths_per_iteration, paths.num_paths)

    def candidates(key, mean, std):
        keys = jax.tree.unflatten(structure, list(jax.random.split(key, len(leaves))))

        def draw(key, mean, std):
            noise = jax.random.normal(key, (population, *mean.shape)).at[0].set(0.0)  # the first one is the mean
            return mean[None] + std[None] * noise

        return jax.tree.map(draw, keys, mean, std)

    def iterate(carry, inputs):
        mean, std, floor = carry
        of_candidates, of_paths = jax.random.split(inputs)
        trials = candidates(of_candidates, mean, std)
        picked = jax.random.choice(of_paths, paths.num_paths, (sampled,), replace=False)
        on = jax.tree.map(lambda leaf: leaf[picked], paths)
        costs = jax.vmap(lambda trial: mean_cost(build(trial), env, params, on, warmup))(trials)  # [population, W]
        total = jnp.sum(costs, 1)
        best = jnp.argsort(total)[:elite]
        best_by_location = jnp.argsort(jnp.where(separable, costs, total[:, None]), 0)[:elite]

        def elites(trials):
            if trials.ndim > 1 and trials.shape[1] == locations:
                index = best_by_location.reshape(elite, locations, *(1 for _ in trials.shape[2:]))
                return jnp.take_along_axis(trials, index, 0)
            return trials[best]

        chosen = jax.tree.map(elites, trials)
        mean = jax.tree.map(lambda old, new: old + _MEAN_RATE * (jnp.mean(new, 0) - old), mean, chosen)
        std = jax.tree.map(lambda old, new: old + _STD_RATE * (jnp.std(new, 0) - old), std, chosen)
        return (mean, jax.tree.map(jnp.maximum, std, floor), floor), total[0]

    def run_stage(mean, inputs):
        std, key = inputs
        floor = jax.tree.map(lambda std: _STD_FLOOR * std, std)
        (mean, _, _), history = jax.lax.scan(iterate, (mean, std, floor), jax.random.split(key, iterations))
        return mean, (mean, history)

    stds = jax.tree.map(lambda *std: jnp.stack(std), *stages)
    _, (found, history) = jax.lax.scan(run_stage, mean, (stds, jax.random.split(key, len(stages))))
    finalists = jax.tree.map(lambda start, found: jnp.concatenate([start[None], found]), mean, found)
    costs = jax.lax.map(lambda trial: jnp.sum(mean_cost(build(trial), env, params, paths, warmup)), finalists)
    best = jnp.argmin(costs)
    policy = build(jax.tree.map(lambda leaf: leaf[best], finalists))
    return SearchResult(policy=policy, cost=costs[best], history=history.reshape(-1))
