import datetime
import subprocess
import sys

import numpy as np
import pytest

from jaxinv.data import DemandPanel


def panel(days=20, start="2017-01-05", **changes):  # a Thursday
    rng = np.random.default_rng(0)
    shape = (days, 2, 3)
    fields = {
        "quantity": rng.poisson(3.0, shape),
        "dates": np.datetime64(start) + np.arange(days),
        "locations": ("north", "south"),
        "skus": ("a", "b", "c"),
        "price": rng.uniform(1, 2, shape),
        "promotion": rng.random(shape) < 0.2,
        "available": rng.random(shape) < 0.9,
        "stocked_out": rng.random(shape) < 0.1,
    }
    return DemandPanel(**{**fields, **changes})


def test_arrays_are_typed_and_availability_is_full_by_default():
    p = panel(available=None, price=None)
    assert (p.quantity.dtype, p.dates.dtype, p.promotion.dtype) == (np.float32, "datetime64[D]", bool)
    assert p.available.all()
    assert p.available.shape == p.quantity.shape
    assert repr(p).startswith("DemandPanel(20 days 2017-01-05..2017-01-24, 2 locations, 3 SKUs")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantity": np.zeros((20, 3))}, "quantity must be"),
        ({"quantity": -np.ones((20, 2, 3))}, "not negative"),
        ({"quantity": np.full((20, 2, 3), np.nan)}, "finite"),
        ({"locations": ("north",)}, "locations must be 2"),
        ({"skus": ("a", "b", "a")}, "skus must differ"),
        ({"price": np.ones((20, 2))}, "price must have shape"),
        ({"price": -np.ones((20, 2, 3))}, "price must be finite"),
        ({"available": np.ones((19, 2, 3))}, "available must have shape"),
        ({"stocked_out": np.ones((20, 2))}, "stocked_out must have shape"),
        ({"dates": np.datetime64("2017-01-05") + 2 * np.arange(20)}, "2017-01-07 follows 2017-01-05"),
        ({"period": "year"}, "'year'"),
        ({"period": "month"}, "first of each month, got 2017-01-05"),
        ({"unit": "kilos"}, "unit must be one of 'units', 'money', got 'kilos'"),
        ({"covariates": {"rain": np.zeros(19)}}, r"covariates\['rain'\] must be \[T\], .* got \(19,\)"),
        ({"covariates": {"rain": np.zeros((20, 3))}}, r"covariates\['rain'\] .* got \(20, 3\)"),
        ({"covariates": {"rain": np.full(20, np.inf)}}, r"covariates\['rain'\] must be finite"),
        ({"period": "week"}, "one week apart"),
    ],
)
def test_what_does_not_fit_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        panel(**changes)


def test_start_day_is_the_calendar_of_the_demand_processes():
    p = panel()
    assert datetime.date.fromordinal(p.start_day + 1) == datetime.date(2017, 1, 5)
    assert p.start_day % 7 == 3  # Thursday, Monday being 0
    assert panel(days=20, start="2017-01-02").to_weeks().start_day * 7 == panel(start="2017-01-02").start_day


def test_split_leaves_nothing_out_and_shares_nothing():
    p = panel()
    before, after = p.split("2017-01-15")
    assert (str(before.dates[-1]), str(after.dates[0])) == ("2017-01-14", "2017-01-15")
    for name in ("quantity", "price", "promotion", "available", "stocked_out", "dates"):
        np.testing.assert_array_equal(np.concatenate([getattr(before, name), getattr(after, name)]), getattr(p, name))
    for date in ("2017-01-05", "2017-01-25"):
        with pytest.raises(ValueError, match="no dates"):
            p.split(date)
    with pytest.raises(ValueError, match="like 2017-09-28"):
        p.split("15.1.2017")


def test_between_includes_its_start_and_not_its_end():
    part = panel().between("2017-01-10", datetime.date(2017, 1, 12))
    assert part.dates.astype(str).tolist() == ["2017-01-10", "2017-01-11"]


def test_select_by_name_and_index_in_the_order_given():
    p = panel()
    part = p.select(locations=["south"], skus=["c", 0])
    assert (part.locations, part.skus) == (("south",), ("c", "a"))
    for name in ("quantity", "price", "promotion", "available", "stocked_out"):
        np.testing.assert_array_equal(getattr(part, name), getattr(p, name)[:, 1:][:, :, [2, 0]])
    with pytest.raises(ValueError, match="no SKU 'd'; there are 3: a, b, c"):
        p.select(skus=["d"])
    with pytest.raises(ValueError, match="no location 2"):
        p.select(locations=[2])


