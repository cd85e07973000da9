"""DualSourcing: each event by hand, SingleItem as a reference, and what the finite model may forget."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Cyclic, Gamma, Modulated, Poisson, UniformInteger, Weekly
from jaxinv.env.dual_sourcing import Action, DualSourcing, Exogenous, Ledger
from jaxinv.env.single_item import SingleItem
from jaxinv.env.wrappers import EnumeratedActions
from jaxinv.policies import BaseStock
from jaxinv.testing import check_environment

WEEKLY = Modulated(Poisson(4.0), (Weekly([0.5, 1.0, 1.0, 1.0, 1.5, 2.0, 0.0]),), first_day=3, span=7)
VARIANTS = {
    "default": ({}, {}),
    "1 and 0": (dict(regular_lead_time=1), {}),
    "4 and 3": (dict(regular_lead_time=4, expedited_lead_time=3), dict(demand=Poisson(3.0))),
    "calendar": (dict(regular_lead_time=3, expedited_lead_time=1, calendar=True), dict(demand=WEEKLY)),
    "smooth": (dict(regular_lead_time=3), dict(demand=Gamma(5.0, 0.5, rounded=False))),
}
LEAD_TIMES = [(1, 0), (2, 0), (2, 1), (3, 1), (4, 0), (4, 3)]
FEW = {(1, 0), (3, 1), (4, 3)}  # without a pipeline, with one of either kind, and with two that are nearly alike


@pytest.mark.slow  # the default one is among the contract tests
@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_keeps_the_protocol(name):
    structure, numbers = VARIANTS[name]
    env = DualSourcing(**structure)
    check_environment(env, env.make_params(**numbers))


# -- the order of events ----------------------------------------------------------------------------------------------


def play(env, params, demands, regular, expedited, inventory=0.0):
    """The last state and the periods' ledgers of given demands and orders."""
    _, state = env.reset(jax.random.key(0), params)
    state = state.replace(inventory=jnp.float32(inventory))
    ledgers = []
    for demand, *orders in zip(demands, regular, expedited, strict=True):
        exo = Exogenous(next=state.exo, demand=jnp.float32(demand))
        state, outcome = env.transition(state, Action(*map(jnp.float32, orders)), exo, params)
        np.testing.assert_allclose(outcome.reward, outcome.ledger.reward())
        assert not outcome.terminated
        ledgers.append(outcome.ledger)
    return state, jax.tree.map(lambda *x: np.stack(x).tolist(), *ledgers)


def test_a_worked_transition():
    """8 on hand and 3 and 1 to come: 2 ordered, 1 expedited and 4 demanded leave 5, which 3 join."""
    env = DualSourcing(regular_lead_time=3)
    params = env.make_params(expedited_cost=105.0)
    _, state = env.reset(jax.random.key(0), params)
    state = state.replace(inventory=jnp.float32(8), regular=(jnp.float32(3), jnp.float32(1)))
    exo = Exogenous(next=state.exo, demand=jnp.float32(4))
    following, outcome = env.transition(state, Action(jnp.float32(2), jnp.float32(1)), exo, params)
    assert (following.inventory, *following.regular) == (8, 1, 2)
    assert outcome.reward == -(2 * 100 + 1 * 105 + 5 * 5)  # 330
    assert following.time == 1


@pytest.mark.parametrize(("slow", "fast"), LEAD_TIMES)
@pytest.mark.parametrize("supplier", ["regular", "expedited"])
def test_an_order_serves_the_demand_of_the_period_its_lead_time_says(slow, fast, supplier):
    env = DualSourcing(regular_lead_time=slow, expedited_lead_time=fast)
    orders = {"regular": [0.0] * 6, "expedited": [0.0] * 6, supplier: [5.0, 0, 0, 0, 0, 0]}
    _, ledger = play(env, env.make_params(), [1.0] * 6, **orders, inventory=-2.0)
    lead_time = slow if supplier == "regular" else fast
    # 2 wait and one more in every period; 5 arrive and serve all of them, as long as there are.
    backlog = [2 + (t + 1) - 5 * (t >= lead_time) for t in range(6)]
    np.testing.assert_array_equal(ledger.stockout, 495.0 * np.maximum(backlog, 0))
    np.testing.assert_array_equal(ledger.on_hand, -np.minimum(backlog, 0))
    # It is received before that demand: at the end of the period before, or at once.
    assert ledger.received == [5.0 * (t == max(lead_time - 1, 0)) for t in range(6)]
    assert ledger.ordered == [5, 0, 0, 0, 0, 0]
    assert ledger.expedited == orders["expedited"]
    assert ledger.purchase == [100 * units for units in orders["regular"]]
    assert ledger.expediting == [110 * units for units in orders["expedited"]]


