"""Pictures of who supplies whom. Each function returns a matplotlib ``Figure``: ``figure.savefig(path)``."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

_STOCK, _OUTSIDE, _LANE = "#0072B2", "#999999", "#555555"  # Okabe & Ito's blue; greys
_HEIGHT, _WIDTH = 0.55, 2.3  # inches of a node and of a layer


def flow_of_goods(lanes: Sequence[tuple[str, str, str]], *, title: str = "") -> Figure:
    """A network from its lanes (from, to, label), as ``Environment.flow`` gives them: suppliers on the left, customers
    on the right, every lane from left to right."""
    places = _places(lanes)
    figure = _figure(places, 1)
    _draw(figure.add_subplot(), lanes, places, {}, {}, title)
    return figure


def flow_by_period(
    lanes: Sequence[tuple[str, str, str]],
    stock: Mapping[str, Any],
    shipped: Mapping[tuple[str, str], Any],
    periods: Sequence[int],
    *,
    title: str = "",
) -> Figure:
    """The network in several periods, a panel each: nodes labelled and filled by their stock, lanes as wide as what
    was shipped on them.

    ``stock``: node -> [T] units on hand; ``shipped``: (from, to) -> [T] units.
    """
    places = _places(lanes)
    figure = _figure(places, len(periods))
    most_stock = max((float(np.max(series)) for series in stock.values()), default=0.0) or 1.0
    most_shipped = max((float(np.max(series)) for series in shipped.values()), default=0.0) or 1.0
    for axes, period in zip(figure.subplots(len(periods), 1, squeeze=False)[:, 0], periods, strict=True):
        filled = {name: (float(series[period]), float(series[period]) / most_stock) for name, series in stock.items()}
        widths = {
            lane: (float(series[period]), float(series[period]) / most_shipped) for lane, series in shipped.items()
        }
        _draw(axes, lanes, places, filled, widths, f"period {period}")
    figure.suptitle(title)
    return figure


def _places(lanes: Sequence[tuple[str, str, str]]) -> dict[str, tuple[float, float]]:
    """Where the nodes stand: as many layers to the right of the suppliers as their longest way from one; centred."""
    layer = dict.fromkeys((name for lane in lanes for name in lane[:2]), 0)
    # Lanes between nodes that supply each other are not a way.
    ways = [(a, b) for a, b, _ in lanes if (b, a) not in {lane[:2] for lane in lanes}]
    for _ in layer:
        for a, b in ways:
            layer[b] = max(layer[b], layer[a] + 1)
    places = {}
    for depth in set(layer.values()):
        names = [name for name in layer if layer[name] == depth]
        places |= {name: (float(depth), (len(names) - 1) / 2 - row) for row, name in enumerate(names)}
    return places


def _figure(places: Mapping[str, tuple[float, float]], panels: int) -> Figure:
    x, y = np.array(list(places.values())).T
    return Figure(
        figsize=(_WIDTH * (np.ptp(x) + 1), panels * max(1.8, _HEIGHT * (np.ptp(y) + 1) + 0.8)), layout="constrained"
    )


def _draw(
    axes: Axes,
    lanes: Sequence[tuple[str, str, str]],
    places: Mapping[str, tuple[float, float]],
    stock: Mapping[str, tuple[float, float]],
    shipped: Mapping[tuple[str, str], tuple[float, float]],
    title: str,
) -> None:
    supplied, supplying = {b for _, b, _ in lanes}, {a for a, _, _ in lanes}
    boxes = {}
    for name, (x, y) in places.items():
        inside = name in supplied and name in supplying
        units, share = stock.get(name, (None, 0.1))
        box = dict(
            boxstyle="round,pad=0.4", edgecolor=_STOCK if inside else _OUTSIDE, linewidth=1.2,
            facecolor=(*to_rgb(_STOCK), 0.05 + 0.4 * share) if inside else "white",
        )  # fmt: skip
        text = name if units is None else f"{name}\n{units:g}"
        node = axes.text(x, y, text, fontsize=8, ha="center", va="center", bbox=box, zorder=3)
        boxes[name] = node.get_bbox_patch()
    for a, b, label in lanes:
        units, share = shipped.get((a, b), (None, 0.15))
        mutual = (b, a) in {lane[:2] for lane in lanes}
        arrow = dict(
            arrowstyle="-|>", color=_LANE, linewidth=0.3 + 4.0 * share, patchA=boxes[a], patchB=boxes[b],
            connectionstyle=f"arc3,rad={0.7 if mutual else 0.0}", alpha=0.5 if mutual else 0.9,
        )  # fmt: skip
        axes.annotate("", places[b], places[a], arrowprops=arrow)
        text = label if units is None else f"{units:g}"
        if text and not mutual:
            (x0, y0), (x1, y1) = places[a], places[b]
            white = dict(facecolor="white", edgecolor="none", pad=0.8)
            axes.text((x0 + x1) / 2, (y0 + y1) / 2, text, fontsize=7, ha="center", va="center", bbox=white)
    x, y = np.array(list(places.values())).T
    axes.set(xlim=(x.min() - 0.5, x.max() + 0.5), ylim=(y.min() - 0.7, y.max() + 0.7), title=title)
    axes.axis("off")
