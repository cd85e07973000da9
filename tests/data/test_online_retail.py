"""The online shop's transactions: what is no sale, sheets that overlap, both forms of dates."""

import sys

import numpy as np
import polars as pl
import pytest

from jaxinv.data import load_panel, read_online_retail
from tests.data.samples import REAL, real, workbook

HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country"
FIRST = [
    "489434,85048a,x,12,2010-11-29 07:45:00,2.5,13085.0,United Kingdom",
    "489435,85048A,x,8,2010-11-29 08:00:00,2.0,13085.0,France",
    "489436,POST,POSTAGE,1,2010-11-29 08:00:00,18,13085.0,France",
    "489437,85048A,damaged,-40,2010-11-29 09:00:00,0.0,,United Kingdom",
    "489438,22041,,30,2010-11-29 09:00:00,0.0,,United Kingdom",
    "A489439,B,Adjust bad debt,1,2010-11-30 09:00:00,-53594.36,,United Kingdom",
    "C489440,85048A,x,-3,2010-11-29 10:00:00,2.5,13085.0,United Kingdom",
    "C489441,85048A,x,-5,2010-12-01 10:00:00,2.5,13085.0,United Kingdom",
    "489442,85048A,x,2,2010-12-01 11:00:00,2.5,,United Kingdom",
    "489443,22041,x,7,2010-12-03 11:00:00,1,14000.0,United Kingdom",
]
SECOND = [FIRST[7], FIRST[8], FIRST[9], "489500,22041,x,1,2010-12-04 11:00:00,1,14000.0,United Kingdom"]


@pytest.fixture
def written(tmp_path):
    def write(*lines: str):
        path = tmp_path / "online_retail_II.csv"
        path.write_text("\n".join([HEADER, *lines, ""]))
        return path

    return write


def check(panel):
    assert panel.dates[[0, -1]].astype(str).tolist() == ["2010-11-29", "2010-12-04"]
    assert (panel.locations, panel.skus) == (("all",), ("22041", "85048A"))
    # 12 + 8, less the 3 that the customer cancelled on the day; what comes back later stays sold.
    np.testing.assert_array_equal(panel.quantity[:, 0], [[0, 17], [0, 0], [0, 2], [0, 0], [7, 0], [1, 0]])
    # On the last of November there is the line of a debt only, on the second of December none.
    np.testing.assert_array_equal(panel.available[:, 0, 0], [1, 1, 1, 0, 1, 1])


def test_what_is_no_sale_and_what_stands_twice(written):
    check(read_online_retail(written(*FIRST, *SECOND)))


def test_us_dates(written):
    line = "489434,85048A,x,12,12/1/2009 7:45,2.5,13085.0,United Kingdom"
    panel = read_online_retail(written(line, line.replace("12/1/2009 7:45", "12/13/2009 17:45")))
    assert panel.dates[[0, -1]].astype(str).tolist() == ["2009-12-01", "2009-12-13"]


def test_countries_and_codes_that_are_chosen(written):
    path = written(*FIRST)
    panel = read_online_retail(path, by_country=True)
    assert panel.locations == ("France", "United Kingdom")
    np.testing.assert_array_equal(panel.quantity[0, :, 1], [8, 9])
    assert panel.price[0, 0, 1] == 2.0
    one = read_online_retail(path, countries=["France"], skus=["85048a"])
    assert (one.locations, one.skus, one.quantity.sum()) == (("all",), ("85048A",), 8)
    with pytest.raises(ValueError, match="column Country has no 'Atlantis'"):
        read_online_retail(path, countries=["Atlantis"])


def test_an_order_of_rows_that_hides_the_second_sheet(written):
    with pytest.raises(ValueError, match="dates step back 3 times"):
        read_online_retail(written(*FIRST, *SECOND, FIRST[0], SECOND[-1], FIRST[0]))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("2010-11-29 08:00:00", "29.11.2010", r"online_retail_II.csv, row 3: InvoiceDate '29.11.2010' is neither"),
        (",12,", ",a dozen,", r"row 2: Quantity 'a dozen' is not a number"),
        (",2.5,", ",dear,", r"row 2: Price 'dear' is not a number"),
    ],
)
def test_bad_rows_are_told(written, before, after, message):
    with pytest.raises(ValueError, match=message):
        read_online_retail(written(*(line.replace(before, after) for line in FIRST)))


