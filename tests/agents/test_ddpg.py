"""Do the learners with continuous actions find the known answers?"""

import jax
import jax.numpy as jnp
import pytest

from jaxinv.agents import DDPG, MLP, SAC, TD3
from jaxinv.env import spaces
from tests.agents import probes

KINDS = {"DDPG": DDPG, "TD3": TD3, "SAC": SAC}
# TD3 has all that DDPG has.
kinds = pytest.mark.parametrize("kind", [pytest.param("DDPG", marks=pytest.mark.slow), "TD3", "SAC"])


def train(kind, env, **fields):
    algo = KINDS[kind](env=env, **{
        "network": MLP(hidden=(16,), activation="relu"), "num_envs": 16, "num_steps": 4, "num_updates": 300,
        "gradient_steps": 4, "batch_size": 64, "buffer_periods": 128, "burn_in": 16, "average_reward": False,
        "normalise_reward": False, "learning_rate": 1e-2, "discount": 0.9, "target_rate": 0.05,
    } | fields)  # fmt: skip
    return algo, *jax.jit(algo.train)(jax.random.key(0), env.default_params())


@pytest.mark.slow
@kinds
def test_actions_find_the_target(kind):
    """Whose worth is 0, where that of the untrained policy is -0.66. Relu critics are made of flat pieces, at the edges
    of which deterministic policies stop."""
    algo, state, _ = train(kind, probes.Target(), num_updates=600, network=MLP(hidden=(32, 32), activation="relu"))
    action = algo.policy(state).act(jnp.zeros(1))
    assert float(algo.env.reward(None, action)) > -0.03


class Brink(probes.Probe):
    """A level in [0, 2], worth what it is, and in every other period of an endless game a bonus of 4: average reward 4
    at the upper bound."""

    def observe(self, state, params):
        return jnp.float32(state.time % 2)[None]

    def action_space(self, params):
        return spaces.Box(0.0, 2.0, ())

    def reward(self, state, action):
        return action + 4 * (state.time % 2)

    def terminated(self, following, params):
        return jnp.bool_(False)


@kinds
def test_bounds_are_reached_and_the_average_reward_found(kind):
    # What entropy is worth is part of SAC's average reward: little of it is wanted here.
    fields = {"target_entropy": -3.0} if kind == "SAC" else {}
    algo, state, _ = train(kind, Brink(), average_reward=True, **fields)
    actions = [float(algo.policy(state).act(jnp.array([time]))) for time in (0.0, 1.0)]
    assert actions == pytest.approx([2.0, 2.0], abs=0.05)
    assert float(state.average_reward) == pytest.approx(4.0, abs=0.1)
