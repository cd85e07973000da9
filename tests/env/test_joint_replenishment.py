"""JointReplenishment: each event by hand, SingleItem as a reference, and the finite model."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Cyclic, Empirical, Gamma, Modulated, Poisson, UniformInteger, Weekly
from jaxinv.env.joint_replenishment import Exogenous, JointReplenishment, Ledger
from jaxinv.env.single_item import SingleItem
from jaxinv.env.wrappers import DiscreteOrders, EnumeratedActions, OrderUpTo
from jaxinv.testing import check_environment

WEEKLY = Modulated(Poisson([4.0, 2.0]), (Weekly([0.5, 1.0, 1.0, 1.0, 1.5, 2.0, 0.0]),), first_day=3, span=7)
VARIANTS = {
    "default": ({}, {}),
    "3 items, L1": (dict(num_items=3, lead_time=1), dict(backlog_share=[0.0, 0.5, 1.0], price=3.0)),
    "L3, calendar": (dict(lead_time=3, calendar=True), dict(demand=WEEKLY, truck_volume=7.5)),
    "smooth": (dict(num_items=1, full_trucks=False), dict(demand=Gamma([5.0], 0.5, rounded=False))),
}


@pytest.mark.slow  # the default one is among the contract tests
@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_keeps_the_protocol(name):
    structure, numbers = VARIANTS[name]
    env = JointReplenishment(**structure)
    check_environment(env, env.make_params(**numbers))


# -- the order of events ----------------------------------------------------------------------------------------------


def play(env, params, demands, orders, inventory):
    """The inventories [T + 1, N] and the periods' ledgers of given demands and orders."""
    _, state = env.reset(jax.random.key(0), params)
    state = state.replace(inventory=jnp.asarray(inventory, jnp.float32))
    seen, ledgers = [state.inventory.tolist()], []
    for demand, order in zip(demands, orders, strict=True):
        exo = Exogenous(next=state.exo, demand=jnp.asarray(demand, jnp.float32))
        state, outcome = env.transition(state, jnp.asarray(order, jnp.float32), exo, params)
        np.testing.assert_allclose(outcome.reward, outcome.ledger.reward())
        assert not outcome.terminated
        seen.append(state.inventory.tolist())
        ledgers.append(outcome.ledger)
    return seen, jax.tree.map(lambda *x: np.stack(x).tolist(), *ledgers)


def test_periods_by_hand():
    """Trucks of 6. The last two are the published decision of setting 5 and a truck that is not full."""
    env = JointReplenishment()
    params = env.make_params(minor_order_cost=[40.0, 10.0])
    orders = [[2, 4], [0, 0], [0, 12], [3, 5]]
    inventory, ledger = play(env, params, [[5, 3], [1, 0], [2, 4], [0, 1]], orders, [1, -2])
    assert inventory == [[1, -2], [-2, -1], [-3, -1], [-5, 7], [-2, 11]]
    assert ledger.major_order == [[37.5, 37.5], [0, 0], [0, 150], [75, 75]]
    assert ledger.minor_order == [[40, 10], [0, 0], [0, 10], [40, 10]]
    assert ledger.holding == [[0, 0], [0, 0], [0, 7], [0, 11]]
    assert ledger.stockout == [[38, 19], [57, 19], [95, 0], [38, 0]]
    assert ledger.backlogged == [[2, 1], [1, 0], [2, 0], [0, 0]]
    assert ledger.sold == [[3, 4], [0, 0], [0, 5], [3, 1]]
    assert ledger.received == orders


@pytest.mark.parametrize("lead_time", [0, 1, 2, 3])
def test_an_order_serves_the_demand_of_the_period_its_lead_time_says(lead_time):
    env = JointReplenishment(lead_time=lead_time)
    params = env.make_params(backlog_share=[0.0, 1.0])
    _, ledger = play(env, params, [[7, 7]] * 5, [[5, 5]] + [[0, 0]] * 4, [0, -2])
    assert np.array(ledger.sold)[:, 0].tolist() == [5 * (t == lead_time) for t in range(5)]
    assert np.array(ledger.lost)[:, 0].tolist() == [7 - 5 * (t == lead_time) for t in range(5)]
    assert not np.array(ledger.lost)[:, 1].any()
    waiting = [2 + 7 * (t + 1) - 5 * (t >= lead_time) for t in range(5)]
    assert np.array(ledger.stockout)[:, 1].tolist() == [19 * units for units in waiting]
    # It is received before that demand: at the end of the period before, or at once.
    assert ledger.received == [[5 * (t == max(lead_time - 1, 0))] * 2 for t in range(5)]


