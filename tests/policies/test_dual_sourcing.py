"""Dual-sourcing policies by hand."""

import jax
import jax.numpy as jnp
import pytest

from jaxinv.env.dual_sourcing import DualSourcing
from jaxinv.policies import CappedDualIndex, DualIndex, SingleIndex, TailoredBaseSurge


def state_of(env, inventory, regular=(), expedited=()):
    _, state = env.reset(jax.random.key(0))
    under_way = [tuple(map(jnp.float32, orders)) for orders in (regular, expedited)]
    return state.replace(inventory=jnp.float32(inventory), regular=under_way[0], expedited=under_way[1])


@pytest.mark.parametrize(
    ("policy", "orders"),
    [
        # 2 on hand, 1 and 3 to come: a position of 6 and, as expediting is instant, an expedited one of 2.
        (DualIndex(expedited_level=4.0, regular_level=11.0), (3, 2)),
        (DualIndex(expedited_level=1.0, regular_level=11.0), (5, 0)),
        (DualIndex(expedited_level=4.0, regular_level=5.0), (0, 2)),
        (SingleIndex(expedited_level=4.0, regular_level=11.0), (5, 0)),
        (SingleIndex(expedited_level=9.0, regular_level=11.0), (2, 3)),
        (CappedDualIndex(expedited_level=4.0, regular_level=11.0, cap=2.0), (2, 2)),
        (CappedDualIndex(expedited_level=4.0, regular_level=11.0, cap=4.0), (3, 2)),
        (CappedDualIndex(expedited_level=4.0, regular_level=5.0, cap=4.0), (0, 2)),
        (TailoredBaseSurge(expedited_level=4.0, quantity=1.0), (1, 2)),
        (TailoredBaseSurge(expedited_level=1.0, quantity=3.0), (3, 0)),
    ],
)
def test_orders_by_hand(policy, orders):
    env = DualSourcing(regular_lead_time=3)
    state, params = state_of(env, 2, (1, 3)), env.default_params()
    action = jax.jit(lambda policy, state: policy(env, state, params, jax.random.key(0)))(policy, state)
    assert (action.regular, action.expedited) == orders


def test_expediting_looks_at_what_arrives_in_time():
    """-1 on hand, 2 arrive next period, 4 and 6 later, and an expedited 3 next period: 4 until an expedited order."""
    env = DualSourcing(regular_lead_time=4, expedited_lead_time=1)
    state, params = state_of(env, -1, (2, 4, 6)), env.default_params()
    action = DualIndex(expedited_level=7.0, regular_level=20.0)(env, state, params, None)
    assert (action.regular, action.expedited) == (20 - 11 - 6, 7 - 1)
    env = DualSourcing(regular_lead_time=4, expedited_lead_time=2)
    state = state_of(env, -1, (2, 4, 6), (3,))
    action = TailoredBaseSurge(expedited_level=10.0, quantity=2.0)(env, state, params, None)
    assert (action.regular, action.expedited) == (2, 10 - 8)


def test_orders_are_whole():
    env = DualSourcing()
    state, params = state_of(env, 0.0, (1.0,)), env.default_params()
    action = DualIndex(expedited_level=2.4, regular_level=6.8)(env, state, params, None)
    assert (action.regular, action.expedited) == (4, 2)
