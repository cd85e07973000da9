"""One item of a retailer: its sales in all stores as a ``SingleItem``, and what experiments decide about it."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments import a3c_stock_forecast, dqn_replenishment, retail, retail_item
from jaxinv.data import load_panel
from jaxinv.evaluate import sample_paths

CONFIG = retail_item.RetailItemConfig(item="SOUP", batch=12)


@pytest.fixture(scope="module")
def panel():
    return load_panel("complete_journey")


@pytest.fixture(scope="module")
def item(panel):
    return retail_item.build(panel, CONFIG)


def test_a_column_named_as_the_quantity_counts_units(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text("Date,Store,Sales\n2024-01-01,A,3\n2024-01-02,A,4\n")
    with pytest.raises(ValueError, match="'Sales' looks like revenue"):
        retail.read(str(path), {})
    assert retail.read(str(path), {"quantity": "Sales"}).quantity.ravel().tolist() == [3.0, 4.0]


def test_the_replay_is_what_all_stores_sold_on_the_held_out_dates(item, panel):
    sold = panel.quantity[:, :, panel.skus.index("SOUP")].sum(1)
    days = CONFIG.test_days + CONFIG.warmup_days
    paths = item.replays(item.env, jax.random.key(0), 3)
    np.testing.assert_array_equal(paths.exogenous.demand, np.broadcast_to(sold[-days:], (3, days)))
    stocks = np.asarray(paths.states.inventory) / float(item.test_params.initial_inventory)
    assert len(set(stocks)) == 3
    assert ((stocks > 0.49) & (stocks < 1.51)).all()
    assert item.test_panel.dates[CONFIG.warmup_days] == panel.dates[-CONFIG.test_days]


def test_the_fit_is_that_of_the_item_on_the_training_dates(item, panel):
    sold = panel.quantity[: -CONFIG.test_days, :, panel.skus.index("SOUP")].sum(1)
    np.testing.assert_allclose(item.typical, sold.mean(), rtol=1e-6)
    np.testing.assert_allclose(item.train_params.demand.mean(), sold.mean(), rtol=0.02)
    paths = sample_paths(item.env, item.train_params, jax.random.key(0), 64, 120)
    demand = np.asarray(paths.exogenous.demand)
    # Drift makes means of 120 days differ by 5 % or so; of 64 of them, by less than 1 %.
    np.testing.assert_allclose(demand.mean(), sold.mean(), rtol=0.04)
    assert 0.7 < demand.std() / sold.std() < 1.3


def test_the_item_that_sells_most_unless_named(panel):
    build = retail_item.build(panel, dataclasses.replace(CONFIG, item=None))
    assert build.test_panel.skus == ("SOFT DRINKS",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"item": "CAVIAR"}, r"env.item must be a SKU of the sales file, such as SOFT DRINKS, .*; got 'CAVIAR'"),
        ({"test_days": 350}, "env.test_days must leave 28 warm-up days and 28 days"),
        ({"batch": 0}, "batch_size must be > 0"),
    ],
)
def test_what_does_not_fit_is_named(panel, change, message):
    with pytest.raises(ValueError, match=message):
        retail_item.build(panel, dataclasses.replace(CONFIG, **change))


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="agents must be at least one, each once; got dqn dqn"):
        dqn_replenishment.Config(agents=("dqn", "dqn"))
    with pytest.raises(ValueError, match=r"learner.window must be >= 2, got 1"):
        a3c_stock_forecast.Config(learner=a3c_stock_forecast.LearnerConfig(window=1))


def test_read_names_the_file_that_is_not_there(tmp_path):
    with pytest.raises(OSError, match=r"none\.csv"):
        retail.read(str(tmp_path / "none.csv"), {})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "learners", "figures"),
    [
        ("dqn_replenishment", ["dqn", "double_dqn"], ["cost_by_cause", "learning_curve", "policy_map", "stock"]),
        ("a3c_stock_forecast", ["a3c"], ["cost_by_cause", "learning_curve", "levels", "stock"]),
    ],
)
def test_the_jobs_write_what_they_document(tmp_path, name, learners, figures):
    job = [sys.executable, "-m", f"experiments.{name}", "--preset", "smoke", "--out", str(tmp_path)]
    subprocess.run(job, check=True, cwd=Path(__file__).parents[2])
    result = json.loads((tmp_path / "result.json").read_text())
    assert list(result["learners"]) == learners
    assert result["best_heuristic"] in set(result["policies"]) - set(learners)
    for entry in result["policies"].values():
        np.testing.assert_allclose(sum(entry["cost_by_cause"].values()), entry["cost_mean"], rtol=1e-4)
        low, high = entry["cost_ci95"]
        assert low < entry["cost_mean"] < high
    assert sorted(path.stem for path in (tmp_path / "figures").glob("*.png")) == figures
    assert json.loads((tmp_path / "config.json").read_text())["preset"] == "smoke"
