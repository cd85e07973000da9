"""Gymnasium: https://gymnasium.farama.org

The randomness of an episode comes from the generator of the Gymnasium environment, ``np_random``, so
``reset(seed=...)`` repeats it. These objects hold a current state: like all Gymnasium environments each equals only
itself, and a copy or a pickle goes on from the same state with the same randomness.
"""

from functools import partial
from typing import Any

import gymnasium  # pyright: ignore[reportMissingImports]
import jax
import jax.numpy as jnp
import numpy as np
from gymnasium.vector import AutoresetMode  # pyright: ignore[reportMissingImports]
from gymnasium.vector.utils import batch_space  # pyright: ignore[reportMissingImports]

from jaxinv.compat import view
from jaxinv.env import Environment, spaces

_reset = jax.jit(view.reset, static_argnums=0)
_period = jax.jit(view.period, static_argnums=0)


class GymnasiumEnv(gymnasium.Env):
    """One environment of ``env`` with ``params``, its defaults unless given.

    ``info`` holds the period's ledger by cause and, where not all actions are legal, the ``action_mask`` in the type
    that ``action_space.sample(mask)`` takes.
    """

    metadata = {"render_modes": []}

    def __init__(self, env: Environment, params: Any = None):
        self.env = env
        self.params = env.default_params() if params is None else params
        self.observation_space = _space(env.observation_space(self.params))
        self.action_space = _space(env.action_space(self.params))
        self._state = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        u = self._uniforms(self.env.num_initial_uniforms(self.params))
        self._state, *shown = _reset(self.env, u, self.params)
        observation, info = jax.device_get(shown)
        return _observation(self.observation_space, observation), _info(info)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self._state is None:
            raise gymnasium.error.ResetNeeded("call reset before the first step")
        u = self._uniforms(self.env.num_uniforms(self.params))
        self._state, *shown = _period(self.env, u, self._state, _arrays(action), self.params)
        observation, reward, terminated, truncated, info = jax.device_get(shown)
        observation = _observation(self.observation_space, observation)
        return observation, float(reward), bool(terminated), bool(truncated), _info(info)

    def _uniforms(self, n: int) -> np.ndarray:
        return self.np_random.random(n, dtype=np.float32)


class GymnasiumVectorEnv(gymnasium.vector.VectorEnv):
    """``num_envs`` environments of ``env`` with ``params`` (its defaults unless given), stepped in one compiled call.

    With ``AutoresetMode.NEXT_STEP``, Gymnasium's default and what its wrappers expect, the step after the end of an
    episode resets it, ignores its action and has no ledger. With ``SAME_STEP`` an episode that ends gives way to a
    new one at once, and what it ended in is in ``info["final_obs"]`` and ``info["final_info"]``. Raises ``ValueError``
    for other modes.
    """

    def __init__(
        self,
        env: Environment,
        num_envs: int,
        params: Any = None,
        autoreset_mode: AutoresetMode = AutoresetMode.NEXT_STEP,
    ):
        if num_envs < 1:
            raise ValueError(f"GymnasiumVectorEnv.num_envs must be >= 1, got {num_envs}")
        if autoreset_mode not in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
            raise ValueError(f"GymnasiumVectorEnv.autoreset_mode must be NEXT_STEP or SAME_STEP, got {autoreset_mode}")
        self.env = env
        self.num_envs = num_envs
        self.params = env.default_params() if params is None else params
        self.metadata = {"render_modes": [], "autoreset_mode": autoreset_mode}
        self.single_observation_space = _space(env.observation_space(self.params))
        self.single_action_space = _space(env.action_space(self.params))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._state = None
        self._over = np.zeros(num_envs, bool)  # to be reset in the next step

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        if options and "reset_mask" in options:
            raise ValueError("the option reset_mask is for environments without autoreset; these reset themselves")
        super().reset(seed=seed)
        u = self._uniforms(self.env.num_initial_uniforms(self.params))
        self._state, *shown = _reset_all(self.env, u, self.params)
        self._over = np.zeros(self.num_envs, bool)
        observation, info = jax.device_get(shown)
        everywhere = np.ones(self.num_envs, bool)
        return _observation(self.observation_space, observation), _masked(_info(info), everywhere)

    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        if self._state is None:
            raise gymnasium.error.ResetNeeded("call reset before the first step")
        same_step = self.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
        over, everywhere = self._over, np.ones(self.num_envs, bool)
        u = self._uniforms(self.env.num_step_uniforms(self.params))
        actions = _arrays(actions)
        self._state, last, *shown = _step_all(self.env, same_step, u, self._state, over, actions, self.params)
        info, observation, reward, terminated, truncated, extras = jax.device_get(shown)
        done = terminated | truncated
        infos = _masked({"ledger": info["ledger"]}, ~done if same_step else ~over) | _masked(_info(extras), everywhere)
        if same_step and done.any():
            infos |= {"final_obs": self._final(last, done), "_final_obs": done}
            infos |= {"final_info": _masked(_info(info), done), "_final_info": done}
        self._over = ~everywhere if same_step else done
        observation = _observation(self.observation_space, observation)
        return observation, np.array(reward), np.array(terminated), np.array(truncated), infos

    def _uniforms(self, n: int) -> np.ndarray:
        return self.np_random.random((self.num_envs, n), dtype=np.float32)

    def _final(self, observation: Any, done: np.ndarray) -> np.ndarray:
        """An array of objects: the last observation of each episode that is over."""
        observation = jax.device_get(observation)
        final = np.full(self.num_envs, None, dtype=object)
        for i in np.flatnonzero(done):
            final[i] = _observation(self.single_observation_space, jax.tree.map(lambda x, i=i: x[i], observation))
        return final


