"""Simulation on common paths, key figures with intervals, and paired comparison."""

from jaxinv.evaluate.evaluation import Evaluation, compare, evaluate, location_cost
from jaxinv.evaluate.intervals import Interval, mean_interval, moving_block_bootstrap
from jaxinv.evaluate.paths import Paths, sample_paths
from jaxinv.evaluate.risk import Risk, cvar

__all__ = [
    "Evaluation",
    "Interval",
    "Paths",
    "Risk",
    "compare",
    "cvar",
    "evaluate",
    "location_cost",
    "mean_interval",
    "moving_block_bootstrap",
    "sample_paths",
]
