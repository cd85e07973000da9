"""What is in a file of sales: series, dates, gaps, dispersion, seasons, intermittency, promotion and price effects.

It says how the file is read, and why; what is in it is drawn to a file, and a demand model is fitted, which can be
compared with periods held out:
python -m experiments.describe_demand my_sales.csv --held-out 90
python -m experiments.describe_demand parts.csv --columns sku Material --first-date 2020-01-01 --period month
"""

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import tyro
from rich.console import Console

from experiments import output
from experiments.command import at_least

if TYPE_CHECKING:
    from rich.table import Table

    from jaxinv.data import Compared, DemandPanel, PanelStatistics


@dataclasses.dataclass(frozen=True)
class Config:
    file: tyro.conf.Positional[Path]
    """file of sales, folder of a public data set (M5, Favorita, Complete Journey), or name of an embedded panel"""
    columns: dict[str, str] = dataclasses.field(default_factory=dict)
    """roles and the columns that have them, where names do not tell: date Day quantity Units"""
    first_date: str | None = None
    """date of period number 1, where periods are numbered"""
    date_format: str | None = None
    """of dates, as of strftime, where they can be read in two ways"""
    period: Literal["day", "week", "month"] | None = None
    """what the periods are, where dates do not tell"""
    revenue: bool | None = None
    """quantities that look like money are: True, so describe money all the same; False, units"""
    fit: int = 200
    """series, the largest, that demand models are fitted to; 0 for none"""
    held_out: int = 0
    """last periods, that models are fitted without and compared with; 0 for none"""
    lead_times: tuple[int, ...] = (1, 7, 14)
    """periods whose demand in a row is compared"""
    recent: int = 0
    """last periods of those fitted, that levels are of; 0 for all"""
    prices: bool = False
    """fit an elasticity, too"""
    shut: bool = False
    """a location was shut where it sold nothing of anything"""
    out: Path = Path("runs/describe_demand")
    """folder for the drawing"""


def load(config: Config, console: Console) -> "DemandPanel":
    """The panel, after saying what was inferred."""
    from jaxinv.data import PANELS, infer_columns, load_panel

    if str(config.file) in PANELS:
        return load_panel(str(config.file))
    told = {name: getattr(config, name) for name in ("first_date", "date_format", "period", "revenue")}
    told = {name: value for name, value in told.items() if value is not None}
    inferred = infer_columns(config.file, config.columns, date_format=config.date_format)
    console.print(str(inferred), highlight=False, markup=False)
    return inferred.read(**told)


def run(config: Config, console: Console) -> Path:
    """Print all there is to say; returns the drawing's path."""
    from experiments.panel_figure import draw
    from jaxinv.data import panel_statistics

    at_least(config, fit=0, held_out=0, recent=0)
    output.folder(config.out)
    panel = load(config, console)
    if config.held_out >= len(panel.dates):
        raise ValueError(f"held_out must be below the {len(panel.dates)} {panel.period}s there are")
    if config.shut:
        open_ = panel.available & panel.quantity.any(2, keepdims=True)
        panel = dataclasses.replace(panel, available=open_)
    found = panel_statistics(panel)
    console.print(table(panel, found))
    if config.fit and panel.unit == "units":
        told, report = fitted(panel, config)
        console.print(told, highlight=False)
        if report:
            console.print(compared(report))
    path = config.out / f"{config.file.name.partition('.')[0]}.png"
    draw(panel, found, title=config.file.name).savefig(path, dpi=120)
    console.print(f"drawn to {path}", highlight=False)
    return path


