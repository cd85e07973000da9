"""Policies under stress: what the experiment writes, and what its numbers mean."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest
from rich.console import Console

from experiments import scenarios, stress
from jaxinv.env.dual_sourcing import DualSourcing
from jaxinv.env.shocks import Shocked
from jaxinv.report import stress_table

QUICK = ("--num-paths", 40, "--tuning-paths", 2, "--length", 6, "--before", 5, "--after", 30, "--warmup", 20)


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["stress", *map(str, arguments)])
    stress.main()


@pytest.mark.slow
def test_a_quick_run(monkeypatch, tmp_path, capsys):
    """An outage costs every policy sales and stock; base-stock, whose orders wait, recovers soon."""
    settings = ("--set", "lead_time=2", "stockout_cost=19", "demand=geometric", "demand.mean=3")
    run(monkeypatch, *QUICK, *settings, "--scenarios", "outage", "cost_jump", "--out", tmp_path)
    result = json.loads((tmp_path / "result.json").read_text())
    assert set(result["policies"]) == {"BaseStock", "CappedBaseStock", "ConstantOrder", "ProjectedInventory"}
    printed = capsys.readouterr().out
    assert "SingleItem: outage of 6 periods" in printed
    for scenario in ("outage", "cost_jump"):
        assert (tmp_path / f"{scenario}.png").stat().st_size > 10_000
        assert set(result[scenario]) == set(result["policies"])
    for row in result["outage"].values():
        assert row["during"]["fill_rate"] < row["before"]["fill_rate"]
        assert row["during"]["stock"] < row["before"]["stock"]
        low, high = row["extra_cost_ci95"]
        assert 0 < low < row["extra_cost"] < high
    base = result["outage"]["BaseStock"]
    assert 0 < base["recovery_periods"] < 20
    for row in result["cost_jump"].values():  # nobody looks at costs, and they are back at once
        assert row["recovery_periods"] == 0
    assert json.loads((tmp_path / "config.json").read_text())["length"] == 6


def test_random_outages_of_a_changed_instance(monkeypatch, tmp_path, capsys):
    """Outages that begin and end by chance, met by the policies named, in an instance that --set changes."""
    problem = ("--instance", "zipkin2008/poisson-p4-L1", "--set", "stockout_cost=19", "demand.mean=9")
    chance = ("--severity.begins", 0.2, "--severity.ends", 0.5)
    run(monkeypatch, *QUICK, *problem, *chance, "--scenarios", "random", "--policies", "BaseStock", "--out", tmp_path)
    result = json.loads((tmp_path / "result.json").read_text())
    assert set(result["policies"]) == {"BaseStock"}
    assert result["policies"]["BaseStock"]["level"] > 18  # two periods' mean; published is 12, for a mean of 5
    row = result["random"]["BaseStock"]
    assert row["without"]["fill_rate"] > 0.9
    assert row["with"]["cost"] > row["without"]["cost"]
    assert row["with"]["fill_rate"] < row["without"]["fill_rate"]
    assert 0 < row["extra_cost_ci95"][0] < row["extra_cost"]
    assert "random outages, 0.2 begin and 0.5 end in a period" in capsys.readouterr().out


def test_summary_of_known_series():
    """Cost 10, of which a shock adds 5 in three periods, 8 and 1 in the two periods after it, and then 0.4 for good,
    which is less than 5 %."""
    calm = {name: np.full((4, 12), value) for name, value in
            {"cost": 10.0, "demanded": 4.0, "unmet": 0.0, "on_hand": 3.0}.items()}  # fmt: skip
    met = {name: values.copy() for name, values in calm.items()}
    met["cost"] += [0, 0, 5, 5, 5, 8, 1, 0.4, 0.4, 0.4, 0.4, 0.4]
    met["unmet"][:, 2:5] = 1.0
    met["on_hand"][:, 5:] = [6.0, 6.0, 3.0, 3.0, 3.0, 3.0, 3.0]
    row = scenarios.summary(met, calm, before=2, length=3)
    assert row["before"] == {"cost": 10.0, "fill_rate": 1.0, "stock": 3.0}
    assert row["during"] == {"cost": 15.0, "fill_rate": 0.75, "stock": 3.0}
    assert row["after"]["stock"] == pytest.approx(27 / 7)
    assert row["extra_cost"] == pytest.approx(26.0)
    assert row["extra_cost_ci95"] == pytest.approx([26.0, 26.0])
    assert row["recovery_periods"] == 2
    met["cost"][:, -1] = 20.0
    assert scenarios.summary(met, calm, before=2, length=3)["recovery_periods"] is None
    met["cost"][:, -1] = [40.0, 10.0, -20.0, 14.0]  # more than 5 %, but less than noise
    assert scenarios.summary(met, calm, before=2, length=3)["recovery_periods"] == 2


@pytest.mark.parametrize("scenario", scenarios.SCENARIOS)
def test_scenarios_share_one_structure_and_spare_the_second_supplier(scenario):
    shocked = Shocked(DualSourcing(), max_slip=3)
    inner = shocked.env.default_params()
    params = scenarios.stressed(shocked, inner, scenario, scenarios.Severity(), 10, 5)
    outage = scenarios.stressed(shocked, inner, "outage", scenarios.Severity(), 10, 5)
    types = [[(x.shape, x.dtype) for x in jax.tree.leaves(tree)] for tree in (params, outage)]
    assert types[0] == types[1]
    assert jax.tree.structure(params) == jax.tree.structure(outage)
    shocks = params.shocks
    mean = float(inner.demand.mean())
    regular, costs = float(shocks.capacity.regular[1]), float(shocks.factors["expedited_cost"][1])
    assert regular == {"outage": 0.0, "capacity_loss": round(0.5 * mean)}.get(scenario, 1e9)
    assert shocks.slip.regular.tolist() == [0, 3 if scenario == "lead_time_slip" else 0]
    assert float(shocks.demand[1]) == {"surge": 1.5, "collapse": 0.5}.get(scenario, 1.0)
    assert costs == (2.0 if scenario == "cost_jump" else 1.0)
    assert shocks.capacity.expedited.tolist() == [1e9, 1e9]


def test_bad_input_is_named_before_anything_is_computed(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("experiments.heuristics.tuned", lambda *given, **more: pytest.fail("tuned first"))
    (tmp_path / "file").touch()
    for arguments, message in (
        (("--scenarios", "flood"), "no scenario 'flood'; there are outage, "),
        (("--scenarios",), "scenarios must name some of outage, "),
        (("--length", "0"), "length must be >= 1, got 0"),
        (("--tuning-paths", "0"), "tuning_paths must be >= 1, got 0"),
        (("--severity.waits", "2"), "waits must be <= 1"),
        (("--severity.begins", "2", "--scenarios", "random"), "transition must be"),
        (("--instance", "zipkin2008/poisson-p4-L1", "--set", "stockout_cots=3"), "no parameter 'stockout_cots'"),
        (("--out", tmp_path / "file" / "deeper"), "deeper"),
    ):
        with pytest.raises(SystemExit) as stopped:
            run(monkeypatch, *arguments)
        assert message in f"{stopped.value}{capsys.readouterr().err}", arguments


def test_the_table_is_whole_in_a_narrow_terminal(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    phase = {"cost": 12345.6, "fill_rate": 0.987, "stock": 1234.5}
    row = dict.fromkeys(("before", "during", "after"), phase) | {"recovery_periods": None}
    row |= {"extra_cost": 123456.7, "extra_cost_ci95": [120000.0, 126912.3]}
    Console(width=120).print(stress_table({"NetworkReorderPoint": row}))
    printed = capsys.readouterr().out
    for text in ("NetworkReorderPoint", "12,345.6", "98.7%", "+123,456.7", "+120,000.0 to +126,912.3", "not yet"):
        assert text in printed


def test_help_does_without_jax():
    code = "import sys, experiments.stress; print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
