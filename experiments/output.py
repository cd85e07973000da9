"""Where results go. Both fail now rather than after minutes of computing; their ``OSError`` names the path."""

import tempfile
from pathlib import Path


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
