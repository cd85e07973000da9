"""The table of published values: what it says, and how an instance is given to it."""

import csv
import dataclasses
import json
import subprocess
import sys

import pytest

from experiments.problem import ProblemConfig, given_instance
from experiments.published import Problem
from experiments.reproduce_published import Config, chosen
from jaxinv.env import instances


def run(*arguments):
    command = [sys.executable, "-m", "experiments.reproduce_published", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_published_instance(tmp_path):
    """The newsvendor of Poisson demand: level 8, cost 3.570107 (Snyder and Shen 2019)."""
    done = run("snyder2019/newsvendor", "--out", tmp_path, "--json", tmp_path / "rows.json")
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert [row["quantity"] for row in rows] == ["optimum", "BaseStock(level=8)"]
    for row in rows:
        assert row["instance"] == "snyder2019/newsvendor"
        assert row["published"] == 3.570107
        assert abs(row["computed"] - 3.570107) < 1e-6
        assert row["difference"] == row["computed"] - row["published"]
        assert row["agrees"]
    with (tmp_path / "published.csv").open() as file:
        assert [row["quantity"] for row in csv.DictReader(file)] == [row["quantity"] for row in rows]
    assert "2 values are published; 2 agree, 0 do not." in (tmp_path / "published.md").read_text()

    # Another instance joins the table, in the registry's order.
    assert run("snyder2019/reorder-point", "--out", tmp_path).returncode == 0
    with (tmp_path / "published.csv").open() as file:
        joined = list(csv.DictReader(file))
    assert [row["instance"] for row in joined] == ["snyder2019/reorder-point"] * 2 + ["snyder2019/newsvendor"] * 2
    assert joined[2:] == [{name: "" if x is None else str(x) for name, x in row.items()} for row in rows]


def test_an_instance_by_its_parameters(tmp_path):
    """Without a lead time every period is a newsvendor, so base-stock is optimal; tuning finds its level."""
    file = tmp_path / "corner_shop.yaml"
    file.write_text("demand: poisson\ndemand.mean: 2\nlead_time: 0\nstockout_cost: 9\nholding_cost: 1\n")
    instance = given_instance(ProblemConfig(file=file, set=("stockout_cost=4",)))
    assert instance.name == "corner_shop/SingleItem-v0"
    assert instance.settings["stockout_cost"] == 4  # the command line has the last word
    rows = {row.quantity.partition("(")[0]: row for row in Problem(instance, 1e9, 50).rows()}
    assert set(rows) >= {"optimum", "BaseStock", "CappedBaseStock", "ConstantOrder"}
    assert rows["BaseStock"].computed == pytest.approx(rows["optimum"].computed, abs=1e-6)
    assert rows["ConstantOrder"].computed > 1.2 * rows["optimum"].computed
    assert all(row.published is None for row in rows.values())


def test_a_wrong_value_is_told():
    """A published value that differs by more than its digits does not agree."""
    right = next(i for i in instances("SingleItem-v0") if i.name == "snyder2019/newsvendor")
    wrong = dataclasses.replace(right, figures=(dataclasses.replace(right.figures[0], value=3.570117),))
    assert next(Problem(wrong, 1e9, 50).rows()).agrees is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["zipkin1808"], "no instance of 'zipkin1808'; families are"),
        (["--set", "demand"], "--set takes name=value, got 'demand'"),
        (["--set", "demand=poison"], "demand must be one of poisson"),
        (["--set", "demand=poisson", "demand.men=5"], "demand.men is not a number of poisson demand"),
        (["--set", "lead_time=-1"], "SingleItem.lead_time must be a whole number >= 0, got -1"),
        (["--set", "stockout_cots=3"], "SingleItem has no parameter 'stockout_cots'"),
        (["--env", "DoubleItem-v0", "--set", "lead_time=1"], "no environment 'DoubleItem-v0'"),
        (["--file", "nowhere.yaml"], "cannot read nowhere.yaml"),
    ],
)
def test_bad_input_is_named_before_anything_is_computed(arguments, said, tmp_path):
    done = run(*arguments, "--out", tmp_path / "out")
    assert done.returncode != 0
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_family_an_environment_an_instance():
    assert {i.family for i in chosen(Config(family="zipkin2008"))} == {"zipkin2008"}
    assert {i.env for i in chosen(Config(family="DualSourcing-v0"))} == {"DualSourcing-v0"}
    assert [i.name for i in chosen(Config(family="bijvank2015/K5"))] == ["bijvank2015/K5"]
    assert len(chosen(Config())) == len(instances())
