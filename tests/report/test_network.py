"""Drawings of networks: every lane from left to right, every node in its place."""

import numpy as np
import pytest

from jaxinv.env import make, registered
from jaxinv.report.network import _places, flow_by_period, flow_of_goods


@pytest.mark.parametrize("name", registered())
def test_goods_flow_from_left_to_right(name):
    env, _ = make(name)
    lanes = env.flow()
    places = _places(lanes)
    mutual = {(b, a) for a, b, _ in lanes}
    for a, b, _ in lanes:
        assert (a, b) in mutual or places[a][0] < places[b][0]
    assert len(set(places.values())) == len(places)
    flow_of_goods(lanes, title=name).canvas.draw()


def test_panels_tell_stock_and_shipments_of_their_period():
    lanes = (("supplier", "store", "L = 1"), ("store", "customers", ""))
    stock, shipped = {"store": np.array([3.0, 7.0])}, {("supplier", "store"): np.array([0.0, 5.0])}
    figure = flow_by_period(lanes, stock, shipped, [0, 1])
    texts = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert "store\n3" in texts[0] and "store\n7" in texts[1]  # noqa: PT018
    assert "5" in texts[1] and "5" not in texts[0]  # noqa: PT018
