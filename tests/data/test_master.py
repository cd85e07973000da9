"""Master data: the fields as environments name them, in periods; what is refused."""

import numpy as np
import pytest

from jaxinv.data import read_master, read_wide
from jaxinv.env import make
from tests.data.samples import REAL, real, write

MASTER = """SKU,Unit Cost,Lead Time (days),MOQ,holding_cost_per_unit_year,colour
b,2.5,10,,7.3,red
a,1,7,50,3.65,blue
"""


def test_fields_in_the_periods_wanted(tmp_path):
    path = write(tmp_path, master__csv=MASTER) / "master.csv"
    master = read_master(path, period="week")
    assert master.skus == ("b", "a")
    np.testing.assert_array_equal(master.lead_time, [2, 1])  # of ten days, a week and a begun one
    assert master.lead_time.dtype == np.int32
    np.testing.assert_allclose(master.holding_cost, [0.14, 0.07])
    np.testing.assert_array_equal(master.minimum_order, [0, 50])  # empty: none
    assert master.fixed_order_cost is None
    numbers = master.numbers(["a"])
    assert set(numbers) == {"unit_cost", "holding_cost", "lead_time", "minimum_order"}
    np.testing.assert_array_equal(numbers["unit_cost"], [1])
    with pytest.raises(ValueError, match="no SKU 'c'; it has 2"):
        master.numbers(["a", "c"])
    np.testing.assert_array_equal(read_master(path).lead_time, [10, 7])


def test_columns_and_units_that_are_told(tmp_path):
    path = write(tmp_path, master__csv="part,wait,worth,price\nx,30,5,9\n") / "master.csv"
    master = read_master(
        path,
        {"lead_time": "wait", "unit_cost": "worth", "sku": "part"},
        period="month",
        units_of_time={"lead_time": "day"},
    )
    assert (master.lead_time, master.unit_cost, master.price) == (1, 5, 9)
    assert read_master(path, {"sku": "part", "lead_time": "wait", "price": None}).price is None
    with pytest.raises(ValueError, match=r"units_of_time must map lead_time .* got 'price': 'day'"):
        read_master(path, units_of_time={"price": "day"})
    with pytest.raises(ValueError, match="'colour' is no field"):
        read_master(path, {"colour": "part"})
    with pytest.raises(ValueError, match="no column 'lag'"):
        read_master(path, {"sku": "part", "lead_time": "lag"})


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("a,1,", "a,cheap,", "master.csv, row 3: Unit Cost 'cheap' is not a number from 0 on"),
        ("a,1,", "a,-1,", "row 3: Unit Cost '-1' is not a number from 0 on"),
        (",50,", ",many,", "row 3: MOQ 'many' is not a number"),
        ("a,1,7", "a,1,", r"row 3: Lead Time \(days\) '' is not a number"),
        ("a,1", "b,1", "row 3: SKU 'b' stands in a row before"),
        ("a,1", ",1", "row 3: SKU '' is missing"),
        ("colour", "min_order_qty", "'MOQ', 'min_order_qty' could each be the minimum_order"),
        ("SKU", "name", "has no column for sku"),
    ],
)
def test_bad_files_are_told(tmp_path, before, after, message):
    path = write(tmp_path, master__csv=MASTER.replace(before, after, 1)) / "master.csv"
    with pytest.raises(ValueError, match=message):
        read_master(path)


@real
def test_genuine_numbers_become_parameters():
    path = REAL / "spare_parts" / "manufacturing_with_costs.csv.gz"
    master, panel = read_master(path, period="week"), read_wide(path)
    assert (len(master.skus), panel.period) == (1726, "week")
    assert (master.lead_time.min(), master.lead_time.max()) == (7, 16)
    skus = panel.largest(skus=5).skus
    env, _ = make("MultiSku-v0", num_skus=5, max_lead_time=16)
    params = env.make_params(stockout_cost=10.0, **master.numbers(skus))
    place = [master.skus.index(sku) for sku in skus]
    np.testing.assert_array_equal(params.lead_time[0, 0], master.lead_time[place])
    np.testing.assert_array_equal(params.minimum_order, master.minimum_order[place])
    np.testing.assert_allclose(params.holding_cost[0], 0.2 * params.unit_cost[0] * 7 / 365, rtol=1e-5)  # 20 % a year
    refinery = read_master(
        REAL / "spare_parts" / "oil_refinery_with_stock_params.csv.gz",
        {"sku": "Material", "unit_cost": "Price", "price": None},
        period="month",
        units_of_time={"lead_time": "day"},
    )
    assert (refinery.skus[0], refinery.lead_time[0], round(float(refinery.unit_cost[0]), 2)) == ("7500", 2, 22.58)
