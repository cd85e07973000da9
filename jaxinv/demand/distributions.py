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
from jax.scipy.special import gammainc, ndtr, ndtri

from jaxinv import struct
from jaxinv.demand.base import Demand, DemandState

EXACT_MEAN = 24.0  # up to this mean counts are inverted exactly, beyond it by an approximation
_LARGEST = 4096  # count at which the exact inversion stops
_UNROLL = 8  # counts per turn of its loop
_EDGES = 128  # counts in the table of a rounded gamma
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
        raise NotImplementedError(f"{type(self).__name__} cannot be scaled: its values are given")


@struct.dataclass
class NegativeBinomial(Distribution):
    """Counts with variance mean + dispersion * mean^2; dispersion 0 is Poisson. Scaling keeps the dispersion.

    Quantiles are exact, but for u within 2e-6 of a jump, for means up to ``EXACT_MEAN`` and counts up to 4096. For
    larger means they are those of a Pearson III law with the same mean, variance and skewness, rounded (Wilson and
    Hilferty 1931, PNAS 17(12)): for Poisson within one unit of the exact quantile where u >= 2^-24; in general with a
    mean within 0.1 %, a distribution function within 0.001 for dispersion up to 0.1, 0.004 up to 0.5 and 0.013 at 1,
    and a deviation within 0.2 % up to dispersion 2, 2 % at 4 and 12 % at 10, where single quantiles are far off.
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
        u, mean = _aligned(u, self.mean_demand)
        log_q = -jnp.log1p(1.0 / jnp.maximum(mean, 1e-9))
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
        u, location, deviation = _aligned(u, self.location, self.deviation)
        x = location + deviation * _normal_quantile(u)
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
    P(d) = F(d + .5) - F(d - .5), as De Moor et al. (2022, EJOR 301(2)) have it. ``mean`` and ``variance`` are those of
    the gamma law. Scaling keeps the variation.

    Rounded quantiles are exact, but for u within 2e-5 of a jump, where mean (1 + 8 cv) <= 128, from a table of 128
    incomplete gamma functions per cell. Beyond that, and not rounded, they are those of Wilson and Hilferty (1931):
    a distribution function within 0.0003 for cv up to 0.2, 0.002 up to 0.5, 0.004 up to 0.7 and 0.013 at 1, worse
    above; the mean is kept.
    """

    location: Array = struct.leaf(above=0.0)
    cv: Array = struct.leaf(above=0.0)
    rounded: bool = struct.static(True)

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        u, location, cv = _aligned(u, self.location, self.cv)
        approximate = jnp.maximum(_pearson_quantile(u, location, location * cv, 2.0 * cv), 0.0)
        if not self.rounded:
            return approximate
        # F at the upper edges of 0, 1, ...: as many as u has passed.
        shape, rate = jax.lax.stop_gradient((cv**-2, 1.0 / (cv**2 * location)))
        edges = jnp.arange(_EDGES, dtype=jnp.float32).reshape((1,) * u.ndim + (_EDGES,)) + 0.5
        passed = jnp.sum(u[..., None] >= gammainc(shape[..., None], rate[..., None] * edges), -1)
        tabled = location * (1.0 + 8.0 * cv) <= _EDGES
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

    def validate(self):
        for name in ("low", "high"):
            value = np.asarray(getattr(self, name))
            if (value != np.round(value)).any():
                raise ValueError(f"UniformInteger.{name} must be whole numbers, got {value.tolist()}")
        if (np.asarray(self.high) < np.asarray(self.low)).any():
            raise ValueError(f"UniformInteger.high must be >= low, got low {self.low} and high {self.high}")

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        u, low, high = _aligned(u, self.low, self.high)
        return jnp.minimum(low + jnp.floor(u * (high - low + 1.0)), high)

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

    def validate(self):
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
        u, cdf = _aligned(jnp.asarray(u)[..., None], cdf)
        return self.values[jnp.sum(u >= cdf, -1)]

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        return jnp.matmul(self.probabilities, self.values, precision="highest")

    def variance(self) -> Array:
        return jnp.matmul(self.probabilities, self.values**2, precision="highest") - self.mean() ** 2

    def support(self) -> tuple[Array, Array]:
        return self.values, self.probabilities


