"""PerishablePair: events by hand, physics, and merged outcomes against all outcomes one by one."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxinv.demand import Cyclic, Empirical, Poisson
from jaxinv.env import make
from jaxinv.env.perishable import Perishable
from jaxinv.env.perishable_pair import Exogenous, PerishablePair
from jaxinv.evaluate import evaluate, sample_paths
from jaxinv.policies import BaseStock
from jaxinv.solvers import bellman, reachable_chain, relative_value_iteration
from jaxinv.testing import check_environment

COSTS = dict(
    price=[2.0, 3.0],
    unit_cost=[0.5, 0.7],
    fixed_order_cost=[1.0, 1.5],
    holding_cost=[0.1, 0.2],
    stockout_cost=[4.0, 5.0],
    waste_cost=[6.0, 7.0],
)
FOR_A, FOR_B = np.array([0.1, 0.2, 0.3, 0.1, 0.1, 0.2]), np.array([0.3, 0.1, 0.1, 0.2, 0.2, 0.1])
SMALL = Empirical(np.arange(6), np.stack([FOR_A, FOR_B]))


@pytest.mark.slow  # the default one is among the contract tests
@pytest.mark.parametrize(
    ("shelf_life", "numbers"),
    [
        (2, {}),
        (1, dict(substitution=0.0)),
        (3, dict(demand=Cyclic((SMALL, SMALL)), substitution=1.0, **COSTS)),
        (2, dict(demand=Poisson([4.0, 2.0]), **COSTS)),
    ],
)
def test_every_variant_keeps_the_protocol(shelf_life, numbers):
    env = PerishablePair(shelf_life=shelf_life)
    check_environment(env, env.make_params(**numbers))


# -- the order of events ----------------------------------------------------------------------------------------------


def period(params, stock_a, stock_b, demand, acceptance=0.5, orders=(0.0, 0.0)):
    """(next stock of a, of b, ledger) as lists of numbers."""
    env = PerishablePair(shelf_life=len(stock_a))
    state = env.reset(jax.random.key(0), params)[1]
    state = state.replace(stock=(tuple(map(jnp.float32, stock_a)), tuple(map(jnp.float32, stock_b))))
    exo = Exogenous(demand=jnp.array(demand, jnp.float32), acceptance=jnp.float32(acceptance), next=state.exo)
    following, outcome = env.transition(state, jnp.array(orders, jnp.float32), exo, params)
    np.testing.assert_allclose(outcome.reward, outcome.ledger.reward())
    a, b = ([float(units) for units in stock] for stock in following.stock)
    return a, b, jax.tree.map(lambda x: x.tolist(), outcome.ledger)


def test_each_product_is_sold_oldest_first():
    params = PerishablePair(shelf_life=3).default_params()
    a, b, ledger = period(params, (4, 3, 2), (1, 1, 5), (4, 2), orders=(6, 7))
    assert (a, b) == ([6, 4, 1], [7, 1, 1])
    assert (ledger.sold, ledger.lost, ledger.substituted) == ([4, 2], [0, 0], [0, 0])
    assert (ledger.written_off, ledger.on_hand, ledger.received) == ([0, 3], [5, 2], [6, 7])


@pytest.mark.parametrize(
    ("acceptance", "probability", "accepted"),
    [(0.0, 0.5, 0), (0.99, 0.5, 4), (0.5, 0.5, 2), (0.5, 0.0, 0), (0.5, 1.0, 4), (0.3, 0.5, 1), (0.32, 0.5, 2)],
)
def test_some_who_find_no_b_take_a(acceptance, probability, accepted):
    """4 customers in vain: with probability 1/2 each, at most one takes a with probability 5/16."""
    params = PerishablePair().make_params(substitution=probability)
    a, b, ledger = period(params, (5, 4), (1, 1), (3, 6), acceptance)
    assert (a, b) == ([0, 5 - max(accepted - 1, 0)], [0, 0])
    assert ledger.substituted == [0, accepted]
    assert (ledger.sold, ledger.lost) == ([3 + accepted, 2], [0, 4 - accepted])
    assert ledger.written_off == [1 if accepted == 0 else 0, 0]


def test_customers_for_a_come_first():
    params = PerishablePair().make_params(substitution=1.0)
    _, _, ledger = period(params, (1, 4), (1, 0), (4, 6))
    assert (ledger.sold, ledger.lost, ledger.substituted) == ([5, 1], [0, 4], [0, 1])
    _, _, ledger = period(params, (1, 4), (1, 0), (7, 6))
    assert (ledger.sold, ledger.lost, ledger.substituted) == ([5, 1], [2, 5], [0, 0])
    _, _, ledger = period(params, (1, 4), (9, 0), (7, 6))  # nobody takes b for a
    assert (ledger.sold, ledger.lost) == ([5, 6], [2, 0])


def test_costs_of_a_period():
    params = PerishablePair().make_params(substitution=1.0, **COSTS)
    _, _, ledger = period(params, (5, 4), (2, 0), (1, 4), orders=(0, 3))
    assert ledger.revenue == pytest.approx([6, 6])  # 1 + 2 of a and 2 of b, at the price of what is sold
    assert ledger.purchase == pytest.approx([0, 2.1])
    assert ledger.fixed_order == pytest.approx([0, 1.5])
    assert ledger.waste == pytest.approx([6, 0])
    assert ledger.holding == pytest.approx([0.5, 0])
    assert ledger.stockout == pytest.approx([0, 0])


def test_units_are_conserved(key):
    env = PerishablePair(shelf_life=3)
    params = env.make_params(**COSTS)
    _, state = env.reset(key, params)
    path = env.sample_path(key, state, params, 300)
    last, record = env.rollout(BaseStock(level=[14.0, 9.0]), state, path, params)
    ledger = jax.tree.map(lambda x: np.asarray(x, np.float64), record.outcome.ledger)
    there = [sum(float(x) for x in stock) for stock in last.stock]
    np.testing.assert_allclose(ledger.received.sum(0), ledger.sold.sum(0) + ledger.written_off.sum(0) + there)
    np.testing.assert_allclose(ledger.demanded.sum(1), ledger.sold.sum(1) + ledger.lost.sum(1))
    took = ledger.substituted[:, 1]
    np.testing.assert_allclose(ledger.demanded, ledger.sold + ledger.lost + np.stack([-took, took], 1))
    assert ledger.substituted[:, 1].sum() > 0
    assert (ledger.substituted[:, 0] == 0).all()


def test_half_of_those_who_find_no_b_take_a(key):
    env = PerishablePair()
    params = env.make_params(substitution=0.3)
    _, state = env.reset(key, params)
    path = env.sample_path(key, state, params, 4000)
    _, record = env.rollout(lambda *_: jnp.array([60.0, 1.0]), state, path, params)  # more a than anyone can ask for
    asked = np.asarray(record.outcome.ledger.lost + record.outcome.ledger.substituted)[1:, 1]
    took = np.asarray(record.outcome.ledger.substituted)[1:, 1]
    assert abs(took.sum() - 0.3 * asked.sum()) < 4 * np.sqrt(0.21 * asked.sum())


@pytest.mark.slow  # what is merged, above all, is compared below
def test_without_substitution_they_are_two_problems(key):
    pair, one = PerishablePair(shelf_life=3), Perishable(shelf_life=3)
    laws = [Empirical(np.arange(6), FOR_A), Empirical(np.arange(6), FOR_B)]
    params = pair.make_params(demand=SMALL, substitution=0.0, **COSTS)
    both = reachable_chain(pair.finite_model(params, max_order=(6, 5)), params, BaseStock(level=[6, 5])).gain()
    alone = 0.0
    for i, (law, level) in enumerate(zip(laws, (6, 5), strict=True)):
        numbers = one.make_params(demand=law, **{name: values[i] for name, values in COSTS.items()})
        alone += reachable_chain(one.finite_model(numbers, max_order=level), numbers, BaseStock(level=level)).gain()
    assert both == pytest.approx(alone, rel=1e-5)


# -- the numbered problem ---------------------------------------------------------------------------------------------


def serve(stock, units):
    """What is left of ``stock``, longest life first, when ``units`` are sold oldest first."""
    left = list(stock)
    for k in reversed(range(len(left))):
        taken = min(left[k], units)
        left[k], units = left[k] - taken, units - taken
    return left


def outcomes_one_by_one(stock_a, stock_b, orders, probability):
    """Next stock -> [probability, probability times reward]."""
    found, total_a, total_b = {}, sum(stock_a), sum(stock_b)
    fixed = sum(cost * (order > 0) for cost, order in zip(COSTS["fixed_order_cost"], orders, strict=True))
    bought = np.dot(COSTS["unit_cost"], orders) + fixed
    for d_a, d_b in itertools.product(range(6), range(6)):
        short = max(d_b - total_b, 0)
        for asking in range(short + 1):
            chance = FOR_A[d_a] * FOR_B[d_b] * stats.binom.pmf(asking, short, probability)
            own = min(d_a, total_a)
            substituted = min(asking, total_a - own)
            sold = own + substituted, min(d_b, total_b)
            left = serve(stock_a, sold[0]), serve(stock_b, sold[1])
            reward = (
                np.dot(COSTS["price"], sold)
                - np.dot(COSTS["holding_cost"], [sum(x[:-1]) for x in left])
                - np.dot(COSTS["stockout_cost"], [d_a - own, short - substituted])
                - np.dot(COSTS["waste_cost"], [x[-1] for x in left])
            )
            entry = found.setdefault((orders[0], *left[0][:-1], orders[1], *left[1][:-1]), np.zeros(2))
            entry += chance * np.array([1.0, reward - bought])
    return {stock: entry for stock, entry in found.items() if entry[0] > 1e-9}


ONCE_EACH = {(1, 0.0), (2, 0.8), (3, 0.4)}


@pytest.mark.parametrize(
    ("shelf_life", "probability"),
    [
        pytest.param(*case, marks=[pytest.mark.slow] * (case not in ONCE_EACH))
        for case in itertools.product((1, 2, 3), (0.0, 0.4, 0.8))
    ],
)
def test_merged_outcomes_are_all_outcomes(shelf_life, probability):
    env = PerishablePair(shelf_life=shelf_life)
    params = env.make_params(demand=SMALL, substitution=probability, **COSTS)
    model = env.finite_model(params, max_order=(3, 2))
    outcomes = jax.jit(lambda state, action: bellman.outcomes(model, params, state, action))
    rng = np.random.default_rng(shelf_life)
    for number in rng.integers(0, model.num_states, 25):
        state = model.index_to_state(jnp.int32(number), params)
        action = model.index_to_action(jnp.int32(rng.integers(model.num_actions)), params)
        stock = [[int(x) for x in units] for units in state.stock]
        expected = outcomes_one_by_one(*stock, action.tolist(), probability)
        found = {}
        for index, weight, reward in zip(*(np.asarray(x) for x in outcomes(state, action)[:3]), strict=True):
            if weight > 1e-9:
                following = model.index_to_state(jnp.int32(index), params).stock
                entry = found.setdefault(tuple(float(x) for units in following for x in units), np.zeros(2))
                entry += weight * np.array([1.0, reward])
        assert set(found) == set(expected)
        for following, entry in expected.items():
            np.testing.assert_allclose(found[following], entry, atol=1e-4)  # float32 rewards of up to 60


def test_states_and_actions_are_numbered_one_to_one():
    env = PerishablePair(shelf_life=2)
    params = env.make_params(demand=Cyclic((SMALL, SMALL)), batch_size=[1.0, 2.0], minimum_order=[2.0, 0.0])
    model = env.finite_model(params, max_order=(2, 3))
    assert model.max_order == (2, 4)
    index = jnp.arange(model.num_states)
    states = jax.vmap(lambda i: model.index_to_state(i, params))(index)
    np.testing.assert_array_equal(jax.vmap(lambda s: model.state_to_index(s, params))(states), index)
    orders = jax.vmap(lambda i: model.index_to_action(i, params))(jnp.arange(model.num_actions))
    assert orders.tolist() == [[a, b] for a in (0, 1, 2) for b in (0, 2, 4)]
    mask = model.action_mask(model.index_to_state(jnp.int32(0), params), params)
    np.testing.assert_array_equal(mask, orders[:, 0] != 1)


def test_the_chain_costs_what_is_simulated(key):
    env = PerishablePair()
    params = env.make_params(demand=SMALL, **COSTS)
    policy = BaseStock(level=[6.0, 4.0])
    exact = -reachable_chain(env.finite_model(params, max_order=(6, 4)), params, policy).gain()
    found = evaluate(policy, env, params, sample_paths(env, params, key, 200, 1050), warmup=50, batch_size=200)
    cost = np.asarray(found.cost, np.float64).sum(-1).mean(1)
    assert abs(cost.mean() - exact) < 4 * cost.std(ddof=1) / np.sqrt(len(cost))


@pytest.mark.slow
@pytest.mark.parametrize("substitution", [0.0, 0.7])
def test_the_largest_orders_lose_nothing(substitution):
    env = PerishablePair()
    law = Empirical(np.arange(3), [[0.3, 0.4, 0.3], [0.5, 0.2, 0.3]])
    params = env.make_params(demand=law, substitution=substitution, price=1.0, unit_cost=0.6, waste_cost=0.1)
    model = env.finite_model(params)
    wider = env.finite_model(params, max_order=(model.max_order[0] + 1, model.max_order[1] + 1))
    gains = [relative_value_iteration(m, params, max_iterations=500).gain for m in (model, wider)]
    assert gains[0] == pytest.approx(gains[1], abs=1e-4)


# -- what is observed and allowed -------------------------------------------------------------------------------------


def test_what_policies_read():
    env, params = make("PerishablePair-v0")
    assert (env.cells, env.lead_time) == ((2,), 1)
    params = env.make_params(demand=Poisson([2.0, 4.0]))
    state = env.reset(jax.random.key(0), params)[1]
    state = state.replace(stock=((jnp.float32(4), jnp.float32(2)), (jnp.float32(1), jnp.float32(6))))
    np.testing.assert_array_equal(env.inventory_position(state), [6, 7])
    np.testing.assert_allclose(env.observe(state, params), [2, 1, 0.25, 1.5])
    exo = env.expected_exogenous(state, params)
    assert (exo.demand.tolist(), float(exo.acceptance)) == ([2, 4], 0)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (dict(cost=1.0), "PerishablePair has no parameter 'cost'; it has .*substitution"),
        (dict(price=[1.0, 2.0, 3.0]), r"PerishablePair.price must have shape \(2,\) .*, got shape \(3,\)"),
        (dict(price=-1.0), "PerishablePair.price must be >= 0"),
        (dict(substitution=1.5), "PerishablePair.substitution must be <= 1"),
        (dict(demand=Poisson(5.0)), r"demand must be a demand process of shape \(2,\), got \(\)"),
        (dict(demand=5.0), r"shape \(2,\), got float"),
    ],
)
def test_numbers_that_do_not_fit(numbers, message):
    with pytest.raises(ValueError, match=message):
        PerishablePair().make_params(**numbers)


def test_structure_that_does_not_fit():
    with pytest.raises(ValueError, match=r"PerishablePair.shelf_life must be a whole number >= 1, got 0"):
        PerishablePair(shelf_life=0)
    params = PerishablePair().make_params(batch_size=[1.0, 1.5])
    with pytest.raises(ValueError, match="batch_size must be whole"):
        PerishablePair().finite_model(params)
