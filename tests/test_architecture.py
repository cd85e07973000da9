"""The house: imports point down only, and jaxinv.env stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Each part and what it may import of jaxinv. `train` is the host loop over agents.
ALLOWED = {
    "_xla": set(),
    "struct": set(),
    "intervals": {"struct"},
    "sharding": set(),
    "demand": {"struct"},
    "env": {"struct", "demand"},
    "testing": {"env"},
    "compat": {"struct", "env"},
    "data": {"struct", "demand"},
    "forecast": {"struct", "intervals", "demand", "data"},
    "policies": {"struct", "demand", "env"},
    "evaluate": {"struct", "intervals", "demand", "env", "policies"},
    "optimise": {"struct", "sharding", "demand", "env", "policies", "evaluate", "agents"},
    "solvers": {"struct", "demand", "env", "policies"},
    "agents": {"struct", "sharding", "demand", "env", "policies", "evaluate"},
    "train": {"struct", "sharding", "env", "agents"},
    "report": {"struct", "demand", "env", "policies", "evaluate", "agents", "optimise", "train"},
}


def imported(path: Path) -> set[str]:
    """Parts of jaxinv that a file imports, anywhere in it."""
    parts = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        parts |= {name.split(".")[1] for name in names if name.startswith("jaxinv.")}
    return parts


FILES = sorted((ROOT / "jaxinv").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path):
    part = path.relative_to(ROOT / "jaxinv").parts[0].removesuffix(".py")
    if part == "__init__":
        assert imported(path) <= {"_xla", "env"}
        return
    up = {name for name in imported(path) - {part} if name in ALLOWED} - ALLOWED[part]
    assert not up, f"{path.name} of {part} imports {sorted(up)}, which lies above or beside it"


def test_the_rule_sees_imports(tmp_path):
    source = tmp_path / "x.py"
    source.write_text("def f():\n    from jaxinv.agents import PPO\nimport jaxinv.train\nfrom jaxinv import env\n")
    assert imported(source) >= {"agents", "train", "env"}


def test_only_distributions_imports_distrax():
    users = [path.relative_to(ROOT) for path in FILES if "import distrax" in path.read_text()]
    assert users == [Path("jaxinv/agents/distributions.py")]


def test_make_and_instances_are_at_the_top():
    """They are there, and cost nothing before they are asked for."""
    code = "import sys, jaxinv; assert 'jax' not in sys.modules; jaxinv.instances('SingleItem-v0'), jaxinv.make"
    subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_env_is_light():
    """Importing jaxinv.env pulls in no learner, file or plotting library."""
    code = "import sys, jaxinv.env; print(' '.join(sorted({m.split('.')[0] for m in sys.modules})))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"distrax", "optax", "orbax", "polars", "matplotlib", "scipy", "pandas", "tensorflow_probability"}
    assert not heavy & set(run.stdout.split())
