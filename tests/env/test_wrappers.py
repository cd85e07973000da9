"""Wrappers change the terms of a decision and nothing else."""

import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.env import make, registered
from jaxinv.env.multi_warehouse import Action, MultiWarehouse
from jaxinv.env.single_item import SingleItem
from jaxinv.env.wrappers import (
    DiscreteOrders,
    FlattenObservation,
    NearBatches,
    NetTransfer,
    NetTransfers,
    OptionalOrderUpTo,
    OrderUpTo,
    RoundToBatches,
    Steered,
)
from jaxinv.policies import BaseStock, CanOrder, Rebalancing
from jaxinv.testing import check_environment

ENV = MultiWarehouse(num_warehouses=2, num_skus=3, max_lead_time=2)


@pytest.fixture
def start(key):
    params = ENV.make_params(batch_size=[1.0, 5.0, 6.0], minimum_order=[0.0, 0.0, 10.0])
    _, state = ENV.reset(key, params)
    return params, state


def test_flat_observations_hold_all_features(start):
    params, state = start
    flat = FlattenObservation(ENV)
    assert flat.observation_space(params).contains(flat.observe(state, params))
    np.testing.assert_array_equal(flat.observe(state, params), ENV.observe(state, params).reshape(-1))


def test_orders_are_rounded_to_batches_and_small_ones_dropped_or_raised(start):
    params, state = start
    orders = jnp.array([[2.4, 7.4, 4.9], [2.6, 7.6, 5.1]])
    rounded = RoundToBatches(ENV).decode(ENV.order_action(orders), state, params)
    # The minimum of 10 is not a multiple of the batch of 6: the next multiple above is.
    np.testing.assert_array_equal(rounded.orders, [[2, 5, 0], [3, 10, 12]])


def test_orders_are_drawn_to_batches_smoothly(start):
    """To the nearest, the more so the larger the pull, with the slopes that are promised at multiples and halfway."""
    params, state = start  # batches of 1, 5 and 6

    def decode(orders, pull):
        return NearBatches(ENV, pull).decode(ENV.order_action(orders), state, params).orders

    fixed = jnp.array([[2.0, 10.0, 0.0], [2.5, 7.5, 3.0]])
    np.testing.assert_allclose(decode(fixed, 0.8), fixed, atol=1e-5)
    slopes = jax.vmap(jax.grad(lambda order: decode(jnp.full(ENV.cells, order), 0.8)[0, 1]))(jnp.array([10.0, 7.5]))
    np.testing.assert_allclose(slopes, [0.2, 1.8], atol=1e-5)
    orders = jnp.array([[2.2, 9.0, 1.0], [1.8, 11.0, 5.0]])
    rounded = RoundToBatches(ENV).decode(ENV.order_action(orders), state, params.replace(minimum_order=0.0 * fixed[0]))
    away = [jnp.abs(decode(orders, pull) - rounded.orders) for pull in (0.0, 0.5, 1.0)]
    np.testing.assert_allclose(away[0], jnp.abs(orders - rounded.orders), atol=1e-5)
    assert (away[0] > away[1]).all()
    assert (away[1] > away[2]).all()
    with pytest.raises(ValueError, match=r"NearBatches.pull must be between 0 and 1, got 1.5"):
        NearBatches(ENV, 1.5)


