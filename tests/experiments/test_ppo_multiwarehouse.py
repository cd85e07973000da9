"""The main job's command line, and (slow) the job itself."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments import ppo_multiwarehouse, retail
from jaxinv.data import load_panel


def test_options_are_set_on_top_of_the_preset():
    config = ppo_multiwarehouse.parse(["--preset", "smoke", "--ppo.learning-rate", "0.5", "--env.stores", "3"])
    assert config.preset == "smoke"
    assert config.ppo.num_updates == ppo_multiwarehouse.PRESETS["smoke"].ppo.num_updates
    assert config.ppo.learning_rate == 0.5
    assert config.env.stores == 3
    assert ppo_multiwarehouse.parse([]) == ppo_multiwarehouse.PRESETS["default"]


def test_columns_are_a_mapping():
    assert ppo_multiwarehouse.parse(["--columns", "date", "Day", "sku", "Item"]).columns == {
        "date": "Day",
        "sku": "Item",
    }


def test_help_does_without_jax():
    code = "import sys, experiments.ppo_multiwarehouse; print('jax' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_a_finished_run_is_not_overwritten(tmp_path, monkeypatch):
    (tmp_path / "result.json").write_text("{}")
    monkeypatch.setattr(sys, "argv", ["x", "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match="holds a finished run"):
        ppo_multiwarehouse.main()
    assert (tmp_path / "result.json").read_text() == "{}"


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
def test_the_job_writes_what_it_documents(tmp_path):
    command = [sys.executable, "-m", "experiments.ppo_multiwarehouse", "--preset", "smoke", "--out", str(tmp_path)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2])
    result = json.loads((tmp_path / "result.json").read_text())
    keys = {"cost_mean", "cost_ci95", "fill_rate", "service_level", "cost_by_cause"}
    assert all(keys <= entry.keys() for entry in result["policies"].values())
    assert result["best_heuristic"] in result["policies"]
    for entry in result["policies"].values():
        np.testing.assert_allclose(sum(entry["cost_by_cause"].values()), entry["cost_mean"], rtol=1e-4)
        assert entry["cost_mean"] > result["lower_bound"]
    assert len(list((tmp_path / "figures").glob("*.png"))) == 4
