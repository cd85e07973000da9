"""jaxinv: inventory control as pure JAX transitions, with learners compiled together with them."""

from typing import TYPE_CHECKING, Any

from jaxinv._xla import keep_sums_right

if TYPE_CHECKING:
    from jaxinv.env import instances, make

__version__ = "0.1.0"
__all__ = ["instances", "make"]

keep_sums_right()


def __getattr__(name: str) -> Any:
    """``jaxinv.make`` and ``jaxinv.instances``, imported when they are asked for: ``import jaxinv`` is quick."""
    if name not in __all__:
        raise AttributeError(f"module 'jaxinv' has no attribute {name!r}")
    from jaxinv import env

    return getattr(env, name)
