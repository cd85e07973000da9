"""Figures, made from plain arrays. Each function returns a matplotlib ``Figure``: ``figure.savefig(path)``."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.figure import Figure

# A colour per cause of cost, the same in every figure, legible to colour-blind readers (Okabe & Ito).
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#999999", "#000000")


def bar_style(i: int) -> dict[str, Any]:
    """Of the i-th of any number of stacked bars: its colour, hatched where colours are used again."""
    again, colour = divmod(i, len(COLOURS))
    return {"color": COLOURS[colour], "hatch": "/." * again, "edgecolor": "white", "linewidth": 0}


def learning_curve(
    steps: Any, costs: Any, references: Mapping[str, float], *, title: str = "", profit: bool = False
) -> Figure:
    """Cost per period during training against env steps.

    ``steps``: [n]; ``costs``: [n] or [n, seeds], drawn as median and range, or for several learners both as mappings
    from their names; ``references``: cost per period of each heuristic on the same paths, drawn as lines. ``profit``:
    less cost, in place of cost.
    """
    sign = -1.0 if profit else 1.0
    curves = costs if isinstance(costs, Mapping) else {"PPO": costs}
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    colours, levels = cycle(COLOURS), [sign * level for level in references.values()]
    for (name, values), colour in zip(curves.items(), colours, strict=False):
        at = steps[name] if isinstance(steps, Mapping) else steps
        values = sign * np.asarray(values).reshape(len(at), -1)
        median, several = np.median(values, 1), values.shape[1] > 1
        axes.plot(at, median, color=colour, label=f"{name}, median" if several else name)
        if several:
            axes.fill_between(at, values.min(1), values.max(1), color=colour, alpha=0.2, label="range over seeds")
        # The first iterations are far from everything else and would flatten what matters.
        levels += [*median[len(at) // 4 :]]
    for (name, level), colour in zip(references.items(), colours, strict=False):
        axes.axhline(sign * level, color=colour, linestyle="--", linewidth=1.2, label=f"{name} ({sign * level:,.1f})")
    low, high = min(levels), max(levels)
    below, above = (0.35, 0.1) if profit else (0.1, 0.35)  # room for the legend, where learning begins
    axes.set_ylim(low - below * (high - low), high + above * (high - low))
    axes.set(xlabel="environment steps", ylabel=_measure(profit), title=title)
    axes.legend(fontsize=8, loc="lower right" if profit else "upper right")
    axes.grid(alpha=0.3)
    return figure


def _measure(profit: bool) -> str:
    return "profit per period" if profit else "cost per period"


def stock_paths(
    dates: Any, cells: Sequence[str], policies: Mapping[str, Mapping[str, Any]], *, title: str = ""
) -> Figure:
    """Stock, demand and orders of a few cells over time: a row per cell, a column per policy.

    ``dates``: [T]; ``policies``: name -> {"on_hand", "demand", "orders"}, each [T, cells]; and where there are any,
    "transfers" that others send to a cell.
    """
    figure = Figure(figsize=(6.2 * len(policies), 2.1 * len(cells) + 0.6), layout="constrained")
    grid = figure.subplots(len(cells), len(policies), sharex=True, sharey="row", squeeze=False)
    for column, (name, series) in enumerate(policies.items()):
        for row, cell in enumerate(cells):
            axes = grid[row, column]
            axes.bar(dates, -np.asarray(series["demand"])[:, row], color=COLOURS[7], width=1.0, label="demand (down)")
            axes.step(dates, np.asarray(series["on_hand"])[:, row], color=COLOURS[0], where="mid", label="on hand")
            for moved, label, marker, colour in (
                ("orders", "ordered", "^", 3),
                ("transfers", "sent by others", "x", 4),
            ):
                if moved in series:
                    units = np.asarray(series[moved])[:, row]
                    some = units > 0
                    style = {"color": COLOURS[colour], "markersize": 4, "label": label}
                    axes.plot(np.asarray(dates)[some], units[some], marker, **style)
            axes.axhline(0, color="black", linewidth=0.6)
            axes.set_title(f"{name}: {cell}", fontsize=9)
            axes.tick_params(labelsize=8)
            if column == 0:
                axes.set_ylabel("units", fontsize=8)
    figure.legend(*grid[0, 0].get_legend_handles_labels(), fontsize=8, ncols=4, loc="outside lower center")
    for axes in grid[-1]:
        axes.tick_params(axis="x", rotation=30)
    figure.suptitle(title)
    return figure


def cost_by_cause(
    policies: Mapping[str, Mapping[str, float]], *, bound: float | None = None, title: str = "", profit: bool = False
) -> Figure:
    """Stacked bars of cost per period by cause, a bar per policy: name -> {cause: cost}. Causes that are nothing
    everywhere are left out; gains count as negative costs, or with ``profit`` costs as negative gains. ``bound`` is
    drawn as a line."""
    sign = -1.0 if profit else 1.0
    causes = [c for c in next(iter(policies.values())) if any(abs(costs[c]) > 1e-9 for costs in policies.values())]
    names = list(policies)
    figure = Figure(figsize=(9, 0.45 * len(names) + 2.2), layout="constrained")
    axes = figure.add_subplot()
    left, right = np.zeros(len(names)), np.zeros(len(names))
    for i, cause in enumerate(causes):
        value = sign * np.array([policies[name][cause] for name in names])
        base = np.where(value < 0, left, right)
        axes.barh(names, value, left=base, label=cause.replace("_", " "), **bar_style(i))
        left, right = left + np.minimum(value, 0), right + np.maximum(value, 0)
    for y, name in enumerate(names):
        axes.text(right[y], y, f" {sign * sum(policies[name].values()):,.1f}", va="center", fontsize=8)
    if bound is not None:
        axes.axvline(bound, color="black", linestyle="--", linewidth=1.2, label="lower bound")
    axes.invert_yaxis()
    axes.set_xlim(1.12 * min(left.min(), 0.0), 1.12 * right.max())  # room for the totals
    axes.set(xlabel=_measure(profit), title=title)
    figure.legend(fontsize=8, ncols=min(len(causes) + 1, 5), loc="outside lower center")
    return figure


def policy_map(
    on_hand: Any,
    pipeline: Any,
    policies: Mapping[str, Any],
    *,
    title: str = "",
    decided: str = "units ordered",
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Order of one cell, or what else is ``decided``, against its stock on hand and its pipeline: a panel per policy,
    all on one scale.

    ``on_hand``: [n], ``pipeline``: [m]; ``policies``: name -> order [n, m]. ``limits`` of the scale: from 0 to the
    largest order unless given.
    """
    low, high = limits or (0.0, max(1.0, *(float(np.max(order)) for order in policies.values())))
    figure = Figure(figsize=(4.4 * len(policies) + 0.8, 4), layout="constrained")
    grid = figure.subplots(1, len(policies), sharey=True, squeeze=False)[0]
    mesh: Any = None
    for axes, (name, order) in zip(grid, policies.items(), strict=True):
        mesh = axes.pcolormesh(pipeline, on_hand, np.asarray(order), vmin=low, vmax=high, cmap="viridis")
        axes.set(xlabel="units under way", title=name)
    grid[0].set_ylabel("units on hand")
    figure.colorbar(mesh, ax=list(grid), label=decided)
    figure.suptitle(title)
    return figure


