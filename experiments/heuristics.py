"""The heuristics that fit a problem, by name, and their tuning on its own demand.

Few parameters are searched on a grid, many by cross-entropy around what textbook formulas make of the problem, and some
need no search at all.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxinv import policies, struct
from jaxinv.demand import Distribution as StationaryDemand
from jaxinv.env.beer_game import BeerGame
from jaxinv.env.distribution import Distribution
from jaxinv.env.dual_sourcing import DualSourcing
from jaxinv.env.ecommerce import Ecommerce
from jaxinv.env.joint_replenishment import JointReplenishment
from jaxinv.env.multi_sku import MultiSku
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.env.perishable import Perishable
from jaxinv.env.perishable_pair import PerishablePair
from jaxinv.env.serial import Serial
from jaxinv.env.single_item import SingleItem
from jaxinv.env.supply_network import SupplyNetwork
from jaxinv.evaluate import Paths, sample_paths
from jaxinv.optimise import SearchResult, cross_entropy, grid_search, tune

# Standard deviations of the two stages of a cross-entropy search, as parts of the parameters it starts from.
_SPREADS = 0.3, 0.1
# Parameters of a name are searched one by one up to this number; of more, all are scaled alike.
_MOST_SINGLE = 32


# -- how a heuristic is found -----------------------------------------------------------------------------------------
@dataclasses.dataclass(frozen=True)
class Given:
    """A policy that a formula gives, and no search improves."""

    policy: Any

    def tuned(self, search: "_Search") -> Any:
        return self.policy


@dataclasses.dataclass(frozen=True)
class Grid:
    """A policy of few parameters: the values to try of each, and the others, which are fixed."""

    kind: Any
    values: Mapping[str, np.ndarray]
    fixed: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def tuned(self, search: "_Search") -> Any:
        return self.search(search.env, search.params, search.paths, search.warmup)

    def search(self, env: Any, params: Any, paths: Paths, warmup: int) -> Any:
        """The best policy on the paths."""

        def make(**parameters: Any) -> Any:
            return self.kind(**parameters, **self.fixed)

        values = {name: jnp.asarray(x, jnp.float32) for name, x in self.values.items()}
        return grid_search(make, values, env, params, paths, warmup=warmup).policy


@dataclasses.dataclass(frozen=True)
class Around:
    """A policy as formulas give it, and the names of its parameters that a search improves."""

    policy: Any
    names: tuple[str, ...]

    def tuned(self, search: "_Search") -> Any:
        return self.search(search.env, search.params, search.paths, search.key, warmup=search.warmup).policy

    def search(self, env: Any, params: Any, paths: Paths, key: jax.Array, **options: Any) -> SearchResult:
        """The best policy on the paths, and its cost; ``options`` of ``optimise.cross_entropy``."""
        shapes = {name: getattr(self.policy, name).shape for name in self.names}
        shapes = {name: shape if math.prod(shape) <= _MOST_SINGLE else () for name, shape in shapes.items()}
        start, *stages = ({name: jnp.full(shape, x) for name, shape in shapes.items()} for x in (1.0, *_SPREADS))
        return cross_entropy(_Scaled(self.policy), start, stages, env, params, paths, key, **options)


@dataclasses.dataclass(frozen=True)
class ByFactors:
    """A kind of policy for locations by items, whose scale-free factors ``optimise.tune`` searches."""

    kind: Any

    def tuned(self, search: "_Search") -> Any:
        return tune(self.kind, search.env, search.params, search.paths, search.key, warmup=search.warmup).policy


Candidate = Given | Grid | Around | ByFactors


@dataclasses.dataclass(frozen=True)
class _Search:
    env: Any
    params: Any
    paths: Paths
    key: jax.Array
    warmup: int


@struct.dataclass
class _Scaled:
    """A policy whose parameters are multiplied by factors."""

    policy: Any

    def __call__(self, factors: dict[str, jax.Array]) -> Any:
        return self.policy.replace(**{name: x * getattr(self.policy, name) for name, x in factors.items()})


def candidates(env: Any, params: Any, paths: Callable[[], Paths]) -> dict[str, Candidate]:
    """The heuristics of a problem: name -> how it is found; of a problem that none is known for, none. ``paths`` draws
    simulated paths of its demand, where formulas need some."""
    known = _KNOWN.get(type(env))
    return {} if known is None else known(env, params, paths)


def tuned(
    env: Any,
    params: Any,
    key: jax.Array,
    *,
    num_paths: int,
    length: int,
    warmup: int,
    names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The heuristics of a problem (those of ``names``, or all), tuned on ``num_paths`` simulated paths of its demand:
    name -> policy.

    Raises ``ValueError`` for a problem that none is known for, and for names of which there is none.
    """
    drawing, search = jax.random.split(key)
    paths = sample_paths(env, params, drawing, num_paths, length)
    found = candidates(env, params, lambda: paths)
    if not found:
        raise ValueError(f"no heuristics are known here for {type(env).__name__}")
    names = list(found) if names is None else names
    if unknown := [name for name in names if name not in found]:
        raise ValueError(
            f"no heuristic {unknown[0]!r} is known here for {type(env).__name__}; there are {', '.join(found)}"
        )
    setting = _Search(env, params, paths, search, warmup)
    return {name: found[name].tuned(setting) for name in names}


