"""The three tables of *The Complete Journey 2.0* (84.51°): what 2,469 households bought of a grocery chain in 2017."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from jaxinv.data.columns import listed, numbers, text
from jaxinv.data.dense import from_rows
from jaxinv.data.panel import DemandPanel
from jaxinv.data.rows import Rows, parse
from jaxinv.data.source import find, load, need

if TYPE_CHECKING:
    import polars as pl

By = Literal["product_id", "product_type", "product_category", "department"]
_WEEK_1 = np.datetime64("2016-12-26")  # weeks are Monday to Sunday; the first one has a single day in 2017


def read_complete_journey(
    folder: str | Path,
    *,
    by: By = "product_id",
    stores: Sequence[str | int] | None = None,
    skus: Sequence[str | int] | None = None,
) -> DemandPanel:
    """Daily panel of ``transactions``, ``products`` and ``promotions`` of a folder (Parquet or CSV): of products, or
    ``by`` a column of ``products``, whose rows without an entry are left out; of some ``stores`` and ``skus``.

    Days are those of the chain: the source keeps UTC, by which evenings belong to the next day. Lines of quantity 0 are
    coupons, and left out. The price is what the chain was paid for a unit, discounts of the shelf taken off. A product
    is on promotion in a store in the weeks in which ``promotions`` has it on display or in the mailer; the covariates
    ``display`` and ``mailer`` [T, W, K] count the products of a SKU that are. Days without any sale are not available.

    Raises ``FileNotFoundError``, and ``ValueError`` naming file, row and column, or the store or SKU not found.
    """
    import polars as pl

    if by not in get_args(By):
        raise ValueError(f"by must be one of {', '.join(get_args(By))}, got {by!r}")
    path = _path(folder, "transactions")
    columns = ["store_id", "product_id", "quantity", "sales_value", "transaction_timestamp"]
    table = load(path, columns=columns)
    names = {name: name for name in columns}
    rows = Rows(table, names, path)
    time = table["transaction_timestamp"]
    if not time.dtype.is_temporal():
        time = text(time).str.head(19).str.replace("T", " ").str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False)
    rows.reject(time.is_null(), "transaction_timestamp", "is not a time like 2017-01-01 11:53:26")
    for name in ("quantity", "sales_value"):
        value = numbers(table[name])
        rows.reject(~(value.is_finite() & (value >= 0)).fill_null(False), name, "is not a number from 0 on")
        table = table.with_columns(value.alias(name))
    local = time.dt.replace_time_zone("UTC").dt.convert_time_zone("America/New_York").dt.date()
    # A unit's price of each line: their mean by units is what was paid by units.
    unit = pl.when(pl.col("quantity") > 0).then(pl.col("sales_value") / pl.col("quantity"))
    table = table.with_columns(local.alias("date"), unit.alias("price")).filter(pl.col("quantity") > 0)
    opened = table["date"].unique()

    product = _products(folder, by)
    table = _chosen(_named(table, product), path, stores, skus)
    names |= {"date": "transaction_timestamp", "location": "store_id", "sku": by, "price": "sales_value"}
    sales, _ = parse(Rows(table, names, path))
    panel = from_rows(sales, opened, "day", path)
    panel = dataclasses.replace(
        panel, available=panel.available & np.isin(panel.dates, opened.to_numpy())[:, None, None]
    )
    promotions = find(folder, "promotions.parquet", "promotions.csv")
    return panel if promotions is None else _promoted(panel, promotions, product, by)


def _path(folder: str | Path, table: str) -> Path:
    return need(folder, f"{table}.parquet", f"{table}.csv")


def _products(folder: str | Path, by: By) -> dict[str, str] | None:
    """What each product is counted as; None where as itself."""
    if by == "product_id":
        return None
    table = load(_path(folder, "products"), columns=["product_id", by])
    named = zip(text(table["product_id"]), text(table[by]), strict=True)
    return {product: name for product, name in named if name}


def _named(table: "pl.DataFrame", product: dict[str, str] | None) -> "pl.DataFrame":
    """Rows with the store and what the product is counted as, as text; without products that are counted nowhere."""
    import polars as pl

    sku = text(table["product_id"])
    if product is not None:
        sku = sku.replace_strict(product, default=None, return_dtype=pl.String)
    return table.with_columns(sku.alias("sku"), text(table["store_id"]).alias("location")).drop_nulls("sku")


def _chosen(
    table: "pl.DataFrame", path: Path, stores: Sequence[str | int] | None, skus: Sequence[str | int] | None
) -> "pl.DataFrame":
    import polars as pl

    for role, wanted in (("location", stores), ("sku", skus)):
        if wanted is not None:
            entries = [str(entry) for entry in wanted]
            absent = sorted(set(entries) - set(table[role]))
            if absent:
                raise ValueError(f"{path} has no sale of {role} {listed(absent)}")
            table = table.filter(pl.col(role).is_in(entries))
    return table


def _promoted(panel: DemandPanel, path: Path, product: dict[str, str] | None, by: By) -> DemandPanel:
    """The panel with displays and mailers, in whole weeks, and of single products with promotions."""
    import polars as pl

    columns = ["product_id", "store_id", "display_location", "mailer_location", "week"]
    table = load(path, columns=columns)
    week = numbers(table["week"])
    rows = Rows(table, {name: name for name in columns}, path)
    rows.reject(~((week >= 1) & (week == week.floor())).fill_null(False), "week", "is not a whole number from 1 on")
    table = _named(table.with_columns(week.cast(pl.Int64)), product)
    table = table.filter(pl.col("sku").is_in(panel.skus) & pl.col("location").is_in(panel.locations))
    of_date = (panel.dates - _WEEK_1).astype(int) // 7 + 1
    first, last = int(of_date[0]), int(of_date[-1])
    table = table.filter(pl.col("week").is_between(first, last))
    found = {}
    for name in ("display", "mailer"):
        # A product that stands in two places is one; 0 is nowhere.
        there = table.filter(text(table[f"{name}_location"]) != "0").unique(["product_id", "location", "sku", "week"])
        w, k = (
            there[role].cast(pl.Enum(entries)).to_physical().to_numpy()
            for role, entries in (("location", panel.locations), ("sku", panel.skus))
        )
        count = np.zeros((last - first + 1, *panel.quantity.shape[1:]), np.float32)
        np.add.at(count, (there["week"].to_numpy() - first, w, k), 1.0)
        found[name] = count[of_date - first]
    running = (found["display"] + found["mailer"] > 0) if by == "product_id" else None
    return dataclasses.replace(panel, promotion=running, covariates=found)
