"""Stationary demand: distributions given by their quantile functions.

Each is a :class:`~jaxinv.demand.base.Demand` that is the same in every period. Parameters have the shape of one
period's demand, or broadcast to it. Discrete quantiles have no gradient; continuous ones have.
"""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import gammainc, ndtri

from jaxinv import struct
from jaxinv.demand.base import Demand, DemandState

EXACT_MEAN = 24.0  # up to this mean counts are inverted exactly, beyond it by an approximation
_TABLE = 256  # largest count of the exact inversion
_UNROLL = 8  # counts per turn of its loop
_U_MAX = 1.0 - 2.0**-24  # the largest float32 below 1


class Distribution(struct.Typed, Demand):
    """Base of the stationary processes."""

    @property
    def shape(self) -> tuple[int, ...]:
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return jnp.broadcast_shapes(*(jnp.shape(getattr(self, f.name)) for f in fields if "dtype" in f.metadata))

    def variance(self) -> Array:
        """Variance of a period's demand [*shape]."""
        raise NotImplementedError

    def scaled(self, factor: Array) -> "Distribution":
        """The same kind of demand with its mean multiplied by ``factor`` (broadcast to [*shape])."""
        raise NotImplementedError


@struct.dataclass
class NegativeBinomial(Distribution):
    """Counts with variance mean + dispersion * mean^2; dispersion 0 is Poisson. Scaling keeps the dispersion.

    Quantiles are exact (to float32) for means up to ``EXACT_MEAN`` and counts up to 256, where a draw beyond has a
    probability below 1e-4 unless the dispersion exceeds 4. For larger means they are those of a Pearson III law with
    the same mean, variance and skewness (Wilson and Hilferty 1931; Kirby 1972, Water Resources Research 8(5)),
    rounded: within one unit of the exact Poisson quantile.
    """

    mean_demand: Array = struct.leaf(low=0.0)
    dispersion: Array = struct.leaf(0.0, low=0.0)

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        return _count_quantile(u, self.mean_demand, self.dispersion)

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        return jnp.broadcast_to(self.mean_demand, self.shape)

    def variance(self) -> Array:
        return self.mean_demand + self.dispersion * self.mean_demand**2

    def scaled(self, factor: Array) -> "NegativeBinomial":
        return self.replace(mean_demand=self.mean_demand * factor)  # type: ignore[attr-defined]


@struct.dataclass
class Poisson(Distribution):
    """Poisson counts; quantiles as of :class:`NegativeBinomial`."""

    rate: Array = struct.leaf(low=0.0)

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        return _count_quantile(u, self.rate, jnp.zeros_like(self.rate))

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        return self.rate

    def variance(self) -> Array:
        return self.rate

    def scaled(self, factor: Array) -> "Poisson":
        return Poisson(self.rate * factor)

    def support(self) -> tuple[Array, Array]:
        """Counts with their probabilities, cut where less than 1e-9 is beyond (a concrete rate is needed)."""
        largest = float(np.max(self.rate))
        values = np.arange(math.ceil(largest + 7 * math.sqrt(largest) + 20))
        log_factorial = np.cumsum(np.log(np.maximum(values, 1)))
        rate = np.maximum(np.asarray(self.rate, np.float64), 1e-300)[..., None]
        return _normalised(values, np.exp(values * np.log(rate) - rate - log_factorial))


@struct.dataclass
class Geometric(Distribution):
    """Geometric counts on {0, 1, ...} with a given mean."""

    mean_demand: Array = struct.leaf(low=0.0)

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        # P(D > k) = q^(k+1), q = mean / (1 + mean).
        log_q = -jnp.log1p(1.0 / jnp.maximum(self.mean_demand, 1e-9))
        return jnp.floor(jnp.log1p(-jnp.minimum(u, _U_MAX)) / log_q)

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        return self.mean_demand

    def variance(self) -> Array:
        return self.mean_demand * (1.0 + self.mean_demand)

    def scaled(self, factor: Array) -> "Geometric":
        return Geometric(self.mean_demand * factor)

    def support(self) -> tuple[Array, Array]:
        """Counts with their probabilities, cut where less than 1e-9 is beyond (a concrete mean is needed)."""
        mean = np.asarray(self.mean_demand, np.float64)
        q = (mean / (1 + mean))[..., None]
        values = np.arange(math.ceil(math.log(1e-9) / math.log(max(float(q.max()), 1e-9))) + 2)
        return _normalised(values, (1 - q) * q**values)


