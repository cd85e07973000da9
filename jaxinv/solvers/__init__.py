"""Exact solutions of finite models: dynamic programming on the environments' own transitions."""

from jaxinv.solvers.finite_horizon import Plan, backward_induction
from jaxinv.solvers.policy_iteration import policy_improvement, policy_iteration, stationary_distribution
from jaxinv.solvers.q_learning import QTable, q_learning
from jaxinv.solvers.value_iteration import (
    Solution,
    Values,
    policy_evaluation,
    relative_value_iteration,
    value_iteration,
)

__all__ = [
    "Plan",
    "QTable",
    "Solution",
    "Values",
    "backward_induction",
    "policy_evaluation",
    "policy_improvement",
    "policy_iteration",
    "q_learning",
    "relative_value_iteration",
    "stationary_distribution",
    "value_iteration",
]
