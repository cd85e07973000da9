"""Numbered vectors and joint draws."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.env.finite import Lattice, joint_support

LATTICES = [
    Lattice((0,), (1,)),
    Lattice((-3,), (7,)),
    Lattice((-2, 0, 5), (4, 3, 2)),
    Lattice((0, -9, 0, 1), (2, 5, 1, 3)),
]


@pytest.mark.parametrize("lattice", LATTICES)
def test_numbers_and_vectors_are_one_to_one(lattice):
    vectors = list(itertools.product(*(range(low, low + n) for low, n in zip(lattice.low, lattice.sizes, strict=True))))
    assert len(lattice) == len(vectors)
    found = jax.jit(jax.vmap(lattice.vector))(jnp.arange(len(lattice)))
    np.testing.assert_array_equal(np.stack(found, 1), vectors)  # the last entry runs fastest
    back = jax.jit(jax.vmap(lattice.index))(tuple(x.astype(jnp.float32) for x in found))
    np.testing.assert_array_equal(back, np.arange(len(lattice)))
    assert back.dtype == jnp.int32


def test_a_vector_beyond_the_bounds_counts_as_the_nearest_within():
    lattice = Lattice((-2, 0, 5), (4, 3, 2))
    vector = lambda *entries: [int(x) for x in lattice.vector(lattice.index(entries))]  # noqa: E731
    assert vector(-50.0, 7.0, 0) == [-2, 2, 5]
    assert vector(1e10, -1e10, 9) == [1, 0, 6]  # more than int32 holds
    assert vector(jnp.inf, -jnp.inf, 6) == [1, 0, 6]
    assert vector(0.4, 1.6, 5.4) == [0, 2, 5]


def test_numbers_hold_in_double_precision():
    with jax.enable_x64(True):
        index = Lattice((0, 0), (5, 5)).index((jnp.asarray(3.0), jnp.asarray(4, jnp.int64)))
        assert index == 19
        assert index.dtype == jnp.int32


def test_a_wider_lattice_keeps_its_vectors():
    lattice = Lattice((-4, 0, 0), (7, 3, 1))
    wider = lattice.wider(1.5)
    assert wider == Lattice((-6, 0, 0), (10, 4, 1))  # -6..3, 0..3, 0
    assert lattice.wider(1.0) == lattice


def test_joint_draws_are_all_combinations():
    first = {"a": jnp.array([1.0, 2.0]), "b": jnp.array([[1, 2], [3, 4]])}, jnp.array([0.25, 0.75])
    second = jnp.array([10, 20, 30]), jnp.array([0.5, 0.3, 0.2])
    third = jnp.array([7.0]), jnp.array([1.0])
    (x, y, z), probabilities = jax.jit(lambda *supports: joint_support(list(supports)))(first, second, third)
    assert [x["a"].shape, x["b"].shape, y.shape, z.shape] == [(6,), (6, 2), (6,), (6,)]
    expected = {(a, y): p * q for a, p in ((1, 0.25), (2, 0.75)) for y, q in ((10, 0.5), (20, 0.3), (30, 0.2))}
    found = {(int(a), int(b)): float(p) for a, b, p in zip(x["a"], y, probabilities, strict=True)}
    assert found == pytest.approx(expected)
    np.testing.assert_array_equal(x["b"], np.where(np.asarray(x["a"])[:, None] == 1, [[1, 2]], [[3, 4]]))


def test_one_draw_alone_is_itself():
    (values,), probabilities = joint_support([(jnp.array([3.0, 4.0]), jnp.array([0.5, 0.5]))])
    np.testing.assert_array_equal(values, [3, 4])
    np.testing.assert_array_equal(probabilities, [0.5, 0.5])
