"""Which problem an experiment is about: a published instance, or any other given by its parameters."""

import dataclasses
import json
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class ProblemConfig:
    env: str = "SingleItem-v0"
    """registered environment of an instance that is given by --set"""
    set: tuple[str, ...] = ()
    """its parameters by name, e.g. --set demand=poisson demand.mean=5 lead_time=3 stockout_cost=9 holding_cost=1"""
    file: Path | None = None
    """the same in a YAML or JSON file: a mapping of names to values, with env among them"""


def given_instance(config: ProblemConfig, criterion: str = "average") -> Any:
    """The ``Instance`` that a file or the command line describes, judged by ``criterion``; None if neither does.

    Raises ``ValueError`` for what cannot be read, does not exist or does not fit.
    """
    from jaxinv.env import build
    from jaxinv.env.instances import CRITERIA, Instance

    if not config.set and config.file is None:
        return None
    env, settings = _settings(config)
    if criterion not in CRITERIA:
        raise ValueError(f"--criterion must be one of {', '.join(CRITERIA)}; got {criterion!r}")
    build(env, settings)  # what does not fit fails now
    name = f"{'given' if config.file is None else config.file.stem}/{env}"
    return Instance(env, " ".join((name, *config.set)), settings, source="given by its parameters", criterion=criterion)


def build_problem(config: ProblemConfig, instance: str | None = None) -> tuple[Any, Any]:
    """Environment and parameters of an ``instance``, or an environment's defaults, with what a file or the command line
    changes of them.

    Raises ``ValueError`` for what cannot be read, does not exist or does not fit.
    """
    from jaxinv.env import build
    from jaxinv.env.instances import find

    env, changes = _settings(config)
    settings = {} if instance is None else find(env, instance).settings
    if "demand" in changes:  # another kind, whose numbers are others
        settings = {name: value for name, value in settings.items() if not name.startswith("demand.")}
    return build(env, {**settings, **changes})


def _settings(config: ProblemConfig) -> tuple[str, dict[str, Any]]:
    """Environment, and settings by name, the command line's last."""
    settings: dict[str, Any] = {} if config.file is None else _read(config.file)
    env = settings.pop("env", config.env)
    for pair in config.set:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"--set takes name=value, got {pair!r}")
        settings[key] = _value(value)
    return env, settings


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        settings = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ValueError(f"cannot read {path}: {error}") from None
    if not isinstance(settings, dict):
        raise ValueError(f"{path} must hold a mapping of names to values, got {type(settings).__name__}")
    return {key: _value(value) if isinstance(value, str) else value for key, value in settings.items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
