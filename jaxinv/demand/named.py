"""Demand by name and numbers: how instances, files and command lines say it."""

from collections.abc import Callable
from typing import Any

from jaxinv.demand.base import Demand
from jaxinv.demand.correlated import CorrelatedNormal
from jaxinv.demand.distributions import (
    Empirical,
    Gamma,
    Geometric,
    NegativeBinomial,
    Normal,
    Poisson,
    UniformInteger,
)

_KINDS: dict[str, tuple[Callable[..., Demand], dict[str, str]]] = {
    "poisson": (Poisson, {"mean": "rate"}),
    "geometric": (Geometric, {"mean": "mean_demand"}),
    "negative_binomial": (NegativeBinomial, {"mean": "mean_demand", "dispersion": "dispersion"}),
    "gamma": (Gamma, {"mean": "location", "cv": "cv", "rounded": "rounded"}),
    "normal": (Normal, {"mean": "location", "std": "deviation", "rounded": "rounded"}),
    "correlated_normal": (
        CorrelatedNormal,
        {"mean": "location", "std": "deviation", "correlation": "correlation", "clipped": "clipped"},
    ),
    "uniform": (UniformInteger, {"low": "low", "high": "high"}),
    "empirical": (Empirical, {"values": "values", "probabilities": "probabilities"}),
}
_OPTIONAL = ("rounded", "clipped", "correlation")


def make_demand(kind: str, **numbers: Any) -> Demand:
    """A stationary process: ``poisson(mean)``, ``geometric(mean)``, ``negative_binomial(mean, dispersion)``,
    ``gamma(mean, cv)``, ``normal(mean, std)``, ``correlated_normal(mean, std, correlation)``, ``uniform(low, high)`` or
    ``empirical(values, probabilities)``.

    Raises ``ValueError`` for another kind, and for numbers that are missing, unknown or out of range.
    """
    if kind not in _KINDS:
        raise ValueError(f"demand must be one of {', '.join(_KINDS)}; got {kind!r}")
    make, names = _KINDS[kind]
    if unknown := sorted(set(numbers) - set(names)):
        raise ValueError(f"demand.{unknown[0]} is not a number of {kind} demand, which has {', '.join(names)}")
    try:
        return make(**{names[name]: value for name, value in numbers.items()})
    except TypeError:
        needed = ", ".join(f"demand.{name}" for name in names if name not in _OPTIONAL)
        raise ValueError(f"{kind} demand needs {needed}; got {', '.join(numbers) or 'none'}") from None
