"""The picture of a rollout shows what its ledger says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.env import make
from jaxinv.policies import BaseStock
from jaxinv.report import rollout_figure


def ledger_of(name, level, length=12):
    env, params = make(name)
    _, state = env.reset(jax.random.key(0), params)
    path = env.sample_path(jax.random.key(1), state, params, length)
    policy = BaseStock(level=jnp.broadcast_to(jnp.float32(level), env.cells))
    return env.rollout(policy, state, path, params, record=lambda period: period.outcome.ledger)[1]


def test_stages_customers_and_causes():
    ledger = ledger_of("Serial-v0", 12.0)
    figure = rollout_figure(ledger, nodes=["store", "depot", "plant"])
    assert [axes.get_title() for axes in figure.axes] == [
        "store", "depot", "plant", "customers", "cost by cause (gains below zero)",
    ]  # fmt: skip
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[1].lines}
    np.testing.assert_allclose(lines["on hand"], ledger.on_hand[:, 1])
    demanded = next(line for line in figure.axes[3].lines if line.get_label() == "demanded")
    np.testing.assert_allclose(demanded.get_ydata(), ledger.demanded)
    bars = sum(patch.get_height() for patch in figure.axes[-1].patches)
    assert bars == pytest.approx(-float(jax.vmap(lambda period: period.reward())(ledger).sum()), rel=1e-5)


def test_skus_of_a_warehouse_are_added_up():
    ledger = ledger_of("MultiWarehouse-v0", 40.0)
    figure = rollout_figure(ledger)
    assert len(figure.axes) == 5  # four warehouses, whose customers are their own, and money
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    np.testing.assert_allclose(lines["on hand"], np.asarray(ledger.on_hand)[:, 0].sum(-1))
    with pytest.raises(ValueError, match="nodes must name the 4 nodes that hold stock, got 1 names"):
        rollout_figure(ledger, nodes=["one"])
