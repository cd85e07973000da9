"""Small panels to forecast."""

import numpy as np

from jaxinv.data import DemandPanel


def panel(quantity, *, first="2024-01-01", available=None, period="day", **fields):
    """A panel of ``quantity`` [T, W, K]."""
    quantity = np.asarray(quantity, float)
    step = 7 if period == "week" else 1
    dates = np.datetime64(first) + step * np.arange(len(quantity))
    locations = tuple(f"w{i}" for i in range(quantity.shape[1]))
    skus = tuple(f"k{i}" for i in range(quantity.shape[2]))
    return DemandPanel(quantity, dates, locations, skus, available=available, period=period, **fields)


def random_panel(periods=120, locations=2, skus=3, seed=0, missing=0.1, period="day"):
    """Intermittent demand with a weekly profile, of which some is not observed."""
    rng = np.random.default_rng(seed)
    mean = rng.uniform(0.2, 6.0, (1, locations, skus)) * (1.0 + 0.5 * (np.arange(periods) % 7 >= 5)[:, None, None])
    quantity = rng.poisson(mean) * (rng.random(mean.shape[:1] + mean.shape[1:]) < 0.8)
    available = rng.random(quantity.shape) >= missing
    return panel(quantity * available, available=available, period=period)
