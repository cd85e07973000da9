"""What a panel of sales looks like."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from jaxinv.data import DemandPanel, PanelStatistics
from jaxinv.data.statistics import ADI, CLASSES, CV2
from jaxinv.report.figures import COLOURS

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def seasons(found: PanelStatistics) -> list[tuple[str, tuple[str, ...], np.ndarray]]:
    """The profiles that there are: of what, labels and factors."""
    profiles = (("weekday", _WEEKDAYS, found.weekly), ("month", _MONTHS, found.yearly))
    return [(name, labels, factors) for name, labels, factors in profiles if factors is not None]


def draw(panel: DemandPanel, found: PanelStatistics, *, title: str) -> Figure:
    """Sales over time, classes, dispersion and, where there are, seasons and prices."""
    shown, priced = seasons(found), found.price_elasticity is not None
    figure = Figure(figsize=(14, 8), layout="constrained")
    halves: Any = figure.subfigures(2, 1, height_ratios=(1, 1.2))
    over_time = halves[0].add_subplot()
    classes, dispersion, *rest = halves[1].subplots(1, 2 + len(shown) + priced)
    figure.suptitle(title)

    total = np.where(panel.available, panel.quantity, 0.0).sum((1, 2), dtype=float)
    over_time.plot(panel.dates, np.where(found.closed, np.nan, total), color=COLOURS[0], linewidth=0.8)
    over_time.set(ylabel=f"{panel.unit} per {panel.period}", xlim=(panel.dates[0], panel.dates[-1]), ylim=(0, None))
    if panel.promotion is not None:
        share = over_time.twinx()
        share.fill_between(panel.dates, panel.promotion.mean((1, 2)), color=COLOURS[1], alpha=0.3, linewidth=0)
        share.set(ylim=(0, 1), ylabel="share on promotion")

    for colour, kind in zip(COLOURS, CLASSES[:-1], strict=False):
        of = found.demand_class == kind
        dots: dict[str, Any] = {"s": 8, "color": colour, "alpha": 0.5, "label": f"{kind}, {of.sum()}"}
        classes.scatter(found.interval[of], np.maximum(found.size_cv2[of], 0.01), **dots)
        dispersion.scatter(found.mean[of], found.dispersion[of], **dots)
    classes.axvline(ADI, color="grey", linewidth=0.8)
    classes.axhline(CV2, color="grey", linewidth=0.8)
    classes.set(xlabel="periods per sale (ADI)", ylabel="variation of sizes (CV2), 0.01 at least")
    classes.legend(fontsize=8)
    dispersion.axhline(1.0, color="grey", linewidth=0.8)
    dispersion.set(xlabel=f"mean per {panel.period}", ylabel="variance / mean; grey: Poisson")
    for axes in (classes, dispersion):
        axes.set(xscale="log", yscale="log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter("")
    classes.set_xlim(left=0.95)  # 1 is the least there is
    for axes, (name, labels, factors) in zip(rest, shown, strict=False):
        axes.bar(range(len(labels)), factors, color=COLOURS[5])
        axes.axhline(1.0, color="grey", linewidth=0.8)
        axes.set_xticks(range(len(labels)), labels, rotation=90)
        axes.set(xlabel=name, ylabel="sales over the usual")
    if priced:
        _by_price(panel, found, rest[-1])
    return figure


def _by_price(panel: DemandPanel, found: PanelStatistics, axes: Any) -> None:
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
    axes.plot(middle[shown], (units[1:-1] / np.maximum(usual[1:-1], 1e-9))[shown], "o-", color=COLOURS[3])
    axes.axhline(1.0, color="grey", linewidth=0.8)
    axes.set(xlabel="price over a series' mean", ylabel="sales over the usual", ylim=(0, None))