@pytest.mark.parametrize(
    ("units", "trucks"), [(0, 0), (1, 1), (5.9, 1), (6, 1), (6.1, 2), (12, 2), (13, 3), (600, 100)]
)
def test_every_truck_begun_is_charged(units, trucks):
    env = JointReplenishment(num_items=3)
    _, ledger = play(env, env.make_params(), [[0, 0, 0]], [[units / 2, 0, units / 2]], [0, 0, 0])
    np.testing.assert_allclose(np.sum(ledger.major_order), 75.0 * trucks, rtol=1e-6)


# -- properties -------------------------------------------------------------------------------------------------------


def rollout(env, params, orders, seed=0, length=40):
    """Final state, and the ledgers of a rollout of given orders [length, N]."""
    _, state = env.reset(jax.random.key(seed), params)
    path = env.sample_path(jax.random.key(seed), state, params, length)
    policy = lambda env, state, params, key: jnp.asarray(orders, jnp.float32)[state.time]  # noqa: E731
    return env.rollout(policy, state, path, params, record=lambda t: t.outcome.ledger)


def random_orders(shape, seed=3):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 9, shape) * rng.integers(0, 2, shape)


@pytest.mark.parametrize("lead_time", [0, 1, 3])
def test_without_truck_costs_every_item_is_single_item(lead_time):
    env, single = JointReplenishment(num_items=3, lead_time=lead_time), SingleItem(lead_time=lead_time)
    by_item = dict(
        price=[0.0, 9.0, 3.0], unit_cost=[1.0, 0.0, 2.0], holding_cost=[1.0, 0.5, 2.0], stockout_cost=[9.0, 4.0, 0.0],
        backlog_share=[1.0, 0.0, 0.5], initial_inventory=[4.0, 0.0, -3.0],
    )  # fmt: skip
    params = env.make_params(**by_item, minor_order_cost=[5.0, 0.0, 7.0], major_order_cost=0.0)
    params = params.replace(demand=Poisson([3.0, 2.0, 6.0]))
    orders = random_orders((40, 3))
    final, ledger = rollout(env, params, orders)
    for item in range(3):
        numbers = {name: values[item] for name, values in by_item.items()}
        one = single.make_params(demand=Poisson(3.0), fixed_order_cost=params.minor_order_cost[item], **numbers)
        _, state = single.reset(jax.random.key(0), one)
        path = single.sample_path(jax.random.key(0), state, one, 40).replace(demand=ledger.demanded[:, item])
        policy = lambda env, state, params, key, item=item: jnp.asarray(orders, jnp.float32)[state.time, item]  # noqa: E731
        last, expected = single.rollout(policy, state, path, one, record=lambda t: t.outcome.ledger)
        np.testing.assert_allclose(final.inventory[item], last.inventory)
        for field in dataclasses.fields(expected):
            found = ledger.minor_order if field.name == "fixed_order" else getattr(ledger, field.name)
            np.testing.assert_allclose(found[:, item], getattr(expected, field.name), atol=1e-5, err_msg=field.name)
    assert ledger.lost[:, 1].any()
    assert ledger.backlogged[:, 0].any()
    assert set(Ledger.GAINS + Ledger.COSTS + Ledger.UNITS) == {field.name for field in dataclasses.fields(Ledger)}


