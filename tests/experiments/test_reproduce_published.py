"""The table of published values: what it says, and how an instance is given to it."""

import contextlib
import csv
import dataclasses
import io
import json
import subprocess
import sys

import pytest

from experiments.problem import ProblemConfig, given_instance
from experiments.published import Problem
from experiments.reproduce_published import Config, chosen, main
from jaxinv.env import instances
from jaxinv.env.instances import find


def run(*arguments):
    """(printed, error), which is None where it ran to the end."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(sys, "argv", ["reproduce_published", *map(str, arguments)])
        try:
            main()
        except SystemExit as stopped:
            return printed.getvalue(), stopped.code
    return printed.getvalue(), None


@pytest.mark.slow
def test_a_published_instance(tmp_path):
    """The newsvendor of Poisson demand: level 8, cost 3.570107 (Snyder and Shen 2019)."""
    arguments = "snyder2019/newsvendor", "--out", str(tmp_path), "--json", str(tmp_path / "rows.json")
    subprocess.run([sys.executable, "-m", "experiments.reproduce_published", *arguments], check=True)
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
    assert run("snyder2019/reorder-point", "--out", tmp_path)[1] is None
    with (tmp_path / "published.csv").open() as file:
        joined = list(csv.DictReader(file))
    assert [row["instance"] for row in joined] == ["snyder2019/reorder-point"] * 2 + ["snyder2019/newsvendor"] * 2
    assert joined[2:] == [{name: "" if x is None else str(x) for name, x in row.items()} for row in rows]


def test_an_instance_by_its_parameters(tmp_path):
    """Without a lead time every period is a newsvendor, so base-stock is optimal; tuning finds its level."""
    file = tmp_path / "corner_shop.yaml"
    file.write_text("demand: poisson\ndemand.mean: 2\nlead_time: 0\nstockout_cost: 9\nholding_cost: 1\n")
    instance = given_instance(ProblemConfig(file=file, set=("stockout_cost=4",)))
    assert instance.name == "corner_shop/SingleItem-v0 stockout_cost=4"
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


def rows_of(env, name):
    return list(Problem(find(env, name), 1e9, 50).rows())


def test_levels_of_stages_are_not_simulated():
    rows = rows_of("Serial-v0", "snyder2019/example-6.1")
    assert [row.quantity.partition("(")[0] for row in rows] == ["optimum", "SerialBaseStock", "SerialBaseStock"]
    assert [row.error for row in rows] == [None] * 3
    best, near = rows[1].computed, rows[2].computed
    assert rows[0].computed == pytest.approx(best, abs=1e-4)
    assert near == pytest.approx(47.6663, abs=1e-4)


def test_one_store_is_a_closed_form():
    row = next(Problem(find("SingleItem-v0", "alvo2023/one-store-L4-p9"), 1e9, 50).rows())
    assert (row.quantity, row.error) == ("optimum", None)
    assert row.computed == pytest.approx(6.2788, abs=1e-4)
    assert "not cut at 0" in row.note


@pytest.mark.parametrize(
    ("env", "name"),
    [("SupplyNetwork-v0", "or-gym/InvManagement-v0"), ("MultiSku-v0", "yang2023/sku200-1stores-standard")],
)
def test_what_nothing_is_known_of_has_no_rows(env, name):
    assert rows_of(env, name) == []


def test_files_that_cannot_be_written_are_found_first(tmp_path):
    (tmp_path / "file").touch()
    for option in ("--out", "--json"):
        printed, error = run("snyder2019/newsvendor", "--out", tmp_path, option, tmp_path / "file" / "rows.json")
        assert error.startswith("error: ")
        assert printed == ""


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
        (["--set", "lead_time=1", "--criterion", "mean"], "--criterion must be one of average"),
    ],
)
def test_bad_input_is_named_before_anything_is_computed(arguments, said, tmp_path):
    _, error = run(*arguments, "--out", tmp_path / "out")
    assert said in error
    assert not (tmp_path / "out").exists()


def test_a_family_an_environment_an_instance():
    assert {i.family for i in chosen(Config(family="zipkin2008"))} == {"zipkin2008"}
    assert {i.env for i in chosen(Config(family="DualSourcing-v0"))} == {"DualSourcing-v0"}
    assert [i.name for i in chosen(Config(family="bijvank2015/K5"))] == ["bijvank2015/K5"]
    assert len(chosen(Config())) == len(instances())
