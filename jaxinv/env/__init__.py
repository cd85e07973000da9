"""Inventory problems as pure transitions. Needs only jax and numpy."""

from jaxinv.env.core import Environment, EnvParams, EnvState, Exogenous, Ledger, Outcome, Policy, Transition
from jaxinv.env.instances import Figure, Instance, instances
from jaxinv.env.registry import build, make, register, registered

__all__ = [
    "EnvParams",
    "EnvState",
    "Environment",
    "Exogenous",
    "Figure",
    "Instance",
    "Ledger",
    "Outcome",
    "Policy",
    "Transition",
    "build",
    "instances",
    "make",
    "register",
    "registered",
]
