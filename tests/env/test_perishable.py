"""Perishable: each event by hand, and a slow simulation unit by unit beside it."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxinv.demand import Cyclic, DemandState, Empirical, Gamma, Modulated, Poisson, Weekly
from jaxinv.env import make
from jaxinv.env.perishable import Exogenous, ExoState, Perishable
from jaxinv.policies import BaseStock
from jaxinv.solvers import relative_value_iteration
from jaxinv.testing import check_environment

WEEKLY = Modulated(Poisson(4.0), (Weekly([0.5, 1.0, 1.0, 1.0, 1.5, 2.0, 0.0]),), first_day=3, span=7)
STREAMS = Empirical(np.arange(3), [[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
VARIANTS = {
    "default": ({}, {}),
    "one period": (dict(shelf_life=1), {}),
    "L0": (dict(shelf_life=3, lead_time=0), dict(price=2.0, fixed_order_cost=3.0)),
    "L2 lifo": (dict(shelf_life=3, lead_time=2, issuing="lifo"), dict(demand=Poisson(5.0))),
    "mixed": (dict(shelf_life=4, issuing="mixed"), dict(fifo_share=0.3)),
    "mixed, given streams": (dict(issuing="mixed"), dict(demand=STREAMS)),
    "random life L0": (dict(shelf_life=3, lead_time=0, random_shelf_life=True), dict(life_logits=[1.0, 0.5])),
    "random life L2": (dict(shelf_life=2, lead_time=2, random_shelf_life=True), dict(life_logits_per_unit=[0.1])),
    "calendar": (dict(calendar=True, lead_time=2), dict(demand=WEEKLY)),
    "smooth": (dict(shelf_life=2), dict(demand=Gamma(5.0, 0.5, rounded=False))),
    "everything": (
        dict(shelf_life=4, lead_time=2, issuing="mixed", random_shelf_life=True, calendar=True),
        dict(demand=Cyclic((STREAMS, STREAMS)), life_logits=[0.0, 1.0, 2.0], life_logits_per_unit=[0.1, 0.0, 0.2]),
    ),
}


def problem(name):
    structure, numbers = VARIANTS[name]
    env = Perishable(**structure)
    return env, env.make_params(**numbers)


@pytest.mark.slow  # the default one is among the contract tests
@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_keeps_the_protocol(name):
    check_environment(*problem(name))


# -- the order of events ----------------------------------------------------------------------------------------------


def exogenous(demand, state, life=()):
    return Exogenous(demand=jnp.asarray(demand, jnp.float32), life=life, next=state.exo)


def start(env, params, stock=None, pipeline=None):
    state = env.reset(jax.random.key(0), params)[1]
    given = {"stock": stock, "pipeline": pipeline}
    return state.replace(**{k: tuple(map(jnp.float32, v)) for k, v in given.items() if v is not None})


def period(env, params, stock, demand, order=0.0, pipeline=None):
    """(next stock, next pipeline, ledger) as numbers."""
    state = start(env, params, stock, pipeline)
    following, outcome = env.transition(state, jnp.float32(order), exogenous(demand, state), params)
    np.testing.assert_allclose(outcome.reward, outcome.ledger.reward())
    ledger = jax.tree.map(float, outcome.ledger)
    return [float(x) for x in following.stock], [float(x) for x in following.pipeline], ledger


@pytest.mark.parametrize("issuing", ["fifo", "lifo"])
@pytest.mark.parametrize(("shelf_life", "lead_time"), [(1, 1), (2, 0), (3, 0), (2, 1), (3, 1), (2, 2), (3, 3)])
def test_an_order_serves_the_periods_from_its_lead_time_on_as_long_as_it_lives(shelf_life, lead_time, issuing):
    """Of 9 units, one is demanded per period: m are sold, the rest is wasted at the end of the last of m periods."""
    env = Perishable(shelf_life=shelf_life, lead_time=lead_time, issuing=issuing)
    params = env.make_params()
    state = start(env, params)
    sold, wasted = [], []
    for t in range(8):
        state, outcome = env.transition(state, jnp.float32(9.0 * (t == 0)), exogenous(1.0, state), params)
        sold.append(float(outcome.ledger.sold))
        wasted.append(float(outcome.ledger.written_off))
    assert sold == [1.0 * (lead_time <= t < lead_time + shelf_life) for t in range(8)]
    assert wasted == [(9.0 - shelf_life) * (t == lead_time + shelf_life - 1) for t in range(8)]


def test_oldest_first():
    env = Perishable(shelf_life=3, lead_time=2, issuing="fifo")
    stock, pipeline, ledger = period(env, env.make_params(), (4, 3, 2), 4, order=7, pipeline=(5,))
    assert stock == [5, 4, 1]  # the order of the period before, then 4 and 3 - 2 that aged; the 2 are sold
    assert pipeline == [7]
    assert (ledger.sold, ledger.lost, ledger.written_off, ledger.on_hand) == (4, 0, 0, 5)
    assert (ledger.ordered, ledger.received, ledger.demanded, ledger.backlogged) == (7, 5, 4, 0)


def test_freshest_first():
    env = Perishable(shelf_life=3, lead_time=1, issuing="lifo")
    stock, _, ledger = period(env, env.make_params(), (4, 3, 2), 5, order=6)
    assert stock == [6, 0, 2]
    assert (ledger.sold, ledger.lost, ledger.written_off, ledger.on_hand) == (5, 0, 2, 2)


def test_customers_for_the_oldest_come_before_those_for_the_freshest():
    env = Perishable(shelf_life=3, lead_time=1, issuing="mixed")
    params = env.make_params(demand=STREAMS)
    stock, _, ledger = period(env, params, (4, 3, 2), (3, 5))
    assert stock == [0, 0, 1]  # 3 take 2 + 1 of the oldest, 5 take 4 + 1 of the freshest, one of the middle is left
    assert ledger.written_off == 0
    stock, _, ledger = period(env, params, (1, 0, 2), (4, 2))
    assert stock == [0, 0, 0]
    assert (ledger.sold, ledger.lost, ledger.demanded) == (3, 3, 6)
    stock, _, ledger = period(env, params, (1, 0, 2), (0, 2))
    assert (ledger.sold, ledger.lost, ledger.written_off) == (2, 0, 1)


def test_an_order_of_lead_time_zero_is_the_freshest_stock():
    env = Perishable(shelf_life=3, lead_time=0, issuing="fifo")
    stock, pipeline, ledger = period(env, env.make_params(), (3, 2), 6, order=4)
    assert (stock, pipeline) == ([3, 0], [])
    assert (ledger.sold, ledger.received, ledger.on_hand) == (6, 4, 3)
    stock, _, ledger = period(dataclasses.replace(env, issuing="lifo"), env.make_params(), (3, 2), 6, order=4)
    assert stock == [0, 1]
    assert ledger.written_off == 2


def test_costs_of_a_period():
    env = Perishable(shelf_life=3)
    params = env.make_params(
        price=10.0, unit_cost=2.0, fixed_order_cost=50.0, holding_cost=0.5, stockout_cost=20.0, waste_cost=7.0
    )
    _, _, ledger = period(env, params, (4, 3, 2), 1, order=6)
    assert (ledger.revenue, ledger.purchase, ledger.fixed_order) == (10, 12, 50)
    assert (ledger.holding, ledger.waste, ledger.stockout) == (3.5, 7, 0)  # wasted units pay no holding
    _, _, ledger = period(env, params, (4, 3, 2), 12)
    assert (ledger.revenue, ledger.purchase, ledger.fixed_order) == (90, 0, 0)
    assert (ledger.holding, ledger.waste, ledger.stockout) == (0, 0, 60)


# -- a simulation unit by unit ----------------------------------------------------------------------------------------


def unit_by_unit(env, demands, orders):
    """Stock by remaining life, and units lost and wasted, of every period: each unit is a number, its last period."""
    units, arrivals, records = [], {}, []
    for t, (demand, order) in enumerate(zip(demands, orders, strict=True)):
        arrivals[t + env.lead_time] = order
        seen = [units.count(t + left - 1) for left in range(env.shelf_life, 0, -1)][-env.num_classes :]
        if env.lead_time == 0:
            units += [t + env.shelf_life - 1] * int(order)
        lost = 0
        streams = zip(demand, ("fifo", "lifo"), strict=True) if env.issuing == "mixed" else [(demand, env.issuing)]
        for customers, wish in streams:
            for _ in range(int(customers)):
                if units:
                    units.remove(min(units) if wish == "fifo" else max(units))
                else:
                    lost += 1
        records.append((seen, lost, units.count(t)))
        units = [last for last in units if last > t]
        if env.lead_time:
            units += [t + env.shelf_life] * int(arrivals.get(t + 1, 0))
    return records


@pytest.mark.parametrize("issuing", ["fifo", "lifo", "mixed"])
@pytest.mark.parametrize(("shelf_life", "lead_time"), [(1, 1), (2, 0), (2, 1), (4, 0), (4, 1), (3, 2), (2, 4)])
def test_a_simulation_unit_by_unit(shelf_life, lead_time, issuing):
    env = Perishable(shelf_life=shelf_life, lead_time=lead_time, issuing=issuing)
    params = env.make_params(**({"demand": STREAMS} if issuing == "mixed" else {}))
    rng = np.random.default_rng(shelf_life + 10 * lead_time)
    demands = rng.integers(0, 5, (200, 2)) if issuing == "mixed" else rng.integers(0, 8, 200)
    orders = rng.integers(0, 8, 200)
    states, outcomes = [], []
    state, step = start(env, params), jax.jit(env.transition)
    for demand, order in zip(demands, orders, strict=True):
        states.append(state)
        state, outcome = step(state, jnp.float32(order), exogenous(demand, state), params)
        outcomes.append(outcome)
    for t, (stock, lost, wasted) in enumerate(unit_by_unit(env, demands, orders)):
        assert [float(x) for x in states[t].stock] == stock
        assert float(outcomes[t].ledger.lost) == lost
        assert float(outcomes[t].ledger.written_off) == wasted


# -- physics ----------------------------------------------------------------------------------------------------------


# Each part of them is in one of the others.
ALIKE = {"default", "L2 lifo", "mixed", "random life L2", "calendar"}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in ALIKE)) for name in VARIANTS])
def test_units_are_conserved_and_sales_bounded(name, key):
    env, params = problem(name)
    _, state = env.reset(key, params)
    path = env.sample_path(key, state, params, 200)
    last, record = jax.jit(lambda: env.rollout(lambda *_: jnp.round(_[0].num_classes + 3.0), state, path, params))()
    ledger = jax.tree.map(lambda x: np.asarray(x, np.float64), record.outcome.ledger)
    assert ledger.received.sum() > 0
    # What has arrived was sold, was wasted, or is there.
    there = sum(float(x) for x in last.stock)
    np.testing.assert_allclose(ledger.received.sum(), ledger.sold.sum() + ledger.written_off.sum() + there, rtol=1e-5)
    under_way = sum(float(x) for x in last.pipeline)
    np.testing.assert_allclose(ledger.ordered.sum(), ledger.received.sum() + under_way, rtol=1e-5)
    before = sum(np.asarray(x, np.float64) for x in record.state.stock) + (env.lead_time == 0) * ledger.received
    np.testing.assert_allclose(before, ledger.sold + ledger.written_off + ledger.on_hand, atol=1e-4)
    np.testing.assert_allclose(ledger.demanded, ledger.sold + ledger.lost, atol=1e-4)
    np.testing.assert_allclose(ledger.sold, np.minimum(ledger.demanded, before), atol=1e-4)
    for stock in (*last.stock, *record.state.stock, *record.state.pipeline):
        assert (np.asarray(stock) >= 0).all()


def test_freshest_first_wastes_more(key):
    """The same orders and demand: sales differ only through what is wasted."""
    wasted = {}
    for issuing in ("fifo", "lifo"):
        env = Perishable(shelf_life=3, issuing=issuing)
        params = env.default_params()
        _, state = env.reset(key, params)
        path = env.sample_path(key, state, params, 2000)
        _, record = env.rollout(lambda *_: jnp.float32(4), state, path, params)
        wasted[issuing] = float(record.outcome.ledger.written_off.mean())
        held = record.outcome.ledger.sold + record.outcome.ledger.written_off
        assert float(held.mean()) == pytest.approx(4.0, abs=0.01)  # what comes, goes
    assert 0 < wasted["fifo"] < wasted["lifo"]


# -- random life ------------------------------------------------------------------------------------------------------


def life_probabilities(base, slope, units):
    """Of lives 1..m, in numpy."""
    logits = np.concatenate([[0.0], np.asarray(base) + np.asarray(slope) * units])
    return np.exp(logits) / np.exp(logits).sum()


@pytest.mark.parametrize("lead_time", [0, 1, 2])
def test_units_arrive_with_the_lives_that_their_logits_say(lead_time, key):
    env = Perishable(shelf_life=3, lead_time=lead_time, random_shelf_life=True)
    base, slope, units = [0.3, -0.2], [0.05, -0.1], 12
    params = env.make_params(life_logits=base, life_logits_per_unit=slope)
    state = start(env, params, (0,) * env.num_classes, (units,) * max(lead_time - 1, 0))

    @jax.vmap
    def arrive(u):
        exo = exogenous(0.0, state, life=(u[0], u[1]))
        following, outcome = env.transition(state, jnp.float32(units), exo, params)
        return jnp.stack([*following.stock, outcome.ledger.written_off])

    counts = np.asarray(arrive(jax.random.uniform(key, (20_000, 2))), np.float64)
    if lead_time == 0:  # a period is over: lives 3 and 2 are stock, 1 is wasted
        arrived = counts
    else:
        arrived = counts[:, :3]
        assert (counts[:, 3] == 0).all()
    assert (arrived.sum(1) == units).all()
    p = life_probabilities(base, slope, units)[::-1]
    error = np.sqrt(units * p * (1 - p) / len(counts))
    assert (np.abs(arrived.mean(0) - units * p) < 4 * error).all()
    covariance = np.cov(arrived.T)
    np.testing.assert_allclose(covariance, units * (np.diag(p) - np.outer(p, p)), atol=0.12)  # some 4 standard errors


@pytest.mark.parametrize("lead_time", [0, 1, 2])
def test_the_numbered_outcomes_of_random_life_are_multinomial(lead_time):
    env = Perishable(shelf_life=3, lead_time=lead_time, random_shelf_life=True)
    base, slope, units = [0.5, 1.5], [-0.1, 0.3], 4
    demand = Empirical([0.0, 9.0], [0.25, 0.75])
    params = env.make_params(demand=demand, life_logits=base, life_logits_per_unit=slope)
    model = env.finite_model(params, max_order=6)
    state = start(env, params, (0,) * env.num_classes, (units,) * max(lead_time - 1, 0))
    exo, probabilities = model.exogenous_support(state, jnp.float32(units), params)
    assert float(probabilities.sum()) == pytest.approx(1.0, abs=1e-5)
    # Seen through what is left when nothing is demanded, and what is wasted then.
    following, outcome = jax.vmap(env.transition, (None, None, 0, None))(state, jnp.float32(units), exo, params)
    arrived = np.stack([*following.stock, outcome.ledger.written_off], 1)[:, :3]
    found = {}
    for split, share, asked in zip(arrived, np.asarray(probabilities), np.asarray(exo.demand), strict=True):
        if asked == 0.0 and share > 0:
            found[tuple(split)] = found.get(tuple(split), 0.0) + float(share)
    law = stats.multinomial(units, life_probabilities(base, slope, units)[::-1])
    splits = [split for split in itertools.product(range(units + 1), repeat=3) if sum(split) == units]
    assert set(found) == set(splits)
    for split in splits:
        assert found[split] == pytest.approx(0.25 * law.pmf(split), abs=1e-6)


# -- what is observed and allowed -------------------------------------------------------------------------------------


def test_the_observation():
    env = Perishable(shelf_life=3, lead_time=3)
    params = env.make_params(demand=Poisson(2.0))
    state = start(env, params, (4, 3, 2), (6, 8))
    np.testing.assert_allclose(env.observe(state, params), [2, 1.5, 1, 3, 4])
    assert float(env.inventory_position(state)) == 23
    env = Perishable(shelf_life=2, lead_time=0, calendar=True)
    params = env.make_params(demand=Cyclic((Poisson(1.0), Poisson(3.0))))
    state = start(env, params, (4,)).replace(exo=ExoState(demand=DemandState(day=jnp.int32(8))))
    np.testing.assert_allclose(env.observe(state, params), [2, 0.5, 0, 1, 0, 0, 0, 0, 0])


def test_mixed_issuing_shares_the_moments_of_demand():
    env = Perishable(issuing="mixed")
    demand = Gamma(4.0, 0.5).tabulated()
    params = env.make_params(demand=demand, fifo_share=0.25)
    shares = np.array([0.25, 0.75])
    np.testing.assert_allclose(params.demand.mean(), shares * float(demand.mean()), rtol=1e-5)
    np.testing.assert_allclose(params.demand.variance(), shares * float(demand.variance()), rtol=1e-4)
    assert env.make_params().demand.shape == (2,)
    assert env.make_params(demand=STREAMS).demand is STREAMS


@pytest.mark.parametrize(("share", "issuing"), [pytest.param(1.0, "fifo", marks=pytest.mark.slow), (0.0, "lifo")])
def test_one_stream_of_two_is_plain_issuing(share, issuing):
    demand = Poisson(4.0).tabulated()
    plain, mixed = Perishable(shelf_life=3, issuing=issuing), Perishable(shelf_life=3, issuing="mixed")
    params, both = plain.make_params(demand=demand), mixed.make_params(demand=demand, fifo_share=share)
    costs = []
    for env, numbers in ((plain, params), (mixed, both)):
        model = env.finite_model(numbers, max_order=6)
        costs.append(float(relative_value_iteration(model, numbers).gain))
    assert costs[0] == pytest.approx(costs[1], rel=1e-5)


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (dict(lead_time=-1), "lead_time must be a whole number >= 0, got -1"),
        (dict(shelf_life=0), "shelf_life must be a whole number >= 1, got 0"),
        (dict(shelf_life=1, lead_time=0), "shelf_life must be >= 2 with a lead_time of 0 or random_shelf_life, got 1"),
        (dict(shelf_life=1, random_shelf_life=True), "got 1"),
        (dict(shelf_life=2.5), "got 2.5"),
        (dict(issuing="FIFO"), "issuing must be one of fifo, lifo, mixed, got 'FIFO'"),
    ],
)
def test_structure_that_does_not_fit(structure, message):
    with pytest.raises(ValueError, match=message):
        Perishable(**structure)


@pytest.mark.parametrize(
    ("structure", "numbers", "message"),
    [
        ({}, dict(waste=1.0), "Perishable has no parameter 'waste'; it has fifo_share, .*waste_cost"),
        ({}, dict(waste_cost=-1.0), "Perishable.waste_cost must be >= 0.0, got -1.0"),
        ({}, dict(demand=5.0), r"demand must be a demand process of shape \(\), got float"),
        ({}, dict(demand=STREAMS), r"demand process of shape \(\), got \(2,\)"),
        (dict(issuing="mixed"), dict(demand=Poisson([1.0, 2.0, 3.0])), r"shape \(\) or \(2,\), got \(3,\)"),
        ({}, dict(fifo_share=0.5), "fifo_share must be in .*, for mixed issuing"),
        (dict(issuing="mixed"), dict(fifo_share=1.5), r"fifo_share must be in \[0, 1\].* got 1.5"),
        (dict(issuing="mixed"), dict(fifo_share=0.5, demand=STREAMS), r"of a demand of shape \(\); got 0.5"),
        (dict(issuing="mixed"), dict(demand=WEEKLY), "needs demand that is the same in every period"),
        ({}, dict(life_logits=[1.0]), "life_logits needs Perishable.random_shelf_life"),
        (dict(random_shelf_life=True), dict(life_logits=[1.0, 2.0]), r"life_logits must have shape \(1,\) .*\(2,\)"),
    ],
)
def test_numbers_that_do_not_fit(structure, numbers, message):
    with pytest.raises(ValueError, match=message):
        Perishable(**structure).make_params(**numbers)


# -- the expected period and the registry ------------------------------------------------------------------------------


def test_the_expected_period():
    env, params = problem("everything")
    _, state = env.reset(jax.random.key(0), params)
    exo = env.expected_exogenous(state, params, 1)
    np.testing.assert_allclose(exo.demand, STREAMS.mean())
    assert len(exo.life) == 3
    following, outcome = env.transition(state, jnp.float32(0), exo, params)
    assert float(outcome.ledger.demanded) == pytest.approx(float(STREAMS.mean().sum()))
    assert jax.tree.structure(following) == jax.tree.structure(state)


def test_it_is_registered():
    env, params = make("Perishable-v0", shelf_life=4, issuing="lifo")
    assert env == Perishable(shelf_life=4, issuing="lifo")
    action = BaseStock(level=9.0)(env, env.reset(jax.random.key(0), params)[1], params, jax.random.key(0))
    assert float(action) == 9.0
