"""Published instances: parameters, source and values, each in one place."""

from jaxinv.env.instances import (
    distribution,
    dual_sourcing,
    ecommerce,
    joint_replenishment,
    multi_sku,
    perishable,
    serial,
    single_item,
    supply_network,
)
from jaxinv.env.instances.instance import CRITERIA, Figure, Instance

_FAMILIES = (
    single_item, dual_sourcing, perishable, joint_replenishment, distribution, serial, ecommerce, supply_network,
    multi_sku,
)  # fmt: skip
_INSTANCES = {(i.env, i.name): i for family in _FAMILIES for i in family.INSTANCES}

__all__ = ["CRITERIA", "Figure", "Instance", "find", "instances"]


def instances(env: str | None = None) -> list[Instance]:
    """All instances of the environment registered as ``env``, or of all."""
    return [i for i in _INSTANCES.values() if env in (None, i.env)]


def find(env: str, name: str) -> Instance:
    """The instance of an environment by name; raises ``ValueError`` with the names there are."""
    if (env, name) not in _INSTANCES:
        names = ", ".join(i.name for i in instances(env)) or "none"
        raise ValueError(f"{env} has no instance {name!r}; it has {names}")
    return _INSTANCES[env, name]
