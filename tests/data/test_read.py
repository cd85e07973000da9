"""Every rule of the readers on small files, and real files of many shapes where they are at hand."""

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from jaxinv.data import read_sales, read_wide
from tests.data.samples import REAL, real, workbook

LONG = """date,store,item,quantity,price,promo
2024-03-03,s2,b,4,2.5,0
2024-03-01,s1,a,1,1.0,1
2024-03-01,s1,a,3,2.0,0
2024-03-01,s2,b,2,2.0,0
"""


@pytest.fixture
def written(tmp_path):
    """Write text to a file and give its path."""

    def write(content: str, name: str = "sales.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode())
        return path

    return write


def test_unsorted_rows_duplicates_and_absent_days(written):
    panel = read_sales(written(LONG))
    assert panel.period == "day"
    assert panel.dates.astype(str).tolist() == ["2024-03-01", "2024-03-02", "2024-03-03"]
    assert (panel.locations, panel.skus) == (("s1", "s2"), ("a", "b"))
    np.testing.assert_array_equal(panel.quantity[:, 0, 0], [4, 0, 0])  # 1 + 3 of the same day
    np.testing.assert_array_equal(panel.quantity[:, 1, 1], [2, 0, 4])
    np.testing.assert_allclose(panel.price[:, 0, 0], 1.75)  # (1 x 1.0 + 3 x 2.0) / 4, and carried on
    np.testing.assert_allclose(panel.price[:, 1, 1], [2.0, 2.0, 2.5])
    np.testing.assert_array_equal(panel.promotion[:, 0, 0], [True, False, False])  # on any row of the day
    # What a location never sold is not on sale there.
    np.testing.assert_array_equal(panel.available, np.broadcast_to(np.eye(2, dtype=bool), (3, 2, 2)))


def test_the_order_of_rows_does_not_matter(written):
    header, *rows = LONG.splitlines()
    one = read_sales(written(LONG))
    two = read_sales(written("\n".join([header, *reversed(rows)]), "other.csv"))
    for name in ("quantity", "price", "promotion", "available", "dates"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_compressed_parquet_and_other_separators_read_the_same(tmp_path, written):
    expected = read_sales(written(LONG)).quantity
    (tmp_path / "sales.csv.gz").write_bytes(gzip.compress(LONG.encode()))
    pl.read_csv(written(LONG), try_parse_dates=True).write_parquet(tmp_path / "sales.parquet")
    for path in (tmp_path / "sales.csv.gz", tmp_path / "sales.parquet"):
        np.testing.assert_array_equal(read_sales(path).quantity, expected)
    np.testing.assert_array_equal(read_sales(written(LONG.replace(",", ";")), separator=";").quantity, expected)


def test_columns_are_mapped_left_out_or_absent(written):
    path = written('when,what,how many,price\n2024-03-01,"a, large",2,x\n2024-03-02,"a ""b""",1,y\n')
    panel = read_sales(path, {"date": "when", "sku": "what", "quantity": "how many", "price": None})
    assert panel.locations == ("all",)
    assert panel.skus == ('a "b"', "a, large")
    assert panel.price is None
    alone = read_sales(path, {"date": "when", "quantity": "how many", "price": None})
    assert alone.skus == ("all",)
    np.testing.assert_array_equal(alone.quantity[:, 0, 0], [2, 1])


def test_common_names_are_recognised_whatever_their_spelling(written):
    panel = read_sales(
        written("Invoice Date,Store_Nbr,StockCode,Units Sold,Unit-Price,On Promotion\n2024-03-01,7,x,1,2,\n")
    )
    assert (panel.locations, panel.skus) == (("7",), ("x",))
    assert panel.price is not None
    assert not panel.promotion.any()


def test_columns_that_only_sound_alike_are_left_alone(written):
    panel = read_sales(written("date,country,item_no,sales_id,quantity,stock\n2024-03-01,DE,x,1001,2,50\n"))
    assert (panel.locations, panel.skus) == (("DE",), ("x",))
    assert panel.quantity.item() == 2  # not the sales_id
    assert read_sales(written("date,quantity,stock\n2024-03-01,2,50\n")).skus == ("all",)


def test_date_formats(written):
    path = written("date,quantity\n12/1/2009 7:45,1\n1/2/2010 12:01,2\n")
    with pytest.raises(ValueError, match=r"row 2: date '12/1/2009 7:45' is not an ISO date .*\(2 rows like it\)"):
        read_sales(path)
    panel = read_sales(path, date_format="%m/%d/%Y %H:%M")
    assert panel.dates[[0, -1]].astype(str).tolist() == ["2009-12-01", "2010-01-02"]
    with pytest.raises(ValueError, match=r"of the form '%d\.%m\.%Y'"):
        read_sales(path, date_format="%d.%m.%Y")
    iso = read_sales(written("date,quantity\n2024-03-01 23:59:59,1\n2024-03-01T08:00:00Z,2\n2024-03-02,4\n"))
    np.testing.assert_array_equal(iso.quantity.ravel(), [3, 4])


def test_weeks_are_found_told_or_refused(written):
    weekly = written("date,quantity\n2024-03-01,1\n2024-03-22,2\n2024-03-08,3\n")
    panel = read_sales(weekly)
    assert panel.period == "week"
    np.testing.assert_array_equal(panel.quantity.ravel(), [1, 3, 0, 2])
    assert read_sales(weekly, period="day").quantity.shape == (22, 1, 1)
    with pytest.raises(ValueError, match="one weekday"):
        read_sales(written("date,quantity\n2024-03-01,1\n2024-03-07,2\n"), period="week")


def test_returns_are_errors_unless_dropped(written):
    path = written("date,quantity,price\n2024-03-01,5,1\n2024-03-01,-2,1\n2024-03-02,-1,1\n2024-03-03,1,-9\n")
    with pytest.raises(ValueError, match=r"row 3: quantity '-2' is negative; returns='drop' .*\(2 rows like it\)"):
        read_sales(path)
    panel = read_sales(path, returns="drop")
    np.testing.assert_array_equal(panel.quantity.ravel(), [5, 0, 0])  # the file covers the days of its returns too
    with pytest.raises(ValueError, match="nothing but returns"):
        read_sales(written("date,quantity\n2024-03-01,-5\n"), returns="drop")
    with pytest.raises(ValueError, match="returns must be one of 'error', 'drop', got 'keep'"):
        read_sales(path, returns="keep")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2024-02-30,a,1,1,1", "row 3: date '2024-02-30' is not an ISO date"),
        (",a,1,1,1", "row 3: date '' is not an ISO date"),
        ("2024-03-01,a,,1,1", "row 3: quantity '' is missing"),
        ("2024-03-01,a,many,1,1", "row 3: quantity 'many' is not a number"),
        ("2024-03-01,a,inf,1,1", "row 3: quantity 'inf' is not a number"),
        ('2024-03-01,a,"1,000",1,1', "row 3: quantity '1,000' is not a number"),
        ("2024-03-01,a,1,dear,1", "row 3: price 'dear' is not a number"),
        ("2024-03-01,a,1,-1,1", "row 3: price '-1' is negative"),
        ("2024-03-01,,1,1,1", "row 3: sku '' is missing"),
        ("2024-03-01,a,1,1,perhaps", "row 3: promotion 'perhaps' is neither true nor false"),
    ],
)
def test_unreadable_entries_name_their_row(written, row, message):
    path = written(f"date,sku,quantity,price,promotion\n2024-03-01,a,1,1,yes\n{row}\n2024-03-02,a,1,,0\n")
    with pytest.raises(ValueError, match=message):
        read_sales(path)


