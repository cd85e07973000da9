"""The command line of the experiments that tune, train and compare: presets, what all can be told, how a run ends."""

import dataclasses
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import tyro

from experiments import output


@dataclasses.dataclass(frozen=True)
class SearchConfig:
    """What heuristics are tuned on."""

    paths: int = 128
    """demand paths that candidates are compared on, and that the best state of a learner is chosen by"""


@dataclasses.dataclass(frozen=True)
class OutputConfig:
    """What every such experiment can be told; each adds its instance and its learners."""

    preset: Literal["smoke", "default"] = "default"
    """smoke: seconds, to see that it runs; default: minutes on a laptop"""
    seed: int = 0
    out: Path = Path("runs")


@dataclasses.dataclass(frozen=True)
class RunConfig(OutputConfig):
    """And those that can be interrupted."""

    search: SearchConfig = SearchConfig()
    num_seeds: int = 1
    """runs of a learner at once; the one best in validation, on fitted demand, is the policy judged"""
    resume: bool = False
    """go on with the training run in the output directory"""


def at_least(config: Any, **lowest: int) -> None:
    """Raise ``ValueError`` unless the named fields are at least so large."""
    for name, low in lowest.items():
        if getattr(config, name) < low:
            raise ValueError(f"{name} must be at least {low}, got {getattr(config, name)}")


def parse(presets: Mapping[str, Any], description: str | None, arguments: list[str] | None = None) -> Any:
    """The configuration of a command line: the preset's, with what else is given set on top."""
    arguments = sys.argv[1:] if arguments is None else arguments
    chosen = "default"
    for i, argument in enumerate(arguments):
        if argument == "--preset" and i + 1 < len(arguments):
            chosen = arguments[i + 1]
        elif argument.startswith("--preset="):
            chosen = argument.partition("=")[2]
    default = presets.get(chosen, presets["default"])  # a wrong name is tyro's to refuse
    return tyro.cli(type(default), args=arguments, default=default, description=description)


def launch(presets: Mapping[str, Any], description: str | None, run: Callable[[Any], Any]) -> None:
    """Parse the command line and ``run`` its configuration, which imports jax, so that --help does without."""
    config = parse(presets, description)
    resumable = isinstance(config, RunConfig)
    if (config.out / "result.json").exists() and not (resumable and config.resume):
        sys.exit(f"{config.out} holds a finished run: choose another --out{', or --resume it' * resumable}")
    if resumable and (config.out / "training").exists() and not config.resume:
        sys.exit(f"{config.out} holds an unfinished run: --resume it, or choose another --out")
    try:
        output.folder(config.out)
        run(config)
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(f"stopped; --resume goes on from the last checkpoint in {config.out}" if resumable else "stopped")
