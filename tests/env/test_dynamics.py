"""Pieces that several problems share."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxinv.env.dynamics import divide_unmet


def test_unmet_demand_is_divided():
    """Backlogs of 4, 4, 4 and 0 and new demand of 3: with 0, 5, 7 and 1 served 7, 2, 0 and 2 are left."""
    backlog, served = jnp.array([4.0, 4, 4, 0]), jnp.array([0.0, 5, 7, 1])
    divided = divide_unmet(backlog + 3.0 - served, backlog, served, jnp.full(4, 0.25))
    np.testing.assert_allclose(divided, [[4, 0, 0, 0], [0.75, 0.5, 0, 0.5], [2.25, 1.5, 0, 1.5]])


def test_rounding_leaves_nobody_unserved_and_loses_nobody():
    """Nothing is unmet exactly where all are served, nothing is negative, and the parts are all that is unmet."""
    backlog, demand, part = 50.0 * jax.random.uniform(jax.random.key(0), (3, 20_000))
    wanted = backlog + demand
    served = jnp.minimum(wanted, 2.0 * part)
    parts = jnp.stack(divide_unmet(wanted - served, backlog, served, part / 50.0))
    assert (parts >= 0).all()
    assert 0 < (served == wanted).mean() < 1
    assert (parts[:, served == wanted] == 0).all()
    np.testing.assert_allclose(parts.sum(0), wanted - served, atol=1e-4)  # float32 at 100
    assert (parts[0] <= backlog).all()
