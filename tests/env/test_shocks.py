"""Shocks change supply, demand and numbers in their periods and nothing else."""

import copy
import pickle
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Empirical, Geometric
from jaxinv.env import make, registered, spaces
from jaxinv.env.distribution import Distribution
from jaxinv.env.dual_sourcing import Action, DualSourcing
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.env.perishable import Perishable
from jaxinv.env.perishable_pair import PerishablePair
from jaxinv.env.regimes import Chain, Schedule
from jaxinv.env.serial import Serial
from jaxinv.env.shocks import Shocked
from jaxinv.env.single_item import SingleItem
from jaxinv.env.wrappers import DiscreteOrders, FlattenObservation, OrderUpTo
from jaxinv.policies import BaseStock, BaseStockEW, DualIndex, InstallationBaseStock, ProjectedInventory
from jaxinv.policies.perishable import expected_waste
from jaxinv.testing import check_environment

SWITCH = Chain(transition=[[0.8, 0.2], [0.3, 0.7]])
DEMAND = Geometric(5.0)  # the quickest to compile
ITEM = SingleItem(lead_time=1)
QUIET = ITEM.make_params(demand=Empirical([0.0], [1.0]), initial_inventory=0.0)  # what arrives is all that moves


def window(start, length):
    return Schedule(start=[start], length=[length])


@partial(jax.jit, static_argnames=("env", "periods", "record"))
def simulate(env, params, policy, key, periods, record):
    """Final state, path and records."""
    _, state = env.reset(key, params)
    path = env.sample_path(key, state, params, periods)
    return path, *env.rollout(policy, state, path, params, key, record=record)


def five(env, state, params, key):
    return jnp.float32(5)


ORDER_FIVE = jax.tree_util.Partial(five)


@pytest.mark.parametrize(
    "env",
    [
        SingleItem(lead_time=2, supply_yield="all_or_nothing"),
        DualSourcing(),
        Serial(lead_times=(1, 2)),
        MultiWarehouse(num_warehouses=2, num_skus=1, max_lead_time=1, transfers=True),
    ],
    ids=lambda env: type(env).__name__,
)
def test_neutral_shocks_leave_the_environment_as_it_is_bit_for_bit(env, key):
    cells = env.cells if isinstance(env, MultiWarehouse) else ()
    inner = env.make_params(demand=Geometric(np.full(cells, 5.0)))
    shocked = Shocked(env, max_slip=1)
    factors = {"holding_cost": 1.0, "stockout_cost": [1.0, 1.0]}
    params = shocked.make_params(SWITCH, inner, slip=0, waits=[1.0, 0.0], factors=factors)
    first = jax.random.uniform(key, (shocked.num_initial_uniforms(params),))

    @jax.jit
    def both(params, key):
        def body(states, key):
            state, bare = states
            u = jax.random.uniform(key, (shocked.num_uniforms(params),))
            action = jax.tree.map(lambda x: jnp.floor(x % 20.0), env.action_space(params.inner).sample(key))
            following, outcome = shocked.transition(state, action, shocked.exogenous(u, state, params), params)
            exo = env.exogenous(u[: env.num_uniforms(params.inner)], bare, params.inner)
            bare, expected = env.transition(bare, action, exo, params.inner)
            return (following, bare), (state.exo.regime, following.bare, outcome, bare, expected)

        start = shocked.init_state(first, params), env.init_state(first, params.inner)
        return jax.lax.scan(body, start, jax.random.split(key, 30))[1]

    regime, *found, bare, expected = both(params, key)
    assert set(regime.tolist()) == {0, 1}
    jax.tree.map(np.testing.assert_array_equal, tuple(found), (bare, expected))


