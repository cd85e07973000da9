"""Published values, recomputed: the exact optimum and every heuristic of an instance beside what was printed.

Costs are exact where the state space allows, else simulated with a standard error. An instance that is not in the
registry is given by its parameters:
    python -m experiments.reproduce_published --env SingleItem-v0 --set demand=poisson demand.mean=5 lead_time=3
"""

import csv
import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import tyro

from experiments import output
from experiments.problem import ProblemConfig, given_instance


@dataclasses.dataclass(frozen=True)
class Config:
    family: tyro.conf.Positional[str] = "all"
    """what comes before the slash in the names of instances, an environment's name, or one instance's name"""
    problem: Annotated[ProblemConfig, tyro.conf.arg(name="")] = ProblemConfig()
    criterion: str = "average"
    """what such an instance is judged by: average, discounted, finite (its horizon), year (365 periods) or episode"""
    out: Path = Path("runs/published")
    """folder for published.md and published.csv; rows of other instances that are there stay"""
    json: Path | None = None
    """write the rows to this file too: instance, quantity, published, computed, difference and more"""
    max_triples: float = 2e9
    """states x actions x outcomes up to which an optimum is computed"""
    num_paths: int = 400
    """simulated paths of 2,000 periods for costs that are not computed exactly"""


def chosen(config: Config) -> list[Any]:
    """The instances meant; raises ``ValueError`` if there are none."""
    from jaxinv.env import instances

    given = given_instance(config.problem, config.criterion)
    if given is not None:
        return [given]
    found = [i for i in instances() if config.family in ("all", i.family, i.env, i.name)]
    if not found:
        families = sorted({i.family for i in instances()} | {i.env for i in instances()})
        raise ValueError(f"no instance of {config.family!r}; families are {', '.join(families)}")
    return found


def run(config: Config) -> list[Any]:
    """The rows of the table, printed as they come and written after every instance."""
    from experiments.published import Problem

    instances, rows = chosen(config), []
    output.folder(config.out)
    output.file(config.json)
    kept = _kept(config.out / "published.csv", {instance.name for instance in instances})
    for instance in instances:
        for row in Problem(instance, config.max_triples, config.num_paths).rows():
            rows.append(row)
            print(" | ".join(_cells(row)), flush=True)
        _write(kept, rows, config)
    return rows


def _kept(table: Path, recomputed: set[str]) -> list[Any]:
    """The rows of a table made before that are not made anew."""
    from experiments.published import Row

    if not table.exists():
        return []
    with table.open(newline="") as file:
        rows = [Row.from_text(row) for row in csv.DictReader(file)]
    return [row for row in rows if row.instance not in recomputed]


def _write(kept: list[Any], rows: list[Any], config: Config) -> None:
    from experiments.published import Row
    from jaxinv.env import instances

    order = {instance.name: number for number, instance in enumerate(instances())}
    rows = sorted(kept + rows, key=lambda row: order.get(row.instance, len(order)))  # stable
    (config.out / "published.md").write_text(markdown(rows))
    with (config.out / "published.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(Row)])
        writer.writeheader()
        writer.writerows(map(dataclasses.asdict, rows))
    if config.json is not None:
        config.json.write_text(json.dumps([dataclasses.asdict(row) for row in rows], indent=1) + "\n")


_HEADER = ("instance", "quantity", "published", "computed", "difference", "agrees", "seconds", "note")


def _cells(row: Any) -> tuple[str, ...]:
    def number(value: float | None, digits: str) -> str:
        return "" if value is None else format(value, digits)

    computed = number(row.computed, ".7g") + ("" if row.error is None else f" ± {row.error:.2g}")
    agrees = {None: "", True: "yes", False: "no"}[row.agrees]
    printed = number(row.published, "g"), computed, number(row.difference, "+.5f")
    return (row.instance, row.quantity, *printed, agrees, f"{row.seconds:.1f}", row.note)


def markdown(rows: list[Any]) -> str:
    """The table with its summary."""
    compared = [row for row in rows if row.agrees is not None]
    agreeing = sum(row.agrees for row in compared)
    lines = [
        "# Published values, recomputed",
        "",
        "Made by `python -m experiments.reproduce_published`. Costs, smaller is better. A value with ± is simulated, "
        "with its standard error; all others are exact. It agrees if it is the published value to the digits printed, "
        "or to three standard errors. Values without a published one were computed here only.",
        "",
        f"{len(compared)} values are published; {agreeing} agree, {len(compared) - agreeing} do not.",
        "",
        "| " + " | ".join(_HEADER) + " |",
        "|" + "---|" * len(_HEADER),
        *("| " + " | ".join(_cells(row)) + " |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    try:
        config = tyro.cli(Config, description=__doc__)
        rows = run(config)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    differing = [row for row in rows if row.agrees is False]
    print(f"{len(rows)} rows in {config.out}; {len(differing)} differ from what is printed")


if __name__ == "__main__":
    main()
