"""Trees of arrays beside each other."""

import jax
import jax.numpy as jnp
import numpy as np


def assert_equal(a, b, **options):
    """Same structure, and same leaves, to the last bit unless ``options`` of ``assert_allclose`` say otherwise."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        np.testing.assert_allclose(x, y, **{"rtol": 0.0, "atol": 0.0} | options)
