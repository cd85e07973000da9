"""What ``forecast_to_order`` shows: the table, what it says of forecasts and policies, and the figure."""

from collections.abc import Iterator
from itertools import cycle
from typing import Any

from matplotlib.figure import Figure
from rich.table import Table

from jaxinv.report.figures import COLOURS

_COLOUR = {"heuristic": COLOURS[7], "forecast": COLOURS[0], "residual": COLOURS[3], "end to end": COLOURS[2]}


def _rows(problem: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """The header, and a line per policy, cheapest first."""
    reference = problem["best_heuristic"]
    yield "policy", "cost", "interval", f"against {reference}", "fill rate", "waste", "wQL", "lead-time wQL", "seconds"
    base = problem["policies"][reference]["cost_mean"]
    for name, row in sorted(problem["policies"].items(), key=lambda item: item[1]["cost_mean"]):
        difference = row["difference_to_best_heuristic"]
        low, high = (100 * x / base for x in difference["ci95"])
        scores = problem["scores"].get(row["forecaster"])
        yield (
            name,
            f"{row['cost_mean']:,.1f}",
            "{:,.1f} to {:,.1f}".format(*row["cost_ci95"]),
            "" if name == reference else f"{100 * difference['mean'] / base:+.1f} % ({low:+.1f} to {high:+.1f})",
            f"{row['fill_rate']:.1%}",
            f"{row['waste']:.1%}",
            *(f"{scores[score][0]:.4f}" if scores else "" for score in ("wql", "lead_wql")),
            f"{row['seconds']:.0f}" if row["seconds"] else "",
        )


def table(problem: dict[str, Any]) -> Table:
    header, *rows = _rows(problem)
    dates = " to ".join(problem["held_out"])
    shown = Table(title=f"{problem['title']}; real demand of {dates}, held out", title_justify="left")
    shown.caption = (
        "cost per day; intervals are 95 %, over days in pairs; wQL: quantile loss by mean demand; "
        "seconds: of training, while others train"
    )
    for name in header:
        shown.add_column(name, justify="left" if name == "policy" else "right")
    for row in rows:
        shown.add_row(*row, style="bold" if problem["policies"][row[0]]["seconds"] else None)
    return shown


def lessons(problem: dict[str, Any]) -> Iterator[str]:
    """Of every two forecasters, each ordering at the newsvendor's fractile: where the better forecast of lead-time
    demand was not the better policy. A difference whose interval holds 0 is not told from none."""
    worse = []
    for pair in problem["pairs"]:
        (better, other), sign = pair["forecasters"], 1.0
        if pair["lead_wql"][0] > 0:
            (better, other), sign = (other, better), -1.0
        loss, cost = ([sign * x for x in pair[name]] for name in ("lead_wql", "cost"))
        if cost[0] > 0:
            sure = ["sure" if min(d[1:]) * max(d[1:]) > 0 else "not sure" for d in (loss, cost)]
            worse.append(
                f"The better forecast was not the better policy: {better} has a lower lead-time wQL than {other} "
                f"({loss[0]:+.4f}, {sure[0]}), and its orders cost more ({cost[0]:+.2f} a day, {sure[1]})."
            )
    count = len(problem["pairs"])
    yield f"Of {count} pairs of forecasters the better one in lead-time wQL was the cheaper in {count - len(worse)}."
    yield from worse
    ours, theirs = problem["best_neural"], problem["best_classical"]
    costs = [problem["policies"][name]["cost_mean"] for name in (ours, theirs)]
    yield (
        f"Chosen before the held-out days: {ours} costs {costs[0]:,.1f} a day, {theirs} {costs[1]:,.1f}; "
        f"the heuristic is {problem['best_heuristic']}."
    )


def markdown(problems: list[dict[str, Any]]) -> str:
    """A section per problem."""
    lines = []
    for problem in problems:
        header, *rows = _rows(problem)
        days, dates = problem["days"], " to ".join(problem["held_out"])
        lines += [
            f"### {problem['title']}",
            "",
            f"Forecasters fitted to {days['fit']} days; {days['train']} days to learn on, {days['test']} to choose "
            f"with; judged on {dates}.",
            "",
            *("| " + " | ".join(row) + " |" for row in (header, ("---",) * len(header), *rows)),
            "",
            *(f"* {line}" for line in lessons(problem)),
            "",
        ]
    return "\n".join(lines)


def drawn(problem: dict[str, Any]) -> Figure:
    """Costs of all policies; and of forecasters, what their orders cost by how well they forecast."""
    rows = sorted(problem["policies"].items(), key=lambda item: -item[1]["cost_mean"])
    figure = Figure(figsize=(13, 0.32 * len(rows) + 1.6), layout="constrained")
    figure.suptitle(f"{problem['title']}, held-out days")
    costs, forecasts = figure.subplots(1, 2, width_ratios=(3, 2))
    for y, (_, row) in enumerate(rows):
        costs.plot(row["cost_ci95"], [y, y], color=_COLOUR[row["kind"]])
        costs.plot(row["cost_mean"], y, "o", color=_COLOUR[row["kind"]])
    costs.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)
    costs.set(xlabel="cost per day, with 95 % interval")
    for kind, colour in _COLOUR.items():
        costs.plot([], [], "o", color=colour, label=kind)
    costs.legend(fontsize=8)
    costs.grid(axis="x", alpha=0.3)
    for (name, scores), colour in zip(problem["scores"].items(), cycle(COLOURS), strict=False):
        x, y = scores["lead_wql"][0], problem["policies"][f"quantile of {name}"]["cost_mean"]
        forecasts.plot(x, y, "o", color=colour, label=name)
    forecasts.legend(fontsize=8, loc="upper left")
    forecasts.margins(0.25)
    forecasts.set(xlabel="lead-time wQL of the forecast", ylabel="cost per day of ordering up to its fractile")
    forecasts.grid(alpha=0.3)
    return figure