def test_what_a_supplier_cannot_ship_waits_or_is_cancelled_or_comes_late(key):
    """Five ordered in every period, trouble in the periods 1 and 2."""
    env = Shocked(ITEM, max_slip=3)

    def shipped(**numbers):
        params = env.make_params(window(1, 2), QUIET, **numbers)

        def record(t):
            return t.outcome.ledger.ordered, env.inventory_position(t.state), t.state.inventory

        _, _, (units, position, inventory) = simulate(env, params, ORDER_FIVE, key, 6, record)
        return units.tolist(), position.tolist(), inventory.tolist()

    ordered = [0.0, 5.0, 10.0, 15.0, 20.0, 25.0]
    # Two can be shipped, the rest waits.
    units, position, inventory = shipped(capacity=[UNLIMITED, 2.0])
    assert units == [5.0, 2.0, 2.0, 11.0, 5.0, 5.0]
    assert position == ordered
    assert inventory == [0.0, 5.0, 7.0, 9.0, 20.0, 25.0]
    # It is cancelled.
    assert shipped(capacity=[UNLIMITED, 2.0], waits=0.0)[0] == [5.0, 2.0, 2.0, 5.0, 5.0, 5.0]
    # Half of 3 waits, then half of 1.5 + 5 - 2.
    assert shipped(capacity=[UNLIMITED, 2.0], waits=0.5)[0] == [5.0, 2.0, 2.0, 7.25, 5.0, 5.0]
    # Orders come two periods late, together with those of the periods 3 and 4, and are not forgotten.
    units, position, _ = shipped(slip=[0, 2])
    assert units == [5.0, 0.0, 0.0, 10.0, 10.0, 5.0]
    assert position == ordered


def test_regimes(key):
    """A chain moves by its matrix and a schedule by the clock; paths need no policy."""
    env = Shocked(ITEM)
    schedule = Schedule(start=[1, 2], length=[3, 1])
    alternating = Chain(transition=[[0.0, 1.0], [1.0, 0.0]])
    for regimes, expected in ((schedule, [0, 1, 2, 1, 0, 0]), (alternating, [0, 1, 0, 1, 0, 1])):
        params = env.make_params(regimes, QUIET)
        path, _, seen = simulate(env, params, ORDER_FIVE, key, 6, lambda t: t.state.exo.regime)
        assert seen.tolist() == expected
        assert path.next.regime.tolist()[:-1] == expected[1:]
    chain = Chain(transition=[[0.9, 0.1], [0.5, 0.5]])
    u = jax.random.uniform(key, (20_000, 1))

    def body(regime, u):
        return (following := chain.following(u, regime, jnp.int32(0))), following

    regime = jax.lax.scan(body, chain.first(), u)[1]
    share = 0.1 / 0.6  # stationary; deviation sqrt(share (1 - share) / n), 1.5 times as much for the chain's memory
    assert float(jnp.mean(regime)) == pytest.approx(share, abs=4 * 1.5 * np.sqrt(share * (1 - share) / 20_000))


def test_costs_jump_in_their_periods_only(key):
    """A factor may be one per regime or one per cell."""
    env = MultiWarehouse(num_warehouses=1, num_skus=2, max_lead_time=1, transfers=False)
    shocked = Shocked(env)
    per_cell = np.ones((2, 1, 2))
    per_cell[1] = 2.0, 5.0
    factors = {"unit_cost": [1.0, 3.0], "holding_cost": per_cell}
    inner = env.make_params(unit_cost=2.0, initial_stock=99.0, demand=Geometric(np.full((1, 2), 5.0)))
    params = shocked.make_params(window(1, 1), inner, factors=factors)
    one = jax.tree_util.Partial(lambda *_: env.order_action(jnp.ones((1, 2))))
    _, _, ledger = simulate(shocked, params, one, key, 3, lambda t: t.outcome.ledger)
    np.testing.assert_allclose(ledger.purchase[:, 0], [[2, 2], [6, 6], [2, 2]])
    ratio = ledger.holding / (ledger.on_hand * params.holding_cost[None])
    np.testing.assert_allclose(ratio[:, 0], [[1, 1], [2, 5], [1, 1]], rtol=1e-6)


def test_orders_are_conserved(key):
    """Of two suppliers with troubles of their own: what was ordered is shipped, waits or slips."""
    env = Shocked(DualSourcing(), max_slip=2)
    capacity = Action(regular=[UNLIMITED, 3.0], expedited=[2.0, 0.0])
    params = env.make_params(SWITCH, capacity=capacity, slip=Action(regular=[0, 2], expedited=[1, 1]))

    def policy(env, state, params, key):
        regular, expedited = jnp.round(9.0 * jax.random.uniform(key, (2,)))
        return Action(regular=regular, expedited=expedited)

    def total(params):
        record = lambda t: (t.action, t.outcome.ledger)  # noqa: E731
        return simulate(env, params, jax.tree_util.Partial(policy), key, 60, record)[1:]

    final, (ordered, ledger) = total(params)
    owed = final.awaited
    assert float(owed.expedited) > 0
    assert float(jnp.sum(ledger.expedited) + owed.expedited) == float(jnp.sum(ordered.expedited))
    regular = ledger.ordered - ledger.expedited
    assert float(jnp.sum(regular) + owed.regular) == float(jnp.sum(ordered.regular))
    assert float(jnp.max(ledger.expedited)) <= 2.0

    cancelling = params.replace(shocks=params.shocks.replace(waits=jnp.array([1.0, 0.5])))
    final, (ordered, ledger) = total(cancelling)
    assert float(jnp.sum(ledger.ordered) + sum(final.awaited.__dict__.values())) < float(
        jnp.sum(ordered.regular + ordered.expedited)
    )


