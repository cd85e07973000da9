"""The files of M5: what is on sale, which days and series are read, what the calendar tells, what is refused."""

import numpy as np
import pytest

from jaxinv.data import read_m5, read_sales
from tests.data.samples import REAL, real, write

CALENDAR = """date,wm_yr_wk,weekday,wday,month,year,d,event_name_1,event_type_1,event_name_2,event_type_2,snap_CA,\
snap_TX
2015-12-24,11547,Thursday,6,12,2015,d_5,,,,,1,0
2015-12-25,11547,Friday,7,12,2015,d_6,Christmas,National,,,0,0
2015-12-26,11548,Saturday,1,12,2015,d_7,,,,,0,1
2015-12-27,11548,Sunday,2,12,2015,d_8,Feast,Religious,Game,Sporting,0,0
2015-12-28,11548,Monday,3,12,2015,d_9,,,,,0,0
"""
SALES = """id,item_id,dept_id,cat_id,store_id,state_id,d_5,d_6,d_7,d_8
a_CA_1_evaluation,a,x,X,CA_1,CA,3,0,1,0
b_CA_1_evaluation,b,x,X,CA_1,CA,0,0,2,5
a_TX_1_evaluation,a,x,X,TX_1,TX,1,1,0,0
"""
PRICES = """store_id,item_id,wm_yr_wk,sell_price
CA_1,a,11547,2.5
CA_1,a,11548,3.0
CA_1,b,11548,1.0
TX_1,a,11547,2.0
CA_1,c,11547,9.0
"""


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path, calendar__csv=CALENDAR, sell_prices__csv=PRICES, sales_train_evaluation__csv=SALES)


def test_no_price_means_not_on_sale(folder):
    panel = read_m5(folder)
    assert panel.dates.astype(str).tolist() == ["2015-12-24", "2015-12-25", "2015-12-26", "2015-12-27"]
    assert (panel.locations, panel.skus) == (("CA_1", "TX_1"), ("a", "b"))
    np.testing.assert_array_equal(panel.quantity[:, 0], [[3, 0], [0, 0], [1, 2], [0, 5]])
    # b has its first price in the second week; a has none in Texas then; nobody has b in Texas.
    np.testing.assert_array_equal(panel.available[[0, 2, 3], 0], [[1, 0], [1, 1], [1, 1]])
    np.testing.assert_array_equal(panel.available[:, 1], [[1, 0], [1, 0], [0, 0], [0, 0]])
    np.testing.assert_array_equal(panel.price[:, 0, 0], [2.5, 2.5, 3, 3])
    np.testing.assert_array_equal(panel.price[:, 1, 0], [2, 2, 2, 2])  # the last one is kept
    assert np.isnan(panel.price[:, 1, 1]).all()


def test_stores_are_shut_on_christmas_unless_they_sold(folder):
    panel = read_m5(folder)
    np.testing.assert_array_equal(panel.available[1], [[False, False], [True, False]])


def test_events_and_food_stamps_of_the_state(folder):
    known = read_m5(folder, event_names=True).covariates
    np.testing.assert_array_equal(known["snap"][..., 0], [[1, 0], [0, 0], [0, 1], [0, 0]])
    assert known["event_national"].shape == (4, 1, 1)
    np.testing.assert_array_equal(known["event_national"].ravel(), [0, 1, 0, 0])
    np.testing.assert_array_equal(known["event_sporting"].ravel(), [0, 0, 0, 1])  # the second event of a day
    np.testing.assert_array_equal(known["event_Game"].ravel(), [0, 0, 0, 1])
    assert "event_Game" not in read_m5(folder).covariates


def test_chosen_stores_items_and_days(folder):
    panel = read_m5(folder, stores=["CA_1"], items=["b"], start="2015-12-25", end="2015-12-27")
    assert (panel.locations, panel.skus) == (("CA_1",), ("b",))
    np.testing.assert_array_equal(panel.quantity.ravel(), [0, 2])
    with pytest.raises(ValueError, match="column store_id has no 'WI_9'"):
        read_m5(folder, stores=["CA_1", "WI_9"])
    with pytest.raises(ValueError, match="no day column from 2016-01-01"):
        read_m5(folder, start="2016-01-01")


@pytest.mark.parametrize(
    ("name", "before", "after", "message"),
    [
        ("sales_train_evaluation.csv", "CA,3,", "CA,many,", "evaluation.csv, row 2, column d_5: quantity 'many'"),
        ("sales_train_evaluation.csv", "CA,3,", "CA,-3,", "row 2, column d_5: quantity '-3' is negative"),
        ("sales_train_evaluation.csv", "d_8", "d_88", "columns 'd_88' have no row in .*calendar.csv"),
        ("sales_train_evaluation.csv", "d_7", "x_7", "day columns must follow one another"),
        ("sell_prices.csv", "11548,3.0", "11548,free", "sell_prices.csv, row 3: sell_price 'free' is not a number"),
        ("sell_prices.csv", "sell_price", "cost", "sell_prices.csv has no column 'sell_price'"),
        ("calendar.csv", "2015-12-25", "25.12.2015", "calendar.csv, row 3: date '25.12.2015' is not an ISO date"),
        ("calendar.csv", "snap_TX", "snap", "calendar.csv has no column 'snap_TX'"),
    ],
)
def test_bad_files_are_told_with_row_and_column(folder, name, before, after, message):
    path = folder / name
    path.write_text(path.read_text().replace(before, after, 1))
    with pytest.raises(ValueError, match=message):
        read_m5(folder)


def test_files_that_are_not_there(folder):
    with pytest.raises(FileNotFoundError, match=r"no sales_train_validation.csv in"):
        read_m5(folder, sales="validation")
    (folder / "sell_prices.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"no sell_prices.csv in"):
        read_m5(folder)


@real
@pytest.mark.parametrize(("name", "unlisted"), [("m5_long1941", 0.065), ("m5_180d", 0.0)])
def test_genuine_files_agree_with_their_tidy_form(name, unlisted):
    panel = read_m5(REAL / name)
    tidy = read_sales(REAL / name / "tidy.parquet", covariates=["snap"])
    assert (panel.locations, panel.skus) == (tidy.locations, tidy.skus)
    for field in ("dates", "quantity", "price"):
        np.testing.assert_array_equal(getattr(panel, field), getattr(tidy, field))
    np.testing.assert_array_equal(panel.covariates["snap"], tidy.covariates["snap"])
    # Weeks without a price, of series that are in the file; nothing was sold in them.
    open_days = panel.available.any((1, 2))
    listed = tidy.available & open_days[:, None, None]
    assert abs((~panel.available[listed]).mean() - unlisted) < 0.001
    assert panel.quantity[~panel.available].sum() == 0
    christmas = np.char.endswith(panel.dates.astype(str), "12-25")
    assert christmas.any()
    assert not panel.available[christmas].any()


@real
def test_the_validation_file_ends_four_weeks_earlier():
    late, early = (read_m5(REAL / "m5_long1941", sales=kind) for kind in ("evaluation", "validation"))
    assert (len(late.dates), len(early.dates)) == (1941, 1913)
    np.testing.assert_array_equal(late.quantity[:1913], early.quantity)
    assert str(read_m5(REAL / "m5_180d").dates[0]) == "2015-11-25"  # its columns begin at d_1762
