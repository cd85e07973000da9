"""jaxinv: inventory control as pure JAX transitions, with learners compiled together with them."""

__version__ = "0.1.0"
