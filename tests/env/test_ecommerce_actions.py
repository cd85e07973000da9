"""What orders alone mean to a shop, and the controls that learners turn."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.ecommerce import Ecommerce
from jaxinv.env.ecommerce_actions import Controls, ShopControls
from jaxinv.env.wrappers import DiscreteOrders, FlattenObservation, OrderUpTo

ENV = Ecommerce()


def test_orders_alone_are_enough():
    """Wrappers and heuristics that know of orders only sell at the reference price from the nearest centre."""
    params = ENV.default_params()
    _, state = jax.jit(ENV.reset)(jax.random.key(0), params)
    action = OrderUpTo(ENV).decode(jnp.full(ENV.cells, 100.0), state, params)
    np.testing.assert_allclose(action.orders, 100.0 - state.on_hand)
    discrete = DiscreteOrders(ENV, max_order=3)
    assert discrete.action_mask(state, params).shape == (2, 3, 4)
    np.testing.assert_array_equal(discrete.decode(jnp.full((2, 3), 2), state, params).orders, 2.0)

    @jax.jit
    def both(state, params):
        exo = ENV.sample_exogenous(jax.random.key(0), state, params)
        explicit = action.replace(price=params.reference_price, allocation=jnp.zeros(ENV.lanes))
        return ENV.transition(state, action, exo, params), ENV.transition(state, explicit, exo, params)

    alone, explicit = both(state, params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), alone, explicit)
    flat = FlattenObservation(ENV)
    shape = jax.eval_shape(flat.observe, state, params).shape
    assert shape == flat.observation_space(params).shape == (2 * 3 * 9 + 4 * 3 * 18,)


def test_controls_are_decoded_within_bounds():
    params = ENV.make_params(shipping_cost=[[1, 2, 3, UNLIMITED], [3, 2, 1, 1]])
    env = ShopControls(ENV)
    _, state = jax.jit(ENV.reset)(jax.random.key(0), params)
    decoded = jax.jit(env.decode)

    def decode(price, logits):
        return decoded(Controls(jnp.full(ENV.cells, 50.0), jnp.asarray(price), logits), state, params)

    for seed in range(3):
        logits = jnp.asarray(5 * np.random.default_rng(seed).normal(size=ENV.lanes), jnp.float32)
        action = decode([-3.0, 0.0, 1.0], logits)
        np.testing.assert_allclose(action.price, [10.0, 20.0, 40.0], rtol=1e-6)
        np.testing.assert_allclose(np.asarray(action.allocation).sum(0), 1.0, rtol=1e-5)
        assert ENV.action_space(params).contains(action.replace(price=jnp.array([11.0, 20.0, 39.0])))
        assert (action.allocation[0, 3] == 0).all()
    parts = decode([0.0, 0.0, 0.0], jnp.zeros(ENV.lanes)).allocation[:, :, 0]
    np.testing.assert_allclose(parts[:, 1], 0.5)
    assert parts[0, 0] > 0.99
    assert parts[1, 2] > 0.99
