import json
import sys

import pytest

from experiments import beside_rejax


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["beside_rejax", *map(str, arguments)])
    beside_rejax.main()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["PPO", "DQN", "SAC"])
def test_both_sides_learn_and_are_judged(monkeypatch, tmp_path, capsys, kind):
    pytest.importorskip("rejax", reason="a client of the extra 'peers'")
    file = tmp_path / "rows.json"
    run(
        monkeypatch, "--kinds", kind, "--steps", 8192, "--num-seeds", 2, "--num-envs", 8, "--learning-rates", 1e-3,
        "--num-paths", 4, "--json", file,
    )  # fmt: skip
    rows = json.loads(file.read_text())
    assert [row["by"] for row in rows] == ["jaxinv", "rejax"]
    for row in rows:
        assert len(row["costs"]) == 2
        assert len(set(row["costs"])) == 2
        assert all(1.0 < cost < 500.0 for cost in row["costs"])
    assert capsys.readouterr().out.count(rows[0]["problem"]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--kinds", "TD3"), "kinds must be among PPO, DQN and SAC, got TD3"),
        (("--num-seeds", "1"), "num_seeds must be at least 2, got 1"),
    ],
)
def test_errors_name_the_field(monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(beside_rejax, "measure", lambda config: pytest.fail("measured first"))
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, *arguments)
    assert message in f"{stopped.value}{capsys.readouterr().err}"
