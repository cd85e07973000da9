"""Environments as seen by several agents: who decides, observes and earns what.

An environment says in ``agent_axes`` by what it can be divided. ``{"warehouse": 0, "sku": -1}`` means: along the first
axis of actions, money and observations lie the warehouses, along the last one the SKUs, behind which observations have
their features. Where the agents are not the entries of an axis, a :class:`Division` stands in place of the number.
"""

import dataclasses
import itertools
import math
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.env import core, spaces

ALL = -1  # owner of what all agents have


# -- how an array is divided ------------------------------------------------------------------------------------------
@dataclasses.dataclass(frozen=True)
class Axes:
    """Agents are the entries of an axis, or all combinations of the entries of several."""

    axes: tuple[int, ...]  # from the front, or if negative from the back, where features do not count
    sizes: tuple[int, ...]
    padded = False

    def size(self, shape: tuple[int, ...]) -> int:
        """How much of an array of ``shape`` each agent has."""
        return math.prod(shape) // math.prod(self.sizes)

    def owned_by(self, shape: tuple[int, ...]) -> np.ndarray:
        """How many agents have each entry of an array of ``shape``, to be broadcast to it."""
        return np.ones((1,) * len(shape), np.float32)

    def split(self, x: Array, features: int = 0) -> Array:
        """What each agent has of ``x``, whose last ``features`` axes belong to what is divided; [A, ...]."""
        front = range(len(self.axes))
        axes = [axis if axis >= 0 else x.ndim - features + axis for axis in self.axes]
        if len({*axes} & {*range(x.ndim)}) < len(axes) or tuple(x.shape[axis] for axis in axes) != self.sizes:
            raise ValueError(
                f"an array of shape {x.shape} does not hold {self.sizes} agents along its axes {self.axes}"
            )
        moved = jnp.moveaxis(x, axes, front)
        return moved.reshape(math.prod(self.sizes), *moved.shape[len(axes) :])

    def join(self, rows: Array, shape: tuple[int, ...]) -> Array:
        """The array of ``shape`` that :meth:`split` divides into ``rows`` [A, ...]."""
        taken = {axis % len(shape) for axis in self.axes}
        others = [length for axis, length in enumerate(shape) if axis not in taken]
        return jnp.moveaxis(rows.reshape(*self.sizes, *others), range(len(self.axes)), self.axes)


@dataclasses.dataclass(frozen=True)
class Owners:
    """Agents own entries along the first axis, some more than others: each gets as many as the one that has most, those
    it does not have as zeros."""

    owners: tuple[int, ...]  # the agent that owns each entry, or ``ALL``
    num_agents: int

    @cached_property
    def entries(self) -> np.ndarray:
        """Entries [A, most] of every agent; one past the last for those it does not have."""
        owned = [[e for e, owner in enumerate(self.owners) if owner in (a, ALL)] for a in range(self.num_agents)]
        most = max(len(own) for own in owned)
        return np.array([own + [len(self.owners)] * (most - len(own)) for own in owned])

    @property
    def padded(self) -> bool:
        return bool((self.entries == len(self.owners)).any())

    def size(self, shape: tuple[int, ...]) -> int:
        return self.entries.shape[1] * math.prod(shape[1:])

    def owned_by(self, shape: tuple[int, ...]) -> np.ndarray:
        counts = np.array([self.num_agents if owner == ALL else 1 for owner in self.owners], np.float32)
        return counts.reshape(-1, *(1,) * (len(shape) - 1))

    def split(self, x: Array, features: int = 0) -> Array:
        if x.shape[:1] != (len(self.owners),):
            raise ValueError(f"an array of shape {x.shape} does not have the {len(self.owners)} entries to be divided")
        return jnp.concatenate([x, jnp.zeros_like(x[:1])])[self.entries]

    def join(self, rows: Array, shape: tuple[int, ...]) -> Array:
        places = [divmod(int(np.flatnonzero(self.entries == e)[0]), self.entries.shape[1]) for e in range(shape[0])]
        rows = rows.reshape(*self.entries.shape, *shape[1:])
        return jnp.stack([rows[place] for place in places])  # pieces, which XLA fuses where it would not a gather


Layout = Axes | Owners


@dataclasses.dataclass(frozen=True)
class Division:
    """The agents of an environment, and how its arrays are divided among them: all that belong together in one way, or
    each in its own."""

    names: tuple[str, ...]
    action: Layout | tuple[Layout, ...]
    money: Layout  # entries of the ledger; what several have is theirs in equal parts
    observation: Layout | tuple[Layout, ...]


# -- the view ---------------------------------------------------------------------------------------------------------
@struct.dataclass(kw_only=True)
class Params(core.EnvParams):
    inner: Any  # parameters of the environment that is divided; its time limit and discount do not count
    team_share: Array = struct.leaf(1.0, low=0.0, high=1.0)  # [] weight of the mean over all agents in a reward


