"""Simulation on common paths, key figures with intervals, and paired comparison."""

from jaxinv.evaluate.evaluation import Evaluation, compare, evaluate, location_cost
from jaxinv.evaluate.paths import Paths, sample_paths
from jaxinv.evaluate.risk import Risk, cvar
from jaxinv.intervals import Interval, mean_interval, moving_block_bootstrap

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
