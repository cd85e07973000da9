"""Master data of SKUs: what they cost, how long they take and in which lots they come, as environments name it."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxinv.data.columns import listed, match, numbers, plain, require, text
from jaxinv.data.panel import Period
from jaxinv.data.rows import Rows
from jaxinv.data.source import ROW, SHEET, load

# What the columns of each field are commonly called, in small letters and digits, without units of time at the end.
_NAMES = {
    "price": ("price", "unitprice", "sellingprice"),
    "unit_cost": ("unitcost", "cost", "purchaseprice", "standardcost"),
    "fixed_order_cost": ("fixedordercost", "ordercost", "orderingcost", "setupcost"),
    "holding_cost": ("holdingcost", "holdingcostperunit", "holdingcostperunitper", "holdingcostper"),
    "stockout_cost": ("stockoutcost", "shortagecost", "penaltycost"),
    "lead_time": ("leadtime", "leadtimein", "deliverytime", "deltime"),
    "minimum_order": ("minimumorder", "minimumorderquantity", "minorderqty", "minorder", "moq"),
    "batch_size": ("batchsize", "casesize", "packsize", "lotsize"),
}
_EMPTY = {"fixed_order_cost": 0.0, "minimum_order": 0.0, "batch_size": 1.0}  # what an empty entry means, where it may
_DAYS = {"day": 1.0, "week": 7.0, "month": 365 / 12, "year": 365.0}


@dataclasses.dataclass(frozen=True, eq=False)
class SkuMaster:
    """Numbers of K SKUs, [K] each, None where not known; named as the parameters of environments are."""

    skus: tuple[str, ...]
    price: np.ndarray | None = None  # money per unit sold
    unit_cost: np.ndarray | None = None  # money per unit ordered
    fixed_order_cost: np.ndarray | None = None  # money per order
    holding_cost: np.ndarray | None = None  # money per unit and period
    stockout_cost: np.ndarray | None = None  # money per unit
    lead_time: np.ndarray | None = None  # int32 periods, begun ones counted
    minimum_order: np.ndarray | None = None  # units
    batch_size: np.ndarray | None = None  # units

    def numbers(self, skus: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """What is known of ``skus``, of all if None, in their order: ``env.make_params(demand=..., **numbers)``.

        Raises ``ValueError`` for a SKU that the master does not have.
        """
        place = {sku: i for i, sku in enumerate(self.skus)}
        wanted = self.skus if skus is None else skus
        absent = [sku for sku in wanted if sku not in place]
        if absent:
            raise ValueError(f"the master has no SKU {listed(absent)}; it has {len(self.skus)}")
        rows = [place[sku] for sku in wanted]
        return {name: getattr(self, name)[rows] for name in _NAMES if getattr(self, name) is not None}


def read_master(
    path: str | Path,
    columns: Mapping[str, str | None] | None = None,
    *,
    period: Period = "day",
    units_of_time: Mapping[str, str] | None = None,
    separator: str = ",",
    encoding: str = "utf8",
) -> SkuMaster:
    """Master data of a file with a row per SKU: CSV (also .csv.gz), Parquet or .xlsx. Other columns, as those of demand
    by week, are left alone.

    ``columns`` maps sku and the fields of :class:`SkuMaster` to the names in the file; the others are recognised by
    their common names, and None leaves one out. Lead times and holding costs become those of a ``period``: a name that
    ends as ``lead_time_weeks`` or ``holding_cost_per_unit_year`` says what they are in the file, for others
    ``units_of_time`` does, as in ``{"lead_time": "day"}``; without either they are taken as they are. A lead time of a
    part of a period counts as a whole one. An empty entry is 0 for a fixed cost and a minimum order and 1 for a batch.

    Raises ``FileNotFoundError``, and ``ValueError`` telling row and column of what cannot be read, and for a SKU that
    stands in two rows.
    """
    if period not in ("day", "week", "month"):
        raise ValueError(f"period must be 'day', 'week' or 'month', got {period!r}")
    for field, unit in (units_of_time or {}).items():
        if field not in ("lead_time", "holding_cost") or unit not in _DAYS:
            allowed = "lead_time and holding_cost to day, week, month or year"
            raise ValueError(f"units_of_time must map {allowed}, got {field!r}: {unit!r}")
    table, columns = load(path, separator, encoding), dict(columns or {})
    there = [name for name in table.columns if name not in (ROW, SHEET)]
    for field in columns:
        if field != "sku" and field not in _NAMES:
            raise ValueError(f"columns: {field!r} is no field; fields are sku, {', '.join(_NAMES)}")
    mapped = {field: columns[field] for field in _NAMES if columns.get(field) is not None}
    require(there, mapped.values(), path)  # type: ignore[arg-type]
    taken = set(mapped.values())
    for field, known in _NAMES.items():
        found = [name for name in there if _parts(name)[0] in known and name not in taken]
        if field not in columns and len(found) > 1:
            raise ValueError(
                f"{path}: {listed(found)} could each be the {field}; say which, as columns={{{field!r}: ...}}"
            )
        if field not in columns and found:
            mapped[field] = found[0]
    sku = match(there, {"sku": columns["sku"]} if "sku" in columns else None, path, roles=("sku",), required=("sku",))
    rows = Rows(table.rename({sku["sku"]: "sku"}), {"sku": sku["sku"], **{n: n for n in there}}, path)
    skus = text(rows.frame["sku"])
    rows.reject(skus == "", "sku", "is missing")
    rows.reject(~skus.is_first_distinct(), "sku", "stands in a row before")
    if not mapped:
        raise ValueError(f"{path} has no column of a field of SkuMaster; its columns are {listed(there)}")
    known: dict[str, Any] = {}
    for field, name in mapped.items():
        assert name is not None
        value = numbers(table[name])
        if field in _EMPTY:
            value = value.set(text(table[name]) == "", _EMPTY[field])
        rows.reject(~(value.is_finite() & (value >= 0)).fill_null(False), name, "is not a number from 0 on")
        known[field] = value.to_numpy()
        unit = (units_of_time or {}).get(field) or _parts(name)[1]
        if unit and field == "lead_time":
            known[field] = known[field] * _DAYS[unit] / _DAYS[period]
        if unit and field == "holding_cost":
            known[field] = known[field] * _DAYS[period] / _DAYS[unit]
        if field == "lead_time":
            known[field] = np.ceil(np.round(known[field], 6)).astype(np.int32)
        else:
            known[field] = known[field].astype(np.float32)
    return SkuMaster(tuple(skus), **known)


def _parts(name: str) -> tuple[str, str]:
    """A column's name in small letters and digits, and the unit of time at its end, which is taken off."""
    stem = plain(name)
    unit = re.search(r"(day|week|month|year)s?$", stem)
    return (stem[: unit.start()], unit[1]) if unit else (stem, "")
