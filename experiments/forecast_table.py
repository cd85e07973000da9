"""The tables of ``benchmark_forecasts`` as text."""

from typing import Any

_HEADER = (
    "forecaster", "wQL", "against best classical", "lead-time wQL", "against best classical", "CRPS", "coverage",
    "lead-time coverage", "bias", "WRMSSE", "fit, s", "predict, s",
)  # fmt: skip


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """A row of the table as text."""

    def score(name: str, form: str = ".4f") -> str:
        return format(row["scores"][name][0], form) if name in row["scores"] else ""

    def against(name: str) -> str:
        if row["forecaster"] == row["best_classical"] or name not in row["against_best"]:
            return ""
        mean, low, high = row["against_best"][name]
        return f"{mean:+.4f} ({low:+.4f} to {high:+.4f})"

    seconds = ("" if row[name] is None else f"{row[name]:.3g}" for name in ("fit_seconds", "predict_seconds"))
    return (
        row["forecaster"], score("wql"), against("wql"), score("lead_wql"), against("lead_wql"), score("crps"),
        score("coverage", ".1%"), score("lead_coverage", ".1%"), score("bias", "+.1%"), score("wrmsse"), *seconds,
    )  # fmt: skip


def markdown(rows: list[dict[str, Any]]) -> str:
    """A table per panel."""
    lines = [
        "# Forecasters beside each other",
        "",
        "Made by `python -m experiments.benchmark_forecasts`. Less is better but for coverage, which is of the "
        "quantiles at 5 and 95 % and should be 90 % or, of small whole demand, more. wQL, CRPS and bias are parts of "
        "mean demand; "
        "lead-time scores are of the demand of all periods ahead together. Differences are of wQL, with 95 % intervals "
        "over dates and series resampled in pairs; the best classical method is the one best on these very dates. "
        "WRMSSE is the mean over series, locations, SKUs and everything. Seconds to fit all series (classical: once "
        "compiled; networks: with compilation, but for what was fitted before) and to forecast them at one date, "
        "once compiled.",
    ]  # fmt: skip
    for name in dict.fromkeys(row["panel"] for row in rows):
        own = sorted((row for row in rows if row["panel"] == name), key=lambda row: row["scores"]["wql"][0])
        about = own[0]
        lines += [
            "",
            f"## {name}",
            "",
            f"{about['series']} series, fitted to {about['periods']} periods, {about['dates']} dates of "
            f"{about['horizon']} periods ahead.",
            "",
            *("| " + " | ".join(line) + " |" for line in (_HEADER, ("---",) * len(_HEADER), *map(cells, own))),
        ]
    return "\n".join(lines) + "\n"
