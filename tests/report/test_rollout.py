"""A rollout in common terms: what is on order is what was ordered and has not come; and the picture shows it."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.env import make, registered
from jaxinv.env.wrappers import OrderUpTo
from jaxinv.policies import BaseStock
from jaxinv.report import movements, record, rollout_figure

# Structures in which orders are under way at the moment of decision.
STRUCTURES = {
    "Distribution-v0": {"store_lead_time": 3},
    "DualSourcing-v0": {"regular_lead_time": 3, "expedited_lead_time": 2},
    "Ecommerce-v0": {"max_lead_time": 3},
    "JointReplenishment-v0": {"lead_time": 3},
    "MultiSku-v0": {"num_skus": 3},
    "Perishable-v0": {"lead_time": 3},
}


def problem(name, level):
    env, params = make(name, **STRUCTURES.get(name, {}))
    return env, params, BaseStock(level=jnp.broadcast_to(jnp.float32(level), env.cells))


def start(env, params, length):
    _, state = env.reset(jax.random.key(0), params)
    return state, env.sample_path(jax.random.key(1), state, params, length)


@partial(jax.jit, static_argnames="env")
def rolled(env, policy, state, path, params):
    """States at the ends of the periods, actions and ledger."""
    last, periods = env.rollout(policy, state, path, params)
    after = jax.tree.map(lambda x, end: jnp.concatenate([x[1:], end[None]]), periods.state, last)
    return after, periods.action, periods.outcome.ledger


def by_node(units, nodes):
    """[T, N]: SKUs added up, and the stocks of a node."""
    units = np.asarray(units, float)
    return units.reshape(len(units), nodes, -1).sum(2)


SLOW = ("Ecommerce-v0", "MultiWarehouse-v0", "Perishable-v0", "PerishablePair-v0")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in registered()]
)
def test_what_is_on_order_was_ordered_and_has_not_come(name):
    env, params, policy = problem(name, 20.0)
    after, actions, ledger = jax.tree.map(np.asarray, rolled(env, policy, *start(env, params, 15), params))
    found = movements(env, after, actions, ledger, params)
    lanes, nodes = {lane[:2] for lane in env.flow()}, len(found.nodes)
    assert set(found.moved) <= lanes
    assert set(found.nodes) <= {place for lane in lanes for place in lane}
    coming = by_node(found.ordered, nodes)
    if name in ("Serial-v0", "SupplyNetwork-v0"):  # what a supplier does not have is not on order
        into = [
            sum(np.asarray(units) for lane, units in found.moved.items() if lane[1] == node) for node in found.nodes
        ]
        coming = np.stack([units.reshape(len(units), -1).sum(1) for units in into], 1)
    refused = ledger.written_off if name in ("MultiSku-v0", "MultiWarehouse-v0") else 0.0 * ledger.received
    arrived = by_node(ledger.received + refused, nodes)
    on_order = by_node(found.on_order, nodes)
    np.testing.assert_allclose(np.diff(on_order, axis=0), (coming - arrived)[1:], atol=1e-3)
    if name != "PerishablePair-v0":  # whose orders arrive at once
        assert on_order.max() > 0


def test_stages_customers_and_causes():
    env, params, policy = problem("Serial-v0", 40.0)
    state, path = start(env, params, 12)
    drawn = record(env, policy, state, path, params, warmup=2)
    _, _, ledger = rolled(env, policy, state, path, params)
    figure = rollout_figure(drawn, title="a chain")
    assert [axes.get_title() for axes in figure.axes] == [
        "stage 0", "stage 1", "stage 2", "all customers", "cost by cause (gains below zero)",
    ]  # fmt: skip
    lines = {line.get_label(): line for line in figure.axes[2].lines}
    np.testing.assert_allclose(lines["on hand"].get_ydata(), ledger.on_hand[2:, 2])
    np.testing.assert_allclose(lines["on order"].get_ydata(), ledger.in_transit[2:, 2])
    np.testing.assert_array_equal(lines["on hand"].get_xdata(), np.arange(2, 12))
    down = [patch.get_height() for patch in figure.axes[1].patches]
    np.testing.assert_allclose(down, -ledger.ordered[2:, 0])
    demand = next(line for line in figure.axes[3].lines if line.get_label() == "demand")
    np.testing.assert_allclose(demand.get_ydata(), ledger.demanded[2:])
    bars = sum(patch.get_height() for patch in figure.axes[-1].patches)
    assert bars == pytest.approx(-float(jax.vmap(lambda period: period.reward())(ledger)[2:].sum()), rel=1e-5)
    with pytest.raises(ValueError, match=r"warmup must be in 0\.\.11, less than the periods of the path; got 12"):
        record(env, policy, state, path, params, warmup=12)


def test_skus_are_added_up_behind_an_action_wrapper_and_only_some_nodes_are_drawn():
    env, params = make("MultiWarehouse-v0", num_warehouses=10, num_skus=2, transfers=False)
    levels = OrderUpTo(env)
    state, path = start(env, params, 4)
    drawn = record(levels, lambda *_: jnp.full(env.cells, 40.0), state, path, params)
    assert drawn.on_hand.shape == (4, 10)
    np.testing.assert_allclose(drawn.ordered[0], (40.0 - np.asarray(state.on_hand)).clip(0).sum(1), rtol=1e-6)
    figure = rollout_figure(drawn, title="ten")
    assert len(figure.axes) == 8 + 2
    assert figure.get_suptitle() == "ten\nthe first 8 of 10 nodes"
