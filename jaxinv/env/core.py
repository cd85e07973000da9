"""The protocol: an inventory problem is one pure, key-free transition; everything else is derived from it.

Shapes are those of one environment, without a batch axis: ``vmap`` adds it. Classes of environments are frozen
dataclasses that hold static structure only, so equal environments share one compilation; every number is a traced
leaf of ``EnvParams`` and can be vmapped over and differentiated.

Randomness is a block of uniforms per period. ``exogenous`` pushes it through quantile functions into the period's
exogenous information (Powell 2022, *Reinforcement Learning and Stochastic Optimization*, sec. 9.1: W_{t+1}), which
depends on the exogenous state only, never on stock or action. The same block therefore replays every policy on the
same demand, and a path can be drawn before any policy is known.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.env import spaces
from jaxinv.env.dynamics import UNLIMITED


@struct.dataclass(kw_only=True)
class EnvParams(struct.Typed):
    """Numbers every problem has; subclasses add their own. All leaves are typed arrays."""

    max_steps_in_episode: Array = struct.leaf(365, dtype=jnp.int32, low=1)  # periods until truncation
    discount: Array = struct.leaf(0.99, low=0.0, high=1.0)  # per period, for learners and solvers


@struct.dataclass(kw_only=True)
class EnvState:
    awaited: ClassVar[Any] = None  # orders that outside suppliers have not shipped: states under shocks have some

    time: Array  # int32 []: periods since reset
    exo: Any  # the exogenous part of the state: evolves by itself


@struct.dataclass(kw_only=True)
class Exogenous:
    """What happens in a period whatever is decided; subclasses add the draws."""

    next: Any  # exogenous part of the next state


@struct.dataclass(kw_only=True)
class Ledger:
    """What a period earned and cost by cause, and what moved. Subclasses name their fields in these three tuples."""

    GAINS: ClassVar[tuple[str, ...]] = ()  # money in
    COSTS: ClassVar[tuple[str, ...]] = ()  # money out
    UNITS: ClassVar[tuple[str, ...]] = ()  # flows and stocks in units

    def reward(self) -> Array:
        """All gains less all costs, summed over cells; []."""
        gains = sum((jnp.sum(getattr(self, name)) for name in self.GAINS), jnp.float32(0))
        return gains - sum((jnp.sum(getattr(self, name)) for name in self.COSTS), jnp.float32(0))


@struct.dataclass
class Outcome:
    reward: Array  # []
    terminated: Array  # bool []: the problem itself ended (a time limit does not)
    ledger: Any


@struct.dataclass
class Transition:
    """One period of a rollout: the state decided in, the action and what came of it."""

    state: Any
    action: Any
    outcome: Outcome


def in_periods(lead_time: int, at_most: bool = False) -> str:
    """A lead time in words, for the lanes of :meth:`Environment.flow`."""
    return "up to " * (at_most and lead_time > 0) + f"{lead_time} period" + "s" * (lead_time != 1)


class Policy(Protocol):
    """A decision rule: a pytree, called with the environment it acts in. Heuristics read the state itself, learned
    policies read ``env.observe(state, params)``; deterministic ones ignore the key."""

    def __call__(self, env: "Environment", state: Any, params: Any, key: Any, /) -> Any: ...


@dataclasses.dataclass(frozen=True)
class Environment:
    """Base of all environments. The first group of methods is what the author of a problem writes."""

    # -- written by each problem ----------------------------------------------------------------------------------
    def default_params(self) -> Any:
        raise NotImplementedError

    def num_uniforms(self, params: Any) -> int:
        """Uniforms one period consumes (static)."""
        raise NotImplementedError

    def num_initial_uniforms(self, params: Any) -> int:
        """Uniforms an initial state consumes (static)."""
        return 0

    def init_state(self, u: Array, params: Any) -> Any:
        """Initial state from uniforms [num_initial_uniforms]."""
        raise NotImplementedError

    def exogenous(self, u: Array, state: Any, params: Any) -> Any:
        """The coming period's exogenous information from uniforms [num_uniforms]; reads ``state.exo`` and
        ``state.time`` only."""
        raise NotImplementedError

    def transition(self, state: Any, action: Any, exo: Any, params: Any) -> tuple[Any, Outcome]:
        """One period. Pure and differentiable, without a key and without rounding."""
        raise NotImplementedError

    def observe(self, state: Any, params: Any) -> Any:
        raise NotImplementedError

    def observation_space(self, params: Any) -> spaces.Space:
        raise NotImplementedError

    def action_mask(self, state: Any, params: Any) -> Any:
        """Legal actions, in the shape of the logits of a discrete action space; None where all are legal."""
        return None

    def native_action(self, action: Any, state: Any, params: Any) -> Any:
        """``action`` in the terms of the problem itself: what action wrappers make of it."""
        return action

    def encode(self, action: Any, state: Any, params: Any) -> Any:
        """The action here that stands for ``action`` of the problem itself, or comes nearest to it: the inverse of
        :meth:`native_action`."""
        return action

    def flow(self) -> tuple[tuple[str, str, str], ...]:
        """Lanes that goods flow on: (from, to, label), for drawings; by default those of one stock, with its
        ``lead_time`` if it has one."""
        lead_time = getattr(self, "lead_time", None)
        return (
            ("supplier", "stock", "" if lead_time is None else in_periods(lead_time)),
            ("stock", "customers", ""),
        )

    # -- orders: the whole action, unless a problem says otherwise ------------------------------------------------
    outside_orders: ClassVar[Any] = ...  # index of those that go to outside suppliers, in an array [*cells]

    @property
    def cells(self) -> tuple[int, ...]:
        """Shape of the orders, one of every cell: a single order, unless a problem says otherwise."""
        return ()

    def action_space(self, params: Any) -> spaces.Space:
        return spaces.Box(np.float32(0), np.float32(UNLIMITED), self.cells)

    def order_action(self, orders: Array, flows: Any = None) -> Any:
        """The action that places ``orders`` [*cells] and, where there are transfers, sends ``flows``."""
        return orders

    def placed_orders(self, action: Any) -> tuple[Any, Callable[[Any], Any]]:
        """The orders in ``action``, an array [*cells] or a pytree of them, and the function that puts others in their
        place."""
        return action, lambda orders: orders

    def supplier_orders(self, action: Any) -> tuple[Any, Callable[[Any], Any]]:
        """Those of the orders that go to outside suppliers, and the function that puts others in their place."""
        orders, put = self.placed_orders(action)
        if self.outside_orders is ...:
            return orders, put

        def put_outside(others):
            return put(jax.tree.map(lambda x, other: jnp.asarray(x).at[self.outside_orders].set(other), orders, others))

        return jax.tree.map(lambda x: x[self.outside_orders], orders), put_outside

    def awaited(self, state: Any) -> Any:
        """Units that outside suppliers have not shipped of what they were ordered, in the form of
        :meth:`placed_orders`: none, but under ``shocks``. Inventory positions count them."""
        action = self.order_action(jnp.zeros(self.cells, jnp.float32))
        if state.awaited is not None:
            action = self.supplier_orders(action)[1](state.awaited)
        return self.placed_orders(action)[0]

    # -- derived --------------------------------------------------------------------------------------------------
    def num_step_uniforms(self, params: Any) -> int:
        """Uniforms that :meth:`step_from_uniforms` consumes: a period's and those of a possible reset (static)."""
        return self.num_uniforms(params) + self.num_initial_uniforms(params)

    def sample_exogenous(self, key: Array, state: Any, params: Any) -> Any:
        return self.exogenous(jax.random.uniform(key, (self.num_uniforms(params),)), state, params)

    def reset(self, key: Array, params: Any = None) -> tuple[Any, Any]:
        """Observation and state of a new episode."""
        params = self.default_params() if params is None else params
        state = self.init_state(jax.random.uniform(key, (self.num_initial_uniforms(params),)), params)
        return self.observe(state, params), state

    def step_env(self, key: Array, state: Any, action: Any, params: Any) -> tuple[Any, Any, Array, Array, dict]:
        """One period without time limit or reset: (obs, state, reward, terminated, info)."""
        state, outcome = self.transition(state, action, self.sample_exogenous(key, state, params), params)
        observation = self.observe(state, params)
        info = {"ledger": outcome.ledger, "action_mask": self.action_mask(state, params)}
        return observation, state, outcome.reward, outcome.terminated, info

    def step(
        self, key: Array, state: Any, action: Any, params: Any = None
    ) -> tuple[Any, Any, Array, Array, Array, dict]:
        """One period with time limit and autoreset: (obs, state, reward, terminated, truncated, info), the
        convention of gymnax 1.0. Use :meth:`step_env` for no reset."""
        params = self.default_params() if params is None else params
        u = jax.random.uniform(key, (self.num_step_uniforms(params),))
        return self.step_from_uniforms(u, state, action, params)

    def step_from_uniforms(
        self, u: Array, state: Any, action: Any, params: Any
    ) -> tuple[Any, Any, Array, Array, Array, dict]:
        """:meth:`step` on given uniforms [num_step_uniforms]. A batch of environments steps fastest on one block
        ``uniform(key, [N * num_step_uniforms])``, reshaped, under ``vmap``: a key per environment costs more than the
        model."""
        n = self.num_uniforms(params)
        following, outcome = self.transition(state, action, self.exogenous(u[:n], state, params), params)
        truncated = (following.time >= params.max_steps_in_episode) & ~outcome.terminated
        done = outcome.terminated | truncated
        final_observation = self.observe(following, params)  # costs nothing where it is not read

        fresh = self.init_state(u[n:], params)
        following = jax.tree.map(lambda new, old: jnp.where(done, new, old), fresh, following)
        observation = self.observe(following, params)
        info = {
            "terminated": outcome.terminated,
            "truncated": truncated,
            "final_observation": final_observation,  # of the state reached, before any reset: bootstrap from it
            "ledger": outcome.ledger,
            "action_mask": self.action_mask(following, params),
        }
        return observation, following, outcome.reward, outcome.terminated, truncated, info

    def sample_path(self, key: Array, state: Any, params: Any, length: int) -> Any:
        """Exogenous information of ``length`` periods from ``state`` on; leaves [length, ...]."""

        def body(state, u):
            exo = self.exogenous(u, state, params)
            return state.replace(time=state.time + 1, exo=exo.next), exo

        u = jax.random.uniform(key, (length, self.num_uniforms(params)))
        return jax.lax.scan(body, state, u)[1]

    def rollout(
        self,
        policy: Policy,
        state: Any,
        path: Any,
        params: Any,
        key: Array | None = None,
        record: Callable[[Transition], Any] = lambda transition: transition,
    ) -> tuple[Any, Any]:
        """Run ``policy`` along a given exogenous path, without time limit: (final state, records [T, ...]).

        The same path serves every policy: common random numbers, hindsight and pathwise gradients. ``record`` picks
        what is kept of each period; a stochastic policy needs ``key``.
        """
        keys = jax.random.split(jax.random.key(0) if key is None else key, jax.tree.leaves(path)[0].shape[0])

        def body(state, inputs):
            exo, key = inputs
            action = policy(self, state, params, key)
            following, outcome = self.transition(state, action, exo, params)
            return following, record(Transition(state, action, outcome))

        return jax.lax.scan(body, state, (path, keys))
