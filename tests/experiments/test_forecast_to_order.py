"""From forecasts to orders: which days are for what, that forecasts meet their days, and what is said of them."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from experiments import order_table
from experiments.forecast_to_order import PRESETS, Config
from experiments.order_problems import FEATURES, Dates, build
from jaxinv.env.informed import Informed
from jaxinv.forecast import SeasonalNaive, backtest

SMOKE = PRESETS["smoke"]


def test_days_to_fit_learn_choose_and_judge_follow_each_other():
    dates = Dates.of(365, Config())
    assert (dates.fit, dates.train, dates.test, dates.replayed) == (112, 113, 70, 253)
    assert dates.window("train") == (0, 113)
    assert dates.window("validation") == (99, 84)  # 14 days of warm-up
    assert dates.window("test") == (169, 84)
    with pytest.raises(ValueError, match=r"test_days, .* leave 60 of the 200 days of the panel: too few"):
        Dates.of(200, Config())


class Recorded:
    """In the place of a forecaster: says for which dates it was asked."""

    def at_origins(self, panel, horizon, origins, summary, data):
        self.asked = panel, horizon, origins[0]
        of_date = np.broadcast_to(origins.reshape(-1, 1, 1, 1), (len(origins), *panel.quantity.shape[1:], 9))
        return of_date, {"demand": of_date[..., 0].reshape(len(origins), -1)}


@pytest.mark.parametrize("name", ["single", "stores"])
def test_the_replay_begins_where_the_fit_ends_and_forecasts_are_of_its_days(name):
    problem = build(name, SMOKE)
    fit, total = problem.dates.fit, len(problem.panel.dates)
    quantity = problem.panel.quantity.reshape(total, *problem.env.cells)
    np.testing.assert_array_equal(problem.params.demand.quantity, quantity[fit:])
    assert int(problem.params.demand.start_day) == problem.panel.start_day + fit
    asked = Recorded()
    forecast, test = problem.foretell(asked)
    assert asked.asked == (problem.panel, problem.env.lead_time_mean(problem.params).max() + 1, fit)
    assert forecast.shape == (problem.dates.replayed, *problem.env.cells, 9)
    days = fit + np.arange(problem.dates.replayed)  # known before the day, so as many days as it is preceded by
    np.testing.assert_array_equal(
        forecast.reshape(len(days), -1), np.broadcast_to(days[:, None], (len(days), forecast[0].size))
    )
    judged = range(total - problem.dates.test, total - problem.horizon + 1)
    np.testing.assert_array_equal(test.sums["demand"][:, 0], judged)
    episode = problem.training(problem.params)
    assert int(episode.demand.last) + int(episode.max_steps_in_episode) == problem.dates.train
    assert set(problem.panel.skus) <= set(problem.others.skus)


def test_one_pass_gives_what_rolling_forecasts_and_a_backtest_do():
    problem = build("single", SMOKE)
    dates, panel, horizon = problem.dates, problem.panel, problem.horizon
    fitted = SeasonalNaive(num_paths=20).fit(panel.between(end=panel.dates[dates.fit]))
    forecast, test = problem.foretell(fitted)
    rolling = fitted.rolling(panel, horizon, levels=FEATURES, first=dates.fit)
    np.testing.assert_array_equal(forecast, rolling.features()[:-1, 0, 0])
    other = backtest(fitted, panel, horizon, first=len(panel.dates) - dates.test)
    assert test.block == other.block
    for name, sums in other.sums.items():
        np.testing.assert_allclose(test.sums[name], sums, rtol=1e-5, err_msg=name)


@pytest.fixture
def sales(tmp_path):
    """A year of two items in two shops, with a temperature, which is known afterwards, and holidays, which are
    planned."""
    rng, days = np.random.default_rng(0), np.datetime64("2023-01-02") + np.arange(364)
    rows = ["date,store,sku,quantity,temperature,holiday"]
    for number, day in enumerate(days):
        warm, holiday = 10 + number % 20, int(number % 30 == 0)
        for shop, item in (("a", "tea"), ("a", "ice"), ("b", "tea"), ("b", "ice")):
            rows.append(f"{day},{shop},{item},{rng.poisson(4 + warm / 10 + 5 * holiday)},{warm},{holiday}")
    file = tmp_path / "sales.csv"
    file.write_text("\n".join(rows))
    return str(file)


@pytest.mark.parametrize("name", ["single", "stores"])
def test_covariates_of_a_file_are_observed_the_planned_ones_on_their_day(name, sales, key):
    covariates = {"covariates": ("temperature", "holiday"), "planned": ("holiday",)}
    problem = build(name, dataclasses.replace(SMOKE, demand=sales, **covariates))
    env, fit = Informed(problem.env), problem.dates.fit
    trace = problem.params.demand
    day = np.arange(fit, 364)
    told = np.asarray(trace.covariates).reshape(len(day), -1, 2)
    np.testing.assert_allclose(told[:, 0, 0], 10 + (day - 1) % 20)  # of the day before
    np.testing.assert_allclose(told[:, 0, 1], day % 30 == 0)
    forecasts = jnp.zeros((*trace.quantity.shape, len(FEATURES)))
    observation, _ = env.reset(key, problem.knowing(forecasts))
    bare, _ = problem.env.reset(key, problem.params)
    assert observation.shape == (*bare.shape[:-1], bare.shape[-1] + len(FEATURES) + 2)
    np.testing.assert_allclose(observation[..., -2:], trace.covariates[0])


def problem_of(pairs):
    policies = {name: {"cost_mean": cost} for name, cost in (("ours", 1.0), ("theirs", 2.0))}
    return {
        "pairs": pairs,
        "policies": policies,
        "best_neural": "ours",
        "best_classical": "theirs",
        "best_heuristic": "h",
    }


def test_it_says_where_the_better_forecast_was_not_the_better_policy():
    def pair(loss, cost):
        return {"forecasters": ["a", "b"], "lead_wql": loss, "cost": cost}

    agree = pair([-0.1, -0.2, -0.05], [-3.0, -4.0, -2.0])
    differ = pair([-0.1, -0.2, -0.05], [3.0, -1.0, 7.0])
    turned = pair([0.1, 0.05, 0.2], [-3.0, -4.0, -2.0])
    first, second, third, last = order_table.lessons(problem_of([agree, differ, turned]))
    assert first == "Of 3 pairs of forecasters the better one in lead-time wQL was the cheaper in 1."
    assert "a has a lower lead-time wQL than b (-0.1000, sure)" in second
    assert "its orders cost more (+3.00 a day, not sure)" in second
    assert "b has a lower lead-time wQL than a (-0.1000, sure)" in third
    assert "(+3.00 a day, sure)" in third
    assert "ours costs 1.0 a day, theirs 2.0" in last


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"test_days": 7}, "test_days must be at least 14, got 7"),
        ({"fit_share": 1.0}, r"fit_share must be in \[0.1, 0.9\], got 1.0"),
        ({"problems": ()}, "problems and forecast.classical must name at least one"),
    ],
)
def test_settings_that_cannot_be_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SMOKE, **fields)


@pytest.mark.slow
def test_the_job_writes_what_it_documents(tmp_path):
    job = [sys.executable, "-m", "experiments.forecast_to_order", "--preset", "smoke", "--out", str(tmp_path)]
    subprocess.run(job, check=True, cwd=Path(__file__).parents[2])
    result = json.loads((tmp_path / "result.json").read_text())
    assert [problem["title"].partition(":")[0] for problem in result["problems"]] == [
        "SingleItem-v0",
        "MultiWarehouse-v0",
    ]
    for problem in result["problems"]:
        kinds = [row["kind"] for row in problem["policies"].values()]
        assert set(kinds) == {"heuristic", "forecast", "residual", "end to end"}
        for row in problem["policies"].values():
            low, high = row["cost_ci95"]
            assert low < row["cost_mean"] < high
            np.testing.assert_allclose(sum(row["cost_by_cause"].values()), row["cost_mean"], rtol=1e-4)
    assert (tmp_path / "forecast_to_order.md").read_text() == order_table.markdown(result["problems"])
    assert sorted(path.stem for path in (tmp_path / "figures").glob("*.png")) == ["policies_0", "policies_1"]
