"""Real sales that come with the package. Sources and licences: ``panels/README.md``."""

from importlib.resources import files

import numpy as np

from jaxinv.data.panel import DemandPanel

PANELS = ("complete_journey", "online_retail")


def load_panel(name: str) -> DemandPanel:
    """An embedded panel: ``complete_journey`` (20 stores x 60 categories x 365 days, with prices and promotions) or
    ``online_retail`` (1 location x 200 SKUs x 739 days, with prices)."""
    if name not in PANELS:
        raise ValueError(f"no embedded panel {name!r}; there are {', '.join(PANELS)}")
    with files("jaxinv.data").joinpath(f"panels/{name}.npz").open("rb") as file:
        arrays = dict(np.load(file))
    return _complete_journey(arrays) if name == "complete_journey" else _online_retail(arrays)


def _complete_journey(arrays: dict[str, np.ndarray]) -> DemandPanel:
    quantity = np.moveaxis(arrays["quantity"], -1, 0).astype(np.float32)
    money = np.moveaxis(arrays["cents"], -1, 0) / 100.0
    dates = arrays["start"] + np.arange(len(quantity))
    week = np.searchsorted(arrays["week_start"], dates, side="right") - 1
    return DemandPanel(
        quantity=quantity,
        dates=dates,
        locations=tuple(arrays["store"]),
        skus=tuple(arrays["category"]),
        price=last_known(np.divide(money, quantity, out=np.zeros_like(money), where=quantity > 0)),
        promotion=np.moveaxis(arrays["promotion_week"], -1, 0)[week],
    )


def _online_retail(arrays: dict[str, np.ndarray]) -> DemandPanel:
    quantity = arrays["quantity"].T[:, None].astype(np.float32)
    return DemandPanel(
        quantity=quantity,
        dates=arrays["start"] + np.arange(len(quantity)),
        locations=("United Kingdom",),
        skus=tuple(arrays["sku"]),
        price=last_known(arrays["pence"].T[:, None] / 100.0),
        available=np.broadcast_to(arrays["open_day"][:, None, None], quantity.shape),
    )


def last_known(price: np.ndarray) -> np.ndarray:
    """Prices [T, ...] with 0 where there is none replaced by the last one before, or else the first one after."""
    rows = np.arange(len(price)).reshape((-1,) + (1,) * (price.ndim - 1))
    known = price > 0
    before = np.maximum.accumulate(np.where(known, rows, -1), 0)
    after = np.minimum.accumulate(np.where(known, rows, len(price) - 1)[::-1], 0)[::-1]
    return np.take_along_axis(price, np.where(before >= 0, before, after), 0)
