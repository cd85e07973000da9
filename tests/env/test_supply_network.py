"""``SupplyNetwork-v0``: the order of events, what is conserved, and what it agrees with."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Geometric, Poisson, Trace, UniformInteger
from jaxinv.demand.price import PricedTrace
from jaxinv.env import make, supply_network_topology
from jaxinv.env.single_item import SingleItem
from jaxinv.env.single_item import State as SingleState
from jaxinv.env.supply_network import Exogenous, SupplyNetwork
from jaxinv.env.supply_network_topology import Arc, Topology, assembly, diamond, divergent, serial
from jaxinv.env.wrappers import DiscreteOrders, OrderUpTo
from jaxinv.testing import check_environment


def play(env, params, orders, demand, state=None):
    """Final state and ledgers [T, ...] of orders [T, E, K] and demand [T, M, K]; transitions are compiled once."""
    if state is None:
        _, state = env.reset(jax.random.key(0), params)
    orders, demand = (jnp.asarray(x, jnp.float32) for x in (orders, demand))

    def period(state, inputs):
        exo = Exogenous(demand=inputs[1], next=state.exo)
        state, outcome = env.transition(state, inputs[0], exo, params)
        return state, outcome

    return jax.jit(lambda state: jax.lax.scan(period, state, (orders, demand)))(state)


def per_sku(values):
    return np.asarray(values, np.float32)[:, :, None]


# -- by hand ----------------------------------------------------------------------------------------------------------
CHAIN = {
    "price": 10.0, "unit_cost": [4.0, 1.0], "fixed_order_cost": [3.0, 0.0], "pipeline_cost": [0.5, 0.25],
    "holding_cost": [2.0, 1.0], "stockout_cost": 5.0, "operating_cost": [0.0, 0.1], "initial_stock": [5.0, 8.0],
    "backlog_share": 0.5,
}  # fmt: skip


def test_the_order_of_events_by_hand():
    env = SupplyNetwork(serial([1, 2]))
    orders, demand = [[6, 4], [3, 0], [1, 0]], [[7], [2], [0]]
    state, outcome = play(env, env.make_params(**CHAIN), per_sku(orders), per_sku(demand))
    ledger = jax.tree.map(lambda x: np.asarray(x)[..., 0].tolist(), outcome.ledger)
    # Period 1: all 6 are sent; 5 of 7 customers are served, one of the others waits. Period 2: of 3 ordered only 2 are
    # there; the 6 arrive and serve 3. Period 3: the 4 of the first order arrive, but after orders were filled.
    assert ledger.shipped == [[6, 4], [2, 0], [0, 0]]
    assert ledger.received == [[0, 0], [6, 0], [2, 4]]
    assert ledger.sold == [[5], [3], [0]]
    assert ledger.lost == [[1], [0], [0]]
    assert ledger.backlogged == [[1], [0], [0]]
    assert ledger.on_hand == [[0, 2], [3, 0], [5, 4]]
    assert ledger.in_transit == [[6, 4], [2, 4], [0, 0]]
    assert ledger.revenue == [[50, 0], [30, 0], [0, 0]]
    assert ledger.transfer_revenue == [[0, 24], [0, 8], [0, 0]]
    assert ledger.purchase == [[24, 4], [8, 0], [0, 0]]
    assert ledger.fixed_order == [[3, 0], [3, 0], [0, 0]]
    np.testing.assert_allclose(ledger.operating, [[0, 0.6], [0, 0.2], [0, 0]], rtol=1e-6)
    assert ledger.holding == [[0, 2], [6, 0], [10, 4]]
    assert ledger.pipeline == [[3, 1], [1, 1], [0, 0]]
    assert ledger.stockout == [[10, 0], [0, 0], [0, 0]]
    np.testing.assert_allclose(outcome.reward, [26.4, 18.8, -14.0], rtol=1e-6)
    assert [float(x[0]) for x in state.on_hand] == [5, 4]


def test_receiving_first_ships_on_what_has_just_arrived():
    env = SupplyNetwork(serial([1, 2]), receive_first=True)
    orders, demand = [[6, 4], [3, 0], [1, 0]], [[7], [2], [0]]
    _, outcome = play(env, env.make_params(**CHAIN), per_sku(orders), per_sku(demand))
    assert outcome.ledger.shipped[..., 0].tolist() == [[6, 4], [2, 0], [1, 0]]
    assert outcome.ledger.on_hand[..., 0].tolist() == [[0, 2], [3, 0], [5, 3]]


def test_orders_that_cannot_be_filled_wait():
    env = SupplyNetwork(serial([1, 0]), order_backlog=True)
    params = env.make_params(initial_stock=[0.0, 2.0], unfilled_cost=[0.5, 0.0], stockout_cost=0.0, holding_cost=0.0)
    orders, demand = [[5, 1], [0, 3], [1, 0]], [[0], [0], [0]]
    state, outcome = play(env, params, per_sku(orders), per_sku(demand))
    # What arrives at once is there for the next period's orders.
    assert outcome.ledger.shipped[..., 0].tolist() == [[2, 1], [1, 3], [3, 0]]
    assert outcome.ledger.unfilled[..., 0].tolist() == [[0, 1.5], [0, 1.0], [0, 0]]
    assert float(env.stock_position(state)[0, 0]) == 6.0  # all that was ordered


@pytest.mark.parametrize(("allocation", "shipped"), [("priority", [8, 2, 0]), ("proportional", [5, 1.25, 3.75])])
def test_what_is_short_is_shared_out(allocation, shipped):
    env = SupplyNetwork(divergent(1, [1, 1, 1]), allocation=allocation)
    params = env.make_params(initial_stock={"warehouse": 10})
    _, outcome = play(env, params, per_sku([[8, 2, 6, 0]]), per_sku([[0, 0, 0]]))
    assert outcome.ledger.shipped[0, :, 0].tolist() == [*shipped, 0]


def test_markets_of_one_node_share_its_stock():
    topology = Topology(("shop",), ("source",), (Arc("source", "shop", 1),), (("shop", "a"), ("shop", "b")))
    for allocation, sold in (("priority", [6, 3]), ("proportional", [3, 6])):
        env = SupplyNetwork(topology, allocation=allocation)
        params = env.make_params(initial_stock=9, backlog_share=[1.0, 0.0], capacity={"shop": 9})
        _, outcome = play(env, params, per_sku([[0]]), per_sku([[6, 12]]))
        assert outcome.ledger.sold[0, :, 0].tolist() == sold
        assert outcome.ledger.lost[0, :, 0].tolist() == [0, 12 - sold[1]]
        assert outcome.ledger.backlogged[0, :, 0].tolist() == [6 - sold[0], 0]


def test_assembly_takes_all_components():
    env = SupplyNetwork(assembly(1, [1, 2]))
    assert env.topology.stock_names == ("retailer", "assembly:component1", "assembly:component2")
    params = env.make_params(
        components={"assembly:component1": 1, "assembly:component2": 2}, yield_rate={"assembly": 0.5},
        initial_stock=[0, 10, 12], capacity={"assembly": 4},
    )  # fmt: skip
    # A good unit takes 2 and 4: the second component is enough for 3.
    orders = [[5, 7, 30], [0, 0, 0], [9, 0, 0], [9, 0, 0]]
    _, outcome = play(env, params, per_sku(orders), per_sku([[0]] * 4))
    assert outcome.ledger.shipped[:, 0, 0].tolist() == [3, 0, 0, 4]  # from the fourth period on 4 is all it can make
    assert outcome.ledger.on_hand[..., 0].tolist() == [[0, 4, 0], [3, 11, 0], [3, 11, 30], [3, 3, 14]]
    flow, output = env.topology.flows(np.array([[5.0]]), np.array([[1.0], [2.0], [4.0]]))
    assert flow[:, 0].tolist() == [5, 10, 20]
    assert output[:, 0].tolist() == [5, 5, 10, 20]


def test_a_diamond_delivers_by_both_ways():
    env = SupplyNetwork(diamond([1, 3], [0, 1]))
    params = env.make_params(initial_stock=[0, 10, 10], capacity={"factory1": 2})
    _, outcome = play(env, params, per_sku([[4, 5, 1, 1]] + [[0] * 4] * 3), per_sku([[0]] * 4))
    assert outcome.ledger.shipped[0, :, 0].tolist() == [2, 5, 1, 1]
    assert outcome.ledger.on_hand[:, 0, 0].tolist() == [0, 2, 2, 7]
    assert outcome.ledger.on_hand[:, 1, 0].tolist() == [9] * 4
    assert outcome.ledger.on_hand[:, 2, 0].tolist() == [5, 6, 6, 6]


def test_demand_responds_to_service():
    env = SupplyNetwork(serial([0]), goodwill=True)
    params = env.make_params(demand=Geometric([[20.0]]), goodwill_growth=1.5, goodwill_decay=0.5, goodwill_cap=1.2)
    _, state = env.reset(jax.random.key(0), params)
    exo = env.exogenous(jnp.array([0.3]), state, params)
    step = jax.jit(env.transition)
    seen, factors = [], []
    for order in (0.0, 100.0, 100.0, 0.0):
        factors.append(float(state.goodwill[0][0]))
        state = state.replace(on_hand=jax.tree.map(jnp.zeros_like, state.on_hand))
        state, outcome = step(state, jnp.full((1, 1), order), exo, params)
        seen.append(float(outcome.ledger.demanded[0, 0]))
    np.testing.assert_allclose(factors, [1.0, 0.5, 0.75, 1.125])
    np.testing.assert_allclose(float(state.goodwill[0][0]), 0.5625)
    assert seen == [float(Geometric(20.0 * f).quantile(jnp.float32(0.3))) for f in factors]


def test_values_that_are_given_respond_by_themselves():
    """They have no law that could be scaled; a law that cannot be is refused."""
    sold = np.full((9, 1, 1), 4.0)
    env = SupplyNetwork(serial([0]), goodwill=True)
    for replayed in (Trace(sold, expected=sold), PricedTrace(sold, expected=sold)):
        params = env.make_params(demand=replayed, goodwill_decay=0.5, initial_stock=0)
        _, state = env.reset(jax.random.key(0), params)
        for expected in (4.0, 2.0):
            exo = env.exogenous(jnp.zeros(0), state, params)
            state, outcome = env.transition(state, jnp.zeros((1, 1)), exo, params)
            assert float(outcome.ledger.demanded[0, 0]) == expected
    with pytest.raises(ValueError, match=r"SupplyNetwork.demand must have a law .*UniformInteger cannot be scaled"):
        env.make_params(demand=UniformInteger([[0.0]], [[8.0]]))
    SupplyNetwork(serial([0])).make_params(demand=UniformInteger([[0.0]], [[8.0]]))


# -- physics ----------------------------------------------------------------------------------------------------------
EVERYTHING = Topology(
    nodes=("shop", "depot", "works", "mine"), sources=("far", "near"), plants=("mine",),
    arcs=(
        Arc("depot", "shop", 1), Arc("works", "shop", 3), Arc("works", "depot", 0), Arc("far", "works", 2, "wheel"),
        Arc("near", "works", 1, "wheel"), Arc("mine", "works", 1, "frame"),
    ),
    markets=(("shop", "town"), ("depot", "village")),
)  # fmt: skip


@pytest.fixture(scope="module")
def everything():
    """A network with all there is, its numbers drawn, and 40 periods of random orders."""
    env = SupplyNetwork(EVERYTHING, num_skus=2, order_backlog=True, goodwill=True, allocation="proportional")
    rng = np.random.default_rng(0)
    sizes = {
        "price": 2, "stockout_cost": 2, "backlog_share": 2, "unit_cost": 6, "fixed_order_cost": 6, "pipeline_cost": 6,
        "operating_cost": 4, "components": 4, "holding_cost": 4, "initial_stock": 4, "yield_rate": 4, "capacity": 6,
    }  # fmt: skip
    numbers = {name: rng.uniform(0.2, 1.0, (n, 2)) for name, n in sizes.items()}
    numbers["initial_stock"] = 20 * numbers["initial_stock"]
    numbers["capacity"] = 12 * numbers["capacity"]
    numbers["unfilled_cost"] = np.array([1, 1, 1, 0, 0, 1])[:, None] * rng.uniform(0, 1, (6, 2))
    params = env.make_params(demand=Poisson([[4.0, 3.0], [2.0, 5.0]]), **numbers)
    orders = jnp.asarray(rng.uniform(0, 12, (40, 6, 2)), jnp.float32)

    @jax.jit
    def run(params):
        _, state = env.reset(jax.random.key(1), params)
        path = env.sample_path(jax.random.key(2), state, params, 40)
        return state, *env.rollout(lambda env, state, params, key: orders[state.time], state, path, params)

    return env, params, run, run(params)


def test_units_are_conserved(everything):
    env, params, _, (first, last, periods) = everything
    t, ledger = env.topology, periods.outcome.ledger
    on_hand = np.concatenate([np.stack(first.on_hand)[None], ledger.on_hand])
    usage = np.asarray(params.components) / np.asarray(params.yield_rate)[list(t.node_of)]
    taken = usage * np.asarray(ledger.output)[:, list(t.node_of)]
    np.testing.assert_allclose(np.diff(on_hand, axis=0), np.asarray(ledger.received) - taken, atol=1e-4)
    in_transit = np.concatenate([np.zeros((1, 6, 2)), ledger.in_transit])
    arrived = np.asarray(ledger.shipped) - np.diff(in_transit, axis=0)
    into = np.zeros((40, 4, 2))
    np.add.at(into, (slice(None), list(t.stock_of)), arrived)
    np.testing.assert_allclose(into, ledger.received, atol=1e-4)
    ordered = np.asarray(ledger.ordered).sum(0)
    np.testing.assert_allclose(ordered, np.asarray(ledger.shipped).sum(0) + np.stack(last.backorders), rtol=1e-4)
    waiting = np.asarray(ledger.demanded - ledger.sold - ledger.lost).sum(0)
    np.testing.assert_allclose(waiting, np.stack(last.backlog), rtol=1e-4, atol=1e-3)


def test_limits_are_kept(everything):
    _, params, _, (_, _, periods) = everything
    ledger = periods.outcome.ledger
    for name in ("shipped", "sold", "lost", "backlogged", "on_hand", "in_transit", "received", "output"):
        assert (np.asarray(getattr(ledger, name)) >= 0).all(), name
    output, capacity = np.asarray(ledger.output), np.asarray(params.capacity)[:4]
    assert (output <= capacity * (1 + 1e-6)).all()
    assert np.isclose(output, capacity, rtol=1e-5).any((0, 2)).sum() >= 2  # and they bind
    far = np.asarray(ledger.shipped)[:, 3]
    assert (far <= np.asarray(params.capacity)[4] * (1 + 1e-6)).all()
    waited = np.stack([np.stack([b[t] for b in periods.state.backlog]) for t in range(40)])
    assert (ledger.sold <= ledger.demanded + waited + 1e-4).all()
    assert np.asarray(ledger.lost).sum() > 0


def test_the_ledger_is_the_reward_and_money_between_nodes_cancels(everything):
    env, params, run, (_, _, periods) = everything
    ledger = periods.outcome.ledger
    money = sum(np.asarray(getattr(ledger, n), float) for n in ledger.GAINS)
    money = money - sum(np.asarray(getattr(ledger, n), float) for n in ledger.COSTS)
    assert money.shape == (40, 4, 2)  # by node and SKU
    np.testing.assert_allclose(money.sum((1, 2)), periods.outcome.reward, rtol=1e-5, atol=1e-3)
    inside = np.asarray(env.topology.supplier_of) < 4
    paid = np.asarray(params.unit_cost, float) * np.asarray(ledger.shipped)
    np.testing.assert_allclose(np.asarray(ledger.transfer_revenue).sum(1), paid[:, inside].sum(1), rtol=1e-5)
    np.testing.assert_allclose(np.asarray(ledger.purchase).sum(1), paid.sum(1), rtol=1e-5)
    costs = ("price", "stockout_cost", "unit_cost", "fixed_order_cost", "pipeline_cost", "unfilled_cost")
    costs += ("operating_cost", "holding_cost")
    scaled = run(params.replace(**{name: 3.0 * getattr(params, name) for name in costs}))[2]
    np.testing.assert_allclose(scaled.outcome.reward, 3.0 * periods.outcome.reward, rtol=1e-5, atol=1e-2)


def test_what_it_tells_to_policies(everything):
    env, params, _, (_, last, _) = everything
    names, observation = env.observed_nodes, env.observe(last, params)
    assert len(names) == observation.shape[0] == env.observation_space(params).shape[0]
    assert set(names) == set(EVERYTHING.nodes) - {"mine"}
    assert names[:10] == ("shop",) * 2 + ("depot",) * 2 + ("works",) * 4 + ("shop",) * 2
    shop_scale = params.demand_scale[0] + params.demand_scale[1]
    np.testing.assert_allclose(observation[:2], last.on_hand[0] / shop_scale, rtol=1e-6)
    queues = env.topology.queues.split(last.pipeline)
    coming = sum(np.asarray(x) for e in (0, 1) for x in (*queues[e], last.backorders[e]))
    position = np.asarray(last.on_hand[0]) + coming - np.asarray(last.backlog[0])
    np.testing.assert_allclose(env.inventory_position(last)[1], position, rtol=1e-5)
    assert env.order_action(jnp.ones(env.cells)).shape == (6, 2)


# -- rows in tuples and in arrays -------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize(
    "structure",
    [
        {"receive_first": True, "order_backlog": True},
        {"allocation": "proportional", "horizon": 9},
    ],
)
def test_an_array_of_rows_does_what_a_tuple_does(monkeypatch, structure):
    shops = tuple(f"shop{i}" for i in range(4))
    arcs = (*(Arc("depot", name, i % 3) for i, name in enumerate(shops)), *EVERYTHING.arcs[2:])
    markets = (*((name, "town") for name in shops), ("shop1", "village"), ("depot", "village"), ("shop1", "fair"))
    topology = Topology((*shops, *EVERYTHING.nodes[1:]), EVERYTHING.sources, arcs, markets, EVERYTHING.plants)
    env = SupplyNetwork(topology, num_skus=2, goodwill=True, **structure)
    rng = np.random.default_rng(3)
    numbers = {name: rng.uniform(0.2, 1.0, (len(shops) + 3, 1)) for name in ("holding_cost", "components")}
    params = env.make_params(
        demand=Geometric(rng.uniform(2, 9, (7, 2))), price=rng.uniform(3, 4, 7), unit_cost=rng.uniform(0, 1, 8),
        fixed_order_cost=0.5, pipeline_cost=0.1, backlog_share=0.5, capacity={"depot": 20, "works": 18},
        yield_rate={"works": 0.8}, operating_cost=0.2, unfilled_cost={"depot->shop1": 0.3}, **numbers,
    )  # fmt: skip
    orders = jnp.asarray(rng.uniform(0, 12, (8, *env.cells)), jnp.float32)

    def run(orders):
        def record(t):
            return t.outcome, env.observe(t.state, params), env.inventory_position(t.state), env.claims(t.state)

        _, state = env.reset(jax.random.key(1), params)
        path = env.sample_path(jax.random.key(2), state, params, len(orders))
        _, told = env.rollout(lambda env, state, *_: orders[state.time], state, path, params, record=record)
        return jnp.sum(told[0].reward), told

    results = []
    for apart in (True, False):
        monkeypatch.setattr(supply_network_topology, "APART", 1000 * apart)
        assert isinstance(env.reset(jax.random.key(0), params)[1].pipeline, tuple) == apart
        results.append(jax.jit(jax.value_and_grad(lambda orders: run(orders), has_aux=True))(orders))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3), *results)
    ((_, (outcome, *_)), gradient), _ = results
    for happened in (outcome.ledger.unfilled, outcome.ledger.backlogged, gradient):
        assert np.asarray(happened).any()


@pytest.mark.slow
def test_arrays_of_rows_keep_the_protocol(monkeypatch):
    monkeypatch.setattr(supply_network_topology, "APART", 0)
    check_environment(SupplyNetwork(goodwill=True, order_backlog=True))


@pytest.mark.parametrize("build", [lambda n: serial([2] * n), lambda n: divergent(3, [2] * n)])
def test_a_larger_network_is_no_larger_program(build):
    """But for a few operations more where the customers of a node double, which are summed over by halves."""

    def operations(size):
        env = SupplyNetwork(build(size))
        params, u = env.default_params(), jnp.zeros(2 * size)
        _, state = env.reset(jax.random.key(0), params)
        uniforms = u[: env.num_step_uniforms(params)]
        program = jax.make_jaxpr(env.step_from_uniforms)(uniforms, state, jnp.zeros(env.cells), params)
        return str(program).count("\n")

    assert operations(800) < 1.05 * operations(100)


# -- agreement --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("lead_time", "waits", "receive_first"), [(2, 1.0, False), (0, 0.4, True)])
def test_one_node_is_a_single_item(lead_time, waits, receive_first):
    numbers = {"unit_cost": 2.0, "fixed_order_cost": 7.0, "stockout_cost": 5.0, "backlog_share": waits}
    network, item = SupplyNetwork(serial([lead_time]), receive_first=receive_first), SingleItem(lead_time=lead_time)
    params, alone = (
        network.make_params(initial_stock=9.0, **numbers),
        item.make_params(initial_inventory=9.0, **numbers),
    )
    rng = np.random.default_rng(1)
    orders = jnp.asarray(rng.integers(0, 12, 50) * rng.integers(0, 2, 50), jnp.float32)
    demand = jnp.asarray(rng.poisson(6, 50), jnp.float32)
    last, outcome = play(network, params, orders[:, None, None], demand[:, None, None])

    def period(state, inputs):
        _, exo = item.reset(jax.random.key(0), alone)
        exo = item.exogenous(jnp.zeros(1), exo, alone).replace(demand=inputs[1])
        return item.transition(state, inputs[0], exo, alone)

    _, start = item.reset(jax.random.key(0), alone)
    final, other = jax.jit(lambda s: jax.lax.scan(period, s, (orders, demand)))(start)
    np.testing.assert_allclose(outcome.reward, other.reward, rtol=1e-5, atol=1e-4)
    # The item's inventory is net of the backlog, and what is due now is in it.
    queue = [float(x[0]) for x in last.pipeline]
    mapped = SingleState(
        time=final.time, exo=final.exo, pipeline=tuple(jnp.float32(x) for x in queue[1:]),
        inventory=jnp.float32(float(last.on_hand[0][0]) + sum(queue[:1]) - float(last.backlog[0][0])),
    )  # fmt: skip
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-3), mapped, final)


def test_skus_do_not_meet():
    both, one = (SupplyNetwork(diamond([1, 2], [1, 1]), num_skus=k) for k in (2, 1))
    rng = np.random.default_rng(2)
    orders, demand = rng.integers(0, 9, (20, 4, 2)), rng.poisson(5, (20, 1, 2))
    numbers = {"price": 3.0, "initial_stock": [9, 5, 5], "capacity": {"factory2": 3}}
    _, together = play(both, both.make_params(holding_cost=[[1.0, 2.0]], **numbers), orders, demand)
    apart = 0.0
    for k, holding in enumerate((1.0, 2.0)):
        params = one.make_params(holding_cost=holding, **numbers)
        apart = apart + play(one, params, orders[..., k : k + 1], demand[..., k : k + 1])[1].reward
    np.testing.assert_allclose(together.reward, apart, rtol=1e-5)


def test_it_works_in_wrappers_and_ends_with_its_horizon():
    env, params = make("SupplyNetwork-v0", topology=serial([1, 1]), horizon=2)
    _, state = env.reset(jax.random.key(0), params)
    step = jax.jit(OrderUpTo(env).step_env)
    _, state, _, terminated, info = step(jax.random.key(1), state, jnp.full((2, 1), 12.0), params)
    assert not terminated
    np.testing.assert_allclose(info["ledger"].ordered[0, 0], 12.0 - params.initial_stock[0, 0])
    assert float(env.observe(state, params)[-1]) == 0.5
    assert step(jax.random.key(1), state, jnp.full((2, 1), 12.0), params)[3]
    discrete = DiscreteOrders(env, max_order=3)
    assert discrete.action_mask(state, params).shape == (2, 1, 4)
    assert discrete.decode(jnp.full((2, 1), 2), state, params).tolist() == [[2.0], [2.0]]


def test_the_calendar_is_observed():
    env = SupplyNetwork(serial([2]), calendar=True)
    params = env.make_params(demand=Poisson([[8.0]]), demand_scale=4.0)
    observation, _ = env.reset(jax.random.key(0), params)
    assert len(env.observed_nodes) == observation.shape[0] == 4 + 3 + 7
    assert observation[4:7].tolist() == [2.0, 2.0, 2.0]
    assert observation[7:].tolist() == [1.0] + [0.0] * 6


# -- what does not fit ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"holding": 1}, "has no parameter 'holding'; it has .*holding_cost"),
        (
            {"holding_cost": [1.0, 2.0, 3.0]},
            r"holding_cost must have shape \(2, 1\) or broadcast to it, got shape \(3, 1\)",
        ),
        ({"holding_cost": {"node3": 1.0}}, "holding_cost names 'node3'; there are node1, node2"),
        ({"holding_cost": {"node1": [1, 2]}}, r"holding_cost of node1 must have shape \(1,\) .*, got shape \(2,\)"),
        ({"holding_cost": {"node1": -1}}, "SupplyNetwork.holding_cost of node1 must be >= 0.0, got -1"),
        ({"holding_cost": "low"}, "holding_cost must be numeric, got 'low'"),
        ({"price": -1.0}, "price must be >= 0"),
        ({"demand": Poisson(5.0)}, r"demand process of shape \(1, 1\), markets by SKUs, got \(\)"),
        ({"unfilled_cost": 1.0}, "unfilled_cost of source->node2 must be 0"),
        ({"goodwill_floor": 3.0}, "goodwill_floor must be <= goodwill_cap = 2.0, got 3.0"),
    ],
)
def test_numbers_that_do_not_fit_are_named(numbers, message):
    with pytest.raises(ValueError, match=message):
        SupplyNetwork(serial([1, 1])).make_params(**numbers)


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        ({"topology": "serial"}, "topology must be a Topology, got str"),
        ({"num_skus": 0}, "num_skus must be a whole number >= 1, got 0"),
        ({"horizon": 0}, "horizon must be None or a whole number >= 1, got 0"),
    ],
)
def test_structure_that_does_not_fit_is_named(structure, message):
    with pytest.raises(ValueError, match=message):
        SupplyNetwork(**structure)
