"""The command lines of the experiments that tune, train and compare."""

import dataclasses
import json
import subprocess
import sys
from importlib import import_module

import pytest

from experiments import command

# On real demand, and on demand that is simulated.
REAL = ("ppo_multiwarehouse", "dqn_replenishment", "a3c_stock_forecast", "sac_pricing")
SIMULATED = ("marl_supply_chain", "ddpg_risk", "pathwise_network", "dcl_lost_sales")
NAMES = (*REAL, *SIMULATED)
EXPERIMENTS = {name: import_module(f"experiments.{name}") for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_options_are_set_on_top_of_the_preset(name):
    presets = EXPERIMENTS[name].PRESETS
    config = command.parse(presets, None, ["--preset", "smoke", "--seed", "3"])
    assert config == dataclasses.replace(presets["smoke"], seed=3)
    if hasattr(config, "search"):
        config = command.parse(presets, None, ["--preset", "smoke", "--search.paths", "5"])
        assert config.search == dataclasses.replace(presets["smoke"].search, paths=5)
    assert command.parse(presets, None, ["--preset=smoke"]) == presets["smoke"]
    assert command.parse(presets, None, []) == presets["default"]
    assert config.out == presets["default"].out == command.Path("runs") / name


def test_an_unknown_preset_is_refused(capsys):
    with pytest.raises(SystemExit):
        command.parse(EXPERIMENTS["sac_pricing"].PRESETS, None, ["--preset", "tiny"])
    assert "smoke" in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_help_does_without_jax(name):
    code = f"import sys, experiments.{name}; print('jax' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize("name", NAMES)
def test_a_finished_run_is_not_overwritten(name, tmp_path, monkeypatch):
    (tmp_path / "result.json").write_text("{}")
    monkeypatch.setattr(sys, "argv", ["x", "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match="holds a finished run"):
        EXPERIMENTS[name].main()
    assert (tmp_path / "result.json").read_text() == "{}"


def test_an_unfinished_run_is_not_overwritten(tmp_path, monkeypatch):
    (tmp_path / "training").mkdir()
    monkeypatch.setattr(sys, "argv", ["x", "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match="holds an unfinished run: --resume it"):
        EXPERIMENTS["ppo_multiwarehouse"].main()


def test_errors_are_told_in_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["x", "--out", str(tmp_path)])
    presets = EXPERIMENTS["sac_pricing"].PRESETS

    def run(error):
        def fail(config):
            raise error

        with pytest.raises(SystemExit) as stopped:
            command.launch(presets, None, fail)
        return stopped.value.code

    assert run(ValueError("env.skus must be 1")) == "error: env.skus must be 1"
    assert "--resume goes on" in run(KeyboardInterrupt())


@pytest.mark.slow
@pytest.mark.parametrize("name", SIMULATED)
def test_simulated_experiments_run_to_their_end(name, tmp_path):
    job = [sys.executable, "-m", f"experiments.{name}", "--preset", "smoke", "--out", str(tmp_path)]
    printed = subprocess.run(job, capture_output=True, text=True, check=True).stdout
    result = json.loads((tmp_path / "result.json").read_text())
    names = [row["policy"] for row in result["policies"]] if name == "dcl_lost_sales" else list(result["policies"])
    assert len(names) > 3
    assert all(name in printed for name in names)
    assert list((tmp_path / "figures").glob("*.png"))


@pytest.mark.parametrize(("name", "wrong"), [("marl_supply_chain", "weeks"), ("ddpg_risk", "paths")])
def test_sizes_are_checked(name, wrong):
    with pytest.raises(ValueError, match=f"{wrong} must be at least 2, got 1"):
        dataclasses.replace(EXPERIMENTS[name].PRESETS["default"], **{wrong: 1})
