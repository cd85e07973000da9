"""What is in a file of sales: series, dates, gaps, dispersion, seasons, intermittency, effects of promotions and prices.

It says how the file is read, and why; what is in it is drawn to a file, and a demand model is fitted:
python -m experiments.describe_demand my_sales.csv
python -m experiments.describe_demand parts.csv --columns sku Material --first-date 2020-01-01 --period month
"""

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tyro
from rich.console import Console

from experiments import output
from experiments.command import at_least

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

    from jaxinv.data import DemandPanel, PanelStatistics


@dataclasses.dataclass(frozen=True)
class Config:
    file: tyro.conf.Positional[Path]
    """file of sales, or folder of a public data set (M5, Favorita, Complete Journey), or the name of an embedded panel"""
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
    from jaxinv.data import panel_statistics

    at_least(config, fit=0)
    output.folder(config.out)
    panel = load(config, console)
    found = panel_statistics(panel)
    console.print(table(panel, found))
    if config.fit and panel.unit == "units":
        console.print(fitted(panel, config.fit), highlight=False)
    path = config.out / f"{config.file.name.partition('.')[0]}.png"
    draw(panel, found, title=config.file.name).savefig(path, dpi=120)
    console.print(f"drawn to {path}", highlight=False)
    return path


def table(panel: "DemandPanel", found: "PanelStatistics") -> "Table":
    """What a panel is like, a line each."""
    from rich.table import Table

    from jaxinv.data.statistics import CLASSES

    sold = found.demand_class != CLASSES[-1]
    count = int(np.isfinite(found.mean).sum())
    shown = Table("", "", show_header=False)

    def spread(values: np.ndarray) -> str:
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
    shown.add_row(f"{panel.unit} per {panel.period}", f"{panel.quantity.sum(dtype=float):,.0f} in all; {spread(found.mean)}")
    shown.add_row("share of zeros", spread(found.zero_share))
    shown.add_row("variance / mean", f"{spread(found.dispersion)}; 1 is Poisson")
    shown.add_row("periods per sale (ADI)", spread(found.interval))
    shown.add_row("squared variation of sizes (CV2)", spread(found.size_cv2))
    classes = ((kind, int(np.sum(found.demand_class[listed] == kind))) for kind in CLASSES)
    shown.add_row("classes", ", ".join(f"{number} {kind}" for kind, number in classes if number))
    for name, factors, labels in (("weekdays", found.weekly, _WEEKDAYS), ("months", found.yearly, _MONTHS)):
        if factors is not None:
            shown.add_row(name, "  ".join(f"{label} {factor:.2f}" for label, factor in zip(labels, factors, strict=True)))
    if found.promotion_lift is not None:
        share = panel.promotion[panel.available].mean()  # type: ignore[index]
        shown.add_row("promotions", f"{share:.1%} of {panel.period}s; sales {found.promotion_lift:.2f} times the usual")
    if found.price_elasticity is not None:
        shown.add_row("price", f"1 % dearer goes with {found.price_elasticity:+.2f} % of sales, within series")
    if panel.covariates:
        shown.add_row("covariates", ", ".join(panel.covariates))
    return shown


