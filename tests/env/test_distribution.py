"""Distribution: each event by hand, SingleItem as a reference, and what cannot be."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import CorrelatedNormal, Poisson, Weekly
from jaxinv.demand.modifiers import Modulated
from jaxinv.env.distribution import Distribution, Exogenous, Ledger
from jaxinv.env.single_item import SingleItem
from jaxinv.testing import check_environment
from tests.env.warehouses import start

WEEKLY = Modulated(Poisson([2.0, 3.0]), (Weekly([0.5, 1.0, 1.0, 1.0, 1.5, 2.0, 0.0]),), first_day=3, span=7)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "numbers"),
    [
        (
            Distribution(2, 0, (0, 3), special_deliveries=True, calendar=True, holding_before_demand=True),
            dict(demand=WEEKLY, production_capacity=20.0),
        ),
        (Distribution(3, special_deliveries=True, random_rationing=True), dict(store_capacity=9.0)),
        (Distribution(2, 3, 2, cross_docking=True), dict(demand=CorrelatedNormal([3.0, 5.0], 1.5, 0.5, clipped=False))),
    ],
    ids=["special", "in turn", "centre"],
)
def test_other_variants_keep_the_protocol(env, numbers):
    check_environment(env, env.make_params(**numbers))


# -- the order of events ----------------------------------------------------------------------------------------------


@partial(jax.jit, static_argnames="env")
def _step(env, state, action, exo, params):
    return env.transition(state, action, exo, params)


def step(env, params, state, action, demand, patience=()):
    exo = Exogenous(
        next=state.exo,
        demand=jnp.asarray(demand, jnp.float32),
        patience=jnp.asarray(patience, jnp.float32) if len(patience) else (),
    )
    state, outcome = _step(env, state, jnp.asarray(action, jnp.float32), exo, params)
    assert not outcome.terminated
    np.testing.assert_allclose(outcome.reward, outcome.ledger.reward(), rtol=1e-6)
    return state, outcome.ledger


def test_a_period_by_hand():
    """Two stores at lead times 1 and 2, full backlog. The warehouse has 10 and 5 more next period; store 1 has 2 and
    store 2 lacks 1, with 4 under way."""
    env = Distribution(num_stores=2, warehouse_lead_time=2, store_lead_time=(1, 2))
    params = env.make_params(
        demand=Poisson([3.0, 3.0]), price=2.0, unit_cost=0.5, holding_cost=[0.25, 1.0, 2.0], stockout_cost=[9.0, 10.0]
    )
    state = start(env, params, 10, [2, -1], orders=[5], shipments=[[0, 4]])
    following, ledger = step(env, params, state, [7, 6, 2], [5, 3])
    # 6 and 2 leave, 2 stay; 3 are short in store 1; store 2 now lacks 4, which the 4 due next serve.
    assert following.warehouse == 2 + 5
    assert [float(x) for x in following.orders] == [7]
    assert following.stores.tolist() == [-3 + 6, -4 + 4]
    assert [x.tolist() for x in following.shipments] == [[0, 2]]
    assert ledger.holding.tolist() == [0.25 * 2, 0, 0]
    assert ledger.stockout.tolist() == [0, 9 * 3, 10 * 4]
    assert ledger.purchase.tolist() == [0.5 * 7, 0, 0]
    assert ledger.sold.tolist() == [5, 4]  # who waits in the end of a period is served by what arrives then
    assert ledger.revenue.tolist() == [0, 10, 8]
    assert ledger.backlogged.tolist() == [3, 3]
    assert ledger.ordered.tolist() == [7, 6, 2]
    assert ledger.received.tolist() == [5, 6, 4]
    assert ledger.on_hand.tolist() == [2, 0, 0]
    np.testing.assert_array_equal(env.inventory_position(state), [10 + 5 + 2 + 3, 2, 3])
    np.testing.assert_array_equal(env.inventory_position(following), [20 + 7 - 8, 3, 2])


def test_special_deliveries_by_hand():
    """Stores have 1 and 2 and are asked for 5 and 4: 4 and 2 customers are short, of whom 3 and 2 accept what the
    warehouse has left, 3: in proportion 1.8 and 1.2. Of the rest a quarter waits."""
    env = Distribution(num_stores=2, warehouse_lead_time=1, store_lead_time=1, special_deliveries=True)
    params = env.make_params(
        demand=Poisson([3.0, 3.0]), wait_probability=0.5, backlog_share=0.25, special_delivery_cost=[2.0, 4.0],
        holding_cost=1.0, stockout_cost=10.0,
    )  # fmt: skip
    # Of 4 with probability 0.5, 3 from u = 11/16 to 15/16; of 2, 2 from 3/4 on.
    state = start(env, params, 5, [1, 2])
    following, ledger = step(env, params, state, [8, 1, 1], [5, 4], patience=[0.8, 0.9])
    np.testing.assert_allclose(ledger.delivered, [1.8, 1.2], rtol=1e-6)
    np.testing.assert_allclose(ledger.special_delivery, [0, 3.6, 4.8], rtol=1e-6)
    np.testing.assert_allclose(ledger.backlogged, [0.55, 0.2], rtol=1e-5)
    np.testing.assert_allclose(ledger.lost, [1.65, 0.6], rtol=1e-5)
    np.testing.assert_allclose(ledger.stockout, [0, 22, 8], rtol=1e-5)
    np.testing.assert_allclose(ledger.on_hand, [0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(following.stores, [-0.55 + 1, -0.2 + 1], rtol=1e-5)
    np.testing.assert_allclose(following.warehouse, 8, rtol=1e-6)
    # Enough for all who accept: nothing is cut.
    _, ledger = step(env, params, start(env, params, 9, [1, 2]), [8, 1, 1], [5, 4], patience=[0.8, 0.9])
    assert ledger.delivered.tolist() == [3, 2]
    assert ledger.on_hand.tolist() == [2, 0, 0]


def test_holding_before_demand():
    """On the warehouse's stock after shipments, before special deliveries, and on the stores' before demand."""
    env = Distribution(2, 1, 1, special_deliveries=True, holding_before_demand=True)
    params = env.make_params(demand=Poisson([3.0, 3.0]), wait_probability=1.0, holding_cost=[1.0, 2.0, 3.0])
    _, ledger = step(env, params, start(env, params, 9, [4, 2]), [0, 1, 2], [3, 5], patience=[0.5, 0.5])
    assert ledger.delivered.tolist() == [0, 3]
    assert ledger.holding.tolist() == [6, 8, 6]
    assert ledger.on_hand.tolist() == [6, 4, 2]


def test_without_lead_times_everything_is_there_at_once():
    env = Distribution(num_stores=2, warehouse_lead_time=0, store_lead_time=0)
    params = env.make_params(demand=Poisson([3.0, 3.0]), production_capacity=7.0)
    following, ledger = step(env, params, start(env, params, 1, [0, 0]), [9, 4, 4], [5, 1])
    assert ledger.ordered.tolist() == [7, 4, 4]
    assert ledger.lost.tolist() == [0, 0]
    assert following.stores.tolist() == [-1, 3]
    assert following.warehouse == 0
    assert env.available(jnp.float32(9), start(env, params, 1, [0, 0]), params) == 8


def test_a_centre_without_stock_ships_all_it_has():
    env = Distribution(num_stores=2, warehouse_lead_time=1, store_lead_time=1, cross_docking=True)
    params = env.make_params(demand=Poisson([3.0, 3.0]))
    for wanted, shipped in (([1, 3], [3, 9]), ([20, 20], [6, 6]), ([0, 0], [6, 6])):
        following, ledger = step(env, params, start(env, params, 12, [0, 0]), [5, *wanted], [0, 0])
        np.testing.assert_allclose(ledger.ordered, [5, *shipped], rtol=1e-6)
        assert ledger.on_hand.tolist() == [0, 0, 0]
        assert following.warehouse == 5


def test_capacities():
    """At most 8 are ordered in a period, 20 may be on hand and on order at the warehouse, 6 at store 1."""
    env = Distribution(num_stores=2, warehouse_lead_time=2, store_lead_time=2)
    params = env.make_params(
        demand=Poisson([3.0, 3.0]), production_capacity=8.0, warehouse_capacity=20.0, store_capacity=[6.0, 100.0]
    )
    state = start(env, params, 15, [2, 2], orders=[6], shipments=[[1, 0]])
    _, ledger = step(env, params, state, [50, 9, 4], [0, 0])
    assert ledger.ordered.tolist() == [6, 3, 4]  # 15 + 6 - 7 leave room for 6
    _, ledger = step(env, params, state.replace(warehouse=jnp.float32(10)), [50, 9, 4], [0, 0])
    assert ledger.ordered.tolist() == [8, 3, 4]
    _, ledger = step(env, params, state.replace(warehouse=jnp.float32(30)), [50, 0, 0], [0, 0])
    assert ledger.ordered.tolist() == [0, 0, 0]


# -- properties -------------------------------------------------------------------------------------------------------

SPECIAL = Distribution(num_stores=3, warehouse_lead_time=2, store_lead_time=(0, 1, 3), special_deliveries=True)
NUMBERS = dict(
    demand=Poisson([6.0, 3.0, 4.0]), wait_probability=0.6, backlog_share=[0.0, 0.5, 1.0], production_capacity=20.0,
    warehouse_capacity=40.0, store_capacity=[12.0, 20.0, 30.0], price=3.0, unit_cost=1.0, special_delivery_cost=2.0,
    holding_cost=[0.5, 1.0, 2.0, 3.0],
)  # fmt: skip


@partial(jax.jit, static_argnames="env")
def random_orders(env, params, seed):
    """A rollout of random orders: (states before, states after, ledgers), stacked over periods."""
    _, state = env.reset(jax.random.key(seed), params)
    path = env.sample_path(jax.random.key(seed + 1), state, params, 80)

    def policy(env, state, params, key):
        scale = jnp.full(env.cells, 9.0).at[0].set(30.0)
        return jnp.round(scale * jax.random.uniform(key, env.cells))

    final, trajectory = env.rollout(policy, state, path, params, jax.random.key(seed + 2))
    after = jax.tree.map(lambda x, last: jnp.concatenate([x[1:], last[None]]), trajectory.state, final)
    return trajectory.state, after, trajectory.outcome.ledger


def test_units_are_conserved_and_capacities_kept():
    params = SPECIAL.make_params(**NUMBERS)
    before, after, ledger = jax.tree.map(np.asarray, random_orders(SPECIAL, params, 7))
    delivered, shipped = ledger.delivered, ledger.ordered[:, 1:]
    position = lambda state: np.asarray(jax.vmap(SPECIAL.inventory_position)(state))  # noqa: E731
    served_by_stores = ledger.demanded - ledger.lost - delivered
    np.testing.assert_allclose(position(after)[:, 1:], position(before)[:, 1:] + shipped - served_by_stores, atol=1e-4)
    echelon = ledger.ordered[:, 0] - (ledger.demanded - ledger.lost).sum(1)
    np.testing.assert_allclose(position(after)[:, 0], position(before)[:, 0] + echelon, atol=1e-3)
    leaving = shipped.sum(1) + delivered.sum(1)
    np.testing.assert_allclose(after.warehouse, before.warehouse + ledger.received[:, 0] - leaving, atol=1e-4)
    np.testing.assert_allclose(after.stores, before.stores + ledger.received[:, 1:] - served_by_stores, atol=1e-4)
    waiting = lambda state: jnp.maximum(-state.stores, 0.0)  # noqa: E731
    np.testing.assert_allclose(waiting(after), waiting(before) + ledger.demanded - ledger.lost - ledger.sold, atol=1e-4)

    assert (leaving <= before.warehouse + 1e-4).all()
    assert (ledger.ordered[:, 0] <= 20).all()
    own = before.warehouse + sum(before.orders)
    assert (own + ledger.ordered[:, 0] - shipped.sum(1) <= np.maximum(40, own) + 1e-4).all()
    assert (position(before)[:, 1:] + shipped <= np.array([12.0, 20.0, 30.0]) + 1e-4).all()
    assert (ledger.on_hand >= 0).all()
    assert (delivered + ledger.lost + ledger.backlogged <= ledger.demanded + 1e-4).all()
    # What is tested happens.
    for happened in (delivered, ledger.lost, ledger.backlogged, ledger.on_hand[:, 0], leaving == before.warehouse):
        assert jnp.any(happened > 0)

    np.testing.assert_allclose(ledger.purchase[:, 0], ledger.ordered[:, 0])
    np.testing.assert_allclose(ledger.revenue[:, 1:], 3 * ledger.sold, rtol=1e-6)
    np.testing.assert_allclose(ledger.special_delivery[:, 1:], 2 * delivered, rtol=1e-6)
    np.testing.assert_allclose(ledger.holding, np.array([0.5, 1.0, 2.0, 3.0]) * ledger.on_hand, rtol=1e-6)
    assert set(Ledger.GAINS + Ledger.COSTS + Ledger.UNITS) == {field.name for field in dataclasses.fields(Ledger)}


def test_scaled_costs_scale_the_reward():
    money = ("price", "unit_cost", "special_delivery_cost", "holding_cost")
    scaled = {name: 2.5 * np.asarray(x) if name in money else x for name, x in NUMBERS.items()}
    _, _, ledger = random_orders(SPECIAL, SPECIAL.make_params(**NUMBERS, stockout_cost=9.0), 3)
    _, _, dearer = random_orders(SPECIAL, SPECIAL.make_params(**scaled, stockout_cost=22.5), 3)
    np.testing.assert_allclose(jax.vmap(Ledger.reward)(dearer), 2.5 * jax.vmap(Ledger.reward)(ledger), rtol=1e-5)


def test_permuted_stores_permute_the_results():
    env = Distribution(num_stores=3, warehouse_lead_time=2, store_lead_time=2, special_deliveries=True)
    order = np.array([2, 0, 1])
    rate, cost = np.array([6.0, 3.0, 4.0]), np.array([1.0, 2.0, 3.0])
    here = env.make_params(demand=Poisson(rate), holding_cost=[0.5, *cost])
    there = env.make_params(demand=Poisson(rate[order]), holding_cost=[0.5, *cost[order]])
    u = jax.random.uniform(jax.random.key(0), (2, 3))
    state, moved = start(env, here, 7, [2, 5, 0]), start(env, there, 7, np.array([2, 5, 0])[order])
    action = np.array([6.0, 4.0, 3.0, 5.0])
    exo = env.exogenous(u.reshape(-1), state, here)
    exo_there = env.exogenous(u[:, order].reshape(-1), moved, there)
    _, one = _step(env, state, jnp.asarray(action), exo, here)
    _, two = _step(env, moved, jnp.asarray(np.concatenate([action[:1], action[1:][order]])), exo_there, there)
    by_location = np.concatenate([[0], 1 + order])
    for name in Ledger.GAINS + Ledger.COSTS + Ledger.UNITS:
        x = getattr(one.ledger, name)
        expected = x[by_location] if x.shape == env.cells else x[order]
        np.testing.assert_allclose(getattr(two.ledger, name), expected, rtol=1e-6, atol=1e-5, err_msg=name)
    assert one.ledger.delivered.any()


@pytest.mark.parametrize(("lead_time", "share"), [(0, 0.0), (3, 0.5)])
def test_a_store_behind_a_warehouse_that_passes_on_is_single_item(lead_time, share):
    single, env = SingleItem(lead_time=lead_time), Distribution(1, warehouse_lead_time=0, store_lead_time=lead_time)
    numbers = dict(price=3.0, unit_cost=1.0, stockout_cost=7.0, backlog_share=share)
    one = single.make_params(demand=Poisson(4.0), holding_cost=2.0, initial_inventory=5.0, **numbers)
    two = env.make_params(demand=Poisson([4.0]), holding_cost=[9.0, 2.0], initial_inventory=[0.0, 5.0], **numbers)

    def orders(env, state, params, key):
        units = jnp.round(8.0 * jax.random.uniform(key))
        return units if env is single else jnp.stack([units, units])

    def ledgers(env, params):
        _, state = env.reset(jax.random.key(0), params)
        path = env.sample_path(jax.random.key(1), state, params, 60)
        return env.rollout(orders, state, path, params, record=lambda t: t.outcome.ledger)

    expected_state, expected = ledgers(single, one)
    state, ledger = ledgers(env, two)
    assert state.stores.tolist() == [expected_state.inventory]
    assert [x[0] for x in state.shipments] == list(expected_state.pipeline)
    for name in ("revenue", "purchase", "holding", "stockout"):
        np.testing.assert_allclose(getattr(ledger, name).sum(1), getattr(expected, name), rtol=1e-6, err_msg=name)
    for name in ("demanded", "sold", "lost", "backlogged"):
        np.testing.assert_allclose(getattr(ledger, name)[:, 0], getattr(expected, name), atol=1e-5, err_msg=name)
    for name in ("ordered", "received", "on_hand"):
        np.testing.assert_allclose(getattr(ledger, name)[:, 1], getattr(expected, name), atol=1e-5, err_msg=name)
    assert expected.lost.any()


def test_the_observation_says_where_stock_is():
    env = Distribution(num_stores=2, warehouse_lead_time=3, store_lead_time=(1, 2), calendar=True)
    params = env.make_params(demand=Poisson([2.0, 4.0]), stockout_cost=[3.0, 9.0], holding_cost=[1.0, 1.0, 1.0])
    state = start(env, params, 12, [4, -2], orders=[6, 0], shipments=[[0, 8]])
    observed = env.observe(state, params)
    assert observed.shape == (3, env.num_features)
    np.testing.assert_allclose(observed[:, 0], [2, 2, -0.5])
    np.testing.assert_allclose(observed[:, 1:3], [[1, 0], [0, 0], [2, 0]])
    np.testing.assert_allclose(observed[:, 3], [28 / 6, 2, 1.5], rtol=1e-6)
    np.testing.assert_allclose(observed[:, 4], [1, 0, 0])
    np.testing.assert_allclose(observed[:, 5], [0.75, 0.25, 0.5])
    np.testing.assert_allclose(observed[:, 6], [6 / 7, 0.75, 0.9], rtol=1e-6)
    np.testing.assert_allclose(observed[:, 7], np.log([6, 2, 4]), rtol=1e-6)
    np.testing.assert_allclose(observed[:, 8:12], np.ones((3, 4)))
    np.testing.assert_allclose(observed[:, 12:], np.tile(np.eye(7)[0], (3, 1)))


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (dict(num_stores=0), "num_stores must be a whole number >= 1, got 0"),
        (dict(warehouse_lead_time=-1), "warehouse_lead_time must be a whole number >= 0, got -1"),
        (dict(store_lead_time=1.5), "store_lead_time must be a whole number >= 0, got 1.5"),
        (dict(store_lead_time=(1, -1, 2)), r"store_lead_time must be whole numbers >= 0, one per store, got \(1, -1"),
        (dict(store_lead_time=(1, 2)), r"store_lead_time must be one for all stores or 3, got \(1, 2\)"),
        (dict(special_deliveries="no"), "special_deliveries must be True or False, got 'no'"),
        (dict(cross_docking=True, special_deliveries=True), "special_deliveries needs stock at the warehouse"),
        (dict(cross_docking=True, random_rationing=True), "random_rationing needs stock at the warehouse"),
    ],
)
def test_bad_structure_raises(structure, message):
    with pytest.raises(ValueError, match=message):
        Distribution(**structure)


@pytest.mark.parametrize(
    ("structure", "numbers", "message"),
    [
        ({}, dict(fixed_order_cost=1.0), "no parameter 'fixed_order_cost'; it has .*unit_cost"),
        ({}, dict(demand=Poisson([1.0, 2.0])), r"demand must be a demand process of shape \(3,\), got \(2,\)"),
        ({}, dict(demand=3.0), "demand must be a demand process of shape .*, got float"),
        ({}, dict(holding_cost=[1.0, 2.0, 3.0]), r"holding_cost must have shape \(4,\) .*, got shape \(3,\)"),
        ({}, dict(stockout_cost=-1.0), "stockout_cost must be >= 0"),
        ({}, dict(unit_cost=[1, 2, 3]), "Distribution.unit_cost must be one number"),
        ({}, dict(initial_inventory="abc"), "Distribution.initial_inventory must be numeric, got 'abc'"),
        ({}, dict(initial_inventory=[-1.0, 0, 0, 0]), "initial_inventory of the warehouse.*must be >= 0, got -1"),
        ({}, dict(wait_probability=0.5), "wait_probability needs Distribution.special_deliveries"),
        (dict(cross_docking=True), dict(store_capacity=9.0), "store_capacity must be unlimited with cross_docking"),
    ],
)
def test_bad_numbers_raise(structure, numbers, message):
    with pytest.raises(ValueError, match=message):
        Distribution(**structure).make_params(**numbers)
