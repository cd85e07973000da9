"""What an environment is, for the terminal: order of events, spaces, structure and parameters."""

import ast
import dataclasses
import inspect
import io
import textwrap
import tokenize
from typing import Any

import jax
import numpy as np
from rich.table import Table

from jaxinv.env import spaces
from jaxinv.env.dynamics import UNLIMITED


def field_comments(cls: type) -> dict[str, str]:
    """The comments in the source that say what the fields of a dataclass mean, by field; base classes included.

    A field's comment stands behind it, or in whole lines above it.
    """
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if not dataclasses.is_dataclass(base):
            continue
        source = textwrap.dedent(inspect.getsource(base))
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        comments = {t.start[0]: t.string.lstrip("# ").strip() for t in tokens if t.type == tokenize.COMMENT}
        body = ast.parse(source).body[0].body  # type: ignore[attr-defined]
        taken = {line for node in body for line in range(node.lineno, node.end_lineno + 1)}
        for node in body:
            if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
                continue
            above, line = [], node.lineno - 1
            while line in comments and line not in taken:
                above.insert(0, comments[line])
                line -= 1
            behind = [comments[line] for line in range(node.lineno, node.end_lineno + 1) if line in comments]  # type: ignore
            found[node.target.id] = " ".join(behind or above)
    return found


def summary(env: Any) -> str:
    """What the environment's docstring says: the problem and its order of events."""
    return inspect.getdoc(type(env)) or ""


def structure_table(env: Any) -> Table:
    """The static fields of an environment."""
    table = _table("Structure (static: another value compiles anew)", "field", "value", "meaning")
    comments = field_comments(type(env))
    for field in dataclasses.fields(env):
        table.add_row(field.name, _short(getattr(env, field.name)), comments.get(field.name, ""))
    return table


def parameter_table(params: Any) -> Table:
    """The parameters: what they mean, in which units, what is allowed, and their values here."""
    table = _table("Parameters (traced)", "parameter", "shape", "value", "allowed", "meaning")
    comments = field_comments(type(params))
    for field in dataclasses.fields(params):
        value, limits = getattr(params, field.name), field.metadata
        allowed = [f"{sign} {limits[name]:g}" for name, sign in _SIGNS.items() if limits.get(name) is not None]
        shape = str(np.shape(value)) if "dtype" in limits and value is not None else ""
        shape = f"{', '.join(limits['shape'])} = {shape}" if shape and limits.get("shape") else shape
        meaning = comments.get(field.name, "").removeprefix("[] ")
        table.add_row(field.name, shape, _short(value), " and ".join(allowed), meaning)
    return table


def space_table(env: Any, params: Any) -> Table:
    """The leaves of observations and actions."""
    table = _table("Spaces", "space", "leaf", "shape", "type", "bounds")
    for name, space in (("observation", env.observation_space(params)), ("action", env.action_space(params))):
        tree = space.spaces if isinstance(space, spaces.Tree) else space
        is_space = lambda x: isinstance(x, spaces.Space)  # noqa: E731
        for path, leaf in jax.tree_util.tree_flatten_with_path(tree, is_leaf=is_space)[0]:
            if isinstance(leaf, spaces.Discrete):
                bounds = f"0 to {leaf.n - 1}"
            else:
                low, high = np.min(leaf.low), np.max(leaf.high)
                bounds = f"{low:g} to {'unlimited' if UNLIMITED <= high < np.inf else f'{high:g}'}"
            dtype = np.dtype(leaf.dtype).name
            table.add_row(name, jax.tree_util.keystr(path).lstrip("."), str(leaf.shape), dtype, bounds)
    return table


_SIGNS = {"low": ">=", "high": "<=", "above": ">"}


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _short(value: Any) -> str:
    """A value in a few words: numbers that are all the same as one, several by their range; processes and the like with
    what they are made of."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_short, value))})"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if isinstance(name := getattr(value, "name", None), str):
            return name
        parts = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return f"{type(value).__name__}({', '.join(f'{name}={_short(part)}' for name, part in parts.items())})"
    if not isinstance(value, np.ndarray | jax.Array) or value.size == 0:
        return str(value)
    numbers = np.asarray(value, float)
    low, high = ("unlimited" if x >= UNLIMITED else f"{x:g}" for x in (numbers.min(), numbers.max()))
    return low if low == high else f"{low} to {high}"
