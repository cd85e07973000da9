"""SingleItem: each event by hand, and what policies and agents see."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxinv.demand import DemandState, Poisson
from jaxinv.env.multi_warehouse import Exogenous as ManyExogenous
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.env.single_item import Exogenous, SingleItem
from jaxinv.testing import check_environment
from tests.env.single_items import VARIANTS, WEEKLY


def problem(name):
    structure, numbers = VARIANTS[name]
    env = SingleItem(**structure)
    return env, env.make_params(**numbers)


@pytest.mark.slow  # the default one is among the contract tests
@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_keeps_the_protocol(name):
    check_environment(*problem(name))


# -- the order of events ----------------------------------------------------------------------------------------------


def exogenous(state, demand, lead_time=(), supply=()):
    return Exogenous(next=state.exo, demand=jnp.float32(demand), lead_time=lead_time, supply=supply)


def play(env, params, demands, orders, inventory=0.0, **drawn):
    """Inventory before each period and after the last, and the periods' ledgers, of given demands and orders."""
    _, state = env.reset(jax.random.key(0), params)
    state = state.replace(inventory=jnp.float32(inventory))
    seen, ledgers = [float(state.inventory)], []
    for demand, order in zip(demands, orders, strict=True):
        state, outcome = env.transition(state, jnp.float32(order), exogenous(state, demand, **drawn), params)
        np.testing.assert_allclose(outcome.reward, outcome.ledger.reward())
        seen.append(float(state.inventory))
        ledgers.append(outcome.ledger)
    return seen, jax.tree.map(lambda *x: np.stack(x).tolist(), *ledgers)


