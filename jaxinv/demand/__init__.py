"""Where demand comes from: distributions, what modulates them, and replay of what was sold."""

from jaxinv.demand.base import Demand, DemandState
from jaxinv.demand.correlated import CorrelatedNormal
from jaxinv.demand.distributions import (
    Distribution,
    Empirical,
    Gamma,
    Geometric,
    Intermittent,
    NegativeBinomial,
    Normal,
    Poisson,
    UniformInteger,
)
from jaxinv.demand.modifiers import (
    CommonFactor,
    Cyclic,
    Modifier,
    Modulated,
    Promotion,
    Regime,
    Trend,
    Weekly,
    Yearly,
    shock,
)
from jaxinv.demand.trace import Trace
from jaxinv.demand.two_moment import adan_fit

__all__ = [
    "CommonFactor",
    "CorrelatedNormal",
    "Cyclic",
    "Demand",
    "DemandState",
    "Distribution",
    "Empirical",
    "Gamma",
    "Geometric",
    "Intermittent",
    "Modifier",
    "Modulated",
    "NegativeBinomial",
    "Normal",
    "Poisson",
    "Promotion",
    "Regime",
    "Trace",
    "Trend",
    "UniformInteger",
    "Weekly",
    "Yearly",
    "adan_fit",
    "shock",
]
