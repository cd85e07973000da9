import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.agents import distributions, networks
from jaxinv.env import spaces

W, K, F = 3, 4, 5
SPACE = spaces.Tree(
    {
        "cell": spaces.Box(0.0, 8.0, (W, K)),
        "gate": spaces.Discrete(2, (W,)),
        "whole": spaces.Box(0.0, 2.0, (7,)),
    }
)


@pytest.fixture
def observation(key):
    return jax.random.normal(key, (W, K, F))


def test_networks_suit_the_observation():
    assert isinstance(networks.for_space(spaces.unbounded((W, K, F))), networks.CellNetwork)
    assert networks.for_space(spaces.unbounded((F,)), hidden=(9,)) == networks.MLP(hidden=(9,))


@pytest.mark.parametrize("network", [networks.MLP(), networks.CellNetwork(shared=True)])
def test_heads_have_the_shapes_of_the_action_and_start_in_the_middle(network, observation, key):
    (cell, gate, whole), value = jax.jit(network.init_with_output)(key, observation, SPACE)[0]
    assert [x.shape for x in (*cell, gate, *whole, value)] == [(W, K), (W, K), (W, 2), (7,), (7,), ()]
    mode = distributions.to_env(SPACE, distributions.distribution(SPACE, (cell, gate, whole)).mode())
    np.testing.assert_allclose(mode["cell"], 4.0, atol=0.4)
    np.testing.assert_allclose(mode["whole"], 1.0, atol=0.1)
    np.testing.assert_allclose(jax.nn.softmax(gate), 0.5, atol=0.05)


def test_mlp_reads_any_structure(key):
    network, space = networks.MLP(hidden=(8,)), spaces.Discrete(2)
    tree = {"a": jnp.ones((2, 3)), "b": jnp.float32(2.0)}
    params = jax.jit(network.init)(key, tree, space)
    flat = jnp.array([1.0] * 6 + [2.0])
    np.testing.assert_array_equal(network.apply(params, tree, space)[1], network.apply(params, flat, space)[1])


def test_shared_hidden_layers_are_shared(observation, key):
    def count(shared):
        network = networks.MLP(hidden=(8, 8), shared=shared)
        return len(jax.tree.leaves(jax.eval_shape(network.init, key, observation, SPACE)))

    assert count(False) - count(True) == 4  # kernels and biases of two layers


@pytest.fixture(scope="module")
def apply():
    """A :class:`CellNetwork` with its weights."""
    network = networks.CellNetwork(hidden=(16, 16))
    params = jax.jit(network.init)(jax.random.key(1), jnp.zeros((W, K, F)), SPACE)
    return jax.jit(lambda x: network.apply(params, x, SPACE))


def test_exchanging_cells_exchanges_actions(apply, observation):
    (cell, gate, whole), value = apply(observation)
    warehouses, skus = jnp.array([2, 0, 1]), jnp.array([3, 1, 0, 2])
    (cell_, gate_, whole_), value_ = apply(observation[warehouses][:, skus])
    close = {"atol": 1e-6}  # means in another order
    np.testing.assert_allclose(cell_[0], cell[0][warehouses][:, skus], **close)
    np.testing.assert_allclose(gate_, gate[warehouses], **close)
    np.testing.assert_allclose(whole_[0], whole[0], **close)
    np.testing.assert_allclose(value_, value, **close)


def test_cells_see_each_other(apply, observation):
    """Cell (0, 0) reads its own SKU elsewhere, its warehouse, and the rest, each through weights of their own."""
    gradient = jax.grad(lambda x: apply(x)[0][0][0][0, 0])(observation)
    reach = jnp.linalg.norm(gradient, axis=-1)
    assert (reach > 0).all()
    assert len({f"{reach[cell]:.3e}" for cell in [(0, 0), (0, 1), (1, 0), (1, 1)]}) == 4


def test_cell_network_does_not_grow_with_the_problem(key):
    network = networks.CellNetwork(hidden=(16, 16))

    def shapes(warehouses, skus):
        space = spaces.Tree(
            {"cell": spaces.Box(0.0, 1.0, (warehouses, skus)), "gate": spaces.Discrete(2, (warehouses,))}
        )
        return jax.eval_shape(network.init, key, jnp.zeros((warehouses, skus, F)), space)

    assert shapes(2, 5) == shapes(9, 3)


@pytest.mark.parametrize("shape", [(5, 5), (44, 64), (64, 3), (1, 7)])
def test_initial_weights_are_orthogonal(shape, key):
    weights = networks.orthogonal(2.0)(key, shape)
    rows = weights if shape[0] <= shape[1] else weights.T
    np.testing.assert_allclose(rows @ rows.T, 4.0 * np.eye(min(shape)), atol=1e-5)  # float32 sums of up to 64 terms


def test_initial_weights_differ_by_key(key):
    a, b = jax.vmap(lambda k: networks.orthogonal(1.0)(k, (6, 6)))(jax.random.split(key))
    assert not np.allclose(a, b)


def test_local_values_are_one_per_warehouse(key):
    network = networks.CellNetwork(hidden=(8, 8), local_values=True)
    space = spaces.Box(np.float32(-1), np.float32(1), (3, 2))
    observation = jax.random.normal(key, (3, 2, 5))
    params = jax.jit(network.init)(key, observation, space)
    apply = jax.jit(network.apply)
    _, value = apply(params, observation, space)
    assert value.shape == (3,)
    _, exchanged = apply(params, observation[::-1], space)
    np.testing.assert_allclose(exchanged, value[::-1], rtol=1e-4, atol=1e-5)


def test_gradients_over_a_batch_are_those_of_vmap(key, monkeypatch):
    """Alone and for several networks at once: the same up to rounding."""
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    network, space = networks.CellNetwork(hidden=(4, 4), shared=True), spaces.Discrete(3, (4, 2))
    observation = jax.random.normal(key, (5, 4, 2, 3))

    @functools.partial(jax.jit, static_argnums=0)
    def gradients(over, key):
        def loss(params):
            heads, value = over(lambda x: network.apply(params, x, space), observation)
            return jnp.sum(jnp.tanh(heads[0])) + jnp.sum(jnp.sin(value))

        shapes = jax.eval_shape(network.init, key, observation[0], space)
        params = jax.tree.map(lambda x: jax.random.normal(key, (2, *x.shape)), shapes)
        alone = jax.grad(loss)(jax.tree.map(lambda x: x[0], params))
        return alone, jax.vmap(jax.grad(loss))(params)

    found, expected = (gradients(over, key) for over in (networks.over_batch, lambda apply, x: jax.vmap(apply)(x)))
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