@pytest.mark.parametrize("lead_time", [0, 2])
def test_exchanged_items_exchange_the_ledger(lead_time):
    env = JointReplenishment(num_items=3, lead_time=lead_time)
    order = np.array([2, 0, 1])
    by_item = dict(holding_cost=np.array([1.0, 2.0, 3.0]), minor_order_cost=np.array([0.0, 5.0, 9.0]))
    demands, orders = random_orders((20, 3), 1), random_orders((20, 3), 2)
    first, ledger = play(env, env.make_params(**by_item), demands, orders, [1, 2, 3])
    exchanged = {name: values[order] for name, values in by_item.items()}
    second, other = play(env, env.make_params(**exchanged), demands[:, order], orders[:, order], [3, 1, 2])
    np.testing.assert_array_equal(np.array(first)[:, order], second)
    for field in dataclasses.fields(Ledger):
        np.testing.assert_allclose(np.array(getattr(ledger, field.name))[:, order], getattr(other, field.name))


def test_scaled_costs_scale_the_reward():
    env = JointReplenishment(lead_time=1)
    costs = dict(major_order_cost=75.0, minor_order_cost=10.0, holding_cost=1.0, stockout_cost=19.0, unit_cost=2.0)
    orders = random_orders((40, 2))
    _, ledger = rollout(env, env.make_params(**costs), orders)
    _, scaled = rollout(env, env.make_params(**{name: 3.0 * cost for name, cost in costs.items()}), orders)
    np.testing.assert_allclose(jax.vmap(Ledger.reward)(scaled), 3.0 * jax.vmap(Ledger.reward)(ledger), rtol=1e-6)


def test_the_observation_is_in_the_order_told():
    env = JointReplenishment(lead_time=2, calendar=True)
    demand = Cyclic((UniformInteger([0.0, 0.0], [2.0, 4.0]), UniformInteger([4.0, 1.0], [6.0, 1.0])))
    params = env.make_params(demand=demand, demand_scale=[2.0, 1.0])
    _, state = env.reset(jax.random.key(0), params)
    state = state.replace(inventory=jnp.array([-4.0, 3.0]), pipeline=(jnp.array([6.0, 5.0]),))
    observed = env.observe(state, params)
    np.testing.assert_allclose(observed[:4], [-2, 3, 3, 5])
    np.testing.assert_allclose(observed[4:10], [0.5, 2, 2.5, 1, 0.5, 2])
    np.testing.assert_allclose(observed[10:], np.eye(7)[0])
    np.testing.assert_array_equal(env.inventory_position(state), [2, 8])


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (dict(num_items=0), "num_items must be a whole number >= 1, got 0"),
        (dict(lead_time=-1), "lead_time must be a whole number >= 0, got -1"),
        (dict(lead_time=1.5), "lead_time must be a whole number >= 0, got 1.5"),
    ],
)
def test_bad_structure_raises(structure, message):
    with pytest.raises(ValueError, match=message):
        JointReplenishment(**structure)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (dict(fixed_order_cost=1.0), "no parameter 'fixed_order_cost'; it has .*major_order_cost"),
        (dict(holding_cost=[1.0, 2.0, 3.0]), r"holding_cost must have shape \(2,\) .*, got shape \(3,\)"),
        (dict(demand=Poisson(2.0)), r"demand must be a demand process of shape \(2,\), got \(\)"),
        (dict(truck_volume=0.0), "truck_volume must be > 0"),
        (dict(backlog_share=1.5), "backlog_share must be <= 1"),
    ],
)
def test_bad_numbers_raise(numbers, message):
    with pytest.raises(ValueError, match=message):
        JointReplenishment().make_params(**numbers)


# -- the finite model -------------------------------------------------------------------------------------------------

SMALL = dict(max_position=[5, 3], min_inventory=[-2, -3], max_trucks=2)


@pytest.mark.parametrize("lead_time", [0, 1, 2])
def test_states_and_numbers_are_one_to_one(lead_time):
    env = JointReplenishment(lead_time=lead_time)
    params = env.make_params(demand=Cyclic((UniformInteger([0, 0], [1, 2]), UniformInteger([1, 0], [2, 0]))))
    model = env.finite_model(params, **SMALL)
    numbers = jnp.arange(model.num_states)
    states = jax.vmap(model.index_to_state, (0, None))(numbers, params)
    np.testing.assert_array_equal(jax.vmap(model.state_to_index, (0, None))(states, params), numbers)
    assert jax.tree.structure(states) == jax.tree.structure(env.reset(jax.random.key(0), params)[1])