_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def fitted(panel: "DemandPanel", limit: int) -> str:
    """Which demand model fits each of the largest series, in a sentence and a table."""
    from jaxinv.data import fit_demand
    from jaxinv.data.fit import FAMILIES

    skus = min(len(panel.skus), limit)
    part = panel.largest(skus=skus, locations=min(len(panel.locations), max(1, limit // skus)))
    fit = fit_demand(part)
    sold = fit.level > 0
    counts = ", ".join(f"{np.sum(fit.family[sold] == family)} {family}" for family in FAMILIES)
    common = f"shocks in common of {fit.shock.mean():.2f}, drift of levels {fit.drift:.2f}"
    return f"\nBest of {sold.sum()} series by BIC: {counts}; {common}.\n{fit.summary(10)}"


def draw(panel: "DemandPanel", found: "PanelStatistics", *, title: str) -> "Figure":
    """Sales over time, classes, dispersion and, where there are, seasons and prices."""
    from matplotlib.figure import Figure

    from jaxinv.data.statistics import ADI, CLASSES, CV2
    from jaxinv.report.figures import COLOURS

    seasons = [s for s in (("weekday", found.weekly, _WEEKDAYS), ("month", found.yearly, _MONTHS)) if s[1] is not None]
    priced = found.price_elasticity is not None
    figure = Figure(figsize=(14, 8), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(1, 1.2))
    places: list[Any] = [upper.add_subplot(), *lower.subplots(1, 2 + len(seasons) + priced)]
    figure.suptitle(title)

    over_time, classes, dispersion, *rest = places
    total = np.where(panel.available, panel.quantity, 0.0).sum((1, 2), dtype=float)
    over_time.plot(panel.dates, np.where(found.closed, np.nan, total), color=COLOURS[0], linewidth=0.8)
    over_time.set(ylabel=f"{panel.unit} per {panel.period}", xlim=(panel.dates[0], panel.dates[-1]), ylim=(0, None))
    if panel.promotion is not None:
        share = over_time.twinx()
        share.fill_between(panel.dates, panel.promotion.mean((1, 2)), color=COLOURS[1], alpha=0.3, linewidth=0)
        share.set(ylim=(0, 1), ylabel="share on promotion")

    for colour, kind in zip(COLOURS, CLASSES[:-1], strict=False):
        of = found.demand_class == kind
        label = f"{kind}, {of.sum()}"
        classes.scatter(found.interval[of], np.maximum(found.size_cv2[of], 0.01), s=8, color=colour, alpha=0.5, label=label)
        dispersion.scatter(found.mean[of], found.dispersion[of], s=8, color=colour, alpha=0.5)
    classes.axvline(ADI, color="grey", linewidth=0.8)
    classes.axhline(CV2, color="grey", linewidth=0.8)
    classes.set(xscale="log", yscale="log", xlabel="periods per sale (ADI)", ylabel="variation of sizes (CV2), 0.01 at least")
    classes.legend(fontsize=8)
    dispersion.axhline(1.0, color="grey", linewidth=0.8)
    dispersion.set(xscale="log", yscale="log", xlabel=f"mean per {panel.period}", ylabel="variance / mean; grey: Poisson")
    for axis in (classes.xaxis, classes.yaxis, dispersion.xaxis, dispersion.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")
    for axes, (name, factors, labels) in zip(rest, seasons, strict=False):
        axes.bar(range(len(labels)), factors, color=COLOURS[5])
        axes.axhline(1.0, color="grey", linewidth=0.8)
        axes.set_xticks(range(len(labels)), labels, rotation=90)
        axes.set(xlabel=name, ylabel="sales over the usual")
    if priced:
        _by_price(panel, found, rest[-1], COLOURS)
    return figure


def _by_price(panel: "DemandPanel", found: "PanelStatistics", axes: Any, colours: tuple[str, ...]) -> None:
    """Sales of all series over their usual, by price over the mean one."""
    known = panel.available & (np.nan_to_num(panel.price) > 0)  # type: ignore[arg-type]
    price = np.where(known, panel.price, np.nan)  # type: ignore[arg-type]
    ratio = price / (np.nansum(price, 0) / np.maximum(known.sum(0), 1))
    edges = np.geomspace(0.5, 2.0, 14)
    bins = np.digitize(ratio[known], edges)
    usual = np.bincount(bins, np.broadcast_to(found.mean, known.shape)[known], len(edges) + 1)
    units = np.bincount(bins, panel.quantity[known], len(edges) + 1)
    shown = usual[1:-1] > 1e-3 * usual.sum()  # the rest is chance
    middle = np.sqrt(edges[:-1] * edges[1:])
    axes.plot(middle[shown], (units[1:-1] / np.maximum(usual[1:-1], 1e-9))[shown], "o-", color=colours[3])
    axes.axhline(1.0, color="grey", linewidth=0.8)
    axes.set(xlabel="price over a series' mean", ylabel="sales over the usual", ylim=(0, None))


def main() -> None:
    config = tyro.cli(Config, description=__doc__)
    try:
        run(config, Console(width=150))
    except (ValueError, OSError, ModuleNotFoundError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
