"""Which experiments there are: ``python -m experiments``."""

import ast
from pathlib import Path


def commands() -> dict[str, str]:
    """Every experiment with the first sentence of what it says of itself."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        module = ast.parse(path.read_text())
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in module.body):
            told = (ast.get_docstring(module) or "").partition("\n\n")[0]
            found[path.stem] = " ".join(told.split())
    return found


def main() -> None:
    for name, told in commands().items():
        print(f"python -m experiments.{name}\n    {told}")


if __name__ == "__main__":
    main()
