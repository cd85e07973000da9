"""A rollout as a picture: stock and flows node by node, and money by cause."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxinv.report.figures import COLOURS, bar_style
from jaxinv.report.recording import Record

_MOST_NODES = 8
# What is drawn of all customers together: label and colour.
_CUSTOMERS = {
    "demanded": ("demand", COLOURS[7]), "lost": ("lost", COLOURS[3]), "backlogged": ("begin to wait", COLOURS[1]),
}  # fmt: skip


def rollout_figure(record: Record, *, title: str = "") -> Figure:
    """Of every node, of which the first eight are drawn, stock on hand, units on order, orders and, below zero, what
    customers and other nodes ask of it; of all customers what they demand and do not get; and cost by cause. Against
    the period; SKUs are added up."""
    drawn = record.nodes[:_MOST_NODES]
    rows = len(drawn) + 2
    figure = Figure(figsize=(10, 1.6 * rows + 0.8), layout="constrained")
    *nodes, customers, money = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    periods = record.periods
    for i, (name, axes) in enumerate(zip(drawn, nodes, strict=True)):
        _draw_node(axes, record, i, periods)
        axes.set_title(name, fontsize=9)
    for name, units in record.customers.items():
        label, colour = _CUSTOMERS[name]
        line = "--" if name == "backlogged" else "-"  # which may lie on what is lost
        customers.step(periods, units, line, where="mid", color=colour, label=label)
    customers.set_title("all customers", fontsize=9)
    _draw_money(money, record, periods)
    for axes in (*nodes, customers):
        axes.set_ylabel("units", fontsize=8)
    for axes in (*nodes, customers, money):
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        axes.margins(x=0.01)
    for axes in (nodes[0], customers, money):  # beside the panels, whose bars leave no room
        axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.02), borderaxespad=0.3)
    figure.align_ylabels()
    left_out = len(record.nodes) - len(drawn)
    figure.suptitle(title + (f"\nthe first {len(drawn)} of {len(record.nodes)} nodes" if left_out else ""), fontsize=11)
    return figure


def _draw_node(axes: Axes, record: Record, node: int, periods: np.ndarray) -> None:
    axes.step(periods, record.on_hand[:, node], where="mid", color=COLOURS[0], label="on hand")
    if record.on_order is not None:
        axes.step(periods, record.on_order[:, node], where="mid", color=COLOURS[1], label="on order")
    some = record.ordered[:, node] > 0
    axes.plot(periods[some], record.ordered[some, node], "^", color=COLOURS[3], markersize=3.5, label="ordered")
    if record.demanded is not None:
        axes.bar(periods, -record.demanded[:, node], color=COLOURS[7], width=1.0, label="demand (down)")
    axes.axhline(0, color="black", linewidth=0.6)


def _draw_money(axes: Axes, record: Record, periods: np.ndarray) -> None:
    above, below = np.zeros(len(periods)), np.zeros(len(periods))
    largest_first = sorted(record.money.items(), key=lambda item: -np.abs(item[1]).sum())
    for i, (cause, series) in enumerate(largest_first):
        base = np.where(series >= 0, above, below)
        axes.bar(periods, series, bottom=base, width=1.0, label=cause.replace("_", " "), **bar_style(i))
        above, below = above + np.maximum(series, 0), below + np.minimum(series, 0)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_title("cost by cause (gains below zero)", fontsize=9)
    axes.set(xlabel="period")
    axes.set_ylabel("money", fontsize=8)