def test_rows_of_a_parquet_file_count_from_one(tmp_path):
    table = pl.DataFrame({"date": ["2024-03-01", "2024-03-02"], "quantity": [1, None]})
    table.write_parquet(tmp_path / "sales.parquet")
    with pytest.raises(ValueError, match="row 2: quantity '' is missing"):
        read_sales(tmp_path / "sales.parquet")


def test_blank_lines_are_not_rows_but_count_as_such(written):
    blank = "date,quantity\n2024-03-01,1\n\n2024-03-02,2\n"
    np.testing.assert_array_equal(read_sales(written(blank)).quantity.ravel(), [1, 2])
    with pytest.raises(ValueError, match="row 4"):
        read_sales(written(blank.replace(",2\n", ",x\n")))


def test_availability_column(written):
    panel = read_sales(written("date,quantity,open\n2024-03-01,1,1\n2024-03-02,0,0\n2024-03-04,1,\n"))
    np.testing.assert_array_equal(panel.available.ravel(), [True, False, True, True])


def test_stock_out_column(written):
    rows = "2024-03-01,1,1\n2024-03-01,1,0\n2024-03-02,0,0\n2024-03-04,1,\n"
    panel = read_sales(written("date,quantity,Out of stock\n" + rows))
    np.testing.assert_array_equal(panel.stocked_out.ravel(), [True, False, False, False])
    assert read_sales(written("date,quantity\n2024-03-01,1\n")).stocked_out is None


