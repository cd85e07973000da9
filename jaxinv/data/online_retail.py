"""The transactions of a British online shop for gifts: *Online Retail* and *Online Retail II* (Chen 2012; UCI Machine
Learning Repository, ids 352 and 502), as CSV or as the workbook."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxinv.data.columns import dates, listed, numbers, text
from jaxinv.data.dense import from_rows
from jaxinv.data.panel import DemandPanel
from jaxinv.data.rows import Rows, parse
from jaxinv.data.source import SHEET, load

if TYPE_CHECKING:
    import polars as pl

# What the two releases call their columns.
_COLUMNS = {
    "invoice": ("Invoice", "InvoiceNo"),
    "sku": ("StockCode",),
    "quantity": ("Quantity",),
    "date": ("InvoiceDate",),
    "price": ("Price", "UnitPrice"),
    "customer": ("Customer ID", "CustomerID"),
    "location": ("Country",),
}


def read_online_retail(
    path: str | Path,
    *,
    by_country: bool = False,
    countries: Sequence[str] | None = None,
    skus: Sequence[str] | None = None,
    encoding: str = "utf8",
) -> DemandPanel:
    """Daily panel of the shop's goods, with the mean price paid: of one location "all", or ``by_country``; of some
    ``countries`` and ``skus`` only if they are told. Dates are ISO or like 12/1/2010 8:26, in CSV or workbook.

    - The days that stand at the end of the first sheet and, again, at the beginning of the second one are counted once.
      A CSV of both is told by its dates, which step back there.
    - Goods have a number of five digits, and perhaps letters, which are put into capitals. Postage, fees, samples and
      what else is sold under words are left out, and so are invoices that begin with a letter: C cancels, A adjusts.
    - Lines without a price adjust stock, and those with a negative quantity correct it: both are left out.
    - What a customer cancels on the day of the order is taken off it. Later returns leave the sale as it was.
    - Dates without any line are closed days, on which nothing is available.

    Raises ``FileNotFoundError``, ``ModuleNotFoundError`` for a workbook without the extra ``excel``, and ``ValueError``
    naming file, row and column, and for rows in an order that hides where the second sheet begins.
    """
    import polars as pl

    table = load(path, encoding=encoding)
    names = {}
    for role, known in _COLUMNS.items():
        there = [name for name in known if name in table.columns]
        if not there:
            raise ValueError(f"{path} has no column {' or '.join(known)}; its columns are {listed(table.columns)}")
        names[role] = there[0]
    table = table.rename({name: role for role, name in names.items()})
    rows = Rows(table, names, path)
    day = dates(table["date"], None).fill_null(dates(table["date"], "%m/%d/%Y %H:%M"))
    rows.reject(day.is_null(), "date", "is neither an ISO date nor one like 12/1/2010 8:26")
    for role in ("quantity", "price"):
        rows.reject(~numbers(table[role]).is_finite().fill_null(False), role, "is not a number")
    table = table.with_columns(
        day.alias("date"),
        text(table["sku"]).str.to_uppercase().alias("sku"),
        text(table["customer"]).alias("customer"),
        text(table["location"]).alias("location"),
        numbers(table["quantity"]).alias("quantity"),
        numbers(table["price"]).alias("price"),
        text(table["invoice"]).str.to_uppercase().alias("invoice"),
    )
    table = _once(table, path)
    opened = np.unique(table["date"].to_numpy())

    goods = table.filter(pl.col("sku").str.contains(r"^\d{5}[A-Z]*$") & (pl.col("price") > 0))
    for role, wanted in (("location", countries), ("sku", skus)):
        if wanted is not None:
            entries = [str(entry).upper() if role == "sku" else entry for entry in wanted]
            absent = sorted(set(entries) - set(goods[role]))
            if absent:
                raise ValueError(f"{path}: column {names[role]} has no {listed(absent)}")
            goods = goods.filter(pl.col(role).is_in(entries))
    if not by_country:
        goods = goods.with_columns(location=pl.lit("all"))
    sold = goods.filter((pl.col("quantity") > 0) & ~pl.col("invoice").str.contains("^[A-Z]"))
    if sold.is_empty():
        raise ValueError(f"{path} has no sale of goods")
    sales, _ = parse(Rows(_less_cancelled(sold, goods), names, path))
    panel = from_rows(sales, pl.Series(opened), "day", path)
    return dataclasses.replace(panel, available=panel.available & np.isin(panel.dates, opened)[:, None, None])


def _once(table: "pl.DataFrame", path: Any) -> "pl.DataFrame":
    """Without the lines of the first sheet that the second one repeats."""
    import polars as pl

    if SHEET in table.columns:
        second = np.flatnonzero(table[SHEET] != table[SHEET][0])[:1]
    else:
        second = np.flatnonzero(table["date"].diff().dt.total_days().fill_null(0).to_numpy() < -1)
    if len(second) > 1:
        raise ValueError(
            f"{path}: dates step back {len(second)} times, so that lines which stand on both sheets of the source "
            f"cannot be told; keep the order of the source"
        )
    if not len(second):
        return table
    place = int(second[0])
    return pl.concat([table[:place].filter(pl.col("date") < table["date"][place]), table[place:]])


def _less_cancelled(sold: "pl.DataFrame", goods: "pl.DataFrame") -> "pl.DataFrame":
    """Sales, less what the same customer cancels of the same goods on the same day: from the last lines first."""
    import polars as pl

    order = ["date", "location", "sku", "customer"]
    cancelled = goods.filter(pl.col("invoice").str.starts_with("C") & (pl.col("quantity") < 0))
    cancelled = cancelled.group_by(order).agg((-pl.sum("quantity")).alias("cancelled"))
    sold = sold.join(cancelled, on=order, how="left", maintain_order="left")
    after = pl.col("quantity").cum_sum(reverse=True).over(order)
    left = after - pl.col("cancelled").fill_null(0.0)
    # Of a customer's lines of a day, each keeps what is not yet cancelled when the lines behind it are used up.
    kept = pl.min_horizontal(pl.col("quantity"), left.clip(lower_bound=0.0))
    return sold.with_columns(kept.alias("quantity"))
