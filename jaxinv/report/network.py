"""Pictures of who supplies whom. Each function returns a matplotlib ``Figure``: ``figure.savefig(path)``."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from jaxinv.report.recording import Lane, Record

_STOCK, _OUTSIDE, _LANE = "#0072B2", "#999999", "#555555"  # Okabe & Ito's blue; greys
_HEIGHT, _WIDTH = 0.55, 2.3  # inches of a node and of a layer
_LETTER, _LINE = 0.056, 0.15  # inches of a label
_ALONG = (0.5, 0.25, 0.75, 0.35, 0.65)  # parts of a lane at which its label may stand, the best first


def flow_of_goods(lanes: Sequence[tuple[str, str, str]], *, title: str = "") -> Figure:
    """A network from its lanes (from, to, label), as ``Environment.flow`` gives them: suppliers on the left, customers
    on the right, every lane from left to right."""
    places = _places(lanes)
    figure = _figure(places, 1)
    _draw(figure.add_subplot(), lanes, places, {}, {}, title)
    return figure


def flow_by_period(record: Record, periods: Sequence[int] | None = None, *, title: str = "") -> Figure:
    """The network of a rollout in several periods (four, evenly spread, unless given), a panel each: nodes labelled and
    filled by their stock on hand, lanes labelled by, and as wide as, what moves on them in the period, in units."""
    first, last = record.periods[[0, -1]].tolist()
    periods = np.unique(np.linspace(first, last, 4, dtype=int)).tolist() if periods is None else list(periods)
    if not periods or not all(first <= period <= last for period in periods):
        raise ValueError(f"periods must be in {first}..{last}, those of the rollout; got {periods}")
    rows = np.array(periods) - first
    places = _places(record.lanes)
    figure = _figure(places, len(periods))
    most_stock = max(record.on_hand[rows].max(), 1e-9)
    most_moved = max(max(units[rows].max() for units in record.moved.values()), 1e-9)
    for axes, period, row in zip(figure.subplots(len(rows), 1, squeeze=False)[:, 0], periods, rows, strict=True):
        stock = dict(zip(record.nodes, record.on_hand[row], strict=True))
        moved = {lane: units[row] for lane, units in record.moved.items()}
        filled = {name: (units, units / most_stock) for name, units in stock.items()}
        widths = {lane: (units, units / most_moved) for lane, units in moved.items()}
        _draw(axes, record.lanes, places, filled, widths, f"period {period}")
    figure.suptitle(f"{title}\nunits on hand at the end of a period, and moved in it".lstrip(), fontsize=11)
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
    moved: Mapping[Lane, tuple[float, float]],
    title: str,
) -> None:
    """``stock`` and ``moved``: units, and their part of the most, of nodes and lanes."""
    supplied, supplying = {b for _, b, _ in lanes}, {a for a, _, _ in lanes}
    boxes = {}
    for name, (x, y) in places.items():
        inside = name in supplied and name in supplying
        units, share = stock.get(name, (None, 0.1))
        box = dict(
            boxstyle="round,pad=0.4", edgecolor=_STOCK if inside else _OUTSIDE, linewidth=1.2,
            facecolor=(*to_rgb(_STOCK), 0.05 + 0.4 * share) if inside else "white",
        )  # fmt: skip
        text = name if units is None else f"{name}\n{_units(units)}"
        node = axes.text(x, y, text, fontsize=8, ha="center", va="center", bbox=box, zorder=3)
        boxes[name] = node.get_bbox_patch()
    written: list[tuple[float, float, float]] = []  # x, y and width of the labels, in inches
    for a, b, label in lanes:
        units, share = moved.get((a, b), (None, 0.15))
        mutual = (b, a) in {lane[:2] for lane in lanes}
        arrow = dict(
            arrowstyle="-|>", color=_LANE, linewidth=0.3 + 4.0 * share, patchA=boxes[a], patchB=boxes[b],
            connectionstyle=f"arc3,rad={0.7 if mutual else 0.0}", alpha=0.5 if mutual else 0.9,
        )  # fmt: skip
        axes.annotate("", places[b], places[a], arrowprops=arrow, zorder=2)
        text = label if units is None else _units(units)
        if text not in ("", "0") and not mutual:
            x, y = _beside(places[a], places[b], _LETTER * len(text), written)
            white = dict(facecolor="white", edgecolor="none", pad=0.8)
            axes.text(x, y, text, fontsize=7, ha="center", va="center", bbox=white, zorder=2.5)
    x, y = np.array(list(places.values())).T
    axes.set(xlim=(x.min() - 0.5, x.max() + 0.5), ylim=(y.min() - 0.7, y.max() + 0.7))
    axes.set_title(title, fontsize=10)
    axes.axis("off")


def _units(units: float) -> str:
    """To one decimal, which whole units do without."""
    return f"{round(units, 1) + 0.0:,.10g}"


def _beside(
    start: tuple[float, float], end: tuple[float, float], width: float, written: list[tuple[float, float, float]]
) -> tuple[float, float]:
    """Where the label of a lane stands, free of those ``written``, which it joins."""
    ways = [(start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1])) for part in _ALONG]
    for x, y in ways:
        apart = [
            abs(_WIDTH * x - other_x) > (width + other_width) / 2 or abs(_HEIGHT * y - other_y) > _LINE
            for other_x, other_y, other_width in written
        ]
        if all(apart):
            break
    else:
        x, y = ways[0]
    written.append((_WIDTH * x, _HEIGHT * y, width))
    return x, y
