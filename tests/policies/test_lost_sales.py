"""One item with lost sales: costs as published, and each rule against its definition.

Zipkin (2008), table 3: Poisson demand of 5, holding cost 1; to the digits of an exact evaluation of the Markov chain.
"""

import itertools
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxinv.demand import Empirical, Poisson
from jaxinv.env.single_item import SingleItem
from jaxinv.policies import (
    BaseStock,
    CappedBaseStock,
    CappedReorderPoint,
    Following,
    Myopic1,
    Myopic2,
    ProjectedInventory,
    ReorderPoint,
    ReorderQuantity,
    VectorBaseStock,
    closed_forms,
)

MEAN = 5.0


def orders(policy, env, params, states):
    """Order in each of ``states`` [N, max(L, 1)]: on hand, then what arrives 1, 2, ... periods later."""
    _, template = env.reset(jax.random.key(0), params)

    @jax.jit
    @jax.vmap
    def act(x):
        state = template.replace(inventory=x[0], pipeline=tuple(x[1:]))
        return policy(env, state, params, jax.random.key(0))

    return np.asarray(act(jnp.asarray(states, jnp.float32)))


def average_cost(policy, env, params, most=26):
    """Average cost per period from the stationary distribution of the chain that ``policy`` makes of the states
    whose entries are at most ``most``."""
    demand = np.arange(40)
    probability = stats.poisson.pmf(demand, MEAN)
    grid = list(itertools.product(range(most + 1), repeat=env.lead_time))
    decision = dict(zip(grid, orders(policy, env, params, grid).astype(int).tolist(), strict=True))
    states, moves = {(0,) * env.lead_time: 0}, []
    reached = list(states)
    for x in reached:  # grows in the loop
        pipeline = (*x[1:], decision[x])
        for units, p in zip(demand.tolist(), probability, strict=True):
            following = (max(x[0] - units, 0) + pipeline[0], *pipeline[1:])
            if following not in states:
                states[following] = len(reached)
                reached.append(following)
            moves.append((states[following], states[x], p))
    size = len(reached)
    transitions = np.zeros((size, size))  # [to, from]
    np.add.at(transitions, tuple(np.array(moves)[:, :2].astype(int).T), np.array(moves)[:, 2])
    equations = np.vstack([transitions - np.eye(size), np.ones(size)])
    stationary = np.linalg.lstsq(equations, np.eye(size + 1)[-1], rcond=None)[0]
    left = np.array(reached)[:, :1] - demand
    ordering = np.array([decision[x] > 0 for x in reached])
    cost = (params.holding_cost * np.maximum(left, 0) + params.stockout_cost * np.maximum(-left, 0)) @ probability
    return float(stationary @ (cost + float(params.fixed_order_cost) * ordering))


# myopic-1, myopic-2, standard vector base-stock, standard base-stock, best base-stock, best capped base-stock
PUBLISHED = {
    (4.0, 1): (4.1113, 4.0407, 4.3055, (4.3895, 13), (4.1628, 12), (4.0654, 12, 6)),
    (4.0, 2): (4.5581, 4.4059, 4.8041, (4.9434, 18), (4.6386, 16), (4.4057, 17, 5)),
    (19.0, 1): (6.6881, 6.6757, 6.7068, (6.7278, 15), (6.7278, 15), (6.6877, 15, 8)),
    (19.0, 2): (7.7732, 7.6689, 8.0802, (8.1473, 22), (7.8422, 21), (7.7209, 21, 7)),
}