@pytest.mark.parametrize("lead_time", [0, 1, 2, 3])
def test_an_order_serves_the_demand_of_the_period_its_lead_time_says(lead_time):
    env = SingleItem(lead_time=lead_time)
    _, ledger = play(env, env.make_params(), [7.0] * 6, [5.0, 0, 0, 0, 0, 0])
    assert ledger.sold == [5.0 * (t == lead_time) for t in range(6)]
    # It is received before that demand: at the end of the period before, or at once.
    assert ledger.received == [5.0 * (t == max(lead_time - 1, 0)) for t in range(6)]
    assert ledger.ordered == [5, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("lead_time", [0, 1, 2, 3])
@pytest.mark.parametrize("drawn", [0, 1, 2, 3])
def test_a_random_lead_time_that_was_drawn(lead_time, drawn):
    if drawn <= lead_time:
        env = SingleItem(lead_time=lead_time, random_lead_time=True)
        _, ledger = play(env, env.make_params(), [7.0] * 6, [5.0, 0, 0, 0, 0, 0], lead_time=jnp.int32(drawn))
        assert ledger.sold == [5.0 * (t == drawn) for t in range(6)]


def test_lost_sales_by_hand():
    """Lead time 2. Demand 6, 3, 4 meets a stock of 4, 0 and 5 (the first order, seen at the end of the second)."""
    env = SingleItem(lead_time=2)
    params = env.make_params(
        price=10.0, unit_cost=4.0, fixed_order_cost=20.0, holding_cost=0.5, stockout_cost=3.0, backlog_share=0.0
    )
    inventory, ledger = play(env, params, [6, 3, 4], [5, 0, 7], inventory=4)
    assert inventory == [4, 0, 5, 1]
    assert ledger.sold == [4, 0, 4]
    assert ledger.lost == [2, 3, 0]
    assert ledger.on_hand == [0, 0, 1]
    assert ledger.received == [0, 5, 0]
    assert ledger.revenue == [40, 0, 40]
    assert ledger.purchase == [20, 0, 28]
    assert ledger.fixed_order == [20, 0, 20]
    assert ledger.holding == [0, 0, 0.5]
    assert ledger.stockout == [6, 9, 0]


@pytest.mark.parametrize(
    ("lead_time", "inventory", "on_hand", "sold", "stockout"),
    [
        # Served at once: stock 4 + 5 for 6, then 3 for 3, then 4 wait and are served by what is ordered next.
        (0, [4, 3, 0, -4, -1], [3, 0, 0, 0], [6, 3, 0, 7], [0, 0, 12, 3]),
        # 2 wait and are served by the 5 that arrive before the second period's demand, which takes the other 3.
        (1, [4, 3, 0, -4, 3], [0, 0, 0, 0], [6, 3, 0, 8], [6, 0, 12, 24]),
        (2, [4, -2, 0, -4, -8], [0, 0, 0, 0], [4, 5, 0, 0], [6, 15, 12, 24]),
        (3, [4, -2, -5, -4, -8], [0, 0, 0, 0], [4, 0, 5, 0], [6, 15, 27, 24]),
    ],
)
def test_backlog_by_hand(lead_time, inventory, on_hand, sold, stockout):
    """Demands 6, 3, 4, 4 meet a stock of 4; 5 are ordered in the first period, 7 or, with lead time 1, 11 in the last.

    Waiting customers are served when an order arrives, before the demand that follows."""
    env = SingleItem(lead_time=lead_time)
    params = env.make_params(backlog_share=1.0, stockout_cost=3.0, holding_cost=1.0, price=2.0)
    found, ledger = play(env, params, [6, 3, 4, 4], [5, 0, 0, 11 if lead_time == 1 else 7], inventory=4)
    assert found == inventory
    assert ledger.on_hand == ledger.holding == on_hand
    assert ledger.sold == sold
    assert ledger.revenue == [2 * units for units in sold]
    assert ledger.stockout == stockout
    assert ledger.lost == [0, 0, 0, 0]


def test_half_of_what_is_unmet_waits():
    """Lead time 1: a stock of 2 leaves 8 of 10 unmet, 4 of them lost; 6 arrive, of which 2 are left for a demand of
    4; of the 2 unmet one waits, and one more of a demand of 2 that meets no stock."""
    env = SingleItem(lead_time=1)
    params = env.make_params(backlog_share=0.5, stockout_cost=3.0, price=1.0)
    inventory, ledger = play(env, params, [10, 4, 2], [6, 0, 0], inventory=2)
    assert inventory == [2, 2, -1, -2]
    assert ledger.lost == ledger.backlogged == [4, 1, 1]
    assert ledger.sold == ledger.revenue == [6, 2, 0]
    assert ledger.stockout == [3 * (4 + 4), 3 * (1 + 1), 3 * (1 + 2)]


def test_yield_is_seen_on_arrival():
    """All or nothing: uniforms below the probability let an order through; what does not arrive has been paid."""
    env = SingleItem(lead_time=2, supply_yield="all_or_nothing")
    params = env.make_params(yield_probability=0.6, unit_cost=4.0)
    for u, arrives in ((0.59, 5), (0.61, 0)):
        inventory, ledger = play(env, params, [0, 0, 0], [5, 0, 0], supply=(jnp.float32(0.99), jnp.float32(u)))
        assert inventory == [0, 0, arrives, arrives]
        assert ledger.received == [0, arrives, 0]
        assert ledger.written_off == [0, 5 - arrives, 0]
        assert ledger.purchase == [20, 0, 0]


def test_binomial_yield_of_an_order_in_stock_at_once():
    env = SingleItem(lead_time=0, supply_yield="binomial")
    params = env.make_params(yield_probability=0.3)
    for u in (0.1, 0.5, 0.9):
        inventory, ledger = play(env, params, [0], [10], supply=(jnp.float32(u), jnp.float32(0.0)))
        arrived = stats.binom.ppf(u, 10, 0.3)
        assert inventory == [0, arrived]
        assert ledger.written_off == [10 - arrived]


# -- the horizon ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "demand", "usual", "final"),
    [(0.0, 8.0, 2.0, -4.0), (1.0, 8.0, 2.0, -4.0), (0.0, 17.0, 63.0, 0.0), (1.0, 17.0, 63.0, 70.0)],
)
def test_the_horizon_ends_with_final_costs(share, demand, usual, final):
    """A stock of 10 in the last of two periods: 2 units left are worth 2 each, 7 waiting customers cost 10 each."""
    env = SingleItem(lead_time=1, horizon=2)
    params = env.make_params(
        backlog_share=share, final_holding_cost=-2.0, final_stockout_cost=10.0, holding_cost=1.0, stockout_cost=9.0
    )
    _, state = env.reset(jax.random.key(0), params)
    state = state.replace(inventory=jnp.float32(5.0))
    state, first = env.transition(state, jnp.float32(5.0), exogenous(state, 0.0), params)
    assert (bool(first.terminated), first.reward) == (False, -5.0)
    # What is ordered now arrives after the end, at which the final costs are charged.
    _, last = env.transition(state, jnp.float32(100.0), exogenous(state, demand), params)
    assert last.terminated
    assert -last.reward == usual + final