def test_heuristics_do_not_order_twice(key):
    """With backlog, base-stock orders what was demanded, whatever happens to its orders."""
    env = Shocked(SingleItem(lead_time=3), max_slip=2)
    inner = env.env.make_params(demand=DEMAND, backlog_share=1.0, initial_inventory=20.0)
    params = env.make_params(SWITCH, inner, capacity=[UNLIMITED, 4.0], slip=[0, 2])
    record = lambda t: (t.action, t.outcome.ledger, env.inventory_position(t.state))  # noqa: E731
    _, _, (ordered, ledger, position) = simulate(env, params, BaseStock(level=20.0), key, 40, record)
    np.testing.assert_array_equal(ordered[1:], ledger.demanded[:-1])
    np.testing.assert_array_equal(ordered + position, 20.0)
    assert not np.array_equal(ledger.ordered, ordered)  # there was trouble

    dual = Shocked(DualSourcing())
    params = dual.make_params(window(5, 10), capacity=Action(regular=UNLIMITED, expedited=[UNLIMITED, 0.0]))
    policy = DualIndex(expedited_level=40.0, regular_level=40.0)  # expedites all
    record = lambda t: (t.action, t.outcome.ledger)  # noqa: E731
    _, _, (ordered, ledger) = simulate(dual, params, policy, key, 30, record)
    np.testing.assert_array_equal(ordered.expedited[1:], ledger.demanded[:-1])
    assert ledger.expedited[5:15].tolist() == [0.0] * 10
    assert float(ledger.expedited[15]) == float(jnp.sum(ordered.expedited[5:16]))


def test_only_the_outside_supplier_fails(key):
    """A chain of stages goes on shipping what it has; what waits is the last stage's."""
    env = Serial(lead_times=(1, 1, 2))
    shocked = Shocked(env)
    params = shocked.make_params(window(0, 5), env.make_params(demand=DEMAND), capacity=[UNLIMITED, 0.0])
    order = jax.tree_util.Partial(lambda *_: jnp.array([2.0, 3.0, 4.0]))
    _, state, ledger = simulate(shocked, params, order, key, 1, lambda t: t.outcome.ledger)
    assert ledger.shipped.tolist() == [[2.0, 3.0, 0.0]]
    position = shocked.inventory_position(state) - env.inventory_position(state.bare)
    assert position.tolist() == [0.0, 0.0, 4.0]


@pytest.mark.parametrize("name", registered())
def test_positions_count_what_is_awaited(name, key):
    """Of a cell that orders from outside suppliers, what these have not shipped; of others nothing."""
    env, params = make(name)
    shocked = Shocked(env, max_slip=2)
    _, state = jax.jit(shocked.reset)(key, shocked.make_params(SWITCH, params))
    assert not any(leaf.any() for leaf in jax.tree.leaves(env.awaited(state)))
    _, put = env.supplier_orders(env.order_action(jnp.zeros(env.cells)))
    waiting = jax.tree.map(lambda x: jnp.arange(1.0, 1.0 + x.size).reshape(x.shape), state.waiting)
    delayed = jax.tree.map(lambda x: jnp.full_like(x, 2.0), state.delayed)
    state = state.replace(waiting=waiting, delayed=delayed)
    expected = env.placed_orders(put(jax.tree.map(lambda x: x + 2.0, waiting)))[0]
    jax.tree.map(np.testing.assert_array_equal, shocked.awaited(state), env.awaited(state))
    more = shocked.inventory_position(state) - env.inventory_position(state.bare)
    if name == "SupplyNetwork-v0":  # of the stock that the arc replenishes, whichever arc it is
        by_stock = np.zeros((len(env.topology.stocks), env.num_skus))
        np.add.at(by_stock, list(env.topology.stock_of), expected)
        assert by_stock.any()
        np.testing.assert_allclose(shocked.stock_position(state) - env.stock_position(state.bare), by_stock, atol=1e-4)
        expected = by_stock[list(env.topology.stock_of)]
    np.testing.assert_allclose(more, sum(jax.tree.leaves(expected)), atol=1e-4)


