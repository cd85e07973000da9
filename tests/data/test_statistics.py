"""Statistics of a panel, on series whose values are known."""

import numpy as np
import pytest

from jaxinv.data import DemandPanel, panel_statistics


def panel(quantity, **fields):
    quantity = np.asarray(quantity, float)
    quantity = quantity.reshape(len(quantity), 1, -1)
    return DemandPanel(
        **{
            "quantity": quantity,
            "dates": np.datetime64("2024-01-01") + np.arange(len(quantity)),  # a Monday
            "locations": ("x",),
            "skus": tuple(map(str, range(quantity.shape[2]))),
            **fields,
        }
    )


def test_classes_by_how_often_and_how_much():
    often, seldom = np.ones(40), np.tile([0, 0, 0, 1], 10)
    wild = np.tile([1, 1, 1, 1, 1, 1, 1, 12], 5)
    lumpy = np.zeros(40)
    lumpy[3::4] = [1, 1, 1, 1, 12, 1, 1, 1, 1, 12]
    found = panel_statistics(panel(np.stack([often, wild, seldom, lumpy, 0 * often], 1)))
    assert found.demand_class[0].tolist() == ["smooth", "erratic", "intermittent", "lumpy", "never sold"]
    np.testing.assert_allclose(found.interval[0, :4], [1, 1, 4, 4])
    np.testing.assert_allclose(found.zero_share[0], [0, 0, 0.75, 0.75, 1])
    np.testing.assert_allclose(found.dispersion[0, 2], 0.75)  # of a Bernoulli variable of mean 1/4
    sizes = wild
    np.testing.assert_allclose(found.size_cv2[0, 1], sizes.var() / sizes.mean() ** 2)


def test_only_what_is_available_counts():
    available = np.ones((14, 1, 2), bool)
    available[7:, 0, 0] = False
    available[3] = False
    found = panel_statistics(panel(np.full((14, 2), 2.0), available=available))
    np.testing.assert_allclose(found.mean, 2)
    assert np.flatnonzero(found.closed).tolist() == [3]
    np.testing.assert_allclose(found.weekly, 1.0)  # though fewer series are on sale in the second week


def test_weekly_and_yearly_profiles():
    day = np.arange(2 * 364)
    quantity = np.where(day % 7 == 5, 4.0, 1.0)
    found = panel_statistics(panel(quantity))
    np.testing.assert_allclose(found.weekly, np.where(np.arange(7) == 5, 4, 1) * 7 / 10)
    assert found.yearly.shape == (12,)
    short = panel_statistics(panel(np.ones(60)))
    assert short.yearly is None
    months = panel(np.tile(np.arange(1.0, 13), 2), dates=np.arange("2020-01", "2022-01", dtype="M8[M]"), period="month")
    np.testing.assert_allclose(panel_statistics(months).yearly, np.arange(1, 13) / 6.5)
    assert panel_statistics(months).weekly is None


def test_promotion_and_price_effects_are_those_within_series():
    rng = np.random.default_rng(0)
    promotion = rng.random((400, 1, 2)) < 0.3
    promotion[:, 0, 1] = rng.random(400) < 0.9  # the series that sells more is promoted more
    level = np.array([1.0, 50.0]) * np.where(promotion, 1.5, 1.0)
    assert panel_statistics(panel(level, promotion=promotion)).promotion_lift == pytest.approx(1.5)
    price = np.array([1.0, 10.0]) * np.exp(rng.normal(0, 0.05, (400, 1, 2)))
    quantity = rng.poisson(np.array([20.0, 30.0]) * (price / [1.0, 10.0]) ** -2.0)
    found = panel_statistics(panel(quantity, price=price))
    # Poisson errors around 25 over 800 days with prices that vary by 5 %: 0.14.
    assert found.price_elasticity == pytest.approx(-2.0, abs=0.5)
    assert panel_statistics(panel(quantity)).price_elasticity is None
    assert panel_statistics(panel(quantity, price=np.ones_like(price))).price_elasticity is None
