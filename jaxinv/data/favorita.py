"""The files of the two Kaggle competitions with sales of Corporación Favorita, grocer in Ecuador: *Grocery Sales
Forecasting*, by item, and *Store Sales*, by family of items."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jaxinv.data.columns import dates, listed, numbers, require, text
from jaxinv.data.dense import from_rows
from jaxinv.data.panel import Date, DemandPanel, to_day
from jaxinv.data.rows import Returns, Rows, parse
from jaxinv.data.source import ROW, chosen, find, header, load, need, read, scan

if TYPE_CHECKING:
    import polars as pl


def read_favorita(
    folder: str | Path,
    *,
    stores: Sequence[str | int] | None = None,
    items: Sequence[str | int] | None = None,
    start: Date | None = None,
    end: Date | None = None,
    returns: Returns = "drop",
) -> DemandPanel:
    """Panel of a Favorita folder: ``train.csv``, by item or by family, and what else of it is there. Only the
    ``stores`` and ``items`` (or families) and the days from ``start`` and before ``end`` that are wanted are kept.

    Sales are units, fractions of them where goods are weighed. Rows of zero are not in the files by item: absent rows
    are zeros. Negative sales are returns, which are left out unless ``returns`` is "error". A family is on promotion
    where any of its items is, and the covariate ``onpromotion`` [T, W, K] tells of how many; it is empty in 2013.

    ``transactions.csv`` tells when stores were open: one that it knows is not available on dates it has no row for.
    ``holidays_events.csv`` and ``stores.csv`` give the covariates, 0 or 1, ``holiday`` [T, W, 1], of the whole country
    or of the store's state or city, moved ones on the day on which they are celebrated, ``event`` [T, 1, 1] and
    ``work_day`` [T, 1, 1], which makes up for a bridge day; ``oil.csv`` gives ``oil_price`` [T, 1, 1], on days without
    one that of the day before.

    Raises ``FileNotFoundError``, and ``ValueError`` naming file, row and column, or the store or item not found.
    """
    import polars as pl

    path = need(folder, "train.csv")
    by_item = "item_nbr" in header(path, scan(path))
    sku, quantity = ("item_nbr", "unit_sales") if by_item else ("family", "sales")
    names = {"date": "date", "location": "store_nbr", "sku": sku, "quantity": quantity, "promotion": "onpromotion"}
    day = pl.col("date").cast(pl.String).str.slice(0, 10)
    within = pl.lit(True) if start is None else day >= str(to_day(start))
    within &= pl.lit(True) if end is None else day < str(to_day(end))
    raw = load(path, columns=[*names.values()], keep=within & chosen(store_nbr=stores, **{sku: items}))
    if raw.is_empty():
        raise ValueError(f"{path} has no row of these stores, {sku}s and dates")
    for name, choice in (("store_nbr", stores), (sku, items)):
        absent = sorted({str(entry) for entry in choice or ()} - set(text(raw[name])))
        if absent:
            raise ValueError(f"{path}: column {name} has no {listed(absent)}")
    raw = raw.rename({name: role for role, name in names.items()})
    covariates = [] if by_item else ["onpromotion"]
    if covariates:
        raw = raw.with_columns(pl.col("promotion").alias("onpromotion"))
    sales, _ = parse(Rows(raw, {**names, "onpromotion": "onpromotion"}, path), returns=returns, covariates=covariates)
    # The first and the last day are those of the whole file: the items wanted may not have been sold on them.
    ends = read(path, scan(path).filter(within).select(pl.concat_list(day.min(), day.max()).explode()).collect)
    panel = from_rows(sales, dates(ends.to_series(), None), "day", path, covariates)
    return dataclasses.replace(
        panel, available=_open(folder, panel), covariates={**panel.covariates, **_covariates(folder, panel)}
    )


def _open(folder: str | Path, panel: DemandPanel) -> np.ndarray:
    """What is available [T, W, K], without the dates on which a store is known to have been shut."""
    path = find(folder, "transactions.csv")
    if path is None:
        return panel.available
    table = load(path, columns=["date", "store_nbr"])
    table = table.filter(text(table["store_nbr"]).is_in(panel.locations))
    day = _dates(table, path)
    seen = np.zeros(panel.quantity.shape[:2], bool)
    known = np.zeros_like(seen)
    for w, store in enumerate(panel.locations):
        there = day.filter(text(table["store_nbr"]) == store).to_numpy().astype("datetime64[D]")
        if len(there):
            seen[:, w] = np.isin(panel.dates, there)
            known[:, w] = (day.min() <= panel.dates) & (panel.dates <= day.max())  # type: ignore[operator]
    return panel.available & ((seen | ~known)[:, :, None] | (panel.quantity > 0))


def _covariates(folder: str | Path, panel: DemandPanel) -> dict[str, np.ndarray]:
    found = {}
    holidays, stores, oil = (find(folder, f"{name}.csv") for name in ("holidays_events", "stores", "oil"))
    if holidays is not None and stores is not None:
        table = load(stores, columns=["store_nbr", "city", "state"])
        lies = {row[1]: row[2:] for row in table.iter_rows()}
        absent = [store for store in panel.locations if store not in lies]
        if absent:
            raise ValueError(f"{stores}: column store_nbr has no {listed(absent)}")
        found |= _holidays(holidays, panel, [lies[store] for store in panel.locations])
    if oil is not None:
        table = load(oil, columns=["date", "dcoilwtico"])
        price, day = numbers(table["dcoilwtico"]), _dates(table, oil).to_numpy().astype("datetime64[D]")
        given = np.flatnonzero(price.is_not_null().to_numpy())
        given = given[np.argsort(day[given])]
        last = np.searchsorted(day[given], panel.dates, side="right") - 1
        found["oil_price"] = np.where(last < 0, np.nan, price.to_numpy()[given[np.maximum(last, 0)]])
    return found


def _holidays(path: Path, panel: DemandPanel, lies: list[tuple[str, str]]) -> dict[str, np.ndarray]:
    """Holidays [T, W], events [T] and working days [T], 0 or 1; stores lie in (city, state)."""
    table = load(path)
    require(table.columns, ("date", "type", "locale", "locale_name", "transferred"), path)
    day = _dates(table, path).to_numpy().astype("datetime64[D]")
    kept = np.isin(day, panel.dates) & (text(table["transferred"]).str.to_lowercase() != "true").to_numpy()
    t = np.searchsorted(panel.dates, day)
    found = {"holiday": np.zeros(panel.quantity.shape[:2]), "event": np.zeros(len(panel.dates))}
    found["work_day"] = np.zeros(len(panel.dates))
    for row in np.flatnonzero(kept).tolist():
        kind, locale, name = (table[column][row] for column in ("type", "locale", "locale_name"))
        if kind in ("Event", "Work Day"):
            found[kind.lower().replace(" ", "_")][t[row]] = 1.0
        else:
            here = [locale == "National" or name == (city if locale == "Local" else state) for city, state in lies]
            found["holiday"][t[row], here] = 1.0
    return found


def _dates(table: "pl.DataFrame", path: Path) -> "pl.Series":
    """Dates of a table, ISO or like 3/28/17."""
    day = dates(table["date"], None).fill_null(dates(table["date"], "%m/%d/%y"))
    Rows(table.select(ROW, "date"), {"date": "date"}, path).reject(day.is_null(), "date", "is not a date")
    return day