def test_two_suppliers_by_hand():
    """Lead times 2 and 1. Stock 3; demand 4, 2, 5, 1. In the end of period 0 the expedited 2 arrive, in the end of
    period 1 the regular 6 and 1 expedited."""
    env = DualSourcing(regular_lead_time=2, expedited_lead_time=1)
    params = env.make_params(regular_cost=10.0, expedited_cost=15.0, holding_cost=1.0, stockout_cost=20.0)
    state, ledger = play(env, params, [4, 2, 5, 1], [6, 0, 0, 0], [2, 1, 0, 0], inventory=3.0)
    assert ledger.on_hand == [0, 0, 1, 0]  # after demand: -1, (1 - 2) -1, (6 - 5) 1, 0
    assert ledger.stockout == [20, 20, 0, 0]
    assert ledger.backlogged == [1, 1, 0, 0]
    assert ledger.sold == [4, 2, 5, 1]  # who waited was served at the end of the same period
    assert ledger.holding == [0, 0, 1, 0]
    assert ledger.purchase == [60, 0, 0, 0]
    assert ledger.expediting == [30, 15, 0, 0]
    assert ledger.received == [2, 7, 0, 0]
    assert state.inventory == 0


def test_positions_count_what_arrives_in_time():
    env = DualSourcing(regular_lead_time=4, expedited_lead_time=2)
    _, state = env.reset(jax.random.key(0))
    regular = tuple(map(jnp.float32, (3, 5, 7)))  # 1, 2, 3 periods from now
    state = state.replace(inventory=jnp.float32(-2), regular=regular, expedited=(jnp.float32(11),))
    assert env.inventory_position(state) == -2 + 3 + 5 + 7 + 11
    assert env.expedited_position(state) == -2 + 3 + 5 + 11  # an expedited order arrives 2 periods from now
    np.testing.assert_allclose(env.observe(state, env.default_params()), np.array([-2, 3, 5, 7, 11]) / 2.0)


# -- properties -------------------------------------------------------------------------------------------------------


def rollout(env, params, seed, length=40):
    """A rollout of random orders: (states before, states after, actions, ledgers), stacked over periods."""
    _, state = env.reset(jax.random.key(seed), params)
    path = env.sample_path(jax.random.key(seed + 1), state, params, length)

    def policy(env, state, params, key):
        return Action(*jnp.round(6.0 * jax.random.uniform(key, (2,))))

    final, trajectory = env.rollout(policy, state, path, params, jax.random.key(seed + 2))
    after = jax.tree.map(lambda x, last: jnp.concatenate([x[1:], last[None]]), trajectory.state, final)
    return trajectory.state, after, trajectory.action, trajectory.outcome.ledger


@pytest.mark.parametrize(
    ("slow", "fast"), [pytest.param(*pair, marks=[pytest.mark.slow] * (pair not in FEW)) for pair in LEAD_TIMES]
)
def test_units_are_conserved_and_money_is_the_units(slow, fast):
    env = DualSourcing(regular_lead_time=slow, expedited_lead_time=fast)
    params = env.make_params(demand=Poisson(6.0), regular_cost=3.0, expedited_cost=4.5, holding_cost=0.5)
    before, after, action, ledger = rollout(env, params, 7)
    position = jax.vmap(env.inventory_position)
    np.testing.assert_allclose(position(after), position(before) + ledger.ordered - ledger.demanded)
    np.testing.assert_allclose(after.inventory, before.inventory + ledger.received - ledger.demanded)
    waiting = lambda state: jnp.maximum(-state.inventory, 0.0)  # noqa: E731
    np.testing.assert_allclose(waiting(after), waiting(before) + ledger.demanded - ledger.sold)
    assert (ledger.on_hand >= 0).all()
    assert (ledger.backlogged <= ledger.demanded).all()
    assert (ledger.backlogged > 0).any()
    assert (ledger.on_hand > 0).any()
    np.testing.assert_allclose(ledger.ordered, action.regular + action.expedited)
    np.testing.assert_allclose(ledger.purchase, 3.0 * action.regular)
    np.testing.assert_allclose(ledger.expediting, 4.5 * action.expedited)
    np.testing.assert_allclose(ledger.holding, 0.5 * ledger.on_hand)
    assert not ledger.lost.any()
    assert not ledger.written_off.any()
    assert set(Ledger.COSTS + Ledger.UNITS) == {field.name for field in dataclasses.fields(Ledger)}