@struct.dataclass
class Normal(Distribution):
    """Normal demand, negative values set to 0; ``rounded`` (default) to whole units, P(d) = F(d + .5) - F(d - .5).

    ``mean`` and ``variance`` are those of the normal law, which cutting raises and lowers by little where the
    standard deviation is well below the mean. Scaling keeps the coefficient of variation.
    """

    location: Array = struct.leaf()
    deviation: Array = struct.leaf(low=0.0)
    rounded: bool = struct.static(True)

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        x = self.location + self.deviation * _normal_quantile(u)
        return jnp.maximum(jnp.floor(x + 0.5) if self.rounded else x, 0.0)

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        return jnp.broadcast_to(self.location, self.shape)

    def variance(self) -> Array:
        return jnp.broadcast_to(self.deviation**2, self.shape)

    def scaled(self, factor: Array) -> "Normal":
        return self.replace(location=self.location * factor, deviation=self.deviation * factor)  # type: ignore


@struct.dataclass
class Gamma(Distribution):
    """Gamma demand by mean and coefficient of variation; ``rounded`` (default) to whole units,
    P(d) = F(d + .5) - F(d - .5), as De Moor et al. (2022, EJOR 301(2)) have it. Scaling keeps the variation.

    Rounded quantiles are exact where mean (1 + 8 cv) <= 128. Beyond that, and not rounded, they are those of Wilson
    and Hilferty (1931), within 2 % for cv <= 0.7 and 0.001 < u < 0.999.
    """

    location: Array = struct.leaf(above=0.0)
    cv: Array = struct.leaf(above=0.0)
    rounded: bool = struct.static(True)

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        location, cv = (jnp.broadcast_to(x, self.shape) for x in (self.location, self.cv))
        approximate = jnp.maximum(_pearson_quantile(u, location, location * cv, 2.0 * cv), 0.0)
        if not self.rounded:
            return approximate
        # F at the upper edges of 0, 1, ...: as many as u has passed.
        shape, rate = jax.lax.stop_gradient((cv**-2, 1.0 / (cv**2 * location)))
        edges = jnp.arange(128, dtype=jnp.float32).reshape((128,) + (1,) * len(self.shape)) + 0.5
        cdf = gammainc(jnp.broadcast_to(shape[None], (128, *self.shape)), rate[None] * edges)
        u = jnp.broadcast_to(u, jnp.broadcast_shapes(jnp.shape(u), self.shape))
        passed = jnp.sum(
            u[..., None] >= jnp.moveaxis(cdf, 0, -1).reshape((1,) * (u.ndim - len(self.shape)) + (*self.shape, 128)), -1
        )
        tabled = location * (1.0 + 8.0 * cv) <= 128.0
        tabled = tabled.reshape((1,) * (u.ndim - len(self.shape)) + self.shape)
        return jnp.where(tabled, passed.astype(jnp.float32), jnp.floor(approximate + 0.5))

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        return jnp.broadcast_to(self.location, self.shape)

    def variance(self) -> Array:
        return jnp.broadcast_to((self.location * self.cv) ** 2, self.shape)

    def scaled(self, factor: Array) -> "Gamma":
        return self.replace(location=self.location * factor)  # type: ignore[attr-defined]


