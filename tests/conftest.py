import os

# Before jax is imported: two CPU devices, so that sharding is exercised everywhere.
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")


# Most tests in these folders run a program once and take half the time where the compiler does less; others compute.
_QUICKLY = {"agents", "compat", "contract", "demand", "env", "forecast", "report"}


@pytest.fixture(scope="module", autouse=True)
def compiled_quickly(request):
    slow = request.config.option.markexpr == "slow"
    compile_quickly(not slow and request.path.parent.name in _QUICKLY)
    yield
    # Compiled programs of a file of tests serve no other: thousands of them would fill the memory.
    jax.clear_caches()


@pytest.fixture(scope="module")
def optimised(compiled_quickly):
    """For files about what is equal to the last bit only where the compiler does all it can."""
    compile_quickly(False)


def compile_quickly(quickly):
    jax.config.update("jax_disable_most_optimizations", quickly)


@pytest.fixture
def key():
    return jax.random.key(0)