@pytest.mark.parametrize(
    ("slow", "fast"), [pytest.param(*pair, marks=[pytest.mark.slow] * (pair not in FEW)) for pair in LEAD_TIMES]
)
@pytest.mark.parametrize("supplier", ["regular", "expedited"])
def test_a_single_supplier_is_single_item(slow, fast, supplier):
    """Orders from one supplier alone: the same inventory and costs as SingleItem with its lead time."""
    env = DualSourcing(regular_lead_time=slow, expedited_lead_time=fast)
    lead_time, cost = (slow, 3.0) if supplier == "regular" else (fast, 5.0)
    single = SingleItem(lead_time=lead_time)
    numbers = dict(demand=Poisson(3.0), holding_cost=0.5, stockout_cost=7.0, initial_inventory=4.0)
    params = env.make_params(**numbers, regular_cost=3.0, expedited_cost=5.0)
    single_params = single.make_params(**numbers, unit_cost=cost, backlog_share=1.0)
    _, state = single.reset(jax.random.key(0), single_params)
    path = single.sample_path(jax.random.key(1), state, single_params, 50)

    def orders(env, state, params, key):
        units = jnp.round(6.0 * jax.random.uniform(key))
        return Action(**{"regular": 0.0 * units, "expedited": 0.0 * units, supplier: units})

    one, expected = single.rollout(
        lambda *args: getattr(orders(*args), supplier), state, path, single_params, record=lambda t: t.outcome.ledger
    )
    _, state = env.reset(jax.random.key(0), params)
    path = env.sample_path(jax.random.key(1), state, params, 50)
    two, ledger = env.rollout(orders, state, path, params, record=lambda t: t.outcome.ledger)
    assert two.inventory == one.inventory
    for name in ("holding", "stockout", "demanded", "sold", "backlogged", "ordered", "received", "on_hand"):
        np.testing.assert_array_equal(getattr(ledger, name), getattr(expected, name), err_msg=name)
    np.testing.assert_array_equal(ledger.purchase + ledger.expediting, expected.purchase)
    assert expected.backlogged.any()


def test_an_expedited_order_is_a_regular_one_placed_later():
    """From period 2 on nothing tells whether 5 units were ordered in period 0 or expedited in period 2."""
    env = DualSourcing(regular_lead_time=3, expedited_lead_time=1)
    demands = [2, 1, 3, 0, 2]
    first, _ = play(env, env.make_params(), demands, [5, 0, 0, 0, 0], [0.0] * 5)
    second, _ = play(env, env.make_params(), demands, [0.0] * 5, [0, 0, 5, 0, 0])
    for x, y in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_array_equal(x, y)


def test_scaled_costs_scale_the_reward():
    env = DualSourcing(regular_lead_time=3, expedited_lead_time=1)
    costs = dict(regular_cost=3.0, expedited_cost=5.0, holding_cost=1.0, stockout_cost=9.0)
    _, _, _, ledger = rollout(env, env.make_params(**costs), 3)
    _, _, _, scaled = rollout(env, env.make_params(**{name: 2.5 * cost for name, cost in costs.items()}), 3)
    np.testing.assert_allclose(jax.vmap(Ledger.reward)(scaled), 2.5 * jax.vmap(Ledger.reward)(ledger), rtol=1e-6)


def test_the_calendar_is_told():
    env = DualSourcing(calendar=True)
    params = env.make_params(demand=Cyclic((UniformInteger(0, 2), UniformInteger(4, 6))), demand_scale=2.0)
    _, state = env.reset(jax.random.key(0), params)
    observed = env.observe(state, params)
    np.testing.assert_allclose(observed[2:5], [0.5, 2.5, 0.5])  # means 1, 5, 1 of the coming periods
    np.testing.assert_allclose(observed[5:], np.eye(7)[0])


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (dict(regular_lead_time=0), "regular_lead_time must be a whole number >= 1, got 0"),
        (dict(expedited_lead_time=-1), "expedited_lead_time must be a whole number >= 0, got -1"),
        (dict(regular_lead_time=2.0), "regular_lead_time must be a whole number >= 1, got 2.0"),
        (dict(expedited_lead_time=2), "expedited_lead_time must be less than regular_lead_time = 2, got 2"),
    ],
)
def test_bad_structure_raises(structure, message):
    with pytest.raises(ValueError, match=message):
        DualSourcing(**structure)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (dict(unit_cost=1.0), "no parameter 'unit_cost'; it has .*regular_cost"),
        (dict(demand=Poisson([1.0, 2.0])), r"demand must be a demand process of shape \(\), got \(2,\)"),
        (dict(demand=3.0), "demand must be a demand process of shape .*, got float"),
        (dict(holding_cost=-1.0), "holding_cost must be >= 0"),
    ],
)
def test_bad_numbers_raise(numbers, message):
    with pytest.raises(ValueError, match=message):
        DualSourcing().make_params(**numbers)


# -- the finite model -------------------------------------------------------------------------------------------------

