"""gymnax: https://github.com/RobertTLange/gymnax"""

import dataclasses
from functools import partial
from typing import Any

import jax
import numpy as np
from gymnax.environments import environment  # pyright: ignore[reportMissingImports]
from gymnax.environments import spaces as theirs  # pyright: ignore[reportMissingImports]
from jax import Array
from jax.core import Tracer

from jaxinv.compat import view
from jaxinv.env import Environment, spaces


@dataclasses.dataclass(frozen=True)
class GymnaxEnv(environment.Environment):
    """``env`` with the interface of gymnax 1.0: the same steps with the same keys.

    A discrete space of several entries is a ``Tuple`` of scalar ones, since gymnax has no other.
    """

    env: Environment

    @property
    def default_params(self) -> Any:
        return self.env.default_params()

    @property
    def name(self) -> str:
        return type(self.env).__name__

    @property
    def num_actions(self) -> int:
        """Choices of a single discrete action, else the numbers in an action."""
        space = self.env.action_space(self.default_params)
        return space.n if isinstance(space, spaces.Discrete) and view.shape(space) == () else spaces.size(space)

    def action_space(self, params: Any) -> Any:
        return view.convert(self.env.action_space(params), _space, theirs.Dict)

    def observation_space(self, params: Any) -> Any:
        return view.convert(self.env.observation_space(params), _space, theirs.Dict)

    def observe(self, key: Array, state: Any, action: Any, params: Any) -> Any:
        return self._shown(self.env.observe(state, params), params)

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: Array, params: Any = None) -> tuple[Any, Any]:
        return self.reset_env(key, self.default_params if params is None else params)

    def reset_env(self, key: Array, params: Any) -> tuple[Any, Any]:
        observation, state = self.env.reset(key, params)
        return self._shown(observation, params), state

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: Array, state: Any, action: Any, params: Any = None) -> tuple[Any, ...]:
        """(observation, state, reward, terminated, truncated, info), with autoreset."""
        params = self.default_params if params is None else params
        action = view.inward(self.env.action_space(params), action)
        observation, *results, info = self.env.step(key, state, action, params)
        final = self._shown(info["final_observation"], params)
        return self._shown(observation, params), *results, {**self._info(info, params), "final_observation": final}

    def step_env(self, key: Array, state: Any, action: Any, params: Any) -> tuple[Any, ...]:
        """(observation, state, reward, terminated, info), without time limit or reset."""
        action = view.inward(self.env.action_space(params), action)
        observation, *results, info = self.env.step_env(key, state, action, params)
        return self._shown(observation, params), *results, self._info(info, params)

    def _shown(self, observation: Any, params: Any) -> Any:
        return view.outward(self.env.observation_space(params), observation)

    def _info(self, info: dict[str, Any], params: Any) -> dict[str, Any]:
        return {**info, "action_mask": view.mask(self.env, info["action_mask"], params)}


class GymnaxFiveValueEnv(GymnaxEnv):
    """``env`` with the interface of gymnax before 1.0, which learners such as rejax 0.1 expect: ``done`` in place of
    ``terminated`` and ``truncated``, which are in ``info``."""

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: Array, state: Any, action: Any, params: Any = None) -> tuple[Any, ...]:
        """(observation, state, reward, done, info), with autoreset."""
        observation, state, reward, terminated, truncated, info = super().step(key, state, action, params)
        return observation, state, reward, terminated | truncated, info


def _space(leaf: Any) -> Any:
    if isinstance(leaf, spaces.Box):
        return theirs.Box(_bound(leaf.low), _bound(leaf.high), view.shape(leaf), leaf.dtype)
    one = theirs.Discrete(leaf.n)
    return one if view.shape(leaf) == () else theirs.Tuple([one] * spaces.size(leaf))


def _bound(value: Any) -> Any:
    """One number where all are the same: learners keep bounds in static fields, which must hash."""
    if isinstance(value, Tracer):
        return value
    value = np.asarray(value)
    return float(value.flat[0]) if value.size and (value == value.flat[0]).all() else value
