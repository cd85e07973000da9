"""What a file of sales holds: likely columns and how to read it, and why."""

import dataclasses
import gzip
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxinv.data.columns import KNOWN_NAMES, MONEY, dates, is_called, listed, numbers, period_columns, plain, text
from jaxinv.data.complete_journey import read_complete_journey
from jaxinv.data.favorita import read_favorita
from jaxinv.data.m5 import read_m5
from jaxinv.data.online_retail import read_online_retail
from jaxinv.data.panel import DemandPanel
from jaxinv.data.read import read_sales, read_wide
from jaxinv.data.source import ROW, SHEET, find, header, read, scan

if TYPE_CHECKING:
    import polars as pl

_ROWS = 100_000  # that are looked at
# Names that are only sometimes those of a role, for files without a better one.
_WEAK = {
    "date": ("week", "weekindex", "month", "period", "transactiondt"),
    "location": ("agency", "region", "city", "depot", "outlet"),
    "sku": ("brand", "dept", "department", "material", "part", "category"),
    "quantity": ("volume", "amount", "count", *MONEY),
    "price": ("priceactual", "actualprice"),
    "promotion": ("promotioncurrentweek", "deal", "feature", "display", "ispromo"),
    "available": (),
    "stocked_out": (),
}
_CALENDAR = ("year", "month", "week", "weekday", "day")  # columns that repeat the date
_FORMATS = {  # of dates that are not ISO
    r"\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2}": ("%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M"),
    r"\d{1,2}/\d{1,2}/\d{4}": ("%m/%d/%Y", "%d/%m/%Y"),
    r"\d{1,2}/\d{1,2}/\d{2}": ("%m/%d/%y", "%d/%m/%y"),
    r"\d{1,2}-\d{1,2}-\d{4}": ("%d-%m-%Y", "%m-%d-%Y"),
    r"\d{1,2}\.\d{1,2}\.\d{4}": ("%d.%m.%Y",),
    r"\d{4}/\d{1,2}/\d{1,2}": ("%Y/%m/%d",),
    r"(19|20)\d{6}": ("%Y%m%d",),
}


@dataclasses.dataclass(frozen=True)
class Inferred:
    """How a file can be read; ``print`` tells what was inferred and why."""

    path: Path
    reader: Callable[..., DemandPanel]
    options: Mapping[str, Any]  # its arguments
    notes: tuple[str, ...]  # what was seen, a line for each decision
    needs: tuple[str, ...] = ()  # arguments that the file does not tell

    def __str__(self) -> str:
        given = "".join(f", {name}={value!r}" for name, value in self.options.items())
        missing = "".join(f", {name}=..." for name in self.needs)
        lines = [f"{self.path}:", *(f"  {note}" for note in self.notes)]
        return "\n".join([*lines, f"  {self.reader.__name__}({self.path.name!r}{given}{missing})"])

    def read(self, **options: Any) -> DemandPanel:
        """The panel; ``options`` are further arguments of the reader, or others than inferred.

        Raises ``ValueError`` where something is needed that the file does not tell, and what the reader raises.
        """
        lacking = [name for name in self.needs if options.get(name) is None]
        if lacking:
            raise ValueError(f"{self.path} does not tell {listed(lacking)}: give them as arguments")
        unknown = sorted(set(options) - set(inspect.signature(self.reader).parameters))
        if unknown:
            raise ValueError(f"{self.reader.__name__} has no argument {listed(unknown)}")
        return self.reader(self.path, **{**self.options, **options})