@struct.dataclass
class UniformInteger(Distribution):
    """Whole numbers ``low``..``high``, all as likely. Cannot be scaled."""

    low: Array = struct.leaf(low=0.0)
    high: Array = struct.leaf(low=0.0)

    def __post_init__(self):
        super().__post_init__()
        if _concrete(self.low, self.high) and (np.asarray(self.high) < np.asarray(self.low)).any():
            raise ValueError(f"UniformInteger.high must be >= low, got low {self.low} and high {self.high}")

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        return self.low + jnp.floor(jnp.minimum(u, _U_MAX) * (self.high - self.low + 1.0))

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        return (self.low + self.high) / 2.0

    def variance(self) -> Array:
        return ((self.high - self.low + 1.0) ** 2 - 1.0) / 12.0

    def support(self) -> tuple[Array, Array]:
        values = np.arange(int(np.min(self.low)), int(np.max(self.high)) + 1)
        low, high = np.asarray(self.low)[..., None], np.asarray(self.high)[..., None]
        return _normalised(values, ((values >= low) & (values <= high)).astype(float))


@struct.dataclass
class Empirical(Distribution):
    """Given ``values`` [n], ascending, with ``probabilities`` [*shape, n]. Cannot be scaled."""

    values: Array = struct.leaf(low=0.0)
    probabilities: Array = struct.leaf(low=0.0, high=1.0)

    def __post_init__(self):
        super().__post_init__()
        if not _concrete(self.values, self.probabilities):
            return
        values, probabilities = np.asarray(self.values), np.asarray(self.probabilities)
        if (np.diff(values) <= 0).any():
            raise ValueError(f"Empirical.values must ascend, got {values.tolist()}")
        if probabilities.shape[-1:] != values.shape:
            raise ValueError(f"Empirical.probabilities must end in {values.shape}, got shape {probabilities.shape}")
        if np.abs(probabilities.sum(-1) - 1).max() > 1e-5:
            raise ValueError(f"Empirical.probabilities must sum to 1, got sums {probabilities.sum(-1)}")

    @property
    def shape(self) -> tuple[int, ...]:
        return jnp.shape(self.probabilities)[:-1]

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        # Without the last, so that a sum that rounds below 1 does not lead past the table.
        cdf = jnp.cumsum(self.probabilities, -1)[..., :-1]
        cdf = cdf.reshape((1,) * (jnp.ndim(u) - len(self.shape)) + cdf.shape)
        return self.values[jnp.sum(u[..., None] >= cdf, -1)]

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        return self.probabilities @ self.values

    def variance(self) -> Array:
        return self.probabilities @ self.values**2 - self.mean() ** 2

    def support(self) -> tuple[Array, Array]:
        return self.values, self.probabilities


@struct.dataclass
class Intermittent(Distribution):
    """Compound demand: none with probability 1 - ``probability``, otherwise ``minimum`` + a draw of ``size``.

    ``minimum`` 1 (default) makes every demand positive, as of spare parts (Croston 1972, Operational Research
    Quarterly 23(3)); 0 is a zero-inflated ``size``, which is ``size`` itself at probability 1. One uniform decides
    both. Scaling changes the probability first and, where that reaches 1, the size.
    """

    probability: Array = struct.leaf(low=0.0, high=1.0)
    size: Any = None
    minimum: Array = struct.leaf(1.0, low=0.0)

    @property
    def shape(self) -> tuple[int, ...]:
        return jnp.broadcast_shapes(jnp.shape(self.probability), jnp.shape(self.minimum), self.size.shape)

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        none = 1.0 - self.probability
        rest = jnp.clip((u - none) / jnp.maximum(self.probability, 1e-9), 0.0, _U_MAX)
        return jnp.where(u < none, 0.0, self.minimum + self.size.quantile(rest))

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        return jnp.broadcast_to(self.probability * (self.minimum + self.size.mean()), self.shape)

    def variance(self) -> Array:
        size = self.minimum + self.size.mean()
        return self.probability * (self.size.variance() + size**2) - self.mean() ** 2

    def scaled(self, factor: Array) -> "Intermittent":
        probability = jnp.minimum(self.probability * factor, 1.0)
        # Always on: (zero-inflated and plain alike) the size takes what the probability could not.
        left = self.probability * factor / jnp.maximum(probability, 1e-9)
        size_mean = jnp.maximum(self.size.mean(), 1e-9)
        grown = jnp.maximum((left * (self.minimum + size_mean) - self.minimum) / size_mean, 0.0)
        # A plain distribution (probability 1) shrinks in size and stays plain.
        plain = self.probability >= 1.0
        probability = jnp.where(plain, 1.0, probability)
        grown = jnp.where(
            plain, jnp.maximum((factor * (self.minimum + size_mean) - self.minimum) / size_mean, 0.0), grown
        )
        return Intermittent(probability=probability, size=self.size.scaled(grown), minimum=self.minimum)


