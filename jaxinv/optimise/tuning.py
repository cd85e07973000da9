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
from jaxinv.policies import Factor, Following, ForecastBaseStock, Heuristic, Rebalancing, Sizing

# Standard deviation of what distinguishes the cells of a location, in that of what they have in common.
_CELL_SPREAD = 0.5


@struct.dataclass
class FromFactors:
    """Makes a heuristic of its scale-free factors, each the sum of a part of the location and one of the cell."""

    sizing: Sizing
    kind: type[Heuristic] = struct.static()

    def __call__(self, factors: dict[str, dict[str, Any]]) -> Heuristic:
        cells = self.sizing.mean.shape

        def per_cell(parts: dict[str, Array]) -> Array:
            shared = parts["location"]
            return shared + parts["cell"] if "cell" in parts else jnp.broadcast_to(shared, cells)

        own = {name: per_cell(factors[name]) for name in self.kind.FACTORS}
        policy: Any = self.kind.from_factors(self.sizing, **own)
        if "following" in factors:
            following = {name: per_cell(parts) for name, parts in factors["following"].items()}
            policy = policy.replace(following=Following.from_factors(self.sizing, **following))
        if "rebalancing" in factors:
            policy = policy.replace(rebalancing=Rebalancing.from_factors(**factors["rebalancing"]))
        return policy


def _search_space(kind: type[Heuristic], cells: tuple[int, int], following: bool, rebalancing: bool) -> tuple:
    """Start and two stages of standard deviations: of what the cells of a location have in common, then of all."""

    def space(factors: dict[str, Factor]) -> tuple[dict, dict, dict]:
        mean, common, single = {}, {}, {}
        for name, factor in factors.items():
            location = jnp.ones((cells[0], 1))
            mean[name] = {"location": factor.mean * location}
            common[name] = {"location": factor.std * location}
            single[name] = {"location": 0.5 * factor.std * location}
            if factor.per == "cell":
                mean[name]["cell"] = jnp.zeros(cells)
                common[name]["cell"] = jnp.zeros(cells)
                single[name]["cell"] = jnp.full(cells, _CELL_SPREAD * factor.std)
        return mean, common, single

    start, *stages = space(kind.FACTORS)
    if following:
        for part, more in zip((start, *stages), space(Following.FACTORS), strict=True):
            part["following"] = more
    if rebalancing:  # one rule for all locations
        factors = Rebalancing.FACTORS.items()
        start["rebalancing"] = {name: jnp.float32(factor.mean) for name, factor in factors}
        for stage, scale in zip(stages, (1.0, 0.5), strict=True):
            stage["rebalancing"] = {name: jnp.float32(scale * factor.std) for name, factor in factors}
    return start, stages


@partial(
    jax.jit,
    static_argnames=(
        "kind", "env", "following", "rebalancing", "warmup", "population", "elite", "iterations", "paths_per_iteration"
    ),
)  # fmt: skip
def tune(
    kind: type[Heuristic],
    env: Any,
    params: Any,
    paths: Paths,
    key: Array,
    *,
    following: bool = False,
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
    between regimes (many small deliveries or few large ones), then over those of every cell. ``following`` lets
    levels follow the demand expected; ``rebalancing`` tunes the rule that moves stock between locations, too. Where
    nothing couples the locations, each is credited with its own cost. ``history`` is noisy: each iteration meets
    other paths.

    Raises ``ValueError`` unless ``env`` has locations by items; the few parameters of a policy for a single item are
    best searched on a grid, by ``grid_search``.
    """
    if len(env.cells) != 2:
        raise ValueError(f"tune needs cells of locations by items, got {env.cells}: use grid_search for a single item")
    following = following and not issubclass(kind, ForecastBaseStock)  # which does so by itself
    rebalancing = rebalancing and env.transfers
    mean, stages = _search_space(kind, env.cells, following, rebalancing)
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
