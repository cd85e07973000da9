"""The files of Favorita: fractions, absent zeros, returns, shut stores, moved holidays, both forms of dates."""

import numpy as np
import pytest

from jaxinv.data import read_favorita
from tests.data.samples import REAL, real, write

BY_ITEM = """id,date,store_nbr,item_nbr,unit_sales,onpromotion
1,2017-01-01,1,10,2.5,False
2,2017-01-01,2,10,1,
3,2017-01-03,1,10,-4,True
4,2017-01-04,1,20,3,True
"""
OTHERS = {
    "stores__csv": "store_nbr,city,state,type,cluster\n1,Quito,Pichincha,D,13\n2,Manta,Manabi,D,13\n",
    "transactions__csv": "date,store_nbr,transactions\n2017-01-01,1,9\n2017-01-02,1,9\n2017-01-04,1,9\n",
    "oil__csv": "date,dcoilwtico\n2017-01-01,\n2017-01-02,52.5\n2017-01-03,\n2017-01-04,50\n",
    "holidays_events__csv": """date,type,locale,locale_name,description,transferred
1/1/17,Holiday,National,Ecuador,x,True
2017-01-02,Transfer,National,Ecuador,x,False
1/3/17,Holiday,Local,Manta,x,False
1/3/17,Event,National,Ecuador,x,False
1/4/17,Holiday,Regional,Pichincha,x,False
1/4/17,Work Day,National,Ecuador,x,False
""",
}


def test_fractions_absent_zeros_and_returns(tmp_path):
    panel = read_favorita(write(tmp_path, train__csv=BY_ITEM))
    np.testing.assert_array_equal(panel.quantity[:, 0, 0], [2.5, 0, 0, 0])
    np.testing.assert_array_equal(panel.promotion[:, 0, 1], [0, 0, 0, 1])
    np.testing.assert_array_equal(panel.available.all(0), [[True, True], [True, False]])
    with pytest.raises(ValueError, match=r"train.csv, row 4: unit_sales '-4' is negative"):
        read_favorita(tmp_path, returns="error")
    assert panel.covariates == {}


def test_dates_are_those_of_the_file_whatever_is_chosen(tmp_path):
    panel = read_favorita(write(tmp_path, train__csv=BY_ITEM), stores=[1], items=[20])
    np.testing.assert_array_equal(panel.quantity.ravel(), [0, 0, 0, 3])
    assert len(read_favorita(tmp_path, start="2017-01-03", end="2017-01-05", items=["20"]).dates) == 2
    with pytest.raises(ValueError, match="column item_nbr has no '30'"):
        read_favorita(tmp_path, items=[20, 30])
    with pytest.raises(ValueError, match="no row of these stores"):
        read_favorita(tmp_path, start="2018-01-01")


def test_shut_stores_holidays_and_oil(tmp_path):
    panel = read_favorita(write(tmp_path, train__csv=BY_ITEM, **OTHERS))
    np.testing.assert_array_equal(panel.available[:, 0, 0], [1, 1, 0, 1])  # no transaction on the third
    assert panel.available[:, 1, 0].all()  # a store of which transactions tell nothing
    known = panel.covariates
    # The moved holiday is on the day it was moved to; local ones are of a city, regional ones of a state.
    np.testing.assert_array_equal(known["holiday"][..., 0], [[0, 0], [1, 1], [0, 1], [1, 0]])
    np.testing.assert_array_equal(known["event"].ravel(), [0, 0, 1, 0])
    np.testing.assert_array_equal(known["work_day"].ravel(), [0, 0, 0, 1])
    np.testing.assert_array_equal(known["oil_price"].ravel(), [np.nan, 52.5, 52.5, 50])


def test_sales_by_family_count_promoted_items(tmp_path):
    text = "id,date,store_nbr,family,sales,onpromotion\n1,2017-01-01,1,EGGS,2.125,3\n2,2017-01-02,1,EGGS,0.0,0\n"
    panel = read_favorita(write(tmp_path, train__csv=text))
    assert panel.skus == ("EGGS",)
    np.testing.assert_array_equal(panel.promotion.ravel(), [True, False])
    np.testing.assert_array_equal(panel.covariates["onpromotion"].ravel(), [3, 0])
    np.testing.assert_array_equal(panel.quantity.ravel(), [2.125, 0])


@pytest.mark.parametrize(
    ("name", "before", "after", "message"),
    [
        ("train__csv", ",2.5,", ",some,", r"train.csv, row 2: unit_sales 'some' is not a number"),
        ("holidays_events__csv", "1/3/17", "3rd", r"holidays_events.csv, row 4: date '3rd' is not a date"),
        ("stores__csv", "\n2,Manta", "\n3,Manta", r"stores.csv: column store_nbr has no '2'"),
        ("oil__csv", "dcoilwtico", "oil", r"oil.csv has no column 'dcoilwtico'"),
    ],
)
def test_bad_files_are_told(tmp_path, name, before, after, message):
    files = {"train__csv": BY_ITEM, **OTHERS}
    files[name] = files[name].replace(before, after, 1)
    with pytest.raises(ValueError, match=message):
        read_favorita(write(tmp_path, **files))


@real
def test_genuine_files():
    panel = read_favorita(REAL / "favorita_item_level")
    assert panel.quantity.shape == (27, 46, 8)
    assert panel.quantity.sum() == 28594
    # On New Year one store was open; transactions tell of half the stores.
    known = [store for store in panel.locations if int(store) <= 27]
    assert panel.select(known).available[0].any(1).sum() == 1
    assert not panel.promotion.any()  # not recorded in 2013
    np.testing.assert_array_equal(panel.covariates["holiday"][..., 0].all(1), [True] + 26 * [False])
    families = read_favorita(REAL / "favorita_store_sales")
    assert families.quantity.shape == (7, 54, 33)
    assert (families.quantity % 1 > 0).any()
    assert families.promotion.any()
