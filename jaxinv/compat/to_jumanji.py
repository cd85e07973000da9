"""Jumanji: https://github.com/instadeepai/jumanji"""

import functools
from collections import namedtuple
from typing import Any

import jax
import jax.numpy as jnp
import jumanji  # pyright: ignore[reportMissingImports]
import numpy as np
from jax import Array
from jumanji import specs  # pyright: ignore[reportMissingImports]
from jumanji.types import StepType, TimeStep, restart  # pyright: ignore[reportMissingImports]

from jaxinv import struct
from jaxinv.compat import view
from jaxinv.compat.timestep import TimeStepEnv
from jaxinv.env import spaces


@struct.dataclass
class State:
    key: Array
    env_state: Any


class JumanjiEnv(TimeStepEnv, jumanji.Environment):
    """``env`` with ``params`` (its defaults unless given) with the interface of Jumanji.

    The last time step of an episode has discount 0 if the problem itself ended and 1 if a time limit cut it. Extras:
    the period's ledger and, where not all actions are legal, the ``action_mask``. Where others see a dictionary,
    Jumanji sees a named tuple.
    """

    def __post_init__(self):
        super().__post_init__()
        jumanji.Environment.__init__(self)  # asks for all specs, some of which cannot be made in compiled code

    def __repr__(self) -> str:
        return f"JumanjiEnv({self.env!r})"

    def reset(self, key: Array) -> tuple[State, TimeStep]:
        now, later = jax.random.split(key)
        state, observation, extras = self._begin(now, self.params)
        return State(later, state), restart(_tuple(observation), extras, dtype=np.float32)

    def step(self, state: State, action: Any) -> tuple[State, TimeStep]:
        now, later = jax.random.split(state.key)
        action = action._asdict() if hasattr(action, "_asdict") else action
        env_state, observation, reward, terminated, truncated, extras = self._advance(
            now, state.env_state, action, self.params
        )
        step_type = jnp.where(terminated | truncated, StepType.LAST, StepType.MID)
        timestep = TimeStep(
            step_type=step_type,
            reward=reward,
            discount=jnp.where(terminated, 0.0, 1.0),
            observation=_tuple(observation),
            extras=extras,
        )
        return State(later, env_state), timestep

    @property
    def observation_spec(self) -> Any:
        return _spec(self.env.observation_space(self.params), "observation")

    @property
    def action_spec(self) -> Any:
        return _spec(self.env.action_space(self.params), "action")


@functools.cache  # one type, so that all time steps are the same tree
def _values(*names: str) -> Any:
    return namedtuple("Values", names)


def _tuple(value: Any) -> Any:
    return _values(*value)(**value) if isinstance(value, dict) else value


def _spec(space: spaces.Space, name: str) -> specs.Spec:
    def group(entries):
        return specs.Spec(_values(*entries), name, **entries)

    with jax.ensure_compile_time_eval():  # specs look at the values of their bounds
        return view.convert(space, lambda leaf: _leaf_spec(leaf, name), group)


def _leaf_spec(leaf: Any, name: str) -> specs.Spec:
    shape = view.shape(leaf)
    if isinstance(leaf, spaces.Discrete):
        if shape == ():
            return specs.DiscreteArray(leaf.n, leaf.dtype, name)
        return specs.MultiDiscreteArray(jnp.full(shape, leaf.n, leaf.dtype), leaf.dtype, name)
    if np.isinf(leaf.low).all() and np.isinf(leaf.high).all():
        return specs.Array(shape, leaf.dtype, name)
    return specs.BoundedArray(shape, leaf.dtype, leaf.low, leaf.high, name)
