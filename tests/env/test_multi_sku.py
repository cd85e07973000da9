"""MultiSku: a period by hand, the physics as properties of random problems, and what it has in common with others."""

import dataclasses
import functools
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Poisson, Trace
from jaxinv.env import instances, make
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.multi_sku import Exogenous, Ledger, MultiSku
from jaxinv.env.single_item import SingleItem
from jaxinv.env.wrappers import DiscreteOrders, OrderUpTo


def period(env, params, orders, demand, **state_arrays):
    """One transition from a state written by hand: (next state, ledger), as numpy."""
    _, state = env.reset(jax.random.key(0), params)
    state = state.replace(**{name: jnp.asarray(x, jnp.float32) for name, x in state_arrays.items()})
    exo = Exogenous(next=state.exo, demand=jnp.asarray(demand, jnp.float32))
    following, outcome = env.transition(state, jnp.asarray(orders, jnp.float32), exo, params)
    return jax.tree.map(np.asarray, (following, outcome.ledger, outcome.reward))


# -- order of events --------------------------------------------------------------------------------------------------


def test_a_period_by_hand():
    """Two warehouses, two SKUs of volumes 1 and 2. Warehouse 0 loses 2 customers of SKU 0. Warehouse 1 owes it a unit
    from before, sends 4 of the 7 units wanted and owes 3. What arrives at warehouse 0 needs twice the space left."""
    env = MultiSku(num_skus=2, num_echelons=2, max_lead_time=2)
    params = env.make_params(
        price=[[10], [6]], unit_cost=[[6], [4]], fixed_order_cost=7, holding_cost=[[1], [0.5]],
        stockout_cost=[[3], [2]], backlog_share=[[0], [1]], overflow_cost=1.5, volume=[1, 2], storage_capacity=[8, 30],
        lead_time=[[1, 2], [2, 2]],
    )  # fmt: skip
    state, ledger, reward = period(
        env, params, orders=[[6, 5], [3, 0]], demand=[7, 1],
        on_hand=[[5, 3], [4, 10]], pipeline=[[[0, 2], [6, 4]]], backlog=[[0, 0], [1, 0]],
    )  # fmt: skip
    expected = {
        "revenue": [[50, 10], [24, 30]], "purchase": [[24, 30], [12, 0]], "fixed_order": [[7, 7], [7, 0]],
        "holding": [[0, 2], [0, 2.5]], "stockout": [[6, 0], [6, 0]], "overflow": [[3, 1.5], [0, 0]],
        "demanded": [7, 1], "lost": [2, 0], "backlogged": [0, 0], "ordered": [[6, 5], [3, 0]],
        "shipped": [[5, 1], [4, 5]], "received": [[2, 1], [6, 4]], "written_off": [[2, 1], [0, 0]],
        "on_hand": [[0, 2], [0, 5]],
    }  # fmt: skip
    assert {name: getattr(ledger, name).tolist() for name in expected} == expected
    assert set(expected) == set(Ledger.GAINS + Ledger.COSTS + Ledger.UNITS)
    assert ledger.agent_reward().tolist() == [[50 - 24 - 7 - 6 - 3, 10 - 30 - 7 - 2 - 1.5], [24 - 12 - 7 - 6, 27.5]]
    assert reward == ledger.agent_reward().sum()

    assert state.on_hand.tolist() == [[2, 3], [6, 9]]
    assert state.pipeline.tolist() == [[[0, 5], [3, 0]]]
    assert state.backlog.tolist() == [[0, 0], [3, 0]]
    assert env.inventory_position(state).tolist() == [[2 + 3, 3 + 5], [6 + 3 - 3, 9]]
    echelon = dataclasses.replace(env, echelon_positions=True).inventory_position(state)
    assert echelon.tolist() == [[5, 8], [11, 17]]


