"""Serial: each event by hand, SingleItem as a reference for one stage, conservation over the chain."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Normal, Poisson
from jaxinv.env.serial import Exogenous, Ledger, Serial
from jaxinv.env.single_item import SingleItem
from jaxinv.env.wrappers import DiscreteOrders, OrderUpTo
from jaxinv.evaluate import evaluate, sample_paths
from jaxinv.policies import BaseStock, SerialBaseStock

CHAINS = [(3,), (2, 4, 1, 3)]


# -- the order of events ----------------------------------------------------------------------------------------------


def play(env, params, demands, orders, **state):
    """The last state and the periods' ledgers of given demands and orders, from ``state`` on."""
    _, current = env.reset(jax.random.key(0), params)
    current = current.replace(**{name: jnp.asarray(value, jnp.float32) for name, value in state.items()})
    step, ledgers = jax.jit(env.transition), []
    for demand, order in zip(demands, orders, strict=True):
        exo = Exogenous(next=current.exo, demand=jnp.float32(demand))
        current, outcome = step(current, jnp.asarray(order, jnp.float32), exo, params)
        np.testing.assert_allclose(outcome.reward, outcome.ledger.reward())
        assert not outcome.terminated
        ledgers.append(outcome.ledger)
    return current, jax.tree.map(lambda *x: np.stack(x).tolist(), *ledgers)


def test_two_periods_by_hand():
    """Lead times 1, 1, 2; 2, 5 and 4 on hand and 3 on the way to the last stage. Stage 0 orders 6 of the 5 there are,
    stage 1 orders 3, stage 2 orders 7; the demand is 9, then 1."""
    env = Serial()
    params = env.make_params(holding_cost=[7, 4, 2], stockout_cost=10.0, unit_cost=[0.5, 0.25, 3.0])
    np.testing.assert_allclose(params.transit_cost, [4, 2, 0])  # what the shipping stage pays for stock
    state = dict(inventory=[2, 5, 4], transit=[[0, 0, 3]])
    following, ledger = play(env, params, [9, 1], [[6, 3, 7], [2, 0, 0]], **state)
    # Stage 0: 2 + 5 - 9. Stage 1: 5 - 5 + 3. Stage 2: 4 - 3 + 3. Then stage 0: -2 + 2 - 1, stage 1: 3 - 2, stage 2:
    # 4 + 7, which were ordered a period earlier.
    assert ledger.ordered == [[6, 3, 7], [2, 0, 0]]
    assert ledger.shipped == [[5, 3, 7], [2, 0, 0]]
    assert ledger.received == [[5, 3, 3], [2, 0, 7]]
    assert ledger.on_hand == [[0, 3, 4], [0, 1, 11]]
    assert ledger.in_transit == [[0, 0, 7], [0, 0, 0]]
    assert ledger.purchase == [[2.5, 0.75, 21], [1, 0, 0]]
    assert ledger.holding == [[0, 12, 8], [0, 4, 22]]
    assert ledger.transit == [[0, 0, 0], [0, 0, 0]]  # the outside supplier charges nothing
    assert ledger.stockout == [[20, 0, 0], [10, 0, 0]]
    assert (ledger.demanded, ledger.sold, ledger.backlogged) == ([9, 1], [7, 2], [2, 1])
    np.testing.assert_array_equal(following.inventory, [-1, 1, 11])
    assert following.time == 2


def test_units_in_transit_and_on_arrival():
    """4 units leave stage 1 for stage 0, two periods away, while 6 arrive at stage 1 from two periods away."""
    for hold_arrivals in (True, False):
        env = Serial(lead_times=(2, 2), hold_arrivals=hold_arrivals)
        params = env.make_params(holding_cost=[3, 1], transit_cost=[0.5, 0.125])
        state = dict(inventory=[0, 5], transit=[[0, 6]])
        _, ledger = play(env, params, [0, 0, 0], [[4, 2], [0, 0], [0, 0]], **state)
        assert ledger.received == [[0, 6], [4, 2], [0, 0]]
        assert ledger.transit == [[2, 0.25], [0, 0], [0, 0]]
        # At stage 0 arrivals are held at once either way: they came before the demand.
        assert ledger.holding == ([[0, 7], [12, 9], [12, 9]] if hold_arrivals else [[0, 1], [12, 7], [12, 9]])
        assert ledger.on_hand == [[0, 7], [4, 9], [4, 9]]


@pytest.mark.parametrize("lead_times", CHAINS)
def test_a_shipment_serves_the_demand_of_the_period_its_lead_times_say(lead_times):
    env = Serial(lead_times=lead_times)
    n = len(lead_times)
    orders = np.full((14, n), 9.0)  # all want what there is
    orders[1:, -1] = 0.0  # which is one order of the last stage
    _, ledger = play(env, env.make_params(initial_inventory=0.0, initial_transit=0.0), [0.0] * 14, orders)
    # Each stage waits for its shipment, and ships on in the next period.
    arrivals = np.cumsum(lead_times[::-1])[::-1] - 1
    np.testing.assert_array_equal(np.argmax(ledger.received, 0), arrivals)
    np.testing.assert_array_equal(np.sum(ledger.received, 0), 9.0)


