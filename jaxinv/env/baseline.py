"""Rewards against a baseline that meets the same demand."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv.env import core, spaces
from jaxinv.env.history import Remembering, State


@dataclasses.dataclass(frozen=True)
class AgainstZero(Remembering):
    """The reward less what the action zero earns in an environment of its own on the same exogenous path: around
    ``Steered`` environments, the gain over the heuristic that is steered.

    No decision changes what the other environment earns, so what is best stays best. What is gone is the noise that
    both have in common, most of it where demand is erratic. Ledgers are those of the decisions taken. To learn in;
    policies learned act in :attr:`env`.
    """

    def init_state(self, u: Array, params: Any) -> State:
        bare = self.env.init_state(u, params)
        return self._around(bare, bare.replace(time=(), exo=()))

    def transition(self, state: State, action: Any, exo: Any, params: Any) -> tuple[State, core.Outcome]:
        bare, outcome = self.env.transition(state.bare, action, exo, params)
        baseline = state.past.replace(time=state.time, exo=state.exo)
        baseline, usual = self.env.transition(baseline, jax.tree.map(jnp.zeros_like, action), exo, params)
        following = self._around(bare, baseline.replace(time=(), exo=()))
        return following, outcome.replace(reward=outcome.reward - usual.reward)

    def observe(self, state: State, params: Any) -> Any:
        return self.env.observe(state.bare, params)

    def observation_space(self, params: Any) -> spaces.Space:
        return self.env.observation_space(params)