def test_lead_times_follow_their_table_and_orders_may_cross():
    """Orders of 1, 2 and 4 on three dates with lead times 3, 1 and 2; the last row holds for all later dates."""
    env = MultiSku(num_skus=1, max_lead_time=3)
    demand = Trace(quantity=np.zeros((9, 1)), start_day=100, first=1, last=1)
    params = env.make_params(
        demand=demand, lead_time=np.reshape([1, 3, 1, 2], (4, 1, 1)),  # the episode begins in row 1
        initial_stock=0, storage_capacity=UNLIMITED,
    )  # fmt: skip
    assert params.lead_time_start_day == 100
    _, state = env.reset(jax.random.key(0), params)
    seen = []
    for order in (1, 2, 4, 8, 0, 0):
        seen.append(float(state.on_hand[0, 0]))
        exo = env.exogenous(jnp.zeros(0), state, params)
        state, _ = env.transition(state, jnp.full((1, 1), float(order)), exo, params)
    # In stock for the demand of periods 0 + 3, 1 + 1, 2 + 2 and 3 + 2.
    assert seen == [0, 0, 2, 3, 7, 15]


# -- physics ----------------------------------------------------------------------------------------------------------
ENV = MultiSku(num_skus=5, num_echelons=3, max_lead_time=4)


def random_params(key):
    """Any problem: storage that binds, lead times by date, backlog, lost sales and both."""
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    stock = rng.integers(0, 12, ENV.cells)
    volume = rng.uniform(0.5, 2.0, 5)
    return ENV.make_params(
        demand=Poisson(rng.uniform(1.0, 9.0, 5)),
        lead_time=rng.integers(1, 5, (20, *ENV.cells)),
        initial_stock=stock, volume=volume, storage_capacity=stock @ volume + rng.uniform(0.0, 40.0, 3),
        backlog_share=rng.choice([0.0, 0.3, 1.0], ENV.cells),
        **{name: rng.uniform(0.0, 5.0, ENV.cells) for name in (
            "price", "unit_cost", "fixed_order_cost", "holding_cost", "stockout_cost", "overflow_cost")},
    )  # fmt: skip


@functools.cache
def histories():
    """Of six random problems with random orders: parameters and, in every period, state, outcome and next state."""
    keys = jax.random.split(jax.random.key(1), 6)
    params = jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(random_params, keys))

    @jax.jit
    @jax.vmap
    def run(key, params):
        _, state = ENV.reset(key, params)

        def body(state, key):
            draw, order = jax.random.split(key)
            u = jax.random.uniform(order, ENV.cells)
            action = jnp.where(u < 0.3, 0.0, 20.0 * u)
            following, outcome = ENV.transition(state, action, ENV.sample_exogenous(draw, state, params), params)
            return following, (state, outcome, following)

        return jax.lax.scan(body, state, jax.random.split(key, 40))[1]

    periods = run(keys, params)
    return jax.tree.map(lambda x: np.asarray(x, np.float64), (params, *periods))


def test_units_are_conserved():
    _, state, outcome, following = histories()
    ledger = outcome.ledger

    def held(s):  # in all warehouses and between them
        return s.on_hand.sum(2) + s.pipeline.sum((2, 3))

    entered, left = ledger.ordered[:, :, -1], ledger.shipped[:, :, 0] + ledger.written_off.sum(2)
    np.testing.assert_allclose(held(following), held(state) + entered - left, atol=1e-3)
    waiting = following.backlog - state.backlog
    public = waiting[:, :, 0] + ledger.shipped[:, :, 0] + ledger.lost
    np.testing.assert_allclose(public, ledger.demanded, atol=1e-4)
    # A warehouse's order is sent, waits or is lost, and of what does not go out at once the share waits.
    assert (ledger.shipped <= state.on_hand + 1e-4).all()
    assert (ledger.shipped[:, :, 1:] + waiting[:, :, 1:] <= ledger.ordered[:, :, :-1] + 1e-4).all()
    for array in (following.on_hand, following.pipeline, following.backlog, ledger.lost, ledger.written_off):
        assert (array >= -1e-4).all()


def test_storage_is_never_exceeded_and_accepts_in_proportion():
    params, _, outcome, following = histories()
    ledger, volume = outcome.ledger, params.volume[:, None, None, :]
    capacity = params.storage_capacity[:, None, :]
    used = (following.on_hand * volume).sum(-1)
    assert (used <= capacity * (1 + 1e-5) + 1e-4).all()
    due = ledger.received + ledger.written_off
    refuses = (ledger.written_off * volume).sum(-1) > 1e-2
    assert 0.1 < refuses.mean() < 0.9
    np.testing.assert_allclose(used[refuses], np.broadcast_to(capacity, used.shape)[refuses], rtol=1e-5)
    share = np.where(due > 0.1, ledger.received / np.maximum(due, 0.1), np.nan)
    assert np.nanmax(np.nanmax(share, -1, initial=-1.0) - np.nanmin(share, -1, initial=2.0)) < 1e-4


