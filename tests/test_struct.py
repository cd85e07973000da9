"""Dataclasses as pytrees."""

import jax
import jax.numpy as jnp
import pytest

from jaxinv import struct
from jaxinv.policies import DualIndex, TailoredBaseSurge


def test_structures_of_different_classes_differ():
    """Otherwise ``jit`` may run one policy's program for another."""
    same = jax.tree.structure(DualIndex(expedited_level=4.0, regular_level=1.0))
    assert same == jax.tree.structure(DualIndex(expedited_level=3.0, regular_level=2.0))
    assert same != jax.tree.structure(TailoredBaseSurge(expedited_level=4.0, quantity=1.0))


@struct.dataclass
class Item:
    stock: jax.Array
    name: str = struct.static()


def test_static_fields_are_structure_and_others_the_tree():
    item = Item(stock=jnp.ones(2), name="a")
    ((path, _),), structure = jax.tree_util.tree_flatten_with_path(item)
    assert path[0].name == "stock"
    assert structure != jax.tree.structure(item.replace(name="b"))
    doubled = jax.tree.map(lambda x: 2 * x, item)
    assert doubled.name == "a"
    assert doubled.stock.tolist() == [2.0, 2.0]


def test_fields_do_not_change():
    with pytest.raises(AttributeError):
        Item(stock=jnp.ones(2), name="a").name = "b"
