"""SingleItem: the physics as properties of random problems."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.env.single_item import Ledger, SingleItem
from tests.env.single_items import VARIANTS


@functools.partial(jax.jit, static_argnums=0)
def random_orders(env, params, key):
    """80 periods with whole orders of 0..13 units: (path, records)."""
    state = env.init_state(jax.random.uniform(key, (env.num_initial_uniforms(params),)), params)
    path = env.sample_path(key, state, params, 80)
    policy = lambda env, state, params, key: jnp.floor(jax.random.uniform(key, (), maxval=14.0))  # noqa: E731
    return path, env.rollout(policy, state, path, params, key)


@functools.partial(jax.jit, static_argnums=0)
def replayed_rewards(env, params, state, path, orders):
    policy = lambda env, state, params, key: orders[state.time]  # noqa: E731
    return env.rollout(policy, state, path, params, record=lambda t: t.outcome.reward)[1]


MONEY = ("price", "unit_cost", "fixed_order_cost", "holding_cost", "stockout_cost")


@functools.cache
def random_run(name, backlog_share):
    """A run with random numbers and orders: (env, params, path, states, orders, ledgers, rewards, last)."""
    structure, numbers = VARIANTS[name]
    env = SingleItem(**{**structure, "horizon": None})
    drawn = dict(zip(MONEY, np.random.default_rng(0).uniform(0.5, 20.0, len(MONEY)), strict=True))
    params = env.make_params(**{**numbers, **drawn, "backlog_share": backlog_share, "initial_inventory": 6.0})
    path, (last, records) = random_orders(env, params, jax.random.key(1))
    states, orders, outcome = jax.tree.map(np.asarray, (records.state, records.action, records.outcome))
    return env, params, path, states, orders, outcome.ledger, outcome.reward, last


def runs(test):
    test = pytest.mark.parametrize("share", [0.0, 0.5, 1.0])(test)
    names = ("L0", "L1", "L2", "random L1", "random L3", "binomial", "all or nothing", "everything")
    return pytest.mark.parametrize("name", names)(test)


@runs
def test_units_are_conserved(name, share):
    """Float32 sums of values up to 1e3: 1e-3."""
    env, _, _, states, _, ledger, _, last = random_run(name, share)
    after = np.append(states.inventory[1:], last.inventory)
    np.testing.assert_allclose(after, states.inventory + ledger.received - ledger.demanded + ledger.lost, atol=1e-3)
    if env.lead_time > 1:
        before = np.sum(states.pipeline, 0)
        following = np.append(before[1:], sum(last.pipeline))
        np.testing.assert_allclose(following, before + ledger.ordered - ledger.received - ledger.written_off, atol=1e-3)
    else:
        np.testing.assert_allclose(ledger.ordered, ledger.received + ledger.written_off, atol=1e-3)


@runs
def test_customers_are_conserved(name, share):
    _, _, _, states, _, ledger, _, last = random_run(name, share)
    waiting = np.maximum(-np.append(states.inventory, last.inventory), 0.0)
    np.testing.assert_allclose(waiting[1:], waiting[:-1] + ledger.demanded - ledger.lost - ledger.sold, atol=1e-3)
    np.testing.assert_allclose(ledger.lost, (1.0 - share) * (ledger.lost + ledger.backlogged), atol=1e-3)


@runs
def test_sales_keep_within_demand_and_stock(name, share):
    _, _, _, states, _, ledger, _, _ = random_run(name, share)
    waiting, stock = np.maximum(-states.inventory, 0.0), np.maximum(states.inventory, 0.0)
    assert (ledger.sold <= ledger.demanded + waiting + 1e-3).all()
    assert (ledger.sold <= stock + ledger.received + 1e-3).all()
    for units in (getattr(ledger, unit) for unit in Ledger.UNITS):
        assert (units >= -1e-3).all()
    assert (ledger.lost * ledger.on_hand == 0).all()  # none is lost while there is stock


@runs
def test_money_follows_units(name, share):
    _, params, _, _, orders, ledger, rewards, _ = random_run(name, share)
    for money, units, cost in (
        (ledger.revenue, ledger.sold, params.price),
        (ledger.purchase, orders, params.unit_cost),
        (ledger.fixed_order, orders > 0, params.fixed_order_cost),
        (ledger.holding, ledger.on_hand, params.holding_cost),
    ):
        np.testing.assert_allclose(money, cost * units, rtol=1e-5)
    total = sum(getattr(ledger, name) for name in Ledger.GAINS) - sum(getattr(ledger, name) for name in Ledger.COSTS)
    np.testing.assert_allclose(rewards, total, rtol=1e-5, atol=1e-3)


@runs
def test_scaling_money_scales_rewards(name, share):
    env, params, path, states, orders, _, rewards, _ = random_run(name, share)
    scaled = params.replace(**{cost: 2.5 * getattr(params, cost) for cost in MONEY})
    first = jax.tree.map(lambda x: x[0], states)
    again = replayed_rewards(env, scaled, first, path, orders)
    np.testing.assert_allclose(again, 2.5 * rewards, rtol=1e-5, atol=1e-3)