def test_other_positions_count_what_is_awaited(key):
    def difference(name, position, **structure):
        env = Shocked(make(name, **structure)[0])
        _, state = env.reset(key)
        state = state.replace(waiting=jax.tree.map(lambda x: x + 5.0, state.waiting))
        return position(env, state) - position(env.env, state.bare)

    assert difference("BeerGame-v0", lambda env, state: env.on_order(state)).tolist() == [0, 0, 0, 5]
    assert difference("DualSourcing-v0", lambda env, state: env.expedited_position(state)) == 5
    assert difference("Distribution-v0", lambda env, state: env.warehouse_position(state)) == 5


def test_heuristics_that_look_at_a_part_of_the_system_do_not_order_twice(key):
    """Installation stock at the warehouse: what the stores were sent is ordered, and nothing else."""
    env = Shocked(Distribution(num_stores=2, warehouse_lead_time=3))
    inner = env.env.make_params(demand=Geometric([4.0, 5.0]))
    params = env.make_params(window(3, 20), inner, capacity=[UNLIMITED, 2.0])
    policy = InstallationBaseStock(warehouse_level=40.0, store_level=20.0)
    record = lambda t: (t.action, env.warehouse_position(t.state), t.outcome.ledger)  # noqa: E731
    _, _, (action, position, ledger) = simulate(env, params, policy, key, 40, record)
    np.testing.assert_array_equal(action[:, 0] + position - action[:, 1:].sum(1), 40.0)
    assert not np.array_equal(ledger.ordered[:, 0], action[:, 0])  # there was trouble


@pytest.mark.parametrize("lead_time", [0, 2])
def test_policies_that_read_pipelines_do_not_order_twice(lead_time, key):
    """What waits is a part of what the projected inventory calls for."""
    env = Shocked(SingleItem(lead_time=lead_time))
    inner = env.env.make_params(demand=Empirical([2.0, 5.0], [0.5, 0.5]))
    params = env.make_params(window(0, 5), inner, capacity=[UNLIMITED, 1.0])
    policy = ProjectedInventory.of(env, inner, level=9.0)
    _, _, (states, actions) = simulate(env, params, policy, key, 8, lambda t: (t.state, t.action))
    for t in range(8):
        state = jax.tree.map(lambda x, t=t: x[t], states)
        wanted = policy(env.env, state.bare, inner, key)
        assert float(actions[t]) == max(float(wanted - state.waiting), 0.0)
    assert (np.asarray(states.waiting) > 0).any()


def test_waste_is_expected_under_shocks_as_without(key):
    """Waste is that of what is in stock and under way: orders that wait come too late to be part of it."""
    for env in (Perishable(shelf_life=3, lead_time=2), PerishablePair(shelf_life=2)):
        shocked = Shocked(env)
        inner = env.make_params(demand=Geometric(np.full(env.cells, 2.0)))
        params = shocked.make_params(window(0, 4), inner, capacity=[UNLIMITED, 1.0])
        policy = BaseStockEW(level=12.0)
        record = lambda t: (t.state, t.action)  # noqa: E731
        _, _, (states, actions) = simulate(shocked, params, policy, key, 12, record)
        for t in (3, 7, 11):
            state = jax.tree.map(lambda x, t=t: x[t], states)
            expected = expected_waste(env, state.bare, inner)
            np.testing.assert_array_equal(expected_waste(shocked, state, params), expected)
            wanted = 12.0 - shocked.inventory_position(state) + expected
            np.testing.assert_array_equal(actions[t], jnp.maximum(jnp.round(wanted), 0.0))


