"""Policy search on the simulator, and what no policy can undercut."""

from jaxinv.optimise.hindsight import hindsight_bound
from jaxinv.optimise.hindsight_network import hindsight_plan
from jaxinv.optimise.pathwise import Pathwise
from jaxinv.optimise.rounding import ShiftedLevels, shift_levels
from jaxinv.optimise.search import SearchResult, cross_entropy, grid_search, mean_cost
from jaxinv.optimise.tuning import FromFactors, tune

__all__ = [
    "FromFactors",
    "Pathwise",
    "SearchResult",
    "ShiftedLevels",
    "cross_entropy",
    "grid_search",
    "hindsight_bound",
    "hindsight_plan",
    "mean_cost",
    "shift_levels",
    "tune",
]
