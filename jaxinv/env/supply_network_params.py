"""The numbers of ``SupplyNetwork``: their shapes, defaults and checks."""

import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.demand import Demand, Poisson
from jaxinv.env import core
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.given import Given, array, check_law
from jaxinv.env.supply_network_topology import Topology


@struct.dataclass(kw_only=True)
class Params(core.EnvParams):
    """Numbers of the problem, by arc (E), node (J), supplier (S: nodes, then sources), stock (P) and market (M) of the
    topology, and K SKUs. Money per unit and period unless said otherwise."""

    demand: Demand  # a process of shape [M, K]
    price: Array = struct.leaf(0.0, shape="MK", low=0.0)  # per unit sold
    stockout_cost: Array = struct.leaf(9.0, shape="MK", low=0.0)  # on units lost, and customers waiting at period's end
    backlog_share: Array = struct.leaf(0.0, shape="MK", low=0.0, high=1.0)  # part of newly unmet demand that waits
    unit_cost: Array = struct.leaf(0.0, shape="EK", low=0.0)  # per unit shipped: what the customer pays the supplier
    fixed_order_cost: Array = struct.leaf(0.0, shape="EK", low=0.0)  # per shipment
    pipeline_cost: Array = struct.leaf(0.0, shape="EK", low=0.0)  # on units under way at the end of the period
    unfilled_cost: Array = struct.leaf(0.0, shape="EK", low=0.0)  # on units ordered and not shipped
    batch_size: Array = struct.leaf(1.0, shape="EK", above=0.0)  # units; met by action wrappers, not by the transition
    minimum_order: Array = struct.leaf(0.0, shape="EK", low=0.0)  # units; likewise
    capacity: Array = struct.leaf(UNLIMITED, shape="SK", low=0.0)  # units that leave a supplier in a period, at most
    yield_rate: Array = struct.leaf(1.0, shape="JK", above=0.0, high=1.0)  # good units of output per unit begun
    operating_cost: Array = struct.leaf(0.0, shape="JK", low=0.0)  # per unit of output
    components: Array = struct.leaf(1.0, shape="PK", above=0.0)  # bill of materials: units per unit of output begun
    holding_cost: Array = struct.leaf(1.0, shape="PK", low=0.0)  # on stock at the end of the period
    initial_stock: Array = struct.leaf(shape="PK", low=0.0)  # units on hand at reset
    demand_scale: Array = struct.leaf(shape="EK", above=0.0)  # units: typical flow, in which observations are measured
    goodwill_growth: Array = struct.leaf(1.01, above=0.0)  # factor after a period without unmet demand
    goodwill_decay: Array = struct.leaf(0.9, above=0.0)  # factor after any other
    goodwill_floor: Array = struct.leaf(0.2, above=0.0)  # least goodwill
    goodwill_cap: Array = struct.leaf(2.0, above=0.0)  # most goodwill

    def validate(self):
        if np.any(np.asarray(self.goodwill_floor) > np.asarray(self.goodwill_cap)):
            raise ValueError(
                f"SupplyNetwork.goodwill_floor must be <= goodwill_cap = {float(self.goodwill_cap)}, "
                f"got {float(self.goodwill_floor)}"
            )


def names_by_axis(topology: Topology) -> dict[str, tuple[str, ...]]:
    """What the first axis of each shape in :class:`Params` counts, by name."""
    return {
        "M": topology.market_names,
        "E": topology.arc_names,
        "S": topology.suppliers,
        "J": topology.nodes,
        "P": topology.stock_names,
    }


def make_params(topology: Topology, num_skus: int, goodwill: bool, **numbers: Any) -> Params:
    """See ``SupplyNetwork.make_params``."""
    names = names_by_axis(topology)
    sizes = {"K": num_skus, **{axis: len(of) for axis, of in names.items()}}
    given = Given("SupplyNetwork", Params, numbers, sizes)
    shape = (len(topology.markets), num_skus)
    demand = given.demand(lambda: Poisson(jnp.full(shape, 5.0, jnp.float32)), shape, meaning=", markets by SKUs")
    if goodwill and demand.num_uniforms >= math.prod(shape):  # else its values are given, and multiplied themselves
        check_law("SupplyNetwork", demand, lambda law: law.scaled(jnp.ones(shape)))

    def rows(name: str, default: Any = None) -> np.ndarray:
        return _rows(given, name, names[given.fields[name]["shape"][0]], default)

    usage = rows("components") / rows("yield_rate")[list(topology.node_of)]
    flow, _ = topology.flows(np.asarray(demand.mean()), usage)
    stock = np.zeros((len(topology.stocks), num_skus))
    for p, units, lead_time in zip(topology.stock_of, flow, topology.lead_times, strict=True):
        stock[p] += np.ceil(units * (lead_time + 1))
    computed = {"initial_stock": stock, "demand_scale": np.maximum(flow, 0.1)}
    arrays = {name: rows(name, computed.get(name)) for name, field in given.fields.items() if field.get("shape")}
    for arc, unfilled_cost in zip(topology.arcs, arrays["unfilled_cost"], strict=True):
        if arc.supplier in topology.sources and (unfilled_cost > 0).any():
            raise ValueError(
                f"SupplyNetwork.unfilled_cost of {arc.name} must be 0: its supplier, who would bear it, is a source"
            )
    given.numbers.update(arrays)
    return given.params(demand=demand)


def _rows(given: Given, name: str, names: tuple[str, ...], default: Any) -> np.ndarray:
    """The numbers given for a field, [len(names), K]: an array whose axis, if it has but one, is that of ``names``, or
    a mapping of those to numbers, where the ``default`` stands for the others."""
    where, limits, shape = f"SupplyNetwork.{name}", given.fields[name], (len(names), given.sizes["K"])
    default = limits["default"] if default is None else default
    value = given.numbers.get(name, default)
    if not isinstance(value, Mapping):
        value = struct.check(where, value, limits)
        return array(where, value[:, None] if value.ndim == 1 else value, shape, limits)
    if unknown := [key for key in value if key not in names]:
        raise ValueError(f"{where} names {unknown[0]!r}; there are {', '.join(names)}")
    rows = np.array(np.broadcast_to(default, shape), float)
    for key, number in value.items():
        rows[names.index(key)] = array(f"{where} of {key}", number, shape[1:], limits)
    return rows
