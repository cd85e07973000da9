"""Environments by name."""

import importlib
from typing import Any

from jaxinv.env.core import Environment

# Name -> "module:class", imported when made.
_ENVIRONMENTS = {
    "MultiWarehouse-v0": "jaxinv.env.multi_warehouse:MultiWarehouse",
    "SingleItem-v0": "jaxinv.env.single_item:SingleItem",
}


def registered() -> list[str]:
    """Names that :func:`make` knows."""
    return sorted(_ENVIRONMENTS)


def register(name: str, target: str) -> None:
    """Make ``make(name)`` build the class at ``target``, written "module:class"."""
    if name in _ENVIRONMENTS:
        raise ValueError(f"environment {name!r} is registered already, as {_ENVIRONMENTS[name]!r}")
    _ENVIRONMENTS[name] = target


def make(name: str, **structure: Any) -> tuple[Environment, Any]:
    """Environment of the given static structure, and its default parameters."""
    if name not in _ENVIRONMENTS:
        raise ValueError(f"no environment {name!r}; registered are {', '.join(registered())}")
    module, _, cls = _ENVIRONMENTS[name].partition(":")
    env = getattr(importlib.import_module(module), cls)(**structure)
    return env, env.default_params()
