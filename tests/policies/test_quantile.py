"""Levels at a quantile of what was forecast."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Trace
from jaxinv.env.informed import Informed
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.env.single_item import SingleItem
from jaxinv.env.wrappers import Steered
from jaxinv.policies import QuantileBaseStock

LEVELS = (0.5, 0.9, 0.95)
QUANTITY = np.full((5, 2, 3), 4.0)
FORECASTS = np.arange(90.0).reshape(5, 2, 3, 3) + 100.0


def stores(row):
    """The environment on a day, with an inventory position of 2 in every cell."""
    trace = Trace(QUANTITY, first=row, last=row, expected=QUANTITY, forecasts=FORECASTS)
    env = MultiWarehouse(2, 3, max_lead_time=2)
    params = env.make_params(demand=trace, initial_stock=2.0, demand_scale=4.0)
    return env, env.reset(jax.random.key(0), params)[1], params


def test_it_orders_what_the_position_is_short_of_the_quantile_of_the_day():
    for row in (0, 3):
        env, state, params = stores(row)
        policy = QuantileBaseStock(levels=LEVELS, fractile=0.9)
        np.testing.assert_allclose(policy(env, state, params, None).orders, FORECASTS[row, ..., 1] - 2.0)
        extra = policy.replace(extra=np.array([[1.0], [-1.0]]).repeat(3, 1))
        shift = 4.0 * np.array([[1.0], [-1.0]])  # in demand_scale
        np.testing.assert_allclose(extra(env, state, params, None).orders, FORECASTS[row, ..., 1] - 2.0 + shift)


def test_between_levels_the_quantile_lies_on_a_line():
    env, state, params = stores(1)
    fractile = np.array([[0.5, 0.7, 0.925], [0.95, 0.4, 0.99]])
    place = np.array([[0.0, 0.5, 1.5], [2.0, 0.0, 2.0]])  # quantiles of a cell are one unit apart
    level = QuantileBaseStock(levels=LEVELS, fractile=fractile).level(env, state, params)
    np.testing.assert_allclose(level, FORECASTS[1, ..., 0] + place, rtol=1e-6)


def test_a_single_item_steered_by_a_learner():
    trace = Trace(QUANTITY[:, 0, 0], expected=QUANTITY[:, 0, 0], forecasts=FORECASTS[:, 0, 0])
    env = Informed(SingleItem(lead_time=2))
    params = env.make_params(demand=trace, initial_inventory=1.0, demand_scale=4.0)
    state = env.reset(jax.random.key(0), params)[1]
    policy = QuantileBaseStock(levels=LEVELS, fractile=0.9)
    steered = Steered(env, policy, ("extra",), span=1.0)
    for action, more in ((0.0, 0.0), (0.5, 2.0)):
        order = steered.native_action({"extra": jnp.float32(action)}, state, params)
        np.testing.assert_allclose(order, FORECASTS[0, 0, 0, 1] - 1.0 + more)


def test_demand_without_these_forecasts_is_refused():
    env = SingleItem()
    params = env.default_params()
    state = env.reset(jax.random.key(0), params)[1]
    with pytest.raises(ValueError, match="needs a demand process with forecasts of 3 levels, got 0"):
        QuantileBaseStock(levels=LEVELS, fractile=0.9)(env, state, params, None)
