"""JaxMARL: https://github.com/FLAIROX/JaxMARL"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxmarl.environments import spaces as theirs  # pyright: ignore[reportMissingImports]
from jaxmarl.environments.multi_agent_env import MultiAgentEnv  # pyright: ignore[reportMissingImports]

from jaxinv.compat.timestep import TimeStepEnv
from jaxinv.env import spaces


class JaxMarlEnv(TimeStepEnv, MultiAgentEnv):
    """``env``, which is a ``MultiAgent``, with ``params`` (its defaults unless given) with the interface of JaxMARL:
    observations, actions, rewards and ends in dictionaries by agent.

    All agents end together, and JaxMARL does not tell time limits from other ends. ``infos`` do, and tell what the
    ledger books for each agent, as arrays [A] that its learners can log: ``terminated``, ``truncated``, ``own_reward``.
    """

    env: Any

    # -- agents and spaces ----------------------------------------------------------------------------------------
    @property
    def name(self) -> str:
        return type(self.env.env).__name__

    @property
    def agents(self) -> list[str]:
        return list(self.env.agents)

    @property
    def num_agents(self) -> int:
        return self.env.num_agents

    @property
    def agent_classes(self) -> dict[str, list[str]]:
        return {"_".join(self.env.by): self.agents}

    @property
    def observation_spaces(self) -> dict[str, Any]:
        return self._by_agent(self.env.observation_space)

    @property
    def action_spaces(self) -> dict[str, Any]:
        return self._by_agent(self.env.action_space)

    def _by_agent(self, stacked: Callable[[Any], Any]) -> dict[str, Any]:
        with jax.ensure_compile_time_eval():  # bounds are numbers, though asked for in compiled code
            space = stacked(self.params)
            each = space.shape[1:]
            if isinstance(space, spaces.Discrete):
                one = theirs.MultiDiscrete([space.n] * each[0]) if each else theirs.Discrete(space.n, space.dtype)
                return dict.fromkeys(self.agents, one)
            bounds = zip(np.asarray(space.low), np.asarray(space.high), strict=True)
            boxes = [theirs.Box(low, high, each, space.dtype) for low, high in bounds]
        return dict(zip(self.agents, boxes, strict=True))

    # -- episodes -------------------------------------------------------------------------------------------------
    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: Array) -> tuple[dict[str, Array], Any]:
        observations, state = self.env.reset(key, self.params)
        return self._dict(observations), state

    def step_env(
        self, key: Array, state: Any, actions: dict[str, Array]
    ) -> tuple[dict[str, Array], Any, dict[str, Array], dict[str, Array], dict[str, Array]]:
        """(observations, state, rewards, dones, infos) without reset, for which ``step`` sees."""
        stacked = jnp.stack([jnp.asarray(actions[agent]) for agent in self.agents])
        observations, state, rewards, terminated, info = self.env.step_env(key, state, stacked, self.params)
        truncated = (state.time >= self.params.max_steps_in_episode) & ~terminated
        done = terminated | truncated
        ends = {"terminated": terminated, "truncated": truncated}
        infos = {name: jnp.broadcast_to(end, (self.num_agents,)) for name, end in ends.items()}
        infos["own_reward"] = self.env.own_rewards(info["ledger"])
        dones = {name: done for name in (*self.agents, "__all__")}
        return self._dict(observations), state, self._dict(rewards), dones, infos

    def get_obs(self, state: Any) -> dict[str, Array]:
        return self._dict(self.env.observe(state, self.params))

    def get_avail_actions(self, state: Any) -> dict[str, Array]:
        """Legal choices by agent."""
        legal, space = self.env.action_mask(state, self.params), self.env.action_space(self.params)
        if not isinstance(space, spaces.Discrete):
            raise NotImplementedError(f"{self.name} has no choices to tell legal from others: its actions are numbers")
        return self._dict(jnp.ones((*space.shape, space.n), bool) if legal is None else legal)

    def get_world_state(self, state: Any) -> Array:
        """All that there is to observe, as one vector for centralised critics."""
        return self.env.global_state(state, self.params)

    def world_state_size(self) -> int:
        return spaces.size(self.env.env.observation_space(self.params.inner))

    def _dict(self, stacked: Array) -> dict[str, Array]:
        return dict(zip(self.agents, stacked, strict=True))
