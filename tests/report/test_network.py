"""Drawings of networks: every lane from left to right, every node in its place."""

import io

import numpy as np
import pytest

from jaxinv.env import make, registered
from jaxinv.report import Record, flow_by_period, flow_of_goods
from jaxinv.report.network import _places


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


def test_labels_stand_apart():
    """Where lanes cross, as in this network, the middles of some coincide."""
    env, _ = make("SupplyNetwork-v0", instance="gym-invmgmt/network-lost")
    figure = flow_of_goods(env.flow())
    figure.savefig(io.BytesIO())  # which lays it out
    labels = [text for text in figure.axes[0].texts if "period" in text.get_text()]
    assert len(labels) == 11
    boxes = [label.get_window_extent() for label in labels]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def two_periods():
    return Record(
        periods=np.array([4, 5]), lanes=(("supplier", "store", "1 period"), ("store", "customers", "")),
        nodes=("store",), on_hand=np.array([[3.0], [7.25]]), ordered=np.array([[0.0], [5.0]]),
        moved={("supplier", "store"): np.array([0.0, 5.0])}, customers={}, money={},
    )  # fmt: skip


def test_panels_tell_stock_and_shipments_of_their_period():
    figure = flow_by_period(two_periods())
    texts = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert [axes.get_title() for axes in figure.axes] == ["period 4", "period 5"]
    assert "store\n3" in texts[0]
    assert "store\n7.2" in texts[1]
    assert "5" in texts[1]
    assert not {"0", "5"} & set(texts[0])
    with pytest.raises(ValueError, match=r"periods must be in 4..5, those of the rollout; got \[3\]"):
        flow_by_period(two_periods(), [3])
