"""The files of the M5 competition (Walmart; Makridakis, Spiliotis and Assimakopoulos 2022, International Journal of
Forecasting 38(4)): ``sales_train_*.csv``, ``calendar.csv`` and ``sell_prices.csv``."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from jaxinv.data.columns import dates, listed, numbers, require, text
from jaxinv.data.dense import carried, from_matrix
from jaxinv.data.panel import Date, DemandPanel, to_day
from jaxinv.data.read import read_matrix
from jaxinv.data.rows import Rows
from jaxinv.data.source import chosen, header, load, need, scan

if TYPE_CHECKING:
    import polars as pl

_SALES = ("sales_train_evaluation.csv", "sales_train_validation.csv")
_EVENTS = ("event_name_1", "event_type_1", "event_name_2", "event_type_2")


def read_m5(
    folder: str | Path,
    *,
    stores: Sequence[str] | None = None,
    items: Sequence[str] | None = None,
    start: Date | None = None,
    end: Date | None = None,
    sales: Literal["evaluation", "validation"] | None = None,
    event_names: bool = False,
) -> DemandPanel:
    """Panel of an M5 folder, of the ``stores`` and ``items`` and the days from ``start`` and before ``end`` that are
    wanted: nothing else is kept of the files. ``sales`` tells which of the two sales files is read; the evaluation one
    if both are there. Day columns may begin anywhere: ``calendar.csv`` dates them.

    An item is available in a store in the weeks for which it has a price there. Others are not on sale, and their zeros
    no demand; nor are those of Christmas, when the stores are shut. Between prices the last one is kept.

    Covariates, 0 or 1: ``snap`` [T, W, 1], food stamps can be spent in the state of the store, and ``event_cultural``,
    ``event_national``, ``event_religious`` and ``event_sporting`` [T, 1, 1]; with ``event_names`` each event, too, as
    ``event_Christmas``.

    Raises ``FileNotFoundError``, and ``ValueError`` naming file, row and column, or the store or item not found.
    """
    if sales not in (None, "evaluation", "validation"):
        raise ValueError(f"sales must be 'evaluation', 'validation' or None, got {sales!r}")
    path = need(folder, *(name for name in _SALES if sales is None or sales in name))
    calendar_path = need(folder, "calendar.csv")
    calendar = load(calendar_path)
    require(calendar.columns, ("date", "wm_yr_wk", "d", *_EVENTS), calendar_path)
    day = dates(calendar["date"], None)
    Rows(calendar, {"date": "date"}, calendar_path).reject(day.is_null(), "date", "is not an ISO date like 2017-09-28")

    there = header(path, scan(path))
    require(there, ("item_id", "store_id", "state_id"), path)
    columns = [name for name in there if name[:2] == "d_" and name[2:].isdecimal()]
    place = {name: i for i, name in enumerate(calendar["d"])}
    undated = [name for name in columns if name not in place]
    if undated:
        raise ValueError(f"{path}: columns {listed(undated)} have no row in {calendar_path}")
    rows = np.array([place[name] for name in columns], int)
    wanted = np.ones(len(rows), bool)
    if start is not None:
        wanted &= day.to_numpy()[rows] >= to_day(start)
    if end is not None:
        wanted &= day.to_numpy()[rows] < to_day(end)
    if not wanted.any():
        raise ValueError(f"{path} has no day column from {start} and before {end}")
    rows, columns = rows[wanted], [name for name, want in zip(columns, wanted, strict=True) if want]

    keep = chosen(store_id=stores, item_id=items)
    quantity, label = read_matrix(path, ["item_id", "store_id", "state_id"], columns, keep=keep)
    for name, choice in (("store_id", stores), ("item_id", items)):
        absent = sorted({str(entry) for entry in choice or ()} - set(label[name]))
        if absent:
            raise ValueError(f"{path}: column {name} has no {listed(absent)}")
    if label.is_empty():
        raise ValueError(f"{path} has no row of these stores and items")
    panel = from_matrix(quantity, day.to_numpy()[rows], text(label["store_id"]), text(label["item_id"]), "day", path)
    del quantity  # of the size of the panel
    if len(panel.dates) != len(rows):
        raise ValueError(f"{path}: day columns must follow one another, but some from {columns[0]} are not there")

    # From here on, one calendar row for each period.
    rows = np.sort(rows)
    calendar = calendar[rows.tolist()]
    week, week_of = np.unique(calendar["wm_yr_wk"].to_numpy(), return_inverse=True)
    price = _weekly_prices(need(folder, "sell_prices.csv"), keep, panel, week.tolist())
    on_sale = ~np.isnan(price)[week_of] & panel.available | (panel.quantity > 0)
    christmas = (calendar["event_name_1"] == "Christmas").fill_null(False).to_numpy()
    on_sale[christmas] &= panel.quantity[christmas] > 0
    state = dict(zip(label["store_id"], label["state_id"], strict=True))
    return dataclasses.replace(
        panel,
        price=carried(price)[week_of],
        available=on_sale,
        covariates=_covariates(calendar, [state[store] for store in panel.locations], event_names, calendar_path),
    )


def _weekly_prices(path: Path, keep: "pl.Expr", panel: DemandPanel, weeks: list[str]) -> np.ndarray:
    """Prices [weeks, W, K] float32 of a panel's stores and items; NaN where the file has no row."""
    import polars as pl

    axes = {"wm_yr_wk": weeks, "store_id": panel.locations, "item_id": panel.skus}
    table = load(path, columns=[*axes, "sell_price"], keep=keep)
    # Of what the panel does not have, null.
    places = table.select(pl.col(name).cast(pl.Enum(names), strict=False).to_physical() for name, names in axes.items())
    there = ~places.select(pl.any_horizontal(pl.all().is_null())).to_series()
    table, places = table.filter(there), places.filter(there)
    price = numbers(table["sell_price"])
    Rows(table, {"sell_price": "sell_price"}, path).reject(
        ~(price.is_finite() & (price >= 0)).fill_null(False), "sell_price", "is not a number from 0 on"
    )
    t, w, k = (places[name].to_numpy() for name in axes)
    prices = np.full((len(weeks), *panel.quantity.shape[1:]), np.nan, np.float32)
    prices[t, w, k] = price.to_numpy()
    return prices


def _covariates(calendar: "pl.DataFrame", states: list[str], event_names: bool, path: Path) -> dict[str, np.ndarray]:
    """Events [T] and, of the states that stores are in, food stamps [T, W]; 0 or 1."""
    require(calendar.columns, (f"snap_{state}" for state in states), path)
    found = {"snap": np.stack([numbers(calendar[f"snap_{state}"]).fill_null(0.0).to_numpy() for state in states], 1)}
    types = ("Cultural", "National", "Religious", "Sporting")
    names = sorted({*text(calendar["event_name_1"]), *text(calendar["event_name_2"])} - {""}) if event_names else []
    for kind, entries in (("type", types), ("name", names)):
        for entry in entries:
            runs = [(text(calendar[f"event_{kind}_{i}"]) == entry).to_numpy() for i in (1, 2)]
            found[f"event_{entry.lower() if kind == 'type' else entry}"] = runs[0] | runs[1]
    return found