@pytest.mark.parametrize("name", registered())
def test_batches_of_every_problem(name, key):
    """Where it has them: orders become batches, and nothing else in an action changes."""
    env, params = make(name)
    if not hasattr(params, "batch_size"):
        assert name == "DualSourcing-v0"
        return
    batch = params.replace(
        batch_size=jnp.full_like(params.batch_size, 4.0), minimum_order=jnp.full_like(params.minimum_order, 6.0)
    )
    action, state = env.action_space(params).sample(key), jax.jit(env.reset)(key, params)[1]
    wrapped = RoundToBatches(env)
    for given, expected in ((2.9, 0.0), (3.1, 8.0), (9.9, 8.0), (10.1, 12.0)):
        _, put = env.placed_orders(action)
        asked, met = put(jnp.full(env.cells, given)), put(jnp.full(env.cells, expected))
        found = wrapped.decode(asked, state, batch)
        assert jax.tree.structure(found) == jax.tree.structure(asked)
        if hasattr(met, "flows"):
            met = met.replace(flows=jnp.floor(met.flows))
        jax.tree.map(np.testing.assert_array_equal, found, met)
    zeros = jnp.zeros(env.cells)
    np.testing.assert_array_equal(env.placed_orders(wrapped.decode(env.order_action(zeros), state, batch))[0], zeros)


def test_transfers_are_rounded_down(start):
    params, state = start
    flows = jnp.full((2, 2, 3), 1.9)
    assert (RoundToBatches(ENV).decode(Action(jnp.zeros(ENV.cells), flows), state, params).flows == 1).all()


def test_discrete_orders_are_batches_and_masked_by_position(start):
    params, state = start
    wrapped = DiscreteOrders(ENV, max_order=4, max_position=float(state.on_hand[0, 1]) + 10.0)
    decoded = wrapped.decode(jnp.full(ENV.cells, 2), state, params)
    np.testing.assert_array_equal(decoded.orders, [[2, 10, 12]] * 2)
    mask = wrapped.action_mask(state, params)
    assert mask.shape == (2, 3, 5)
    np.testing.assert_array_equal(mask[0, 1], [True, True, True, False, False])  # batches of 5, room for 10
    assert DiscreteOrders(ENV, 4, max_position=0.0).action_mask(state, params)[..., 0].all()


def test_order_up_to_orders_the_shortfall(start):
    params, state = start
    levels = ENV.inventory_position(state) + jnp.array([[3.0, -2.0, 0.0]])
    np.testing.assert_allclose(OrderUpTo(ENV).decode(levels, state, params).orders, [[3, 0, 0]] * 2, atol=1e-5)


def test_optional_levels_order_in_some_places_only(start):
    params, state = start
    env = OptionalOrderUpTo(ENV, 50.0)
    levels = ENV.inventory_position(state) + jnp.array([[3.0, -2.0, 0.0]])
    action = {"order": jnp.array([0, 1]), "level": levels}
    assert env.action_space(params).spaces["order"].shape == (2,)
    ordered = env.decode(action, state, params)
    np.testing.assert_allclose(ordered.orders, [[0, 0, 0], [3, 0, 0]], atol=1e-5)
    np.testing.assert_array_equal(env.encode(ordered, state, params)["order"], [0, 1])

    item = SingleItem(lead_time=1)
    params = item.default_params()
    state = item.init_state(jnp.zeros(item.num_initial_uniforms(params)), params)
    position = item.inventory_position(state)
    for order, expected in ((0, 0.0), (1, 4.0)):
        action = {"order": jnp.int32(order), "level": position + 4.0}
        assert OptionalOrderUpTo(item, 50.0).decode(action, state, params) == expected


def test_net_wishes_move_along_lanes_at_most_what_is_there(start):
    params, state = start
    wish = jnp.array([[-1e6, 2.0, 0.0], [5.0, -1.0, 4.0]])
    flows = NetTransfers(ENV).decode(NetTransfer(jnp.zeros(ENV.cells), wish), state, params).flows
    np.testing.assert_allclose(flows[0, 1], [5, 0, 0])
    np.testing.assert_allclose(flows[1, 0], [0, 1, 0])


def steered():
    policy = CanOrder(
        reorder=jnp.full(ENV.cells, 18.0), can_order=jnp.full(ENV.cells, 20.0), up_to=jnp.full(ENV.cells, 25.0),
        rebalancing=Rebalancing(need=jnp.full(ENV.cells, 2.0), keep=jnp.full(ENV.cells, 3.0)),
    )  # fmt: skip
    return policy, Steered(ENV, policy, ("up_to", "rebalancing"))


