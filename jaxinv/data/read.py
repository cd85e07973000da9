"""Sales files in, :class:`DemandPanel` out.

Both readers follow the same rules. Rows come in any order, and those of the same date, location and SKU are summed.
Periods without a row are zeros, from the first date of the file to its last; a SKU without any row in a location is
not on sale there. What cannot be read is an error that names the row, never a guess. Rows are counted as a
spreadsheet counts them: the header of a CSV is row 1 (Parquet has no header: its first row is 1).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from jaxinv.data.columns import dates, flags, listed, load, match, numbers, period_columns, text
from jaxinv.data.panel import Date, DemandPanel

if TYPE_CHECKING:
    import polars as pl

Columns = Mapping[str, str | None]
Returns = Literal["error", "drop"]
Period = Literal["day", "week"]

_MAX_CELLS = 10**9  # a panel is dense; more is a date gone wrong, or a file to be cut first


def read_sales(
    path: str | Path,
    columns: Columns | None = None,
    *,
    date_format: str | None = None,
    returns: Returns = "error",
    period: Period | None = None,
    separator: str = ",",
    encoding: str = "utf8",
) -> DemandPanel:
    """Panel of a file with a row per sale, or per date, location and SKU: CSV (also .csv.gz) or Parquet.

    ``columns`` maps roles to the names in the file, as in ``{"date": "InvoiceDate", "sku": "StockCode"}``. The roles
    are date and quantity and, where the file has them, location, sku, price, promotion and available. Those not
    mapped are recognised by their common names (``KNOWN_NAMES``); None leaves one out. Without locations or SKUs
    there is one, called "all".

    The price of a period is the mean by units, and where none is given the last one before (ahead of all: the first
    one after). A promotion runs, and a SKU is available, in a period if any of its rows says so; an empty field says
    no promotion, and available.

    ``date_format`` is as of strftime (``"%m/%d/%Y %H:%M"``); without it dates are ISO. The time of day is left out.
    ``returns="drop"`` leaves out rows with a negative quantity or price, which otherwise are errors; their dates still
    count as covered by the file. ``period`` is "week" where all dates fall on one weekday, unless told.

    Raises ``FileNotFoundError``, and ``ValueError`` naming the row, or the columns there are.
    """
    import polars as pl

    _check_options(returns, period)
    frame, first_row = load(path, separator, encoding)
    names = match(frame.columns, columns, path)
    raw = frame.select(pl.col(name).alias(role) for role, name in names.items()).with_row_index("row", first_row)
    raw = raw.filter(~pl.all_horizontal(pl.col(*names).is_null()))  # blank lines
    if raw.is_empty():
        raise ValueError(f"{path} has no rows; its columns are {listed(frame.columns)}")

    def reject(bad: "pl.Series", role: str, complaint: str) -> None:
        rows = raw.filter(bad)
        if len(rows):
            more = f" ({len(rows)} rows like it)" if len(rows) > 1 else ""
            value = text(rows[role])[0]
            raise ValueError(f"{path}, row {rows['row'][0]}: {names[role]} {value!r} {complaint}{more}")

    parsed = {"date": dates(raw["date"], date_format)}
    form = f"of the form {date_format!r}" if date_format else "an ISO date like 2017-09-28 (see date_format)"
    reject(parsed["date"].is_null(), "date", f"is not {form}")
    correction = pl.repeat(False, len(raw), eager=True)
    for role in [r for r in ("quantity", "price") if r in names]:
        empty, parsed[role] = text(raw[role]) == "", numbers(raw[role])
        if role == "quantity":
            reject(empty, role, "is missing")
        reject(~empty & ~parsed[role].is_finite().fill_null(False), role, "is not a number")
        negative = (parsed[role] < 0).fill_null(False)
        if returns == "error":
            reject(negative, role, "is negative; returns='drop' leaves such rows out")
        correction |= negative
    for role in [r for r in ("promotion", "available") if r in names]:
        parsed[role] = flags(raw[role], empty=role == "available")
        reject(parsed[role].is_null(), role, "is neither true nor false, nor a number from 0 on")
    for role in ("location", "sku"):
        parsed[role] = text(raw[role]) if role in names else pl.repeat("all", len(raw), eager=True)
        reject(parsed[role] == "", role, "is missing")

    sales = pl.DataFrame(parsed).filter(~correction)
    if sales.is_empty():
        raise ValueError(f"{path} holds nothing but returns")
    return _panel(sales, parsed["date"], period, path)


def read_wide(
    path: str | Path,
    columns: Columns | None = None,
    *,
    first_date: Date | None = None,
    date_format: str | None = None,
    returns: Returns = "error",
    period: Period | None = None,
    separator: str = ",",
    encoding: str = "utf8",
) -> DemandPanel:
    """Panel of a file with a row per location and SKU and a column per period: CSV (also .csv.gz) or Parquet.

    Periods are the columns headed by a date (ISO, a week like 2012-W01, or as ``date_format`` says) or, where
    ``first_date`` is given, by a numbered name: ``first_date`` is the date of number 1, so that ``d_1762`` of the M5
    files lies 1761 days after it. Other columns are left alone, but for location and sku, found or mapped by
    ``columns`` as in :func:`read_sales`, which also explains the other arguments. With ``returns="drop"`` negative
    quantities count as zero.

    Raises as :func:`read_sales` does, and where a column begins with a digit beside dates without being one, or
    columns are numbered in two ways.
    """
    _check_options(returns, period)
    frame, first_row = load(path, separator, encoding)
    mapped = set((columns or {}).values())
    candidates = [name for name in frame.columns if name not in mapped]
    headed = period_columns(candidates, first_date, date_format, 7 if period == "week" else 1)
    if not headed:
        raise ValueError(
            f"{path} has no column headed by a date (see first_date for numbered ones, date_format for others); its "
            f"columns are {listed(frame.columns)}"
        )
    if frame.is_empty():
        raise ValueError(f"{path} has no rows; its columns are {listed(frame.columns)}")
    others = [name for name in frame.columns if name not in headed]
    names = match(others, columns, path, roles=("location", "sku"), required=())

    # [rows, periods], NaN where an entry is missing or no number.
    quantity = np.stack([numbers(frame[name]).fill_null(np.nan).to_numpy() for name in headed], 1)
    wrong = ~np.isfinite(quantity) if returns == "drop" else ~(np.isfinite(quantity) & (quantity >= 0))
    if wrong.any():
        row, column = np.argwhere(wrong)[0].tolist()
        name = list(headed)[column]
        value = text(frame[name])[row]
        reason = "is negative; returns='drop' counts it as zero" if quantity[row, column] < 0 else "is not a number"
        raise ValueError(f"{path}, row {row + first_row}, column {name}: quantity {value!r} {reason}")

    label = {
        role: text(frame[names[role]]).to_list() if role in names else ["all"] * len(frame)
        for role in ("location", "sku")
    }
    (locations, w), (skus, k) = _numbered(label["location"]), _numbered(label["sku"])
    days = np.array(list(headed.values()))
    axis, period = _axis(days, period, path)
    sold = np.zeros(_shape(axis, locations, skus, path), np.float32)
    np.add.at(sold, (np.searchsorted(axis, days)[None, :], w[:, None], k[:, None]), np.maximum(quantity, 0.0))
    return DemandPanel(sold, axis, locations, skus, available=_on_sale(sold.shape, w, k), period=period)


# -- from rows to a panel ---------------------------------------------------------------------------------------------


def _panel(sales: "pl.DataFrame", covered: "pl.Series", period: Period | None, path: Any) -> DemandPanel:
    """Panel of parsed rows, over all dates from the first to the last of ``covered``."""
    import polars as pl

    summed = [pl.col("quantity").sum()]
    if "price" in sales.columns:
        units = pl.col("quantity").filter(pl.col("price").is_not_null()).sum()
        by_units = (pl.col("price") * pl.col("quantity")).sum() / units
        summed.append(pl.when(units > 0).then(by_units).otherwise(pl.col("price").mean()).alias("price"))
    summed += [pl.col(role).any() for role in ("promotion", "available") if role in sales.columns]
    sales = sales.group_by("date", "location", "sku").agg(summed)

    (locations, w), (skus, k) = (_numbered(sales[role].to_list()) for role in ("location", "sku"))
    axis, period = _axis(covered.to_numpy(), period, path)
    t, shape = np.searchsorted(axis, sales["date"].to_numpy()), _shape(axis, locations, skus, path)

    def spread(role: str, array: np.ndarray) -> np.ndarray | None:
        if role not in sales.columns:
            return None
        array[t, w, k] = sales[role].to_numpy()
        return array

    available, price = _on_sale(shape, w, k), spread("price", np.full(shape, np.nan, np.float32))
    spread("available", available)
    return DemandPanel(
        quantity=spread("quantity", np.zeros(shape, np.float32)),  # type: ignore[arg-type]
        dates=axis,
        locations=locations,
        skus=skus,
        price=None if price is None else carried(price),
        promotion=spread("promotion", np.zeros(shape, bool)),
        available=available,
        period=period,
    )


def carried(price: np.ndarray) -> np.ndarray:
    """``price`` [T, ...] with gaps (NaN) filled by the last one before, those ahead of all by the first one after."""
    rows = np.arange(len(price)).reshape(-1, *[1] * (price.ndim - 1))
    last = np.maximum.accumulate(np.where(np.isnan(price), -1, rows), 0)
    first = np.argmax(~np.isnan(price), 0)[None]
    return np.take_along_axis(price, np.where(last < 0, first, last), 0)


def _axis(days: np.ndarray, period: Period | None, path: Any) -> tuple[np.ndarray, Period]:
    """All periods from the first to the last of ``days``, and whether they are days or weeks."""
    days = np.unique(days.astype("datetime64[D]"))
    weekly = bool(((days - days[0]).astype(int) % 7 == 0).all())
    if period == "week" and not weekly:
        raise ValueError(
            f"{path}: period 'week' needs all dates on one weekday; read days and use DemandPanel.to_weeks"
        )
    period = period or ("week" if weekly and len(days) > 2 else "day")
    step = np.timedelta64(7 if period == "week" else 1, "D")
    return np.arange(days[0], days[-1] + step, step), period


def _shape(axis: np.ndarray, locations: tuple, skus: tuple, path: Any) -> tuple[int, int, int]:
    shape = len(axis), len(locations), len(skus)
    if np.prod(shape, dtype=float) > _MAX_CELLS:
        raise ValueError(
            f"{path}: {shape[0]} periods {axis[0]}..{axis[-1]} by {shape[1]} locations by {shape[2]} skus are more "
            f"than the {_MAX_CELLS:.0e} cells of a panel"
        )
    return shape


def _numbered(names: list[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """The different names in order (numbers by value), and the place in it of each name."""
    ordered = sorted(set(names), key=lambda n: (not n.isdecimal(), int(n) if n.isdecimal() else 0, n))
    place = {name: i for i, name in enumerate(ordered)}
    return tuple(ordered), np.array([place[name] for name in names])


def _on_sale(shape: tuple[int, int, int], w: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Mask [T, W, K] of the location-SKU pairs that occur."""
    pairs = np.zeros(shape[1:], bool)
    pairs[w, k] = True
    return np.broadcast_to(pairs, shape).copy()


def _check_options(returns: str, period: str | None) -> None:
    for name, value, allowed in (("returns", returns, ("error", "drop")), ("period", period, (None, "day", "week"))):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
