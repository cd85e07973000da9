"""Each rule on states written by hand."""

import datetime

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Modulated, Poisson, Weekly
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.env.wrappers import RoundToBatches
from jaxinv.policies import (
    HEURISTICS,
    BaseStock,
    CanOrder,
    CappedBaseStock,
    ConstantOrder,
    Following,
    ForecastBaseStock,
    JointQuantity,
    PeriodicReview,
    Rebalancing,
    ReorderPoint,
    Sizing,
)

ENV = MultiWarehouse(num_warehouses=2, num_skus=3, max_lead_time=2, transfers=False)


def state_of(env, params, *, on_hand, due=0.0, backlog=0.0, day=0, time=0):
    """A state with ``due`` arriving in the next period and nothing else under way."""
    _, state = env.reset(jax.random.key(0), params)

    def cells(x):
        return jnp.broadcast_to(jnp.asarray(x, jnp.float32), env.cells)

    return state.replace(
        on_hand=cells(on_hand),
        backlog=cells(backlog),
        orders=state.orders.at[0].set(cells(due)),
        time=jnp.int32(time),
        exo=state.exo.replace(demand=state.exo.demand.replace(day=jnp.int32(day))),
    )


def orders(policy, env=ENV, params=None, **state):
    params = env.default_params() if params is None else params
    return np.asarray(policy(env, state_of(env, params, **state), params, jax.random.key(0)).orders)


def test_base_stock_raises_the_position_to_its_level():
    got = orders(BaseStock(level=[[10, 10, 10], [4, 20, 8]]), on_hand=3, due=[[2, 0, 0]] * 2, backlog=[[0, 1, 0]] * 2)
    assert got.tolist() == [[5, 8, 7], [0, 18, 5]]


def test_fractional_levels_give_whole_orders():
    assert orders(BaseStock(level=10.4), on_hand=3).tolist() == [[7] * 3] * 2
    assert orders(BaseStock(level=10.6), on_hand=3).tolist() == [[8] * 3] * 2


def test_a_cap_limits_orders():
    got = orders(CappedBaseStock(level=10.0, cap=[3.0, 100.0]), on_hand=[[4, 8, 12]] * 2)
    assert got.tolist() == [[3, 2, 0], [6, 2, 0]]


def test_constant_orders_average_a_fractional_quantity():
    quantity = np.array([[4.0, 0.25, 4.6], [0.0, 1.5, 2.0]])
    got = np.array([orders(ConstantOrder(quantity=quantity), on_hand=100, time=t) for t in range(20)])
    np.testing.assert_array_equal(got, np.round(got))
    np.testing.assert_allclose(got.mean(0), quantity, atol=1e-6)
    assert np.ptp(got, 0).max() == 1


def test_reorder_point_waits_until_it_is_reached():
    got = orders(ReorderPoint(reorder=5.0, up_to=12.0), on_hand=[[4, 5, 6]] * 2)
    assert got.tolist() == [[8, 7, 0]] * 2


def test_can_order_lets_the_cells_of_a_location_join_a_delivery():
    policy = CanOrder(reorder=2.0, can_order=6.0, up_to=10.0)
    # Nobody must order in the first location; in the second the first cell must, and the second may.
    assert orders(policy, on_hand=[[3, 6, 7], [2, 6, 7]]).tolist() == [[0, 0, 0], [8, 4, 0]]


def test_joint_quantity_counts_what_a_location_is_short_of_together():
    policy = JointQuantity(level=10.0, quantity=[9.0, 8.0])
    # 2 + 6 + 0 units short; a surplus does not make up for it.
    assert orders(policy, on_hand=[[8, 4, 15]] * 2).tolist() == [[0, 0, 0], [2, 6, 0]]


def test_periodic_review_orders_for_a_whole_location_at_its_own_time():
    policy = PeriodicReview(review=[3.0, 2.0], phase=[1.0, 0.0], level=10.0)
    first, second = np.array([orders(policy, on_hand=[[4, 9, 12]] * 2, day=day) for day in range(6)]).swapaxes(0, 1)
    assert [row.tolist() for row in first] == [[6, 1, 0] if day in (1, 4) else [0, 0, 0] for day in range(6)]
    assert [row.tolist() for row in second] == [[6, 1, 0] if day % 2 == 0 else [0, 0, 0] for day in range(6)]


