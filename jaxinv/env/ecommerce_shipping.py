"""Which centre ships what to which region, of what is in stock."""

import jax.numpy as jnp
from jax import Array

from jaxinv.env import dynamics
from jaxinv.env.dynamics import UNLIMITED


def ship(available: Array, orders: Array, allocation: Array | None, cost: Array, reroute: bool) -> Array:
    """Flows [F, R, K] of ``available`` stock [F, K] to the ``orders`` [R, K] by their ``allocation`` [F, R, K] to the
    centres, and with ``reroute``, or without an allocation, from the nearest centre that has stock. Lanes ``cost``
    [F, R]; those that cost ``UNLIMITED`` do not exist."""
    if allocation is None:
        return ship_nearest_first(available, orders, cost)
    parts = jnp.where((cost < UNLIMITED)[:, :, None], jnp.maximum(allocation, 0.0), 0.0)
    meant = orders[None] * (parts / jnp.maximum(jnp.sum(parts, 0), 1.0)[None])
    flows = meant * dynamics.fill_fraction(available, jnp.sum(meant, 1))[:, None]
    if reroute:
        left, unshipped = available - jnp.sum(flows, 1), jnp.maximum(orders - jnp.sum(flows, 0), 0.0)
        flows = flows + ship_nearest_first(left, unshipped, cost)
    return flows


def ship_nearest_first(available: Array, orders: Array, cost: Array) -> Array:
    """Flows [F, R, K] of ``available`` stock [F, K] to ``orders`` [R, K], which all try the centre that ships to them
    at the least ``cost`` [F, R], then with what is left the next one, and so on. Orders for more than a centre's stock
    are cut in the same proportion for all regions."""
    flows = jnp.zeros((*cost.shape, orders.shape[1]), jnp.float32)
    lanes = cost < UNLIMITED
    for centre in jnp.argsort(cost, 0):  # [R], of the next rank
        tried = lanes & (jnp.arange(len(cost))[:, None] == centre[None])
        wanted = jnp.where(tried[:, :, None], orders[None], 0.0)
        sent = wanted * dynamics.fill_fraction(available, jnp.sum(wanted, 1))[:, None]
        flows, available, orders = flows + sent, available - jnp.sum(sent, 1), orders - jnp.sum(sent, 0)
    return flows
