"""Replenishment heuristics as small pytrees."""

from jaxinv.policies.base import Heuristic
from jaxinv.policies.continuous import BaseStock, CappedBaseStock, ConstantOrder, ReorderPoint
from jaxinv.policies.joint import CanOrder, ForecastBaseStock, PeriodicReview
from jaxinv.policies.rebalancing import Rebalancing
from jaxinv.policies.sizing import Factor, Sizing

HEURISTICS = {
    "base_stock": BaseStock,
    "capped_base_stock": CappedBaseStock,
    "constant_order": ConstantOrder,
    "reorder_point": ReorderPoint,
    "can_order": CanOrder,
    "periodic_review": PeriodicReview,
    "forecast_base_stock": ForecastBaseStock,
}

__all__ = [
    "HEURISTICS",
    "BaseStock",
    "CanOrder",
    "CappedBaseStock",
    "ConstantOrder",
    "Factor",
    "ForecastBaseStock",
    "Heuristic",
    "PeriodicReview",
    "Rebalancing",
    "ReorderPoint",
    "Sizing",
]
