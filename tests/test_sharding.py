"""Training over two devices gives what one device gives. ``conftest`` makes two of the CPU."""

import jax
import numpy as np
import pytest

from jaxinv import sharding, train
from jaxinv.agents import DCL, DQN, IPPO, MLP, PPO, SAC, AgentNetwork
from jaxinv.env.core import EnvParams
from jaxinv.optimise import Pathwise
from tests.agents import probes
from tests.agents.test_protocol import LOOKING_AHEAD, Follow, FollowOrNot
from tests.trees import assert_equal

PARAMS = EnvParams(max_steps_in_episode=7)
KEY = jax.random.key(3)
SIZES = {"network": MLP(hidden=(16,)), "num_envs": 8, "num_updates": 4, "learning_rate": 1e-2}
REPLAY = {
    "num_steps": 2, "buffer_periods": 16, "burn_in": 4, "gradient_steps": 2, "batch_size": 16, "n_step": 2,
    "prioritised": True,
}  # fmt: skip
MAKE = {
    "PPO": lambda **fields: PPO(
        **{"env": probes.MatchTheObservation(), "num_steps": 4, "num_epochs": 2, "num_minibatches": 2} | SIZES | fields
    ),
    "DQN": lambda **fields: DQN(env=probes.MatchTheObservation(), **SIZES | REPLAY | fields),
    "SAC": lambda **fields: SAC(env=Follow(), **SIZES | REPLAY | fields),
    "IPPO": lambda **fields: IPPO(
        env=probes.MatchOwn(),
        num_steps=4,
        num_minibatches=2,
        **SIZES | {"network": AgentNetwork(hidden=(16,))} | fields,
    ),
    "DCL": lambda **fields: DCL(env=probes.MatchTheObservation(), num_steps=4, **SIZES | LOOKING_AHEAD | fields),
}


def fit(kind, num_devices, fields=None, **options):
    algo = MAKE[kind](**fields or {})
    with sharding.over(jax.devices()[:num_devices]):
        return train.fit(algo, PARAMS, KEY, **{"chunk": 2, "progress": False} | options)


@pytest.fixture(scope="module", autouse=True)
def two_devices():
    assert len(jax.devices()) >= 2, "tests need JAX_NUM_CPU_DEVICES=2"


def part(x):
    """The shape of what one device holds."""
    return x.addressable_shards[0].data.shape


# PPO is trained over two devices in one call below; DQN has a memory besides.
@pytest.mark.parametrize("kind", [pytest.param(k, marks=[pytest.mark.slow] * (k != "DQN")) for k in MAKE])
def test_environments_are_divided_and_the_result_is_the_same(kind, tmp_path):
    alone = train.fit(MAKE[kind](), PARAMS, KEY, chunk=2, progress=False)
    both = fit(kind, 2)
    assert_equal(both.state, alone.state, atol=1e-5)
    assert part(both.state.env_state.time) == (4,)
    assert part(both.state.observation) == (4, *both.state.observation.shape[1:])
    if kind in ("DQN", "SAC"):
        assert part(both.state.buffer.data.reward) == part(both.state.buffer.priorities) == (16, 4)
    if kind == "DCL":
        assert part(both.state.samples.best) == (4, 16)
    assert all(part(x) == x.shape for x in jax.tree.leaves((both.state.params, both.state.opt_state)))

    fit(kind, 2, num_updates=2, directory=tmp_path / "same")
    assert_equal(fit(kind, 2, directory=tmp_path / "same", resume=True).state, both.state)
    # On another number of devices a run goes on, too.
    fit(kind, 2, num_updates=2, directory=tmp_path / "fewer")
    fewer = train.fit(
        MAKE[kind](), PARAMS, KEY, chunk=2, progress=False, directory=tmp_path / "fewer", resume=True
    )  # fmt: skip
    assert len(fewer.state.env_state.time.devices()) == 1
    assert_equal(fewer.state, alone.state, atol=1e-5)


@pytest.mark.slow
def test_paths_are_divided():
    """One device has branches of a path that another has, too."""
    algo = Pathwise(env=FollowOrNot(), warmup=2, num_steps=4, branches=8, **SIZES)
    alone = train.fit(algo, PARAMS, KEY, chunk=2, progress=False)
    with sharding.over(jax.devices()[:2]):
        both = train.fit(algo, PARAMS, KEY, chunk=2, progress=False)
    assert_equal(both.state, alone.state, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["PPO", "DQN", "SAC"])
def test_whole_seeds_are_divided_where_they_can_be(kind):
    alone = train.fit(MAKE[kind](), PARAMS, KEY, chunk=2, progress=False, num_seeds=2)
    both = fit(kind, 2, num_seeds=2)
    assert_equal(both.state, alone.state, atol=1e-5)
    assert all(part(x) == (1, *x.shape[1:]) for x in jax.tree.leaves(both.state))
    assert np.shape(both.history[0]["reward"]) == (2,)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["PPO", "DQN", "SAC"])
def test_otherwise_the_environments_of_each_seed_are(kind):
    alone = train.fit(MAKE[kind](), PARAMS, KEY, chunk=4, progress=False, num_seeds=3)
    both = fit(kind, 2, num_seeds=3, chunk=4)
    assert_equal(both.state, alone.state, atol=1e-5)
    assert part(both.state.env_state.time) == (3, 4)


def test_train_in_one_call():
    algo = MAKE["PPO"]()

    def run(key):
        return algo.train(key, PARAMS)

    alone = jax.jit(run)(KEY)
    with sharding.over(jax.devices()[:2]):
        both = jax.jit(run)(KEY)
    assert_equal(both, alone, atol=1e-5)
    assert part(both[0].env_state.time) == (4,)


def test_environments_that_cannot_be_divided():
    with pytest.raises(ValueError, match="num_envs must be a multiple of the number of devices = 2, got 5"):
        fit("PPO", 2, {"num_envs": 5, "num_minibatches": 1})
