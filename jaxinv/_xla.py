"""A release of the compiler that must not be used as it comes."""

import os
import sys
import warnings
from importlib.metadata import version

_FLAG = "--xla_cpu_experimental_ynn_fusion_type"


def keep_sums_right() -> None:
    """Switch off the pass by which jaxlib 0.10.2, alone, compiles large batches of differences of sums wrongly on
    CPU (``sum(p * a, -1) - sum(c * b, -1)`` over a short axis is off by whole units). Rewards are such differences.

    XLA reads its flags when the first backend starts; a setting of the user's stays.
    """
    if version("jaxlib") != "0.10.2" or _FLAG in os.environ.get("XLA_FLAGS", ""):
        return
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_FLAG}=-reduce".strip()

    if "jax" in sys.modules and sys.modules["jax"]._src.xla_bridge.backends_are_initialized():
        warnings.warn(
            "jaxlib 0.10.2 computes some sums wrongly on CPU, and JAX ran before jaxinv could prevent it: "
            f"import jaxinv first, set XLA_FLAGS={_FLAG}=-reduce, or use another jaxlib",
            stacklevel=3,
        )