def test_positions_and_observations_are_per_stage():
    env = Serial(lead_times=(2, 1, 3))
    params = env.make_params(demand_scale=2.0)
    _, state = env.reset(jax.random.key(0), params)
    np.testing.assert_array_equal(state.transit, [[5, 0, 5], [0, 0, 5]])  # L - 1 periods of it
    state = state.replace(inventory=jnp.array([-2.0, 3, 4]), transit=jnp.array([[5.0, 0, 7], [0, 0, 11]]))
    np.testing.assert_array_equal(env.inventory_position(state), [3, 6, 28])
    expected = [[-2, 3, 5, 0], [3, 6, 0, 0], [4, 28, 7, 11]]
    np.testing.assert_allclose(env.observe(state, params), np.array(expected) / 2.0)


# -- properties -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lead_times", CHAINS)
def test_units_are_conserved_and_money_is_the_units(lead_times):
    env = Serial(lead_times=lead_times)
    holding = np.linspace(3.0, 1.0, len(lead_times))
    params = env.make_params(demand=Poisson(7.0), holding_cost=holding, unit_cost=0.5, stockout_cost=8.0)
    _, state = env.reset(jax.random.key(3), params)
    path = env.sample_path(jax.random.key(4), state, params, 60)

    def random_orders(env, state, params, key):
        return jnp.round(14.0 * jax.random.uniform(key, env.cells))

    final, records = jax.jit(lambda s, p: env.rollout(random_orders, s, p, params, jax.random.key(5)))(state, path)
    before, ledger = records.state, records.outcome.ledger
    after = jax.tree.map(lambda x, last: jnp.concatenate([x[1:], last[None]]), before, final)
    own = lambda s: s.inventory + jnp.sum(s.transit, 1)  # noqa: E731
    left = jnp.concatenate([ledger.demanded[:, None], ledger.shipped[:, :-1]], 1)
    np.testing.assert_allclose(own(after), own(before) + ledger.shipped - left)
    np.testing.assert_allclose(after.inventory, before.inventory + ledger.received - left)
    supply = jnp.concatenate([before.inventory[:, 1:], jnp.full((60, 1), jnp.inf)], 1)
    assert (ledger.shipped <= jnp.minimum(ledger.ordered, supply)).all()
    assert (after.inventory[:, 1:] >= 0).all()
    waiting = lambda s: jnp.maximum(-s.inventory[:, 0], 0.0)  # noqa: E731
    np.testing.assert_allclose(waiting(after), waiting(before) + ledger.demanded - ledger.sold)
    assert (ledger.backlogged <= ledger.demanded).all()
    assert (ledger.backlogged > 0).any()
    np.testing.assert_allclose(ledger.purchase, 0.5 * ledger.shipped)
    np.testing.assert_allclose(ledger.holding, params.holding_cost[None] * ledger.on_hand)
    np.testing.assert_allclose(ledger.transit, params.transit_cost[None] * ledger.in_transit)
    np.testing.assert_allclose(ledger.stockout[:, 0], 8.0 * waiting(after))
    np.testing.assert_allclose(records.outcome.reward, jax.vmap(Ledger.reward)(ledger), rtol=1e-6)


@pytest.mark.parametrize("lead_time", [1, 3])
def test_one_stage_is_a_single_item(lead_time):
    """SingleItem counts from 0 what Serial counts from 1, and shows its state after the arrivals of the next period."""
    chain, item = Serial(lead_times=(lead_time,)), SingleItem(lead_time=lead_time - 1)
    costs = dict(holding_cost=2.0, stockout_cost=7.0, unit_cost=1.5, demand=Poisson(4.0))
    one, other = chain.make_params(**costs), item.make_params(**costs, backlog_share=1.0)
    flows = np.array([2.0, 6.0, 3.0])[: lead_time - 1]  # due in the coming periods
    _, a = chain.reset(jax.random.key(0), one)
    _, b = item.reset(jax.random.key(0), other)
    a = a.replace(inventory=jnp.full(1, 4.0), transit=jnp.asarray(flows[:, None], jnp.float32))
    now, later = (flows[0], flows[1:]) if lead_time > 1 else (0.0, ())
    b = b.replace(inventory=jnp.float32(4.0 + now), pipeline=tuple(map(jnp.float32, later)))
    rewards, chain_step, item_step = [], jax.jit(chain.transition), jax.jit(item.transition)
    for u in np.random.default_rng(0).random((20, 2)):
        order = float(np.floor(9 * u[1]))
        a, first = chain_step(a, jnp.full(1, order), chain.exogenous(u[:1], a, one), one)
        b, second = item_step(b, jnp.float32(order), item.exogenous(u[:1], b, other), other)
        assert chain.inventory_position(a)[0] == item.inventory_position(b)
        rewards.append((float(first.reward), float(second.reward)))
        for name in ("holding", "stockout", "purchase", "on_hand", "backlogged"):
            np.testing.assert_array_equal(np.ravel(getattr(first.ledger, name)), getattr(second.ledger, name))
    assert all(x == y for x, y in rewards)
    assert min(rewards) < max(rewards)


