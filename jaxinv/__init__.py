"""jaxinv: inventory control as pure JAX transitions, with learners compiled together with them."""

from importlib.metadata import version

__version__ = version("jaxinv")