def test_without_a_horizon_final_costs_are_never_charged(key):
    env = SingleItem(lead_time=1)
    plain, final = env.make_params(), env.make_params(final_holding_cost=50.0, final_stockout_cost=50.0)
    _, state = env.reset(key, plain)
    path = env.sample_path(key, state, plain, 30)
    one, other = (env.rollout(lambda *_: jnp.float32(5.0), state, path, p)[1].outcome for p in (plain, final))
    assert not one.terminated.any()
    np.testing.assert_array_equal(one.reward, other.reward)


def test_episodes_end_at_the_horizon_and_begin_anew(key):
    env = SingleItem(lead_time=2, horizon=3)
    params = env.default_params()
    _, state = env.reset(key, params)
    step = jax.jit(env.step)
    for t in range(7):
        assert env.observe(state, params)[-1] == pytest.approx(1 - (t % 3) / 3)  # share of the horizon left
        _, state, _, terminated, truncated, _ = step(jax.random.fold_in(key, t), state, jnp.float32(5.0), params)
        assert (bool(terminated), bool(truncated)) == (t % 3 == 2, False)


# -- exogenous information --------------------------------------------------------------------------------------------


def test_lead_times_are_drawn_as_stated_and_do_not_cross(key):
    probs = np.array([0.1, 0.2, 0.3, 0.0, 0.4])
    env = SingleItem(lead_time=4, random_lead_time=True)
    params = env.make_params(lead_time_probs=probs)
    assert env.lead_time_mean(params) == pytest.approx(2.4)
    _, state = env.reset(key, params)
    lead_time = np.asarray(env.sample_path(key, state, params, 20_000).lead_time)
    assert (np.diff(lead_time + np.arange(len(lead_time))) >= 0).all()  # periods of arrival
    # Not crossing, l = max(drawn, last - 1): its stationary distribution is the product of the drawn law's tails.
    cdf = np.cumsum(probs)
    expected = np.diff([np.prod(cdf[i:]) for i in range(5)], prepend=0.0)
    found = np.bincount(lead_time, minlength=5) / len(lead_time)
    np.testing.assert_allclose(found, expected, atol=0.02)  # 5 standard errors of 20,000 draws in runs of about 3


def test_orders_arrive_with_the_lead_time_drawn_and_none_overtakes_another(key):
    env = SingleItem(lead_time=4, random_lead_time=True)
    params = env.make_params(lead_time_probs=[0.2, 0.1, 0.2, 0.1, 0.4], initial_inventory=1e4)
    _, state = env.reset(key, params)
    path = env.sample_path(key, state, params, 300)
    policy = lambda env, state, params, key: jnp.floor(jax.random.uniform(key, (), maxval=9.0)) + 1.0  # noqa: E731
    _, records = jax.jit(lambda path: env.rollout(policy, state, path, params, key))(path)
    ledger = jax.tree.map(np.asarray, records.outcome.ledger)
    placed = np.append(0.0, np.cumsum(ledger.ordered))
    # Cumulative arrivals are cumulative orders, and those whose lead time has passed at the demand of period t.
    in_stock = ledger.on_hand - 1e4 + np.cumsum(ledger.demanded)
    arrival = np.arange(300) + np.asarray(path.lead_time)
    np.testing.assert_array_equal(in_stock, placed[np.searchsorted(arrival, np.arange(300), side="right")])


def outcomes_of_yield(structure, order, params, paths=20_000):
    """Units that arrive of ``order`` units [paths]."""
    env = SingleItem(**structure)
    _, state = env.reset(jax.random.key(0), params)

    @jax.vmap
    def arrivals(key):
        path = env.sample_path(key, state, params, env.lead_time + 1)
        policy = lambda env, state, params, key: jnp.where(state.time == 0, order, 0.0)  # noqa: E731
        _, ledger = env.rollout(policy, state, path, params, record=lambda t: t.outcome.ledger)
        return jnp.sum(ledger.received), jnp.sum(ledger.written_off)

    received, written_off = jax.jit(arrivals)(jax.random.split(jax.random.key(2), paths))
    np.testing.assert_array_equal(received + written_off, order)
    return np.asarray(received)


@pytest.mark.parametrize("lead_time", [0, 2])
def test_the_mean_and_variance_of_random_yield(lead_time):
    """Within 5 standard errors; of a variance about sqrt(2 / n) of it, n = 20,000."""
    n, p = 10.0, 0.7
    for supply_yield, variance in (("binomial", n * p * (1 - p)), ("all_or_nothing", n**2 * p * (1 - p))):
        structure = dict(lead_time=lead_time, supply_yield=supply_yield)
        params = SingleItem(**structure).make_params(yield_probability=p)
        received = outcomes_of_yield(structure, n, params)
        assert abs(received.mean() - n * p) < 5 * np.sqrt(variance / 20_000)
        assert received.var() == pytest.approx(variance, rel=0.05)
        values = {0.0, n} if supply_yield == "all_or_nothing" else set(range(11))
        assert set(received.tolist()) <= values


