import gc
import os
from importlib.metadata import version

# Before jax is imported: two CPU devices, so that sharding is exercised everywhere.
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")
# Most of the time of these tests is compilation, a third of which is this older release's emitters of fused loops.
if tuple(map(int, version("jaxlib").split(".")[:2])) < (0, 11):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_use_fusion_emitters=false".strip()

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_collection_finish():
    """What is imported by now stays: to look through all of it again for garbage takes a twentieth of the time."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


@pytest.fixture(scope="module", autouse=True)
def compiled_quickly(request):
    """Most tests run a program once and take half the time where the compiler does less; slow ones compute."""
    compile_quickly(request.config.option.markexpr != "slow")
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