@struct.dataclass
class Intermittent(Distribution):
    """Compound demand: none with probability 1 - ``probability``, otherwise ``minimum`` + a draw of ``size``.

    ``minimum`` 1 (default) makes every demand positive, as of spare parts (Croston 1972, Operational Research
    Quarterly 23(3)); 0 is a zero-inflated ``size``, which is ``size`` itself at probability 1. One uniform decides
    both. Scaling changes the probability first and, where that reaches 1, the size (a size of mean 0 cannot grow).
    At probability 1 it changes the size, and the probability only where the mean is to fall below ``minimum``.
    """

    probability: Array = struct.leaf(low=0.0, high=1.0)
    size: Any  # type: ignore[reportGeneralTypeIssues]  # a Distribution
    minimum: Array = struct.leaf(1.0, low=0.0)

    @property
    def shape(self) -> tuple[int, ...]:
        return np.broadcast_shapes(jnp.shape(self.probability), jnp.shape(self.minimum), self.size.shape)

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        u, probability, minimum = _aligned(u, self.probability, self.minimum)
        none = 1.0 - probability
        rest = jnp.clip((u - none) / jnp.maximum(probability, 1e-9), 0.0, _U_MAX)
        return jnp.where(u < none, 0.0, minimum + self.size.quantile(rest))

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        return jnp.broadcast_to(self.probability * (self.minimum + self.size.mean()), self.shape)

    def variance(self) -> Array:
        size = self.minimum + self.size.mean()
        return self.probability * (self.size.variance() + size**2) - self.mean() ** 2

    def scaled(self, factor: Array) -> "Intermittent":
        target = self.probability * factor * (self.minimum + self.size.mean())
        plain = self.probability >= 1.0
        probability = jnp.where(plain, target / jnp.maximum(self.minimum, 1e-9), self.probability * factor)
        probability = jnp.where(plain & (self.minimum == 0.0), 1.0, jnp.minimum(probability, 1.0))
        grown = (target / jnp.maximum(probability, 1e-9) - self.minimum) / jnp.maximum(self.size.mean(), 1e-9)
        size = self.size.scaled(jnp.maximum(grown, 0.0))
        return Intermittent(probability=probability, size=size, minimum=self.minimum)


# -- quantiles --------------------------------------------------------------------------------------------------------


def _normal_quantile(u: Array) -> Array:
    return ndtri(jnp.clip(u, 2.0**-25, _U_MAX))


def _pearson_quantile(u: Array, mean: Array, deviation: Array, skewness: Array) -> Array:
    """Quantile of the Pearson III law with these moments, by the transformation of Wilson and Hilferty (1931): a cubed
    normal variable, w = max(1 + t, 0)^3 with t = g z / 6 - g^2 / 36. Its mean would drift from 1 as the skewness g
    grows; dividing by it keeps the mean of the law (Kirby 1972 keeps three moments, by a table)."""
    g = jnp.maximum(skewness, 1e-5)
    scale, shift = g / 6.0, g**2 / 36.0
    # E[w] - 1: the third moment of a normal variable, plus what the cut at 0 adds to it.
    edge = (1.0 - shift) / scale
    density = jnp.exp(-0.5 * edge**2) / math.sqrt(2.0 * math.pi)
    excess = scale**3 * ((edge**2 + 2.0) * density - (edge**3 + 3.0 * edge) * ndtr(-edge)) - shift**3
    # w - 1 without the cancellation that float32 suffers from where g is small.
    t = jnp.maximum(scale * _normal_quantile(u) - shift, -1.0)
    return mean + deviation * (2.0 / g) * (t * (3.0 + t * (3.0 + t)) - excess) / (1.0 + excess)