@pytest.mark.parametrize("supply_yield", ["binomial", "all_or_nothing"])
@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_yield_without_doubt(supply_yield, probability):
    structure = dict(lead_time=1, supply_yield=supply_yield)
    params = SingleItem(**structure).make_params(yield_probability=probability)
    assert (outcomes_of_yield(structure, 60.0, params, 500) == 60.0 * probability).all()


# -- what policies and agents see -------------------------------------------------------------------------------------


def test_the_inventory_position_is_what_has_been_ordered_and_not_been_demanded(key):
    env = SingleItem(lead_time=3)
    params = env.make_params(backlog_share=1.0, initial_inventory=7.0)
    _, state = env.reset(key, params)
    path = env.sample_path(key, state, params, 20)
    last, records = env.rollout(lambda *_: jnp.float32(4.0), state, path, params)
    expected = 7.0 + 4.0 * 20 - float(path.demand.sum())
    assert env.inventory_position(last) == expected
    positions = jax.vmap(env.inventory_position)(records.state)
    np.testing.assert_array_equal(np.diff(positions), 4.0 - np.asarray(path.demand)[:-1])
    assert env.lead_time_mean(params) == 3.0


def test_observations_are_as_described():
    env = SingleItem(lead_time=3, horizon=8, calendar=True)
    params = env.make_params(demand=WEEKLY, demand_scale=2.0)
    _, state = env.reset(jax.random.key(0), params)
    exo = state.exo.replace(demand=DemandState(jnp.int32(12), ((),)))  # Saturday
    state = state.replace(
        inventory=jnp.float32(-6.0), pipeline=(jnp.float32(4.0), jnp.float32(8.0)), time=jnp.int32(6), exo=exo
    )
    profile = [0.5, 1.0, 1.0, 1.0, 1.5, 2.0, 0.0]
    expected = [-3, 2, 4, *(4.0 * profile[day % 7] / 2 for day in range(12, 16)), 0, 0, 0, 0, 0, 1, 0, 0.25]
    observation = env.observe(state, params)
    np.testing.assert_allclose(observation, expected, rtol=1e-6)
    assert env.observation_space(params).contains(observation)


def test_defaults_cover_the_lead_time_and_a_period():
    for lead_time in (0, 3):
        env = SingleItem(lead_time=lead_time)
        params = env.make_params(demand=Poisson(2.3))
        assert params.initial_inventory == np.ceil(2.3 * (lead_time + 1))
        assert params.demand_scale == pytest.approx(2.3)
    assert SingleItem().make_params(demand=Poisson(0.0)).demand_scale == pytest.approx(0.1)


# -- the same problem as a warehouse with one item --------------------------------------------------------------------


CELLS = {(0, 0.0), (0, 1.0), (1, 0.5), (3, 0.0), (3, 0.5)}