# -- the heuristics of each problem -----------------------------------------------------------------------------------
def _reach(demand: Any, lead_time: int) -> int:
    """Units that no good policy of a single item goes beyond, whose demand may come in several streams."""
    return math.ceil(2.0 * float(jnp.sum(demand.mean())) * (lead_time + 1) + 10)


def _single_item(env: Any, params: Any, paths: Any) -> dict[str, Candidate]:
    levels = np.arange(_reach(params.demand, env.lead_time) + 1.0)
    found: dict[str, Candidate] = {"BaseStock": Grid(policies.BaseStock, {"level": levels})}
    if float(params.fixed_order_cost):
        found["ReorderPoint"] = Grid(policies.ReorderPoint, {"reorder": levels, "up_to": levels})
    if not float(params.backlog_share):
        mean = float(params.demand.mean())
        caps, quantities = np.arange(1.0, math.ceil(2 * mean) + 2), np.arange(0.0, math.floor(mean) + 1)
        found["CappedBaseStock"] = Grid(policies.CappedBaseStock, {"level": levels, "cap": caps})
        found["ConstantOrder"] = Grid(policies.ConstantOrder, {"quantity": quantities})
        if params.demand.cycle == 1 and env.supply_yield == "certain":
            table = policies.ProjectedInventory.of(env, params, level=0.0).demand
            found["ProjectedInventory"] = Grid(
                policies.ProjectedInventory, {"level": np.arange(0.0, 4 * mean, 0.25)}, {"demand": table}
            )
    return found


def _dual_sourcing(env: Any, params: Any, paths: Any) -> dict[str, Candidate]:
    most = math.ceil(float(params.demand.mean()))
    expedited = np.arange(-most, _reach(params.demand, env.expedited_lead_time) + 1.0)
    regular, quantity = np.arange(_reach(params.demand, env.regular_lead_time) + 1.0), np.arange(most + 1.0)
    return {
        "DualIndex": Grid(policies.DualIndex, {"expedited_level": expedited, "regular_level": regular}),
        "TailoredBaseSurge": Grid(policies.TailoredBaseSurge, {"expedited_level": expedited, "quantity": quantity}),
    }


def _perishable(env: Any, params: Any, paths: Any) -> dict[str, Candidate]:
    levels = {"level": np.arange(_reach(params.demand, env.lead_time) + 1.0)}
    return {"BaseStock": Grid(policies.BaseStock, levels), "BaseStockEW": Grid(policies.BaseStockEW, levels)}


def _perishable_pair(env: Any, params: Any, paths: Any) -> dict[str, Candidate]:
    return {"BaseStock": Around(policies.BaseStock(level=2.0 * params.demand.mean()), ("level",))}


def _joint_replenishment(env: Any, params: Any, paths: Any) -> dict[str, Candidate]:
    dynamic = policies.DynamicOrderUpTo.of(env, params)
    minimum = policies.MinimumQuantity(level=dynamic.level, quantity=params.truck_volume / 2)
    return {
        "MinimumQuantity": Around(minimum, ("level", "quantity")),
        "DynamicOrderUpTo": Around(dynamic, ("level",)),
    }


