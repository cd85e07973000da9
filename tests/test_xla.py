"""Sums are computed rightly by the compiler at hand, whatever it is."""

import subprocess
import sys
from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxinv  # noqa: F401

pytestmark = pytest.mark.usefixtures("optimised")


@pytest.mark.parametrize("num_states", [2049, 4096, 16384])
@pytest.mark.parametrize("cells", [2, 3, 8])
def test_differences_of_sums_over_cells(key, num_states, cells):
    """Revenue of states by outcomes less costs of states, each summed over a short axis, in a large batch."""
    shapes = [(num_states, 16, cells), (num_states, cells), (cells,), (cells,)]
    sold, ordered, price, cost = (
        jax.random.uniform(k, shape) for k, shape in zip(jax.random.split(key, 4), shapes, strict=True)
    )

    def reward(np, sold, ordered, price, cost):
        return np.sum(price * sold, -1) - np.sum(cost * ordered, -1)[:, None]

    expected = reward(np, *(np.asarray(x, np.float64) for x in (sold, ordered, price, cost)))
    with jax.numpy_rank_promotion("allow"):
        computed = jax.jit(lambda *x: reward(jnp, *x))(sold, ordered, price, cost)
    np.testing.assert_allclose(computed, expected, atol=1e-5)


@pytest.mark.skipif(version("jaxlib") != "0.10.2", reason="the other releases are not touched")
def test_the_flag_of_the_faulty_release(monkeypatch):
    def warned(before, flags=""):
        monkeypatch.setenv("XLA_FLAGS", flags)
        code = f"import os, jax\n{before}\nimport jaxinv; print(os.environ['XLA_FLAGS'])"
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert warned("").stdout.strip() == "--xla_cpu_experimental_ynn_fusion_type=-reduce"
    assert warned("").stderr == ""
    assert "import jaxinv first" in warned("jax.random.key(0)").stderr
    own = "--xla_cpu_experimental_ynn_fusion_type="
    assert warned("", own).stdout.strip() == own
