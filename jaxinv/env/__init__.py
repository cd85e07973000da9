"""Inventory problems as pure transitions. Needs only jax, numpy and flax.struct."""

from jaxinv.env.core import Environment, EnvParams, EnvState, Exogenous, Ledger, Outcome, Policy, Transition
from jaxinv.env.registry import make, register, registered

__all__ = [
    "EnvParams",
    "EnvState",
    "Environment",
    "Exogenous",
    "Ledger",
    "Outcome",
    "Policy",
    "Transition",
    "make",
    "register",
    "registered",
]
