"""Stoa: https://github.com/EdanToledo/Stoa"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import stoa  # pyright: ignore[reportMissingImports]
from jax import Array
from stoa import StepType, TimeStep  # pyright: ignore[reportMissingImports]
from stoa.env_adapters.base import AdapterStateWithKey  # pyright: ignore[reportMissingImports]

from jaxinv.compat import view
from jaxinv.compat.timestep import TimeStepEnv
from jaxinv.env import spaces


class StoaEnv(TimeStepEnv, stoa.Environment):
    """``env`` with ``params`` (its defaults unless given or passed) with the interface of Stoa.

    Stoa's ``AutoResetWrapper`` starts new episodes with the ``params`` given here. Extras: the period's ledger and,
    where not all actions are legal, the ``action_mask``.
    """

    def reset(self, rng_key: Array, env_params: Any = None) -> tuple[Any, TimeStep]:
        now, later = jax.random.split(rng_key)
        state, observation, extras = self._begin(now, self._params(env_params))
        nothing, whole = jnp.float32(0), jnp.float32(1)
        return AdapterStateWithKey(state, later), TimeStep(StepType.FIRST, nothing, whole, observation, extras)

    def step(self, state: Any, action: Any, env_params: Any = None) -> tuple[Any, TimeStep]:
        now, later = jax.random.split(state.rng_key)
        base_state, observation, reward, terminated, truncated, extras = self._advance(
            now, state.base_env_state, action, self._params(env_params)
        )
        step_type = jnp.where(truncated, StepType.TRUNCATED, StepType.MID)
        step_type = jnp.where(terminated, StepType.TERMINATED, step_type)
        discount = jnp.where(terminated, 0.0, 1.0)
        return AdapterStateWithKey(base_state, later), TimeStep(step_type, reward, discount, observation, extras)

    def observation_space(self, env_params: Any = None) -> stoa.Space:
        return _space(self.env.observation_space(self._params(env_params)))

    def action_space(self, env_params: Any = None) -> stoa.Space:
        return _space(self.env.action_space(self._params(env_params)))

    def state_space(self, env_params: Any = None) -> stoa.Space:
        raise NotImplementedError("environments declare spaces of observations and actions, not of states")

    def _params(self, env_params: Any) -> Any:
        return self.params if env_params is None else env_params


def _space(space: spaces.Space) -> stoa.Space:
    with jax.ensure_compile_time_eval():  # Stoa looks at the values of bounds
        return view.convert(space, _leaf_space, stoa.DictSpace)


def _leaf_space(leaf: Any) -> stoa.Space:
    shape = view.shape(leaf)
    if isinstance(leaf, spaces.Discrete):
        if shape == ():
            return stoa.DiscreteSpace(leaf.n, leaf.dtype)
        return stoa.MultiDiscreteSpace(np.full(shape, leaf.n), leaf.dtype)
    if np.isinf(leaf.low).all() and np.isinf(leaf.high).all():
        return stoa.ArraySpace(shape, leaf.dtype)
    return stoa.BoundedArraySpace(shape, leaf.dtype, leaf.low, leaf.high)
