"""MultiWarehouse: each event by hand, and the physics as properties of random problems."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Poisson
from jaxinv.env import make
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.multi_warehouse import Action, Exogenous, Ledger, MultiWarehouse


def period(env, params, *, on_hand, demand, orders=0.0, flows=None, backlog=0.0):
    """One transition from a state written by hand: (next state, ledger), as numpy."""
    _, state = env.reset(jax.random.key(0), params)

    def cells(x):
        return jnp.broadcast_to(jnp.asarray(x, jnp.float32), env.cells)

    state = state.replace(on_hand=cells(on_hand), backlog=cells(backlog))
    lead_time = jnp.full(env.num_warehouses, env.max_lead_time, jnp.int32)
    exo = Exogenous(next=state.exo, demand=cells(demand), lead_time=lead_time)
    action = env.order_action(cells(orders), None if flows is None else jnp.asarray(flows, jnp.float32))
    following, outcome = env.transition(state, action, exo, params)
    np.testing.assert_allclose(outcome.reward, outcome.ledger.reward())
    return jax.tree.map(np.asarray, (following, outcome.ledger))


def one_cell(**structure):
    return MultiWarehouse(num_warehouses=1, num_skus=1, transfers=False, **{"max_lead_time": 2, **structure})


@pytest.mark.parametrize("lead_time", [0, 1, 2])
def test_an_order_serves_the_demand_of_the_period_its_lead_time_says(lead_time):
    env = one_cell()
    params = env.make_params(lead_time=lead_time, initial_stock=0.0)
    _, state = env.reset(jax.random.key(0), params)
    sold = []
    for t in range(4):
        exo = Exogenous(next=state.exo, demand=jnp.full((1, 1), 7.0), lead_time=jnp.array([lead_time]))
        state, outcome = env.transition(state, env.order_action(jnp.full((1, 1), 5.0 * (t == 0))), exo, params)
        sold.append(float(outcome.ledger.sold_locally[0, 0]))
    assert sold == [5.0 * (t == lead_time) for t in range(4)]


def test_costs_of_a_period_by_hand():
    env = one_cell()
    params = env.make_params(
        price=10.0, unit_cost=4.0, holding_cost=0.5, stockout_cost=3.0, fixed_order_cost=20.0, line_order_cost=2.0
    )
    state, ledger = period(env, params, on_hand=8, demand=5, orders=6)
    assert state.on_hand == 3
    assert state.orders[:, 0, 0].tolist() == [6]  # of lead time 2, one period later
    assert ledger.revenue == 50
    assert ledger.purchase == 24
    assert ledger.fixed_order == 22
    assert ledger.holding == 1.5
    assert ledger.stockout == 0
    state, ledger = period(env, params, on_hand=3, demand=5)
    assert (state.on_hand, ledger.lost, ledger.stockout, ledger.fixed_order) == (0, 2, 6, 0)


@pytest.mark.parametrize(("share", "lost", "waiting"), [(0.0, 4, 2), (0.5, 2, 4), (1.0, 0, 6)])
def test_unmet_demand_waits_or_is_lost(share, lost, waiting):
    """Stock 3 meets a backlog of 5, of which 2 go on waiting, and a new demand of 4, all of it unmet."""
    env = one_cell()
    params = env.make_params(backlog_share=share, stockout_cost=9.0)
    state, ledger = period(env, params, on_hand=3, backlog=5, demand=4)
    assert (state.backlog, ledger.lost, ledger.backlogged) == (waiting, lost, 4 - lost)
    assert ledger.stockout == 9 * (lost + waiting)


def test_fixed_cost_is_charged_once_a_delivery_and_shared_by_its_lines():
    env = MultiWarehouse(num_warehouses=2, num_skus=3)
    params = env.make_params(fixed_order_cost=[30.0, 50.0], line_order_cost=1.0)
    _, ledger = period(env, params, on_hand=9, demand=0, orders=[[1, 0, 2], [0, 0, 0]])
    np.testing.assert_allclose(ledger.fixed_order, [[16, 0, 16], [0, 0, 0]])


def test_supplier_capacity_cuts_in_proportion():
    env = MultiWarehouse(num_warehouses=2, num_skus=2)
    params = env.make_params(supplier_capacity=[12.0, 100.0])
    state, _ = period(env, params, on_hand=0, demand=0, orders=[[10, 10], [20, 20]])
    np.testing.assert_allclose(state.orders[-1], [[4, 10], [8, 20]], rtol=1e-6)


def test_arrivals_over_capacity_are_accepted_in_proportion_and_the_rest_written_off():
    env = MultiWarehouse(num_warehouses=1, num_skus=2, transfers=False, max_lead_time=1)
    params = env.make_params(volume=[1.0, 2.0], storage_capacity=20.0, unit_cost=[3.0, 5.0], overflow_cost=1.0)
    # After a demand of 4 and 1 the stock fills 6 + 2 * 1 = 8 of 20; 12 + 2 * 6 = 24 arrive, and half is accepted.
    state, ledger = period(env, params, on_hand=[[10, 2]], demand=[[4, 1]], orders=[[12, 6]])
    np.testing.assert_allclose(state.on_hand, [[12, 4]])
    np.testing.assert_allclose(ledger.received, [[6, 3]])
    np.testing.assert_allclose(ledger.written_off, [[6, 3]])
    np.testing.assert_allclose(ledger.overflow, [[6 * (3 + 1), 3 * (5 + 1)]])
    np.testing.assert_allclose(ledger.purchase, [[6 * 3, 3 * 5]])  # of the other half: the cost of this one moved


def test_transfers_are_cut_to_the_stock_and_arrive_after_their_lead_time():
    env = MultiWarehouse(num_warehouses=3, num_skus=1, max_lead_time=2)
    cost = [[9.0, 1.0, 2.0], [9.0, 9.0, 9.0], [9.0, UNLIMITED, 9.0]]
    params = env.make_params(transfer_cost=cost, transfer_lead_time=[[0, 1, 2]] * 3)
    flows = np.zeros((3, 3, 1))
    flows[0, 1], flows[0, 2], flows[0, 0] = 6, 12, 50  # to itself: not a lane
    flows[2, 1] = 4  # a lane that does not exist
    state, ledger = period(env, params, on_hand=[[9], [0], [5]], demand=0, flows=flows)
    np.testing.assert_allclose(ledger.transferred, [[9], [0], [0]], rtol=1e-6)
    np.testing.assert_allclose(ledger.transfer, [[3 * 1 + 6 * 2], [0], [0]], rtol=1e-6)
    np.testing.assert_allclose(state.on_hand, [[0], [3], [5]], rtol=1e-6)  # lead time 1: here for the next period
    np.testing.assert_allclose(state.transfers[0], [[0], [0], [6]], rtol=1e-6)


def test_cross_shipping_takes_the_cheapest_lane_first_and_only_while_it_pays():
    env = MultiWarehouse(num_warehouses=4, num_skus=1, cross_shipping=True, transfers=False)
    cost = np.full((4, 4), UNLIMITED)
    cost[1, 0], cost[2, 0], cost[3, 0] = 4.0, 2.0, 11.0
    params = env.make_params(cross_shipping_cost=cost, stockout_cost=6.0, price=4.0)  # saves 10 a unit
    state, ledger = period(env, params, on_hand=[[0], [5], [3], [9]], demand=[[10], [0], [0], [0]])
    assert state.on_hand[:, 0].tolist() == [0, 0, 0, 9]
    assert ledger.cross_shipped[:, 0].tolist() == [8, 0, 0, 0]
    assert ledger.cross_shipping[0, 0] == 3 * 2 + 5 * 4
    assert ledger.lost[0, 0] == 2
    assert ledger.revenue[0, 0] == 4 * 8


def test_lead_times_are_drawn_as_stated_and_never_cross(key):
    env = MultiWarehouse(num_warehouses=2, num_skus=1, max_lead_time=4, transfers=False)
    probs = np.array([[0.1, 0.2, 0.3, 0.0, 0.4], [0.0, 0.0, 1.0, 0.0, 0.0]])
    params = env.make_params(lead_time_probs=probs)
    _, state = env.reset(key, params)
    lead_time = np.asarray(env.sample_path(key, state, params, 20_000).lead_time)
    arrival = lead_time + np.arange(len(lead_time))[:, None]
    assert (np.diff(arrival, axis=0) >= 0).all()
    assert (lead_time[:, 1] == 2).all()
    # Not crossing, l = max(drawn, last - 1): its stationary distribution is the product of the drawn law's tails.
    cdf = np.cumsum(probs[0])
    expected = np.array([np.prod(cdf[k:]) for k in range(5)])
    share = np.array([(lead_time[:, 0] <= k).mean() for k in range(5)])
    np.testing.assert_allclose(share, expected, atol=0.02)  # 20,000 dependent draws: s.e. about 0.005


def test_recent_statistics_measure_demand(key):
    env = one_cell()
    params = env.make_params(demand=Poisson(np.full((1, 1), 20.0)), recent_periods=200.0)
    _, state = env.reset(key, params)
    path = env.sample_path(key, state, params, 4000)
    mean, variance = np.asarray(path.next.mean)[1000:].mean(), np.asarray(path.next.variance)[1000:].mean()
    assert abs(mean - 20) < 0.4  # s.e. sqrt(20 / 3000) = 0.08
    assert abs(variance - 20) < 2.5  # s.e. of a mean of squares about 0.5; the forecast error adds 20 / 400
    np.testing.assert_allclose(env.forecast(state, params), np.full((3, 1, 1), 20.0), rtol=1e-6)


# -- properties of random problems ------------------------------------------------------------------------------------


def random_problem(seed: int):
    rng = np.random.default_rng(seed)
    env = MultiWarehouse(num_warehouses=3, num_skus=4, max_lead_time=3, cross_shipping=True)
    w, k = env.cells
    params = env.make_params(
        demand=Poisson(rng.uniform(0.5, 8, (w, k))),
        price=rng.uniform(0, 9, (w, k)),
        unit_cost=rng.uniform(0, 4, (w, k)),
        holding_cost=rng.uniform(0.1, 2, (w, k)),
        stockout_cost=rng.uniform(0, 9, (w, k)),
        backlog_share=rng.uniform(0, 1, (w, k)),
        fixed_order_cost=rng.uniform(0, 30, w),
        line_order_cost=rng.uniform(0, 3, (w, k)),
        lead_time_probs=rng.dirichlet(np.ones(4), w),
        supplier_capacity=rng.uniform(5, 30, k),
        volume=rng.uniform(0.5, 2, k),
        storage_capacity=rng.uniform(20, 80, w),
        overflow_cost=rng.uniform(0, 3, w),
        transfer_cost=rng.uniform(0, 3, (w, w)),
        transfer_lead_time=rng.integers(0, 4, (w, w)),
        cross_shipping_cost=rng.uniform(0, 12, (w, w)),
        promotion_cost=rng.uniform(0, 1, (w, k)),
    )
    return env, params


def random_action(key, env):
    a, b = jax.random.split(key)
    orders = jnp.maximum(20 * jax.random.uniform(a, env.cells) - 10, 0.0)
    return Action(orders=orders, flows=6 * jax.random.uniform(b, (env.num_warehouses, *env.cells)))


@functools.partial(jax.jit, static_argnums=(0, 3))
def run(env, params, key, length):
    """States before and after each period, and the ledgers."""
    _, state = env.reset(key, params)

    def body(state, k):
        exo = env.sample_exogenous(k, state, params)
        following, outcome = env.transition(state, random_action(k, env), exo, params)
        return following, (state, following, outcome)

    return jax.lax.scan(body, state, jax.random.split(key, length))[1]


@pytest.mark.parametrize("seed", range(3))
def test_physics(seed, key):
    env, params = random_problem(seed)
    before, after, outcome = jax.tree.map(np.asarray, run(env, params, key, 200))
    ledger: Ledger = outcome.ledger
    close = {"rtol": 1e-4, "atol": 1e-3}  # float32 sums of some hundred units

    def units(state):  # per SKU, everywhere
        return (state.on_hand.sum(1) + state.orders.sum((1, 2)) + state.transfers.sum((1, 2))).astype(np.float64)

    # What was ordered and neither sold nor written off is somewhere.
    purchased = (ledger.purchase + ledger.written_off * np.asarray(params.unit_cost)) / np.asarray(params.unit_cost)
    gone = (ledger.sold_locally + ledger.cross_shipped + ledger.written_off).sum(1)
    np.testing.assert_allclose(units(after) - units(before), purchased.sum(1) - gone, **close)
    assert (purchased.sum(1) <= np.asarray(params.supplier_capacity) * (1 + 1e-5)).all()

    # Demand is met, lost or waits.
    met = ledger.sold_locally + ledger.cross_shipped
    np.testing.assert_allclose(before.backlog + ledger.demanded, met + ledger.lost + after.backlog, **close)
    assert (met <= before.backlog + ledger.demanded + 1e-3).all()

    # Nothing is negative, no warehouse is overfull by what it accepted, and the ledger is the reward.
    for name in (*Ledger.UNITS, *Ledger.GAINS, *(set(Ledger.COSTS) - {"purchase"})):
        assert (getattr(ledger, name) >= -1e-4).all(), name
    for state in (after.on_hand, after.orders, after.transfers, after.backlog):
        assert (state >= -1e-4).all()
    full = (after.on_hand @ np.asarray(params.volume)) > np.asarray(params.storage_capacity) * (1 + 1e-5)
    grew = after.on_hand.sum(-1) > ledger.on_hand.sum(-1) + 1e-3
    assert not (full & grew).any()
    money = ledger.revenue.sum((1, 2)) - sum(getattr(ledger, c).sum((1, 2)) for c in Ledger.COSTS)
    np.testing.assert_allclose(outcome.reward, money, rtol=1e-4, atol=1e-2)


def test_scaling_all_money_scales_the_reward(key):
    env, params = random_problem(0)
    money = [
        f.name for f in dataclasses.fields(params)
        if f.name.endswith("_cost") or f.name in ("price", "stockout_cost")
    ]  # fmt: skip
    doubled = params.replace(**{name: 2 * getattr(params, name) for name in money})
    # Cross-shipping pays in the same cases: both sides of its comparison are doubled.
    rewards = [run(env, p, key, 50)[2].reward for p in (params, doubled)]
    np.testing.assert_allclose(rewards[1], 2 * rewards[0], rtol=1e-4)


def test_identical_warehouses_permute():
    env = MultiWarehouse(num_warehouses=3, num_skus=2, cross_shipping=True)
    params = env.make_params(cross_shipping_cost=np.arange(9).reshape(3, 3) * 0.5, price=1.0)
    order = np.array([2, 0, 1])
    moved = params.replace(cross_shipping_cost=params.cross_shipping_cost[order][:, order])
    rng = np.random.default_rng(1)
    on_hand, demand, orders = rng.uniform(0, 9, (3, *env.cells))
    flows = rng.uniform(0, 2, (3, *env.cells))
    a, ledger_a = period(env, params, on_hand=on_hand, demand=demand, orders=orders, flows=flows)
    b, ledger_b = period(
        env, moved, on_hand=on_hand[order], demand=demand[order], orders=orders[order], flows=flows[order][:, order]
    )
    for name in ("on_hand", "backlog"):
        np.testing.assert_allclose(getattr(b, name), getattr(a, name)[order], rtol=1e-5, atol=1e-5)
    for name in (*Ledger.COSTS, *Ledger.UNITS):
        np.testing.assert_allclose(getattr(ledger_b, name), getattr(ledger_a, name)[order], rtol=1e-5, atol=1e-5)


# -- structure, input, observation ------------------------------------------------------------------------------------


@pytest.mark.parametrize("transfers", [False, True])
@pytest.mark.parametrize("lead_time", [0, 3])
def test_observation_has_the_documented_features(transfers, lead_time):
    env, params = make("MultiWarehouse-v0", num_warehouses=2, num_skus=3, max_lead_time=lead_time, transfers=transfers)
    observation, state = env.reset(jax.random.key(0), params)
    assert observation.shape == (2, 3, env.num_features)
    np.testing.assert_allclose(observation[..., 0], state.on_hand / 5.0)
    first = 2 + max(lead_time - 1, 0) * (1 + transfers)
    np.testing.assert_allclose(observation[..., first], state.on_hand / 5.0)  # cover: nothing is under way yet
    np.testing.assert_allclose(observation[..., first + 1], 1.0)  # recent mean over scale
    np.testing.assert_allclose(observation[..., first + 3 : first + 4 + lead_time], 1.0)  # forecast over scale
    weekday = observation[..., first + 4 + lead_time : first + 11 + lead_time]
    np.testing.assert_allclose(weekday, np.broadcast_to(np.eye(7)[int(state.exo.demand.day) % 7], (2, 3, 7)))


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"holding_cost": -1.0}, r"MultiWarehouse\.holding_cost must be >= 0"),
        ({"price": float("nan")}, r"MultiWarehouse\.price must not hold NaN"),
        ({"backlog_share": 1.5}, r"MultiWarehouse\.backlog_share must be <= 1"),
        ({"prices": 1.0}, r"no parameter 'prices'"),
        ({"volume": [1.0, 2.0, 3.0]}, r"volume must have shape \(2,\)"),
        ({"lead_time": 7}, "MultiWarehouse.lead_time must be <= max_lead_time = 2, got 7"),
        ({"lead_time_probs": [[0.5, 0.2, 0.2]]}, "lead_time_probs must sum to 1"),
        ({"lead_time": 1, "lead_time_probs": [[1.0, 0.0, 0.0]]}, "not both"),
        ({"transfer_lead_time": 3}, "transfer_lead_time must be <= max_lead_time = 2, got 3"),
        ({"demand": Poisson(np.ones((3, 3)))}, r"demand must be a demand process of shape \(2, 2\), got \(3, 3\)"),
    ],
)
def test_bad_parameters_are_named(numbers, message):
    env = MultiWarehouse(num_warehouses=2, num_skus=2, max_lead_time=2)
    with pytest.raises(ValueError, match=message):
        env.make_params(**numbers)


def test_bad_structure_is_named():
    with pytest.raises(ValueError, match=r"MultiWarehouse.num_skus must be a whole number >= 1, got 0"):
        make("MultiWarehouse-v0", num_skus=0)
    with pytest.raises(ValueError, match=r"no environment 'MultiWarehouse'; registered are .*MultiWarehouse-v0"):
        make("MultiWarehouse")
