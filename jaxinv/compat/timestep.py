"""What environments with time steps have in common: episodes without autoreset, randomness in the state."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv.compat import view
from jaxinv.env import Environment


@dataclasses.dataclass(frozen=True, eq=False)
class TimeStepEnv:
    """``env`` with ``params`` (its defaults unless given), equal to another by the value of both."""

    env: Environment
    params: Any = None

    def __post_init__(self):
        if self.params is None:
            object.__setattr__(self, "params", self.env.default_params())

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._identity() == other._identity()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[Any, ...]:
        leaves, treedef = jax.tree.flatten(self.params)
        return self.env, treedef, tuple((x.shape, x.dtype.str, x.tobytes()) for x in map(np.asarray, leaves))

    def _begin(self, key: Array, params: Any) -> tuple[Any, Any, dict[str, Any]]:
        """(state, observation, extras) of a new episode; its ledger is empty, so that all extras are alike."""
        u = jax.random.uniform(key, (self.env.num_initial_uniforms(params),))
        state, observation, extras = view.reset(self.env, u, params)
        ledger = jax.eval_shape(lambda: self._advance(key, state, self._any_action(key, params), params)[-1]["ledger"])
        return state, observation, {"ledger": jax.tree.map(jnp.zeros_like, ledger), **extras}

    def _any_action(self, key: Array, params: Any) -> Any:
        space = self.env.action_space(params)
        return view.outward(space, space.sample(key))

    def _advance(self, key: Array, state: Any, action: Any, params: Any) -> tuple[Any, ...]:
        """One period: (state, observation, reward, terminated, truncated, extras)."""
        u = jax.random.uniform(key, (self.env.num_uniforms(params),))
        return view.period(self.env, u, state, action, params)
