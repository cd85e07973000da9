"""A panel of sales: what was sold of every SKU in every location in every period."""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

Date = str | datetime.date | np.datetime64
Period = Literal["day", "week", "month"]
_DAYS = {"day": 1, "week": 7}
_ARRAYS = ("quantity", "price", "promotion", "available", "stocked_out")


@dataclasses.dataclass(frozen=True, eq=False)
class DemandPanel:
    """Sales by period, location and SKU, without a gap in time; plain numpy arrays.

    Sales are not demand where stock ran out. ``available`` and ``stocked_out`` tell what is known of it: where an item
    was not available it was not on sale (a closed shop, a SKU not listed), so that its zero says nothing; where it
    stocked out its sales say that demand was no less.

    ``covariates`` are whatever else is known of a period and may tell of demand: weather, holidays, events, signals of
    web or marketing. They are given as [T], [T, W] or [T, W, K] and held as [T, W or 1, K or 1]: 1 where a covariate
    is the same for all, so that it broadcasts with ``quantity``. NaN where not known.

    Raises ``ValueError``, naming the field, where shapes, dates or values do not fit.
    """

    quantity: np.ndarray  # [T, W, K] float32 units, >= 0
    dates: np.ndarray  # [T] datetime64[D]: every day, or the first day of every week or month
    locations: tuple[str, ...]  # W names
    skus: tuple[str, ...]  # K names
    price: np.ndarray | None = None  # [T, W, K] float32 money per unit; NaN where never known
    promotion: np.ndarray | None = None  # [T, W, K] bool: a promotion runs
    available: np.ndarray = None  # type: ignore[assignment]  # [T, W, K] bool: on sale; True where not given
    stocked_out: np.ndarray | None = None  # [T, W, K] bool: at the end of the period no stock was left
    period: Period = "day"
    covariates: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)  # [T, W or 1, K or 1] float32 each
    unit: Literal["units", "money"] = "units"  # what quantity counts

    def __post_init__(self):
        quantity = self._put("quantity", np.asarray(self.quantity, np.float32))
        if quantity.ndim != 3 or 0 in quantity.shape:
            raise ValueError(f"DemandPanel.quantity must be [dates, locations, SKUs], got shape {quantity.shape}")
        if not np.isfinite(quantity).all() or (quantity < 0).any():
            raise ValueError("DemandPanel.quantity must be finite and not negative")
        for name, allowed in (("period", ("day", "week", "month")), ("unit", ("units", "money"))):
            if getattr(self, name) not in allowed:
                listed = ", ".join(map(repr, allowed))
                raise ValueError(f"DemandPanel.{name} must be one of {listed}, got {getattr(self, name)!r}")
        self._put("dates", np.asarray(self.dates, "datetime64[D]"))
        self._put("locations", tuple(str(name) for name in self.locations))
        self._put("skus", tuple(str(name) for name in self.skus))
        for size, name in zip(quantity.shape, ("dates", "locations", "skus"), strict=True):
            if len(getattr(self, name)) != size:
                raise ValueError(f"DemandPanel.{name} must be {size}, as quantity has, got {len(getattr(self, name))}")
        for name in ("locations", "skus"):
            names = getattr(self, name)
            if len(set(names)) < len(names):
                raise ValueError(f"DemandPanel.{name} must differ, got {_some(names)}")
        gaps = np.flatnonzero(self.dates != periods_from(self.dates[0], len(self.dates), self.period))
        if len(gaps) and self.period == "month" and gaps[0] == 0:
            raise ValueError(f"DemandPanel.dates must be the first of each month, got {self.dates[0]}")
        if len(gaps):
            before, after = self.dates[gaps[0] - 1 : gaps[0] + 1]
            raise ValueError(f"DemandPanel.dates must be one {self.period} apart, but {after} follows {before}")
        if self.available is None:
            self._put("available", np.ones(quantity.shape, bool))
        for name, dtype in (("price", np.float32), ("promotion", bool), ("available", bool), ("stocked_out", bool)):
            if getattr(self, name) is not None:
                array = self._put(name, np.asarray(getattr(self, name), dtype))
                if array.shape != quantity.shape:
                    raise ValueError(f"DemandPanel.{name} must have shape {quantity.shape}, got {array.shape}")
        if self.price is not None and ((self.price < 0) | np.isinf(self.price)).any():
            raise ValueError("DemandPanel.price must be finite and not negative, or NaN where it is not known")
        self._put("covariates", {name: self._covariate(name, array) for name, array in self.covariates.items()})

    def _put(self, name: str, value: Any) -> Any:
        object.__setattr__(self, name, value)
        return value

    def _covariate(self, name: str, given: Any) -> np.ndarray:
        array = np.asarray(given, np.float32)
        array = array.reshape(array.shape + (1,) * (3 - array.ndim))
        fits = array.ndim == 3 and len(array) == len(self.dates)
        if not fits or any(size not in (1, full) for size, full in zip(array.shape, self.quantity.shape, strict=True)):
            raise ValueError(
                f"DemandPanel.covariates[{name!r}] must be [T], [T, W] or [T, W, K] of quantity's shape "
                f"{self.quantity.shape}, got {np.shape(given)}"
            )
        if np.isinf(array).any():
            raise ValueError(f"DemandPanel.covariates[{name!r}] must be finite, or NaN where it is not known")
        return array

    def __repr__(self) -> str:
        periods, locations, skus = self.quantity.shape
        known = [name for name in ("price", "promotion", "stocked_out") if getattr(self, name) is not None] + [
            *self.covariates
        ]
        return (
            f"DemandPanel({periods} {self.period}s {self.dates[0]}..{self.dates[-1]}, {locations} locations, {skus} "
            f"SKUs, {self.quantity.sum(dtype=float):.0f} {self.unit}{''.join(f', {name}' for name in known)}, "
            f"{self.available.mean():.1%} available)"
        )

    @property
    def start_day(self) -> int:
        """The first period in the calendar of ``jaxinv.demand``: days from Monday 1 January of the year 1, or of a
        weekly or monthly panel, weeks or months."""
        first: datetime.date = self.dates[0].item()
        if self.period == "month":
            return 12 * (first.year - 1) + first.month - 1
        return (first.toordinal() - 1) // _DAYS[self.period]

    def between(self, start: Date | None = None, end: Date | None = None) -> "DemandPanel":
        """The periods that begin on ``start`` or later, and before ``end``."""
        first = 0 if start is None else int(np.searchsorted(self.dates, to_day(start)))
        last = len(self.dates) if end is None else int(np.searchsorted(self.dates, to_day(end)))
        if first >= last:
            raise ValueError(f"no dates from {start} and before {end}: there are {self.dates[0]} to {self.dates[-1]}")
        rows = slice(first, last)
        return dataclasses.replace(self, dates=self.dates[rows], **self._each(lambda array: array[rows]))

    def split(self, date: Date) -> tuple["DemandPanel", "DemandPanel"]:
        """The periods before ``date``, and those from it on: nothing in common."""
        return self.between(end=date), self.between(start=date)

    def select(
        self, locations: Sequence[str | int] | None = None, skus: Sequence[str | int] | None = None
    ) -> "DemandPanel":
        """Some locations and SKUs, by name or index, in the order given."""
        w, k = _indices(locations, self.locations, "location"), _indices(skus, self.skus, "SKU")
        return dataclasses.replace(
            self,
            locations=tuple(self.locations[i] for i in w),
            skus=tuple(self.skus[i] for i in k),
            **self._each(lambda array: _taken(_taken(array, w, 1), k, 2)),
        )

    def largest(self, locations: int | None = None, skus: int | None = None) -> "DemandPanel":
        """The ``locations`` that sell most units, and the ``skus`` that sell most there, largest first."""
        w = _largest(self.quantity.sum((0, 2)), locations, "locations")
        return self.select(w, _largest(self.quantity[:, w].sum((0, 1)), skus, "skus"))

    def to_weeks(self) -> "DemandPanel":
        """Whole weeks, Monday to Sunday; days before the first Monday and after the last Sunday are left out. Prices
        are means by units (by days where none was sold), covariates means of the days on which they are known; an item
        is on promotion, available or out of stock in a week if it is on any day of it."""
        if self.period == "week":
            return self
        if self.period == "month":
            raise ValueError("DemandPanel.to_weeks: months are not made of weeks")
        first = -self.start_day % 7
        weeks = (len(self.dates) - first) // 7
        if not weeks:
            raise ValueError(f"no whole week, Monday to Sunday, from {self.dates[0]} to {self.dates[-1]}")

        def by_week(array: np.ndarray) -> np.ndarray:
            return array[first : first + 7 * weeks].reshape(weeks, 7, *array.shape[1:])

        quantity, price = by_week(self.quantity), None
        if self.price is not None:
            # A little weight for every day gives the plain mean where nothing was sold.
            price = _known_mean(by_week(self.price), quantity + 1e-6)
        return DemandPanel(
            quantity.sum(1),
            by_week(self.dates)[:, 0],
            self.locations,
            self.skus,
            price=price,
            promotion=None if self.promotion is None else by_week(self.promotion).max(1),
            available=by_week(self.available).max(1),
            stocked_out=None if self.stocked_out is None else by_week(self.stocked_out).max(1),
            period="week",
            covariates={name: _known_mean(by_week(array), 1.0) for name, array in self.covariates.items()},
            unit=self.unit,
        )

    def _each(self, change: Any) -> dict[str, Any]:
        """``change`` of every array there is."""
        arrays = {name: None if getattr(self, name) is None else change(getattr(self, name)) for name in _ARRAYS}
        return {**arrays, "covariates": {name: change(array) for name, array in self.covariates.items()}}


