"""Exact solutions of finite models: dynamic programming on the environments' own transitions."""

from jaxinv.solvers.value_iteration import Solution, relative_value_iteration, value_iteration

__all__ = ["Solution", "relative_value_iteration", "value_iteration"]
