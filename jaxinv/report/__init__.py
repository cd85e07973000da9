"""Figures and tables of a comparison of policies."""

from jaxinv.report.figures import cost_by_cause, learning_curve, policy_map, shock_response, stock_paths
from jaxinv.report.table import comparison_table, stress_table

__all__ = [
    "comparison_table",
    "cost_by_cause",
    "learning_curve",
    "policy_map",
    "shock_response",
    "stock_paths",
    "stress_table",
]
