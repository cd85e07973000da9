import json
import sys

import pytest

from experiments import scaling


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["scaling", *map(str, arguments)])
    monkeypatch.setenv("JAX_ENABLE_COMPILATION_CACHE", "true")  # which main changes, put back afterwards
    scaling.main()


def test_slope_is_the_power_from_the_middle_to_the_largest():
    rows = [{"size": n, "seconds_per_period": 1e-6 * max(n**2, 50)} for n in (1, 10, 100, 1000)]
    assert scaling.slope(rows) == pytest.approx(2.0)


@pytest.mark.slow
def test_small_run_writes_rows_and_a_figure(monkeypatch, tmp_path, capsys):
    sizes = ("--nodes", 2, 3, "--skus", 2, 4, "--batches", 2, 4, "--num-envs", 2, "--repeats", 1, "--seconds", 0.001)
    run(monkeypatch, *sizes, "--out", tmp_path)
    printed = capsys.readouterr().out
    found = json.loads((tmp_path / "scaling.json").read_text())
    assert list(found) == ["nodes", "SKUs", "environments"]
    for problems in found.values():
        for problem, rows in problems.items():
            assert len(rows) == 2
            assert all(row["seconds_per_period"] > 0 for row in rows)
            assert problem in printed
    assert (tmp_path / "scaling.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--nodes", "1", "3"), "nodes must be two or more rising whole numbers >= 2, got"),
        (("--skus", "30"), "skus must be two or more rising whole numbers >= 1, got"),
        (("--batches", "8", "8"), "batches must be two or more rising"),
        (("--repeats", "0"), "repeats must be positive, got 0"),
    ],
)
def test_errors_name_the_field(monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(scaling, "measure", lambda config: pytest.fail("measured first"))
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, *arguments)
    assert message in f"{stopped.value}{capsys.readouterr().err}"
