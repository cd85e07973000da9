"""The command lines of the experiments that tune, train and compare."""

import subprocess
import sys
from importlib import import_module

import pytest

from experiments import command

NAMES = ("ppo_multiwarehouse", "dqn_replenishment", "a3c_stock_forecast", "sac_pricing")
EXPERIMENTS = {name: import_module(f"experiments.{name}") for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_options_are_set_on_top_of_the_preset(name):
    presets = EXPERIMENTS[name].PRESETS
    config = command.parse(presets, None, ["--preset", "smoke", "--seed", "3", "--search.paths", "5"])
    assert (config.preset, config.seed, config.search.paths) == ("smoke", 3, 5)
    assert config.env == presets["smoke"].env
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
