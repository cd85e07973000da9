"""The numbers of ``MultiWarehouse``: their shapes, defaults and checks."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.demand import Demand, Poisson
from jaxinv.env import core
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.given import Given, array, at_most, check_sums


@struct.dataclass(kw_only=True)
class Params(core.EnvParams):
    """Numbers of the problem, W warehouses by K SKUs, T = L + 1 lead times. Money per unit and period unless said
    otherwise. A quantity that must not bind, and the cost of a lane that does not exist, is ``dynamics.UNLIMITED``."""

    demand: Demand  # a process of shape [W, K]
    price: Array = struct.leaf(0.0, shape="WK", low=0.0)  # per unit sold
    unit_cost: Array = struct.leaf(0.0, shape="WK", low=0.0)  # per unit ordered
    holding_cost: Array = struct.leaf(1.0, shape="WK", low=0.0)  # on stock at the end of the period
    stockout_cost: Array = struct.leaf(9.0, shape="WK", low=0.0)  # on units lost, and on backlog at the period's end
    backlog_share: Array = struct.leaf(0.0, shape="WK", low=0.0, high=1.0)  # part of newly unmet demand that waits
    fixed_order_cost: Array = struct.leaf(50.0, shape="W", low=0.0)  # per delivery ordered, whatever is on it
    line_order_cost: Array = struct.leaf(0.0, shape="WK", low=0.0)  # per SKU ordered
    lead_time_probs: Array = struct.leaf(shape="WT", low=0.0, high=1.0)  # of a lead time of 0..L periods
    supplier_capacity: Array = struct.leaf(UNLIMITED, shape="K", low=0.0)  # units per period, of all warehouses
    batch_size: Array = struct.leaf(1.0, shape="K", above=0.0)  # units; met by action transforms, not by the transition
    minimum_order: Array = struct.leaf(0.0, shape="K", low=0.0)  # units; likewise
    volume: Array = struct.leaf(1.0, shape="K", low=0.0)  # storage volume of a unit
    storage_capacity: Array = struct.leaf(UNLIMITED, shape="W", low=0.0)  # volume
    overflow_cost: Array = struct.leaf(0.0, shape="W", low=0.0)  # per unit refused, besides its unit cost
    transfer_cost: Array = struct.leaf(2.0, shape="WW", low=0.0)  # per unit sent from row to column
    transfer_lead_time: Array = struct.leaf(shape="WW", dtype=jnp.int32, low=0)  # periods, 0..L
    cross_shipping_cost: Array = struct.leaf(UNLIMITED, shape="WW", low=0.0)  # per unit from row to column's customers
    promotion_cost: Array = struct.leaf(0.0, shape="WK", low=0.0)  # per unit sold on promotion
    initial_stock: Array = struct.leaf(shape="WK", low=0.0)  # units on hand at reset
    demand_scale: Array = struct.leaf(shape="WK", above=0.0)  # units: typical demand, scale of observations
    recent_periods: Array = struct.leaf(14.0, low=1.0)  # length of the moving demand statistics


def make_params(cells: tuple[int, int], max_lead_time: int, *, lead_time: Any = None, **numbers: Any) -> Params:
    """See ``MultiWarehouse.make_params``; ``cells`` are (W, K). Raises ``ValueError`` for what does not fit them."""
    sizes = {"W": cells[0], "K": cells[1], "T": max_lead_time + 1}
    given = Given("MultiWarehouse", Params, numbers, sizes, also=("lead_time",))
    demand = given.demand(lambda: Poisson(jnp.full(cells, 5.0, jnp.float32)), cells)
    if lead_time is not None and "lead_time_probs" in given.numbers:
        raise ValueError("MultiWarehouse: give lead_time or lead_time_probs, not both")
    lead_time = max_lead_time if lead_time is None else lead_time
    lead_time = array("MultiWarehouse.lead_time", lead_time, cells[:1], {"dtype": jnp.int32, "low": 0})
    at_most("MultiWarehouse.lead_time", lead_time, "max_lead_time", max_lead_time)
    probs = given.array("lead_time_probs", lead_time[:, None] == np.arange(max_lead_time + 1))
    check_sums("MultiWarehouse.lead_time_probs", probs)
    transfer_lead_time = given.array("transfer_lead_time", min(1, max_lead_time))
    at_most("MultiWarehouse.transfer_lead_time", transfer_lead_time, "max_lead_time", max_lead_time)
    mean, lead_time_mean = np.asarray(demand.mean()), probs @ np.arange(max_lead_time + 1)
    return given.params(
        demand=demand,
        lead_time_probs=probs,
        transfer_lead_time=transfer_lead_time,
        initial_stock=np.ceil(mean * (lead_time_mean[:, None] + 1)),
        demand_scale=np.maximum(mean, 0.1),
    )