@pytest.mark.parametrize(
    ("penalty", "lead_time"),
    [(4.0, 2), (19.0, 1), *(pytest.param(*case, marks=pytest.mark.slow) for case in ((4.0, 1), (19.0, 2)))],
)
def test_costs_of_published_policies(penalty, lead_time):
    env = SingleItem(lead_time=lead_time)
    params = env.make_params(demand=Poisson(MEAN), stockout_cost=penalty, discount=0.995)
    myopic1, myopic2, vector, (standard, level), (best, best_level), (capped, *numbers) = PUBLISHED[penalty, lead_time]
    assert closed_forms.base_stock(params.demand, 1.0, penalty, lead_time)[0] == level
    for policy, expected in (
        (Myopic1.of(env, params), myopic1),
        (Myopic2.of(env, params), myopic2),
        (VectorBaseStock.of(env, params), vector),
        (BaseStock(level=level), standard),
        (BaseStock(level=best_level), best),
        (CappedBaseStock(level=numbers[0], cap=numbers[1]), capped),
    ):
        cost = average_cost(policy, env, params)
        assert round(cost, 4) == expected, type(policy).__name__


def test_costs_with_a_fixed_cost():
    """Bijvank, Bhulai and Huh (2015), table 1: 11.62, 11.56 and 11.50."""
    env = SingleItem(lead_time=2)
    params = env.make_params(demand=Poisson(MEAN), stockout_cost=14.0, fixed_order_cost=5.0)
    for policy, expected in (
        (ReorderPoint(reorder=17, up_to=23), 11.61815),
        (ReorderQuantity(reorder=17, quantity=7), 11.55522),
        (CappedReorderPoint(reorder=17, up_to=23, cap=7), 11.49740),
    ):
        assert round(average_cost(policy, env, params), 5) == expected


@pytest.mark.parametrize(("penalty", "optimum"), [(4.0, 4.3953), pytest.param(19.0, 7.6644, marks=pytest.mark.slow)])
def test_the_best_projected_inventory_level_beats_base_stock(penalty, optimum):
    """As van Jaarsveld and Arts (2024) find; no policy beats the optimum."""
    env = SingleItem(lead_time=2)
    params = env.make_params(demand=Poisson(MEAN), stockout_cost=penalty)
    levels = np.arange(6.0, 12.0)
    least = min(average_cost(ProjectedInventory.of(env, params, level=level), env, params) for level in levels)
    assert optimum < least < PUBLISHED[penalty, 2][4][0]


# -- against the definitions --------------------------------------------------------------------------------------
VALUES = np.array([0, 1, 3, 4, 6])
PROBABILITIES = np.array([0.13, 0.22, 0.27, 0.21, 0.17], np.float32).astype(float)
HOLDING, PENALTY, DISCOUNT = 1.0, 4.0, 0.9
DRAWS = list(zip(VALUES.tolist(), PROBABILITIES / PROBABILITIES.sum(), strict=True))


def problem(lead_time, **numbers):
    env = SingleItem(lead_time=lead_time)
    demand = Empirical(VALUES, PROBABILITIES)
    costs = dict(holding_cost=HOLDING, stockout_cost=PENALTY, discount=DISCOUNT)
    return env, env.make_params(demand=demand, **(costs | numbers))


def some_states(lead_time):
    rng = np.random.default_rng(lead_time)
    states = rng.integers(0, 7, (60, max(lead_time, 1)))
    states[:5, 0] += 30  # more than can be sold until the order arrives
    return [tuple(x) for x in states.tolist()]


@cache
def stocks(state, lead_time):
    """(stock, probability) in the period in which what is ordered now is in stock, by all sequences of demand."""
    if lead_time == 0:
        return [(state[0], 1.0)]
    found = []
    for demands in itertools.product(DRAWS, repeat=lead_time):
        stock, probability = state[0], 1.0
        for (units, p), arriving in zip(demands, (*state[1:], 0), strict=True):
            stock, probability = max(stock - units, 0) + arriving, probability * p
        found.append((stock, probability))
    return found


@cache
def period_cost(state, order, lead_time):
    return sum(
        p * q * (HOLDING * max(stock + order - units, 0) + PENALTY * max(units - stock - order, 0))
        for stock, p in stocks(state, lead_time)
        for units, q in DRAWS
    )