def table(panel: "DemandPanel", found: "PanelStatistics") -> "Table":
    """What a panel is like, a line each."""
    from rich.table import Table

    from experiments.panel_figure import seasons
    from jaxinv.data.statistics import CLASSES

    sold = found.demand_class != CLASSES[-1]
    count = int(np.isfinite(found.mean).sum())
    shown = Table("", "", show_header=False)

    def spread(values: np.ndarray) -> str:
        if not sold.any():
            return "nothing was sold"
        low, middle, high = np.nanquantile(values[sold], [0.1, 0.5, 0.9])
        return f"{middle:.3g} (a tenth below {low:.3g}, a tenth above {high:.3g})"

    shown.add_row("series", f"{count} in {len(panel.locations)} locations x {len(panel.skus)} SKUs")
    shown.add_row("dates", f"{len(panel.dates)} {panel.period}s, {panel.dates[0]} to {panel.dates[-1]}")
    closed = panel.dates[found.closed]
    named = ", ".join(map(str, closed[:3])) + (", ..." if len(closed) > 3 else "")
    shown.add_row("gaps", f"{len(closed)} {panel.period}s without anything on sale" + (f": {named}" if named else ""))
    listed = np.isfinite(found.mean)
    share = panel.available[:, listed].mean() if count else 0.0
    shown.add_row("available", f"{share:.1%} of {panel.period}s, of series that ever are")
    total = f"{panel.quantity.sum(dtype=float):,.0f} in all"
    shown.add_row(f"{panel.unit} per {panel.period}", f"{total}; {spread(found.mean)}")
    shown.add_row("share of zeros", spread(found.zero_share))
    shown.add_row("variance / mean", f"{spread(found.dispersion)}; 1 is Poisson")
    shown.add_row("periods per sale (ADI)", spread(found.interval))
    shown.add_row("squared variation of sizes (CV2)", spread(found.size_cv2))
    classes = ((kind, int(np.sum(found.demand_class[listed] == kind))) for kind in CLASSES)
    shown.add_row("classes", ", ".join(f"{number} {kind}" for kind, number in classes if number))
    for name, labels, factors in seasons(found):
        shown.add_row(f"{name}s", "  ".join(f"{label} {f:.2f}" for label, f in zip(labels, factors, strict=True)))
    if found.promotion_lift is not None:
        share = panel.promotion[panel.available].mean()  # type: ignore[index]
        shown.add_row("promotions", f"{share:.1%} of {panel.period}s; sales {found.promotion_lift:.2f} times the usual")
    if found.price_elasticity is not None:
        shown.add_row("price", f"1 % dearer goes with {found.price_elasticity:+.2f} % of sales, within series")
    if panel.covariates:
        shown.add_row("covariates", ", ".join(panel.covariates))
    return shown


def fitted(panel: "DemandPanel", config: Config) -> tuple[str, "tuple[Compared, ...]"]:
    """Which demand model fits each of the largest series, in a sentence and a table, and how it compares with what was
    held out."""
    from jaxinv.data import fit_demand, held_out_report
    from jaxinv.data.fit import FAMILIES

    before, after = panel.split(panel.dates[-config.held_out]) if config.held_out else (panel, None)
    skus = min(len(panel.skus), config.fit)
    part = before.largest(skus=skus, locations=min(len(panel.locations), max(1, config.fit // skus)))
    fit = fit_demand(part, prices=config.prices, recent=config.recent or None)
    report = ()
    if after is not None:
        report = held_out_report(fit, after.select(part.locations, part.skus), lead_times=config.lead_times)
    sold = fit.level > 0
    counts = ", ".join(f"{np.sum(fit.family[sold] == family)} {family}" for family in FAMILIES)
    common = f"shocks in common of {fit.shock.mean():.2f}, drift of levels {fit.drift:.2f}"
    return f"\nBest of {sold.sum()} series by BIC: {counts}; {common}.\n{fit.summary(10)}", report


def compared(report: "tuple[Compared, ...]") -> "Table":
    """What the model makes of the dates held out, beside what was seen."""
    from rich.table import Table

    shown = Table("statistic", "generated", "held out", "error", "tolerance", "within", "among 9 of 10 paths")
    for row in report:
        numbers = (f"{row.generated:.4g}", f"{row.held_out:.4g}")
        error = f"{row.error:+.1%}" if row.relative else f"{row.error:+.3f}"
        tolerance = f"{row.tolerance:.0%}" if row.relative else f"{row.tolerance:g}"
        shown.add_row(
            row.statistic, *numbers, error, tolerance, *("yes" if x else "NO" for x in (row.within, row.usual))
        )
    return shown


def main() -> None:
    config = tyro.cli(Config, description=__doc__)
    try:
        run(config, Console(width=150))
    except (ValueError, OSError, ModuleNotFoundError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