def test_files_that_are_not_there_empty_or_without_the_columns(written, tmp_path):
    with pytest.raises(FileNotFoundError, match="no sales file"):
        read_sales(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="is empty"):
        read_sales(written(""))
    with pytest.raises(ValueError, match="has no rows; its columns are 'date', 'quantity'"):
        read_sales(written("date,quantity\n"))
    with pytest.raises(ValueError, match=r"no column for quantity.*columns are 'date', 'amount'"):
        read_sales(written("date,amount\n2024-03-01,1\n"))
    with pytest.raises(ValueError, match="no column 'qty' for quantity; its columns are 'date', 'amount'"):
        read_sales(written("date,amount\n2024-03-01,1\n"), {"quantity": "qty"})
    with pytest.raises(ValueError, match="'colour' is no role; roles are date, location"):
        read_sales(written(LONG), {"colour": "item"})
    with pytest.raises(ValueError, match="'units', 'sales' could each be the quantity"):
        read_sales(written("date,units,sales\n2024-03-01,1,2\n"))
    with pytest.raises(ValueError, match="a sales file is"):
        read_sales(written(LONG, "sales.doc"))
    with pytest.raises(ValueError, match="cannot be read"):
        read_sales(written("date,quantity\n2024-03-01,1,2,3\n"))


def test_a_date_far_off_does_not_fill_the_memory(written):
    rows = "".join(f"2024-03-01,s{i},i{i},1\n" for i in range(700))
    with pytest.raises(ValueError, match="more than the 1e\\+09 cells"):
        read_sales(written("date,store,item,quantity\n" + rows + "9024-03-01,s1,i1,1\n"))


def test_wide_by_dates_and_by_numbers(written):
    dated = written("item,store,colour,2024-03-01,2024-03-03\na,s1,red,1,2\nb,s1,blue,3,4\na,s1,red,5,6\n")
    panel = read_wide(dated)
    assert panel.dates.astype(str).tolist() == ["2024-03-01", "2024-03-02", "2024-03-03"]
    np.testing.assert_array_equal(panel.quantity[:, 0], [[6, 3], [0, 0], [8, 4]])  # duplicates summed, absent day 0
    numbered = written("what,d_3,d_4\nx,1,2\n", "numbered.csv")
    panel = read_wide(numbered, {"sku": "what"}, first_date="2024-03-01")
    assert panel.dates.astype(str).tolist() == ["2024-03-03", "2024-03-04"]
    assert panel.skus == ("x",)
    weeks = read_wide(numbered, first_date="2024-03-01", period="week")
    assert weeks.dates.astype(str).tolist() == ["2024-03-15", "2024-03-22"]
    weeks = read_wide(written("part,2024-W52,2025-W01,2025-W02\nx,1,2,3\n"), {"sku": "part"})
    assert (weeks.period, str(weeks.dates[0])) == ("week", "2024-12-23")
    other = read_wide(written("part,1.3.2024,2.3.2024\nx,1,2\n"), {"sku": "part"}, date_format="%d.%m.%Y")
    assert str(other.dates[0]) == "2024-03-01"


def test_wide_errors_name_row_and_column(written):
    for entry, message in (("x", "'x' is not a number"), ("", "'' is not a number"), ("-1", "'-1' is negative")):
        path = written(f"item,2024-03-01,2024-03-02\na,1,2\nb,3,{entry}\n")
        with pytest.raises(ValueError, match=f"row 3, column 2024-03-02: quantity {message}"):
            read_wide(path)
    assert read_wide(path, returns="drop").quantity[1, 0, 1] == 0
    with pytest.raises(ValueError, match=r"no column headed by a date .* columns are 'item', 'd_1'"):
        read_wide(written("item,d_1\na,1\n"))
    with pytest.raises(ValueError, match="use read_wide"):
        read_sales(path)


