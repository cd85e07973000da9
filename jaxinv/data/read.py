"""Sales files in, :class:`DemandPanel` out.

Both readers follow the same rules. Rows come in any order, and those of the same date, location and SKU are summed.
Periods without a row are zeros, from the first date of the file to its last; a SKU without any row in a location is
not on sale there. What cannot be read is an error that names the row, never a guess. Rows are counted as a
spreadsheet counts them: the header of a CSV is row 1 (Parquet has no header: its first row is 1).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from jaxinv.data.columns import KNOWN_NAMES, listed, match, numbers, period_columns, refuse_money, require, text
from jaxinv.data.dense import from_matrix, from_rows
from jaxinv.data.panel import Date, DemandPanel, Period
from jaxinv.data.rows import Returns, Rows, parse
from jaxinv.data.source import ROW, SHEET, header, read, scan

if TYPE_CHECKING:
    import polars as pl

Columns = Mapping[str, str | Sequence[str] | None]
Missing = Literal["error", "zero", "unavailable"]


def read_sales(
    path: str | Path,
    columns: Columns | None = None,
    *,
    covariates: Sequence[str] = (),
    date_format: str | None = None,
    first_date: Date | None = None,
    returns: Returns = "error",
    missing: Literal["zero", "unavailable"] = "zero",
    revenue: bool | None = None,
    period: Period | None = None,
    separator: str = ",",
    encoding: str = "utf8",
) -> DemandPanel:
    """Panel of a file with a row per sale, or per date, location and SKU: CSV (also .csv.gz), Parquet or .xlsx, all of
    whose sheets are read.

    ``columns`` maps roles to the names in the file, as in ``{"date": "InvoiceDate", "sku": "StockCode"}``. The roles
    are date and quantity and, where the file has them, location, sku, price, promotion, available and stocked_out.
    Those not mapped are recognised by their common names (``KNOWN_NAMES``); None leaves one out. Without locations or
    SKUs there is one, called "all". A list of quantities are columns of a SKU each, called by their names.

    The price of a period is the mean by units, and where none is given the last one before (ahead of all: the first
    one after). A promotion runs, and a SKU is available or stocked out, in a period if any of its rows says so; an
    empty field says available, and neither promotion nor stock-out. ``covariates`` names further columns of numbers or
    true and false; an empty field is not known.

    ``date_format`` is as of strftime (``"%m/%d/%Y %H:%M"``); without it dates are ISO. The time of day is left out.
    Where dates are numbers, ``first_date`` is the date of number 1 and ``period`` what they count.
    ``returns="drop"`` leaves out rows with a negative quantity or price, which otherwise are errors; their dates still
    count as covered by the file. Cells without a row are zeros or, where the file is a sample of rows, with
    ``missing="unavailable"`` not known. Quantities that by their name are money, as of Rossmann and Walmart, are
    refused unless ``revenue`` says that money is wanted (True) or that it is units after all (False). ``period`` is
    "week" where all dates fall on one weekday and "month" where all are the first of one, unless told.

    Raises ``FileNotFoundError``, ``ModuleNotFoundError`` for a workbook without the extra ``excel``, and ``ValueError``
    naming the row, or the columns there are.
    """
    import polars as pl

    _check_options(returns=returns, missing=missing, period=period)
    table, columns = scan(path, separator, encoding), dict(columns or {})
    there = header(path, table)
    if not isinstance(columns.get("quantity", ""), str | None):
        table, columns = _melted(table, there, columns, path)
    names = match(header(path, table), columns, path)  # type: ignore[arg-type]
    refuse_money(names, revenue, path)
    require(there, covariates, path)
    doubly = sorted(set(covariates) & {*KNOWN_NAMES, *names.values()})
    if doubly:
        raise ValueError(f"covariates: {listed(doubly)} are roles, or columns that have one")
    kept = [name for name in (ROW, SHEET) if name in table.collect_schema()]
    table = table.select(*kept, *(pl.col(name).alias(role) for role, name in names.items()), *covariates)
    raw = read(path, table.collect)
    raw = raw.filter(~pl.all_horizontal(pl.col(*names).is_null()))  # blank lines
    if raw.is_empty():
        raise ValueError(f"{path} has no rows; its columns are {listed(there)}")
    rows = Rows(raw, {**names, **{name: name for name in covariates}}, path)
    sales, covered = parse(
        rows, date_format=date_format, first_date=first_date, returns=returns, period=period, covariates=covariates
    )
    panel = from_rows(sales, covered, period, path, covariates, sparse=missing == "unavailable")
    return dataclasses.replace(panel, unit="money") if revenue else panel


def read_wide(
    path: str | Path,
    columns: Columns | None = None,
    *,
    first_date: Date | None = None,
    date_format: str | None = None,
    returns: Returns = "error",
    missing: Missing = "error",
    period: Period | None = None,
    separator: str = ",",
    encoding: str = "utf8",
) -> DemandPanel:
    """Panel of a file with a row per location and SKU and a column per period: CSV (also .csv.gz), Parquet or .xlsx.

    Periods are the columns headed by a date (ISO, a month like 1998-01, a week like 2012-W01, or as ``date_format``
    says) or, where ``first_date`` is given, by a numbered name: ``first_date`` is the date of number 1, so that
    ``d_1762`` of the M5 files lies 1761 days after it, or with ``period`` "month" ``t_13`` a year. Other columns are
    left alone, but for location and sku, found or mapped by ``columns`` as in :func:`read_sales`, which also explains
    the other arguments. With ``returns="drop"`` negative quantities count as zero. Empty entries are errors unless
    they are told to be ``missing="zero"``, or "unavailable": the item was not on sale.

    Raises as :func:`read_sales` does, and where a column begins with a digit beside dates without being one, or
    columns are numbered in two ways.
    """
    _check_options(returns=returns, missing=missing, period=period)
    mapped = set((columns or {}).values())
    there = header(path, scan(path, separator, encoding))
    headed, period = period_columns([n for n in there if n not in mapped], first_date, date_format, period)
    if not headed:
        raise ValueError(
            f"{path} has no column headed by a date (see first_date for numbered ones, date_format for others); its "
            f"columns are {listed(there)}"
        )
    names = match([n for n in there if n not in headed], columns, path, roles=("location", "sku"), required=())  # type: ignore[arg-type]
    quantity, frame = read_matrix(
        path, [*names.values()], [*headed], returns=returns, missing=missing, separator=separator, encoding=encoding
    )
    if frame.is_empty():
        raise ValueError(f"{path} has no rows; its columns are {listed(there)}")
    label = {role: text(frame[names[role]]) if role in names else _all(len(frame)) for role in ("location", "sku")}
    return from_matrix(quantity, np.array([*headed.values()]), label["location"], label["sku"], period, path)


def read_matrix(
    path: str | Path,
    labels: Sequence[str],
    headed: Sequence[str],
    *,
    keep: "pl.Expr | None" = None,
    returns: Returns = "error",
    missing: Missing = "error",
    separator: str = ",",
    encoding: str = "utf8",
) -> tuple[np.ndarray, "pl.DataFrame"]:
    """Quantities [columns, rows] float32 of the columns ``headed``, and the columns ``labels``, of the rows that are to
    be kept; nothing else of the file is held. NaN where an item was not on sale."""
    import polars as pl

    def matrix(typed: Any) -> tuple[np.ndarray, "pl.DataFrame"]:
        lazy = scan(path, separator, encoding, typed)
        lazy = lazy if keep is None else lazy.filter(keep)
        frame = read(path, lambda: lazy.select(ROW, *labels, *headed).collect())
        quantity = np.empty((len(headed), len(frame)), np.float32)
        for column, name in enumerate(headed):
            entries, sold = frame[name], numbers(frame[name]).fill_null(np.nan).to_numpy()
            absent = (text(entries) == "" if entries.dtype == pl.String else entries.is_null()).to_numpy()
            wrong = ~np.isfinite(sold) & ~(absent & (missing != "error"))
            if returns == "error":
                wrong |= sold < 0
            if wrong.any():
                row = int(np.argmax(wrong))
                value = text(entries)[row]
                reason = "is negative; returns='drop' counts it as zero" if sold[row] < 0 else "is not a number"
                reason += " (see missing)" * (value == "")
                raise ValueError(f"{path}, row {frame[ROW][row]}, column {name}: quantity {value!r} {reason}")
            quantity[column] = np.where(absent, 0.0, sold) if missing == "zero" else sold
        return np.maximum(quantity, 0.0, out=quantity), frame.select(ROW, *labels)

    try:
        return matrix(dict.fromkeys(headed, pl.Float32))
    except ValueError:  # as text it can be told which entry it is, and what it says
        return matrix(None)


def _melted(
    table: "pl.LazyFrame", there: list[str], columns: Columns, path: Any
) -> tuple["pl.LazyFrame", dict[str, Any]]:
    """A table with columns of a SKU each as one with a row per SKU, and what its columns are."""
    skus = list(columns["quantity"])  # type: ignore[arg-type]
    require(there, skus, path)
    others = [name for name in table.collect_schema() if name not in skus]
    sku, quantity = "column of the SKU", "quantity in the column"
    long = table.unpivot(on=skus, index=others, variable_name=sku, value_name=quantity)
    return long, {**columns, "sku": sku, "quantity": quantity}


def _all(count: int) -> "pl.Series":
    import polars as pl

    return pl.repeat("all", count, eager=True)


def _check_options(**options: str | None) -> None:
    allowed = {"returns": ("error", "drop"), "missing": ("error", "zero", "unavailable")}
    allowed |= {"period": (None, "day", "week", "month")}
    for name, value in options.items():
        if value not in allowed[name]:
            raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed[name]))}, got {value!r}")