def _count_quantile(u: Array, mean: Array, dispersion: Array) -> Array:
    """Smallest k with P(D <= k) > u, D negative binomial (Poisson at dispersion 0)."""
    u, mean, dispersion = jax.lax.stop_gradient(_aligned(u, mean, dispersion))
    return _counted(jnp.broadcast_to(u, jnp.broadcast_shapes(u.shape, mean.shape, dispersion.shape)), mean, dispersion)


@jax.custom_batching.custom_vmap
def _counted(u: Array, mean: Array, dispersion: Array) -> Array:
    """Of float32 arrays of one rank that broadcast to the shape of ``u``.

    It works element by element, and its batching rule is to call it on the batch: under vmap the search stops when
    all lanes are done, as outside, and does not carry a mask per lane.
    """
    shape = u.shape
    # In one dimension, which vectorises whatever the shape of the cells; single parameters stay single.
    u, mean, dispersion = (
        x.reshape(-1) if x.size == 1 else jnp.broadcast_to(x, shape).reshape(-1) for x in (u, mean, dispersion)
    )
    exact = mean <= EXACT_MEAN
    safe = jnp.where(exact, mean, 1.0)
    some = jnp.maximum(dispersion, 1e-6)
    none = jnp.exp(jnp.where(dispersion > 1e-6, -jnp.log1p(some * safe) / some, -safe))
    ratio = safe / (1.0 + dispersion * safe)

    def searching(carry):
        k, left, _, _ = carry
        return (k < _LARGEST) & jnp.any(left >= 0.0)

    def search(carry):
        # P(k+1) = P(k) * mean (1 + dispersion k) / ((k + 1) (1 + dispersion mean)); ``left`` is u - P(D <= k), -1 once
        # it was negative. A probability too small to move the float32 sum ends the search, as the sum may stop short
        # of the largest uniforms. Unrolled, because each turn of the loop passes over the whole batch in memory.
        k, left, probability, found = carry
        for _ in range(_UNROLL):
            found = found + (left >= 0.0)
            probability = probability * (ratio * (1.0 + dispersion * k)) * (1.0 / (k + 1.0))
            going = (left >= 0.0) & ((probability > 1e-9) | (k < safe))
            left = jnp.where(going, left - probability, -1.0)
            k = k + 1.0
        return k, left, probability, found

    start = (jnp.float32(0), jnp.where(exact, u - none, -1.0), none, jnp.zeros_like(u))
    near = jax.lax.while_loop(searching, search, start)[3]

    def far():
        # The continuous law stands for counts at their middles; rounding it adds a variance of 1/12.
        variance = mean * (1.0 + dispersion * mean)
        deviation = jnp.sqrt(jnp.maximum(variance - 1.0 / 12.0, 1.0))
        skewness = variance * (1.0 + 2.0 * dispersion * mean) / deviation**3
        x = _pearson_quantile(u, mean, deviation, skewness)
        return jnp.where(exact, near, jnp.maximum(jnp.ceil(x - 0.5), 0.0))

    return jax.lax.cond(jnp.all(exact), lambda: near, far).reshape(shape)


@_counted.def_vmap
def _counted_batch(axis_size: int, batched: list[bool], u: Array, mean: Array, dispersion: Array):
    u, mean, dispersion = (x if b else x[None] for x, b in zip((u, mean, dispersion), batched, strict=True))
    return _counted(jnp.broadcast_to(u, (axis_size, *u.shape[1:])), mean, dispersion), True


def _aligned(*arrays: Array) -> tuple[Array, ...]:
    """As float32 arrays of one rank, for ``u`` may have axes before those of the parameters."""
    rank = max(jnp.ndim(x) for x in arrays)
    return tuple(jnp.reshape(jnp.asarray(x, jnp.float32), (1,) * (rank - jnp.ndim(x)) + jnp.shape(x)) for x in arrays)


def _normalised(values: np.ndarray, probabilities: np.ndarray) -> tuple[Array, Array]:
    probabilities = probabilities / probabilities.sum(-1, keepdims=True)
    return jnp.asarray(values, jnp.float32), jnp.asarray(probabilities, jnp.float32)