def test_wide_columns_are_never_lost_or_mixed_unseen(written):
    with pytest.raises(ValueError, match="columns '2024-02-30' are headed by a number that is no date"):
        read_wide(written("item,2024-02-29,2024-02-30\na,1,9\n"))
    with pytest.raises(ValueError, match=r"columns '2024-03-01_duplicated_0' .* by a date twice"):
        read_wide(written("item,2024-03-01,2024-03-01\na,1,2\n"))
    with pytest.raises(ValueError, match="columns 'd_2', 'size_1' belong to different numberings"):
        read_wide(written("item,d_1,d_2,size_1\na,1,2,300\n"), first_date="2024-03-01")
    # A mapped column is no period, however it is called; numbers without a name are counted like others.
    panel = read_wide(written("level1,1,2\nx,3,4\n"), {"sku": "level1"}, first_date="2024-03-01")
    assert panel.skus == ("x",)
    np.testing.assert_array_equal(panel.quantity.ravel(), [3, 4])


def test_broken_compression_is_named(tmp_path):
    path = tmp_path / "sales.csv.gz"
    path.write_bytes(gzip.compress(LONG.encode())[:20])
    with pytest.raises(ValueError, match=r"sales.csv.gz cannot be read"):
        read_sales(path)


def test_covariates_are_held_as_small_as_they_are(written):
    path = written(
        "date,store,item,quantity,rain,warm,shelf,note\n2024-03-01,s1,a,1,5,True,1,x\n2024-03-01,s1,b,1,5,True,3,x\n"
        "2024-03-01,s2,b,1,,True,,x\n2024-03-02,s1,a,1,7,False,2,x\n2024-03-02,s2,b,1,9,False,2,x\n"
    )
    panel = read_sales(path, covariates=["rain", "warm", "shelf"])
    known = panel.covariates
    # Everywhere, for all of a store, and of each SKU; b in s1 on the second has no row, but the store's rain is known.
    np.testing.assert_array_equal(known["warm"], [[[1]], [[0]]])
    np.testing.assert_array_equal(known["rain"], [[[5], [np.nan]], [[7], [9]]])
    np.testing.assert_array_equal(known["shelf"], [[[1, 3], [np.nan] * 2], [[2, np.nan], [np.nan, 2]]])
    several = written("date,item,quantity,rain\n" + 3 * "2024-03-01,a,1,0.1\n" + "2024-03-01,b,1,0.1\n", "several.csv")
    assert read_sales(several, covariates=["rain"]).covariates["rain"].shape == (1, 1, 1)
    with pytest.raises(ValueError, match=r"row 2: note 'x' is not a number \(5 rows"):
        read_sales(path, covariates=["note"])
    with pytest.raises(ValueError, match="no column 'wind'"):
        read_sales(path, covariates=["wind"])
    with pytest.raises(ValueError, match="covariates: 'quantity' are roles"):
        read_sales(path, covariates=["quantity"])


def test_rows_that_a_sample_leaves_out_are_not_zeros(written):
    path = written("date,quantity\n2024-03-01,1\n2024-03-03,2\n")
    assert read_sales(path).available.all()
    np.testing.assert_array_equal(read_sales(path, missing="unavailable").available.ravel(), [True, False, True])


def test_a_column_per_sku(written):
    path = written("date,fish,lamb,rain\n2024-03-01,1,2,0\n2024-03-02,3,4,9\n")
    panel = read_sales(path, {"quantity": ["lamb", "fish"]}, covariates=["rain"])
    assert panel.skus == ("fish", "lamb")
    np.testing.assert_array_equal(panel.quantity[:, 0], [[1, 2], [3, 4]])
    assert panel.covariates["rain"].shape == (2, 1, 1)
    with pytest.raises(ValueError, match="no column 'beef'"):
        read_sales(path, {"quantity": ["lamb", "beef"]})


def test_numbered_dates(written):
    path = written("week,quantity\n3,1\n1,2\n0,4\n")
    panel = read_sales(path, {"date": "week"}, first_date="2024-01-08", period="week")
    assert (str(panel.dates[0]), panel.period) == ("2024-01-01", "week")
    np.testing.assert_array_equal(panel.quantity.ravel(), [4, 2, 0, 1])
    months = read_sales(path, {"date": "week"}, first_date="2024-01-01", period="month")
    assert months.dates.astype(str).tolist() == ["2023-12-01", "2024-01-01", "2024-02-01", "2024-03-01"]
    with pytest.raises(ValueError, match=r"row 2: week '1.5' is not a whole number"):
        read_sales(written("week,quantity\n1.5,1\n"), {"date": "week"}, first_date="2024-01-08")


