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


def learning_curve(steps: Any, costs: Any, references: Mapping[str, float], *, title: str = "") -> Figure:
    """Cost per period during training against env steps.

    ``steps``: [n]; ``costs``: [n] or [n, seeds], drawn as median and range; ``references``: cost per period of each
    heuristic on the same paths, drawn as lines.
    """
    costs = np.asarray(costs).reshape(len(steps), -1)
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(steps, np.median(costs, 1), color=COLOURS[0], label="PPO" if costs.shape[1] == 1 else "PPO, median")
    if costs.shape[1] > 1:
        axes.fill_between(steps, costs.min(1), costs.max(1), color=COLOURS[0], alpha=0.2, label="range over seeds")
    for (name, level), colour in zip(references.items(), cycle(COLOURS[1:]), strict=False):
        axes.axhline(level, color=colour, linestyle="--", linewidth=1.2, label=f"{name} ({level:,.1f})")
    # The first iterations are far above everything else and would flatten what matters.
    levels = [*references.values(), *np.median(costs, 1)[len(steps) // 4 :]]
    low, high = min(levels), max(levels)
    axes.set_ylim(low - 0.1 * (high - low), high + 0.35 * (high - low))
    axes.set(xlabel="environment steps", ylabel="cost per period", title=title)
    axes.legend(fontsize=8, loc="upper right")
    axes.grid(alpha=0.3)
    return figure


def stock_paths(
    dates: Any, cells: Sequence[str], policies: Mapping[str, Mapping[str, Any]], *, title: str = ""
) -> Figure:
    """Stock, demand and orders of a few cells over time: a row per cell, a column per policy.

    ``dates``: [T]; ``policies``: name -> {"on_hand", "demand", "orders"}, each [T, cells].
    """
    figure = Figure(figsize=(6.2 * len(policies), 2.1 * len(cells) + 0.6), layout="constrained")
    grid = figure.subplots(len(cells), len(policies), sharex=True, sharey="row", squeeze=False)
    for column, (name, series) in enumerate(policies.items()):
        for row, cell in enumerate(cells):
            axes = grid[row, column]
            axes.bar(dates, -np.asarray(series["demand"])[:, row], color=COLOURS[7], width=1.0, label="demand (down)")
            axes.step(dates, np.asarray(series["on_hand"])[:, row], color=COLOURS[0], where="mid", label="on hand")
            orders = np.asarray(series["orders"])[:, row]
            placed = orders > 0
            axes.plot(np.asarray(dates)[placed], orders[placed], "^", color=COLOURS[3], markersize=4, label="ordered")
            axes.axhline(0, color="black", linewidth=0.6)
            axes.set_title(f"{name}: {cell}", fontsize=9)
            axes.tick_params(labelsize=8)
            if column == 0:
                axes.set_ylabel("units", fontsize=8)
    grid[0, 0].legend(fontsize=7, ncols=3, loc="upper right")
    for axes in grid[-1]:
        axes.tick_params(axis="x", rotation=30)
    figure.suptitle(title)
    return figure


def cost_by_cause(
    policies: Mapping[str, Mapping[str, float]], *, bound: float | None = None, title: str = ""
) -> Figure:
    """Stacked bars of cost per period by cause, a bar per policy: name -> {cause: cost}. Causes that are nothing
    everywhere are left out; gains count as negative costs. ``bound`` is drawn as a line."""
    causes = [c for c in next(iter(policies.values())) if any(abs(costs[c]) > 1e-9 for costs in policies.values())]
    names = list(policies)
    figure = Figure(figsize=(9, 0.45 * len(names) + 2.2), layout="constrained")
    axes = figure.add_subplot()
    left, right = np.zeros(len(names)), np.zeros(len(names))
    for i, cause in enumerate(causes):
        value = np.array([policies[name][cause] for name in names])
        base = np.where(value < 0, left, right)
        axes.barh(names, value, left=base, label=cause.replace("_", " "), **bar_style(i))
        left, right = left + np.minimum(value, 0), right + np.maximum(value, 0)
    for y, name in enumerate(names):
        axes.text(right[y], y, f" {sum(policies[name].values()):,.1f}", va="center", fontsize=8)
    if bound is not None:
        axes.axvline(bound, color="black", linestyle="--", linewidth=1.2, label="lower bound")
    axes.invert_yaxis()
    axes.set_xlim(1.12 * min(left.min(), 0.0), 1.12 * right.max())  # room for the totals
    axes.set(xlabel="cost per period", title=title)
    figure.legend(fontsize=8, ncols=min(len(causes) + 1, 5), loc="outside lower center")
    return figure


def policy_map(on_hand: Any, pipeline: Any, policies: Mapping[str, Any], *, title: str = "") -> Figure:
    """Order of one cell against its stock on hand and its pipeline: a panel per policy, all on one scale.

    ``on_hand``: [n], ``pipeline``: [m]; ``policies``: name -> order [n, m].
    """
    highest = max(1.0, *(float(np.max(order)) for order in policies.values()))
    figure = Figure(figsize=(4.4 * len(policies) + 0.8, 4), layout="constrained")
    grid = figure.subplots(1, len(policies), sharey=True, squeeze=False)[0]
    mesh: Any = None
    for axes, (name, order) in zip(grid, policies.items(), strict=True):
        mesh = axes.pcolormesh(pipeline, on_hand, np.asarray(order), vmin=0, vmax=highest, cmap="viridis")
        axes.set(xlabel="units under way", title=name)
    grid[0].set_ylabel("units on hand")
    figure.colorbar(mesh, ax=list(grid), label="units ordered")
    figure.suptitle(title)
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