def test_the_ledger_adds_up_to_the_reward():
    _, _, outcome, _ = histories()
    ledger = outcome.ledger
    total = sum(getattr(ledger, name).sum((2, 3)) for name in Ledger.GAINS)
    total -= sum(getattr(ledger, name).sum((2, 3)) for name in Ledger.COSTS)
    # Sums of 15 float32 terms of up to 100.
    np.testing.assert_allclose(outcome.reward, total, rtol=1e-5, atol=1e-2)


def test_the_order_of_the_skus_does_not_matter():
    params = random_params(jax.random.key(7))
    order = np.array([3, 0, 4, 1, 2])
    demand = np.random.default_rng(0).poisson(5.0, (30, 5))
    params = params.replace(demand=Trace(quantity=demand, first=1, last=1))

    def permuted(tree):
        return jax.tree.map(lambda x: x[..., order] if x.shape[-1:] == (5,) else x, tree)

    @jax.jit
    def run(params):
        _, state = ENV.reset(jax.random.key(0), params)
        path = ENV.sample_path(jax.random.key(0), state, params, 20)
        policy = lambda env, state, params, key: 2.0 * params.volume[None] + 0.1 * state.on_hand  # noqa: E731
        return ENV.rollout(policy, state, path, params, record=lambda t: t.outcome)

    plain, shuffled = permuted(run(params)), run(permuted(params))
    for one, other in zip(jax.tree.leaves(plain), jax.tree.leaves(shuffled), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-3)


# -- other environments -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("numbers", [{"price": 5.0}, {"backlog_share": 0.4}], ids=["lost sales", "backlog"])
def test_one_sku_in_one_warehouse_is_the_single_item(numbers, key):
    """State by state. Prices only with lost sales: a waiting customer pays when served, here in the next period."""
    numbers = {**numbers, "unit_cost": 2.0, "fixed_order_cost": 3.0, "holding_cost": 0.7, "stockout_cost": 4.0}
    one, many = SingleItem(lead_time=3), MultiSku(num_skus=1, max_lead_time=3)
    p = one.make_params(demand=Poisson(5.0), initial_inventory=9.0, **numbers)
    q = many.make_params(demand=Poisson(np.full(1, 5.0)), initial_stock=9.0, storage_capacity=UNLIMITED, **numbers)
    orders = jnp.round(9.0 * jax.random.uniform(key, (60,)))

    @functools.partial(jax.jit, static_argnames="env")
    def run(env, params):
        _, state = env.reset(key, params)
        path = env.sample_path(key, state, params, 60)
        policy = lambda env, state, params, key: jnp.broadcast_to(orders[state.time], env.cells)  # noqa: E731
        return env.rollout(policy, state, path, params)[1]

    a, b = run(one, p), run(many, q)
    np.testing.assert_allclose(b.state.on_hand[:, 0, 0] - b.state.backlog[:, 0, 0], a.state.inventory, atol=1e-4)
    np.testing.assert_allclose(b.state.pipeline[:, :, 0, 0], np.stack(a.state.pipeline, 1), atol=1e-4)
    np.testing.assert_allclose(b.outcome.reward, a.outcome.reward, rtol=1e-5, atol=1e-3)
    for name in ("demanded", "lost", "backlogged", "ordered", "on_hand", "holding", "stockout", "purchase"):
        theirs, ours = getattr(a.outcome.ledger, name), getattr(b.outcome.ledger, name)
        np.testing.assert_allclose(ours.reshape(60), theirs, atol=1e-4, err_msg=name)
    assert a.outcome.ledger.lost.sum() > 0


