"""Tune any heuristic with one call."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.evaluate import Paths
from jaxinv.optimise.search import SearchResult, cross_entropy
from jaxinv.policies import Heuristic, Rebalancing, Sizing

# Standard deviation of what distinguishes the cells of a location, in that of what they have in common.
_CELL_SPREAD = 0.5


@struct.dataclass
class FromFactors:
    """Makes a heuristic of its scale-free factors, each the sum of a part of the location and one of the cell."""

    sizing: Sizing
    kind: type[Heuristic] = struct.static()

    def __call__(self, factors: dict[str, dict[str, Array]]) -> Heuristic:
        cells = self.sizing.mean.shape

        def per_cell(parts: dict[str, Array]) -> Array:
            shared = parts["location"]
            return shared + parts["cell"] if "cell" in parts else jnp.broadcast_to(shared, cells)

        own = {name: per_cell(factors[name]) for name in self.kind.FACTORS}
        policy: Any = self.kind.from_factors(self.sizing, **own)
        if "rebalancing" in factors:
            policy = policy.replace(rebalancing=Rebalancing.from_factors(**factors["rebalancing"]))
        return policy


def _search_space(kind: type[Heuristic], cells: tuple[int, int], rebalancing: bool) -> tuple[dict, list[dict]]:
    """Start and standard deviations: first of what the cells of a location have in common, then of every cell."""
    mean, common, single = {}, {}, {}
    for name, factor in kind.FACTORS.items():
        location = jnp.ones((cells[0], 1))
        mean[name] = {"location": factor.mean * location}
        common[name] = {"location": factor.std * location}
        single[name] = {"location": 0.5 * factor.std * location}
        if factor.per == "cell":
            mean[name]["cell"] = jnp.zeros(cells)
            common[name]["cell"] = jnp.zeros(cells)
            single[name]["cell"] = jnp.full(cells, _CELL_SPREAD * factor.std)
    if rebalancing:
        factors = Rebalancing.FACTORS
        mean["rebalancing"] = {name: jnp.float32(factor.mean) for name, factor in factors.items()}
        common["rebalancing"] = {name: jnp.float32(factor.std) for name, factor in factors.items()}
        single["rebalancing"] = {name: jnp.float32(0.5 * factor.std) for name, factor in factors.items()}
    return mean, [common, single]


@partial(
    jax.jit,
    static_argnames=(
        "kind", "env", "rebalancing", "warmup", "population", "elite", "iterations", "paths_per_iteration"
    ),
)  # fmt: skip
def tune(
    kind: type[Heuristic],
    env: Any,
    params: Any,
    paths: Paths,
    key: Array,
    *,
    rebalancing: bool = False,
    warmup: int = 0,
    population: int = 128,
    elite: int = 16,
    iterations: int = 20,
    paths_per_iteration: int = 4,
) -> SearchResult:
    """The best policy of a ``kind`` (a class of ``jaxinv.policies``) on ``paths``, all its parameters tuned.

    A cross-entropy search over the scale-free factors of the policy, around what textbook formulas make of the
    demand on the paths. It runs twice ``iterations``: over factors that the cells of a location share, which decides
    between regimes (many small deliveries or few large ones), then over those of every cell. ``rebalancing`` also
    tunes the rule that moves stock between locations. Where nothing couples the locations, each is credited with its
    own cost. ``history`` is noisy: each iteration draws its own paths.
    """
    rebalancing = rebalancing and env.transfers
    mean, stages = _search_space(kind, env.cells, rebalancing)
    return cross_entropy(
        FromFactors(Sizing.of(env, params, paths.exogenous.demand), kind),
        mean,
        stages,
        env,
        params,
        paths,
        key,
        warmup=warmup,
        population=population,
        elite=elite,
        iterations=iterations,
        paths_per_iteration=paths_per_iteration,
        separable=~(jnp.any(params.supplier_capacity < UNLIMITED) | (rebalancing or env.cross_shipping)),
    )