@pytest.mark.parametrize(
    ("lead_time", "share"),
    [
        pytest.param(*case, marks=[pytest.mark.slow] * (case not in CELLS))
        for case in itertools.product((0, 1, 2, 3), (0.0, 0.5, 1.0))
    ],
)
def test_one_cell_of_many_warehouses_is_this_problem(lead_time, share):
    """Period by period, but that there waiting customers are served with the next demand and not on arrival: revenue
    comes later by those who wait while there is stock, and so does a stock of theirs."""
    numbers = dict(price=7.0, unit_cost=3.0, holding_cost=0.5, stockout_cost=4.0, backlog_share=share)
    env = SingleItem(lead_time=lead_time)
    params = env.make_params(**numbers, fixed_order_cost=11.0, initial_inventory=3.0)
    many = MultiWarehouse(num_warehouses=1, num_skus=1, max_lead_time=lead_time, transfers=False)
    many_params = many.make_params(**numbers, fixed_order_cost=11.0, initial_stock=3.0)
    rng = np.random.default_rng(lead_time)
    demands, orders = rng.poisson(5.0, 60), rng.integers(0, 3, 60) * rng.integers(0, 9, 60)
    _, state = env.reset(jax.random.key(0), params)
    _, cell = many.reset(jax.random.key(0), many_params)
    one, other = jax.jit(env.transition), jax.jit(many.transition)
    late = latest = 0.0
    for demand, order in zip(demands, orders, strict=True):
        exo = ManyExogenous(
            next=cell.exo, demand=jnp.full((1, 1), float(demand)), lead_time=jnp.full(1, lead_time, jnp.int32)
        )
        state, outcome = one(state, jnp.float32(order), exogenous(state, demand), params)
        cell, many_outcome = other(cell, many.order_action(jnp.full((1, 1), float(order))), exo, many_params)
        ledger, many_ledger = outcome.ledger, jax.tree.map(lambda x: x[0, 0], many_outcome.ledger)
        for name in ("purchase", "fixed_order", "holding", "stockout", "lost", "backlogged", "received", "on_hand"):
            np.testing.assert_allclose(getattr(ledger, name), getattr(many_ledger, name), atol=1e-3, err_msg=name)
        net = cell.on_hand[0, 0] - cell.backlog[0, 0]
        np.testing.assert_allclose(state.inventory, net, atol=1e-3)
        before, late = late, float(jnp.minimum(cell.on_hand, cell.backlog)[0, 0])
        latest = max(latest, late)
        np.testing.assert_allclose(ledger.sold, many_ledger.sold_locally + late - before, atol=1e-3)
        np.testing.assert_allclose(outcome.reward, many_outcome.reward + 7.0 * (late - before), atol=1e-2)
    assert (latest > 0.0) == (share > 0.0 and lead_time > 0)


# -- what does not fit ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (dict(lead_time=-1), r"SingleItem.lead_time must be a whole number >= 0, got -1"),
        (dict(lead_time=1.5), r"SingleItem.lead_time must be a whole number >= 0, got 1.5"),
        (dict(horizon=0), r"SingleItem.horizon must be None or a whole number >= 1, got 0"),
        (dict(horizon=2.0), r"SingleItem.horizon must be None or a whole number >= 1, got 2.0"),
        (dict(supply_yield="half"), r"SingleItem.supply_yield must be one of certain, .*, got 'half'"),
    ],
)
def test_bad_structure_is_named(structure, message):
    with pytest.raises(ValueError, match=message):
        SingleItem(**structure)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (dict(cost=1.0), r"SingleItem has no parameter 'cost'; it has .*demand, price, unit_cost"),
        (dict(demand=5.0), r"SingleItem.demand must be a demand process of shape \(\), got float"),
        (dict(demand=Poisson([1.0, 2.0])), r"SingleItem.demand must be a demand process of shape \(\), got \(2,\)"),
        (dict(lead_time_probs=[0.5, 0.5]), r"SingleItem.lead_time_probs need SingleItem.random_lead_time"),
        *(
            (dict([(name, -1.0)]), rf"{name} must be >= 0.0, got -1.0")
            for name in ("price", "unit_cost", "fixed_order_cost", "holding_cost", "stockout_cost", "minimum_order")
        ),
        (dict(backlog_share=1.1), r"backlog_share must be <= 1.0, got 1.1"),
        (dict(yield_probability=-0.1), r"yield_probability must be >= 0.0, got -0.1"),
        (dict(batch_size=0.0), r"batch_size must be > 0.0, got 0.0"),
        (dict(demand_scale=0.0), r"demand_scale must be > 0.0, got 0.0"),
        (dict(discount=1.5), r"discount must be <= 1.0, got 1.5"),
        (dict(max_steps_in_episode=0), r"max_steps_in_episode must be >= 1, got 0"),
        (dict(max_steps_in_episode=1.5), r"max_steps_in_episode must be whole numbers, got 1.5"),
        (dict(initial_inventory=float("nan")), r"initial_inventory must not hold NaN"),
        (dict(final_holding_cost="none"), r"final_holding_cost must be numeric, got 'none'"),
    ],
)
def test_bad_numbers_are_named(numbers, message):
    with pytest.raises(ValueError, match=message):
        SingleItem().make_params(**numbers)


@pytest.mark.parametrize("probs", [[0.5, 0.5], [0.5, 0.4, 0.05], [[0.2, 0.3, 0.5]], [0.5, 0.75, -0.25]])
def test_lead_times_that_are_not_probabilities(probs):
    env = SingleItem(lead_time=2, random_lead_time=True)
    with pytest.raises(ValueError, match=r"SingleItem.lead_time_probs must (have shape|sum to 1|be >= 0)"):
        env.make_params(lead_time_probs=probs)
