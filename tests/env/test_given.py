"""What environments are given, checked in one way: static structure and numbers, of every registered environment."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv import struct
from jaxinv.demand import Poisson, UniformInteger
from jaxinv.env import core, make, registered
from jaxinv.env.given import Given, check_law, check_sums, structure, wholes
from jaxinv.env.serial import Serial
from jaxinv.env.single_item import SingleItem


@struct.dataclass(kw_only=True)
class Params(core.EnvParams):
    demand: Poisson
    cost: jax.Array = struct.leaf(2.0, shape="WK", low=0.0)
    size: jax.Array = struct.leaf(shape="K", dtype=jnp.int32, above=0)
    extra: jax.Array | None = struct.leaf(None, shape="W")


def given(**numbers):
    return Given("Shop", Params, numbers, {"W": 2, "K": 3})


# -- numbers ----------------------------------------------------------------------------------------------------------


def test_numbers_are_those_given_else_computed_else_by_default():
    demand = given().demand(lambda: Poisson(5.0), ())
    params = given(discount=0.5).params(demand=demand, size=4)
    assert params.cost.tolist() == [[2, 2, 2], [2, 2, 2]]
    assert params.size.tolist() == [4, 4, 4]
    assert (params.extra, float(params.discount), int(params.max_steps_in_episode)) == (None, 0.5, 365)
    params = given(size=[1, 2, 3], cost=[[1], [2]], extra=7).params(demand=demand, size=4)
    assert params.cost.tolist() == [[1, 1, 1], [2, 2, 2]]
    assert params.size.tolist() == [1, 2, 3]
    assert params.extra.tolist() == [7, 7]
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(jnp.float32), jnp.dtype(jnp.int32)}
    assert given(extra=None).params(demand=demand, size=4).extra is None  # what may be left out


def test_a_number_that_is_traced_can_be_differentiated_by():
    slope = jax.grad(lambda cost: SingleItem().make_params(holding_cost=cost).holding_cost * 3.0)(1.0)
    assert float(slope) == 3.0
    spread = jax.vmap(lambda cost: given(cost=cost).params(demand=Poisson(5.0), size=1).cost)(jnp.arange(2.0))
    assert spread.shape == (2, 2, 3)
    with pytest.raises(ValueError, match=r"SingleItem.holding_cost must be one number, got shape \(3,\)"):
        jax.vmap(lambda cost: SingleItem().make_params(holding_cost=cost).holding_cost)(jnp.ones((2, 3)))


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"costs": 1.0}, "Shop has no parameter 'costs'; it has .*cost, size, extra"),
        ({"cost": -1.0}, r"Shop.cost must be >= 0.0, got -1.0"),
        ({"cost": [1.0, 2.0]}, r"Shop.cost must have shape \(2, 3\) or broadcast to it, got shape \(2,\)"),
        ({"cost": [[1.0], [2.0, 3.0]]}, r"Shop.cost must be numeric, got \[\[1.0\], \[2.0, 3.0\]\]"),
        ({"size": 1.5}, "Shop.size must be whole numbers, got 1.5"),
        ({"size": 0}, "Shop.size must be > 0, got 0"),
        ({"size": np.inf}, "Shop.size must be <= 2147483647, got inf"),
        ({"max_steps_in_episode": 1e10}, "Shop.max_steps_in_episode must be <= 2147483647"),
        ({"discount": [0.9, 0.8]}, r"Shop.discount must be one number, got shape \(2,\)"),
    ],
)
def test_numbers_that_do_not_fit_are_named(numbers, message):
    with pytest.raises(ValueError, match=message):
        given(**numbers).params(demand=Poisson(5.0), size=4)


def test_probabilities_sum_to_1():
    check_sums("Shop.probs", np.array([[0.5, 0.5], [1.0, 0.0]]))
    with pytest.raises(ValueError, match=r"Shop.probs must sum to 1, got \[\[0.5, 0.5\], \[0.5, 0.0\]\]"):
        check_sums("Shop.probs", np.array([[0.5, 0.5], [0.5, 0.0]]))


def test_demand_that_cannot_be_scaled_is_refused():
    check_law("Shop", Poisson(5.0), lambda law: law.scaled(2.0))
    with pytest.raises(ValueError, match=r"Shop.demand must have a law .*UniformInteger cannot be scaled"):
        check_law("Shop", UniformInteger(0, 4), lambda law: law.scaled(2.0))


def numbers_of(params):
    """Names and declared shapes of the numeric parameters that are not left out."""
    fields = [field for field in dataclasses.fields(params) if "dtype" in field.metadata]
    return {field.name: field.metadata["shape"] for field in fields if getattr(params, field.name) is not None}


@pytest.mark.parametrize("name", registered())
def test_every_number_of_every_environment_is_checked(name):
    env, params = make(name)
    for field in numbers_of(params):
        for wrong in ("abc", None, np.nan, np.ones((7, 1, 1, 1)), [[1.0], [2.0, 3.0]]):
            with pytest.raises(ValueError, match=rf"^{type(env).__name__}\.{field} must "):
                env.make_params(**{"demand": params.demand, field: wrong})


@pytest.mark.parametrize("name", registered())
def test_defaults_are_of_the_shapes_declared(name):
    _, params = make(name)
    sizes = {}
    for field, axes in numbers_of(params).items():
        for axis, size in zip(axes, getattr(params, field).shape, strict=True):
            assert sizes.setdefault(axis, size) == size, field


# -- static structure -------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Structure:
    length: int = 3
    rule: str = "one"
    horizon: int | None = None
    flag: bool = False
    other: float = 0.5

    def __post_init__(self):
        structure(self, length=1, rule=("one", "two"), horizon=2)


def test_structure_is_of_pythons_own_types():
    plain = Structure(length=2, flag=True)
    given = Structure(length=np.int64(2), flag=np.bool_(True))  # type: ignore[arg-type]
    assert given == plain
    assert hash(given) == hash(plain)
    assert (type(given.length), type(given.flag)) == (int, bool)
    assert Structure(horizon=np.int32(2)).horizon == 2  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"length": 0}, "Structure.length must be a whole number >= 1, got 0"),
        ({"length": True}, "Structure.length must be a whole number >= 1, got True"),
        ({"length": 2.0}, "Structure.length must be a whole number >= 1, got 2.0"),
        ({"length": None}, "Structure.length must be a whole number >= 1, got None"),
        ({"horizon": 1}, "Structure.horizon must be None or a whole number >= 2, got 1"),
        ({"rule": "three"}, "Structure.rule must be one of one, two, got 'three'"),
        ({"rule": ["one"]}, "Structure.rule must be one of one, two, got"),
        ({"flag": "no"}, "Structure.flag must be True or False, got 'no'"),
        ({"flag": 1}, "Structure.flag must be True or False, got 1"),
    ],
)
def test_structure_that_does_not_fit_is_named(fields, message):
    with pytest.raises(ValueError, match=message):
        Structure(**fields)


@pytest.mark.parametrize("name", registered())
def test_the_structure_of_every_environment_is_checked(name):
    cls = type(make(name)[0])
    for field in dataclasses.fields(cls):
        wrong = {bool: "no", int: True, str: "none of them"}.get(type(field.default))
        if wrong is not None:
            with pytest.raises(ValueError, match=rf"^{cls.__name__}\.{field.name} must be "):
                cls(**{field.name: wrong})
        if type(field.default) is int:
            assert hash(cls(**{field.name: np.int64(field.default)})) == hash(cls())


def test_lists_of_whole_numbers():
    assert wholes("x", np.array([1, 2]), 1, "stage") == (1, 2)
    assert Serial(lead_times=np.array([1, 2])) == Serial(lead_times=(1, 2))  # type: ignore[arg-type]
    for wrong in ([], [0], [1.0], [True], 3, "12", None):
        with pytest.raises(ValueError, match="x must be whole numbers >= 1, one per stage, got"):
            wholes("x", wrong, 1, "stage")
