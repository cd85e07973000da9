"""Demand by name: the law meant, and what does not fit."""

import jax
import numpy as np
import pytest

from jaxinv.demand import (
    CorrelatedNormal,
    Empirical,
    Gamma,
    Geometric,
    NegativeBinomial,
    Normal,
    Poisson,
    UniformInteger,
)
from jaxinv.demand.named import make_demand

MEANT = {
    "poisson": (dict(mean=5), Poisson(5.0)),
    "geometric": (dict(mean=4.5), Geometric(4.5)),
    "negative_binomial": (dict(mean=5, dispersion=0.3), NegativeBinomial(5.0, 0.3)),
    "gamma": (dict(mean=4, cv=0.5), Gamma(4.0, 0.5)),
    "normal": (dict(mean=20, std=4), Normal(20.0, 4.0)),
    "correlated_normal": (
        dict(mean=[20, 5], std=[4, 2], correlation=0.5),
        CorrelatedNormal([20.0, 5.0], [4.0, 2.0], 0.5),
    ),
    "uniform": (dict(low=2, high=6), UniformInteger(2.0, 6.0)),
    "empirical": (dict(values=[0, 3], probabilities=[0.25, 0.75]), Empirical([0.0, 3.0], [0.25, 0.75])),
}


@pytest.mark.parametrize("kind", MEANT)
def test_kinds(kind):
    numbers, meant = MEANT[kind]
    made = make_demand(kind, **numbers)
    assert jax.tree.structure(made) == jax.tree.structure(meant)
    for one, other in zip(jax.tree.leaves(made), jax.tree.leaves(meant), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_every_kind_there_is_has_been_tried():
    with pytest.raises(ValueError, match=f"demand must be one of {', '.join(MEANT)}; got 'weibull'"):
        make_demand("weibull", mean=5)


@pytest.mark.parametrize("kind", ["gamma", "normal"])
def test_rounding_can_be_left_out(kind):
    numbers, _ = MEANT[kind]
    exact = make_demand(kind, **numbers, rounded=False)
    assert float(exact.quantile(np.float32(0.4))) % 1 != 0
    assert float(make_demand(kind, **numbers).quantile(np.float32(0.4))) % 1 == 0


@pytest.mark.parametrize(
    ("kind", "numbers", "message"),
    [
        ("poisson", dict(rate=5), "demand.rate is not a number of poisson demand, which has mean"),
        ("normal", dict(mean=5, cv=0.5), "demand.cv is not a number of normal demand, which has mean, std, rounded"),
        ("poisson", dict(), "poisson demand needs demand.mean; got none"),
        ("normal", dict(mean=5), "normal demand needs demand.mean, demand.std; got mean"),
        ("uniform", dict(high=5), "uniform demand needs demand.low, demand.high; got high"),
        ("poisson", dict(mean=-1), "rate must be >= 0.0, got -1"),
        ("poisson", dict(mean="much"), "rate must be numeric, got 'much'"),
        ("gamma", dict(mean=4, cv=0), "cv must be > 0.0, got 0"),
        ("uniform", dict(low=5, high=4), "high must be >= low"),
        ("empirical", dict(values=[0, 1], probabilities=[0.5, 0.6]), "probabilities must sum to 1"),
    ],
)
def test_what_does_not_fit_is_named(kind, numbers, message):
    with pytest.raises(ValueError, match=message):
        make_demand(kind, **numbers)
