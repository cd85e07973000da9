"""The numbers of ``MultiWarehouse``: their shapes, defaults and checks."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.demand import Demand, Poisson
from jaxinv.env import core
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.given import broadcast, check_demand, check_names

# Parameters and their shapes, W warehouses by K SKUs: what `make_params` broadcasts to.
_SHAPES = {
    "price": "WK", "unit_cost": "WK", "holding_cost": "WK", "stockout_cost": "WK", "backlog_share": "WK",
    "fixed_order_cost": "W", "line_order_cost": "WK", "supplier_capacity": "K", "batch_size": "K",
    "minimum_order": "K", "volume": "K", "storage_capacity": "W", "overflow_cost": "W", "transfer_cost": "WW",
    "transfer_lead_time": "WW", "cross_shipping_cost": "WW", "promotion_cost": "WK", "initial_stock": "WK",
    "demand_scale": "WK",
}  # fmt: skip


@struct.dataclass(kw_only=True)
class Params(core.EnvParams):
    """Numbers of the problem, W warehouses by K SKUs. Money per unit and period unless said otherwise. A quantity
    that must not bind, and the cost of a lane that does not exist, is ``dynamics.UNLIMITED``."""

    demand: Demand  # a process of shape [W, K]
    price: Array = struct.leaf(low=0.0)  # [W, K] per unit sold
    unit_cost: Array = struct.leaf(low=0.0)  # [W, K] per unit ordered
    holding_cost: Array = struct.leaf(low=0.0)  # [W, K] on stock at the end of the period
    stockout_cost: Array = struct.leaf(low=0.0)  # [W, K] on units lost, and on the backlog at the end of the period
    backlog_share: Array = struct.leaf(low=0.0, high=1.0)  # [W, K] part of newly unmet demand that waits
    fixed_order_cost: Array = struct.leaf(low=0.0)  # [W] per delivery ordered, whatever is on it
    line_order_cost: Array = struct.leaf(low=0.0)  # [W, K] per SKU ordered
    lead_time_probs: Array = struct.leaf(low=0.0, high=1.0)  # [W, L + 1] of a lead time of 0..L periods
    supplier_capacity: Array = struct.leaf(low=0.0)  # [K] units per period, for all warehouses together
    batch_size: Array = struct.leaf(above=0.0)  # [K] units; met by action transforms, not by the transition
    minimum_order: Array = struct.leaf(low=0.0)  # [K] units; likewise
    volume: Array = struct.leaf(low=0.0)  # [K] storage volume of a unit
    storage_capacity: Array = struct.leaf(low=0.0)  # [W] volume
    overflow_cost: Array = struct.leaf(low=0.0)  # [W] per unit refused, besides its unit cost
    transfer_cost: Array = struct.leaf(low=0.0)  # [W, W] per unit sent from row to column
    transfer_lead_time: Array = struct.leaf(dtype=jnp.int32, low=0)  # [W, W] periods, 0..L
    cross_shipping_cost: Array = struct.leaf(low=0.0)  # [W, W] per unit sent from row to column's customers
    promotion_cost: Array = struct.leaf(low=0.0)  # [W, K] per unit sold on promotion
    initial_stock: Array = struct.leaf(low=0.0)  # [W, K] units on hand at reset
    demand_scale: Array = struct.leaf(above=0.0)  # [W, K] units: typical demand, in which observations are measured
    recent_periods: Array = struct.leaf(14.0, low=1.0)  # [] length of the moving demand statistics


def make_params(cells: tuple[int, int], max_lead_time: int, *, lead_time: Any = None, **numbers: Any) -> Params:
    """See ``MultiWarehouse.make_params``; ``cells`` are (W, K). Raises ``ValueError`` for what does not fit them."""
    warehouses, skus = cells
    lead_times = max_lead_time + 1
    check_names("MultiWarehouse", Params, numbers)
    if lead_time is not None and "lead_time_probs" in numbers:
        raise ValueError("MultiWarehouse: give lead_time or lead_time_probs, not both")

    demand = numbers.pop("demand", None)
    demand = Poisson(jnp.full(cells, 5.0, jnp.float32)) if demand is None else demand
    check_demand("MultiWarehouse", demand, cells)

    if lead_time is not None or "lead_time_probs" not in numbers:
        fixed = np.broadcast_to(max_lead_time if lead_time is None else lead_time, (warehouses,))
        if not np.isin(fixed, np.arange(lead_times)).all():
            raise ValueError(
                f"MultiWarehouse.lead_time must be whole numbers of 0..{lead_times - 1}, got {lead_time!r}"
            )
        numbers["lead_time_probs"] = np.eye(lead_times)[fixed.astype(int)]
    probs = broadcast("MultiWarehouse.lead_time_probs", numbers["lead_time_probs"], (warehouses, lead_times))
    if np.abs(np.asarray(probs).sum(-1) - 1).max() > 1e-5:
        raise ValueError(f"MultiWarehouse.lead_time_probs must sum to 1 in each row, got {probs.tolist()}")
    numbers["lead_time_probs"] = probs

    mean = np.asarray(demand.mean())
    lead_time_mean = np.asarray(probs) @ np.arange(lead_times)
    defaults = {
        "price": 0.0, "unit_cost": 0.0, "holding_cost": 1.0, "stockout_cost": 9.0, "backlog_share": 0.0,
        "fixed_order_cost": 50.0, "line_order_cost": 0.0, "supplier_capacity": UNLIMITED, "batch_size": 1.0,
        "minimum_order": 0.0, "volume": 1.0, "storage_capacity": UNLIMITED, "overflow_cost": 0.0,
        "transfer_cost": 2.0, "transfer_lead_time": min(1, max_lead_time), "cross_shipping_cost": UNLIMITED,
        "promotion_cost": 0.0, "initial_stock": np.ceil(mean * (lead_time_mean[:, None] + 1)),
        "demand_scale": np.maximum(mean, 0.1),
    }  # fmt: skip
    sizes = {"W": warehouses, "K": skus}
    for name, axes in _SHAPES.items():
        shape = tuple(sizes[axis] for axis in axes)
        numbers[name] = broadcast(f"MultiWarehouse.{name}", numbers.get(name, defaults[name]), shape)
    if (numbers["transfer_lead_time"] > max_lead_time).any():
        raise ValueError(
            f"MultiWarehouse.transfer_lead_time must be <= max_lead_time = {max_lead_time}, "
            f"got {numbers['transfer_lead_time'].max()}"
        )
    return Params(demand=demand, **numbers)