def test_costs_have_pathwise_gradients():
    """In the levels and in the costs; the cost is piecewise linear in each path, smooth over many periods."""
    env = Serial()
    params = env.make_params(demand=Normal(5.0, 1.0, rounded=False), stockout_cost=20.0)
    paths = sample_paths(env, params, jax.random.key(0), 64, 50)

    @jax.jit
    def cost(level, params):
        policy = SerialBaseStock(level=level)
        run = jax.vmap(lambda s, p: env.rollout(policy, s, p, params, record=lambda t: -t.outcome.reward)[1])
        return jnp.mean(run(paths.states, paths.exogenous)[:, 10:])

    level, step = jnp.array([6.0, 11.5, 22.0]), 0.05
    gradient = jax.jit(jax.grad(cost))(level, params)
    central = [(cost(level + d, params) - cost(level - d, params)) / (2 * step) for d in step * jnp.eye(3)]
    np.testing.assert_allclose(gradient, central, rtol=0.05, atol=0.05)
    assert (jnp.abs(gradient) > 0.2).any()


# -- what acts in it --------------------------------------------------------------------------------------------------


def test_wrappers_and_heuristics_raise_echelon_positions():
    env = Serial()
    params = env.default_params()
    _, state = env.reset(jax.random.key(0), params)  # 5 everywhere: positions 5, 10, 20
    levels = jnp.array([8.0, 9.0, 31.0])
    np.testing.assert_array_equal(BaseStock(level=levels)(env, state, params, jax.random.key(0)), [3, 0, 11])
    np.testing.assert_array_equal(SerialBaseStock(level=levels)(env, state, params, jax.random.key(0)), [3, 0, 11])
    np.testing.assert_array_equal(OrderUpTo(env).native_action(levels, state, params), [3, 0, 11])
    wrapped = DiscreteOrders(env, max_order=4, max_position=10.0)
    mask = wrapped.action_mask(state, params)
    np.testing.assert_array_equal(mask.sum(1), [5, 1, 1])  # up to 10; nothing may always be ordered


def test_evaluation_sees_stages_and_customers():
    env = Serial()
    params = env.default_params()
    paths = sample_paths(env, params, jax.random.key(0), 8, 50)
    result = evaluate(SerialBaseStock(level=[9.0, 15.0, 26.0]), env, params, paths, warmup=10)
    assert result.cost.shape == (8, 40, 3)
    assert 0.5 < float(result.fill_rate) < 1.0
    assert 0.5 < float(result.service_level) < 1.0  # of customers: stages without any do not count
    np.testing.assert_allclose(sum(result.cost_by_cause.values()), result.cost_mean, rtol=1e-5)


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lead_times", [(), (1, 0), (1.0,), 2, (True,)])
def test_bad_structure_raises(lead_times):
    with pytest.raises(ValueError, match=r"Serial.lead_times must be whole numbers >= 1, one per stage .*, got"):
        Serial(lead_times=lead_times)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (dict(price=1.0), "Serial has no parameter 'price'; it has .*holding_cost"),
        (dict(demand=Poisson([1.0, 2.0, 3.0])), r"Serial.demand must be a demand process of shape \(\), got \(3,\)"),
        (dict(demand=3.0), "Serial.demand must be a demand process of shape .*, got float"),
        (dict(holding_cost=[1.0, 2.0]), r"Serial.holding_cost must have shape \(3,\) .*, got shape \(2,\)"),
        (dict(echelon_holding_cost=[1.0, 2.0]), "Serial.echelon_holding_cost must have shape"),
        (dict(echelon_holding_cost=1.0, holding_cost=1.0), "cannot both be given"),
        (dict(transit_cost=-1.0), "Serial.transit_cost must be >= 0"),
        (dict(demand_scale=[1, 10, 100]), r"Serial.demand_scale must be one number, got shape \(3,\)"),
        (dict(stockout_cost=[30, 1]), "Serial.stockout_cost must be one number"),
        (dict(initial_inventory=[5, -5, 5]), r"initial_inventory must be >= 0 but for stage 0.*; got \[5, -5, 5\]"),
    ],
)
def test_bad_numbers_raise(numbers, message):
    with pytest.raises(ValueError, match=message):
        Serial().make_params(**numbers)


def test_lists_of_lead_times_are_taken_and_echelon_costs_added_up():
    env = Serial(lead_times=[1, 1, 2])  # type: ignore[arg-type]
    assert env == Serial()
    assert hash(env) == hash(Serial())
    params = env.make_params(echelon_holding_cost=[3, 2, 2])
    np.testing.assert_array_equal(params.holding_cost, [7, 4, 2])