def infer_columns(
    path: str | Path,
    columns: Mapping[str, str | Sequence[str] | None] | None = None,
    *,
    date_format: str | None = None,
) -> Inferred:
    """Which reader suits a file, or a folder of a public data set, and which columns have which role, from their names
    and what their first 100,000 rows hold. ``columns`` and ``date_format`` may be known beforehand, as for
    :func:`read_sales`.

    Raises ``FileNotFoundError``, and ``ValueError`` where no column could be the date or the quantity, or dates can be
    read in two ways.
    """
    path = Path(path)
    public = None if columns else _public(path)
    if public is not None:
        return public
    if path.is_dir():
        raise ValueError(f"{path} holds none of the data sets whose folders are known: M5, Favorita, Complete Journey")
    separator = _separator(path)
    table = scan(path, separator)
    there = header(path, table)
    head = read(path, table.head(_ROWS).collect)
    if head.is_empty():
        raise ValueError(f"{path} has no rows; its columns are {listed(there)}")
    options: dict[str, Any] = {} if separator == "," else {"separator": separator}
    options |= {} if date_format is None else {"date_format": date_format}
    notes = [] if separator == "," else [f"separator {separator!r}"]
    mapped = {name for name in (columns or {}).values() if isinstance(name, str)}
    wide = _wide(path, head, [name for name in there if name not in mapped], columns or {}, options, notes)
    return wide or _long(path, head, there, dict(columns or {}), options, notes)


def _public(path: Path) -> Inferred | None:
    """A public data set, recognised by its files and columns."""
    folder = path if path.is_dir() else path.parent
    if find(folder, "calendar.csv") and find(folder, "sell_prices.csv"):
        for kind in ("evaluation", "validation"):
            sales = find(folder, f"sales_train_{kind}.csv")
            if sales and path in (folder, sales):
                return Inferred(folder, read_m5, {"sales": kind}, ("an M5 folder: sales, calendar and prices",))
    train = find(folder, "train.csv")
    if train and path in (folder, train) and {"store_nbr", "onpromotion"} <= set(header(train, scan(train))):
        return Inferred(folder, read_favorita, {}, ("a Favorita folder: it has train.csv with store_nbr, onpromotion",))
    tables = [find(folder, f"{name}.parquet", f"{name}.csv") for name in ("transactions", "products")]
    if all(tables) and path in (folder, tables[0]) and "transaction_timestamp" in header(tables[0], scan(tables[0])):  # type: ignore[arg-type]
        return Inferred(folder, read_complete_journey, {}, ("a Complete Journey folder: transactions, products",))
    if path.is_file():
        columns = header(path, scan(path, _separator(path)))
        if {"StockCode", "InvoiceDate"} <= set(columns) and {"Invoice", "InvoiceNo"} & set(columns):
            return Inferred(path, read_online_retail, {}, ("Online Retail, by its columns StockCode and InvoiceDate",))
    return None


def _separator(path: Path) -> str:
    """The separator that is most frequent in the first line of a CSV."""
    if not path.is_file() or not path.name.lower().endswith((".csv", ".csv.gz", ".txt", ".tsv")):
        return ","
    with gzip.open(path, "rt", errors="replace") if path.name.endswith(".gz") else path.open(errors="replace") as file:
        line = file.readline()
    return max(",;\t|", key=line.count)


def _wide(
    path: Path, head: "pl.DataFrame", there: list[str], columns: Mapping, options: dict[str, Any], notes: list[str]
) -> Inferred | None:
    """A file with a column per period, if it is one."""
    numbering = {name: m for name in there if (m := re.fullmatch(r"([A-Za-z]+_)(\d+)", name))}
    stems = {m[1] for m in numbering.values()}
    try:
        headed, period = period_columns(there, None, None, None)
    except ValueError:
        headed, period = {}, None
    needs: tuple[str, ...] = ()
    if len(headed) >= 3:
        names = [*headed]
        notes.append(f"a column per {period or 'date'}, {names[0]} to {names[-1]}")
    elif len(numbering) >= 3 and len(stems) == 1 and not any(is_called(name, "date") for name in there):
        names, needs = [*numbering], ("first_date", "period")
        notes.append(f"numbered periods, {names[0]} to {names[-1]}: number 1 has a date, which the file does not tell")
    else:
        return None
    others, found = [name for name in there if name not in names], {}
    for role in ("location", "sku"):
        name = columns[role] if role in columns else _named(role, others, notes)
        if name is not None:
            found[role] = name
    if "sku" not in found and others and head[others[0]].n_unique() == len(head):
        found["sku"] = others[0]
        notes.append(f"sku: {others[0]!r}, whose entries all differ")
    if found:
        options["columns"] = found
    empty = sum(int((text(head[name]) == "").sum()) for name in names)
    if empty:
        options["missing"] = "unavailable"
        notes.append(f"{empty} entries are empty: taken as not on sale")
    negative = sum(int((numbers(head[name]) < 0).sum()) for name in names)
    if negative:
        options["returns"] = "drop"
        notes.append(f"{negative} entries are negative: taken as zero")
    return Inferred(path, read_wide, options, tuple(notes), needs)


