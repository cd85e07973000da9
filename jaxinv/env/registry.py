"""Environments by name, with default numbers, those of a published instance, or given ones."""

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any

from jaxinv.demand.named import make_demand
from jaxinv.env.instances import find

# Name -> "module:class", imported when made.
_ENVIRONMENTS = {
    "BeerGame-v0": "jaxinv.env.beer_game:BeerGame",
    "Distribution-v0": "jaxinv.env.distribution:Distribution",
    "DualSourcing-v0": "jaxinv.env.dual_sourcing:DualSourcing",
    "Ecommerce-v0": "jaxinv.env.ecommerce:Ecommerce",
    "JointReplenishment-v0": "jaxinv.env.joint_replenishment:JointReplenishment",
    "MultiSku-v0": "jaxinv.env.multi_sku:MultiSku",
    "MultiWarehouse-v0": "jaxinv.env.multi_warehouse:MultiWarehouse",
    "Perishable-v0": "jaxinv.env.perishable:Perishable",
    "PerishablePair-v0": "jaxinv.env.perishable_pair:PerishablePair",
    "Serial-v0": "jaxinv.env.serial:Serial",
    "SingleItem-v0": "jaxinv.env.single_item:SingleItem",
    "SupplyNetwork-v0": "jaxinv.env.supply_network:SupplyNetwork",
}


def registered() -> list[str]:
    """Names that :func:`make` knows."""
    return sorted(_ENVIRONMENTS)


def register(name: str, target: str) -> None:
    """Make ``make(name)`` build the class at ``target``, written "module:class"."""
    if name in _ENVIRONMENTS:
        raise ValueError(f"environment {name!r} is registered already, as {_ENVIRONMENTS[name]!r}")
    _ENVIRONMENTS[name] = target


def make(name: str, *, instance: str | None = None, **structure: Any) -> tuple[Any, Any]:
    """Environment and parameters: of a published ``instance`` (see ``instances``), or of the given static structure
    with default numbers. Raises ``ValueError`` for names that do not exist."""
    if instance is None:
        env = _class(name)(**structure)
        return env, env.default_params()
    return build(name, {**find(name, instance).settings, **structure})


def build(name: str, settings: Mapping[str, Any]) -> tuple[Any, Any]:
    """Environment and parameters from one flat mapping: fields of the environment's class and of its parameters by
    name; ``demand`` as a process or as a kind of ``demand.make_demand``, whose numbers are ``demand.mean`` and so on.

    Raises ``ValueError`` for what does not exist or does not fit.
    """
    cls = _class(name)
    if hasattr(cls, "settings"):  # it has a form of its own for files
        settings = cls.settings(settings)
    fields = {field.name for field in dataclasses.fields(cls)}
    structure = {key: value for key, value in settings.items() if key in fields}
    numbers = {key: value for key, value in settings.items() if key not in fields and not key.startswith("demand.")}
    of_demand = {key.partition(".")[2]: value for key, value in settings.items() if key.startswith("demand.")}
    if isinstance(numbers.get("demand"), str):
        numbers["demand"] = make_demand(numbers["demand"], **of_demand)
    elif of_demand:
        raise ValueError(f"demand.{next(iter(of_demand))} needs demand to be the name of a kind")
    elif callable(numbers.get("demand")):  # of an instance, whose arrays are not made before they are needed
        numbers["demand"] = numbers["demand"]()
    env = cls(**structure)
    return env, env.make_params(**numbers)


def _class(name: str) -> Any:
    if name not in _ENVIRONMENTS:
        raise ValueError(f"no environment {name!r}; registered are {', '.join(registered())}")
    module, _, cls = _ENVIRONMENTS[name].partition(":")
    return getattr(importlib.import_module(module), cls)
