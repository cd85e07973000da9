"""What a panel is like: how often, how much and how regularly its series sell, and what moves them."""

import dataclasses

import numpy as np

from jaxinv.data.panel import DemandPanel

CLASSES = ("smooth", "erratic", "intermittent", "lumpy", "never sold")
ADI, CV2 = 1.32, 0.49  # cut-offs of Syntetos, Boylan and Croston


@dataclasses.dataclass(frozen=True, eq=False)
class PanelStatistics:
    """Of the cells that are available; arrays [W, K], NaN where a series never is, unless said otherwise."""

    mean: np.ndarray  # units per period
    zero_share: np.ndarray  # share of periods without a sale
    dispersion: np.ndarray  # variance over mean; 1 for Poisson
    interval: np.ndarray  # ADI: periods per period with a sale
    size_cv2: np.ndarray  # squared coefficient of variation of what is sold in periods with a sale
    demand_class: np.ndarray  # str, one of CLASSES
    weekly: np.ndarray | None  # [7] factor of each weekday, Monday first, of all series together; None but for days
    yearly: np.ndarray | None  # [12] factor of each month; None under a year
    closed: np.ndarray  # [T] bool: nothing is available anywhere
    promotion_lift: float | None  # units of promoted periods over what the same series sell in others; None without any
    price_elasticity: float | None  # percent of units by percent of price, within series; None without prices that vary


def panel_statistics(panel: DemandPanel) -> PanelStatistics:
    """Statistics of every series of a panel.

    Series are classed as by Syntetos, Boylan and Croston (2005, Journal of the Operational Research Society 56(5)):
    smooth, erratic (CV2 above 0.49), intermittent (ADI above 1.32) or lumpy (both). The effects of promotions and
    prices are what is seen, not what is caused: prices fall, too, when something sells badly.
    """
    on_sale = panel.available
    quantity = np.where(on_sale, panel.quantity, 0.0).astype(np.float64)
    periods, sold = on_sale.sum(0), (quantity > 0).sum(0)
    mean, size = _share(quantity.sum(0), periods), _share(quantity.sum(0), sold)
    squares = (quantity**2).sum(0)
    cv2 = np.maximum(_share(squares, sold) / size**2 - 1.0, 0.0)
    interval = _share(periods, sold)
    kind = np.where(interval > ADI, 2, 0) + (cv2 > CV2)
    return PanelStatistics(
        mean=mean,
        zero_share=1.0 - _share(sold, periods),
        dispersion=_share(_share(squares, periods) - mean**2, mean),
        interval=interval,
        size_cv2=cv2,
        demand_class=np.array(CLASSES)[np.where(sold > 0, kind, 4)],
        weekly=_weekly(panel, quantity, on_sale, mean),
        yearly=_yearly(panel, quantity, on_sale, mean),
        closed=np.logical_not(on_sale.any((1, 2))),
        promotion_lift=_lift(panel, quantity, on_sale),
        price_elasticity=_elasticity(panel, quantity, on_sale),
    )


def _factors(group: np.ndarray, count: int, quantity: np.ndarray, on_sale: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Units of each group of periods [T] over what the series available in it sell on average."""
    usual = np.where(on_sale, np.nan_to_num(mean), 0.0).sum((1, 2))
    return _share(np.bincount(group, quantity.sum((1, 2)), count), np.bincount(group, usual, count))


def _weekly(panel: DemandPanel, quantity: np.ndarray, on_sale: np.ndarray, mean: np.ndarray) -> np.ndarray | None:
    if panel.period != "day" or len(panel.dates) < 7:
        return None
    weekday = (panel.start_day + np.arange(len(panel.dates))) % 7
    return _factors(weekday, 7, quantity, on_sale, mean)


def _yearly(panel: DemandPanel, quantity: np.ndarray, on_sale: np.ndarray, mean: np.ndarray) -> np.ndarray | None:
    month = panel.dates.astype("datetime64[M]").astype(int) % 12
    if len(np.unique(month)) < 12:
        return None
    return _factors(month, 12, quantity, on_sale, mean)


def _lift(panel: DemandPanel, quantity: np.ndarray, on_sale: np.ndarray) -> float | None:
    if panel.promotion is None:
        return None
    promoted, usual = on_sale & panel.promotion, on_sale & ~panel.promotion
    base = _share(np.where(usual, quantity, 0.0).sum(0), usual.sum(0))
    expected = np.nansum(base * promoted.sum(0))
    if not expected > 0:
        return None
    seen = np.where(promoted, quantity, 0.0).sum(0)
    return float(seen[np.isfinite(base)].sum() / expected)


def _elasticity(panel: DemandPanel, quantity: np.ndarray, on_sale: np.ndarray) -> float | None:
    """The slope of units, in those of a series' mean, by the logarithm of its price: of all series by least squares,
    each measured from its means and weighted by its units. It allows for periods without a sale."""
    if panel.price is None:
        return None
    known = on_sale & (panel.price > 0)  # NaN is not
    count = known.sum(0)
    log = np.log(np.where(known, panel.price, 1.0), dtype=np.float64)
    away = np.where(known, log - _share(log.sum(0), count), 0.0)
    level = np.nan_to_num(_share(np.where(known, quantity, 0.0).sum(0), count))
    spread = (away**2).sum(0)
    total = (spread * level).sum()
    # Prices are float32: less than a thousandth around the mean is no change of price.
    if not total > 1e-6 * (count * level).sum():
        return None
    return float((away * quantity).sum() / total)


def _share(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b, and NaN where b is not positive."""
    return np.divide(a, b, out=np.full(np.broadcast_shapes(np.shape(a), np.shape(b)), np.nan), where=b > 0)
