import json
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv import train
from jaxinv.agents import MLP, PPO, CellNetwork
from jaxinv.env.core import EnvParams
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.env.wrappers import OrderUpTo, Steered
from jaxinv.policies import BaseStock, Rebalancing
from tests.agents import probes
from tests.trees import assert_equal

pytestmark = pytest.mark.usefixtures("optimised")

PARAMS = EnvParams()
KEY = jax.random.key(7)


def learner(**fields):
    fields = {"env": probes.MatchTheObservation(), "network": MLP(hidden=(8,))} | fields
    return PPO(num_envs=8, num_steps=4, num_epochs=2, num_minibatches=2, num_updates=6, **fields)


def fit(algo=None, params=PARAMS, **options):
    return train.fit(algo or learner(), params, KEY, **{"chunk": 2, "progress": False} | options)


def score(policy):
    """A cost that is not monotone over training, so that the best state is not simply the last."""
    return jnp.cos(1e3 * jnp.sum(policy.params["params"]["Dense_0"]["bias"]))


@pytest.fixture(scope="module")
def whole():
    """An uninterrupted run."""
    return fit(evaluate=score)


def test_fit_gives_the_states_and_metrics_of_train(whole):
    state, metrics = jax.jit(learner().train)(KEY, PARAMS)
    assert_equal(state, whole.state)
    for name, values in metrics.items():
        np.testing.assert_array_equal(np.float32([row[name] for row in whole.history]), values)
    assert [row["update"] for row in whole.history] == [1, 2, 3, 4, 5, 6]
    assert [row["steps"] for row in whole.history] == [32, 64, 96, 128, 160, 192]
    assert whole.compile_seconds < whole.wall_seconds
    assert whole.steps_per_second > 0


def test_patience_ends_where_nothing_is_gained(tmp_path):
    costs = iter([3.0, 2.0, 2.5, 2.0, 1.0])
    options = {"evaluate": lambda policy: next(costs), "chunk": 1, "directory": tmp_path}
    stopped = fit(patience=2, **options)
    assert [row["score"] for row in stopped.history] == [3.0, 2.0, 2.5, 2.0]
    assert stopped.best_score == 2.0
    again = fit(patience=2, resume=True, **options)  # it had stopped
    assert len(again.history) == 4
    for wrong in ({"patience": 0, "evaluate": score}, {"patience": 1}):
        with pytest.raises(ValueError, match="patience must be at least 1, and needs evaluate"):
            fit(**wrong)


def test_best_state_has_the_lowest_score(whole):
    scores = [row["score"] for row in whole.history if "score" in row]
    assert len(scores) == 3
    assert min(scores) < scores[-1], "the scores should not be lowest at the end, or this test tells nothing"
    assert float(whole.best_score) == min(scores)
    assert float(score(learner().policy(whole.best_state))) == pytest.approx(min(scores), abs=1e-6)


def test_without_evaluation_the_best_state_is_the_last():
    result = fit(num_updates=2)
    assert result.best_state is result.state
    assert result.best_score is None
    assert len(result.history) == 2


def test_resumed_run_equals_uninterrupted(whole, tmp_path):
    first = fit(evaluate=score, directory=tmp_path, num_updates=4)
    assert int(first.state.updates) == 4
    # What a crash after the checkpoint may leave behind must not stay.
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"update": 5}\n')
    resumed = fit(evaluate=score, directory=tmp_path, resume=True)
    assert_equal(resumed.state, whole.state)
    assert_equal(resumed.best_state, whole.best_state)
    assert resumed.best_score == whole.best_score
    assert resumed.history == whole.history
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == whole.history

    again = fit(evaluate=score, directory=tmp_path, resume=True)  # nothing is left to do
    assert_equal(again.state, whole.state)


