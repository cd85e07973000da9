"""A rollout as a picture: stock and flows node by node, and money by cause."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from jaxinv.report.figures import COLOURS

# What is drawn of a node, where the ledger tells it: as lines, and as bars below zero.
_LEVELS = {"on_hand": "on hand", "in_transit": "under way", "owed": "owed", "waiting": "waiting"}
_MOST_NODES = 8


def rollout_figure(ledger: Any, *, nodes: Sequence[str] | None = None, pipeline: Any = None, title: str = "") -> Figure:
    """Stock, pipeline, demand and orders (or receipts) of every node, and cost by cause, against the period.

    ``ledger``: leaves [T, ...], as ``env.rollout(..., record=lambda period: period.outcome.ledger)`` returns it;
    ``nodes``: names of the entries along the first axis of its stock, of which the first eight are drawn and whose SKUs
    are added up; ``pipeline``: [T, nodes] units on order, where the ledger does not tell what is under way. What
    customers want and do not get has a panel of its own where it is booked by other than the nodes.
    """
    units = {name: _by_node(getattr(ledger, name)) for name in ledger.UNITS}
    if pipeline is not None:
        units["in_transit"] = _by_node(pipeline)
    size = units["on_hand"].shape[1]
    names = [f"node {i}" for i in range(size)] if nodes is None else list(nodes)
    if len(names) != size:
        raise ValueError(f"nodes must name the {size} nodes that hold stock, got {len(names)} names")
    own = {name: series for name, series in units.items() if series.shape[1] == size}
    shared = {name: series.sum(1) for name, series in units.items() if name not in own}
    customers = [name for name in ("demanded", "lost", "backlogged") if name in shared]
    drawn = min(size, _MOST_NODES)
    rows = drawn + bool(customers) + 1
    figure = Figure(figsize=(9, 1.6 * rows + 1.0), layout="constrained")
    panels = list(figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0])
    periods = np.arange(len(units["on_hand"]))

    for node, axes in enumerate(panels[:drawn]):
        for (name, label), colour in zip(_LEVELS.items(), COLOURS, strict=False):
            if name in own:
                axes.step(periods, own[name][:, node], where="mid", color=colour, label=label)
        for name in [name for name in ("ordered", "received") if name in own][:1]:
            some = own[name][:, node] > 0
            axes.plot(periods[some], own[name][some, node], "^", color=COLOURS[3], ms=3.5, label=name)
        if "demanded" in own:
            axes.bar(periods, -own["demanded"][:, node], color=COLOURS[7], width=1.0, label="demand (down)")
        axes.axhline(0, color="black", linewidth=0.6)
        axes.set_title(names[node], fontsize=9)
        axes.set_ylabel("units", fontsize=8)
    panels[0].legend(fontsize=7, ncols=5, loc="upper right")

    if customers:
        for name, colour in zip(customers, (COLOURS[7], COLOURS[3], COLOURS[1]), strict=False):
            panels[drawn].step(periods, shared[name], where="mid", color=colour, label=name)
        panels[drawn].set_title("customers", fontsize=9)
        panels[drawn].set_ylabel("units", fontsize=8)
        panels[drawn].legend(fontsize=7, ncols=3, loc="upper right")

    causes = {name: _by_node(getattr(ledger, name)).sum(1) for name in ledger.COSTS}
    causes |= {name: -_by_node(getattr(ledger, name)).sum(1) for name in ledger.GAINS}
    causes = {name: series for name, series in causes.items() if np.abs(series).max() > 1e-9}
    above, below = np.zeros(len(periods)), np.zeros(len(periods))
    for i, (name, series) in enumerate(causes.items()):
        base = np.where(series >= 0, above, below)
        panels[-1].bar(
            periods, series, bottom=base, width=1.0, color=COLOURS[i % len(COLOURS)], label=name.replace("_", " ")
        )
        above, below = above + np.maximum(series, 0), below + np.minimum(series, 0)
    panels[-1].set_title("cost by cause (gains below zero)", fontsize=9)
    panels[-1].set(xlabel="period", ylabel="money")
    panels[-1].legend(fontsize=7, ncols=6, loc="upper right")
    for axes in panels:
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.25 * (high - low))  # room for the legend
    figure.suptitle(title)
    return figure


def _by_node(series: Any) -> np.ndarray:
    """[T, nodes]: summed over all but the first axis behind time."""
    series = np.asarray(series, float)
    return series.reshape(len(series), series.shape[1] if series.ndim > 1 else 1, -1).sum(2)
