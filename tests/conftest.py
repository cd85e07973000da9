import os

# Before jax is imported: two CPU devices, so that sharding is exercised everywhere.
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")

import jax
import jaxlib
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_configure(config):
    """Most tests run a program once and take half the time where the compiler does less. Slow ones get all it does."""
    if config.option.markexpr == "slow":
        return
    flags = ["--xla_backend_optimization_level=1"]
    if jaxlib.version.__version_info__[:2] == (0, 10):  # later ones do not know it
        flags.append("--xla_cpu_use_fusion_emitters=false")
    # Read when the first backend starts, and by processes that tests start.
    os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *flags]).strip()


@pytest.fixture(scope="module", autouse=True)
def forget_programs():
    """Compiled programs of a file of tests serve no other: thousands of them would fill the memory."""
    yield
    jax.clear_caches()


@pytest.fixture
def key():
    return jax.random.key(0)
