"""Demand at a price: the mean that a response says, less of it at a higher price on the same uniforms, and replay."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import DemandState, Gamma, Intermittent, NegativeBinomial, Poisson
from jaxinv.demand.price import ConstantElasticity, Logit, Observed, PriceCalendar, PricedTrace, PriceTable

REFERENCE = jnp.array([10.0, 20.0])
REACH = jnp.ones((1, 1))
ROWS = [[0.1, 0.2, 0.3, 0.4], [0.2, 0.3, 0.3, 0.2], [0.4, 0.3, 0.2, 0.1]]
TABLE = PriceTable(prices=[7.0, 9.0, 11.0], values=[0, 1, 2, 3], probabilities=ROWS)
BASES = {
    "poisson": Poisson([[4.0, 60.0]]),
    "smooth gamma": Gamma([[4.0, 60.0]], 0.5, rounded=False),
    "intermittent": Intermittent([[0.3, 0.9]], NegativeBinomial([[4.0, 60.0]], 0.2)),
    "observed": Observed([[4.0, 60.5]]),
}
# Stratified, so that a mean of 20,000 draws has next to no error.
UNIFORMS = (jnp.arange(20_000.0) + 0.5)[:, None, None] / 20_000


@jax.jit
def drawn(base, response, price, reach=REACH, reference=REFERENCE):
    return response.law(base, price, reference, reach).quantile(UNIFORMS)


@pytest.mark.parametrize("name", ["poisson", "smooth gamma", "observed"])
def test_the_mean_falls_by_the_elasticity(name):
    elasticity = np.array([0.5, 2.5])
    response = ConstantElasticity(elasticity)
    usual = np.asarray(drawn(BASES[name], response, REFERENCE)).mean(0)
    for factor in (0.8, 1.25):
        mean = drawn(BASES[name], response, factor * REFERENCE).mean(0)
        # Draws at stratified uniforms: what is left is the tail beyond the last of them, and float32.
        np.testing.assert_allclose(mean, usual * factor**-elasticity, rtol=2e-3)


@pytest.mark.parametrize("name", BASES)
def test_the_same_uniforms_never_give_more_at_a_higher_price(name):
    response = ConstantElasticity([1.0, 2.0])
    demand = np.array([drawn(BASES[name], response, f * REFERENCE) for f in (0.5, 0.9, 0.95, 1.0, 1.1, 2.0)])
    assert (np.diff(demand, axis=0) <= 1e-4).all()
    assert (demand[-1].mean(0) < demand[0].mean(0)).all()
    fewer = drawn(BASES[name], response, REFERENCE, reach=jnp.array([[0.6]]))
    np.testing.assert_allclose(fewer.mean(0), 0.6 * demand[3].mean(0), rtol=0.02)  # rounding of rounded laws
    assert (fewer <= demand[3] + 1e-4).all()


def test_logit_shares():
    """Three ways to buy, or not: shares of a multinomial logit by hand, and customers who go to the other SKU."""
    share, sensitivity, price = np.array([0.3, 0.2]), 0.1, np.array([12.0, 17.0])
    utility = np.log(share / (1 - share.sum())) - sensitivity * (price - np.asarray(REFERENCE))
    chosen = np.exp(utility) / (1 + np.exp(utility).sum())
    factor = Logit(share, sensitivity).factor(jnp.asarray(price, jnp.float32), REFERENCE)
    np.testing.assert_allclose(factor, chosen / share, rtol=1e-5)
    dearer = Logit(share, sensitivity).factor(REFERENCE + jnp.array([0.0, 5.0]), REFERENCE)
    assert dearer[0] > 1 > dearer[1]


def test_a_table_is_met_at_its_prices_and_linear_between():
    base, price = Poisson([[1.0, 1.0]] * 2), jnp.array([9.0, 11.0])
    law = TABLE.law(base, price, price, jnp.ones((2, 1)))
    assert law.shape == (2, 2)
    np.testing.assert_allclose(law.probabilities[1], [ROWS[1], ROWS[2]], rtol=1e-6)
    between = TABLE.law(base, jnp.array([8.0, 12.0]), price, jnp.array([[1.0], [0.5]]))
    np.testing.assert_allclose(between.probabilities[0], [np.mean(ROWS[:2], 0), ROWS[2]], rtol=1e-6)
    np.testing.assert_allclose(between.probabilities[1, 1], [0.7, 0.15, 0.1, 0.05], rtol=1e-6)
    np.testing.assert_allclose(
        TABLE.factor(jnp.array([7.0, 11.0]), jnp.array([9.0, 9.0])), [2 / 1.5, 1 / 1.5], rtol=1e-6
    )
    demand = np.array([drawn(base, TABLE, jnp.full(2, p), jnp.ones((2, 1)), price) for p in (6.0, 7.0, 8.5, 11.0)])
    assert (np.diff(demand, axis=0) <= 0).all()


def test_prices_of_a_calendar_are_known_as_far_as_announced():
    prices = np.array([[2.0, 1.0], [2.0, 4.0], [1.0, 2.0]])
    elasticity = np.array([1.0, 2.0])
    calendar = PriceCalendar(np.log(prices / 2.0), elasticity, start_day=10, announced=1)
    factor = (prices / 2.0) ** -elasticity
    for row in range(3):
        np.testing.assert_allclose(calendar.factor((), jnp.int32(10 + row)), factor[row], rtol=1e-6)
        response = ConstantElasticity(elasticity).factor(jnp.asarray(prices[row]), jnp.full(2, 2.0))
        np.testing.assert_allclose(response, factor[row], rtol=1e-6)
    for outside in (9, 13):
        np.testing.assert_array_equal(calendar.factor((), jnp.int32(outside)), 1.0)
    np.testing.assert_allclose(calendar.expected((), jnp.int32(10), 1), factor[1], rtol=1e-6)
    np.testing.assert_allclose(calendar.expected((), jnp.int32(10), 2), factor.mean(0), rtol=1e-6)
    np.testing.assert_allclose(calendar.long_run(), factor.mean(0), rtol=1e-6)


def test_replay_at_the_reference_price_is_what_was_sold():
    sold = np.array([[[2.0, 0.0]], [[1.0, 5.0]], [[3.0, 7.0]]])
    trace = PricedTrace(sold, start_day=100, expected=sold)
    for day in range(3):
        law = trace.law(DemandState(day=jnp.int32(100 + day)))
        np.testing.assert_array_equal(law.quantile(UNIFORMS[::1000]), np.broadcast_to(sold[day], (20, 1, 2)))
        scaled = law.scaled(jnp.array([[0.5, 1.3]])).quantile(UNIFORMS)
        np.testing.assert_allclose(scaled.mean(0), sold[day] * [0.5, 1.3], atol=1e-3)
        np.testing.assert_array_equal(scaled, jnp.floor(scaled))
        np.testing.assert_allclose(law.scaled(jnp.array([[0.5, 1.3]])).variance(), scaled.var(0), atol=1e-3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Logit([0.5, 0.5], 1.0), r"Logit.share must be one per SKU, their sum below 1, got \[0.5, 0.5\]"),
        (lambda: PriceTable([9, 7], [0, 1], [[1, 0], [0, 1]]), r"PriceTable.prices must ascend, got \[9.0, 7.0\]"),
        (lambda: PriceTable([7, 9], [1, 2], [[1, 0], [0, 1]]), r"PriceTable.values must ascend from 0"),
        (lambda: PriceTable([7, 9], [0, 1], [[1, 0]]), "PriceTable.probabilities must be 2 rows of 2 that sum to 1"),
        (lambda: PriceTable([7, 9], [0, 1], [[1, 0], [1, 1]]), "PriceTable.probabilities must be 2 rows of 2 that sum"),
    ],
)
def test_bad_numbers_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
