"""Figures and tables of a comparison of policies."""

from jaxinv.report.figures import (
    cost_by_cause,
    decisions_over_time,
    learning_curve,
    policy_map,
    shock_response,
    stock_paths,
)
from jaxinv.report.network import flow_by_period, flow_of_goods
from jaxinv.report.recording import Movements, Record, movements, record
from jaxinv.report.rollout import rollout_figure
from jaxinv.report.table import comparison_table, stress_table

__all__ = [
    "Movements",
    "Record",
    "comparison_table",
    "cost_by_cause",
    "decisions_over_time",
    "flow_by_period",
    "flow_of_goods",
    "learning_curve",
    "movements",
    "policy_map",
    "record",
    "rollout_figure",
    "shock_response",
    "stock_paths",
    "stress_table",
]
