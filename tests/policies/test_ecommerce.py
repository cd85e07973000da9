"""Pricing and allocation heuristics: against enumeration through the environment, closed forms, and by hand."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Poisson
from jaxinv.env import make
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.ecommerce import Action, Ecommerce, Exogenous
from jaxinv.evaluate import evaluate, sample_paths
from jaxinv.policies.closed_forms import newsvendor
from jaxinv.policies.ecommerce import MyopicPricing, StaticPrice, nearest_centre, stock_balanced
from jaxinv.solvers import backward_induction

LADDER, PARAMS = make("Ecommerce-v0", instance="ladder/three-prices")
PRICES = np.array([7.0, 9.0, 11.0])
MASS = np.array([[0.1, 0.2, 0.3, 0.4], [0.2, 0.3, 0.3, 0.2], [0.4, 0.3, 0.2, 0.1]])
MAX_ORDER = 4


@dataclasses.dataclass(frozen=True)
class LadderModel:
    """States and actions of one SKU in one centre with lost sales, lead time 0 and a few prices, numbered: 0..size - 1
    units on hand; orders of 0..MAX_ORDER units by prices. Demand is of 0..3 units."""

    env: Ecommerce
    size: int
    num_states = property(lambda self: self.size)
    num_actions = (MAX_ORDER + 1) * len(PRICES)

    def index_to_state(self, index, params, time=0) -> Any:
        state = self.env.init_state(jnp.zeros(0), params)
        return state.replace(time=jnp.asarray(time, jnp.int32), on_hand=jnp.full((1, 1), index, jnp.float32))

    def state_to_index(self, state, params):
        return jnp.clip(jnp.round(state.on_hand[0, 0]), 0, self.size - 1).astype(jnp.int32)

    def index_to_action(self, index, params):
        order, rung = jnp.divmod(index, len(PRICES))
        return Action(orders=jnp.full((1, 1), order, jnp.float32), price=jnp.asarray(PRICES, jnp.float32)[rung][None])

    def action_mask(self, state, params):
        return jnp.ones(self.num_actions, bool)

    def exogenous_support(self, state, action, params):
        """A uniform in the middle of each unit's share at the price of the action."""
        rung = jnp.argmin(jnp.abs(jnp.asarray(PRICES, float) - action.price))
        mass = jnp.asarray(MASS, float)[rung]
        u = (jnp.cumsum(mass) - mass / 2).astype(jnp.float32)
        following = jax.tree.map(lambda x: jnp.broadcast_to(x, (4, *x.shape)), state.exo)
        following = following.replace(demand=following.demand.replace(day=following.demand.day + 1))
        return Exogenous(u=u[:, None, None], next=following), mass


def test_five_periods_of_prices_and_orders():
    """Federgruen and Heching's problem over 5 periods; a unit left at the end is worth 1. The value was computed for
    these numbers by others' dynamic program, and by a plain one in numpy."""
    model = LadderModel(LADDER, 3 + 5 * MAX_ORDER)
    horizon, salvage = 5, 1.0
    final = salvage * np.arange(model.size)
    plan = backward_induction(model, PARAMS, horizon, final=final)
    np.testing.assert_allclose(plan.values[0, 1], 33.1781, atol=5e-5)
    assert divmod(int(plan.actions[0, 1]), len(PRICES)) == (2, 1)

    value = final
    for _ in range(horizon):
        best = np.full(model.size, -np.inf)
        for stock in range(model.size - MAX_ORDER):
            for order in range(MAX_ORDER + 1):
                for price, mass in zip(PRICES, MASS, strict=True):
                    sold = np.minimum(stock + order, np.arange(4))
                    left = stock + order - sold
                    profit = price * sold - 4 * order - 0.5 * left - 5 * (np.arange(4) - sold) + 0.99 * value[left]
                    best[stock] = max(best[stock], mass @ profit)
        value = best
    np.testing.assert_allclose(plan.values[0, 1], value[1], rtol=1e-5)


@pytest.fixture(scope="module")
def profits():
    """Expected profit [P, n] of one period that begins empty, by price and order, through the environment."""
    model = LadderModel(LADDER, 10)
    state = model.index_to_state(0, PARAMS)

    @jax.jit
    @jax.vmap
    def profit(index):
        action = model.index_to_action(index, PARAMS)
        exo, mass = model.exogenous_support(state, action, PARAMS)
        outcomes = jax.vmap(LADDER.transition, (None, None, 0, None))(state, action, exo, PARAMS)[1]
        return jnp.sum(mass * outcomes.reward)

    return np.asarray(profit(jnp.arange(model.num_actions))).reshape(MAX_ORDER + 1, 3).T


