"""The heuristics that fit a problem, by name, and their tuning on its own demand.

Few parameters are searched on a grid, many by cross-entropy around what textbook formulas make of the problem, and some
need no search at all.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxinv import policies, struct
from jaxinv.evaluate import Paths, sample_paths
from jaxinv.optimise import cross_entropy, grid_search, tune

Grid = tuple[dict[str, np.ndarray], dict[str, Any]]  # values to try of each parameter, and the others, which are fixed

# Standard deviations of the two stages of a cross-entropy search, as parts of the parameters it starts from.
_SPREADS = 0.3, 0.1
# Parameters of a name are searched one by one up to this number; of more, all are scaled alike.
_MOST_SINGLE = 32


def tuned(env: Any, params: Any, key: jax.Array, *, num_paths: int, length: int, warmup: int) -> dict[str, Any]:
    """The heuristics of a problem, tuned on ``num_paths`` simulated paths of its demand: name -> policy.

    Raises ``ValueError`` for a problem that none is known for.
    """
    drawing, search = jax.random.split(key)
    paths = sample_paths(env, params, drawing, num_paths, length)

    def best(name: str, grid: dict[str, np.ndarray], fixed: dict[str, Any]) -> Any:
        def make(**parameters: Any) -> Any:
            return getattr(policies, name)(**parameters, **fixed)

        arrays = {parameter: jnp.asarray(values, jnp.float32) for parameter, values in grid.items()}
        return grid_search(make, arrays, env, params, paths, warmup=warmup).policy

    def around(policy: Any, names: tuple[str, ...]) -> Any:
        shapes = {name: getattr(policy, name).shape for name in names}
        shapes = {name: shape if math.prod(shape) <= _MOST_SINGLE else () for name, shape in shapes.items()}
        start, *stages = ({name: jnp.full(shape, x) for name, shape in shapes.items()} for x in (1.0, *_SPREADS))
        return cross_entropy(_Scaled(policy), start, stages, env, params, paths, search, warmup=warmup).policy

    found = dict(closed_forms(env, params))
    found |= {name: best(name, *grid) for name, grid in grids(env, params).items()}
    found |= {name: around(*start) for name, start in starts(env, params, paths).items()}
    if type(env).__name__ == "MultiWarehouse":
        kinds = policies.BaseStock, policies.ReorderPoint, policies.PeriodicReview
        found |= {kind.__name__: tune(kind, env, params, paths, search, warmup=warmup).policy for kind in kinds}
    if not found:
        raise ValueError(f"no heuristics are known here for {type(env).__name__}")
    return found


@struct.dataclass
class _Scaled:
    """A policy whose parameters are multiplied by factors."""

    policy: Any

    def __call__(self, factors: dict[str, jax.Array]) -> Any:
        return self.policy.replace(**{name: x * getattr(self.policy, name) for name, x in factors.items()})


def closed_forms(env: Any, params: Any) -> dict[str, Any]:
    """Policies that formulas give."""
    kind = type(env).__name__
    if kind == "Serial":
        return {"SerialBaseStock": policies.SerialBaseStock.of(env, params)}
    if kind == "Distribution" and env.cross_docking:
        return {"BalancedBaseStock": policies.BalancedBaseStock.of(env, params)}
    if kind == "Ecommerce":
        return {"MyopicPricing": policies.MyopicPricing.of(env, params, salvage=1.0)}
    return {}


def starts(env: Any, params: Any, paths: Paths) -> dict[str, tuple[Any, tuple[str, ...]]]:
    """Policies as formulas give them, and the names of their parameters that a search improves."""
    kind = type(env).__name__
    if kind == "BeerGame":
        delays = np.add(env.order_delays, env.transport_delays)
        level = 1.2 * float(params.demand.mean()) * jnp.asarray(delays, jnp.float32)
        return {
            "BaseStock": (policies.BaseStock(level=level), ("level",)),
            "AnchorAndAdjust": (
                policies.AnchorAndAdjust(level=level, adjustment=jnp.float32(0.5), supply_line=jnp.float32(0.8)),
                ("level", "adjustment", "supply_line"),
            ),
        }
    if kind == "SupplyNetwork":
        level = policies.newsvendor_levels(env, params, paths.exogenous.demand)
        return {
            "NetworkBaseStock": (policies.NetworkBaseStock(level=level), ("level",)),
            "NetworkReorderPoint": (
                policies.NetworkReorderPoint(level=1.1 * level, reorder=0.9 * level),
                ("level", "reorder"),
            ),
        }
    if kind == "Ecommerce":
        served = env.nearest(params) @ params.demand.mean()  # [F, K] of the regions that a centre is the nearest to
        level = 1.3 * served * (params.lead_time[:, None] + 1.0)
        return {
            f"StaticPrice, {allocation}": (
                policies.StaticPrice(level=level, price=params.reference_price, allocation=allocation),
                ("level", "price"),
            )
            for allocation in ("nearest", "balanced")
        }
    if kind == "MultiSku":
        sizing = policies.chain_sizing(env, params, paths.exogenous.demand)
        return {
            "BaseStock": (policies.BaseStock.from_factors(sizing, safety=jnp.zeros(env.cells)), ("level",)),
            "AdaptiveBaseStock": (policies.AdaptiveBaseStock(safety=sizing.safety), ("safety",)),
        }
    if kind == "PerishablePair":
        level = 2.0 * params.demand.mean()
        return {"BaseStock": (policies.BaseStock(level=level), ("level",))}
    if kind == "JointReplenishment":
        dynamic = policies.DynamicOrderUpTo.of(env, params)
        minimum = policies.MinimumQuantity(level=dynamic.level, quantity=params.truck_volume / 2)
        return {
            "MinimumQuantity": (minimum, ("level", "quantity")),
            "DynamicOrderUpTo": (dynamic, ("level",)),
        }
    return {}


def grids(env: Any, params: Any) -> dict[str, Grid]:
    """Policies of few parameters."""
    kind = type(env).__name__
    if kind == "Distribution" and not env.cross_docking:
        return _distribution_grids(env, params)
    if kind == "DualSourcing":
        return _dual_sourcing_grids(env, params)
    if kind == "Perishable":
        levels = np.arange(_reach(params.demand, env.lead_time) + 1.0)
        return {"BaseStock": ({"level": levels}, {}), "BaseStockEW": ({"level": levels}, {})}
    if kind == "SingleItem":
        return _single_item_grids(env, params)
    return {}


def _reach(demand: Any, lead_time: int) -> int:
    """Units that no good policy of a single item goes beyond."""
    return math.ceil(2.0 * float(demand.mean()) * (lead_time + 1) + 10)


def _single_item_grids(env: Any, params: Any) -> dict[str, Grid]:
    levels = np.arange(_reach(params.demand, env.lead_time) + 1.0)
    found: dict[str, Grid] = {"BaseStock": ({"level": levels}, {})}
    if float(params.fixed_order_cost):
        found["ReorderPoint"] = {"reorder": levels, "up_to": levels}, {}
    if not float(params.backlog_share):
        mean = float(params.demand.mean())
        found["CappedBaseStock"] = {"level": levels, "cap": np.arange(1.0, math.ceil(2 * mean) + 2)}, {}
        found["ConstantOrder"] = {"quantity": np.arange(0.0, math.floor(mean) + 1)}, {}
        if params.demand.cycle == 1 and env.supply_yield == "certain":
            table = policies.ProjectedInventory.of(env, params, level=0.0).demand
            found["ProjectedInventory"] = {"level": np.arange(0.0, 4 * mean, 0.25)}, {"demand": table}
    return found


def _dual_sourcing_grids(env: Any, params: Any) -> dict[str, Grid]:
    most = math.ceil(float(params.demand.mean()))
    expedited = np.arange(-most, _reach(params.demand, env.expedited_lead_time) + 1.0)
    regular = np.arange(_reach(params.demand, env.regular_lead_time) + 1.0)
    return {
        "DualIndex": ({"expedited_level": expedited, "regular_level": regular}, {}),
        "TailoredBaseSurge": ({"expedited_level": expedited, "quantity": np.arange(most + 1.0)}, {}),
    }


def _distribution_grids(env: Any, params: Any) -> dict[str, Grid]:
    """Echelon levels around the newsvendor's; the levels of all stores with the same number of standard deviations."""
    start = policies.BalancedBaseStock.of(env, params)
    echelon = float(start.warehouse_level) * np.linspace(0.7, 1.3, 31)
    stores = np.asarray(start.mean) + np.linspace(-1.0, 3.0, 17)[:, None] * np.asarray(start.deviation)
    exact = {"warehouse_level": echelon, "store_level": stores}
    whole = {"warehouse_level": np.unique(np.round(echelon)), "store_level": np.unique(np.round(stores), axis=0)}
    return {
        "EchelonBaseStock": (whole, {}),
        "ProportionalEchelonBaseStock": (whole, {}),
        "BalancedBaseStock": (exact, {"mean": start.mean, "deviation": start.deviation}),
    }