def test_other_columns_are_told(tmp_path):
    (tmp_path / "x.csv").write_text("Invoice,StockCode\n1,2\n")
    with pytest.raises(ValueError, match="has no column Quantity"):
        read_online_retail(tmp_path / "x.csv")


def test_two_sheets(tmp_path):
    pytest.importorskip("fastexcel", reason="needs the extra excel")
    sheets = {name: [line.split(",") for line in [HEADER, *lines]] for name, lines in (("a", FIRST), ("b", SECOND))}
    check(read_online_retail(workbook(tmp_path / "x.xlsx", **sheets)))
    sheets["b"][2][3] = "few"
    with pytest.raises(ValueError, match=r"x.xlsx, sheet 'b', row 3: Quantity 'few' is not a number"):
        read_online_retail(workbook(tmp_path / "x.xlsx", **sheets))
    sheets["b"][0][0] = "Bill"
    with pytest.raises(ValueError, match=r"sheet 'b': columns .* differ from the first sheet's"):
        read_online_retail(workbook(tmp_path / "x.xlsx", **sheets))


def test_workbooks_need_an_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastexcel", None)
    path = workbook(tmp_path / "x.xlsx", a=[["x"]])
    with pytest.raises(ModuleNotFoundError, match=r'pip install "jaxinv\[excel\]"'):
        read_online_retail(path)


@real
def test_genuine_lines_agree_with_the_embedded_panel():
    """39 of the 200 embedded SKUs are whole in the sample: it lacks lines with a code in small letters."""
    path = REAL / "online_retail_ii" / "online_retail_II.csv.gz"
    panel = read_online_retail(path, countries=["United Kingdom"], by_country=True)
    embedded = load_panel("online_retail")
    common = [sku for sku in embedded.skus if sku in panel.skus]
    ours, theirs = panel.select(skus=common), embedded.select(skus=common)
    np.testing.assert_array_equal(ours.dates, theirs.dates)
    np.testing.assert_array_equal(ours.available, theirs.available)
    same = (ours.quantity == theirs.quantity).all((0, 1))
    assert (len(common), same.sum()) == (43, 39)
    sold = theirs.quantity[:, :, same] > 0
    # Cents; but where lines were cancelled, which are not among ours that prices are means of.
    away = np.abs(ours.price - theirs.price)[:, :, same][sold] > 0.0051
    assert away.mean() < 0.003


@real
def test_genuine_traps():
    folder = REAL / "online_retail_ii"
    panel = read_online_retail(folder / "online_retail_II.csv.gz")
    assert panel.quantity.shape == (739, 1, 240)
    assert not {"POST", "M", "D", "BANK CHARGES"} & set(panel.skus)
    closed = ~panel.available.any((1, 2))
    assert abs(closed.mean() - 0.183) < 0.005
    saturday = (panel.start_day + np.arange(739)) % 7 == 5
    assert closed[saturday].mean() > 0.98
    # Gross sales of the first days of December 2010, which the file holds twice.
    lines = pl.read_csv(folder / "online_retail_II.csv.gz", infer_schema=False)
    twice = lines.filter(
        pl.col("InvoiceDate").str.slice(0, 10) == "2010-12-02", pl.col("StockCode").str.contains(r"^\d{5}")
    ).with_columns(pl.col("Quantity").cast(pl.Int64), pl.col("Price").cast(pl.Float64))
    gross = twice.filter(pl.col("Quantity") > 0, pl.col("Price") > 0)["Quantity"].sum()
    day = panel.between("2010-12-02", "2010-12-03").quantity.sum()
    assert 0.9 * gross / 2 < day <= gross / 2
    first = read_online_retail(folder / "OnlineRetail_v1_header.csv.gz")
    assert first.dates[0] == np.datetime64("2010-12-01")


@real
def test_the_genuine_workbook():
    pytest.importorskip("fastexcel", reason="needs the extra excel")
    panel = read_online_retail(REAL / "online_retail_ii" / "online_retail_II_mini.xlsx")
    assert panel.dates[[0, -1]].astype(str).tolist() == ["2009-12-01", "2010-12-05"]
    assert panel.available.any((1, 2)).sum() == 9  # days that have lines, on two sheets