@dataclasses.dataclass(frozen=True)
class MultiAgent(core.Environment):
    """``env`` as seen by A agents. Everything is as it is in ``env`` but these, which are stacked over the agents:

    - observations [A, O]: what ``env`` observes of the agent, as a vector;
    - actions: of real numbers [A, D], of choices [A, D], or [A] where each agent has only one. Every number in an
      action of ``env`` is decided by one agent: an order by who gets it, a transfer by who sends it;
    - masks of choices [A, D, n] or [A, n];
    - rewards [A]: with a ``team_share`` of 0 what the ledger books for the agent, with 1 the mean over all agents. They
      sum to the reward of ``env`` for any share.

    Agents that have less than others observe zeros for what they lack, and what they decide in its place is ignored:
    their bounds are 0 there, and only choice 0 is legal.

    Wrap ``env`` in action transforms first: ``MultiAgent(DiscreteOrders(env))``. With several names in ``by`` every
    combination is an agent, ``by=("warehouse", "sku")`` makes one of every cell.
    """

    env: Any
    by: str | tuple[str, ...] = ()  # some of ``env.agent_axes``; the first of them unless given

    def __post_init__(self):
        axes = getattr(self.env, "agent_axes", None)
        if axes is None:
            raise ValueError(f"MultiAgent.env must declare agent_axes, which {type(self.env).__name__} does not")
        by = ((self.by,) if isinstance(self.by, str) else tuple(self.by)) or tuple(axes)[:1]
        if unknown := [name for name in by if name not in axes]:
            raise ValueError(f"MultiAgent.by must be some of {', '.join(axes)}; got {unknown[0]!r}")
        if len(set(by)) < len(by) or (len(by) > 1 and any(isinstance(axes[name], Division) for name in by)):
            raise ValueError(f"MultiAgent.by cannot combine {' and '.join(by)}")
        object.__setattr__(self, "by", by)

    # -- agents ---------------------------------------------------------------------------------------------------
    @cached_property
    def division(self) -> Division:
        axes = [self.env.agent_axes[name] for name in self.by]
        if isinstance(axes[0], Division):
            return axes[0]
        sizes = tuple(self.env.cells[axis] for axis in axes)
        names = ([f"{name}_{i}" for i in range(size)] for name, size in zip(self.by, sizes, strict=True))
        layout = Axes(tuple(axes), sizes)
        return Division(tuple("_".join(each) for each in itertools.product(*names)), layout, layout, layout)

    @property
    def agents(self) -> tuple[str, ...]:
        """Names, in the order in which everything is stacked."""
        return self.division.names

    @property
    def num_agents(self) -> int:
        return len(self.agents)

    # -- parameters and randomness are those of env ---------------------------------------------------------------
    def default_params(self) -> Params:
        return self.make_params()

    def make_params(self, inner: Any = None, *, team_share: float = 1.0) -> Params:
        """Parameters from those of ``env`` (``inner``; None: its defaults)."""
        inner = self.env.default_params() if inner is None else inner
        return Params(
            max_steps_in_episode=inner.max_steps_in_episode,
            discount=inner.discount,
            inner=inner,
            team_share=team_share,  # type: ignore[arg-type]
        )

    def num_uniforms(self, params: Params) -> int:
        return self.env.num_uniforms(params.inner)

    def num_initial_uniforms(self, params: Params) -> int:
        return self.env.num_initial_uniforms(params.inner)

    def init_state(self, u: Array, params: Params) -> Any:
        return self.env.init_state(u, params.inner)

    def exogenous(self, u: Array, state: Any, params: Params) -> Any:
        return self.env.exogenous(u, state, params.inner)

    # -- actions and rewards --------------------------------------------------------------------------------------
    def transition(self, state: Any, action: Array, exo: Any, params: Params) -> tuple[Any, core.Outcome]:
        state, outcome = self.env.transition(state, self.joint_action(action, params), exo, params.inner)
        own = self.own_rewards(outcome.ledger)
        return state, outcome.replace(reward=own + params.team_share * (jnp.mean(own) - own))  # type: ignore[attr-defined]

    def own_rewards(self, ledger: Any) -> Array:
        """Gains less costs that the ledger books for each agent, [A]."""
        gains = sum((getattr(ledger, name) for name in ledger.GAINS), jnp.float32(0))
        money: Any = gains - sum((getattr(ledger, name) for name in ledger.COSTS), jnp.float32(0))
        layout = self.division.money
        return jnp.sum(layout.split(money / layout.owned_by(money.shape)).reshape(self.num_agents, -1), 1)

    def joint_action(self, action: Array, params: Params) -> Any:
        """The action of ``env`` that the agents' make together."""
        space = self.env.action_space(params.inner)
        shapes = [leaf.shape for leaf in spaces.leaves(space)]  # type: ignore[attr-defined]
        layouts = self._layouts("action", len(shapes))
        sizes = [layout.size(shape) for layout, shape in zip(layouts, shapes, strict=True)]
        if np.size(action) != self.num_agents * sum(sizes):
            raise ValueError(f"actions must have the shape {(self.num_agents, sum(sizes))}, got {np.shape(action)}")
        parts = jnp.split(action.reshape(self.num_agents, -1), np.cumsum(sizes)[:-1], axis=1)
        leaves = [layout.join(part, shape) for layout, part, shape in zip(layouts, parts, shapes, strict=True)]
        inner = space.spaces if isinstance(space, spaces.Tree) else space
        return jax.tree.structure(inner, is_leaf=lambda x: isinstance(x, spaces.Space)).unflatten(leaves)

    def native_action(self, action: Array, state: Any, params: Params) -> Any:
        return self.env.native_action(self.joint_action(action, params), state, params.inner)

    def action_space(self, params: Params) -> spaces.Space:
        space = self.env.action_space(params.inner)
        leaves = spaces.leaves(space)
        if len(leaves) == 1 and isinstance(leaf := leaves[0], spaces.Discrete):
            (layout,) = self._layouts("action", 1)
            each = layout.split(jnp.zeros(leaf.shape)).size // self.num_agents
            return spaces.Discrete(leaf.n, (self.num_agents,) if each == 1 else (self.num_agents, each), leaf.dtype)
        return self._vectors("action", space)

    def action_mask(self, state: Any, params: Params) -> Array | None:
        """Legal choices, bool [A, D, n] or [A, n]; None where all are, or there are none to choose from."""
        mask, space = self.env.action_mask(state, params.inner), self.action_space(params)
        if not isinstance(space, spaces.Discrete):
            return None
        (layout,) = self._layouts("action", 1)
        if mask is None and not layout.padded:
            return None
        (leaf,) = spaces.leaves(self.env.action_space(params.inner))
        shape = (*leaf.shape, space.n)  # type: ignore[attr-defined]
        mask = jnp.ones(shape, bool) if mask is None else jax.tree.leaves(mask)[0]
        legal = layout.split(mask, features=1).reshape(*space.shape, space.n)
        if layout.padded:
            owned = layout.split(jnp.ones(shape, bool), features=1).reshape(legal.shape)
            legal = jnp.where(owned, legal, (jnp.arange(space.n) == 0).reshape((1,) * len(space.shape) + (-1,)))
        return legal

    # -- observations ---------------------------------------------------------------------------------------------
    def observe(self, state: Any, params: Params) -> Array:
        observed = jax.tree.leaves(self.env.observe(state, params.inner))
        layouts = self._layouts("observation", len(observed))
        parts = [layout.split(x, 1) for layout, x in zip(layouts, observed, strict=True)]
        return jnp.concatenate([part.reshape(self.num_agents, -1) for part in parts], 1)

    def observation_space(self, params: Params) -> spaces.Box:
        return self._vectors("observation", self.env.observation_space(params.inner), features=1)

    def global_state(self, state: Any, params: Params) -> Array:
        """All that ``env`` observes as one vector, for critics that see everything."""
        return jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(self.env.observe(state, params.inner))])

    def _layouts(self, name: str, arrays: int) -> tuple[Layout, ...]:
        """Of every array of the action or observation."""
        layout = getattr(self.division, name)
        layouts = layout if isinstance(layout, tuple) else (layout,) * arrays
        if len(layouts) != arrays:
            raise ValueError(
                f"MultiAgent.by {' and '.join(self.by)} divides {len(layouts)} array(s) of the {name}, not {arrays}: "
                f"wrap {type(self.env).__name__} in an action transform that takes orders alone, such as OrderUpTo"
            )
        return layouts

    def _vectors(self, name: str, space: Any, features: int = 0) -> spaces.Box:
        """What the agents have of ``space``, [A, D]."""
        leaves = spaces.leaves(space)
        if not all(isinstance(leaf, spaces.Box) for leaf in leaves):
            raise ValueError(
                "MultiAgent.env must have actions and observations of real numbers, or actions of one array of choices;"
                f" got {space}"
            )

        layouts = self._layouts(name, len(leaves))

        def bound(side):
            full = [jnp.broadcast_to(getattr(leaf, side), leaf.shape) for leaf in leaves]  # type: ignore[attr-defined]
            parts = [layout.split(x, features) for layout, x in zip(layouts, full, strict=True)]
            return jnp.concatenate([part.reshape(self.num_agents, -1) for part in parts], 1)

        low = bound("low")
        return spaces.Box(low, bound("high"), low.shape)
