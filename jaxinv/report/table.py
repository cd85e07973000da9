"""The table of a comparison, for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table


def comparison_table(result: Mapping[str, Any], *, title: str = "", profit: bool = False) -> Table:
    """One row per policy of ``result`` (as in result.json), cheapest first, learners bold, and the lower bound where
    there is one. ``profit``: that, and gains by cause, in place of costs."""
    sign, measure = (-1.0, "profit") if profit else (1.0, "cost")
    policies = result["policies"]
    causes = [c for c in next(iter(policies.values()))["cost_by_cause"]]
    causes = [c for c in causes if any(abs(p["cost_by_cause"][c]) > 1e-9 for p in policies.values())]
    table = Table(title=title, caption=f"{measure} per period; intervals are 95 %", title_justify="left")
    table.add_column("policy")
    for name in (measure, "interval", f"against {result['best_heuristic']}", "fill rate", "service"):
        table.add_column(name, justify="right")
    for cause in causes:
        table.add_column(cause.replace("_", " "), justify="right")
    base = policies[result["best_heuristic"]]["cost_mean"]
    for name, row in sorted(policies.items(), key=lambda item: item[1]["cost_mean"]):
        difference = row["difference_to_best_heuristic"]
        low, high = sorted(sign * 100 * x / abs(base) for x in difference["ci95"])
        least, most = sorted(sign * x for x in row["cost_ci95"])
        table.add_row(
            name,
            f"{sign * row['cost_mean']:,.1f}",
            f"{least:,.1f} to {most:,.1f}",
            ""
            if name == result["best_heuristic"]
            else f"{sign * 100 * difference['mean'] / abs(base):+.1f} % ({low:+.1f} to {high:+.1f})",
            f"{row['fill_rate']:.1%}",
            f"{row['service_level']:.1%}",
            *(f"{sign * row['cost_by_cause'][cause]:,.1f}" for cause in causes),
            style="bold" if name in result.get("learners", ()) else None,
        )
    if result["lower_bound"] is not None:
        table.add_row("lower bound (hindsight)", f"{result['lower_bound']:,.1f}", style="dim")
    return table


def stress_table(rows: Mapping[str, Any], *, title: str = "") -> Table:
    """A line per policy that met shocks and phase (``before``, ``during`` and ``after`` one; ``without`` and ``with``
    many) with its ``cost``, ``fill_rate`` and ``stock``, the least extra cost first: ``extra_cost`` with its interval;
    ``recovery_periods``, where there was one shock."""
    caption = "means per period; extra cost of all periods; interval: 95 %; recovery: periods after the shock"
    table = Table(title=title, caption=caption, box=box.SIMPLE_HEAD, title_justify="left", caption_justify="left")
    table.add_column("policy", no_wrap=True)
    table.add_column("")
    for name in ("cost", "fill rate", "stock", "extra cost", "interval", "recovery"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, row in sorted(rows.items(), key=lambda item: item[1]["extra_cost"]):
        low, high = row["extra_cost_ci95"]
        phases = [key for key, value in row.items() if isinstance(value, Mapping)]
        recovery = row.get("recovery_periods", "")
        table.add_row(
            name,
            "\n".join(phases),
            "\n".join(f"{row[phase]['cost']:,.1f}" for phase in phases),
            "\n".join(f"{row[phase]['fill_rate']:.1%}" for phase in phases),
            "\n".join(f"{row[phase]['stock']:,.1f}" for phase in phases),
            f"{row['extra_cost']:+,.1f}",
            f"{low:+,.1f} to {high:+,.1f}",
            "not yet" if recovery is None else str(recovery),
        )
    return table
