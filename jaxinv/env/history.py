"""Environments that are observed with their past or with their demand, for policies that remember."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.env import core, spaces
from jaxinv.env.given import structure
from jaxinv.env.wrappers import Wrapper


@struct.dataclass(kw_only=True)
class State(core.EnvState):
    inner: Any  # of the wrapped environment, without time and exogenous part, which are kept here
    past: Any  # what is remembered

    @property
    def bare(self) -> Any:
        """State of the wrapped environment."""
        return self.inner.replace(time=self.time, exo=self.exo)

    def __getattr__(self, name: str) -> Any:
        if name == "inner" or name.startswith("__"):  # not there yet while a copy is being built
            raise AttributeError(name)
        return getattr(self.inner, name)


@dataclasses.dataclass(frozen=True)
class Remembering(Wrapper):
    """Base of the wrappers whose state is that of the wrapped environment and something that is remembered."""

    def _around(self, bare: Any, past: Any) -> State:
        return State(time=bare.time, exo=bare.exo, inner=bare.replace(time=(), exo=()), past=past)

    def exogenous(self, u: Array, state: State, params: Any) -> Any:
        return self.env.exogenous(u, state.bare, params)

    def action_mask(self, state: State, params: Any) -> Any:
        return self.env.action_mask(state.bare, params)

    def native_action(self, action: Any, state: State, params: Any) -> Any:
        return self.env.native_action(action, state.bare, params)


@dataclasses.dataclass(frozen=True)
class ObservationHistory(Remembering):
    """The observations of the last ``length`` periods, each array of which gains a first axis, the latest last. At the
    start of an episode the first one stands for those before it.

    What a policy remembers is thus part of the state: any learner can train it, on any network that reads sequences
    (``jaxinv.agents.GRU``, ``Transformer``), and heuristics act in it as in the wrapped environment.
    """

    length: int = 16

    def __post_init__(self):
        structure(self, length=1)

    def init_state(self, u: Array, params: Any) -> State:
        bare = self.env.init_state(u, params)
        first = self.env.observe(bare, params)
        # The observations before this one, leaves [length - 1, ...], the latest last.
        return self._around(bare, jax.tree.map(lambda x: jnp.broadcast_to(x, (self.length - 1, *x.shape)), first))

    def transition(self, state: State, action: Any, exo: Any, params: Any) -> tuple[State, core.Outcome]:
        bare, outcome = self.env.transition(state.bare, action, exo, params)
        past = jax.tree.map(lambda x: x[1:], self.observe(state, params))
        return self._around(bare, past), outcome

    def observe(self, state: State, params: Any) -> Any:
        now = self.env.observe(state.bare, params)
        return jax.tree.map(lambda past, x: jnp.concatenate([past, x[None]]), state.past, now)

    def observation_space(self, params: Any) -> spaces.Space:
        def longer(space: spaces.Box) -> spaces.Box:
            low, high = (np.broadcast_to(bound, (self.length, *space.shape)) for bound in (space.low, space.high))
            return dataclasses.replace(space, low=low, high=high, shape=(self.length, *space.shape))

        space = self.env.observation_space(params)
        if not isinstance(space, spaces.Tree):
            return longer(space)
        return spaces.Tree(jax.tree.map(longer, space.spaces, is_leaf=lambda x: isinstance(x, spaces.Space)))


@dataclasses.dataclass(frozen=True)
class LastDemand(Remembering):
    """The demand of the last period, in ``demand_scale``, observed beside what the environment shows: {"demand":
    [*shape], "observation": ...}, of an environment whose parameters have a process ``demand`` of that shape. At the
    start of an episode its mean stands for it. In an :class:`ObservationHistory` it makes the history of demand."""

    def init_state(self, u: Array, params: Any) -> State:
        return self._around(self.env.init_state(u, params), params.demand.mean())

    def transition(self, state: State, action: Any, exo: Any, params: Any) -> tuple[State, core.Outcome]:
        bare, outcome = self.env.transition(state.bare, action, exo, params)
        return self._around(bare, exo.demand), outcome

    def observe(self, state: State, params: Any) -> dict[str, Any]:
        return {"demand": state.past / params.demand_scale, "observation": self.env.observe(state.bare, params)}

    def observation_space(self, params: Any) -> spaces.Tree:
        inner = self.env.observation_space(params)
        inner = inner.spaces if isinstance(inner, spaces.Tree) else inner
        return spaces.Tree({"demand": spaces.unbounded(params.demand.shape), "observation": inner})
