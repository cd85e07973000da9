"""Training over several devices: within :func:`over`, ``train.fit(...)`` and ``jax.jit(algo.train)(...)`` use them all.

Environments, what is remembered of them and the samples of a gradient are divided among the devices; weights and all
else are on each of them, and the compiler adds up what the devices find. Random numbers do not depend on where they are
drawn, so that a run equals that on one device but for the rounding of sums.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

AXIS = "devices"  # the only axis of the mesh

# Axis of the environments, or of what was seen of them, in what learners' states hold; other fields have none.
_ENVIRONMENTS = {"env_state": 0, "observation": 0, "action_mask": 0, "discounted_sum": 0, "buffer": 1, "samples": 1}

_mesh: ContextVar[Mesh | None] = ContextVar("mesh", default=None)


@contextlib.contextmanager
def over(devices: Sequence[Any] | None = None) -> Iterator[None]:
    """Divide training that is started within among ``devices``; all there are by default."""
    mesh = Mesh(np.asarray(jax.devices() if devices is None else devices), (AXIS,))
    token = _mesh.set(mesh)
    try:
        with jax.set_mesh(mesh):
            yield
    finally:
        _mesh.reset(token)


def mesh() -> Mesh | None:
    """That of :func:`over`."""
    return _mesh.get()


def num_devices() -> int:
    """Among which arrays are divided by what is traced now: one within ``shard_map``."""
    around = jax.sharding.get_abstract_mesh()
    return around.shape[AXIS] if AXIS in around.axis_names and AXIS not in around.manual_axes else 1


def divide_state(state: Any) -> Any:
    """The state of a learner, its environments divided among the devices.

    Raises ``ValueError`` where their number cannot be.
    """
    count = num_devices()
    if count == 1:
        return state

    def constrain(spec: PartitionSpec, x: Any) -> Any:
        axis = len(spec) - 1
        if spec and x.shape[axis] % count:
            raise ValueError(f"num_envs must be a multiple of the number of devices = {count}, got {x.shape[axis]}")
        return jax.lax.with_sharding_constraint(x, spec)

    return _by_spec(constrain, _specs(state), state)


def divide_samples(samples: Any) -> Any:
    """Leaves [B, ...] divided among the devices; whole on each of them where B cannot be."""
    count = num_devices()
    if count == 1:
        return samples
    return jax.tree.map(
        lambda x: x if x.shape[0] % count else jax.lax.with_sharding_constraint(x, PartitionSpec(AXIS)), samples
    )


def over_samples(function: Callable) -> Callable:
    """``function(samples, *whole)`` of leaves [B, ...] that are divided among the devices, where B can be, and of what
    each of them has whole; it must do with a sample what it does without the others."""

    def apply(samples: Any, *whole: Any) -> Any:
        count = num_devices()
        if count == 1 or jax.tree.leaves(samples)[0].shape[0] % count:
            return function(samples, *whole)
        specs = PartitionSpec(AXIS), *[PartitionSpec()] * len(whole)
        return jax.shard_map(function, in_specs=specs, out_specs=PartitionSpec(AXIS), check_vma=False)(samples, *whole)

    return apply


def over_seeds(function: Callable, out_axes: Any = 0) -> Callable:
    """``function(algo, x, env_params)`` for x [seeds, ...]. Devices take whole seeds where these are a multiple of
    them."""
    batched = jax.vmap(function, in_axes=(None, 0, None), out_axes=out_axes)

    def apply(algo: Any, x: Any, env_params: Any) -> Any:
        if not _take_seeds(jax.tree.leaves(x)[0].shape[0]):
            return batched(algo, x, env_params)
        specs = PartitionSpec(), PartitionSpec(AXIS), PartitionSpec()
        out_specs = jax.tree.map(lambda axis: PartitionSpec(*[None] * axis, AXIS), out_axes)
        # Nothing is replicated that a check could find varying.
        return jax.shard_map(batched, in_specs=specs, out_specs=out_specs, check_vma=False)(algo, x, env_params)

    return apply


def placed(like: Any, num_seeds: int) -> Any:
    """The shapes of a learner's state, with an axis of seeds if there are several, as shapes with their places."""
    around = mesh()
    if around is None:
        here = jax.numpy.zeros(()).sharding
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=here), like)
    lead = 0 if num_seeds == 1 else 1
    specs = jax.tree.map(lambda x: PartitionSpec(AXIS), like) if _take_seeds(num_seeds) else _specs(like, lead)

    def place(spec: PartitionSpec, x: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=NamedSharding(around, spec))

    return _by_spec(place, specs, like)


def _take_seeds(num_seeds: int) -> bool:
    return num_devices() > 1 and num_seeds > 1 and num_seeds % num_devices() == 0


def _specs(state: Any, lead: int = 0) -> Any:
    """How leaves are divided, if at all, which have ``lead`` more axes in front."""

    def spec(path: tuple, x: Any) -> PartitionSpec:
        axis = _ENVIRONMENTS.get(getattr(path[0], "name", ""))
        if axis is None or x.ndim <= lead + axis:
            return PartitionSpec()
        return PartitionSpec(*[None] * (lead + axis), AXIS)

    return jax.tree_util.tree_map_with_path(spec, state)


def _by_spec(function: Callable, specs: Any, tree: Any) -> Any:
    return jax.tree.map(function, specs, tree, is_leaf=lambda x: isinstance(x, PartitionSpec))
