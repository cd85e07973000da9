"""Tiny environments with known answers: each isolates one thing a learner must get right."""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.env import core, spaces


@dataclasses.dataclass(frozen=True)
class Probe(core.Environment):
    """A number in [0, 1), ``exo``, is drawn anew every period; what follows from it is said by the subclasses.
    One-period episodes unless said otherwise."""

    def default_params(self) -> Any:
        return core.EnvParams()

    def num_uniforms(self, params):
        return 1

    def num_initial_uniforms(self, params):
        return 1

    def init_state(self, u, params):
        return core.EnvState(time=jnp.int32(0), exo=u[0])

    def exogenous(self, u, state, params):
        return core.Exogenous(next=u[0])

    def transition(self, state, action, exo, params):
        following = core.EnvState(time=state.time + 1, exo=exo.next)
        reward, terminated = jnp.float32(self.reward(state, action)), self.terminated(following, params)
        return following, core.Outcome(reward=reward, terminated=terminated, ledger=None)

    def reward(self, state, action):
        raise NotImplementedError

    def terminated(self, following, params):
        return jnp.bool_(True)

    def observe(self, state, params):
        return jnp.zeros(1)

    def observation_space(self, params):
        return spaces.unbounded((1,))

    def action_space(self, params):
        return spaces.Discrete(2)


class DelayedReward(Probe):
    """Nothing in the first period, 1 in the second and last; the period is observed: values ``discount`` and 1."""

    def default_params(self):
        return core.EnvParams(max_steps_in_episode=2)

    def observe(self, state, params):
        return jnp.float32(state.time)[None]

    def reward(self, state, action):
        return state.time == 1

    def terminated(self, following, params):
        return following.time >= 2


@struct.dataclass(kw_only=True)
class EndlessParams(core.EnvParams):
    ends: Array = struct.leaf(False, dtype=jnp.bool_)


class Endless(Probe):
    """1 in every period, for ever: value 1 / (1 - discount), however often a time limit cuts the episode. Where
    ``ends``, the episode terminates after one period: value 1."""

    def reward(self, state, action):
        return 1.0

    def terminated(self, following, params):
        return params.ends


class Alternating(Probe):
    """0 and 2 in turn, for ever: average reward 1; differential values -1 / (1 + discount) before the 0 and the
    opposite before the 2."""

    def observe(self, state, params):
        return jnp.float32(state.time % 2)[None]

    def reward(self, state, action):
        return 2 * (state.time % 2)

    def terminated(self, following, params):
        return jnp.bool_(False)


class MatchTheObservation(Probe):
    """1 for the action that the observation names, for ever: does the policy read the observation?"""

    def observe(self, state, params):
        return jnp.round(state.exo)[None]

    def reward(self, state, action):
        return action == jnp.round(state.exo)

    def terminated(self, following, params):
        return jnp.bool_(False)


class Forbidden(Probe):
    """Action 2 is worth most and illegal; of the legal ones 1 is best, and its value 1."""

    def action_space(self, params):
        return spaces.Discrete(3)

    def action_mask(self, state, params):
        return jnp.array([True, True, False])

    def reward(self, state, action):
        return jnp.float32(action)


class Target(Probe):
    """A number in [0, 10], best at 7, and an unbounded pair, best at (-0.5, 0.5)."""

    def action_space(self, params):
        return spaces.Tree({"bounded": spaces.Box(0.0, 10.0, ()), "free": spaces.unbounded((2,))})

    def reward(self, state, action):
        miss = jnp.sum((action["free"] - jnp.array([-0.5, 0.5])) ** 2)
        return -(((action["bounded"] - 7.0) / 5.0) ** 2) - miss


class Remember(Probe):
    """1 for the action that the observation before the last one named: only a policy that remembers gets more than
    half of it."""

    def init_state(self, u, params):
        return core.EnvState(time=jnp.int32(0), exo=jnp.stack([u[0], u[0]]))

    def exogenous(self, u, state, params):
        return core.Exogenous(next=jnp.stack([u[0], state.exo[0]]))

    def observe(self, state, params):
        return jnp.round(state.exo[:1])

    def reward(self, state, action):
        return action == jnp.round(state.exo[1])

    def terminated(self, following, params):
        return jnp.bool_(False)


@dataclasses.dataclass(frozen=True)
class Together(Probe):
    """Two agents, each with an observation of its own."""

    endless: bool = False
    num_agents = 2

    def terminated(self, following, params):
        return jnp.bool_(not self.endless)

    def num_initial_uniforms(self, params):
        return 2

    def num_uniforms(self, params):
        return 2

    def init_state(self, u, params):
        return super().init_state(u[:1], params).replace(exo=jnp.round(u))

    def exogenous(self, u, state, params):
        return core.Exogenous(next=jnp.round(u))

    def observe(self, state, params):
        return state.exo[:, None]

    def observation_space(self, params):
        return spaces.Box(0.0, 1.0, (2, 1))


class MatchOwn(Together):
    """Agent a earns a + 1 for the action that its observation names, less 1 where the other's is named 1."""

    def action_space(self, params):
        return spaces.Discrete(2, (2,))

    def reward(self, state, action):
        return jnp.array([1.0, 2.0]) * (action == state.exo) - state.exo[::-1]


class Externality(Together):
    """What an agent does beyond 0.3 costs itself, and all that it does costs the other."""

    def action_space(self, params):
        return spaces.Box(-jnp.ones((2, 1)), jnp.ones((2, 1)), (2, 1))

    def reward(self, state, action):
        x = action[:, 0]
        return -((x - 0.3) ** 2) - x[::-1]
