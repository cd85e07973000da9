"""Policies for items that share trucks, by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import UniformInteger
from jaxinv.env.joint_replenishment import JointReplenishment
from jaxinv.policies import BaseStock, CanOrder, DynamicOrderUpTo, JointQuantity, MinimumQuantity, ReorderPoint

ENV = JointReplenishment()


def orders(policy, inventory, env=ENV, **numbers):
    """What a policy orders; demand is 0..5 and 0..3 units unless given, a truck carries 6."""
    params = env.make_params(**numbers)
    _, state = env.reset(jax.random.key(0), params)
    state = state.replace(inventory=jnp.asarray(inventory, jnp.float32))
    ordered = jax.jit(lambda policy, state: policy(env, state, params, jax.random.key(0)))(policy, state)
    assert ordered.shape == env.cells
    assert ordered.dtype == jnp.float32
    return ordered.tolist()


@pytest.mark.parametrize(
    ("inventory", "expected"),
    [([3, 3], [0, 0]), ([2, 3], [7, 0]), ([2, 2], [7, 4]), ([4, 1], [5, 5]), ([4, -1], [5, 7]), ([5, 1], [0, 5])],
)
def test_can_order_joins_items_of_the_only_location(inventory, expected):
    policy = CanOrder(reorder=[2.0, 1.0], can_order=[4.0, 2.0], up_to=[9.0, 6.0])
    assert orders(policy, inventory) == expected


def test_other_heuristics_take_items_as_cells():
    assert orders(BaseStock(level=[4.0, 2.0]), [1, 3]) == [3, 0]
    assert orders(ReorderPoint(reorder=2.0, up_to=[8.0, 5.0]), [2, 3]) == [6, 0]
    assert orders(JointQuantity(level=[6.0, 4.0], quantity=5.0), [4, 1]) == [2, 3]
    assert orders(JointQuantity(level=[6.0, 4.0], quantity=6.0), [4, 1]) == [0, 0]


def policies(quantity=3.0, **numbers):
    """Both policies that fill trucks, with newsvendor levels, which are 5 and 3."""
    dynamic = DynamicOrderUpTo.of(ENV, ENV.make_params(**numbers))
    np.testing.assert_array_equal(dynamic.level, [5, 3])
    return dynamic, MinimumQuantity(level=dynamic.level, quantity=quantity)


def test_the_decision_that_is_published():
    """Vanvuchelen et al. (2020, sec. 6.2), setting 5: 5 and 0 in stock, and both policies order 2 and 4."""
    for policy in policies(minor_order_cost=[40.0, 10.0]):
        assert orders(policy, [5, 0], minor_order_cost=[40.0, 10.0]) == [2, 4]


@pytest.mark.parametrize(
    ("inventory", "quantity", "expected"),
    [
        ([5, 3], 1, [0, 0]),
        ([4, 2], 3, [0, 0]),  # 2 short
        ([3, 2], 3, [4, 2]),  # 3 short; (5, 3) is 2 periods each, and in turn (6, 3), (6, 4), (7, 4)
        ([0, 3], 6, [0, 0]),
        ([-1, 3], 6, [6, 0]),
        ([-4, 3], 4, [6, 0]),  # 9 short: a truck is sent, 3 units are taken off
        ([-4, 3], 3, [11, 1]),  # and now 3 are added: (6, 3), (6, 4), (7, 4)
        ([-2, -1], 6, [4, 2]),  # 7 and 4 short, 5 taken off in turn, from (5, 3) down to (2, 1)
    ],
)
def test_a_minimum_quantity_by_hand(inventory, quantity, expected):
    assert orders(MinimumQuantity(level=[5.0, 3.0], quantity=float(quantity)), inventory) == expected


def test_reviews_come_every_so_often():
    policy = MinimumQuantity(level=[5.0, 3.0], quantity=1.0, review=3.0)
    params = ENV.default_params()
    _, state = ENV.reset(jax.random.key(0), params)
    state = state.replace(inventory=jnp.zeros(2))
    sent = []
    for _ in range(7):
        sent.append(bool(policy(ENV, state, params, None).any()))
        exo = ENV.sample_exogenous(jax.random.key(1), state, params)
        state = state.replace(exo=exo.next)
    assert sent == [True, False, False, True, False, False, True]


@pytest.mark.parametrize(
    ("inventory", "numbers", "expected"),
    [
        ([4, 2], {}, [0, 0]),  # 2 short, a third of a truck
        ([9, -3], {}, [0, 0]),  # what is too much of one item counts against the other
        ([4, 1], {}, [3, 3]),  # to (7, 4)
        ([-4, -1], {}, [8, 4]),  # 13 short: 2 trucks, to (4, 3)
        # A unit that is surely left costs least where holding is cheap: all beyond (5, 3) of the second item.
        ([5, 0], dict(holding_cost=[5.0, 1.0], stockout_cost=[95.0, 19.0]), [0, 6]),
        # Stock-outs of the first item cost most: to (5, 1), where the last unit is as likely to be sold for 95 as 19.
        ([0, -6], dict(stockout_cost=[95.0, 19.0]), [5, 7]),
    ],
)
def test_dynamic_order_up_to_by_hand(inventory, numbers, expected):
    env = ENV
    policy = DynamicOrderUpTo.of(env, env.make_params(**numbers))
    assert orders(policy, inventory, **numbers) == expected


def test_units_are_divided_at_least_cost():
    """Against all ways to divide the trucks sent, by the cost expected of the period."""
    env = JointReplenishment(num_items=3)
    demand = UniformInteger([0.0, 0.0, 2.0], [7.0, 3.0, 5.0])
    numbers = dict(holding_cost=[1.0, 2.0, 0.5], stockout_cost=[9.0, 30.0, 12.0], demand=demand)
    policy = DynamicOrderUpTo.of(env, env.make_params(**numbers))

    def cost(position):
        total = 0.0
        for units, low, high, h, b in zip(
            position, (0, 0, 2), (7, 3, 5), numbers["holding_cost"], numbers["stockout_cost"], strict=True
        ):
            left = units - np.arange(low, high + 1)
            total += np.mean(h * np.maximum(left, 0) + b * np.maximum(-left, 0))
        return total

    for inventory in ([0, 0, 0], [-5, 3, 1], [7, -2, -3], [2, 2, -9]):
        ordered = np.array(orders(policy, inventory, env, **numbers))
        load = int(ordered.sum())
        assert load > 0
        assert load % 6 == 0
        divided = [(a, b, load - a - b) for a in range(load + 1) for b in range(load - a + 1)]
        best = min(cost(np.array(inventory) + division) for division in divided)
        assert cost(inventory + ordered) == pytest.approx(best)


def test_trucks_are_full_whatever_the_state():
    env = JointReplenishment(num_items=3)
    params = env.make_params(truck_volume=7.0)
    _, state = env.reset(jax.random.key(0), params)
    inventory = jnp.round(jax.random.uniform(jax.random.key(0), (200, 3), minval=-30.0, maxval=15.0))
    states = jax.tree.map(lambda x: jnp.broadcast_to(x, (200, *x.shape)), state).replace(inventory=inventory)
    for policy in (
        MinimumQuantity(level=[9.0, 4.0, 6.0], quantity=4.0),
        DynamicOrderUpTo.of(env, params, level=[9.0, 4.0, 6.0]),
    ):
        ordered = jax.vmap(lambda state, policy=policy: policy(env, state, params, None))(states)
        assert (ordered >= 0).all()
        assert (ordered == jnp.round(ordered)).all()
        np.testing.assert_array_equal(ordered.sum(1) % 7, 0)
        short = jnp.sum(jnp.maximum(policy.level[None] - inventory, 0.0), 1)
        assert (jnp.abs(ordered.sum(1) - short)[(inventory <= policy.level[None]).all(1)] < 7).all()
