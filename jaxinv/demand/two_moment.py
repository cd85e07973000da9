"""Whole-number demand with a given mean and variance."""

import math

import numpy as np

from jaxinv.demand.distributions import Empirical

_NEGLIGIBLE = 1e-10  # probability beyond which the support is cut


def adan_fit(mean: float | np.ndarray, variance: float | np.ndarray) -> Empirical:
    """Counts with this ``mean`` and ``variance`` (numbers, or arrays of one shape, which is then that of the demand).

    By a = (variance - mean) / mean^2: a mixture of two binomial laws below 0, Poisson at 0, a mixture of two negative
    binomial laws up to 1 and of two geometric ones above (Adan, van Eenige and Resing 1995, *Fitting discrete
    distributions on the first two moments*, Probability in the Engineering and Informational Sciences 9(4)).

    Raises ``ValueError`` where counts with this mean must have a larger variance, or no demand is all but impossible.
    """
    means, variances = np.broadcast_arrays(np.asarray(mean, np.float64), np.asarray(variance, np.float64))
    laws = [_fit(float(m), float(v)) for m, v in zip(means.flat, variances.flat, strict=True)]
    table = np.zeros((len(laws), max(map(len, laws))))
    for row, law in zip(table, laws, strict=True):
        row[: len(law)] = law / law.sum()
    return Empirical(np.arange(table.shape[1]), table.reshape(*means.shape, -1))  # type: ignore[arg-type]


def _fit(mean: float, variance: float) -> np.ndarray:
    """Probabilities of 0, 1, ... units."""
    part = mean - math.floor(mean)
    least = part * (1.0 - part)
    if not mean >= 0.0 or not variance >= least - 1e-6 * max(1.0, mean):
        raise ValueError(
            f"counts of mean {mean} have a variance of at least {least:g}, as the mean is at least 0; got {variance}"
        )
    if mean == 0.0:
        return np.ones(1)
    a = max((variance - mean) / mean**2, -1.0)
    if abs(a) < 1e-6:
        return _panjer(math.exp(-mean), 0.0, mean)
    if a < 0.0:
        k = math.floor(-1.0 / a + 1e-9)
        root = math.sqrt(max(-a * k * (k + 1) - k, 0.0))
        q = 1.0 if a < -1.0 + 1e-9 else (1.0 + a * (k + 1) + root) / (1.0 + a)
        p = min(mean / (k + 1 - q), 1.0)
        return _mixture(q, _binomial(k, p), _binomial(k + 1, p))
    if a < 1.0:
        k = math.floor(1.0 / a + 1e-9)
        q = ((k + 1) * a - math.sqrt(max((k + 1) * (1.0 - a * k), 0.0))) / (1.0 + a)
        p = mean / (k + 1 - q + mean)
        return _mixture(q, _negative_binomial(k, p), _negative_binomial(k + 1, p))
    root = math.sqrt(a**2 - 1.0)
    scales = mean * (1.0 + a + root), mean * (1.0 + a - root)
    first, second = (_negative_binomial(1, scale / (2.0 + scale)) for scale in scales)
    return _mixture(1.0 / (1.0 + a + root), first, second)


def _mixture(q: float, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    mixed = np.zeros(max(len(first), len(second)))
    mixed[: len(first)] += q * first
    mixed[: len(second)] += (1.0 - q) * second
    return mixed


def _binomial(trials: int, p: float) -> np.ndarray:
    if p == 1.0:
        return np.eye(trials + 1)[-1]
    odds, n = math.log(p) - math.log1p(-p), np.arange(trials + 1)
    ways = np.array([-math.lgamma(k + 1) - math.lgamma(trials - k + 1) for k in n]) + math.lgamma(trials + 1)
    probabilities = np.exp(ways + n * odds + trials * math.log1p(-p))
    return probabilities[: np.sum(np.cumsum(probabilities) < 1.0 - _NEGLIGIBLE) + 1]


def _negative_binomial(k: int, p: float) -> np.ndarray:
    """Of successes, each of probability ``p``, before the ``k``-th failure."""
    return _panjer((1.0 - p) ** k, p, (k - 1) * p)


def _panjer(first: float, a: float, b: float) -> np.ndarray:
    """Probabilities P(n) = P(n - 1) (a + b / n), P(0) = ``first`` (Panjer 1981, ASTIN Bulletin 12(1))."""
    if first < 1e-300:
        raise ValueError("demand is too large to be fitted by counts: none at all has a probability below 1e-300")
    probabilities, total = [first], first
    while total < 1.0 - _NEGLIGIBLE and (total < 0.5 or probabilities[-1] > 1e-18):  # rounding may leave 1 unreached
        probabilities.append(probabilities[-1] * (a + b / len(probabilities)))
        total += probabilities[-1]
    return np.array(probabilities)
