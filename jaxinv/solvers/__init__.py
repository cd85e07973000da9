"""Exact solutions of finite models: dynamic programming on the environments' own transitions."""

from jaxinv.solvers.chain import Chain, OutOfBounds, reachable_chain
from jaxinv.solvers.finite_horizon import Plan, backward_induction
from jaxinv.solvers.policy_iteration import policy_improvement, policy_iteration
from jaxinv.solvers.q_learning import QTable, q_learning
from jaxinv.solvers.value_iteration import (
    Solution,
    Values,
    policy_evaluation,
    relative_value_iteration,
    value_iteration,
)

__all__ = [
    "Chain",
    "OutOfBounds",
    "Plan",
    "QTable",
    "Solution",
    "Values",
    "backward_induction",
    "policy_evaluation",
    "policy_improvement",
    "policy_iteration",
    "q_learning",
    "reachable_chain",
    "relative_value_iteration",
    "value_iteration",
]
