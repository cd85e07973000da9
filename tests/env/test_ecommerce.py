"""Ecommerce: each event by hand, SingleItem as a reference, physics over random numbers, prices and satisfaction."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Gamma, Modulated, NegativeBinomial, Poisson, Trace, UniformInteger, Weekly
from jaxinv.demand.price import ConstantElasticity, Logit, PricedTrace
from jaxinv.env import make
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.ecommerce import Action, Ecommerce, Exogenous, Ledger
from jaxinv.env.single_item import SingleItem
from jaxinv.testing import check_environment

ENV = Ecommerce()
SMALL = Ecommerce(num_centres=1, num_skus=1, num_regions=1, max_lead_time=0, max_return_delay=1)
WEEKLY = Modulated(Poisson([[4.0, 2.0]]), (Weekly([0.5, 1.0, 1.0, 1.0, 1.5, 2.0, 0.0]),), first_day=3, span=7)
TRACE = PricedTrace([[[3.5, 0.0]]] * 30, first=5, last=10)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("structure", "numbers"),
    [
        ({"reroute": False, "max_lead_time": 0, "num_skus": 2, "num_regions": 1}, {"demand": WEEKLY}),
        ({"max_lead_time": 3, "max_return_delay": 1, "num_skus": 2, "num_regions": 1}, {"demand": TRACE}),
        ({"num_centres": 3}, {"response": Logit([0.1, 0.2, 0.3], 0.1), "shipping_cost": [[1], [UNLIMITED], [2]]}),
    ],
)
def test_every_variant_keeps_the_protocol(structure, numbers):
    env = Ecommerce(**structure)
    check_environment(env, env.make_params(**numbers))


def arrays(ledger):
    return {field.name: np.asarray(getattr(ledger, field.name)) for field in dataclasses.fields(ledger)}


# -- the order of events ----------------------------------------------------------------------------------------------


def test_periods_by_hand():
    """Two centres, two regions. In the first period the second region's orders are meant for both centres, of which
    the first is asked for 8 units of 6; in the second one the price is halved and the nearest centres ship."""
    env = Ecommerce(num_centres=2, num_skus=1, num_regions=2, max_lead_time=1, max_return_delay=2)
    params = env.make_params(
        demand=PricedTrace([[[4.0], [8.0]], [[2.0], [0.0]]], expected=np.ones((2, 2, 1))),
        elasticity=1.0, reference_price=10, unit_cost=2, fixed_order_cost=10, holding_cost=[[1], [0.5]],
        shipping_cost=[[1, 4], [3, 2]], delivery_time=[[1, 2], [2, 1]], impatience=np.log(2), split_cost=5, late_cost=3,
        lost_cost=7, backlog_share=0.5, return_share=0.25, return_delay=2, return_cost=1, satisfaction_rate=0.5,
        satisfaction_effect=0.5, initial_stock=[[6], [4]],
    )  # fmt: skip
    _, state = jax.jit(env.reset)(jax.random.key(0), params)
    period = jax.jit(lambda u, s, action, p: env.transition(s, action, env.exogenous(u, s, p), p))

    def play(state, u, action):
        state, outcome = period(jnp.asarray(u), state, action, params)
        ledger = {name: value.tolist() for name, value in arrays(outcome.ledger).items()}
        np.testing.assert_allclose(outcome.reward, outcome.ledger.reward())
        return state, float(outcome.reward), ledger

    allocation = jnp.array([[[1.0], [0.5]], [[0.0], [0.5]]])
    first = Action(orders=jnp.array([[3.0], [0.0]]), price=jnp.array([10.0]), allocation=allocation)
    state, reward, ledger = play(state, [0.0, 0.0], first)
    assert ledger["demanded"] == [[4], [8]]
    assert ledger["shipped"] == [[[3], [3]], [[0], [4]]]
    assert ledger["revenue"] == [[0], [0], [30], [70]]
    assert ledger["refund"] == [[0], [0], [7.5], [17.5]]
    assert ledger["shipping"] == [[3 * 1 + 3 * 4], [4 * 2], [0], [0]]
    assert ledger["split"] == [[0], [3]]
    assert ledger["splitting"] == [[0], [0], [0], [15]]
    assert ledger["backlogged"] == ledger["lost"] == ledger["waiting"] == [[0.5], [0.5]]
    assert ledger["lateness"] == [[0], [0], [1.5], [1.5]]
    assert ledger["lost_sales"] == [[0], [0], [3.5], [3.5]]
    assert ledger["purchase"] == [[6], [0], [0], [0]]
    assert ledger["fixed_order"] == [[10], [0], [0], [0]]
    assert not np.any([ledger["holding"], ledger["return_handling"]])
    assert reward == 100 - 25 - 23 - 15 - 3 - 7 - 16
    assert state.on_hand.tolist() == [[3], [0]]
    assert state.returning.tolist() == [[[1.5], [1.0]]]
    assert state.owed.tolist() == [[5], [5]]
    np.testing.assert_allclose(state.satisfaction, [1 - 0.5 * (1 - 1.5 / 4), 1 - 0.5 * (1 - 2.75 / 8)])

    # 2 x 2 x 0.84375 orders are 3.375, rounded up by a uniform of 0.7.
    state, reward, ledger = play(
        state, [0.7, 0.7], Action(orders=jnp.zeros((2, 1)), price=jnp.array([5.0]), allocation=None)
    )
    assert ledger["demanded"] == [[4], [0]]
    assert ledger["shipped"] == [[[3], [0]], [[0], [0]]]
    assert ledger["revenue"] == [[0], [0], [0.5 * 10 + 2.5 * 5], [0]]
    assert ledger["backlogged"] == ledger["lost"] == [[0.75], [0]]
    assert ledger["waiting"] == [[0.75], [0.5]]
    assert ledger["returned"] == [[1.5], [1]]
    assert ledger["return_handling"] == [[1.5], [1], [0], [0]]
    assert reward == 17.5 - 4.375 - 3 - 3.75 - 5.25 - 2.5
    assert state.on_hand.tolist() == [[1.5], [1]]
    assert state.returning.tolist() == [[[0.75], [0]]]
    assert state.owed.tolist() == [[3.75], [5]]
    np.testing.assert_allclose(state.satisfaction[0], 0.6875 + 0.5 * (1.5 / 4.5 - 0.6875), rtol=1e-6)
    np.testing.assert_allclose(state.satisfaction[1], 0.671875 / 2)


@pytest.mark.parametrize("reroute", [True, False])
def test_what_the_allocation_leaves_over(reroute):
    """All orders are meant for the second centre, which has 2 units; the third cannot ship to the region. Without
    rerouting the orders that no centre was meant for are not shipped either."""
    env = Ecommerce(num_centres=3, num_skus=1, num_regions=1, max_lead_time=0, reroute=reroute)
    params = env.make_params(
        demand=Poisson([[1000.0]]), shipping_cost=[[1], [2], [UNLIMITED]], initial_stock=[[3], [2], [9]]
    )

    @jax.jit
    def ledger(parts, params):
        state = env.init_state(jnp.zeros(0), params)
        action = Action(jnp.zeros((3, 1)), params.reference_price, parts)
        return env.transition(state, action, Exogenous(u=jnp.full((1, 1), 0.5), next=state.exo), params)[1].ledger

    def shipped(parts):
        return ledger(jnp.array(parts)[:, None, None], params).shipped.ravel().tolist()

    assert shipped([0.0, 1.0, 0.0]) == ([3, 2, 0] if reroute else [0, 2, 0])
    assert shipped([0.0, 0.0, 9.0]) == ([3, 2, 0] if reroute else [0, 0, 0])
    assert shipped([9.0, 1.0, 0.0]) == [3, 2, 0]  # cut to 0.9 and 0.1 of more than there is


# -- SingleItem -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lead_time", "backlog_share"), [(0, 0.0), (2, 0.5)])
def test_one_of_each_at_the_reference_price_is_single_item(lead_time, backlog_share):
    """Mapping: inventory is on hand less backlog, stock-outs are lateness and lost sales together. Revenue of waiting
    customers comes when they are shipped to; SingleItem, which serves them on arrival, has it a period earlier."""
    shop = Ecommerce(num_centres=1, num_skus=1, num_regions=1, max_lead_time=lead_time, max_return_delay=1)
    item = SingleItem(lead_time=lead_time)
    same = dict(unit_cost=2.0, holding_cost=0.5, fixed_order_cost=3.0)
    one = item.make_params(
        demand=Poisson(5.0), price=9.0, stockout_cost=4.0, backlog_share=backlog_share, initial_inventory=7.0, **same
    )
    params = shop.make_params(
        demand=Poisson([[5.0]]), reference_price=9.0, late_cost=4.0, lost_cost=4.0, backlog_share=backlog_share,
        initial_stock=7.0, shipping_cost=0.0, return_share=0.0, satisfaction_effect=0.0, **same,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    orders = jnp.asarray(rng.integers(0, 10, 60) * rng.integers(0, 2, 60), jnp.float32)

    @functools.partial(jax.jit, static_argnums=0)
    def run(env, params):
        _, state = env.reset(jax.random.key(0), params)
        path = env.sample_path(jax.random.key(1), state, params, 60)
        policy = lambda env, state, params, key: env.order_action(jnp.reshape(orders[state.time], env.cells))  # noqa: E731
        return env.rollout(policy, state, path, params, record=lambda t: (t.state, t.outcome))[1]

    states, outcomes = run(shop, params)
    expected_states, expected = run(item, one)
    ledger = {name: np.sum(x, tuple(range(1, x.ndim))) for name, x in arrays(outcomes.ledger).items()}
    reference = arrays(expected.ledger)
    np.testing.assert_allclose((states.on_hand - states.backlog)[:, 0, 0], expected_states.inventory, atol=1e-5)
    np.testing.assert_allclose(ledger["lateness"] + ledger["lost_sales"], reference["stockout"], atol=1e-4)
    names = ["purchase", "fixed_order", "holding", "demanded", "lost", "backlogged", "ordered", "received", "on_hand"]
    for name in names:
        np.testing.assert_allclose(ledger[name], reference[name], atol=1e-5, err_msg=name)
    assert reference["lost"].any()
    assert reference["backlogged"].any() == (backlog_share > 0)
    # Waiting customers whose order has arrived when the period begins: sold already by SingleItem.
    early = np.minimum(states.on_hand, states.backlog)[:, 0, 0]
    assert early.any() == (backlog_share > 0)
    early = early[1:] - early[:-1]
    np.testing.assert_allclose(ledger["shipped"][:-1] + early, reference["sold"][:-1], atol=1e-5)
    np.testing.assert_allclose(outcomes.reward[:-1] + 9.0 * early, expected.reward[:-1], atol=1e-4)


# -- physics ----------------------------------------------------------------------------------------------------------

PERIODS = 20


def random_numbers(seed):
    rng = np.random.default_rng(seed)
    f, k, r = 2, 3, 4
    return ENV.make_params(
        demand=NegativeBinomial(rng.uniform(0.5, 8, (r, k)), 0.3), elasticity=rng.uniform(0, 3, k),
        reference_price=rng.uniform(5, 20, k), unit_cost=rng.uniform(0, 5, (f, k)), lead_time=rng.integers(0, 3, f),
        fixed_order_cost=rng.uniform(0, 9, f), holding_cost=rng.uniform(0, 1, (f, k)),
        shipping_cost=rng.uniform(0, 5, (f, r)), delivery_time=rng.uniform(0, 5, (f, r)),
        split_cost=rng.uniform(0, 2, r), late_cost=rng.uniform(0, 2, (r, k)), lost_cost=rng.uniform(0, 2, (r, k)),
        backlog_share=rng.uniform(0, 1, (r, k)), return_share=rng.uniform(0, 0.5, k),
        return_delay=rng.integers(1, 4, k), return_cost=rng.uniform(0, 1, k), impatience=rng.uniform(0, 1, r),
        initial_satisfaction=rng.uniform(0, 1, r), satisfaction_rate=rng.uniform(0, 1, r),
        satisfaction_effect=rng.uniform(0, 1, r), initial_stock=rng.integers(0, 20, (f, k)),
    )  # fmt: skip


def random_actions(params, seed):
    """Actions of all periods; allocations sum to anything between 0 and the number of centres."""
    rng = np.random.default_rng(seed)
    orders = rng.integers(0, 30, (PERIODS, 2, 3)) * rng.integers(0, 2, (PERIODS, 2, 3))
    price = rng.uniform(params.price_low, params.price_high, (PERIODS, 3))
    allocation = rng.uniform(0, 1, (PERIODS, 2, 4, 3)) * rng.integers(0, 2, (PERIODS, 2, 4, 1))
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), Action(orders, price, allocation))


@jax.jit
def played(params, actions, u):
    _, state = ENV.reset(jax.random.key(0), params)
    path = Exogenous(u=u, next=jax.tree.map(lambda x: jnp.broadcast_to(x, (PERIODS, *x.shape)), state.exo))
    policy = lambda env, state, params, key: jax.tree.map(lambda x: x[state.time], actions)  # noqa: E731
    final, records = ENV.rollout(policy, state, path, params, record=lambda t: (t.state, t.outcome))
    states = jax.tree.map(lambda x, y: jnp.concatenate([x, y[None]]), records[0], final)
    return states, records[1]


@functools.cache
def example(seed):
    params = random_numbers(seed)
    actions = random_actions(params, seed)
    u = jax.random.uniform(jax.random.key(seed), (PERIODS, 4, 3))
    return params, actions, u, *jax.tree.map(np.asarray, played(params, actions, u))


@pytest.mark.parametrize("seed", range(5))
def test_units_and_orders_are_conserved(seed):
    params, actions, _, states, outcomes = example(seed)
    ledger = outcomes.ledger
    shipped, sent = ledger.shipped.sum(1), ledger.shipped.sum(2)
    # float32 sums of units up to some hundreds
    close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-3)
    close(np.diff(states.on_hand, axis=0), ledger.received + ledger.returned - sent)
    close(np.diff(states.backlog, axis=0), ledger.demanded - shipped - ledger.lost)
    arrived = ledger.received.sum(0) + states.pipeline[-1].sum(0)
    close(arrived, np.sum(actions.orders, 0))
    coming = ledger.returned.sum(0) + states.returning[-1].sum(0)
    close(coming, np.asarray(params.return_share) * sent.sum(0))
    assert ledger.returned.any()
    assert ledger.lost.any()
    assert ledger.split.any()
    # Nothing is shipped that is not there or was not ordered.
    assert (ledger.shipped >= 0).all()
    at_once = np.where(np.asarray(params.lead_time)[:, None] == 0, actions.orders, 0.0)
    assert (sent <= states.on_hand[:-1] + at_once + 1e-3).all()
    assert (shipped <= states.backlog[:-1] + ledger.demanded + 1e-3).all()
    assert (states.backlog >= 0).all()
    assert (states.on_hand >= 0).all()
    assert ((states.satisfaction >= 0) & (states.satisfaction <= 1)).all()


def test_there_is_no_less_than_nothing_in_stock():
    """However many units float32 has to round."""
    params, actions, u, *_ = example(1)
    large = params.replace(initial_stock=1e6 * params.initial_stock, demand=params.demand.scaled(jnp.float32(1e6)))
    states, outcomes = played(large, actions.replace(orders=1e6 * actions.orders), u)
    assert float(states.on_hand.min()) == 0.0
    assert float(outcomes.ledger.on_hand.min()) == 0.0


@pytest.mark.parametrize("seed", range(3))
def test_the_ledger_is_the_reward_and_tells_who_earned_it(seed):
    _, actions, _, states, outcomes = example(seed)
    ledger = outcomes.ledger
    total = sum(getattr(ledger, name).sum((1, 2)) for name in Ledger.GAINS)
    total = total - sum(getattr(ledger, name).sum((1, 2)) for name in Ledger.COSTS)
    np.testing.assert_allclose(outcomes.reward, total, rtol=1e-5, atol=1e-2)
    money = {*Ledger.GAINS, *Ledger.COSTS}
    assert money | set(Ledger.UNITS) == {field.name for field in dataclasses.fields(Ledger)}
    by_centre = {"purchase", "fixed_order", "holding", "shipping", "return_handling"}
    for name in money:
        other = slice(2, None) if name in by_centre else slice(2)
        assert not getattr(ledger, name)[:, other].any(), name
    lanes = np.asarray(jax.vmap(Ledger.revenue_by_lane)(ledger))
    np.testing.assert_allclose(lanes.sum(1), ledger.revenue[:, 2:], rtol=1e-4, atol=1e-3)
    # What was agreed is paid, once: for units shipped, for units that still wait, not for cancelled ones.
    agreed = actions.price[:, None] * (ledger.demanded - ledger.lost)
    paid = ledger.revenue[:, 2:].sum(0) + states.owed[-1]
    np.testing.assert_allclose(paid, agreed.sum(0), rtol=1e-4, atol=1e-2)
    assert (np.abs(states.owed[states.backlog == 0]) < 1e-3).all()


def test_exchanged_centres_regions_and_skus_exchange_the_ledger():
    params, actions, u, states, outcomes = example(0)
    order = {"F": np.array([1, 0]), "K": np.array([2, 0, 1]), "R": np.array([3, 1, 0, 2])}

    def exchanged(x, axes):
        for axis, name in enumerate(axes):
            x = np.take(np.asarray(x), order[name], axis - len(axes))
        return jnp.asarray(x)

    numbers = {
        field.name: exchanged(getattr(params, field.name), axes)
        for field in dataclasses.fields(params)
        if (axes := field.metadata.get("shape"))
    }
    demand = params.demand.replace(mean_demand=exchanged(params.demand.mean_demand, "RK"))
    response = ConstantElasticity(exchanged(params.response.elasticity, "K"))
    other = params.replace(demand=demand, response=response, **numbers)
    acts = Action(exchanged(actions.orders, "FK"), exchanged(actions.price, "K"), exchanged(actions.allocation, "FRK"))
    after, result = played(other, acts, exchanged(u, "RK"))
    np.testing.assert_allclose(after.on_hand, exchanged(states.on_hand, "FK"), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(result.ledger.shipped, exchanged(outcomes.ledger.shipped, "FRK"), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(result.reward, outcomes.reward, rtol=1e-4, atol=1e-2)


# -- price and satisfaction -------------------------------------------------------------------------------------------


def test_common_uniforms_never_sell_more_at_a_higher_price():
    params, actions, u, *_ = example(1)
    # Satisfaction, which depends on what was sold before, is left out.
    params = params.replace(satisfaction_effect=jnp.zeros(4))
    factors = jnp.array([0.5, 0.8, 0.99, 1.0, 1.3, 2.0])
    prices = factors[:, None, None] * params.reference_price[None, None]
    demands = []
    for price in prices:
        _, outcomes = played(params, actions.replace(price=jnp.broadcast_to(price, (PERIODS, 3))), u)
        demands.append(np.asarray(outcomes.ledger.demanded))
    assert (np.diff(demands, axis=0) <= 0).all()
    assert (np.diff(np.sum(demands, (1, 2)), axis=0) < 0).any(1).all()


def test_better_service_satisfies_and_satisfied_customers_come_back():
    params, actions, u, *_ = example(2)

    def first_period(**numbers):
        numbers = {"impatience": np.zeros(4), "initial_stock": np.full((2, 3), 10.0), **numbers}
        numbers = {name: jnp.asarray(value, jnp.float32) for name, value in numbers.items()}
        states, outcomes = played(params.replace(**numbers), actions, u)
        return np.asarray(states.satisfaction[1]), np.asarray(outcomes.ledger.demanded[1])

    # More stock in all centres, where delivery time does not count; then quicker delivery of the same units.
    stocked = [first_period(initial_stock=np.full((2, 3), stock)) for stock in (0.0, 2.0, 5.0, 10.0, 1000.0)]
    times = np.asarray(params.delivery_time)
    quick = [first_period(impatience=np.full(4, 0.3), delivery_time=times * f) for f in (2.0, 1.0, 0.5, 0.0)]
    for runs in (stocked, quick):
        satisfaction, demanded = (np.array(x) for x in zip(*runs, strict=True))
        assert (np.diff(satisfaction, axis=0) >= -1e-6).all()
        assert (satisfaction[-1] > satisfaction[0]).all()
        assert (np.diff(demanded, axis=0) >= 0).all()
        assert demanded[-1].sum() > demanded[0].sum()
    np.testing.assert_allclose(stocked[3][0], quick[3][0], rtol=1e-6)


def test_no_orders_leave_satisfaction_as_it_was():
    params, actions, u, *_ = example(2)
    quiet = params.replace(demand=params.demand.replace(mean_demand=jnp.zeros((4, 3))))
    states, _ = played(quiet, actions, u)
    np.testing.assert_array_equal(states.satisfaction, np.broadcast_to(quiet.initial_satisfaction, (PERIODS + 1, 4)))


def test_demand_that_is_smooth_can_be_differentiated_in_the_price():
    """Demand in proportion to price^-e, of which stock covers all at a margin of price less c for shipping: demand
    changes by -e demand / price, and profit rises below the monopoly price c e / (e - 1) = 8 and falls above it."""
    elasticity, cost = 2.0, 4.0
    params = SMALL.make_params(
        demand=Gamma([[10.0]], 0.4, rounded=False), elasticity=elasticity, reference_price=10.0, shipping_cost=cost,
        return_share=0.0, satisfaction_effect=0.0, holding_cost=0.0, initial_stock=1000.0,
    )  # fmt: skip

    @jax.jit
    @functools.partial(jax.jacfwd, has_aux=True)
    def slopes(price):
        _, state = SMALL.reset(jax.random.key(0), params)
        path = SMALL.sample_path(jax.random.key(0), state, params, 10)
        action = Action(orders=jnp.zeros((1, 1)), price=price[None])
        _, outcomes = SMALL.rollout(lambda *_: action, state, path, params, record=lambda t: t.outcome)
        totals = jnp.sum(outcomes.ledger.demanded), jnp.sum(outcomes.reward)
        return totals, totals

    for price in (6.0, 8.0, 12.0):
        (demand_slope, profit_slope), (demand, profit) = slopes(jnp.float32(price))
        np.testing.assert_allclose(demand_slope, -elasticity * demand / price, rtol=1e-4)
        np.testing.assert_allclose(profit, (price - cost) * demand, rtol=1e-4)
        margin_slope = 1 - elasticity * (price - cost) / price
        np.testing.assert_allclose(profit_slope, demand * margin_slope, rtol=1e-4, atol=1e-3)


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"prise": 1.0}, "Ecommerce has no parameter 'prise'; it has .*reference_price"),
        ({"demand": Poisson([1.0, 2.0])}, r"Ecommerce.demand must be a demand process of shape \(4, 3\), got \(2,\)"),
        ({"demand": UniformInteger(jnp.zeros((4, 3)), jnp.ones((4, 3)))}, "Ecommerce.demand must .*cannot be scaled"),
        ({"demand": Trace(jnp.ones((9, 4, 3)), first=1, last=2)}, "Ecommerce.demand must have a law"),
        ({"response": 2.0}, "Ecommerce.response must be a PriceResponse, got float"),
        ({"response": ConstantElasticity(1.0), "elasticity": 1.0}, "give response or elasticity, not both"),
        ({"elasticity": -1.0}, "Ecommerce.elasticity must be >= 0.0, got -1.0"),
        ({"elasticity": [1.0, 2.0]}, r"Ecommerce.elasticity must have shape \(3,\) .*, got shape \(2,\)"),
        ({"response": Logit([0.1, 0.2], 1.0)}, "Ecommerce.response must hold 3 numbers, one per SKU, or one for all"),
        ({"lead_time": [0, 1, 2]}, r"Ecommerce.lead_time must have shape \(2,\) .*, got shape \(3,\)"),
        ({"reference_price": "abc"}, "Ecommerce.reference_price must be numeric, got 'abc'"),
        ({"shipping_cost": jnp.ones((3, 4))}, r"Ecommerce.shipping_cost must have shape \(2, 4\) .*got shape \(3, 4\)"),
        ({"lead_time": 3}, "Ecommerce.lead_time must be <= max_lead_time = 2, got 3"),
        ({"return_delay": 4}, "Ecommerce.return_delay must be <= max_return_delay = 3, got 4"),
        ({"return_delay": 0}, "Ecommerce.return_delay must be >= 1"),
        ({"return_share": 1.5}, "Ecommerce.return_share must be <= 1.0"),
        ({"price_low": 30.0}, "Ecommerce.reference_price must be within price_low and price_high"),
    ],
)
def test_bad_numbers_are_named(numbers, message):
    with pytest.raises(ValueError, match=message):
        ENV.make_params(**numbers)


@pytest.mark.parametrize(("name", "value"), [("num_centres", 0), ("max_lead_time", -1), ("max_return_delay", 0)])
def test_bad_structure_is_named(name, value):
    with pytest.raises(ValueError, match=f"Ecommerce.{name} must be a whole number >= {0 if value < 0 else 1}"):
        Ecommerce(**{name: value})


def test_it_is_registered_with_instances():
    env, params = make("Ecommerce-v0", instance="shop/substitutes")
    assert env.lanes == (3, 5, 4)
    assert isinstance(params.response, Logit)
    assert make("Ecommerce-v0")[0] == ENV
