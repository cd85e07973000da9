"""What holds of every learner: sweeps, resume, and that each of its numbers matters."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv import train
from jaxinv.agents import A2C, A3C, DCL, DDPG, DQN, IPPO, MADDPG, MLP, PPO, REINFORCE, SAC, TD3, AgentNetwork
from jaxinv.env import core, spaces
from jaxinv.optimise import Pathwise
from tests.agents import probes
from tests.trees import assert_equal

PARAMS = core.EnvParams(max_steps_in_episode=7)


class Follow(probes.Probe):
    """The nearer an action in [0, 2] is to the number observed, the better, for ever."""

    def observe(self, state, params):
        return state.exo[None]

    def action_space(self, params):
        return spaces.Box(0.0, 2.0, ())

    def reward(self, state, action):
        return -((action - state.exo) ** 2)

    def terminated(self, following, params):
        return jnp.bool_(False)


class FollowOrNot(Follow):
    """The same where it is a choice of its own whether to act; nothing is 0."""

    def action_space(self, params):
        return spaces.Tree({"act": spaces.Discrete(2), "level": spaces.Box(0.0, 2.0, ())})

    def reward(self, state, action):
        return super().reward(state, action["act"] * action["level"])


ON_POLICY = {"env": probes.MatchTheObservation(), "num_envs": 8, "num_steps": 4}
OFF_POLICY = {
    "num_envs": 8, "num_steps": 2, "buffer_periods": 16, "burn_in": 4, "gradient_steps": 2, "batch_size": 16,
    "prioritised": True, "n_step": 2,
}  # fmt: skip
CONTINUOUS = OFF_POLICY | {"env": Follow()}
LOOKING_AHEAD = {
    "warmup": 2, "spacing": 1, "scenarios": 7, "rounds": 3, "depth": 3, "fit_steps": 20, "batch_size": 16,
    "trial_periods": 8,
}  # fmt: skip
AGENTS = {"network": AgentNetwork(hidden=(16,), central_values=True)}
LEARNERS = {
    "PPO": (PPO, ON_POLICY | {"num_epochs": 2, "num_minibatches": 2}),
    "A2C": (A2C, ON_POLICY),
    "A3C": (A3C, ON_POLICY | {"staleness": 1}),
    "REINFORCE": (REINFORCE, ON_POLICY | {"unseen": 1, "branches": 1}),
    "DQN": (DQN, OFF_POLICY | {"env": probes.MatchTheObservation()}),
    "DDPG": (DDPG, CONTINUOUS | {"target_noise": 0.2}),
    "TD3": (TD3, CONTINUOUS),
    "SAC": (SAC, CONTINUOUS),
    "DCL": (DCL, ON_POLICY | LOOKING_AHEAD),
    "Pathwise": (Pathwise, ON_POLICY | {"env": FollowOrNot(), "warmup": 2, "branches": 4}),
    # Several agents are a network and rewards of their own.
    "IPPO": (IPPO, ON_POLICY | AGENTS | {"env": probes.MatchOwn(endless=True), "num_epochs": 2, "num_minibatches": 2}),
    "MADDPG": (MADDPG, OFF_POLICY | AGENTS | {"env": probes.Externality(endless=True), "target_noise": 0.2}),
}
# Another value of every number.
CHANGES = {
    "learning_rate": 3e-3, "discount": 0.9, "max_grad_norm": 1e-3, "average_reward_rate": 1.0, "gae_lambda": 0.5,
    "entropy_coef": 1.0, "value_coef": 0.1, "clip_range": 1e-3, "value_clip": 1e-3, "target_kl": 1e-7,
    "target_rate": 0.5, "average_share": 1.0, "priority_exponent": 0.0, "importance_exponent": 1.0,
    "epsilon_initial": 0.1, "epsilon_final": 0.9, "epsilon_decay": 1.0, "exploration_noise": 1.0, "target_noise": 1.0,
    "target_noise_clip": 0.01, "initial_temperature": 1.0, "target_entropy": 1.0, "wild": 2.0, "memory": 0.1,
}  # fmt: skip
# What a learner has from its base and has no use for; locations that share rewards are another test.
INERT = {
    "REINFORCE": {"gae_lambda"},
    "SAC": {"exploration_noise", "target_noise", "target_noise_clip"},
    "DCL": {"average_reward_rate", "discount"},  # what follows does not depend on the action here
    "Pathwise": {"average_reward_rate", "wild"},  # nothing is, in so few iterations
}

# A2C is A3C without staleness, REINFORCE has nothing of its own to be vmapped; of the others SAC has most.
SLOW = {"A2C", "REINFORCE", "DDPG", "TD3", "IPPO", "MADDPG"}
kinds = pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW)) for kind in LEARNERS]
)


def learner(kind, **fields):
    make, sizes = LEARNERS[kind]
    fields = {"network": MLP(hidden=(16,)), "num_updates": 4, "learning_rate": 1e-2} | sizes | fields
    return make(**fields)


def numbers(algo):
    return {field.name for field in dataclasses.fields(algo) if "dtype" in field.metadata} - {"team_share"}


def fit(algo, key, **options):
    """A whole run unless told otherwise; compiled once for all learners of a kind."""
    return train.fit(algo, PARAMS, key, **{"chunk": 2, "progress": False} | options)


# The same program of sweeps for learners by periods, of which SAC has most, and by paths.
LANES = [pytest.param(kind, marks=[pytest.mark.slow] * (kind not in ("SAC", "Pathwise"))) for kind in LEARNERS]


@pytest.mark.parametrize("kind", LANES)
def test_lanes_of_a_sweep_equal_single_runs_and_call_no_lapack(kind):
    """Over keys and all numbers together. Batched matrix products may add up in another order: float32 rounding (about
    1e-7), with room for adam to enlarge it. On CPU, jaxlib 0.10 runs a batch of LAPACK calls on the threads that wait
    for it."""
    algo = learner(kind)
    changed = learner(kind, **{name: CHANGES[name] for name in numbers(algo) - {"target_kl"}})
    lanes, keys = [algo, changed, algo], jax.random.split(jax.random.key(0), 3)
    sweep = jax.tree.map(lambda *x: jnp.stack(x), *lanes)
    program = train.compiled(jax.vmap(lambda algo, key: algo.train(key, PARAMS)), sweep, keys)[0]
    assert 'custom_call_target="lapack' not in program.as_text()
    states, metrics = program(sweep, keys)
    for i, lane in enumerate(lanes):
        single = fit(lane, keys[i])
        assert_equal(jax.tree.map(lambda x, i=i: x[i], states.params), single.state.params, atol=1e-5)
        for name, values in metrics.items():
            expected = [row[name] for row in single.history]
            np.testing.assert_allclose(values[i], expected, rtol=1e-5, atol=1e-5, err_msg=name)


@kinds
def test_resumed_run_equals_uninterrupted(kind, tmp_path):
    algo, key = learner(kind), jax.random.key(1)
    fit(algo, key, directory=tmp_path, num_updates=2)
    assert_equal(fit(algo, key, directory=tmp_path, resume=True).state, fit(algo, key).state)


@kinds
def test_every_number_matters(kind):
    algo, key = learner(kind), jax.random.key(2)

    def weights(algo):
        return np.concatenate([np.ravel(x) for x in jax.tree.leaves(algo.policy(fit(algo, key).state).params)])

    unchanged = weights(algo)
    for name in numbers(algo) - INERT.get(kind, set()):
        moved = np.abs(weights(algo.replace(**{name: jnp.float32(CHANGES[name])})) - unchanged).max()
        assert moved > 1e-6, name
