"""Where results go, and how they are written. ``folder`` and ``file`` fail now rather than after minutes of computing;
their ``OSError`` names the path."""

import dataclasses
import json
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any


def folder(path: Path) -> Path:
    """The folder, made if need be, that files can be written to."""
    path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path):
        return path


def file(path: Path | None) -> Path | None:
    """The file that can be written, made empty unless it is there; None if none is wanted."""
    if path is not None:
        path.open("a").close()
    return path


def machine() -> dict[str, Any]:
    """What a result was computed with."""
    import jax

    versions = {name: version(name) for name in ("jaxinv", "jax", "jaxlib", "flax", "optax", "numpy")}
    return {"device": jax.devices()[0].device_kind, "versions": versions}


def write(config: Any, result: dict) -> None:
    """config.json and result.json in ``config.out``; ``result`` holds what :func:`machine` says."""
    settings = dataclasses.asdict(config) | {name: result[name] for name in ("device", "versions")}
    (config.out / "config.json").write_text(json.dumps(settings, indent=1, default=str) + "\n")
    (config.out / "result.json").write_text(json.dumps(result, indent=1) + "\n")


def show(config: Any, result: dict, *shown: Any) -> None:
    """Print tables and lines, and where to find the rest."""
    from rich.console import Console

    console = Console(width=200 if not Console().is_terminal else None)
    for each in shown:
        console.print(each, highlight=False)
    where = f"All in {result['wall_seconds']:.0f} s. Figures and result.json in {config.out}"
    console.print(where, highlight=False)
