"""Trajectories recorded from or-gym and gym-invmgmt, replayed: ``record_*.py`` made them."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Poisson, Trace
from jaxinv.env import make
from jaxinv.env.supply_network import SupplyNetwork
from jaxinv.env.supply_network_topology import Arc, Topology

HERE = Path(__file__).parent
OR_GYM, GYM_INVMGMT = (json.loads((HERE / f"{name}.json").read_text()) for name in ("or_gym", "gym_invmgmt"))


def replay(env, params, record):
    """Outcomes and states, one after the other, of the recorded orders and demand."""
    demand = np.asarray(record["demand"])[:, :, None]
    params = params.replace(demand=Trace(quantity=demand, expected=demand))
    orders = jnp.asarray(record["orders"], jnp.float32)[:, :, None]
    _, state = env.reset(jnp.array([0, 0], jnp.uint32), params)
    path = env.sample_path(jnp.array([0, 0], jnp.uint32), state, params, len(orders))
    record_period = lambda t: (t.outcome, t.state)  # noqa: E731
    _, periods = env.rollout(
        lambda env, state, params, key: orders[state.time], state, path, params, None, record_period
    )
    return periods


def check(env, params, record, discount=1.0):
    outcome, _ = replay(env, params, record)
    ledger = outcome.ledger
    # Their float64 against our float32: a few units in the last place of money flows of a few hundred.
    for ours, theirs in (
        (ledger.shipped, record["shipped"]),
        (ledger.on_hand, record["on_hand"]),
        (ledger.in_transit, record["in_transit"]),
    ):
        np.testing.assert_allclose(ours[..., 0], theirs, rtol=1e-5, atol=1e-3)
    rewards = outcome.reward * discount ** np.arange(len(outcome.reward))
    np.testing.assert_allclose(rewards, record["rewards"], rtol=2e-5, atol=2e-3)
    assert np.ptp(record["rewards"]) > 1
    return outcome


@pytest.mark.parametrize("kind", ["backlog", "lost"])
def test_or_gym_inv_management(kind):
    env, params = make("SupplyNetwork-v0", instance=f"or-gym/InvManagement-v{int(kind == 'lost')}")
    outcome = check(env, params, OR_GYM["trajectories"][f"serial-{kind}"], discount=float(params.discount))
    assert bool(outcome.terminated[-1])
    assert not outcome.terminated[:-1].any()


@pytest.mark.parametrize("kind", ["backlog", "lost"])
def test_or_gym_network_management(kind):
    record = OR_GYM["trajectories"][f"network-{kind}"]
    env, params = make("SupplyNetwork-v0", instance=f"or-gym/NetworkManagement-v{int(kind == 'lost')}")
    assert record["competing"] == 0
    assert [[arc.supplier, arc.customer] for arc in env.topology.arcs] == record["links"]
    outcome = check(env, params, record)
    check_profit(outcome.ledger, record)


def check_profit(ledger, record):
    """Of every node: the ledger tells it."""
    money = sum(getattr(ledger, name) for name in ledger.GAINS) - sum(getattr(ledger, name) for name in ledger.COSTS)
    np.testing.assert_allclose(money[..., 0], record["profit"], rtol=2e-5, atol=2e-3)


def test_or_gym_sends_the_same_unit_twice_and_we_do_not():
    """The difference that the notes of the instances tell."""
    record = OR_GYM["trajectories"]["network-competing"]
    env, params = make("SupplyNetwork-v0", instance="or-gym/NetworkManagement-v0")
    outcome, _ = replay(env, params, record)
    assert record["competing"] > 0
    theirs, suppliers = np.asarray(record["shipped"]), np.asarray(env.topology.supplier_of)
    for j in (3, 5):  # factories with two customers
        most = float(params.capacity[j, 0])
        assert theirs[:, suppliers == j].sum(1).max() > most
        assert outcome.ledger.shipped[:, suppliers == j].sum((1, 2)).max() <= most * (1 + 1e-6)


@pytest.mark.parametrize(
    "name", ["network-backlog", "network-lost", "network-goodwill", "serial-backlog", "serial-lost"]
)
def test_gym_invmgmt(name):
    record = GYM_INVMGMT["trajectories"][name]
    env, params = make("SupplyNetwork-v0", instance=f"gym-invmgmt/{name}")
    assert [[arc.supplier, arc.customer] for arc in env.topology.arcs] == record["links"]
    if name == "network-goodwill":  # which they apply to a given path of demand too
        goodwill = replay(env, params, record)[1].goodwill[0][:, 0]
        np.testing.assert_allclose(goodwill, record["goodwill"], rtol=1e-5)
        assert np.ptp(goodwill) > 0.1
    outcome = check(env, params, record)
    check_profit(outcome.ledger, record)


def test_gym_invmgmt_with_yield_fixed_costs_and_two_markets():
    nodes = {node["id"]: node for node in GYM_INVMGMT["custom"]["nodes"]}
    record = GYM_INVMGMT["trajectories"]["custom-backlog"]
    edges = {(edge["from"], edge["to"]): edge for edge in GYM_INVMGMT["custom"]["edges"]}
    links, markets = ([tuple(link) for link in record[name]] for name in ("links", "markets"))
    topology = Topology(
        nodes=tuple(record["nodes"]), sources=("ore",), markets=tuple(markets),
        arcs=tuple(Arc(*link, edges[link]["L"]) for link in links),
    )  # fmt: skip
    env = SupplyNetwork(topology)
    plant = nodes["plant"]
    params = env.make_params(
        demand=Poisson([[12.0], [8.0]]),
        price=[edges[link]["p"] for link in markets],
        stockout_cost=[edges[link]["b"] for link in markets],
        backlog_share=1.0,
        unit_cost=[edges[link]["p"] for link in links],
        pipeline_cost=[edges[link]["g"] for link in links],
        fixed_order_cost=[edges[link].get("K", 0.0) for link in links],
        capacity={"plant": plant["C"]},
        yield_rate={"plant": plant["v"]},
        operating_cost={"plant": plant["o"] / plant["v"]},
        holding_cost={node: nodes[node]["h"] for node in record["nodes"]},
        initial_stock={node: nodes[node]["I0"] for node in record["nodes"]},
    )
    outcome = check(env, params, record)
    check_profit(outcome.ledger, record)
    np.testing.assert_allclose((outcome.ledger.lost + 0.0).sum(), 0.0)