MODELS = {
    "2 and 0": (dict(), dict()),
    "3 and 0": (dict(regular_lead_time=3), dict(demand=UniformInteger(0, 2))),
    "2 and 1": (dict(expedited_lead_time=1), dict(demand=UniformInteger(0, 2))),
    "3 and 2": (dict(regular_lead_time=3, expedited_lead_time=2), dict(demand=UniformInteger(0, 1))),
    "patient": (dict(), dict(expedited_cost=200.0, stockout_cost=50.0)),
    "cyclic": (dict(), dict(demand=Cyclic((UniformInteger(0, 1), UniformInteger(2, 3))))),
}


@pytest.fixture(params=MODELS)
def model(request):
    structure, numbers = MODELS[request.param]
    env = DualSourcing(**structure)
    params = env.make_params(**numbers)
    return env.finite_model(params), params


def test_states_and_numbers_are_one_to_one(model):
    model, params = model
    numbers = jnp.arange(model.num_states)
    states = jax.vmap(model.index_to_state, (0, None))(numbers, params)
    np.testing.assert_array_equal(jax.vmap(model.state_to_index, (0, None))(states, params), numbers)
    structure = jax.tree.structure(model.env.reset(jax.random.key(0), params)[1])
    assert jax.tree.structure(states) == structure


def test_all_pairs_of_orders_are_numbered(model):
    model, params = model
    actions = jax.vmap(model.index_to_action, (0, None))(jnp.arange(model.num_actions), params)
    pairs = set(zip(actions.regular.tolist(), actions.expedited.tolist(), strict=True))
    assert pairs == {(r, e) for r in range(model.max_order + 1) for e in range(model.max_expedited + 1)}


def test_probabilities_sum_to_one_and_match_the_demand(model):
    model, params = model
    for number in range(model.lattice.sizes[-1]):
        state = model.index_to_state(jnp.int32(number), params)
        exo, probabilities = model.exogenous_support(state, model.index_to_action(jnp.int32(0), params), params)
        np.testing.assert_allclose(probabilities.sum(), 1, rtol=1e-6)
        np.testing.assert_allclose(probabilities @ exo.demand, params.demand.mean(state.exo.demand), rtol=1e-6)


def test_legal_orders_lead_from_within_the_bounds_to_within(model):
    """From what can be reached, no state is cut to the bounds: the model's cost is that of the problem itself."""
    model, params = model
    env, actions = model.env, jnp.arange(model.num_actions)

    @jax.jit
    @jax.vmap
    def steps(number):
        state = model.index_to_state(number, params)

        def one(action):
            orders = model.index_to_action(action, params)
            exo, _ = model.exogenous_support(state, orders, params)
            following, _ = jax.vmap(env.transition, (None, None, 0, None))(state, orders, exo, params)
            index = jax.vmap(model.state_to_index, (0, None))(following, params)
            kept = jax.vmap(model.index_to_state, (0, None))(index, params)
            pairs = zip((following.inventory, *following.regular), (kept.inventory, *kept.regular), strict=True)
            return index, sum(jnp.abs(x - y) for x, y in pairs) == 0

        index, inside = jax.vmap(one)(actions)
        return index, inside, model.action_mask(state, params)

    index, inside, legal = map(np.asarray, steps(jnp.arange(model.num_states)))
    assert legal.any(1).all()
    start = int(model.state_to_index(env.reset(jax.random.key(0), params)[1], params))
    reached, frontier = {start}, [start]
    while frontier:
        number = frontier.pop()
        assert inside[number][legal[number]].all()
        new = set(index[number][legal[number]].ravel().tolist()) - reached
        reached |= new
        frontier += new
    assert len(reached) > 10


def test_whole_demand_is_asked_for():
    env = DualSourcing()
    with pytest.raises(NotImplementedError):
        env.finite_model(env.make_params(demand=Gamma(5.0, 0.5, rounded=False)))


def test_learners_choose_among_the_numbered_orders():
    env = DualSourcing()
    params = env.default_params()
    model = env.finite_model(params)
    wrapped = EnumeratedActions(env, model)
    check_environment(wrapped, params)
    _, state = wrapped.reset(jax.random.key(0), params)
    mask = wrapped.action_mask(state, params)
    assert mask.shape == (wrapped.action_space(params).n,) == (model.num_actions,)
    orders = wrapped.native_action(jnp.int32(2 * (model.max_expedited + 1) + 3), state, params)
    assert (orders.regular, orders.expedited) == (2, 3)
    assert wrapped.cells == ()  # what policies and wrappers read is forwarded


def test_heuristics_for_one_supplier_order_regularly():
    env = DualSourcing()
    params = env.default_params()
    _, state = env.reset(jax.random.key(0), params)
    orders = BaseStock(level=11.0)(env, state, params, jax.random.key(0))  # 6 on hand
    assert (orders.regular, orders.expedited) == (5, 0)
