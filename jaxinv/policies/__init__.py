"""Replenishment heuristics as small pytrees."""

from jaxinv.policies.base import Heuristic
from jaxinv.policies.continuous import (
    BaseStock,
    CappedBaseStock,
    CappedReorderPoint,
    ConstantOrder,
    ReorderPoint,
    ReorderQuantity,
)
from jaxinv.policies.distribution import (
    BalancedBaseStock,
    EchelonBaseStock,
    InstallationBaseStock,
    ProportionalEchelonBaseStock,
    cross_docking_bound,
    demand_covariance,
)
from jaxinv.policies.dual_sourcing import CappedDualIndex, DualIndex, SingleIndex, TailoredBaseSurge
from jaxinv.policies.ecommerce import MyopicPricing, StaticPrice
from jaxinv.policies.following import Following
from jaxinv.policies.joint import CanOrder, ForecastBaseStock, JointQuantity, PeriodicReview
from jaxinv.policies.joint_replenishment import DynamicOrderUpTo, MinimumQuantity
from jaxinv.policies.lost_sales import Myopic1, Myopic2, ProjectedInventory, VectorBaseStock
from jaxinv.policies.moving_average import MovingAverage
from jaxinv.policies.multi_sku import AdaptiveBaseStock, chain_sizing
from jaxinv.policies.perishable import BaseStockEW, LowStockEW
from jaxinv.policies.quantile import QuantileBaseStock
from jaxinv.policies.rebalancing import Rebalancing
from jaxinv.policies.serial import AnchorAndAdjust, SerialBaseStock
from jaxinv.policies.sizing import Factor, Sizing
from jaxinv.policies.supply_network import NetworkBaseStock, NetworkReorderPoint
from jaxinv.policies.table import TablePolicy

HEURISTICS = {
    "base_stock": BaseStock,
    "capped_base_stock": CappedBaseStock,
    "constant_order": ConstantOrder,
    "reorder_point": ReorderPoint,
    "can_order": CanOrder,
    "periodic_review": PeriodicReview,
    "joint_quantity": JointQuantity,
    "forecast_base_stock": ForecastBaseStock,
}

__all__ = [
    "HEURISTICS",
    "AdaptiveBaseStock",
    "AnchorAndAdjust",
    "BalancedBaseStock",
    "BaseStock",
    "BaseStockEW",
    "CanOrder",
    "CappedBaseStock",
    "CappedDualIndex",
    "CappedReorderPoint",
    "ConstantOrder",
    "DualIndex",
    "DynamicOrderUpTo",
    "EchelonBaseStock",
    "Factor",
    "Following",
    "ForecastBaseStock",
    "Heuristic",
    "InstallationBaseStock",
    "JointQuantity",
    "LowStockEW",
    "MinimumQuantity",
    "MovingAverage",
    "Myopic1",
    "Myopic2",
    "MyopicPricing",
    "NetworkBaseStock",
    "NetworkReorderPoint",
    "PeriodicReview",
    "ProjectedInventory",
    "ProportionalEchelonBaseStock",
    "QuantileBaseStock",
    "Rebalancing",
    "ReorderPoint",
    "ReorderQuantity",
    "SerialBaseStock",
    "SingleIndex",
    "Sizing",
    "StaticPrice",
    "TablePolicy",
    "TailoredBaseSurge",
    "VectorBaseStock",
    "chain_sizing",
    "cross_docking_bound",
    "demand_covariance",
]
