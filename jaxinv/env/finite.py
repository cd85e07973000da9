"""Problems with finitely many states and actions: what exact solvers need besides the transition."""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax import Array


class FiniteModel(Protocol):
    """An environment whose states and actions are numbered. Hashable: sizes are static, numbers stay in the parameters.

    The solvers run the environment's own ``transition`` on the states, actions and outcomes that the model numbers.
    """

    @property
    def env(self) -> Any:
        """The environment whose transition is solved."""
        ...

    @property
    def num_states(self) -> int: ...

    @property
    def num_actions(self) -> int: ...

    def index_to_state(self, index: Array, params: Any, time: Array | int = 0) -> Any:
        """State number ``index``, int32 [], as it is ``time`` periods after the beginning."""
        ...

    def state_to_index(self, state: Any, params: Any) -> Array:
        """Number of a state, int32 []. A state beyond the model's bounds counts as the nearest one within."""
        ...

    def index_to_action(self, index: Array, params: Any) -> Any:
        """Action number ``index`` as ``env.transition`` takes it."""
        ...

    def action_mask(self, state: Any, params: Any) -> Array:
        """Legal actions, bool [num_actions]; at least one."""
        ...

    def exogenous_support(self, state: Any, action: Any, params: Any) -> tuple[Any, Array]:
        """All that can happen in a period, leaves [K, ...], and its probabilities [K], which sum to 1.

        Where what happens depends on the action (random yield), its uniforms stand for the outcomes that they lead to.
        """
        ...


@dataclass(frozen=True)
class Lattice:
    """Whole-number vectors within bounds, numbered: entry i runs over ``low[i]`` .. ``low[i] + sizes[i] - 1``."""

    low: tuple[int, ...]
    sizes: tuple[int, ...]

    def __len__(self) -> int:
        return math.prod(self.sizes)

    def wider(self, factor: float) -> "Lattice":
        """One with bounds ``factor`` times as far, for policies that go beyond what is optimal."""
        bounds = [(low, low + size - 1) for low, size in zip(self.low, self.sizes, strict=True)]
        bounds = [(math.floor(factor * low), math.ceil(factor * high)) for low, high in bounds]
        return Lattice(tuple(low for low, _ in bounds), tuple(high - low + 1 for low, high in bounds))

    def vector(self, index: Array) -> tuple[Array, ...]:
        """The entries, int32 [] each, of vector number ``index``."""
        entries = []
        for low, size in zip(reversed(self.low), reversed(self.sizes), strict=True):
            entries.append(index % size + low)
            index = index // size
        return tuple(reversed(entries))

    def index(self, entries: tuple[Array, ...]) -> Array:
        """Number of the vector nearest to ``entries``, which are rounded and cut to the bounds."""
        index = jnp.int32(0)
        for entry, low, size in zip(entries, self.low, self.sizes, strict=True):
            within = jnp.clip(jnp.round(entry), low, low + size - 1)  # first: int32 does not hold every float32
            index = index * size + (within.astype(jnp.int32) - low)
        return index


def joint_support(supports: list[tuple[Any, Array]]) -> tuple[tuple[Any, ...], Array]:
    """Independent draws together: of supports (leaves [n_i, ...], probabilities [n_i]) all combinations, a tuple of
    trees with leaves [K, ...], and their probabilities [K], K = n_1 n_2 ..."""
    sizes = [probabilities.shape[0] for _, probabilities in supports]
    index = [axis.ravel() for axis in jnp.indices(sizes)]
    values = tuple(jax.tree.map(lambda x, i=i: x[i], tree) for (tree, _), i in zip(supports, index, strict=True))
    parts = [probabilities[i] for (_, probabilities), i in zip(supports, index, strict=True)]
    return values, math.prod(parts[1:], start=parts[0])
