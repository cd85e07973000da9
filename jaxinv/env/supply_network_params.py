"""The numbers of ``SupplyNetwork``: their shapes, defaults and checks."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.demand import Demand, Poisson
from jaxinv.env import core
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.given import check_demand, check_names
from jaxinv.env.supply_network_topology import Topology

# Parameters, what they are given for, and their defaults; None: computed. E arcs, J nodes, S suppliers (nodes and
# sources), P stocks, M markets.
_NUMBERS = {
    "price": ("M", 0.0), "stockout_cost": ("M", 9.0), "backlog_share": ("M", 0.0), "unit_cost": ("E", 0.0),
    "fixed_order_cost": ("E", 0.0), "pipeline_cost": ("E", 0.0), "unfilled_cost": ("E", 0.0),
    "batch_size": ("E", 1.0), "minimum_order": ("E", 0.0), "capacity": ("S", UNLIMITED), "yield_rate": ("J", 1.0),
    "operating_cost": ("J", 0.0), "components": ("P", 1.0), "holding_cost": ("P", 1.0),
    "initial_stock": ("P", None), "demand_scale": ("E", None),
}  # fmt: skip


@struct.dataclass(kw_only=True)
class Params(core.EnvParams):
    """Numbers of the problem, by arc (E), node (J), supplier (S: nodes, then sources), stock (P) and market (M) of the
    topology, and K SKUs. Money per unit and period unless said otherwise."""

    demand: Demand  # a process of shape [M, K]
    price: Array = struct.leaf(low=0.0)  # [M, K] per unit sold
    stockout_cost: Array = struct.leaf(low=0.0)  # [M, K] on units lost, and on customers waiting at the period's end
    backlog_share: Array = struct.leaf(low=0.0, high=1.0)  # [M, K] part of newly unmet demand that waits
    unit_cost: Array = struct.leaf(low=0.0)  # [E, K] per unit shipped: what the customer pays the supplier
    fixed_order_cost: Array = struct.leaf(low=0.0)  # [E, K] per shipment
    pipeline_cost: Array = struct.leaf(low=0.0)  # [E, K] on units under way at the end of the period
    unfilled_cost: Array = struct.leaf(low=0.0)  # [E, K] on units ordered and not shipped
    batch_size: Array = struct.leaf(above=0.0)  # [E, K] units; met by action wrappers, not by the transition
    minimum_order: Array = struct.leaf(low=0.0)  # [E, K] units; likewise
    capacity: Array = struct.leaf(low=0.0)  # [S, K] units that leave a supplier in a period, at most
    yield_rate: Array = struct.leaf(above=0.0, high=1.0)  # [J, K] good units of output per unit begun
    operating_cost: Array = struct.leaf(low=0.0)  # [J, K] per unit of output
    components: Array = struct.leaf(above=0.0)  # [P, K] bill of materials: units per unit of output begun
    holding_cost: Array = struct.leaf(low=0.0)  # [P, K] on stock at the end of the period
    initial_stock: Array = struct.leaf(low=0.0)  # [P, K] units on hand at reset
    demand_scale: Array = struct.leaf(above=0.0)  # [E, K] units: typical flow, in which observations are measured
    goodwill_growth: Array = struct.leaf(1.01, above=0.0)  # [] factor after a period without unmet demand
    goodwill_decay: Array = struct.leaf(0.9, above=0.0)  # [] factor after any other
    goodwill_floor: Array = struct.leaf(0.2, above=0.0)  # [] least goodwill
    goodwill_cap: Array = struct.leaf(2.0, above=0.0)  # [] most

    def validate(self):
        if np.any(np.asarray(self.goodwill_floor) > np.asarray(self.goodwill_cap)):
            raise ValueError(
                f"SupplyNetwork.goodwill_floor must be <= goodwill_cap = {float(self.goodwill_cap)}, "
                f"got {float(self.goodwill_floor)}"
            )


def make_params(topology: Topology, num_skus: int, **numbers: Any) -> Params:
    """See ``SupplyNetwork.make_params``."""
    check_names("SupplyNetwork", Params, numbers)
    shape = (len(topology.markets), num_skus)
    demand = numbers.pop("demand", None)
    demand = Poisson(jnp.full(shape, 5.0, jnp.float32)) if demand is None else demand
    check_demand("SupplyNetwork", demand, shape, meaning=", markets by SKUs")

    names = {
        "M": topology.market_names, "E": topology.arc_names, "S": topology.suppliers, "J": topology.nodes,
        "P": topology.stock_names,
    }  # fmt: skip
    arrays = {
        name: _per_name(name, numbers.pop(name, default), names[axis], num_skus, default)
        for name, (axis, default) in _NUMBERS.items()
        if default is not None
    }
    yields = arrays["yield_rate"][list(topology.node_of)]
    with np.errstate(divide="ignore", invalid="ignore"):  # yields and components are checked below
        flow, _ = topology.flows(np.asarray(demand.mean()), arrays["components"] / yields)
    flow = np.where(np.isfinite(flow), flow, 1.0)
    stock = np.zeros((len(topology.stocks), num_skus))
    for p, units, lead_time in zip(topology.stock_of, flow, topology.lead_times, strict=True):
        stock[p] += np.ceil(units * (lead_time + 1))
    for name, default in (("demand_scale", np.maximum(flow, 0.1)), ("initial_stock", stock)):
        arrays[name] = _per_name(name, numbers.pop(name, default), names[_NUMBERS[name][0]], num_skus, default)
    for e, arc in enumerate(topology.arcs):
        if arc.supplier in topology.sources and (arrays["unfilled_cost"][e] > 0).any():
            raise ValueError(
                f"SupplyNetwork.unfilled_cost of {arc.name} must be 0: its supplier, who would bear it, is a source"
            )
    return Params(demand=demand, **arrays, **numbers)


def _per_name(name: str, value: Any, names: tuple[str, ...], num_skus: int, default: Any) -> np.ndarray:
    """``value`` as [len(names), K]: from an array that broadcasts to it, with one entry per name where it has one axis,
    or from a mapping of names, where ``default`` stands for those left out."""
    shape = (len(names), num_skus)
    if isinstance(value, Mapping):
        if unknown := [key for key in value if key not in names]:
            raise ValueError(f"SupplyNetwork.{name} names {unknown[0]!r}; there are {', '.join(names)}")
        rows = np.broadcast_to(np.asarray(default, float), shape)
        return np.stack([_row(name, key, value.get(key, row), num_skus) for key, row in zip(names, rows, strict=True)])
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"SupplyNetwork.{name} must be numeric, got {value!r}")
    array = array[:, None] if array.ndim == 1 else array
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(
            f"SupplyNetwork.{name} must have shape {shape} or broadcast to it, got shape {np.shape(value)}"
        ) from None


def _row(name: str, key: str, value: Any, num_skus: int) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf" or array.shape not in ((), (1,), (num_skus,)):
        raise ValueError(f"SupplyNetwork.{name} of {key} must be a number, or one per SKU, got {value!r}")
    return np.broadcast_to(array, (num_skus,)).astype(float)
