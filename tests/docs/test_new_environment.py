"""The code on the page about new environments runs, and is as short as such a page should be."""

import importlib
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "new_environment.md"


@pytest.fixture
def blocks():
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_code_of_the_page_runs(blocks, tmp_path, monkeypatch, capsys):
    model, check, use = blocks
    (tmp_path / "shop.py").write_text(model)  # a module, so that its classes can be pickled
    monkeypatch.syspath_prepend(tmp_path)
    namespace = vars(importlib.import_module("shop"))
    for block in (check, use):
        exec(compile(block, str(PAGE), "exec"), namespace)
    assert float(namespace["difference"].mean) < 0  # the higher level is cheaper
    assert "level 14 saves" in capsys.readouterr().out


def test_the_environment_is_written_in_less_than_80_lines(blocks):
    lines = [line for line in blocks[0].splitlines() if line.strip()]
    assert len(lines) < 80
