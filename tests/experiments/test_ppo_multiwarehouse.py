"""The main job's command line, and (slow) the job itself."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments import command, ppo_multiwarehouse, retail, steered_stores
from jaxinv.agents import OnPolicy
from jaxinv.data import load_panel
from jaxinv.env import make
from jaxinv.env.wrappers import Steered
from jaxinv.policies import CanOrder


def test_columns_are_a_mapping():
    arguments = ["--columns", "date", "Day", "sku", "Item"]
    config = command.parse(ppo_multiwarehouse.PRESETS, None, arguments)
    assert config.columns == {"date": "Day", "sku": "Item"}


@pytest.mark.parametrize("agent", ["ppo", "a2c", "a3c", "reinforce", "ddpg", "td3", "sac"])
def test_every_agent_steers_stores_of_any_number(agent):
    """The network is that of the cells; stores have values of their own where advantages are counted."""
    config = dataclasses.replace(ppo_multiwarehouse.PRESETS["smoke"], agent=agent)
    env, params = make("MultiWarehouse-v0", num_warehouses=2, num_skus=3)
    steered = Steered(env, CanOrder(reorder=np.ones((2, 3)), can_order=4.0, up_to=np.ones((2, 3))), ("up_to",))
    learner = steered_stores.learner(config, steered)
    assert type(learner).__name__.lower() == agent
    assert learner.network.local_values == isinstance(learner, OnPolicy)
    state = jax.eval_shape(learner.init, jax.random.key(0), params)
    assert state.average_reward.shape == ((2,) if isinstance(learner, OnPolicy) else ())
    action = jax.eval_shape(
        lambda state: learner.policy(state)(steered, env.reset(jax.random.key(0), params)[1], params), state
    )
    assert action["up_to"].shape == (2, 3)


def test_agents_take_as_many_steps_as_ppo():
    env, _ = make("MultiWarehouse-v0", num_warehouses=2, num_skus=3)
    config = ppo_multiwarehouse.PRESETS["default"]
    total = {}
    for agent in ("ppo", "a2c", "a3c", "reinforce", "pathwise"):
        learner = steered_stores.learner(dataclasses.replace(config, agent=agent), env)
        total[agent] = learner.num_updates * learner.steps_per_update
    assert total == dict.fromkeys(total, 737_280)


def test_budget_must_be_positive():
    with pytest.raises(ValueError, match=r"budget must be positive, got 0\.0"):
        ppo_multiwarehouse.Config(budget=0.0)


def test_nothing_of_the_held_out_dates_enters_training():
    panel = load_panel("complete_journey")
    config = retail.RetailConfig(stores=2, skus=3)
    problem = retail.build(panel, config)
    assert problem.train_panel.dates[-1] < panel.dates[-config.test_days]
    assert len(problem.test_panel.dates) == config.test_days + config.warmup_days
    replayed = np.asarray(problem.test_params.demand.quantity)
    np.testing.assert_array_equal(replayed, problem.test_panel.quantity)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (retail.RetailConfig(stores=21), "env.stores must be in 1..20, what the sales file holds; got 21"),
        (retail.RetailConfig(test_days=350), "env.test_days must leave 14 warm-up days and 28 days"),
    ],
)
def test_an_instance_larger_than_the_file_is_refused(config, message):
    with pytest.raises(ValueError, match=message):
        retail.build(load_panel("complete_journey"), config)


@pytest.mark.slow
@pytest.mark.parametrize("agent", ["ppo", "a3c", "sac"])
def test_the_job_writes_what_it_documents(tmp_path, agent):
    arguments = ["--preset", "smoke", "--agent", agent, "--out", str(tmp_path)]
    job = [sys.executable, "-m", "experiments.ppo_multiwarehouse", *arguments]
    subprocess.run(job, check=True, cwd=Path(__file__).parents[2])
    result = json.loads((tmp_path / "result.json").read_text())
    keys = {"cost_mean", "cost_ci95", "fill_rate", "service_level", "cost_by_cause"}
    assert all(keys <= entry.keys() for entry in result["policies"].values())
    assert result["best_heuristic"] in result["policies"]
    assert list(result["learners"]) == [agent] == [result["best_learner"]]
    for entry in result["policies"].values():
        np.testing.assert_allclose(sum(entry["cost_by_cause"].values()), entry["cost_mean"], rtol=1e-4)
        assert entry["cost_mean"] > result["lower_bound"]
    assert len(list((tmp_path / "figures").glob("*.png"))) == 4