def test_the_one_period_optimum_is_that_of_enumeration_at_the_critical_fractile(profits):
    policy = MyopicPricing.of(LADDER, PARAMS, PRICES)
    # The draws are stratified: 10,000 of them have shares of 0.1 exactly.
    np.testing.assert_allclose(policy.profit[:, 0, 0], profits[:, :4], atol=1e-5)
    assert profits.argmax(1).tolist() == [3, 2, 2]
    np.testing.assert_array_equal(policy.levels[:, 0, 0], profits.argmax(1))
    fractile, _ = newsvendor(np.arange(4), MASS, 4 + 0.5, PRICES + 5 - 4)  # (p + s - c) / (p + s + h)
    np.testing.assert_array_equal(policy.levels[:, 0, 0], fractile)

    def decide(stock):
        state = LadderModel(LADDER, 10).index_to_state(stock, PARAMS)
        action = policy(LADDER, state, PARAMS, jax.random.key(0))
        return float(action.orders[0, 0]), float(action.price[0])

    best = np.unravel_index(profits.argmax(), profits.shape)
    assert decide(0) == (best[1], PRICES[best[0]]) == (2, 9)
    # Stock that is there is paid for. At 3 units the lowest price may be best too, whose level that is.
    demand = np.arange(4)
    for stock, rungs in ((2, [1, 2]), (3, [0, 1, 2]), (4, [0, 1, 2])):
        left, short = np.maximum(stock - demand, 0), np.maximum(demand - stock, 0)
        profit = [MASS[rung] @ (PRICES[rung] * (demand - short) - 0.5 * left - 5 * short) for rung in rungs]
        assert decide(stock) == (0, PRICES[rungs[np.argmax(profit)]])


SHOP = Ecommerce(num_centres=3, num_skus=1, num_regions=2, max_lead_time=0)


def shop(stock, **numbers):
    params = SHOP.make_params(
        demand=Poisson([[4.0], [8.0]]), shipping_cost=[[1, 5], [2, 3], [UNLIMITED, 4]],
        initial_stock=np.reshape(stock, (3, 1)), **numbers,
    )  # fmt: skip
    return params, SHOP.init_state(jnp.zeros(0), params)


def test_allocations_by_hand():
    """Expected orders are 4 and 8; the nearest centres are the first and the second."""
    params, state = shop([6, 6, 6])
    np.testing.assert_allclose(nearest_centre(SHOP, state, params)[..., 0], [[1, 0], [0, 0.75], [0, 0.25]], atol=1e-6)
    np.testing.assert_allclose(stock_balanced(SHOP, state, params)[..., 0], np.full((3, 2), 1 / 3), rtol=1e-6)
    # The first region goes on to the second centre together with the second one, which asks for 8 there at first.
    params, state = shop([3, 9, 0])
    np.testing.assert_allclose(nearest_centre(SHOP, state, params)[..., 0], [[0.75, 0], [0.25, 1], [0, 0]], atol=1e-6)
    np.testing.assert_allclose(stock_balanced(SHOP, state, params)[:, 0, 0], [0.25, 0.75, 0], rtol=1e-6)
    # Without stock all orders go to the nearest centres.
    params, state = shop([0, 0, 0])
    for allocation in (nearest_centre, stock_balanced):
        np.testing.assert_array_equal(allocation(SHOP, state, params)[..., 0], [[1, 0], [0, 1], [0, 0]])


def test_static_price_orders_up_to_its_levels():
    params, state = shop([6, 1, 9])
    policy = StaticPrice(level=jnp.array([7.0, 4.0, 2.0]), price=15.0, allocation="balanced")
    action = policy(SHOP, state, params, jax.random.key(0))
    assert action.orders.ravel().tolist() == [1, 3, 0]
    assert action.price.tolist() == [15]
    np.testing.assert_array_equal(action.allocation, stock_balanced(SHOP, state, params))
    assert StaticPrice(level=7.0)(SHOP, state, params, jax.random.key(0)).price.tolist() == [20]


def test_a_centre_waits_until_it_is_short_of_the_quantity():
    """Its three SKUs are short of their levels by 1, 3 and -7 units: 4 together."""
    env = Ecommerce(num_centres=1, num_skus=3, num_regions=1, max_lead_time=0)
    params = env.make_params(initial_stock=[[6.0, 1.0, 9.0]])
    _, state = env.reset(jax.random.key(0), params)
    for quantity, orders in ((4.0, [1, 3, 0]), (5.0, [0, 0, 0])):
        policy = StaticPrice(level=jnp.array([[7.0, 4.0, 2.0]]), quantity=quantity)
        assert policy(env, state, params, jax.random.key(0)).orders.ravel().tolist() == orders


@pytest.mark.slow
def test_pricing_earns_more_than_the_reference_price_on_common_paths():
    """A dear reference price for elastic demand."""
    params, _ = shop([9, 9, 9], reference_price=40.0, elasticity=3.0, unit_cost=10.0)
    myopic = MyopicPricing.of(SHOP, params, salvage=0.99, samples=2000)
    best = np.asarray(myopic.profit).max(-1).sum(1).argmax(0)
    assert 15 < float(myopic.prices[best[0], 0]) < 40
    at_reference = np.argmin(np.abs(np.asarray(myopic.prices[:, 0]) - 40.0))
    static = StaticPrice(level=myopic.levels[at_reference], price=40.0)
    paths = sample_paths(SHOP, params, jax.random.key(0), 8, 30)
    costs = [float(evaluate(policy, SHOP, params, paths).cost_mean) for policy in (myopic, static)]
    assert costs[0] < 1.2 * costs[1] < 0


def test_bad_input():
    with pytest.raises(ValueError, match="allocation must be one of nearest, balanced, got 'far'"):
        StaticPrice(level=1.0, allocation="far")
    with pytest.raises(ValueError, match=r"MyopicPricing.prices must have shape \[P\] or \[P, 1\], got \(2, 3\)"):
        MyopicPricing.of(LADDER, PARAMS, np.ones((2, 3)))
    params, state = shop([1, 1, 1])
    with pytest.raises(ValueError, match=r"StaticPrice.level must have shape"):
        StaticPrice(level=jnp.ones(2))(SHOP, state, params, jax.random.key(0))
