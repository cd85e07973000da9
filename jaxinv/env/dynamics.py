"""Pieces that several problems share: pipelines, proportional cuts, storage, and shipping along cheapest lanes."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

# Stands for "no limit" and "no such lane". Finite, because infinities turn gradients into NaN.
UNLIMITED = 1e9


def once(x: Array) -> Array:
    """``x`` itself, computed once. On CPU, XLA repeats element-wise operations in every loop that reads their result,
    but no divisions: this one is by a 1 that it cannot see."""
    return x / jnp.where(x < jnp.inf, 1.0, 0.0)


def fill_fraction(available: Array, wanted: Array) -> Array:
    """Part in [0, 1] of ``wanted`` that ``available`` covers; 1 where nothing is wanted. Same shape as the inputs."""
    positive = wanted > 0
    return jnp.where(positive, jnp.clip(available / jnp.where(positive, wanted, 1.0), 0.0, 1.0), 1.0)


def schedule(pipeline: Array, quantity: Array, lead_time: Array) -> tuple[Array, Array]:
    """Put ``quantity`` [...] into ``pipeline`` [L, ...], whose entry l arrives at the start of the (l+1)-th period
    from now; ``lead_time`` [...] is a whole number of periods, 0..L. Returns (pipeline, what arrives at once [...])."""
    slots = jnp.arange(1, pipeline.shape[0] + 1).reshape((-1,) + (1,) * quantity.ndim)
    pipeline = pipeline + jnp.where(slots == lead_time[None], quantity[None], 0.0)
    return pipeline, jnp.where(lead_time == 0, quantity, 0.0)


def extend(pipeline: Array, length: int) -> Array:
    """The pipeline with room for orders that arrive up to ``length`` periods from now, [length, ...]."""
    room = jnp.zeros((length - pipeline.shape[0], *pipeline.shape[1:]), pipeline.dtype)
    return jnp.concatenate([pipeline, room])


def advance(pipeline: Array) -> tuple[Array, Array]:
    """(arrivals [...] of the next period's start, the pipeline [L - 1, ...] then)."""
    if pipeline.shape[0] == 0:
        return jnp.zeros(pipeline.shape[1:], pipeline.dtype), pipeline
    return pipeline[0], pipeline[1:]


def filled(periods: np.ndarray, quantity: Array) -> Array:
    """A pipeline [max periods, ...] that brings ``quantity`` [...] in each of the next ``periods`` [...]."""
    slots = np.arange(np.max(periods)).reshape((-1,) + (1,) * quantity.ndim) < periods
    return jnp.where(slots, quantity[None], 0.0)


def accept(on_hand: Array, arriving: Array, volume: Array, capacity: Array) -> Array:
    """Units [W, K] of ``arriving`` [W, K] that find room: where they need more than the space left in a warehouse,
    all its SKUs are accepted in the same proportion. ``volume`` [K] per unit, ``capacity`` [W]."""
    space = capacity - on_hand @ volume
    return arriving * fill_fraction(jnp.maximum(space, 0.0), arriving @ volume)[:, None]


def divide_unmet(unmet: Array, backlog: Array, served: Array, backlog_share: Array) -> tuple[Array, Array, Array]:
    """What goes on waiting, begins to wait and is lost of the ``unmet`` units that are left of a ``backlog`` and of new
    demand when ``served`` went to them, to the backlog first. Of the new ``backlog_share`` waits. All of one shape."""
    still_waiting = jnp.minimum(unmet, jnp.maximum(backlog - served, 0.0))
    newly_unmet = unmet - still_waiting
    backlogged = backlog_share * newly_unmet
    return still_waiting, backlogged, newly_unmet - backlogged


def demand_within(forecast: Array, periods: Array) -> Array:
    """Demand [W, K] expected within the next ``periods`` [W, K], which may be fractional: the sum of ``forecast``
    [n, W, K], continued at its mean where it ends."""
    # Entry by entry: summing over the first axis of an array is several times slower on CPU.
    covered = sum(jnp.clip(periods - begins, 0.0, 1.0) * demand for begins, demand in enumerate(forecast))
    return covered + jnp.maximum(periods - len(forecast), 0.0) * (sum(forecast) / len(forecast))


def ship_cheapest_first(supply: Array, need: Array, cost: Array, allowed: Array) -> Array:
    """Flows [W, W, K] (from, to, SKU) that move ``supply`` [W, K] to where ``need`` [W, K] is, filling the lanes in
    the order of ``cost`` [W, W] where ``allowed`` [W, W, K]. The greedy rule of lateral transshipment."""
    warehouses, skus = supply.shape
    origin, target = jnp.divmod(jnp.argsort(cost.reshape(-1)), warehouses)

    def lane(carry, ends):
        supply, need = carry
        i, j = ends
        moved = jnp.where(allowed[i, j], jnp.minimum(supply[i], need[j]), 0.0)
        return (supply.at[i].add(-moved), need.at[j].add(-moved)), moved

    _, moved = jax.lax.scan(lane, (supply, need), (origin, target))
    flows = jnp.zeros((warehouses, warehouses, skus), supply.dtype)
    return flows.at[origin, target].set(moved)
