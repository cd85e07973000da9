"""Files of sales as tables: CSV, Parquet and workbooks, with the row that every line stands on."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxinv.data.columns import require

if TYPE_CHECKING:
    import polars as pl

ROW = "row of the file"  # column: counted as a spreadsheet counts, the header of a CSV being row 1
SHEET = "sheet of the workbook"  # column, of workbooks
_TEXT = (".csv", ".csv.gz", ".txt", ".tsv")
_PARQUET = (".parquet", ".pq")


def scan(path: str | Path, separator: str = ",", encoding: str = "utf8", typed: Any = None) -> "pl.LazyFrame":
    """The table of a file, unread, with :data:`ROW`: the entries of a CSV or a workbook are text, but for the columns
    of ``typed``, name to type, of a CSV.

    Raises ``FileNotFoundError``, ``ValueError`` for a file of another kind, and ``ModuleNotFoundError`` naming the
    extra that workbooks need.
    """
    import polars as pl

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no sales file {path}")
    name = path.name.lower()
    if name.endswith(_PARQUET):
        return pl.scan_parquet(path, row_index_name=ROW, row_index_offset=1)
    if name.endswith(".xlsx"):
        return _workbook(path).lazy()
    if not name.endswith(_TEXT):
        raise ValueError(f"{path}: a sales file is {', '.join(_TEXT)}, {_PARQUET[0]} or .xlsx")
    options: Any = {"separator": separator, "infer_schema": False, "schema_overrides": typed}
    options |= {"row_index_name": ROW, "row_index_offset": 2}
    if encoding in ("utf8", "utf8-lossy"):
        return pl.scan_csv(path, encoding=encoding, **options)
    return read(path, lambda: pl.read_csv(path, encoding=encoding, **options)).lazy()


def load(
    path: str | Path,
    separator: str = ",",
    encoding: str = "utf8",
    *,
    columns: Sequence[str] | None = None,
    keep: "pl.Expr | None" = None,
) -> "pl.DataFrame":
    """The table of a file, see :func:`scan`, or of it the ``columns`` wanted and the rows to ``keep`` only.

    Raises as :func:`scan` does, and ``ValueError`` where a column is not there.
    """
    table = scan(path, separator, encoding)
    if keep is not None:  # before columns are chosen: what rows are kept by need not be wanted
        table = table.filter(keep)
    if columns is not None:
        require(header(path, table), columns, path)
        table = table.select(ROW, *columns)
    return read(path, table.collect)


def header(path: str | Path, table: "pl.LazyFrame") -> list[str]:
    """The columns of the file."""
    return [name for name in read(path, table.collect_schema).names() if name not in (ROW, SHEET)]


def read(path: Any, table: Any) -> Any:
    """What ``table()`` gives. Raises ``ValueError`` naming the file where it cannot be read."""
    import polars as pl

    try:
        return table()
    except pl.exceptions.NoDataError:
        raise ValueError(f"{path} is empty") from None
    except (pl.exceptions.ComputeError, UnicodeDecodeError, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(f"{path} cannot be read (see separator and encoding): {error}") from None


def find(folder: str | Path, *names: str) -> Path | None:
    """The first of the files ``names``, each also with .gz behind it, that is in a folder; None where there is none."""
    paths = (Path(folder) / f"{name}{ending}" for name in names for ending in ("", ".gz"))
    return next((path for path in paths if path.is_file()), None)


def need(folder: str | Path, *names: str) -> Path:
    """As :func:`find`. Raises ``FileNotFoundError`` where there is none."""
    path = find(folder, *names)
    if path is None:
        raise FileNotFoundError(f"there is no {' or '.join(names)} in {folder}")
    return path


def chosen(**wanted: Sequence[Any] | None) -> "pl.Expr":
    """The rows whose columns have one of the entries ``wanted``, any where None."""
    import polars as pl

    conditions = [
        pl.col(name).cast(pl.String).is_in([str(entry) for entry in entries])
        for name, entries in wanted.items()
        if entries is not None
    ]
    return pl.all_horizontal(pl.lit(True), *conditions)


def _workbook(path: Path) -> "pl.DataFrame":
    """All sheets, one under the other, as text."""
    import polars as pl

    try:
        sheets = pl.read_excel(path, sheet_id=0, engine="calamine", infer_schema_length=0)
    except ModuleNotFoundError:
        message = f'{path}: a workbook needs the package fastexcel: pip install "jaxinv[excel]"'
        raise ModuleNotFoundError(message) from None
    except Exception as error:  # fastexcel has exceptions of its own, and cannot be imported here to name them
        raise ValueError(f"{path} cannot be read: {error}") from None
    filled = {name: sheet for name, sheet in sheets.items() if sheet.width}
    if not filled:
        raise ValueError(f"{path} is empty")
    first = next(iter(filled.values())).columns
    for name, sheet in filled.items():
        if sheet.columns != first:
            raise ValueError(f"{path}, sheet {name!r}: columns {sheet.columns} differ from the first sheet's {first}")
    numbered = [sheet.with_row_index(ROW, 2).with_columns(pl.lit(name).alias(SHEET)) for name, sheet in filled.items()]
    return pl.concat(numbered)
