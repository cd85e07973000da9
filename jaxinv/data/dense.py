"""From rows, or a matrix with a row per series, to a panel without gaps: the one way in which panels are made."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxinv.data.panel import DemandPanel, Period, periods_from

if TYPE_CHECKING:
    import polars as pl

_MAX_CELLS = 10**9  # a panel is dense; more is a date gone wrong, or a file to be cut first


def from_rows(
    sales: "pl.DataFrame",
    covered: "pl.Series",
    period: Period | None,
    path: Any,
    covariates: Sequence[str] = (),
    *,
    sparse: bool = False,
) -> DemandPanel:
    """Panel of rows with date, location, sku and quantity and, where there are such columns, price, promotion,
    available, stocked_out and ``covariates``, over all periods from the first to the last of the dates ``covered``.

    Rows of the same cell are summed; cells without one are 0, and pairs of location and SKU without one not available.
    Of a ``sparse`` file, a sample of rows, no cell without one is. Covariates are means of the rows of a cell. One that
    is the same for all SKUs of a location, or everywhere, on each date is so for the cells without a row, too.
    """
    import polars as pl

    summed = [pl.col("quantity").sum()]
    if "price" in sales.columns:
        units = pl.col("quantity").filter(pl.col("price").is_not_null()).sum()
        by_units = (pl.col("price") * pl.col("quantity")).sum() / units
        summed.append(pl.when(units > 0).then(by_units).otherwise(pl.col("price").mean()).alias("price"))
    summed += [pl.col(role).any() for role in ("promotion", "available", "stocked_out") if role in sales.columns]
    # Rounded, since the mean of equal numbers may differ from them in the last bit.
    summed += [pl.col(name).mean().cast(pl.Float32) for name in covariates]
    sales = sales.group_by("date", "location", "sku").agg(summed)

    (locations, w), (skus, k) = numbered(sales["location"]), numbered(sales["sku"])
    axis, period = time_axis(covered.to_numpy(), period, path)
    t, shape = np.searchsorted(axis, sales["date"].to_numpy()), dense_shape(axis, locations, skus, path)

    def spread(role: str, array: np.ndarray) -> np.ndarray | None:
        if role not in sales.columns:
            return None
        array[t, w, k] = sales[role].to_numpy()
        return array

    def covariate(name: str) -> np.ndarray:
        known = sales.filter(pl.col(name).is_not_null())
        for by, size in ((["date"], (1, 1)), (["date", "location"], (len(locations), 1))):
            if (known.group_by(by).agg(pl.col(name).n_unique() == 1))[name].all():
                array = np.full((len(axis), *size), np.nan, np.float32)
                there = sales[name].is_not_null().to_numpy()
                array[t[there], w[there] * (len(by) > 1), 0] = known[name].to_numpy()
                return array
        array = np.full(shape, np.nan, np.float32)
        array[t, w, k] = sales[name].to_numpy()
        return array

    available, price = paired(shape, w, k), spread("price", np.full(shape, np.nan, np.float32))
    if sparse:
        available[:] = False
        available[t, w, k] = True
    spread("available", available)
    return DemandPanel(
        quantity=spread("quantity", np.zeros(shape, np.float32)),  # type: ignore[arg-type]
        dates=axis,
        locations=locations,
        skus=skus,
        price=None if price is None else carried(price),
        promotion=spread("promotion", np.zeros(shape, bool)),
        available=available,
        stocked_out=spread("stocked_out", np.zeros(shape, bool)),
        period=period,
        covariates={name: covariate(name) for name in covariates},
    )


def from_matrix(
    quantity: np.ndarray,  # [columns, rows] of the file, NaN where an item was not on sale
    days: np.ndarray,  # [columns] the dates on which their periods begin
    location: "pl.Series",  # [rows]
    sku: "pl.Series",  # [rows]
    period: Period | None,
    path: Any,
) -> DemandPanel:
    """Panel of a matrix with a row per location and SKU and a column per period; the same ones are summed."""
    (locations, w), (skus, k) = numbered(location), numbered(sku)
    axis, period = time_axis(days, period, path)
    shape, cell = dense_shape(axis, locations, skus, path), w * len(skus) + k
    sold, available = np.zeros((len(axis), shape[1] * shape[2]), np.float32), paired(shape, w, k)
    absent = np.isnan(quantity)
    for column, t in enumerate(np.searchsorted(axis, days)):
        sold[t] += np.bincount(cell, np.where(absent[column], 0.0, quantity[column]), sold.shape[1])
        if absent[column].any():
            available[t] &= np.bincount(cell, ~absent[column], sold.shape[1]).reshape(shape[1:]) > 0
    return DemandPanel(sold.reshape(shape), axis, locations, skus, available=available, period=period)


def numbered(names: "pl.Series") -> tuple[tuple[str, ...], np.ndarray]:
    """The different names in order (numbers by value), and the place in it of each name."""
    import polars as pl

    ordered = sorted(names.unique(), key=lambda n: (not n.isdecimal(), int(n) if n.isdecimal() else 0, n))
    return tuple(ordered), names.cast(pl.Enum(ordered)).to_physical().to_numpy().astype(np.int64)


def paired(shape: tuple[int, int, int], w: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Mask [T, W, K] of the location-SKU pairs that occur."""
    pairs = np.zeros(shape[1:], bool)
    pairs[w, k] = True
    return np.broadcast_to(pairs, shape).copy()


def carried(price: np.ndarray) -> np.ndarray:
    """``price`` [T, ...] with gaps (NaN) filled by the last one before, those ahead of all by the first one after."""
    last = last_known(price)
    first = np.argmax(~np.isnan(price), 0)[None]
    return np.take_along_axis(price, np.where(last < 0, first, last), 0)


def last_known(values: np.ndarray) -> np.ndarray:
    """Of each entry [T, ...] the row of the last one up to it that is known (not NaN); -1 where there is none."""
    rows = np.arange(len(values)).reshape(-1, *[1] * (values.ndim - 1))
    return np.maximum.accumulate(np.where(np.isnan(values), -1, rows), 0)


def time_axis(days: np.ndarray, period: Period | None, path: Any) -> tuple[np.ndarray, Period]:
    """All periods from the first to the last of ``days``, and what they are: found, unless told, of three or more."""
    days = np.unique(days.astype("datetime64[D]"))
    weekly = bool(((days - days[0]).astype(int) % 7 == 0).all())
    monthly = bool((days == days.astype("datetime64[M]")).all())
    if period == "week" and not weekly:
        raise ValueError(
            f"{path}: period 'week' needs all dates on one weekday; read days and use DemandPanel.to_weeks"
        )
    if period == "month" and not monthly:
        raise ValueError(f"{path}: period 'month' needs all dates to be the first of a month")
    if period is None:
        period = "day" if len(days) < 3 else "month" if monthly else "week" if weekly else "day"
    if period == "month":
        count = days[[0, -1]].astype("datetime64[M]").astype(int)
    else:
        count = days[[0, -1]].astype(int) // (7 if period == "week" else 1)
    return periods_from(days[0], int(count[1] - count[0]) + 1, period), period


def dense_shape(axis: np.ndarray, locations: tuple, skus: tuple, path: Any) -> tuple[int, int, int]:
    """[T, W, K], refused where it is more than fits."""
    shape = len(axis), len(locations), len(skus)
    if np.prod(shape, dtype=float) > _MAX_CELLS:
        raise ValueError(
            f"{path}: {shape[0]} periods {axis[0]}..{axis[-1]} by {shape[1]} locations by {shape[2]} skus are more "
            f"than the {_MAX_CELLS:.0e} cells of a panel"
        )
    return shape
