"""Pictures of what a heuristic does: which one, of what, and where they are."""

import sys

import pytest

from experiments import rollout


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["rollout", *map(str, arguments)])
    rollout.main()


def test_a_chain_is_drawn_under_its_best_heuristic(monkeypatch, tmp_path, capsys):
    quick = ("--periods", 12, "--warmup", 5, "--tuning-paths", 2, "--out", tmp_path)
    run(monkeypatch, "--env", "Serial-v0", "--instance", "snyder2023/poisson-one-stage", *quick)
    printed = capsys.readouterr().out
    assert "SerialBaseStock: 4." in printed  # its optimal cost is 4.22
    for name in ("rollout.png", "flow.png"):
        assert (tmp_path / name).stat().st_size > 5_000
        assert name in printed


def test_bad_input_is_named(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").touch()
    for arguments, message in (
        (("--env", "Nope-v0"), "no environment 'Nope-v0'"),
        (("--instance", "nope/nope"), "SingleItem-v0 has no instance 'nope/nope'"),
        (("--env", "Serial-v0", "--policy", "BaseStock"), "no heuristic 'BaseStock' is known here for Serial"),
        (("--periods", 0), "periods must be >= 1, got 0"),
        (("--out", tmp_path / "file"), "file"),
    ):
        with pytest.raises(SystemExit) as stopped:
            run(monkeypatch, "--tuning-paths", 2, *arguments)
        assert message in f"{stopped.value}{capsys.readouterr().err}", arguments
