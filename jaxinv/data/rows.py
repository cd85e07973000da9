"""The rows of a sales file: what their entries say, or which of them cannot be read and why."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from jaxinv.data.columns import dates, flags, numbers, text
from jaxinv.data.panel import Date, Period, periods_from, to_day
from jaxinv.data.source import ROW, SHEET

if TYPE_CHECKING:
    import polars as pl

Returns = Literal["error", "drop"]


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows of a file; columns are called by their roles, and covariates as in the file."""

    frame: "pl.DataFrame"  # with ROW and, of workbooks, SHEET
    names: Mapping[str, str]  # role or covariate to what the file calls it
    path: Any

    def reject(self, bad: "pl.Series", role: str, complaint: str) -> None:
        """Raise ``ValueError`` where there are ``bad`` rows, telling of the first one file, row and column."""
        rows = self.frame.filter(bad)
        if len(rows):
            sheet = f", sheet {rows[SHEET][0]!r}" if SHEET in rows.columns else ""
            more = f" ({len(rows)} rows like it)" if len(rows) > 1 else ""
            value = text(rows[role])[0]
            raise ValueError(f"{self.path}{sheet}, row {rows[ROW][0]}: {self.names[role]} {value!r} {complaint}{more}")


def parse(
    rows: Rows,
    *,
    date_format: str | None = None,
    first_date: Date | None = None,
    returns: Returns = "error",
    period: Period | None = None,
    covariates: Sequence[str] = (),
) -> tuple["pl.DataFrame", "pl.Series"]:
    """What rows say, for :func:`jaxinv.data.dense.from_rows`: their roles as dates, numbers, flags and text; and the
    dates that they cover, those of returns left out included.

    Raises ``ValueError`` telling the row and column of what cannot be read.
    """
    import polars as pl

    raw, names = rows.frame, rows.names
    if raw["date"].dtype == pl.Date:  # read before
        form, day = "a date", raw["date"]
    elif first_date is None:
        form = f"of the form {date_format!r}" if date_format else "an ISO date like 2017-09-28 (see date_format)"
        day = dates(raw["date"], date_format)
    else:
        form, day = "a whole number, which first_date counts periods by", counted(raw["date"], first_date, period)
    rows.reject(day.is_null(), "date", f"is not {form}")

    parsed = {"date": day}
    correction = pl.repeat(False, len(raw), eager=True)
    for role in [r for r in ("quantity", "price") if r in names]:
        empty, parsed[role] = text(raw[role]) == "", numbers(raw[role])
        if role == "quantity":
            rows.reject(empty, role, "is missing")
        rows.reject(~empty & ~parsed[role].is_finite().fill_null(False), role, "is not a number")
        negative = (parsed[role] < 0).fill_null(False)
        if returns == "error":
            rows.reject(negative, role, "is negative; returns='drop' leaves such rows out")
        correction |= negative
    for role in [r for r in ("promotion", "available", "stocked_out") if r in names]:
        parsed[role] = flags(raw[role], empty=role == "available")
        rows.reject(parsed[role].is_null(), role, "is neither true nor false, nor a number from 0 on")
    for role in ("location", "sku"):
        parsed[role] = text(raw[role]) if role in names else pl.repeat("all", len(raw), eager=True)
        rows.reject(parsed[role] == "", role, "is missing")
    for name in covariates:
        value = numbers(raw[name])
        parsed[name] = value.fill_null(flags(raw[name], empty=False).cast(pl.Float64))
        parsed[name] = pl.select(pl.when(text(raw[name]) != "").then(parsed[name])).to_series()
        rows.reject((text(raw[name]) != "") & ~parsed[name].is_finite().fill_null(False), name, "is not a number")

    sales = pl.DataFrame(parsed).filter(~correction)
    if sales.is_empty():
        raise ValueError(f"{rows.path} holds nothing but returns")
    return sales, day


def counted(column: "pl.Series", first_date: Date, period: Period | None) -> "pl.Series":
    """Dates of numbered periods, number 1 beginning on ``first_date``; null where an entry is no whole number."""
    import polars as pl

    number = numbers(column)
    whole = (number.is_finite() & (number == number.round())).fill_null(False).to_numpy()
    place = np.where(whole, number.fill_null(0).fill_nan(0).to_numpy(), 1.0).astype(np.int64)
    low = int(place.min(initial=1))
    first = to_day(first_date)
    if period == "month":
        start = (first.astype("datetime64[M]") + (low - 1)).astype("datetime64[D]")
    else:
        start = first + (low - 1) * (7 if period == "week" else 1)
    days = periods_from(start, int(place.max(initial=1)) - low + 1, period or "day")
    return pl.select(pl.when(pl.Series(whole)).then(pl.Series(days[place - low]))).to_series().cast(pl.Date)
