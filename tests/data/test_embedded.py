"""The embedded panels are what their README says."""

from importlib.resources import files

import numpy as np
import pytest

from jaxinv.data import PANELS, load_panel


@pytest.fixture(scope="module", params=PANELS)
def panel(request):
    return load_panel(request.param)


def test_complete_journey():
    p = load_panel("complete_journey")
    assert p.quantity.shape == (365, 20, 60)
    assert (str(p.dates[0]), str(p.dates[-1])) == ("2017-01-01", "2017-12-31")
    assert p.quantity.sum(dtype=float) == 404_684
    assert (p.locations[0], p.skus[0]) == ("367", "SOFT DRINKS")
    assert not {"COUPON/MISC ITEMS", "FUEL"} & set(p.skus)
    christmas = p.dates == np.datetime64("2017-12-25")
    assert not p.available[christmas].any()
    closed = ~p.available.any(2)
    assert closed.sum(0).tolist() == [11] + [1] * 19
    # Promotions are decided by the week, Monday to Sunday, for all stores.
    weeks = p.promotion[1:365].reshape(52, 7, 20, 60)
    assert (weeks == weeks[:, :1, :1]).all()
    assert 0.2 < p.promotion.mean() < 0.3


def test_online_retail():
    p = load_panel("online_retail")
    assert p.quantity.shape == (739, 1, 200)
    assert (str(p.dates[0]), str(p.dates[-1])) == ("2009-12-01", "2011-12-09")
    assert p.quantity.sum(dtype=float) == 2_649_438
    assert p.promotion is None
    assert all(len(sku) <= 7 and sku[:5].isdigit() and sku == sku.upper() for sku in p.skus)
    is_open = p.available[:, 0].all(1)
    assert is_open.sum() == 604
    weekday = (p.start_day + np.arange(739)) % 7
    assert is_open[weekday == 5].sum() == 1  # of 106 Saturdays
    # The nine days that stand on both sheets of the workbook, counted once, sell no more than the nine before.
    assert p.quantity[365:374].sum() < p.quantity[356:365].sum()
    # Every SKU is sold in every month.
    month = p.dates.astype("datetime64[M]")
    assert min((p.quantity[month == m].sum(0) > 0).mean() for m in np.unique(month)) == 1.0


def test_values_are_sound(panel):
    assert panel.price.min() > 0  # and none unknown: NaN would fail the comparison
    assert (panel.quantity[~panel.available] == 0).all()
    assert (panel.quantity == np.round(panel.quantity)).all()
    assert (np.diff(panel.quantity.sum((0, 1), dtype=float)) <= 0).all()  # largest SKU first


def test_attribution_is_beside_the_files():
    folder = files("jaxinv.data").joinpath("panels")
    text = folder.joinpath("README.md").read_text()
    for phrase in ("CC0", "CC BY 4.0", "Chen (2012)", "10.24432/C5CG6D", "id 502", "changed"):
        assert phrase in text
    for name in PANELS:
        assert len(folder.joinpath(f"{name}.npz").read_bytes()) < 2**20


def test_unknown_panel():
    with pytest.raises(ValueError, match="no embedded panel 'm5'; there are complete_journey, online_retail"):
        load_panel("m5")
