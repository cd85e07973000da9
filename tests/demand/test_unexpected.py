"""Demand is multiplied and nobody expects it."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxinv.demand import Geometric, Regime, Trace
from jaxinv.demand.modifiers import Modulated
from jaxinv.demand.unexpected import Unexpected


def test_a_surge_keeps_counts_and_surprises():
    u = jnp.linspace(0.0, 0.99, 12)[:, None]
    base = Geometric(np.full(1, 5.0))
    state = base.init(jnp.zeros(0))

    @jax.jit
    @partial(jax.vmap, in_axes=(None, 0))
    def draw(demand, u):
        return demand.draw(u, state)[0]

    surging = Unexpected(base, jnp.full(1, 1.4))
    np.testing.assert_array_equal(draw(surging, u), draw(Geometric(np.full(1, 7.0)), u))
    assert float(surging.mean(state)[0]) == 5.0
    for values, expected in ((np.arange(6.0), 3.0), (np.arange(6.0) + 1.0, 5.0), (np.arange(6.0) + 0.5, 3.75)):
        replayed = Trace(quantity=values[:, None], first=2, last=2)  # 2, 3 and 2.5: whole ones stay whole
        drawn, _ = Unexpected(replayed, jnp.full(1, 1.5)).draw(jnp.zeros(0), replayed.init(jnp.zeros(1)))
        assert drawn.tolist() == [expected]
    # On top of what the calendar says, whose memory goes on.
    modulated = Modulated(Geometric(4.0), (Regime(transition=[[0.5, 0.5], [0.5, 0.5]], factors=[1.0, 3.0]),))
    state = modulated.init(jnp.array([0.0, 0.9]))
    drawn, following = Unexpected(modulated, jnp.float32(2.0)).draw(jnp.array([0.5, 0.1]), state)
    assert float(drawn) == float(Geometric(24.0).quantile(jnp.float32(0.5)))
    assert int(following.memory[0]) == 0