@pytest.mark.parametrize("lead_time", [0, 1, 3])
def test_projected_inventory(lead_time):
    env, params = problem(lead_time)
    states = some_states(lead_time)
    expected = [max(np.round(7.3 - sum(x * p for x, p in stocks(state, lead_time))), 0) for state in states]
    got = orders(ProjectedInventory.of(env, params, level=7.3), env, params, states)
    assert got.tolist() == expected
    assert len(set(expected)) > 3


@pytest.mark.parametrize("lead_time", [0, 1, 3])
def test_myopic_policies(lead_time):
    env, params = problem(lead_time)
    states = some_states(lead_time)

    def following(state, order, units):
        if lead_time == 0:
            return (max(state[0] + order - units, 0),)
        pipeline = (*state[1:], order)
        return (max(state[0] - units, 0) + pipeline[0], *pipeline[1:])

    def best(state):
        return min(range(10), key=lambda z: period_cost(state, z, lead_time))

    def two_periods(state, order):
        second = [(following(state, order, units), p) for units, p in DRAWS]
        later = sum(p * period_cost(x, best(x), lead_time) for x, p in second)
        return period_cost(state, order, lead_time) + DISCOUNT * later

    expected = [best(state) for state in states]
    assert orders(Myopic1.of(env, params), env, params, states).tolist() == expected
    ahead = [min(range(10), key=lambda z, state=state: two_periods(state, z)) for state in states]
    assert orders(Myopic2.of(env, params), env, params, states).tolist() == ahead
    if lead_time == 3:
        assert expected != ahead  # the states tell the two apart


def test_vector_base_stock():
    env = SingleItem(lead_time=3)
    params = env.make_params()
    states = [(2, 3, 1), (0, 5, 1), (0, 0, 5), (9, 9, 9), (0, 0, 0)]
    got = orders(VectorBaseStock(levels=[12.0, 8.0, 5.0, 4.0]), env, params, states)
    assert got.tolist() == [4, 2, 0, 0, 4]
    alone = orders(VectorBaseStock(levels=[12.0, 99.0, 99.0, 99.0]), env, params, states)
    assert alone.tolist() == orders(BaseStock(level=12.0), env, params, states).tolist() == [6, 6, 7, 0, 12]
    at_once = SingleItem(lead_time=0)
    got = orders(VectorBaseStock(levels=[7.0]), at_once, at_once.make_params(), [(3,), (8,)])
    assert got.tolist() == [4, 0]


def test_batches_raise_the_position_above_the_reorder_point():
    env = SingleItem(lead_time=1)
    policy = ReorderQuantity(reorder=10.0, quantity=4.0)
    assert orders(policy, env, env.make_params(), [(11,), (10,), (7,), (6,), (2,)]).tolist() == [0, 4, 4, 8, 12]


@pytest.mark.parametrize("kind", [Myopic1, Myopic2, VectorBaseStock])
def test_a_unit_cost_lowers_the_cost_of_a_lost_sale(kind):
    """In the long run what is sold is ordered: unit cost c with penalty p is penalty p - c."""
    env, plain = problem(2, stockout_cost=1.0)
    _, costly = problem(2, stockout_cost=PENALTY, unit_cost=PENALTY - 1.0)
    _, dear = problem(2, stockout_cost=PENALTY)
    states = some_states(2)
    with_plain, with_costly, with_dear = (
        orders(kind.of(env, params), env, params, states).tolist() for params in (plain, costly, dear)
    )
    assert with_costly == with_plain != with_dear


def test_what_does_not_fit_is_named():
    env, params = problem(2)
    with pytest.raises(ValueError, match=r"VectorBaseStock.levels must have shape \(3,\), got \(2,\)"):
        orders(VectorBaseStock(levels=[3.0, 2.0]), env, params, [(1, 1)])
    with pytest.raises(ValueError, match="Myopic1 takes neither following nor rebalancing"):
        orders(Myopic1.of(env, params).replace(following=Following(typical=5.0, periods=4.0)), env, params, [(1, 1)])
    with pytest.raises(ValueError, match=r"ReorderQuantity.quantity must be > 0"):
        ReorderQuantity(reorder=3.0, quantity=0.0)
