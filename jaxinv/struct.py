"""Pytree dataclasses whose leaves are typed arrays.

A Python float among the leaves of a pytree is weakly typed, and every change of type compiles again. Declaring
a field with :func:`leaf` converts numbers, lists and numpy arrays to arrays of one dtype on construction and
checks their range at that moment, which is before anything is compiled. Tracers, jax arrays and the placeholders
that tree transformations put into a dataclass pass through untouched.
"""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar, dataclass_transform, overload

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.tree_util import GetAttrKey

Class = TypeVar("Class")
_RAW = (bool, int, float, str, list, tuple, np.ndarray, np.generic)


@overload
@dataclass_transform()
def dataclass(cls: Class, **options: Any) -> Class: ...
@overload
@dataclass_transform()
def dataclass(**options: Any) -> Callable[[Class], Class]: ...
def dataclass(cls: Any = None, **options: Any) -> Any:
    """A frozen dataclass that is a pytree, with ``replace(**changes)``; ``options`` of ``dataclasses.dataclass``.
    Fields are parts of the tree but for those of :func:`static`.

    It does what ``flax.struct.dataclass`` does but for the registration: structures of classes that are registered
    by ``jax.tree_util.register_dataclass`` compare as equal when they have equally many leaves, whatever the classes
    (jax 0.10 to 0.12). Their hashes nearly always tell them apart; where these collide, ``jit`` runs one policy's
    program for another.
    """
    if cls is None:
        return partial(dataclass, **options)
    made: Any = dataclasses.dataclass(frozen=True, **options)(cls)
    made.replace = _replace
    nodes, fixed = [], []
    for spec in dataclasses.fields(made):
        (fixed if spec.metadata.get("static") else nodes).append(spec.name)
    keys = [GetAttrKey(name) for name in nodes]

    def flatten(tree: Any) -> tuple[tuple, tuple]:
        return tuple(getattr(tree, name) for name in nodes), tuple(getattr(tree, name) for name in fixed)

    def flatten_with_keys(tree: Any) -> tuple[tuple, tuple]:
        children, structure = flatten(tree)
        return tuple(zip(keys, children, strict=True)), structure

    def unflatten(structure: tuple, children: Any) -> Any:
        return made(**dict(zip(nodes, children, strict=True)), **dict(zip(fixed, structure, strict=True)))

    jax.tree_util.register_pytree_with_keys(made, flatten_with_keys, unflatten, flatten)
    return made


def _replace(self: Any, **changes: Any) -> Any:
    """This with other values of some fields."""
    return dataclasses.replace(self, **changes)


def leaf(
    default: Any = dataclasses.MISSING,
    *,
    shape: str = "",
    dtype: Any = jnp.float32,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
) -> Any:
    """A field that holds an array of ``dtype`` within ``[low, high]``, or strictly ``above`` a bound.

    ``shape`` names the axes by letters where an environment gives them their sizes, and ``default`` is then what
    ``make_params`` fills the array with (see ``env.given``): without it the field has none.
    """
    limits = {"dtype": dtype, "low": low, "high": high, "above": above}
    metadata = {"shape": shape, "default": default, **limits}
    if default is None:  # the field may be left out
        return dataclasses.field(metadata=metadata, default=None)
    if shape or default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    # Not a jax array: a default is converted, and the fields are validated, as if it were given.
    return dataclasses.field(metadata=metadata, default_factory=lambda: np.asarray(default))


def static(default: Any = dataclasses.MISSING) -> Any:
    """A field that is part of the tree's structure: compiled code specialises on its value."""
    return dataclasses.field(metadata={"static": True}, default=default)


class Typed:
    """Mixin for :func:`dataclass` classes: converts and checks the fields declared with :func:`leaf`."""

    def validate(self):
        """What a subclass asks of its fields together. Called when numbers were converted and all fields are known,
        so neither on tracers nor when a tree transformation stacks or strips axes."""

    def __post_init__(self):
        converted = False
        for spec in dataclasses.fields(self):  # type: ignore[arg-type]
            if "dtype" not in spec.metadata:
                continue
            value = getattr(self, spec.name)
            # jax.grad puts float0 arrays, which are numpy's, in the place of whole numbers.
            if isinstance(value, _RAW) and getattr(value, "dtype", None) != jax.dtypes.float0:
                where = f"{type(self).__name__}.{spec.name}"
                array = check(where, value, spec.metadata)
                object.__setattr__(self, spec.name, jnp.asarray(array, spec.metadata["dtype"]))
                converted = True
        if converted:
            values = [getattr(self, spec.name) for spec in dataclasses.fields(self)]  # type: ignore[arg-type]
            if not any(isinstance(value, Tracer) for value in jax.tree.leaves(values)):
                self.validate()


def check(where: str, value: Any, limits: Mapping[str, Any]) -> np.ndarray:
    """``value`` as an array, by the ``limits`` in the metadata of a :func:`leaf`. Raises ``ValueError``."""
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{where} must be numeric, got {value!r}")
    if np.isnan(array).any():
        raise ValueError(f"{where} must not hold NaN, got {value!r}")
    low, high, above = (limits.get(name) for name in ("low", "high", "above"))
    if np.issubdtype(limits.get("dtype"), np.integer):
        high = np.iinfo(limits["dtype"]).max if high is None else high
        if (array != np.round(array)).any():
            raise ValueError(f"{where} must be whole numbers, got {value!r}")
    if low is not None and (array < low).any():
        raise ValueError(f"{where} must be >= {low}, got {value!r}")
    if high is not None and (array > high).any():
        raise ValueError(f"{where} must be <= {high}, got {value!r}")
    if above is not None and (array <= above).any():
        raise ValueError(f"{where} must be > {above}, got {value!r}")
    return array