def test_ctrl_c_saves_and_the_run_can_go_on(whole, tmp_path):
    def interrupt(policy):
        signal.raise_signal(signal.SIGINT)
        return score(policy)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="after update 2"):
        fit(evaluate=interrupt, directory=tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
    assert_equal(fit(evaluate=score, directory=tmp_path, resume=True).state, whole.state)


@pytest.fixture
def heeded():
    """Shells start what runs in the background with interrupts ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded")
def test_second_ctrl_c_interrupts_at_once():
    def interrupt(policy):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("not interrupted")

    with pytest.raises(KeyboardInterrupt):
        fit(evaluate=interrupt)


def test_seeds_train_side_by_side(whole, tmp_path):
    result = fit(num_seeds=2, evaluate=score, directory=tmp_path, num_updates=4)
    assert result.best_score.shape == (2,)
    assert np.shape(result.history[0]["reward"]) == (2,)
    scores = np.array([row["score"] for row in result.history if "score" in row])
    np.testing.assert_array_equal(result.best_score, scores.min(0))
    for seed in range(2):
        lane = jax.tree.map(lambda x, seed=seed: x[seed], result.best_state)
        assert float(score(learner().policy(lane))) == pytest.approx(scores[:, seed].min(), abs=1e-6)
    resumed = fit(num_seeds=2, evaluate=score, directory=tmp_path, resume=True)
    assert_equal(resumed.state, fit(num_seeds=2, evaluate=score).state)


def test_run_is_not_overwritten(tmp_path):
    fit(directory=tmp_path, num_updates=2)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(FileExistsError, match="holds a run"):
        fit(directory=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_another_configuration_cannot_resume(tmp_path):
    fit(directory=tmp_path, num_updates=2)
    with pytest.raises(ValueError, match=r"algo\.learning_rate was 0.001\d*, is 0.1"):
        fit(learner(learning_rate=0.1), directory=tmp_path, resume=True)
    with pytest.raises(ValueError, match=r"algo\.network\.hidden\[0\] was 8, is 9"):
        fit(learner(network=MLP(hidden=(9,))), directory=tmp_path, resume=True)
    with pytest.raises(ValueError, match=r"env_params\.max_steps_in_episode was 365, is 7"):
        fit(params=EnvParams(max_steps_in_episode=7), directory=tmp_path, resume=True)
    with pytest.raises(ValueError, match="num_seeds was 1, is 2"):
        fit(num_seeds=2, directory=tmp_path, resume=True)


class Poisoned(probes.MatchTheObservation):
    """Not a number once an environment is more than 10 periods old."""

    def reward(self, state, action):
        return jnp.where(state.time > 10, jnp.nan, 1.0)


def test_nan_stops_training_and_keeps_the_last_good_checkpoint(tmp_path):
    algo = learner(env=Poisoned(), stagger=False)
    with pytest.raises(FloatingPointError, match="'average_reward' is nan at update 3"):
        fit(algo, directory=tmp_path)
    resumed = fit(algo, directory=tmp_path, resume=True, num_updates=2)
    assert int(resumed.state.updates) == 2
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(resumed.state.params))


def test_chunks_need_not_divide_the_updates(whole):
    assert_equal(fit(chunk=4).state, whole.state)


@pytest.mark.parametrize("wrong", [{"num_updates": 0}, {"num_updates": 7}, {"chunk": 0}, {"num_seeds": 0}])
def test_errors(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        fit(**wrong)


def test_describe_names_every_field():
    text = train.describe("algo", learner())
    assert text["algo.num_envs"] == "8"
    assert text["algo.network.activation"] == "'tanh'"
    assert text["algo.discount"] == repr(float(np.float32(0.99)))
    large, other = (train.describe("x", np.arange(20.0) + shift)["x"] for shift in (0, 1))
    assert large != other


def test_states_with_empty_arrays_are_checkpointed(tmp_path):
    """Without transfers and with a lead time of 1 nothing is under way when a decision is taken."""
    env = MultiWarehouse(num_warehouses=1, num_skus=1, max_lead_time=1, transfers=False)
    algo, params = learner(env=OrderUpTo(env)), env.default_params()
    first = fit(algo, params, directory=tmp_path, num_updates=2)
    assert first.state.env_state.orders.size == 0
    resumed = fit(algo, params, directory=tmp_path, num_updates=4, resume=True)
    assert_equal(resumed.state, fit(algo, params, num_updates=4).state)


def test_spaces_that_have_no_leaves_are_stored(tmp_path):
    """Choices, in a structure of the heuristic's own that checks its numbers."""
    env = MultiWarehouse(num_warehouses=2, num_skus=1, max_lead_time=1)
    policy = BaseStock(level=jnp.full((2, 1), 9.0), rebalancing=Rebalancing())
    steered = Steered(env, policy, ("rebalancing",), chosen=("rebalancing",))
    params, algo = env.default_params(), learner(env=steered, network=CellNetwork(hidden=(8,)))
    fit(algo, params, directory=tmp_path, num_updates=2)
    resumed = fit(algo, params, directory=tmp_path, num_updates=4, resume=True)
    assert_equal(resumed.state, fit(algo, params, num_updates=4).state)
