"""The columns of a sales file: which is which, and what their entries mean."""

import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxinv.data.panel import Date, Period, periods_from, to_day

if TYPE_CHECKING:
    import polars as pl

# What columns are commonly called, in small letters and digits; locations and SKUs also with an ending like id.
KNOWN_NAMES = {
    "date": ("date", "day", "ds", "datetime", "timestamp", "invoicedate", "orderdate", "transactiontimestamp"),
    "location": ("location", "store", "shop", "site", "branch", "warehouse", "country"),
    "sku": ("sku", "item", "product", "article", "stockcode", "family"),
    "quantity": ("quantity", "qty", "units", "unitssold", "unitsales", "sales", "demand", "sold"),
    "price": ("price", "unitprice", "sellprice", "sellingprice"),
    "promotion": ("promotion", "promo", "onpromotion"),
    "available": ("available", "availability", "onsale", "open"),
    "stocked_out": ("stockedout", "stockout", "outofstock"),
}
# Quantities under these names are money; "sales" are where there is no SKU whose units they could be.
MONEY = ("revenue", "turnover", "weeklysales", "salesvalue", "salesamount", "netsales", "grosssales")
_ENDING = r"(id|no|nbr|number|code)$"


def match(
    there: Sequence[str],
    columns: Mapping[str, str | None] | None,
    path: Any,
    roles: Iterable[str] = tuple(KNOWN_NAMES),
    required: Iterable[str] = ("date", "quantity"),
) -> dict[str, str]:
    """Role to column name: as mapped by ``columns``, else by common names."""
    columns, roles = dict(columns or {}), tuple(roles)
    names = {}
    for role, name in columns.items():
        if role not in roles:
            raise ValueError(f"columns: {role!r} is no role; roles are {', '.join(roles)}")
        if name is not None and name not in there:
            raise ValueError(f"{path} has no column {name!r} for {role}; its columns are {listed(there)}")
    for role in roles:
        mapped = columns.get(role)
        found = [] if mapped is None else [mapped]
        if role not in columns:
            found = [n for n in there if is_called(n, role) and n not in columns.values()]
        if role == "quantity" and role not in columns and not found:
            found = [n for n in there if plain(n) in MONEY and n not in columns.values()][:1]
        if len(found) > 1:
            raise ValueError(
                f"{path}: {listed(found)} could each be the {role}; say which, as columns={{{role!r}: ...}}"
            )
        if found:
            names[role] = found[0]
        elif role in required:
            raise ValueError(
                f"{path} has no column for {role}; name it, as columns={{{role!r}: ...}}, or use read_wide for a file "
                f"with a column per period. Its columns are {listed(there)}"
            )
    return names


def require(there: Sequence[str], needed: Iterable[str], path: Any) -> None:
    """Raise ``ValueError`` where a file lacks a column."""
    for name in needed:
        if name not in there:
            raise ValueError(f"{path} has no column {name!r}; its columns are {listed(there)}")


def refuse_money(names: Mapping[str, str], revenue: bool | None, path: Any) -> None:
    """Raise ``ValueError`` where the quantity looks like money, unless the user told by ``revenue`` what it is."""
    called = plain(names["quantity"])
    if revenue is None and (called in MONEY or (called == "sales" and "sku" not in names)):
        raise ValueError(
            f"{path}: {names['quantity']!r} looks like revenue, which is money and no demand; revenue=True reads it as "
            f"money all the same, revenue=False says that it counts units"
        )


def text(column: "pl.Series") -> "pl.Series":
    """Entries as text without blanks around; empty where missing."""
    import polars as pl

    return column.cast(pl.String).fill_null("").str.strip_chars()


def numbers(column: "pl.Series") -> "pl.Series":
    """Entries as numbers; null where they are none."""
    import polars as pl

    plainly = column.dtype.is_numeric() or column.dtype == pl.Boolean
    return (column if plainly else text(column)).cast(pl.Float64, strict=False)


def flags(column: "pl.Series", empty: bool) -> "pl.Series":
    """Entries as true (also any number above 0) or false, ``empty`` where missing; null where they are neither."""
    import polars as pl

    words = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0, "": float(empty)}
    entries = text(column).str.to_lowercase()
    value = entries.replace_strict(words, default=entries.cast(pl.Float64, strict=False), return_dtype=pl.Float64)
    return pl.select(pl.when(value.is_finite() & (value >= 0)).then(value > 0)).to_series()


def dates(column: "pl.Series", date_format: str | None) -> "pl.Series":
    """Entries as dates, without the time of day; null where they are none."""
    import polars as pl

    if column.dtype.is_temporal():
        return column.dt.date() if column.dtype == pl.Datetime else column.cast(pl.Date)
    entries = text(column)
    if date_format is None:
        return entries.str.extract(r"^(\d{4}-\d{2}-\d{2})(?:$|[ T]\d)").str.to_date("%Y-%m-%d", strict=False)
    try:
        return entries.str.to_date(date_format, strict=False)
    except pl.exceptions.ComputeError as error:
        raise ValueError(f"date_format {date_format!r} cannot be used: {error}") from None


def period_columns(
    there: Sequence[str], first_date: Date | None, date_format: str | None, period: Period | None
) -> tuple[dict[str, np.datetime64], Period | None]:
    """Column name to date, of the columns headed by a date, a month or a week or, counted from ``first_date``, by a
    numbered name; and what the periods are, ``period`` or what their headings say. Raises where a column looks like a
    period and cannot be read as one: it would be lost unseen."""
    import polars as pl

    if first_date is not None:
        found = {name: m for name in there if (m := re.fullmatch(r"([A-Za-z]*_?)(\d+)", name))}
        series = list({m[1]: name for name, m in found.items()}.values())
        if len(series) > 1:
            raise ValueError(f"columns {listed(series)} belong to different numberings; leave only that of the periods")
        numbers = {name: int(m[2]) for name, m in found.items()}
        days = periods_from(to_day(first_date), max(numbers.values(), default=0), period or "day")
        if 0 in numbers.values():
            raise ValueError("columns are numbered from 0; first_date is the date of number 1")
        return {name: days[number - 1] for name, number in numbers.items()}, period
    headed = dict(zip(there, dates(pl.Series(there, dtype=pl.String), date_format).to_numpy(), strict=True))
    for name in there if date_format is None else ():
        week, month = re.fullmatch(r"(\d{4})-W(\d{2})", name), re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", name)
        if week and 1 <= int(week[2]) <= 53:
            headed[name] = np.datetime64(datetime.date.fromisocalendar(int(week[1]), int(week[2]), 1))
            period = period or "week"
        if month:
            headed[name], period = np.datetime64(name, "D"), period or "month"
    periods = {name: date for name, date in headed.items() if not np.isnat(date)}
    unread = [name for name in there if name[:1].isdigit() and name not in periods]
    if periods and unread:
        raise ValueError(f"columns {listed(unread)} are headed by a number that is no date, or by a date twice")
    return periods, period


def listed(names: Sequence[str]) -> str:
    """Names for a message, the first twenty."""
    return ", ".join(map(repr, names[:20])) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def plain(name: str) -> str:
    """A name in small letters and digits."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def is_called(name: str, role: str) -> bool:
    """Whether a column of that name commonly has that role."""
    name = plain(name)
    # Only these are commonly known by an identifier: a sales_id is no quantity.
    stem = re.sub(_ENDING, "", name) if role in ("location", "sku") else name
    return name in KNOWN_NAMES[role] or stem in KNOWN_NAMES[role]