def test_a_weekly_review_of_phase_0_falls_on_mondays():
    policy = PeriodicReview(review=7.0, level=10.0)
    start = datetime.date(2023, 5, 1).toordinal() - 1
    for day in range(start, start + 7):
        ordered = orders(policy, on_hand=0, day=day).any()
        assert ordered == (datetime.date.fromordinal(day + 1).weekday() == 0)


def test_forecast_base_stock_covers_what_the_calendar_expects():
    """Beyond the L + 1 periods that the environment forecasts, too: here only Mondays sell."""
    profile = np.zeros((7, 2, 3))
    profile[0] = 7.0
    demand = Modulated(base=Poisson(np.full((2, 3), 4.0)), modifiers=(Weekly(profile=profile),))
    params = ENV.make_params(demand=demand, lead_time=2)
    tuesday = state_of(ENV, params, on_hand=1, day=1)  # the next Monday is 6 periods later

    def order(review, safety=0.0, mean=4.0, adaptation=1.0):
        four = jnp.full((2, 3), 4.0)
        state = tuesday.replace(exo=tuesday.exo.replace(mean=four * mean / 4.0, expected=four, variance=four))
        policy = ForecastBaseStock(review=review, phase=1.0, safety=safety, adaptation=adaptation)
        return np.asarray(policy(ENV, state, params, jax.random.key(0)).orders)[0, 0]

    assert order(review=4.0) == 0  # with the lead time, Tuesday to Sunday
    assert order(review=5.0) == 28 - 1
    assert order(review=5.0, safety=1.5) == np.round(28 + 1.5 * np.sqrt(4.0 * 7)) - 1
    assert order(review=5.0, mean=8.0) == 56 - 1  # sales ran at twice the expectation
    assert order(review=5.0, mean=8.0, adaptation=0.25) == 35 - 1


@pytest.mark.parametrize("name", HEURISTICS)
def test_every_heuristic_is_a_compiled_pytree_and_acts_in_wrapped_environments(name):
    env = MultiWarehouse(num_warehouses=2, num_skus=3, max_lead_time=2)
    params = env.make_params(batch_size=4.0)
    sizing = Sizing.of(env, params, jnp.full((1, 2, 3), 5.0))
    kind = HEURISTICS[name]
    policy = kind.from_factors(sizing, **{factor: jnp.zeros((2, 3)) for factor in kind.FACTORS})
    policy = policy.replace(rebalancing=Rebalancing(), following=Following(typical=5.0, periods=4.0))
    assert all(isinstance(leaf, jax.Array) and not leaf.weak_type for leaf in jax.tree.leaves(policy))
    state = state_of(env, params, on_hand=[[0, 5, 90], [90, 5, 3]])
    act = jax.jit(lambda policy, state: policy(env, state, params, jax.random.key(0)))
    action = act(policy, state)
    assert env.action_space(params).contains(action)
    for value in (action.orders, action.flows):
        np.testing.assert_array_equal(value, np.round(value))
    wrapped = RoundToBatches(env)
    decoded = wrapped.decode(policy(wrapped, state, params, jax.random.key(0)), state, params)
    assert np.all(np.asarray(decoded.orders) % 4 == 0)


def test_parameters_of_the_wrong_shape_are_named():
    with pytest.raises(ValueError, match=r"BaseStock.level must have shape \(2, 3\), \(2,\) or \(\), got \(3,\)"):
        orders(BaseStock(level=[1.0, 2.0, 3.0]), on_hand=0)


def test_parameters_out_of_range_are_named():
    with pytest.raises(ValueError, match=r"CappedBaseStock.cap must be >= 0"):
        CappedBaseStock(level=10.0, cap=-1.0)
    with pytest.raises(ValueError, match=r"PeriodicReview.review must be >= 1"):
        PeriodicReview(review=0.0, level=10.0)
