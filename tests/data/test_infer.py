"""What is inferred of files, and that it is said."""

import gzip

import pytest

from jaxinv.data import infer_columns, read_m5, read_sales, read_wide
from tests.data.samples import REAL, real, write


def infer(folder, text, name="sales.csv", **options):
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return infer_columns(path, **options)


def test_columns_by_name_and_by_what_they_hold(tmp_path):
    text = "Region;When;Brand;Amount;Deal;temp\nn;3.1.2024;x;5;1;2\nn;14.1.2024;y;-1;0;3\n"
    found = infer(tmp_path, text, "sales.csv.gz")
    assert found.options == {
        "separator": ";",
        "date_format": "%d.%m.%Y",
        "returns": "drop",
        "columns": {"date": "When", "location": "Region", "sku": "Brand", "quantity": "Amount", "promotion": "Deal"},
    }
    told = str(found)
    for part in (
        "separator ';'",
        "date: 'When', by its entries",
        "quantity: 'Amount', by name",
        "dates are of the form %d.%m.%Y, as 3.1.2024",
        "1 rows are negative: returns, left out",
        "left alone: 'temp', which could be covariates",
        "read_sales('sales.csv.gz', separator=';'",
    ):
        assert part in told
    panel = found.read(covariates=["temp"])
    assert panel.quantity.sum() == 5
    assert "temp" in panel.covariates


def test_of_several_columns_the_first_is_taken_and_the_others_named(tmp_path):
    found = infer(tmp_path, "date,units,sales,item\n2024-01-01,1,9.5,a\n")
    assert found.options["columns"]["quantity"] == "units"
    assert "quantity: 'units', by name; or 'sales'" in str(found)
    other = infer(tmp_path, "date,units,sales,item\n2024-01-01,1,9.5,a\n", columns={"quantity": "sales"})
    assert other.read().quantity.sum() == 9.5
    assert "quantity: 'sales', as told" in str(other)


def test_dates_that_can_be_read_in_two_ways_are_not_guessed(tmp_path):
    text = "date,quantity\n3/4/2024,1\n5/6/2024,1\n"
    with pytest.raises(ValueError, match=r"dates like 3/4/2024 could be %m/%d/%Y or %d/%m/%Y; say date_format"):
        infer(tmp_path, text)
    assert str(infer(tmp_path, text, date_format="%d/%m/%Y").read().dates[0]) == "2024-04-03"
    assert infer(tmp_path, text.replace("5/6", "5/26")).options["date_format"] == "%m/%d/%Y"
    with pytest.raises(ValueError, match="dates like 'May' are of no known form"):
        infer(tmp_path, "date,quantity\nMay,1\n")


def test_a_column_per_period(tmp_path):
    months = infer(tmp_path, "code,price,2024-01,2024-02,2024-03\na,1,2,,4\nb,1,-1,1,1\n")
    assert months.reader is read_wide
    assert months.options == {"columns": {"sku": "code"}, "missing": "unavailable", "returns": "drop"}
    assert months.read().period == "month"
    assert "sku: 'code', whose entries all differ" in str(months)
    numbered = infer(tmp_path, "sku,t_1,t_2,t_3\na,1,2,3\n")
    assert numbered.needs == ("first_date", "period")
    assert "first_date=..., period=..." in str(numbered)
    with pytest.raises(ValueError, match="does not tell 'period'"):
        numbered.read(first_date="2024-01-01")
    assert len(numbered.read(first_date="2024-01-01", period="month").dates) == 3
    with pytest.raises(ValueError, match="read_wide has no argument 'revenue'"):
        numbered.read(first_date="2024-01-01", period="month", revenue=True)
    features = infer(tmp_path, "date,quantity,lag_1,lag_2,lag_3\n2024-01-01,1,2,3,4\n")
    assert features.reader is read_sales


def test_what_cannot_be_inferred_is_told(tmp_path):
    with pytest.raises(ValueError, match="no column could be the quantity; a column per SKU is told as a list"):
        infer(tmp_path, "date,fish,lamb\n2024-01-01,1,2\n")
    with pytest.raises(ValueError, match="no column could be the date, and none is headed by one"):
        infer(tmp_path, "item,quantity\na,1\n")
    with pytest.raises(ValueError, match="has no rows"):
        infer(tmp_path, "date,quantity\n")
    with pytest.raises(ValueError, match="holds none of the data sets"):
        infer_columns(tmp_path)
    with pytest.raises(FileNotFoundError):
        infer_columns(tmp_path / "none.csv")


def test_revenue_is_said_and_refused(tmp_path):
    found = infer(tmp_path, "Date,Store,Sales\n2024-01-01,1,2.5\n")
    assert "'Sales' looks like revenue" in str(found)
    with pytest.raises(ValueError, match="revenue=True"):
        found.read()
    assert found.read(revenue=True).unit == "money"


def test_public_folders(tmp_path):
    write(tmp_path, calendar__csv="", sell_prices__csv="", sales_train_evaluation__csv="id")
    assert infer_columns(tmp_path).reader is read_m5
    assert infer_columns(tmp_path / "sales_train_evaluation.csv").options == {"sales": "evaluation"}


READ = {  # every genuine sample: shape of its panel, what it needs or why it is refused
    "bakery/bakery.csv.gz": (1215, 24, 3),
    "carparts/carparts_wide.csv.gz": (51, 1, 1337),
    "complete_journey": (365, 20, 200),
    "dominicks_oj/oj_weekly.csv.gz": "does not tell 'first_date', 'period'",
    "favorita_item_level": (27, 46, 8),
    "favorita_store_sales/train.csv.gz": (7, 54, 33),
    "favorita_weekly/weekly_tidy.parquet": "does not tell 'first_date', 'period'",
    "generic_long/demand.csv.gz": (180, 10, 10),
    "generic_long/sparse_shuffled_no_zeros.csv.gz": (180, 10, 10),
    "m5_180d": (180, 10, 105),
    "m5_508d/tidy.parquet": (508, 4, 104),
    "online_retail_ii/online_retail_II.csv.gz": (739, 1, 240),
    "rossmann/train_top100.csv.gz": "looks like revenue",
    "spare_parts/BRAF_wide.csv.gz": "does not tell 'first_date', 'period'",
    "spare_parts/manufacturing_with_costs.csv.gz": (150, 1, 1726),
    "spare_parts/oil_refinery_with_stock_params.csv.gz": (56, 1, 2000),
    "stallion/stallion.parquet": (60, 29, 19),
    "store_item_demand/train.csv.gz": (1826, 5, 25),
    "ta_feng/ta_feng.csv.gz": (120, 1, 400),
    "walmart_weekly/Walmart_store_totals.csv": "looks like revenue",
    "walmart_weekly/train_sample.csv.gz": "looks like revenue",
    "yaz/yaz.csv": "no column could be the quantity",
}


@real
@pytest.mark.parametrize("name", READ)
def test_genuine_samples_are_read_or_refused_for_the_right_reason(name):
    if isinstance(READ[name], tuple):
        assert infer_columns(REAL / name).read().quantity.shape == READ[name]
    else:
        with pytest.raises(ValueError, match=READ[name]):
            infer_columns(REAL / name).read()


@real
def test_inferred_options_are_those_of_the_reader():
    path = REAL / "generic_long" / "sparse_shuffled_no_zeros.csv.gz"
    found = infer_columns(path)
    assert found.reader is read_sales
    assert (found.read().quantity == read_sales(path, **found.options).quantity).all()