@partial(jax.jit, static_argnums=0)
def _reset_all(env, u, params):
    return jax.vmap(lambda u: view.reset(env, u, params))(u)


@partial(jax.jit, static_argnums=(0, 1))
def _step_all(env, same_step, u, state, over, action, params):
    """One step of every environment; those that are ``over`` only start anew."""

    def one(u, state, over, action):
        n = env.num_uniforms(params)
        state, last, *outcome, info = view.period(env, u[:n], state, action, params)
        reward, terminated, truncated = (jnp.where(over, jnp.zeros_like(x), x) for x in outcome)
        ends = terminated | truncated if same_step else over
        extras = {name: value for name, value in info.items() if name != "ledger"}
        state, observation, extras = jax.tree.map(
            lambda new, old: jnp.where(ends, new, old), view.reset(env, u[n:], params), (state, last, extras)
        )
        return state, last, info, observation, reward, terminated, truncated, extras

    return jax.vmap(one)(u, state, over, action)


def _space(space: spaces.Space) -> gymnasium.Space:
    return view.convert(space, _leaf_space, gymnasium.spaces.Dict)


def _leaf_space(leaf: Any) -> gymnasium.Space:
    shape = view.shape(leaf)
    if isinstance(leaf, spaces.Box):
        low, high = (np.broadcast_to(np.asarray(bound, leaf.dtype), shape) for bound in (leaf.low, leaf.high))
        return gymnasium.spaces.Box(low, high, dtype=leaf.dtype)
    if shape == ():
        return gymnasium.spaces.Discrete(leaf.n)
    return gymnasium.spaces.MultiDiscrete(np.full(shape, leaf.n))


def _arrays(action: Any) -> Any:
    """What numpy understands, lists and tensors of other packages among it, as arrays."""
    return {name: np.asarray(x) for name, x in action.items()} if isinstance(action, dict) else np.asarray(action)


def _observation(space: gymnasium.Space, value: Any) -> Any:
    """Writable numpy arrays of the types that ``space`` declares."""
    if isinstance(space, gymnasium.spaces.Dict):
        return {name: _observation(entry, value[name]) for name, entry in space.items()}
    if isinstance(space, gymnasium.spaces.Discrete):
        return np.int64(value)
    return np.array(value, space.dtype)


def _info(info: dict[str, Any]) -> dict[str, Any]:
    if "action_mask" in info:
        info = {**info, "action_mask": jax.tree.map(lambda x: x.astype(np.int8), info["action_mask"])}
    return info


def _masked(infos: dict[str, Any], present: np.ndarray) -> dict[str, Any]:
    """Gymnasium's form of infos [num_envs, ...]: beside every entry, which environments have it; zeros elsewhere."""
    masked = {}
    for name, value in infos.items():
        if isinstance(value, dict):
            masked[name] = _masked(value, present)
        else:
            masked[name] = np.where(present.reshape(-1, *[1] * (value.ndim - 1)), value, 0)
        masked[f"_{name}"] = present
    return masked