def _serial(env: Any, params: Any, paths: Any) -> dict[str, Candidate]:
    return {"SerialBaseStock": Given(policies.SerialBaseStock.of(env, params))}


def _beer_game(env: Any, params: Any, paths: Any) -> dict[str, Candidate]:
    delays = np.add(env.order_delays, env.transport_delays)
    level = 1.2 * float(params.demand.mean()) * jnp.asarray(delays, jnp.float32)
    player = policies.AnchorAndAdjust(level=level, adjustment=jnp.float32(0.5), supply_line=jnp.float32(0.8))
    return {
        "BaseStock": Around(policies.BaseStock(level=level), ("level",)),
        "AnchorAndAdjust": Around(player, ("level", "adjustment", "supply_line")),
    }


def _distribution(env: Any, params: Any, paths: Any) -> dict[str, Candidate]:
    """Echelon levels around the newsvendor's; the levels of all stores with the same number of standard deviations."""
    start = policies.BalancedBaseStock.of(env, params)
    if env.cross_docking:
        return {"BalancedBaseStock": Given(start)}
    echelon = float(start.warehouse_level) * np.linspace(0.7, 1.3, 31)
    stores = np.asarray(start.mean) + np.linspace(-1.0, 3.0, 17)[:, None] * np.asarray(start.deviation)
    exact = {"warehouse_level": echelon, "store_level": stores}
    whole = {"warehouse_level": np.unique(np.round(echelon)), "store_level": np.unique(np.round(stores), axis=0)}
    return {
        "EchelonBaseStock": Grid(policies.EchelonBaseStock, whole),
        "ProportionalEchelonBaseStock": Grid(policies.ProportionalEchelonBaseStock, whole),
        "BalancedBaseStock": Grid(
            policies.BalancedBaseStock, exact, {"mean": start.mean, "deviation": start.deviation}
        ),
    }


def _supply_network(env: Any, params: Any, paths: Callable[[], Paths]) -> dict[str, Candidate]:
    demand = None if isinstance(params.demand, StationaryDemand) else paths().exogenous.demand
    return {
        "NetworkBaseStock": Around(policies.NetworkBaseStock.of(env, params, demand), ("level",)),
        "NetworkReorderPoint": Around(policies.NetworkReorderPoint.of(env, params, demand), ("level", "reorder")),
    }


def _multi_warehouse(env: Any, params: Any, paths: Any) -> dict[str, Candidate]:
    kinds = policies.BaseStock, policies.ReorderPoint, policies.PeriodicReview
    return {kind.__name__: ByFactors(kind) for kind in kinds}


def _multi_sku(env: Any, params: Any, paths: Callable[[], Paths]) -> dict[str, Candidate]:
    sizing = policies.chain_sizing(env, params, paths().exogenous.demand)
    base_stock = policies.BaseStock.from_factors(sizing, safety=jnp.zeros(env.cells))
    return {
        "BaseStock": Around(base_stock, ("level",)),
        "AdaptiveBaseStock": Around(policies.AdaptiveBaseStock(safety=sizing.safety), ("safety",)),
    }


def _ecommerce(env: Any, params: Any, paths: Any) -> dict[str, Candidate]:
    served = env.nearest(params) @ params.demand.mean()  # [F, K] of the regions that a centre is the nearest to
    level = 1.3 * served * (params.lead_time[:, None] + 1.0)
    found: dict[str, Candidate] = {"MyopicPricing": Given(policies.MyopicPricing.of(env, params, salvage=1.0))}
    for allocation in ("nearest", "balanced"):
        policy = policies.StaticPrice(level=level, price=params.reference_price, allocation=allocation)
        found[f"StaticPrice, {allocation}"] = Around(policy, ("level", "price"))
    return found


_KNOWN: dict[type, Callable[[Any, Any, Callable[[], Paths]], dict[str, Candidate]]] = {
    BeerGame: _beer_game,
    Distribution: _distribution,
    DualSourcing: _dual_sourcing,
    Ecommerce: _ecommerce,
    JointReplenishment: _joint_replenishment,
    MultiSku: _multi_sku,
    MultiWarehouse: _multi_warehouse,
    Perishable: _perishable,
    PerishablePair: _perishable_pair,
    Serial: _serial,
    SingleItem: _single_item,
    SupplyNetwork: _supply_network,
}