def test_a_steered_heuristic_at_zero_is_the_heuristic(start, key):
    params, state = start
    policy, wrapped = steered()
    zero = {"up_to": jnp.zeros(ENV.cells), "rebalancing": jax.tree.map(jnp.zeros_like, policy.rebalancing)}
    assert wrapped.action_space(params).contains(zero)
    own, by_wrapper = policy(ENV, state, params, key), wrapped.native_action(zero, state, params)
    jax.tree.map(np.testing.assert_array_equal, own, by_wrapper)
    more = wrapped.native_action(zero | {"up_to": jnp.ones(ENV.cells)}, state, params)
    ordered = own.orders > 0
    assert ordered.any()
    np.testing.assert_allclose((more.orders - own.orders)[ordered], 0.5 * 26.0)  # span (|x| + 1)


def test_parameters_steered_in_proportion_stay_positive(start):
    params, state = start
    policy = BaseStock(level=jnp.full(ENV.cells, 30.0))
    wrapped = Steered(ENV, policy, ("level",), span=0.5, proportional=True)
    plain = Steered(ENV, policy, ("level",), span=0.5)
    assert wrapped != plain
    position = ENV.inventory_position(state)
    for a in (-1.0, 0.0, 1.0):
        orders = wrapped.native_action({"level": jnp.full(ENV.cells, a)}, state, params).orders
        np.testing.assert_allclose(orders, np.maximum(np.round(30.0 * np.exp(0.5 * a) - position), 0.0), rtol=1e-6)


def test_chosen_shifts_are_parts_of_the_span(start, key):
    params, state = start
    policy, wrapped = steered()
    wrapped = Steered(ENV, policy, ("up_to", "rebalancing"), chosen=("rebalancing",))
    assert wrapped != steered()[1]
    for choice, part in enumerate((-1.0, -0.5, 0.0, 0.5, 1.0)):
        chosen = Rebalancing(need=jnp.full(ENV.cells, choice), keep=jnp.full(ENV.cells, choice))
        action = {"up_to": jnp.zeros(ENV.cells), "rebalancing": chosen}
        assert wrapped.action_space(params).contains(action)
        shifted = Rebalancing(need=jnp.full(ENV.cells, 2.0 + 1.5 * part), keep=jnp.full(ENV.cells, 3.0 + 2.0 * part))
        own = policy.replace(rebalancing=shifted)(ENV, state, params, key)
        jax.tree.map(np.testing.assert_array_equal, own, wrapped.native_action(action, state, params))
    with pytest.raises(ValueError, match=r"Steered.chosen must be among steered = \('up_to',\); got \('reorder',\)"):
        Steered(ENV, policy, ("up_to",), chosen=("reorder",))


def test_steered_environments_compare_by_value():
    (_, a), (policy, b) = steered(), steered()
    assert a == b
    assert hash(a) == hash(b)
    assert a != Steered(ENV, policy.replace(up_to=policy.up_to + 1), a.steered)
    assert a != Steered(ENV, policy, ("up_to",))
    for twin in (copy.deepcopy(a), pickle.loads(pickle.dumps(a))):
        assert twin == a


@pytest.mark.parametrize("names", [(), ("level",), ("up_to", "following")])
def test_only_parameters_can_be_steered(names):
    policy, _ = steered()
    with pytest.raises(ValueError, match=r"Steered.steered must name some of .*up_to"):
        Steered(ENV, policy, names)


@pytest.mark.slow  # the bare ones are among the contract tests
def test_wrapped_environments_keep_the_protocol():
    env = MultiWarehouse(num_warehouses=1, num_skus=2, max_lead_time=1, transfers=False)
    check_environment(FlattenObservation(DiscreteOrders(env, 5)), env.default_params(), length=4)
