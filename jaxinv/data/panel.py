"""Sales by date, location and SKU, as plain arrays."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class DemandPanel:
    """Units sold on every date of an unbroken range, by location and SKU.

    Sales are not demand where stock ran out; ``available`` tells what is known of it: False where an item was not on
    sale, so that its zero says nothing. A price is that of the date, also where nothing was sold.
    """

    quantity: np.ndarray  # [T, L, K] float32 units
    dates: np.ndarray  # [T] datetime64[D]; every day, or every Monday where period is "week"
    locations: tuple[str, ...]
    skus: tuple[str, ...]
    price: np.ndarray | None = None  # [T, L, K] float32 money per unit
    promotion: np.ndarray | None = None  # [T, L, K] bool
    available: np.ndarray | None = None  # [T, L, K] bool; all True where not given
    period: str = "day"  # or "week"

    def __post_init__(self):
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("quantity", np.asarray(self.quantity, np.float32))
        put("dates", np.asarray(self.dates, "datetime64[D]"))
        put("locations", tuple(str(x) for x in self.locations))
        put("skus", tuple(str(x) for x in self.skus))
        shape = (len(self.dates), len(self.locations), len(self.skus))
        if self.available is None:
            put("available", np.ones(shape, bool))
        for name, dtype in (("price", np.float32), ("promotion", bool), ("available", bool)):
            if getattr(self, name) is not None:
                put(name, np.asarray(getattr(self, name), dtype))
        for name in ("quantity", "price", "promotion", "available"):
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                raise ValueError(
                    f"DemandPanel.{name} must have shape {shape} (dates, locations, SKUs), got {array.shape}"
                )
        if not len(self.dates):
            raise ValueError("DemandPanel.dates must not be empty")
        if not np.isfinite(self.quantity).all() or (self.quantity < 0).any():
            raise ValueError("DemandPanel.quantity must be finite and not negative")
        if self.period not in ("day", "week"):
            raise ValueError(f"DemandPanel.period must be 'day' or 'week', got {self.period!r}")
        steps = np.diff(self.dates)
        if (steps != np.timedelta64(self.days_per_period, "D")).any():
            at = self.dates[1:][steps != np.timedelta64(self.days_per_period, "D")][0]
            raise ValueError(f"DemandPanel.dates must be every {self.period}, without a gap; broken at {at}")

    @property
    def days_per_period(self) -> int:
        return 1 if self.period == "day" else 7

    @property
    def start_day(self) -> int:
        """Calendar day of the first date, as ``jaxinv.demand.DemandState.day`` counts them."""
        return int((self.dates[0] - np.datetime64("0001-01-01")).astype(int))

    def between(self, start: Any = None, end: Any = None) -> "DemandPanel":
        """Dates from ``start`` on and before ``end``."""
        inside = np.ones(len(self.dates), bool)
        if start is not None:
            inside &= self.dates >= np.datetime64(start, "D")
        if end is not None:
            inside &= self.dates < np.datetime64(end, "D")
        if not inside.any():
            raise ValueError(
                f"no dates from {start} on and before {end}: there are {self.dates[0]} to {self.dates[-1]}"
            )
        return self._take(inside, 0, dates=self.dates[inside])

    def split(self, date: Any) -> tuple["DemandPanel", "DemandPanel"]:
        """The dates before ``date``, and those from it on."""
        return self.between(end=date), self.between(start=date)

    def select(
        self, locations: Sequence[str | int] | None = None, skus: Sequence[str | int] | None = None
    ) -> "DemandPanel":
        """Some locations and SKUs, by name or index, in the order given."""
        panel = self
        if locations is not None:
            at = _indices(locations, self.locations, "location")
            panel = panel._take(at, 1, locations=tuple(self.locations[i] for i in at))
        if skus is not None:
            at = _indices(skus, self.skus, "SKU")
            panel = panel._take(at, 2, skus=tuple(self.skus[i] for i in at))
        return panel

    def largest(self, locations: int | None = None, skus: int | None = None) -> "DemandPanel":
        """The ``locations`` that sell most units, and the ``skus`` that sell most there, largest first."""
        panel = self
        if locations is not None:
            panel = panel.select(locations=np.argsort(-panel.quantity.sum((0, 2)), kind="stable")[:locations].tolist())
        if skus is not None:
            panel = panel.select(skus=np.argsort(-panel.quantity.sum((0, 1)), kind="stable")[:skus].tolist())
        return panel

    def to_weeks(self) -> "DemandPanel":
        """Whole weeks, Monday to Sunday; days before the first Monday and after the last Sunday are left out. Prices
        are averages by quantity; an item is on promotion, or available, in a week if it is on any day of it."""
        if self.period == "week":
            return self
        first = -self.start_day % 7
        weeks = (len(self.dates) - first) // 7
        if not weeks:
            raise ValueError(f"no whole week from {self.dates[0]} to {self.dates[-1]}")

        def by_week(x: np.ndarray) -> np.ndarray:
            return x[first : first + 7 * weeks].reshape(weeks, 7, *x.shape[1:])

        quantity, price = by_week(self.quantity), None
        if self.price is not None:
            # A little weight for every day gives the plain mean where nothing was sold.
            weight = quantity + 1e-6
            price = (by_week(self.price) * weight).sum(1) / weight.sum(1)
        return dataclasses.replace(
            self,
            quantity=quantity.sum(1),
            price=price,
            promotion=None if self.promotion is None else by_week(self.promotion).any(1),
            available=None if self.available is None else by_week(self.available).any(1),
            dates=self.dates[first : first + 7 * weeks : 7],
            period="week",
        )

    def _take(self, index: Any, axis: int, **fields: Any) -> "DemandPanel":
        index = np.flatnonzero(index) if np.asarray(index).dtype == bool else index
        for name in ("quantity", "price", "promotion", "available"):
            array = getattr(self, name)
            fields[name] = None if array is None else np.take(array, index, axis)
        return dataclasses.replace(self, **fields)


def _indices(wanted: Sequence[str | int], names: tuple[str, ...], what: str) -> list[int]:
    places = {name: i for i, name in enumerate(names)}
    found = []
    for item in wanted:
        index = item if isinstance(item, int) else places.get(item)
        if index is None or not -len(names) <= index < len(names):
            raise ValueError(f"no {what} {item!r}; there are {len(names)}: {', '.join(names[:20])}")
        found.append(index % len(names))
    return found
