"""The network of a supply network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.agents import GraphNetwork
from jaxinv.env import make
from jaxinv.env.wrappers import Steered
from jaxinv.optimise import Pathwise
from jaxinv.policies import NetworkBaseStock

ENV, PARAMS = make("SupplyNetwork-v0", instance="gym-invmgmt/network-lost")
STEERED = Steered(ENV, NetworkBaseStock(level=jnp.full((len(ENV.topology.stocks), 1), 50.0)), ("level",))


@pytest.fixture(scope="module")
def seen():
    """Observation, weights, and what is read: [P] levels of the observation."""
    observation, _ = ENV.reset(jax.random.key(0), PARAMS)
    network, space = GraphNetwork.of(ENV, hidden=(16, 16)), STEERED.action_space(PARAMS)
    weights = jax.jit(network.init)(jax.random.key(1), observation, space)
    return observation, weights, jax.jit(lambda x: network.apply(weights, x, space)[0][0][0].sum(1))


def test_levels_depend_on_the_node_and_its_neighbours_only(seen):
    """One exchange of messages."""
    observation, _, read = seen
    network = GraphNetwork.of(ENV)
    near = np.eye(network.num_nodes, dtype=bool)
    for supplier, customer in network.arcs:
        near[supplier, customer] = near[customer, supplier] = True
    slopes = np.asarray(jax.jacobian(read)(observation))
    owners = np.asarray(network.owners)
    expected = near[np.asarray(network.deciding)][:, owners] | (owners < 0)
    np.testing.assert_array_equal(slopes != 0, expected)


def test_it_begins_at_the_heuristic(seen):
    observation, _, read = seen
    np.testing.assert_allclose(read(observation), 0.0, atol=0.1)


@pytest.mark.slow
def test_pathwise_improves_a_network(key):
    """A base-stock policy with levels of 50 everywhere; 20 iterations earn more than a tenth more."""
    algo = Pathwise(
        env=STEERED, network=GraphNetwork.of(ENV, hidden=(16, 16), shared=True), num_envs=32, num_updates=20,
        warmup=0, num_steps=30, stagger=False, learning_rate=1e-2,
    )  # fmt: skip
    _, metrics = jax.jit(algo.train)(key, PARAMS)
    reward = np.asarray(metrics["reward"])
    assert reward[-5:].mean() > reward[0] + 0.1 * abs(reward[0])