def test_revenue_is_no_demand_unless_told(written):
    for header in ("date,store,sales", "date,item,Weekly_Sales", "date,item,Revenue"):
        path = written(f"{header}\n2024-03-01,x,9.5\n")
        with pytest.raises(ValueError, match="looks like revenue, which is money and no demand; revenue=True"):
            read_sales(path)
        assert read_sales(path, revenue=True).unit == "money"
        assert read_sales(path, revenue=False).unit == "units"
    assert read_sales(written("date,item,sales\n2024-03-01,x,9\n")).unit == "units"


def test_months_and_entries_that_are_missing(written):
    path = written("part,2024-03,2024-01\na,1,2\nb,,4\n")
    with pytest.raises(ValueError, match=r"row 3, column 2024-03: quantity '' is not a number \(see missing\)"):
        read_wide(path, {"sku": "part"})
    panel = read_wide(path, {"sku": "part"}, missing="unavailable")
    assert (panel.period, panel.dates.astype(str).tolist()) == ("month", ["2024-01-01", "2024-02-01", "2024-03-01"])
    np.testing.assert_array_equal(panel.quantity[:, 0], [[2, 4], [0, 0], [1, 0]])
    np.testing.assert_array_equal(panel.available[:, 0], [[1, 1], [1, 1], [1, 0]])
    assert read_wide(path, {"sku": "part"}, missing="zero").available.all()
    numbered = read_wide(written("part,t_1,t_13\na,1,2\n"), first_date="2024-01-15", period="month")
    assert numbered.dates[[0, -1]].astype(str).tolist() == ["2024-01-01", "2025-01-01"]
    long = read_sales(written("date,quantity\n2024-01-01,1\n2024-03-01,1\n2024-07-01,1\n"))
    assert (long.period, len(long.dates)) == ("month", 7)
    with pytest.raises(ValueError, match="period 'month' needs all dates to be the first of a month"):
        read_sales(written(LONG), period="month")


def test_the_sheets_of_a_workbook_are_one_table(tmp_path):
    pytest.importorskip("fastexcel", reason="needs the extra excel")
    rows = [line.split(",") for line in LONG.splitlines()]
    path = workbook(tmp_path / "sales.xlsx", a=rows[:2], b=[rows[0], *rows[2:]])
    plain = tmp_path / "sales.csv"
    plain.write_text(LONG)
    np.testing.assert_array_equal(read_sales(path).quantity, read_sales(plain).quantity)


@real
def test_dense_and_sparse_versions_of_the_same_sales_agree():
    dense = read_sales(REAL / "generic_long" / "demand.csv.gz")
    sparse = read_sales(
        REAL / "generic_long" / "sparse_shuffled_no_zeros.csv.gz",
        {"date": "day", "location": "store", "sku": "product_code", "quantity": "qty"},
    )
    assert dense.quantity.shape == (180, 10, 10)
    assert (dense.locations, dense.skus) == (sparse.locations, sparse.skus)
    np.testing.assert_array_equal(dense.quantity, sparse.quantity)
    assert dense.price is not None
    assert dense.promotion is not None


@real
def test_m5_wide_agrees_with_its_tidy_form():
    wide = read_wide(REAL / "m5_180d" / "sales_train_evaluation.csv", first_date="2011-01-29")
    tidy = read_sales(REAL / "m5_180d" / "tidy.parquet")
    assert wide.quantity.shape == (180, 10, 105)
    assert (wide.locations, wide.skus, str(wide.dates[0])) == (tidy.locations, tidy.skus, "2015-11-25")
    np.testing.assert_array_equal(wide.quantity, tidy.quantity)


@real
def test_online_retail_with_returns():
    path = REAL / "online_retail_ii" / "online_retail_II.csv.gz"
    with pytest.raises(ValueError, match="row 39: Quantity '-240' is negative"):
        read_sales(path)
    panel = read_sales(path, {"location": "Country"}, returns="drop")
    rows = pl.read_csv(path, infer_schema=False)
    units = rows.filter(~rows["Price"].str.starts_with("-"))["Quantity"].cast(pl.Int64)
    assert panel.quantity.sum(dtype=float) == units.filter(units > 0).sum()
    assert panel.quantity.shape[0] == 739
    v1 = read_sales(
        REAL / "online_retail_ii" / "OnlineRetail_v1_header.csv.gz", returns="drop", date_format="%m/%d/%Y %H:%M"
    )
    assert str(v1.dates[0]) == "2010-12-01"