def test_largest_takes_the_skus_that_sell_most_in_the_locations_taken():
    quantity = np.zeros((20, 2, 3))
    quantity[:, 0] = [1, 2, 9]
    quantity[:, 1] = [8, 7, 1]  # the larger location, where SKU c sells least
    part = panel(quantity=quantity).largest(locations=1, skus=2)
    assert (part.locations, part.skus) == (("south",), ("a", "b"))
    with pytest.raises(ValueError, match=r"skus must be in 1\.\.3"):
        panel().largest(skus=4)


def test_weeks_are_whole_monday_to_sunday():
    p = panel()  # Thursday 5 to Tuesday 24: two whole weeks, from 9 January
    weeks = p.to_weeks()
    assert weeks.period == "week"
    assert weeks.dates.astype(str).tolist() == ["2017-01-09", "2017-01-16"]
    for i, rows in enumerate((slice(4, 11), slice(11, 18))):
        units = p.quantity[rows]
        np.testing.assert_allclose(weeks.quantity[i], units.sum(0))
        price = (p.price[rows] * units).sum(0) / units.sum(0)
        np.testing.assert_allclose(weeks.price[i], price, rtol=1e-5)  # float32, and the weight of unsold days
        np.testing.assert_array_equal(weeks.promotion[i], p.promotion[rows].any(0))
        np.testing.assert_array_equal(weeks.available[i], p.available[rows].any(0))
        np.testing.assert_array_equal(weeks.stocked_out[i], p.stocked_out[rows].any(0))
    assert weeks.to_weeks() is weeks
    with pytest.raises(ValueError, match="no whole week"):
        p.between("2017-01-05", "2017-01-15").to_weeks()


def test_weekly_price_without_sales_is_the_plain_mean_of_the_known():
    price = np.full((7, 1, 1), np.nan)
    price[:2, 0, 0] = [1.0, 3.0]
    kwargs = {"quantity": np.zeros((7, 1, 1)), "dates": np.datetime64("2017-01-02") + np.arange(7)}
    week = DemandPanel(**kwargs, locations=("x",), skus=("y",), price=price).to_weeks()
    np.testing.assert_allclose(week.price, 2.0, rtol=1e-6)


def test_covariates_follow_whatever_is_done_to_the_panel():
    rng = np.random.default_rng(1)
    given = {"day": rng.random(20), "place": rng.random((20, 2)), "cell": rng.random((20, 2, 3))}
    given["item"] = rng.random((20, 1, 3))
    p = panel(covariates=given)
    shapes = {name: array.shape for name, array in p.covariates.items()}
    assert shapes == {"day": (20, 1, 1), "place": (20, 2, 1), "cell": (20, 2, 3), "item": (20, 1, 3)}
    full = {name: np.broadcast_to(array, p.quantity.shape) for name, array in p.covariates.items()}
    assert "day, place, cell, item" in repr(p)

    part = p.between("2017-01-10", "2017-01-12").select(["south"], ["c", "a"])
    for name, array in part.covariates.items():
        np.testing.assert_array_equal(np.broadcast_to(array, (2, 1, 2)), full[name][5:7, 1:][:, :, [2, 0]])
    largest = p.largest(skus=1)
    k = p.skus.index(largest.skus[0])
    np.testing.assert_array_equal(largest.covariates["item"], p.covariates["item"][:, :, [k]])
    weeks = p.to_weeks()
    assert weeks.covariates["day"].shape == (2, 1, 1)
    np.testing.assert_allclose(weeks.covariates["cell"][0], full["cell"][4:11].mean(0), rtol=1e-6)
    holes = panel(covariates={"rain": np.where(np.arange(20) < 11, np.nan, 3.0)}).to_weeks()
    np.testing.assert_array_equal(holes.covariates["rain"].ravel(), [np.nan, 3.0])


def test_months():
    dates = np.arange("2016-11", "2017-03", dtype="datetime64[M]")
    months = panel(4, dates=dates, period="month")
    assert months.dates.astype(str).tolist() == ["2016-11-01", "2016-12-01", "2017-01-01", "2017-02-01"]
    assert months.start_day == 12 * 2015 + 10  # months from January of the year 1
    assert len(months.split("2017-01-01")[1].dates) == 2
    with pytest.raises(ValueError, match="months are not made of weeks"):
        months.to_weeks()
    with pytest.raises(ValueError, match="one month apart, but 2017-02-01 follows 2016-12-01"):
        panel(3, dates=dates[[0, 1, 3]], period="month")


def test_importing_the_package_loads_no_file_library():
    code = "import sys, jaxinv.data; assert not {'polars', 'pandas', 'pyarrow', 'scipy.stats'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
