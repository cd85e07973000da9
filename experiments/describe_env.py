"""What an environment is: its order of events, spaces, structure, parameters with units and bounds, instances.

Its flow of goods is drawn to a file: python -m experiments.describe_env Serial-v0
What heuristics do in it is drawn by: python -m experiments.rollout --env Serial-v0
"""

import dataclasses
import sys
from pathlib import Path

import tyro
from rich.console import Console

from experiments import output


@dataclasses.dataclass(frozen=True)
class Config:
    env: tyro.conf.Positional[str]
    """name of a registered environment, e.g. Serial-v0"""
    instance: str | None = None
    """a published instance of it, whose structure and numbers are shown"""
    out: Path = Path("runs/describe_env")
    """folder for the drawing"""


def run(config: Config, console: Console) -> Path:
    """Print all there is to say; returns the drawing's path."""
    from rich.text import Text

    from jaxinv.env import instances, make
    from jaxinv.report import describe
    from jaxinv.report.network import flow_of_goods

    env, params = make(config.env, instance=config.instance)
    output.folder(config.out)
    console.rule(config.instance or config.env, align="left")
    console.print(Text(describe.summary(env)))
    for table in (describe.structure_table(env), describe.space_table(env, params), describe.parameter_table(params)):
        console.print(table)
    found = instances(config.env)
    if found:
        console.print(f"{len(found)} published instances: {', '.join(i.name for i in found)}", highlight=False)
    path = config.out / f"{(config.instance or config.env).replace('/', '-')}.png"
    flow_of_goods(env.flow(), title=config.instance or config.env).savefig(path, dpi=120)
    console.print(f"drawn to {path}", highlight=False)
    return path


def main() -> None:
    config = tyro.cli(Config, description=__doc__)
    try:
        run(config, Console(width=150))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