def test_action_wrappers_fit(key):
    params = ENV.default_params()
    _, state = ENV.reset(key, params)
    levels = jnp.full(ENV.cells, 30.0)
    orders = OrderUpTo(ENV).decode(levels, state, params)
    np.testing.assert_allclose(ENV.inventory_position(state) + orders, jnp.maximum(30.0, params.initial_stock))
    discrete = DiscreteOrders(ENV, max_order=3, max_position=26.0)
    mask = discrete.action_mask(state, params)
    assert mask.shape == (*ENV.cells, 4)
    assert mask[0, 0].tolist() == [True, True, False, False]  # the initial stock is 25


# -- parameters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"stock_cost": 1}, "MultiSku has no parameter 'stock_cost'; it has .*stockout_cost"),
        ({"demand": Poisson(5.0)}, r"MultiSku.demand must be a demand process of shape \(5,\), got \(\)"),
        ({"lead_time": 5}, "MultiSku.lead_time must be <= max_lead_time = 4, got 5"),
        ({"lead_time": np.zeros((2, 3, 5))}, "lead_time must be >= 1"),
        ({"lead_time": np.ones((7, 5))}, r"MultiSku.lead_time must have shape \(1, 3, 5\)"),
        ({"lead_time": np.nan}, "MultiSku.lead_time must not hold NaN"),
        ({"lead_time": "a"}, "MultiSku.lead_time must be numeric, got 'a'"),
        ({"initial_stock": "a"}, "MultiSku.initial_stock must be numeric, got 'a'"),
        ({"recent_periods": [7, 14]}, r"MultiSku.recent_periods must be one number, got shape \(2,\)"),
        ({"price": np.ones(3)}, r"MultiSku.price must have shape \(3, 5\) or broadcast to it, got shape \(3,\)"),
        ({"storage_capacity": -1.0}, "storage_capacity must be >= 0"),
        ({"backlog_share": 1.2}, "backlog_share must be <= 1"),
    ],
)
def test_numbers_that_do_not_fit_are_named(numbers, message):
    with pytest.raises(ValueError, match=message):
        ENV.make_params(**numbers)


@pytest.mark.parametrize("name", ["num_skus", "num_echelons", "max_lead_time"])
def test_sizes_that_do_not_fit_are_named(name):
    with pytest.raises(ValueError, match=f"MultiSku.{name} must be a whole number >= 1, got 0"):
        MultiSku(**{name: 0})


@pytest.mark.parametrize("instance", instances("MultiSku-v0"), ids=lambda i: i.name)
def test_published_settings(instance):
    env, params = make(instance.env, instance=instance.name)
    per_sku = {"standard": 100, "lower": 50, "lowest": 25}[instance.name.rpartition("-")[2]]
    np.testing.assert_allclose(params.storage_capacity, per_sku * env.num_skus)
    assert params.holding_cost.shape == env.cells
    np.testing.assert_allclose(params.holding_cost, 0.003)


# -- scale ------------------------------------------------------------------------------------------------------------
_YEAR = """
import resource
import jax, jax.numpy as jnp, numpy as np
from jaxinv.demand import Trace
from jaxinv.env.multi_sku import MultiSku
from jaxinv.evaluate import evaluate, sample_paths
from jaxinv.policies import BaseStock, chain_sizing

env = MultiSku(num_skus=30_000, num_echelons=3, max_lead_time=7)
rng = np.random.default_rng(0)
sales = rng.poisson(rng.gamma(0.5, 10.0, 30_000), (393, 30_000)).astype(np.float32)
params = env.make_params(
    demand=Trace(quantity=sales, first=28, last=28), lead_time=rng.integers(1, 8, env.cells),
    demand_scale=np.maximum(sales[:28].mean(0), 0.1),
)
policy = BaseStock.from_factors(chain_sizing(env, params, jnp.asarray(sales[:28])), safety=jnp.float32(0))
year = evaluate(policy, env, params, sample_paths(env, params, jax.random.key(0), 1, 365))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(year.cost.shape[1], float(year.fill_rate), peak)
"""


@pytest.mark.slow
def test_a_year_of_30000_skus_in_three_echelons_fits_in_8_gib():
    run = subprocess.run([sys.executable, "-c", _YEAR], capture_output=True, text=True, check=True)
    periods, fill_rate, peak = map(float, run.stdout.split())
    assert periods == 365
    assert 0.8 < fill_rate < 1.0
    assert peak < 8.0
