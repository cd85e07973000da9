"""Sales of periods in which stock ran out: demand was no less, and how much it was follows from its law."""

from typing import Any

import numpy as np
from scipy import special

from jaxinv.demand import Intermittent


def at_least(law: Intermittent, least: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The demand [n] that a ``law`` [n] over negative binomial sizes exceeds with probability ``u`` [n] in (0, 1),
    given that it is ``least`` [n] or more."""
    probability, mean, dispersion, minimum = (
        np.broadcast_to(np.asarray(x, float), least.shape)
        for x in (law.probability, law.size.mean_demand, law.size.dispersion, law.minimum)
    )

    def exceeds(value: np.ndarray) -> np.ndarray:  # P(demand > value)
        more = np.maximum(value - minimum, 0.0) + 1.0  # P(size >= more), an incomplete beta or, of Poisson, gamma one
        a = np.maximum(dispersion, 1e-9)
        tail: Any = np.where(
            dispersion > 0.0,
            special.betainc(more, 1.0 / a, a * mean / (1.0 + a * mean)),
            special.gammainc(more, mean),
        )
        return np.where(value < 0.0, 1.0, probability * np.where(value < minimum, 1.0, tail))

    wanted = u * exceeds(least - 1.0)
    low, high = least - 1.0, least + 1.0  # the answer is above low and, once the step has grown, not above high
    while (short := exceeds(high) > wanted).any():
        high = np.where(short, least + 2.0 * (high - least), high)
    while (high - low > 1.0).any():
        middle = np.floor((low + high) / 2.0)
        over = exceeds(middle) > wanted
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    return high


def strata(censored: np.ndarray, seed: int = 0) -> np.ndarray:
    """For the ``censored`` periods of a series, along the first axis, the midpoints of as many equal parts of (0, 1)
    in random order: their draws then differ from the law by little."""
    keys = np.where(censored, np.random.default_rng(seed).random(censored.shape), 2.0)
    return (keys.argsort(0).argsort(0) + 0.5) / np.maximum(censored.sum(0), 1)