@pytest.mark.parametrize("full_trucks", [True, False])
def test_joint_orders_are_all_that_fill_trucks_or_fit(full_trucks):
    env = JointReplenishment(full_trucks=full_trucks)
    model = env.finite_model(env.make_params(truck_volume=5.0), **SMALL)
    expected = {
        (a, b)
        for a, b in itertools.product(range(5 + 2 + 1), range(3 + 3 + 1))
        if a + b <= 10 and (not full_trucks or (a + b) % 5 == 0)
    }
    params = env.default_params()
    found = jax.vmap(model.index_to_action, (0, None))(jnp.arange(model.num_actions), params)
    assert {tuple(row) for row in found.tolist()} == expected
    assert model.num_actions == len(expected)
    _, state = env.reset(jax.random.key(0), params)
    state = state.replace(inventory=jnp.array([2.0, 3.0]))
    legal = {tuple(row) for row, ok in zip(found.tolist(), model.action_mask(state, params), strict=True) if ok}
    assert legal == {(a, b) for a, b in expected if a <= 3 and b == 0}


def test_demands_are_all_combinations():
    env = JointReplenishment()
    params = env.make_params(demand=Empirical([0.0, 1.0, 4.0], [[0.5, 0.2, 0.3], [0.9, 0.1, 0.0]]))
    model = env.finite_model(params, **SMALL)
    state = model.index_to_state(jnp.int32(0), params)
    exo, probabilities = model.exogenous_support(state, model.index_to_action(jnp.int32(0), params), params)
    found = {tuple(demand): p for demand, p in zip(exo.demand.tolist(), probabilities.tolist(), strict=True) if p > 0.0}
    assert found == pytest.approx(
        {(a, b): p * q for a, p in ((0, 0.5), (1, 0.2), (4, 0.3)) for b, q in ((0, 0.9), (1, 0.1))}
    )


def test_what_is_not_whole_raises():
    env = JointReplenishment()
    with pytest.raises(ValueError, match=r"backlog_share 0 or 1, got \[0.5, 1.0\]"):
        env.finite_model(env.make_params(backlog_share=[0.5, 1.0]))
    with pytest.raises(ValueError, match=r"whole truck_volume where trucks are full, got 6.5"):
        env.finite_model(env.make_params(truck_volume=6.5))
    with pytest.raises(NotImplementedError):
        env.finite_model(env.make_params(demand=Gamma([5.0, 2.0], 0.5, rounded=False)))


# -- wrappers ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow  # the environment is among the contract tests, and the wrapper is checked with two suppliers
def test_numbered_orders_keep_the_protocol():
    env = JointReplenishment()
    params = env.default_params()
    check_environment(EnumeratedActions(env, env.finite_model(params)), params)


def test_learners_choose_among_full_trucks():
    env = JointReplenishment()
    params = env.default_params()
    model = env.finite_model(params)
    wrapped = EnumeratedActions(env, model)
    orders = jax.vmap(wrapped.native_action, (0, None, None))(
        jnp.arange(wrapped.action_space(params).n), wrapped.reset(jax.random.key(0), params)[1], params
    )
    np.testing.assert_array_equal(orders.sum(1) % 6, 0)
    assert len(np.unique(orders, axis=0)) == model.num_actions
    _, state = wrapped.reset(jax.random.key(0), params)
    assert wrapped.action_mask(state, params).shape == (model.num_actions,)


def test_items_can_be_ordered_one_by_one():
    env = JointReplenishment(num_items=3)
    params = env.make_params(batch_size=[1.0, 2.0, 3.0], minimum_order=[0.0, 0.0, 6.0])
    _, state = env.reset(jax.random.key(0), params)
    wrapped = DiscreteOrders(env, max_order=3, max_position=10.0)
    np.testing.assert_array_equal(wrapped.decode(jnp.array([3, 2, 1]), state, params), [3, 4, 3])
    state = state.replace(inventory=jnp.array([8.0, 4.0, 0.0]))
    mask = wrapped.action_mask(state, params)
    np.testing.assert_array_equal(mask, [[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 1, 1]])
    levels = OrderUpTo(env).decode(jnp.array([9.0, 3.0, 2.0]), state, params)
    np.testing.assert_array_equal(levels, [1, 0, 2])
