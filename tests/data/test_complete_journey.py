"""The three tables of The Complete Journey: days of the chain, coupons, displays and mailers by week, categories."""

import numpy as np
import pytest

from jaxinv.data import load_panel, read_complete_journey
from tests.data.samples import REAL, real, write

TABLES = {
    # The second of January is the Monday of week 2. A line at three in the morning UTC belongs to the evening before.
    "transactions__csv": """household_id,store_id,product_id,quantity,sales_value,week,transaction_timestamp
1,7,101,2,3.0,1,2017-01-01 15:00:00
1,7,101,1,2.0,1,2017-01-02 03:00:00
2,7,102,1,5.0,2,2017-01-02 15:00:00
2,9,101,0,0.0,2,2017-01-02 15:00:00
3,9,101,4,4.0,2,2017-01-04 15:00:00
3,9,103,1,1.0,2,2017-01-04 15:00:00
""",
    "products__csv": "product_id,department,product_category\n101,D,SOUP\n102,D,SOUP\n103,D,\n",
    "promotions__csv": """product_id,store_id,display_location,mailer_location,week
101,7,0,A,1
101,7,7,0,2
101,7,3,0,2
102,7,7,D,2
101,9,0,0,2
103,8,7,D,2
""",
}


def test_days_coupons_prices_and_promotions(tmp_path):
    panel = read_complete_journey(write(tmp_path, **TABLES))
    assert panel.dates[[0, -1]].astype(str).tolist() == ["2017-01-01", "2017-01-04"]
    assert (panel.locations, panel.skus) == (("7", "9"), ("101", "102", "103"))
    np.testing.assert_array_equal(panel.quantity[:, :, 0], [[3, 0], [0, 0], [0, 0], [0, 4]])
    np.testing.assert_allclose(panel.price[0, 0, 0], 5 / 3)
    np.testing.assert_array_equal(panel.available[:, 0, 0], [1, 1, 0, 1])  # the third without any sale
    np.testing.assert_array_equal(panel.promotion[:, 0], [[1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 1, 0]])
    assert not panel.promotion[:, 1].any()
    np.testing.assert_array_equal(panel.covariates["mailer"][:, 0, 0], [1, 0, 0, 0])
    np.testing.assert_array_equal(panel.covariates["display"][:, 0, 0], [0, 1, 1, 1])  # two places, one product


def test_categories_count_their_products(tmp_path):
    panel = read_complete_journey(write(tmp_path, **TABLES), by="product_category", stores=[7])
    assert (panel.locations, panel.skus) == (("7",), ("SOUP",))  # 103 has no category
    np.testing.assert_array_equal(panel.quantity.ravel(), [3, 1, 0, 0])
    np.testing.assert_array_equal(panel.covariates["display"].ravel(), [0, 2, 2, 2])
    assert panel.promotion is None


def test_tables_that_are_not_there(tmp_path):
    write(tmp_path, transactions__csv=TABLES["transactions__csv"])
    panel = read_complete_journey(tmp_path)
    assert panel.promotion is None
    with pytest.raises(FileNotFoundError, match=r"no products.parquet or products.csv in"):
        read_complete_journey(tmp_path, by="department")


@pytest.mark.parametrize(
    ("name", "before", "after", "message"),
    [
        ("transactions__csv", ",2,3.0,", ",two,3.0,", "transactions.csv, row 2: quantity 'two' is not a number from 0"),
        ("transactions__csv", "2017-01-01 15", "noon 15", "row 2: transaction_timestamp 'noon 15:00:00' is not a time"),
        ("promotions__csv", "A,1", "A,first", "promotions.csv, row 2: week 'first' is not a whole number"),
        ("products__csv", "product_category", "category", "products.csv has no column 'product_category'"),
    ],
)
def test_bad_files_are_told(tmp_path, name, before, after, message):
    tables = {**TABLES, name: TABLES[name].replace(before, after, 1)}
    with pytest.raises(ValueError, match=message):
        read_complete_journey(write(tmp_path, **tables), by="product_category")


def test_choices_are_checked(tmp_path):
    write(tmp_path, **TABLES)
    with pytest.raises(ValueError, match=r"by must be one of product_id, .*, got 'brand'"):
        read_complete_journey(tmp_path, by="brand")
    with pytest.raises(ValueError, match="no sale of location '8'"):
        read_complete_journey(tmp_path, stores=[8])


@real
def test_genuine_tables():
    panel = read_complete_journey(REAL / "complete_journey")
    assert panel.quantity.shape == (365, 20, 200)  # by UTC there were 366 days
    assert panel.dates[~panel.available.any((1, 2))].astype(str).tolist() == ["2017-12-25"]
    assert panel.quantity.sum() == 68693
    assert 0.1 < panel.promotion.mean() < 0.3
    # A category all of whose products are in the sample would sell as in the embedded panel; none sells more.
    ours, theirs = (
        read_complete_journey(REAL / "complete_journey", by="product_category"),
        load_panel("complete_journey"),
    )
    stores = [store for store in theirs.locations if store in ours.locations]
    skus = [sku for sku in theirs.skus if sku in ours.skus]
    assert (len(stores), len(skus)) == (11, 43)
    assert (ours.select(stores, skus).quantity <= theirs.select(stores, skus).quantity).all()
