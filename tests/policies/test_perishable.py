"""Policies for perishables: expected waste by hand and by a loop, and the rules of their orders."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Cyclic, Poisson
from jaxinv.env.perishable import Perishable
from jaxinv.env.perishable_pair import PerishablePair
from jaxinv.policies import BaseStock, BaseStockEW, LowStockEW
from jaxinv.policies.perishable import expected_waste


def state_of(env, params, stock, pipeline=()):
    state = env.reset(jax.random.key(0), params)[1]
    return state.replace(stock=tuple(map(jnp.float32, stock)), pipeline=tuple(map(jnp.float32, pipeline)))


def waste_by_loop(env, mean, stock, pipeline):
    """Mean demand served unit class by unit class."""
    stock, pipeline, wasted = list(stock), list(pipeline), 0.0
    for _ in range(env.lead_time):
        left = mean
        for k in range(len(stock))[:: -1 if env.issuing == "fifo" else 1]:
            taken = min(stock[k], left)
            stock[k] -= taken
            left -= taken
        wasted += stock[-1]
        stock = [pipeline.pop(0) if pipeline else 0.0, *stock[:-1]]
    return wasted


@pytest.mark.parametrize("issuing", ["fifo", "lifo"])
@pytest.mark.parametrize(("shelf_life", "lead_time"), [(2, 1), (3, 1), (2, 2), (4, 3)])
def test_expected_waste(shelf_life, lead_time, issuing):
    env = Perishable(shelf_life=shelf_life, lead_time=lead_time, issuing=issuing)
    params = env.make_params(demand=Poisson(3.5))
    found = jax.jit(lambda state: expected_waste(env, state, params))
    rng = np.random.default_rng(0)
    for _ in range(10):
        stock, pipeline = rng.integers(0, 9, shelf_life), rng.integers(0, 9, lead_time - 1)
        expected = waste_by_loop(env, 3.5, stock, pipeline)
        assert float(found(state_of(env, params, stock, pipeline))) == pytest.approx(expected)


def test_nothing_is_wasted_before_an_order_without_lead_time():
    env = Perishable(shelf_life=3, lead_time=0)
    params = env.default_params()
    assert float(expected_waste(env, state_of(env, params, (9, 50)), params)) == 0


def test_expected_waste_follows_the_calendar():
    env = Perishable(shelf_life=2, lead_time=2)
    params = env.make_params(demand=Cyclic((Poisson(2.0), Poisson(5.0))))
    state = state_of(env, params, (8, 3), (1,))
    assert float(expected_waste(env, state, params)) == pytest.approx(1 + 3)  # 3 - 2, then 8 - 5
    later = state.replace(exo=state.exo.replace(demand=params.demand.advance(jnp.zeros(0), state.exo.demand)))
    assert float(expected_waste(env, later, params)) == pytest.approx(0 + 6 - 2)  # 5 take 3 + 2, 2 take 2 of 6


def order(policy, env, params, state):
    return np.asarray(policy(env, state, params, jax.random.key(0)))


def test_orders_by_hand():
    env = Perishable(shelf_life=2, lead_time=1)
    params = env.make_params(demand=Poisson(4.0))
    state = state_of(env, params, (1, 7))  # position 8; 7 - 4 are expected to be wasted
    assert order(BaseStock(level=10), env, params, state) == 2
    assert order(BaseStockEW(level=10), env, params, state) == 5
    assert order(BaseStockEW(level=2), env, params, state) == 0
    # From the threshold 9 on up to the level; below it 6 with nothing and 1 near the threshold, 5/9 less per unit.
    low = LowStockEW(low_level=6, level=10, threshold=9)
    assert order(low, env, params, state_of(env, params, (8, 1))) == 1
    assert order(low, env, params, state_of(env, params, (9, 0))) == 1
    assert order(low, env, params, state_of(env, params, (10, 0))) == 0
    assert order(low, env, params, state_of(env, params, (0, 0))) == 6
    assert order(low, env, params, state_of(env, params, (4, 0))) == 4  # 6 - 20/9
    assert order(low, env, params, state) == 5  # 6 - 40/9 + 3


def test_equal_levels_are_one_level():
    env = Perishable(shelf_life=3, lead_time=2, issuing="lifo")
    params = env.default_params()
    rng = np.random.default_rng(1)
    for _ in range(10):
        state = state_of(env, params, rng.integers(0, 6, 3), rng.integers(0, 6, 1))
        one = order(BaseStockEW(level=12), env, params, state)
        assert order(LowStockEW(low_level=12, level=12, threshold=7), env, params, state) == one


def test_a_level_per_product():
    env = PerishablePair()
    params = env.make_params(demand=Poisson([5.0, 3.0]))
    state = env.reset(jax.random.key(0), params)[1]
    state = state.replace(stock=((jnp.float32(1), jnp.float32(7)), (jnp.float32(2), jnp.float32(1))))
    np.testing.assert_array_equal(expected_waste(env, state, params), [2, 0])
    np.testing.assert_array_equal(order(BaseStockEW(level=[13, 12]), env, params, state), [7, 9])
    np.testing.assert_array_equal(order(BaseStock(level=12), env, params, state), [4, 9])
    with pytest.raises(ValueError, match=r"LowStockEW.threshold must have shape \(2,\) or \(\), got \(3,\)"):
        order(LowStockEW(low_level=1, level=2, threshold=[1, 2, 3]), env, params, state)


def test_a_threshold_must_be_positive():
    with pytest.raises(ValueError, match=r"LowStockEW.threshold must be > 0"):
        LowStockEW(low_level=1.0, level=2.0, threshold=0.0)