def periods_from(first: np.datetime64, count: int, period: Period) -> np.ndarray:
    """The dates on which ``count`` periods begin, the first one of them on ``first``, or in the month of it."""
    if period == "month":
        return (first.astype("datetime64[M]") + np.arange(count)).astype("datetime64[D]")
    return first + _DAYS[period] * np.arange(count)


def to_day(date: Date) -> np.datetime64:
    """A date, without the time of day."""
    try:
        return np.datetime64(date, "D")  # type: ignore[arg-type]
    except (ValueError, TypeError):
        raise ValueError(f"a date must be like 2017-09-28, got {date!r}") from None


def _taken(array: np.ndarray, places: list[int], axis: int) -> np.ndarray:
    """Some entries of an axis, or all where it stands for all alike."""
    return array if array.shape[axis] == 1 else array.take(places, axis)


def _known_mean(daily: np.ndarray, weight: np.ndarray | float) -> np.ndarray:
    """Weighted mean over axis 1 of the entries that are not NaN; NaN where all are."""
    weight = np.where(np.isnan(daily), 0.0, weight)
    with np.errstate(invalid="ignore"):
        return np.nansum(daily * weight, 1) / weight.sum(1)


def _indices(wanted: Sequence[str | int] | None, names: tuple[str, ...], what: str) -> list[int]:
    if wanted is None:
        return list(range(len(names)))
    places = {name: i for i, name in enumerate(names)}
    found = []
    for item in [wanted] if isinstance(wanted, str) else wanted:
        index = places.get(item) if isinstance(item, str) else int(item)
        if index is None or not -len(names) <= index < len(names):
            raise ValueError(f"no {what} {item!r}; there are {len(names)}: {_some(names)}")
        found.append(index % len(names))
    return found


def _largest(volume: np.ndarray, count: int | None, what: str) -> list[int]:
    if count is not None and not 1 <= count <= len(volume):
        raise ValueError(f"largest: {what} must be in 1..{len(volume)}, got {count}")
    return list(range(len(volume))) if count is None else np.argsort(-volume, kind="stable")[:count].tolist()


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
