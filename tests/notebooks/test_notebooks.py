"""Notebooks run from the first cell to the last, and are committed without traces of a run."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
FIGURES = {
    "01_quickstart": 3, "02_exact_and_learned": 3, "03_train_and_compare": 3, "04_beyond_rl": 2,
    "05_from_sales_to_orders": 3,
}  # fmt: skip
# Of a notebook that names its kernel and language, and nothing about who ran it where.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


# A minute of compilation each.
SLOW = {"01_quickstart", "03_train_and_compare", "04_beyond_rl", "05_from_sales_to_orders"}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


def test_every_notebook_is_expected():
    assert {path.stem for path in NOTEBOOKS} == set(FIGURES)


def test_committed_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata == METADATA
    for cell in notebook.cells:
        assert cell.metadata == {}, cell.id
        if cell.cell_type == "code":
            assert cell.outputs == [], cell.id
            assert cell.execution_count is None, cell.id


def test_opens_in_colab(path):
    notebook = nbformat.read(path, as_version=4)
    address = f"https://colab.research.google.com/github/jaxinv/jaxinv/blob/main/notebooks/{path.name}"
    assert f"({address})" in notebook.cells[0].source
    install = next(cell.source for cell in notebook.cells if "pip install" in cell.source)
    guard, command = install.strip().splitlines()[-2:]
    assert guard == 'if importlib.util.find_spec("jaxinv") is None:'
    assert command.endswith("git+https://github.com/jaxinv/jaxinv")


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (path.stem in SLOW)) for path in NOTEBOOKS]
)
def test_runs(path, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="executing notebooks needs nbclient")
    pytest.importorskip("ipykernel", reason="executing notebooks needs ipykernel")
    monkeypatch.setenv("JAXINV_NOTEBOOK_FAST", "1")
    # Nearly all the time goes into compilation, and nothing here is timed or learned.
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    notebook = nbformat.read(path, as_version=4)
    # Raises at the first cell that fails.
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == FIGURES[path.stem]