def test_observations_tell_the_regime_and_what_is_owed(key):
    env = Shocked(ITEM, max_slip=2)
    params = env.make_params(window(0, 2), QUIET.replace(demand_scale=2.0), capacity=[9.0, 3.0], slip=[0, 2])
    _, state = env.reset(key, params)
    inner = ITEM.observe(state.bare, params.inner)
    np.testing.assert_array_equal(env.observe(state, params), [*inner, 0, 1, 0, 0])  # regime 1, nothing owed
    state, _ = env.transition(state, jnp.float32(7), env.sample_exogenous(key, state, params), params)
    np.testing.assert_array_equal(env.observe(state, params)[-4:], [0, 1, 0, 3.5])

    # By cell: the regime, and what waits for the cell.
    stores = Shocked(MultiWarehouse(num_warehouses=2, num_skus=3, max_lead_time=1, transfers=False))
    params = stores.default_params()
    observation = jax.eval_shape(stores.reset, key, params)[0]
    features = stores.env.observation_space(params.inner).shape[-1]
    assert observation.shape == stores.observation_space(params).shape == (2, 3, features + 2 + 1)
    # Trees: every array, with all that waits where it is not by the same cells.
    shop = Shocked(make("Ecommerce-v0")[0])
    params = shop.default_params()
    observation = jax.eval_shape(shop.reset, key, params)[0]
    assert [x.shape for x in jax.tree.leaves(observation)] == [
        space.shape for space in spaces.leaves(shop.observation_space(params))
    ]


@pytest.mark.slow
def test_the_protocol_is_kept():
    env = Shocked(SingleItem(lead_time=1), max_slip=1)
    inner = env.env.make_params(demand=DEMAND)
    check_environment(
        env, env.make_params(SWITCH, inner, demand=[1.0, 2.0], slip=[0, 1], factors={"price": [1.0, 2.0]})
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["DualSourcing-v0", "MultiWarehouse-v0", "Serial-v0", "SupplyNetwork-v0", "Ecommerce-v0"]
)
def test_the_protocol_is_kept_by_others(name):
    env, inner = make(name)
    shocked = Shocked(env, max_slip=2)
    numbers = {"demand": [1.0, 1.5], "slip": [0, 1], "factors": {"holding_cost": [1.0, 2.0]}}
    check_environment(shocked, shocked.make_params(SWITCH, inner, **numbers))
    check_environment(FlattenObservation(shocked))


def test_wrappers_go_around(key):
    """Their masks and levels see what waits."""
    env = Shocked(ITEM)
    params = env.make_params(window(0, 9), QUIET, capacity=[UNLIMITED, 0.0])
    _, state = env.reset(key, params)
    exo = env.sample_exogenous(key, state, params)
    orders = DiscreteOrders(env, max_order=4, max_position=5.0)
    state, _ = orders.transition(state, jnp.int32(3), exo, params)
    assert float(state.waiting) == 3.0
    assert orders.action_mask(state, params).tolist() == [True, True, True, False, False]
    state, _ = OrderUpTo(env).transition(state, jnp.float32(10), exo, params)
    assert float(state.waiting) == 10.0
    assert copy.deepcopy(state).exo.demand.day == pickle.loads(pickle.dumps(state)).exo.demand.day
    assert not hasattr(env, "finite_model")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda env: Shocked(ITEM, max_slip=-1), "Shocked.max_slip must be a whole number >= 0, got -1"),
        (lambda env: Shocked(DiscreteOrders(ITEM)), "Shocked.env must not be a DiscreteOrders"),
        (
            lambda env: env.make_params(SWITCH, demand=[1, 2, 3]),
            r"Shocked.demand must have 2 entries.* got shape \(3,\)",
        ),
        (lambda env: env.make_params(SWITCH, demand=[1, -2]), "Shocked.demand must be >= 0.0, got"),
        (lambda env: env.make_params(SWITCH, waits=[0, 2]), "Shocks.waits must be <= 1"),
        (lambda env: env.make_params(SWITCH, slip=[0, 2]), "Shocked.slip must be <= max_slip = 1, got 2"),
        (lambda env: env.make_params(SWITCH, slip=[0, 0.5]), "Shocked.slip must be whole numbers"),
        (lambda env: env.make_params(SWITCH, capacity=np.ones((2, 3))), r"Shocked.capacity must be of shape \(2,\)"),
        (lambda env: env.make_params(SWITCH, capacity={"a": 1}), "Shocked.capacity must be numeric, got {'a': 1}"),
        (
            lambda env: env.make_params(SWITCH, factors={"unit_price": 2}),
            "SingleItem has no number 'unit_price'; it has",
        ),
        (lambda env: Chain(transition=[[0.5, 0.6], [0.5, 0.5]]), "Chain.transition must be square with rows that sum"),
        (lambda env: Schedule(start=[1], length=[1, 2]), "Schedule.start and length must be lists"),
        (lambda env: Schedule(start=[-1], length=[1]), "Schedule.start must be >= 0"),
    ],
)
def test_bad_input_is_named(build, message):
    with pytest.raises(ValueError, match=message):
        build(Shocked(ITEM, max_slip=1))