@real
def test_other_shapes_of_real_files():
    daily = read_sales(REAL / "complete_journey" / "daily_tidy.parquet")
    journey = read_sales(REAL / "complete_journey" / "transactions.parquet")
    np.testing.assert_array_equal(daily.quantity, journey.quantity)  # one is the other summed by day
    assert journey.quantity.shape[1:] == (20, 200)
    rossmann = read_sales(REAL / "rossmann" / "train_top100.csv.gz", {"promotion": "Promo"}, revenue=True)
    assert not rossmann.available.all()  # the closed days of its column Open
    parts = read_wide(REAL / "spare_parts" / "manufacturing_with_costs.csv.gz")
    assert (parts.period, parts.quantity.shape[0]) == ("week", 150)


@real
def test_genuine_traps_of_other_files():
    # The weekdays that the file gives are those of the day before.
    bakery = REAL / "bakery" / "bakery.csv.gz"
    panel = read_sales(
        bakery, {"promotion": "promotion_currentweek"}, covariates=["temperature", "is_holiday", "is_schoolholiday"]
    )
    assert panel.quantity.shape == (1215, 24, 3)
    assert (str(panel.dates[0]), panel.start_day % 7) == ("2016-01-02", 5)  # a Saturday
    assert pl.read_csv(bakery)["weekday"][0] == "FRI"
    shapes = {name: array.shape[1:] for name, array in panel.covariates.items()}
    assert shapes == {"temperature": (24, 1), "is_holiday": (1, 1), "is_schoolholiday": (24, 1)}

    items = read_sales(REAL / "store_item_demand" / "train.csv.gz")
    assert (items.quantity.shape, items.unit) == ((1826, 5, 25), "units")  # "sales", but of items
    dishes = ["calamari", "fish", "shrimp", "chicken", "koefte", "lamb", "steak"]
    restaurant = read_sales(REAL / "yaz" / "yaz.csv", {"quantity": dishes}, covariates=["is_closed"])
    assert restaurant.quantity[restaurant.covariates["is_closed"].ravel() == 1].sum() == 0

    rossmann = REAL / "rossmann" / "train_top100.csv.gz"
    walmart = REAL / "walmart_weekly"
    for path in (rossmann, walmart / "train_sample.csv.gz", walmart / "Walmart_store_totals.csv"):
        with pytest.raises(ValueError, match="looks like revenue"):
            read_sales(path)
    totals = read_sales(walmart / "Walmart_store_totals.csv", date_format="%d-%m-%Y", revenue=True)
    assert (totals.period, str(totals.dates[0]), totals.unit) == ("week", "2010-02-05", "money")
    sample = walmart / "train_sample.csv.gz"
    with pytest.raises(ValueError, match=r"Weekly_Sales '-.*' is negative"):
        read_sales(sample, {"sku": "Dept"}, revenue=True)
    sampled = read_sales(sample, {"sku": "Dept"}, revenue=True, returns="drop", missing="unavailable")
    assert sampled.available.sum() == 29334 - 80


@real
def test_genuine_parts_by_months_and_weeks():
    cars = read_wide(REAL / "carparts" / "carparts_wide.csv.gz", {"sku": "part"}, missing="unavailable")
    assert (cars.quantity.shape, cars.period) == ((51, 1, 1337), "month")
    assert (~cars.available).sum() == 3008
    assert not cars.available[-1, 0].all()  # all of them at the end of a part's life
    refinery = REAL / "spare_parts" / "oil_refinery_with_stock_params.csv.gz"
    with pytest.raises(ValueError, match=r"column 2001-08: quantity '-\d+.0' is negative"):
        read_wide(refinery, {"sku": "Material"}, missing="unavailable")
    panel = read_wide(refinery, {"sku": "Material"}, missing="unavailable", returns="drop")
    assert panel.dates[[0, -1]].astype(str).tolist() == ["1997-01-01", "2001-08-01"]  # newest first in the file
    for name, shape, period in (("BRAF", (84, 1, 1500), "month"), ("MAN", (150, 1, 696), "week")):
        path = REAL / "spare_parts" / f"{name}_wide.csv.gz"
        assert read_wide(path, first_date="2001-01-01", period=period).quantity.shape == shape
    oranges = read_sales(
        REAL / "dominicks_oj" / "oj_weekly.csv.gz",
        {"date": "week", "sku": "brand", "promotion": "deal"},
        first_date="1989-09-14",
        period="week",
        covariates=["feat"],
    )
    assert (oranges.quantity.shape, str(oranges.dates[0])) == ((121, 42, 11), "1990-06-14")