# -- quantiles --------------------------------------------------------------------------------------------------------


def _normal_quantile(u: Array) -> Array:
    return ndtri(jnp.clip(u, 2.0**-25, _U_MAX))


def _pearson_quantile(u: Array, mean: Array, deviation: Array, skewness: Array) -> Array:
    """Quantile of the Pearson III law with these moments, by the transformation of Wilson and Hilferty (1931)."""
    z = _normal_quantile(u)
    g = jnp.maximum(skewness, 1e-4)
    return mean + deviation * (2.0 / g) * (jnp.maximum(1.0 + g * z / 6.0 - g**2 / 36.0, 0.0) ** 3 - 1.0)


def _count_quantile(u: Array, mean: Array, dispersion: Array) -> Array:
    """Smallest k with P(D <= k) > u, D negative binomial (Poisson at dispersion 0)."""
    u, mean, dispersion = (jnp.asarray(x, jnp.float32) for x in jax.lax.stop_gradient((u, mean, dispersion)))
    shape = jnp.broadcast_shapes(u.shape, mean.shape, dispersion.shape)
    u, mean, dispersion = (x.reshape((1,) * (len(shape) - x.ndim) + x.shape) for x in (u, mean, dispersion))
    growth = 1.0 + dispersion * mean
    variance = mean * growth
    deviation = jnp.sqrt(jnp.maximum(variance, 1e-12))
    skewness = (1.0 + 2.0 * dispersion * mean) / deviation
    # The continuous law stands for counts at their middles.
    far = jnp.maximum(jnp.ceil(_pearson_quantile(u, mean, deviation, skewness) - 0.5), 0.0)

    exact = mean <= EXACT_MEAN
    safe = jnp.where(exact, mean, 1.0)
    some = jnp.maximum(dispersion, 1e-6)
    first = jnp.exp(jnp.where(dispersion > 1e-6, -jnp.log1p(some * safe) / some, -safe))
    ratio = safe / (1.0 + dispersion * safe)

    def counting(carry):
        k, _, cdf, _ = carry
        return (k < _TABLE) & jnp.any(u >= cdf)

    def count(carry):
        # P(k+1) = P(k) * mean (1 + dispersion k) / ((k + 1) (1 + dispersion mean)). A probability too small to move
        # the float32 sum ends the search: the sum may stop short of the largest uniforms. Unrolled, because each
        # turn of the loop passes over the whole batch in memory.
        k, probability, cdf, found = carry
        for _ in range(_UNROLL):
            passed = (u >= cdf) & ((probability > 1e-9) | (k < safe))
            probability = probability * ratio * (1.0 + dispersion * k) / (k + 1.0)
            cdf = jnp.where(passed, cdf + probability, 2.0)
            k, found = k + 1.0, found + passed
        return k, probability, cdf, found

    zeros = jnp.zeros(shape, jnp.float32)
    start = (jnp.float32(0), first + zeros, jnp.where(exact, first, 2.0) + zeros, zeros)
    near = jax.lax.while_loop(counting, count, start)[3]
    return jnp.where(exact, near, far)


def _normalised(values: np.ndarray, probabilities: np.ndarray) -> tuple[Array, Array]:
    probabilities = probabilities / probabilities.sum(-1, keepdims=True)
    return jnp.asarray(values, jnp.float32), jnp.asarray(probabilities, jnp.float32)


def _concrete(*arrays: Any) -> bool:
    """Whether these are numbers to look at, and not tracers or the placeholders of a tree transformation."""
    return all(isinstance(a, jax.Array) and not isinstance(a, jax.core.Tracer) for a in arrays)
