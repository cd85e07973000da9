import os

# Before jax is imported: two CPU devices, so that sharding is exercised everywhere.
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(scope="module", autouse=True)
def forget_programs():
    """Compiled programs of a file of tests serve no other: thousands of them would fill the memory."""
    yield
    jax.clear_caches()


@pytest.fixture
def key():
    return jax.random.key(0)