def _long(
    path: Path, head: "pl.DataFrame", there: list[str], columns: dict, options: dict[str, Any], notes: list[str]
) -> Inferred:
    """A file with a row per sale, or per date, location and SKU."""
    found: dict[str, Any] = {role: name for role, name in columns.items() if name is not None}
    taken = {name for names in found.values() for name in ([names] if isinstance(names, str) else names)}
    needs: tuple[str, ...] = ()
    for role in KNOWN_NAMES:
        if role not in columns:
            name = _named(role, [name for name in there if name not in taken], notes)
            if name is None and role == "date":
                name = next((name for name in there if name not in taken and _is_date(head[name])), None)
                notes += [f"date: {name!r}, by its entries"] if name else []
            if name is not None:
                found[role] = name
                taken.add(name)
        else:
            notes.append(f"{role}: {columns[role]!r}, as told")
    for role in ("date", "quantity"):
        if role not in found:
            hint = "; a column per SKU is told as a list" if role == "quantity" else ", and none is headed by one"
            raise ValueError(f"{path}: no column could be the {role}{hint}. Its columns are {listed(there)}")
    entries = head[found["date"]]
    if "date_format" not in options and dates(entries, None).is_null().any():
        if numbers(entries).is_not_null().all() and not _is_date(entries):
            needs = ("first_date", "period")
            notes.append("dates are numbers: that of number 1, and what they count, the file does not tell")
        else:
            options["date_format"] = _date_format(entries, path)
            notes.append(f"dates are of the form {options['date_format']}, as {text(entries)[0]}")
    counted = [found["quantity"]] if isinstance(found["quantity"], str) else found["quantity"]
    signed = [*counted, *([found["price"]] if "price" in found else [])]
    negative = max(int((numbers(head[name]) < 0).sum()) for name in signed)
    if negative:
        options["returns"] = "drop"
        notes.append(f"{negative} rows are negative: returns, left out")
    if isinstance(found["quantity"], str) and plain(found["quantity"]) in MONEY + ("sales",) * ("sku" not in found):
        notes.append(f"{found['quantity']!r} looks like revenue, which is refused unless revenue is True or False")
    others = [n for n in there if n not in (ROW, SHEET) and n not in taken and numbers(head[n]).is_not_null().any()]
    others = [name for name in others if plain(name) not in _CALENDAR and not plain(name).endswith(("id", "nbr"))]
    if others:
        notes.append(f"left alone: {listed(others)}, which could be covariates")
    options["columns"] = found
    return Inferred(path, read_sales, options, tuple(notes), needs)


def _named(role: str, there: Sequence[str], notes: list[str]) -> str | None:
    """The first column that by its name has a role, noted with the others that could."""
    found = [name for name in there if is_called(name, role)]
    if not found:
        found = [name for name in there if {plain(name), plain(name).removesuffix("id")} & set(_WEAK[role])]
    if found:
        notes.append(f"{role}: {found[0]!r}, by name" + (f"; or {listed(found[1:])}" if len(found) > 1 else ""))
    return found[0] if found else None


def _is_date(entries: "pl.Series") -> bool:
    if entries.dtype.is_temporal():
        return True
    return any(text(entries).str.contains(f"^{form}$").all() for form in (r"\d{4}-\d{2}-\d{2}.*", *_FORMATS))


def _date_format(entries: "pl.Series", path: Path) -> str:
    for form, candidates in _FORMATS.items():
        if text(entries).str.contains(f"^{form}$").all():
            fitting = [candidate for candidate in candidates if dates(entries, candidate).is_not_null().all()]
            if len(fitting) > 1:
                raise ValueError(
                    f"{path}: dates like {text(entries)[0]} could be {' or '.join(fitting)}; say date_format"
                )
            if fitting:
                return fitting[0]
    raise ValueError(f"{path}: dates like {text(entries)[0]!r} are of no known form; say date_format")