def decisions_over_time(
    dates: Any, panels: Mapping[str, Mapping[str, Any]], *, bars: Mapping[str, Any] | None = None, title: str = ""
) -> Figure:
    """What policies decide, period by period: a panel per item, a line per policy.

    ``dates``: [T]; ``panels``: name -> {policy: [T]}; ``bars``: name -> [T] that is drawn behind, such as demand, on a
    scale of its own.
    """
    figure = Figure(figsize=(9, 1.9 * len(panels) + 1.2), layout="constrained")
    rows = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, lines) in zip(rows, panels.items(), strict=True):
        for (policy, values), colour in zip(lines.items(), cycle(COLOURS), strict=False):
            axes.step(dates, values, where="mid", color=colour, linewidth=1.3, label=policy)
        axes.set_title(name, fontsize=9)
        axes.tick_params(labelsize=8)
        if bars is not None:
            behind = axes.twinx()
            behind.bar(dates, bars[name], color=COLOURS[7], alpha=0.35, width=1.0)
            behind.set_ylim(0, 2.5 * np.max(bars[name]))
            behind.tick_params(labelsize=7)
            behind.set_ylabel("demand", fontsize=8)
    rows[-1].tick_params(axis="x", rotation=30)
    figure.suptitle(title, fontsize=11)
    figure.legend(*rows[0].get_legend_handles_labels(), fontsize=8, ncols=5, loc="outside lower center")
    return figure


def shock_response(periods: Any, policies: Mapping[str, Mapping[str, Any]], length: int, *, title: str = "") -> Figure:
    """What a shock does to each policy: a panel per quantity, a line per policy, dashed what it would be without.

    ``periods``: [T], 0 for the first of the ``length`` periods of the shock, which are shaded; ``policies``: name ->
    {"shock", "calm"} -> {quantity: [T]}.
    """
    quantities = list(next(iter(policies.values()))["shock"])
    figure = Figure(figsize=(8, 1.9 * len(quantities) + 1.1), layout="constrained")
    rows = figure.subplots(len(quantities), 1, sharex=True, squeeze=False)[:, 0]
    for axes, quantity in zip(rows, quantities, strict=True):
        axes.axvspan(-0.5, length - 0.5, color=COLOURS[7], alpha=0.2, linewidth=0, label="shock")
        for (name, series), colour in zip(policies.items(), cycle(COLOURS), strict=False):
            axes.plot(periods, series["calm"][quantity], color=colour, linewidth=0.8, linestyle="--", alpha=0.7)
            axes.plot(periods, series["shock"][quantity], color=colour, linewidth=1.4, label=name)
        axes.set_ylabel(quantity)
        axes.grid(alpha=0.3)
        axes.margins(x=0.01)
        if quantity.endswith("rate"):  # of a share that never moves, no more than there can be
            axes.set_ylim(top=1.02)
    rows[0].plot([], [], color=COLOURS[8], linewidth=0.8, linestyle="--", alpha=0.7, label="without the shock")
    rows[-1].set_xlabel("periods since the shock began")
    figure.align_ylabels()
    figure.suptitle(title, fontsize=11)
    figure.legend(*rows[0].get_legend_handles_labels(), fontsize=8, ncols=5, loc="outside lower center")
    return figure
