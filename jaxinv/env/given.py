"""What environments are given: their static structure, and the numbers for ``make_params``.

Whatever does not fit raises a ``ValueError`` that names the field with its environment, the value and what is allowed.
"""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxinv import struct
from jaxinv.demand import Demand

P = TypeVar("P")


# -- static structure -------------------------------------------------------------------------------------------------
def structure(env: Any, **allowed: int | tuple[str, ...]) -> None:
    """Check the static fields of ``env``: flags, and those that are named, whole numbers from the given one on or one
    of the given words; None is allowed where it is the default. Numbers and flags become Python's own."""
    for field in dataclasses.fields(env):
        where, value, rule = f"{type(env).__name__}.{field.name}", getattr(env, field.name), allowed.get(field.name)
        if isinstance(field.default, bool):
            if not isinstance(value, bool | np.bool_):
                raise ValueError(f"{where} must be True or False, got {value!r}")
            object.__setattr__(env, field.name, bool(value))
        elif isinstance(rule, tuple):
            if value not in rule:
                raise ValueError(f"{where} must be one of {', '.join(rule)}, got {value!r}")
        elif rule is not None and not (value is None and field.default is None):
            must = "must be None or" if field.default is None else "must be"
            object.__setattr__(env, field.name, whole(where, value, rule, must))


def whole(where: str, value: Any, low: int, must: str = "must be") -> int:
    """``value`` if it is a whole number from ``low`` on."""
    if not _is_whole(value, low):
        raise ValueError(f"{where} {must} a whole number >= {low}, got {value!r}")
    return int(value)


def wholes(where: str, values: Any, low: int, per: str) -> tuple[int, ...]:
    """``values``, a list, if they are whole numbers from ``low`` on, and at least one."""
    listed = list(values) if isinstance(values, list | tuple | range | np.ndarray) else []
    if not listed or not all(_is_whole(value, low) for value in listed):
        raise ValueError(f"{where} must be whole numbers >= {low}, one per {per}, got {values!r}")
    return tuple(int(value) for value in listed)


def _is_whole(value: Any, low: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= low


# -- numbers ----------------------------------------------------------------------------------------------------------
class Given(Generic[P]):
    """The ``numbers`` that the environment ``owner`` is given for fields of its class ``params``; ``sizes`` are those
    of the axes that the shapes of the fields name, and ``also`` is what else it takes."""

    def __init__(
        self,
        owner: str,
        params: type[P],
        numbers: Mapping[str, Any],
        sizes: Mapping[str, int] = MappingProxyType({}),
        also: tuple[str, ...] = (),
    ):
        self.owner, self.cls, self.sizes = owner, params, sizes
        self.fields = {field.name: field.metadata for field in dataclasses.fields(params)}  # type: ignore[arg-type]
        if unknown := sorted(set(numbers) - set(self.fields)):
            raise ValueError(f"{owner} has no parameter {unknown[0]!r}; it has {', '.join([*also, *self.fields])}")
        optional = {name for name, field in self.fields.items() if field.get("default", ...) is None}
        self.numbers = {name: x for name, x in numbers.items() if x is not None or name not in optional}

    def demand(self, default: Callable[[], Demand], *shapes: tuple[int, ...], meaning: str = "") -> Any:
        """The process given, or the ``default``; of one of the ``shapes``, whose ``meaning`` an error tells."""
        demand = self.numbers.get("demand")
        demand = default() if demand is None else demand
        got = getattr(demand, "shape", type(demand).__name__)
        if not isinstance(demand, Demand) or got not in shapes:
            allowed = " or ".join(map(str, shapes)) + meaning
            raise ValueError(f"{self.owner}.demand must be a demand process of shape {allowed}, got {got}")
        return demand

    def array(self, name: str, default: Any = None) -> Any:
        """The numbers given for a field, or the ``default``, or that of the field itself: checked, and in its shape."""
        field = self.fields[name]
        value = self.numbers.get(name, field["default"] if default is None else default)
        return array(f"{self.owner}.{name}", value, tuple(self.sizes[axis] for axis in field["shape"]), field)

    def params(self, **computed: Any) -> P:
        """The parameters: numbers as given, else as ``computed``, else by default; all others as ``computed``."""
        for name, field in self.fields.items():
            known = name in self.numbers or name in computed
            if "dtype" in field and (known or field["default"] is not None):
                computed[name] = self.array(name, computed.get(name))
        return self.cls(**computed)


def array(where: str, value: Any, shape: tuple[int, ...], limits: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """``value``, checked by the ``limits`` of a ``struct.leaf``, as an array of ``shape``; what is traced is not."""
    traced = isinstance(value, Tracer)
    given = value if traced else struct.check(where, value, limits)
    try:
        return (jnp if traced else np).broadcast_to(given, shape)
    except ValueError:
        allowed = f"have shape {shape} or broadcast to it" if shape else "be one number"
        raise ValueError(f"{where} must {allowed}, got shape {np.shape(value)}") from None


def check_sums(where: str, probabilities: np.ndarray) -> None:
    """Refuse ``probabilities`` [..., n] that do not sum to 1."""
    if (np.abs(probabilities.sum(-1) - 1) > 1e-5).any():
        raise ValueError(f"{where} must sum to 1, got {probabilities.tolist()}")


def check_law(owner: str, demand: Demand, changed: Callable[[Any], Any]) -> None:
    """Refuse a ``demand`` whose law per period cannot be ``changed`` into another."""

    def quantile(demand):
        law = demand.law(demand.init(jnp.zeros(demand.num_initial_uniforms)))
        return changed(law).quantile(jnp.zeros(demand.shape))

    try:
        jax.eval_shape(quantile, demand)
    except NotImplementedError as error:
        raise ValueError(f"{owner}.demand must have a law per period that can be scaled: {error}") from None


def at_most(where: str, value: np.ndarray, name: str, most: int) -> None:
    """Refuse a ``value`` beyond the static field ``name`` of the environment, which is ``most``."""
    if (value > most).any():
        raise ValueError(f"{where} must be <= {name} = {most}, got {value.max()}")
