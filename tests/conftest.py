import os

# Before jax is imported: two CPU devices, so that sharding is exercised everywhere.
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def key():
    return jax.random.key(0)
