import json
import sys
import time

import jax
import pytest

from experiments import speed, speed_forecasts, throughput

KEYS = ["name", "num_envs", "steps_per_second", "compile_seconds", "peer", "ratio"]


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["throughput", *map(str, arguments)])
    monkeypatch.setenv("JAX_ENABLE_COMPILATION_CACHE", "true")  # which main changes, put back afterwards
    throughput.main()


@pytest.mark.slow
def test_quick_run_writes_the_rows(monkeypatch, tmp_path, capsys):
    file = tmp_path / "rows.json"
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)  # nearly all the time is compilation
    try:
        run(monkeypatch, "--quick", "--json", file)
    finally:
        jax.config.update("jax_disable_most_optimizations", before)
    rows = json.loads(file.read_text())
    printed = capsys.readouterr().out
    for row in rows:
        assert list(row) == KEYS
        in_python = row["name"] == "gym-invmgmt network"  # a peer that may be installed
        assert row["num_envs"] in ((1,) if in_python else (4, 8))
        assert row["steps_per_second"] > 0
        assert in_python or row["compile_seconds"] > 0
        assert row["ratio"] is None or row["ratio"] > 0
        assert row["name"].split(",")[0] in printed
    rates = {row["name"]: row["steps_per_second"] for row in rows}
    for row in rows:
        if row["ratio"] is not None:
            assert row["ratio"] == pytest.approx(row["steps_per_second"] / rates[row["peer"]])
    for ours in (
        "lost sales L=4, public step", "lost sales L=4, batched", "gym-invmgmt's network, batched",
        "MultiSku 1 x 20, SKU-steps", "PPO, lost sales L=4", "A2C, lost sales L=4", "DQN, lost sales L=4",
        "SAC, backlog L=2", "PPO, lost sales L=4, 2 seeds x 2 learning rates",
        "GRU forecaster", "Convolution forecaster", "Transformer forecaster",
    ):  # fmt: skip
        assert ours in rates
    assert len(rates) == len(rows)


def test_larger_instances_move_stock_between_warehouses(key):
    """Traced only: compiling takes long."""
    (program,) = [
        p for p in speed.rollouts(8, ("DualSourcing-v0",), ((2, 3),)) if p.name.startswith("2 x 3 with transfers")
    ]
    assert program.peer is None or "CartPole" in program.peer
    carry = jax.eval_shape(program.init, key, program.params)
    assert carry[1].transfers.shape[-2:] == (2, 3)
    assert jax.eval_shape(program.body, carry, program.params) == carry


def test_forecasters_take_a_step_of_their_training(key):
    """Traced only: compiling takes long."""
    programs = speed_forecasts.networks(4)
    assert [program.name.split()[0] for program in programs] == ["GRU", "Convolution", "Transformer"]
    for program in programs:
        assert (program.num_envs, program.steps) == (4, 1)
        carry = jax.eval_shape(program.init, key, program.params)
        assert jax.eval_shape(program.body, carry, program.params) == carry


def test_a_peer_in_python_is_timed_beside_ours():
    """Two loops of which one sleeps; the ratio is that of their rates."""
    slow = speed.HostProgram("slow", lambda: time.sleep(0.002))
    fast = speed.HostProgram("fast", lambda: None, peer="slow")
    rows = speed.compare([fast, slow], 2, 0.01)
    assert [row["name"] for row in rows] == ["fast", "slow"]
    assert rows[1]["steps_per_second"] < 500
    assert rows[0]["ratio"] == rows[0]["steps_per_second"] / rows[1]["steps_per_second"] > 10


def test_unwritable_file_is_found_before_measuring(monkeypatch, tmp_path):
    monkeypatch.setattr(throughput, "measure", lambda config: pytest.fail("measured first"))
    with pytest.raises(SystemExit, match=r"error: .*absent"):
        run(monkeypatch, "--json", tmp_path / "absent" / "rows.json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--num-envs", "0"), "num_envs must be at least 1"),
        (("--ppo-num-envs", "6"), "multiples of 4"),
        (("--repeats", "0"), "repeats must be positive"),
        (("--forecast-batch", "0"), "forecast_batch must be at least 1"),
        (("--envs", "Nope-v0", "--quick"), "no environment 'Nope-v0'; registered are BeerGame-v0"),
    ],
)
def test_errors_name_the_field(monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(throughput, "measure", lambda config: pytest.fail("measured first"))
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, *arguments)
    assert message in f"{stopped.value}{capsys.readouterr().err}"
