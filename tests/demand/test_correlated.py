"""Correlated normal demand: its moments, its cells by themselves, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import CorrelatedNormal, Cyclic, Modulated, Normal
from jaxinv.demand.modifiers import CommonFactor
from jaxinv.demand.unexpected import Unexpected
from jaxinv.env.ecommerce import Ecommerce
from jaxinv.env.supply_network import SupplyNetwork
from jaxinv.env.supply_network_topology import divergent
from jaxinv.evaluate import sample_paths


@pytest.mark.parametrize(("correlation", "clipped"), [(0.0, False), (0.5, False), (0.5, True), (1.0, False)])
def test_moments_and_correlation(correlation, clipped):
    demand = CorrelatedNormal([3.0, 5.0, 4.0], [1.0, 2.5, 2.0], correlation, clipped)
    draws, _ = demand.sample(jax.random.key(0), 40_000)
    draws = np.asarray(draws, np.float64)
    noise = draws.std(0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(0) - demand.mean()) < 4 * noise).all()
    np.testing.assert_allclose(draws.var(0), demand.variance(), rtol=0.04)  # 4 standard errors of sqrt(2 / n), about
    off_diagonal = np.corrcoef(draws.T)[np.triu_indices(3, 1)]
    if not clipped:  # clipping changes it a little
        np.testing.assert_allclose(off_diagonal, correlation, atol=0.02)
    assert (draws.min() < 0) == (not clipped)
    assert (off_diagonal > 0.45).all() == (correlation > 0)


def test_each_cell_is_normal():
    numbers = [3.0, 5.0], [2.0, 2.5]
    demand, normal = CorrelatedNormal(*numbers, 0.5), Normal(*numbers, rounded=False)
    u = jnp.array([[0.05, 0.3], [0.6, 0.999]])
    np.testing.assert_allclose(demand.quantile(u), normal.quantile(u), rtol=1e-6)
    np.testing.assert_allclose(demand.mean(), normal.mean(), rtol=1e-6)
    np.testing.assert_allclose(demand.variance(), normal.variance(), rtol=1e-6)
    np.testing.assert_allclose(demand.scaled(2.0).quantile(u), 2.0 * demand.quantile(u), rtol=1e-6)
    assert demand.cycle == 1
    assert demand.num_uniforms == 3


@pytest.mark.parametrize("correlation", [0.0, 1.0])
def test_slopes_are_finite(correlation):
    u = jnp.array([0.3, 0.6, 0.8])

    def total(demand):
        return jnp.sum(demand.draw(u, demand.init(jnp.zeros(0)))[0])

    slopes = jax.grad(total)(CorrelatedNormal([3.0, 5.0], [2.0, 2.5], correlation))
    assert all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(slopes))


def test_bad_numbers_raise():
    with pytest.raises(ValueError, match=r"CorrelatedNormal\.correlation must be one number, got shape \(2,\)"):
        CorrelatedNormal([3.0, 5.0], [1.0, 1.0], [0.1, 0.2])
    with pytest.raises(ValueError, match=r"CorrelatedNormal\.correlation must be <= 1"):
        CorrelatedNormal([3.0, 5.0], [1.0, 1.0], 1.5)


@pytest.mark.parametrize("process", ["modulated", "cyclic", "unexpected"])
def test_cells_stay_dependent_where_something_changes_their_law(process):
    """The standard error of a correlation of 0.8 over 4,000 periods is 0.006."""
    base = CorrelatedNormal([30.0, 50.0], [3.0, 6.0], 0.8)
    demand = {
        "modulated": Modulated(base, (CommonFactor([0.01]),)),
        "cyclic": Cyclic((base, base.scaled(2.0))),
        "unexpected": Unexpected(base, jnp.float32(0.5)),
    }[process]
    assert demand.num_demand_uniforms == 3
    draws, states = demand.sample(jax.random.key(1), 4000)
    mean = np.asarray(jax.vmap(demand.mean)(states)) if process == "cyclic" else draws.mean(0)
    residual = np.asarray(draws) / np.asarray(mean)
    assert np.corrcoef(residual.T)[0, 1] == pytest.approx(0.8, abs=0.03)


def test_cells_stay_dependent_where_demand_responds():
    """To price and to goodwill, which take the demand of a period apart into the uniforms behind it."""
    demand = CorrelatedNormal([[30.0], [50.0]], [[3.0], [6.0]], 0.8)
    shop = Ecommerce(num_centres=1, num_skus=1, num_regions=2)
    network = SupplyNetwork(divergent(1, (1, 1)), goodwill=True)
    for env in (shop, network):
        params = env.make_params(demand=demand)
        paths = sample_paths(env, params, jax.random.key(2), 2000, 1)
        state = jax.tree.map(lambda x: x[0], paths.states)
        exogenous = jax.tree.map(lambda x: x[:, 0], paths.exogenous)
        if env is shop:
            price = 0.9 * params.reference_price
            drawn = jax.jit(jax.vmap(lambda exo: env.demand(exo.u, state, price, params)))(exogenous)  # noqa: B023
        else:
            drawn = exogenous.demand
            law = jax.jit(lambda u: params.demand.law(state.exo.demand).scaled(1.0).quantile(u))  # noqa: B023
            again = law(exogenous.u)
            np.testing.assert_allclose(again, drawn, rtol=1e-4)
        assert np.corrcoef(np.asarray(drawn)[..., 0].T)[0, 1] > 0.75
