import os

# Before jax is imported: two CPU devices, so that sharding is exercised everywhere.
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_configure(config):
    """Most tests run a program once and take half the time where the compiler does less. Slow ones get all it does."""
    if config.option.markexpr != "slow":
        compile_quickly(True)
        os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # of processes that tests start


def compile_quickly(quickly):
    jax.config.update("jax_disable_most_optimizations", quickly)


@pytest.fixture(scope="module")
def optimised():
    """For files about what is equal to the last bit only where the compiler does all it can."""
    before = jax.config.read("jax_disable_most_optimizations")
    compile_quickly(False)
    yield
    compile_quickly(before)


@pytest.fixture(scope="module", autouse=True)
def forget_programs():
    """Compiled programs of a file of tests serve no other: thousands of them would fill the memory."""
    yield
    jax.clear_caches()


@pytest.fixture
def key():
    return jax.random.key(0)
