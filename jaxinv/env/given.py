"""What ``make_params`` of an environment is given, checked and brought into shape.

Each function raises a ``ValueError`` that names the field (``where``, or ``owner``, the environment), the value and
what is allowed.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from jaxinv.demand import Demand


def check_names(owner: str, params: type, given: Iterable[str], also: tuple[str, ...] = ()) -> None:
    """That ``given`` are names of fields of the class ``params``, or among ``also``."""
    names = [*also, *(field.name for field in dataclasses.fields(params))]
    if unknown := sorted(set(given) - set(names)):
        raise ValueError(f"{owner} has no parameter {unknown[0]!r}; it has {', '.join(names)}")


def check_demand(owner: str, demand: Any, *shapes: tuple[int, ...], meaning: str = "") -> None:
    """That ``demand`` is a process of one of the ``shapes``; ``meaning`` says of what."""
    got = getattr(demand, "shape", type(demand).__name__)
    if not isinstance(demand, Demand) or got not in shapes:
        allowed = " or ".join(map(str, shapes)) + meaning
        raise ValueError(f"{owner}.demand must be a demand process of shape {allowed}, got {got}")


def broadcast(where: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """``value`` as an array of ``shape``, which it may broadcast to."""
    try:
        return np.broadcast_to(np.asarray(value), shape)
    except ValueError:
        raise ValueError(f"{where} must have shape {shape} or broadcast to it, got shape {np.shape(value)}") from None


def per_entry(where: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """``value`` as an array of ``shape``: one number stands for all entries, fewer for none."""
    if np.shape(value) not in ((), shape):
        raise ValueError(f"{where} must have shape {shape} or (), got shape {np.shape(value)}")
    return np.broadcast_to(np.asarray(value), shape)
