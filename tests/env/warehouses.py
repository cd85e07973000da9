"""States of Distribution to start from."""

import jax
import jax.numpy as jnp


def start(env, params, warehouse, stores, orders=(), shipments=()):
    _, state = env.reset(jax.random.key(0), params)
    vectors = tuple(jnp.asarray(x, jnp.float32) for x in shipments)
    return state.replace(
        warehouse=jnp.float32(warehouse),
        stores=jnp.asarray(stores, jnp.float32),
        orders=tuple(map(jnp.float32, orders)) or state.orders,
        shipments=vectors or state.shipments,
    )
