"""Policies beside each other on common simulated paths: their rows, the table and the files. Imported after the command
line has been parsed."""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from experiments import figures, output
from jaxinv.evaluate import Paths, compare, cvar, evaluate
from jaxinv.train import fit

_CHUNK = 50  # iterations of a learner that are compiled into one program
WORST = 0.05  # share of the paths, and of all their periods, whose costs conditional value at risk is the mean of


@dataclasses.dataclass(frozen=True)
class Contender:
    policy: Any
    env: Any  # that it acts in, a view of the one that the paths are of
    params: Any
    train_steps: int = 0  # 0: not a learner
    seconds: float = 0.0  # of training, compilation included


def trained(learner: Any, params: Any, seed: int) -> Contender:
    """What a learner learned."""
    started = time.perf_counter()
    result = fit(learner, params, jax.random.key(seed), chunk=_CHUNK, progress=False)
    steps = learner.num_updates * learner.steps_per_update
    policy = learner.policy(result.state)
    return Contender(policy, learner.env, params, steps, time.perf_counter() - started)


def judge(contenders: Mapping[str, Contender], paths: Paths, warmup: int) -> dict[str, dict[str, Any]]:
    """Name -> row, cheapest first; differences are to the cheapest that is not a learner."""
    judged = {name: evaluate(c.policy, c.env, c.params, paths, warmup=warmup) for name, c in contenders.items()}
    costs = {name: float(of.cost_mean) for name, of in judged.items()}
    best = min((name for name in costs if not contenders[name].train_steps), key=lambda name: costs[name])
    rows = {}
    for name in sorted(costs, key=lambda name: costs[name]):
        of, difference = judged[name], compare(judged[name], judged[best])
        rows[name] = {
            "cost_mean": costs[name],
            "cost_ci95": of.cost_ci95.tolist(),
            "cost_cvar_paths": float(of.cost_cvar(WORST)),
            "cost_cvar_periods": float(cvar(np.sum(of.cost, -1).reshape(-1), WORST)),
            "cost_worst_path": float(np.max(of.path_cost)),
            "difference_percent": 100 * float(difference.mean) / abs(costs[best]),
            "difference_ci95_percent": (100 * difference.ci95 / abs(costs[best])).tolist(),
            "beside": best,
            "fill_rate": float(of.fill_rate),
            "train_steps": contenders[name].train_steps,
            "seconds": contenders[name].seconds,
        }
    return rows


def table(
    rows: Mapping[str, Mapping[str, Any]], title: str, more: Mapping[str, Mapping[str, str]] | None = None
) -> Table:
    """``more``: title of a further column -> its entry by policy."""
    best, more = next(iter(rows.values()))["beside"], more or {}
    caption = f"cost per period; intervals are 95 %, paired on common paths; means of the worst {WORST:.0%}"
    shown = Table(title=title, title_justify="left", caption=caption)
    shown.add_column("policy")
    for name in ("cost", "interval", f"against {best}", "worst paths", "worst periods", "fill rate", *more, "seconds"):
        shown.add_column(name, justify="right")
    for name, row in rows.items():
        (low, high), (least, most) = row["cost_ci95"], row["difference_ci95_percent"]
        shown.add_row(
            name,
            f"{row['cost_mean']:,.2f}",
            f"{low:,.2f} to {high:,.2f}",
            "" if name == best else f"{row['difference_percent']:+.1f} % ({least:+.1f} to {most:+.1f})",
            f"{row['cost_cvar_paths']:,.2f}",
            f"{row['cost_cvar_periods']:,.2f}",
            f"{row['fill_rate']:.1%}",
            *(column.get(name, "") for column in more.values()),
            f"{row['seconds']:.0f}" if row["train_steps"] else "",
            style="bold" if row["train_steps"] else None,
        )
    return shown


def finish(config: Any, result: dict[str, Any], drawn: Mapping[str, Figure], shown: Table, started: float) -> dict:
    """Print and write everything; returns what result.json holds."""
    figures.write(config.out / "figures", dict(drawn))
    result = result | output.machine() | {"wall_seconds": time.perf_counter() - started}
    output.write(config, result)
    output.show(config, result, shown)
    return result
