"""Stationary demand: distributions given by their quantile functions.

Each is a :class:`~jaxinv.demand.base.Demand` that is the same in every period. Parameters have the shape of one
period's demand, or broadcast to it. Discrete quantiles have no gradient; continuous ones have. At u = 0 a quantile
is the smallest value of the support.
"""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.scipy.special import gammainc, gammaln, ndtr

from jaxinv import struct
from jaxinv.demand.base import Demand, DemandState
from jaxinv.demand.quantiles import (
    U_MAX,
    gamma_quantile,
    negative_binomial_quantile,
    normal_quantile,
    poisson_quantile,
)

_NEGLIGIBLE = 1e-9  # probability beyond which a support is cut
_COMPARED = 64  # tables up to this length are searched by comparing with every entry
_SUMMED = 32  # steps of a rounded law near 0 that its moments are summed over


class Distribution(struct.Typed, Demand):
    """Base of the stationary processes."""

    @property
    def shape(self) -> tuple[int, ...]:
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return np.broadcast_shapes(*(jnp.shape(getattr(self, f.name)) for f in fields if "dtype" in f.metadata))

    def variance(self) -> Array:
        """Variance of a period's demand [*shape]."""
        raise NotImplementedError

    def scaled(self, factor: Array) -> "Distribution":
        """The same kind of demand with its mean multiplied by ``factor`` (broadcast to [*shape])."""
        raise NotImplementedError(f"{type(self).__name__} cannot be scaled: its values are given")

    def law(self, state: DemandState) -> "Distribution":
        return self

    @property
    def cycle(self) -> int:
        return 1

    def tabulated(self) -> "Empirical":
        """The same demand as a table of its support, computed once: the fastest quantile for a short one."""
        return Empirical(*self.support())


@struct.dataclass
class NegativeBinomial(Distribution):
    """Counts with variance mean + dispersion * mean^2; dispersion 0 is Poisson. Scaling keeps the dispersion.

    Quantiles are exact below 48 units and within one unit above, see ``quantiles.negative_binomial_quantile``.
    """

    mean_demand: Array = struct.leaf(low=0.0)
    dispersion: Array = struct.leaf(0.0, low=0.0)

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        return negative_binomial_quantile(*spread(u, self.mean_demand, self.dispersion))

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        return jnp.broadcast_to(self.mean_demand, self.shape)

    def variance(self) -> Array:
        mean, dispersion = spread(self.mean_demand, self.dispersion)
        return mean + dispersion * mean**2

    def scaled(self, factor: Array) -> "NegativeBinomial":
        return NegativeBinomial(_product(self.mean_demand, factor), self.dispersion)

    def support(self, size: int | None = None) -> tuple[Array, Array]:
        return _count_support(self.mean_demand, self.dispersion, size)


@struct.dataclass
class Poisson(Distribution):
    """Poisson counts. Quantiles are exact below 48 units, see ``quantiles.poisson_quantile``."""

    rate: Array = struct.leaf(low=0.0)

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        return poisson_quantile(*spread(u, self.rate))

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        return self.rate

    def variance(self) -> Array:
        return self.rate

    def scaled(self, factor: Array) -> "Poisson":
        return Poisson(_product(self.rate, factor))

    def support(self, size: int | None = None) -> tuple[Array, Array]:
        return _count_support(self.rate, 0.0, size)


@struct.dataclass
class Geometric(Distribution):
    """Geometric counts on {0, 1, ...} with a given mean. Scaling keeps them geometric."""

    mean_demand: Array = struct.leaf(low=0.0)

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        # P(D > k) = q^(k+1), q = mean / (1 + mean).
        u, mean = jax.lax.stop_gradient(spread(u, self.mean_demand))
        log_q = -jnp.log1p(1.0 / jnp.maximum(mean, 1e-9))
        return jnp.floor(jnp.log1p(-jnp.minimum(u, U_MAX)) / log_q)

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        return self.mean_demand

    def variance(self) -> Array:
        return self.mean_demand * (1.0 + self.mean_demand)

    def scaled(self, factor: Array) -> "Geometric":
        return Geometric(_product(self.mean_demand, factor))

    def support(self, size: int | None = None) -> tuple[Array, Array]:
        return _count_support(self.mean_demand, 1.0, size)


class _Continuous(Distribution):
    """What a continuous law, cut at 0 and rounded or not, is made of: distribution function, density, moments."""

    rounded: bool

    def _moments(self) -> tuple[Array, Array]:
        """Mean and variance [*shape] of the continuous law."""
        raise NotImplementedError

    def _cdf(self, x: Array) -> Array:
        """P(X <= x), x: [..., *shape]."""
        raise NotImplementedError

    def _upper(self, x: float) -> tuple[Array, Array, Array]:
        """Density at x, and E[(X - mean) 1{X > x}], E[(X - mean)^2 1{X > x}], [*shape]."""
        raise NotImplementedError

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        return self._demand_moments()[0]

    def variance(self) -> Array:
        return self._demand_moments()[1]

    def _demand_moments(self) -> tuple[Array, Array]:
        """Mean and variance [*shape] of demand, which is cut at 0 and rounded.

        E[D] and E[D^2] are sums of P(D >= d) over d >= 1: the first ``_SUMMED`` terms as they are, the rest by the
        midpoint rule and its first correction (exact to 0.003 for standard deviations from 0.5 on). All is written
        in what the law has below ``_SUMMED``, which is nothing for a large mean, so that float32 loses no digits.
        """
        mean = self._moments()[0]
        if self.rounded:
            edges = jnp.arange(1, _SUMMED + 1, dtype=jnp.float32).reshape((_SUMMED,) + (1,) * mean.ndim)
            below = self._cdf(edges - 0.5)
            first, second = jnp.sum(below, 0), jnp.sum((2.0 * edges - 1.0 - 2.0 * mean[None]) * below, 0)
            end, unit = float(_SUMMED), 1.0
        else:
            first, second, end, unit = 0.0, 0.0, 0.0, 0.0
        density, upper, upper_square = self._upper(end)
        under = self._cdf(jnp.full((1,) * mean.ndim, end))
        shift = upper + (end - mean) * under - first - unit * density / 24.0
        square = upper_square + (end - mean) ** 2 * under - second
        square = square + unit * (1.0 - under - (end - mean) * density) / 12.0
        return jnp.maximum(mean + shift, 0.0), jnp.maximum(square - shift**2, 0.0)

    def support(self, size: int | None = None) -> tuple[Array, Array]:
        """Whole units and P(d) = F(d + 0.5) - F(d - 0.5). Raises ``NotImplementedError`` unless rounded."""
        if not self.rounded:
            raise NotImplementedError(f"{type(self).__name__} has no finite support unless rounded")
        if size is None:  # less than 1e-7 is beyond
            size = int(jnp.max(self.quantile(jnp.full(self.shape, U_MAX)))) + 2
        edges = jnp.arange(size - 1, dtype=jnp.float32) + 0.5
        cdf = jnp.moveaxis(self._cdf(edges.reshape((-1,) + (1,) * len(self.shape))), 0, -1)
        return _normalised(jnp.arange(size), jnp.diff(cdf, axis=-1, prepend=0.0, append=1.0))


@struct.dataclass
class Normal(_Continuous):
    """Normal demand, negative values set to 0; ``rounded`` (default) to whole units, P(d) = F(d + .5) - F(d - .5).

    ``location`` and ``deviation`` are those of the normal law; ``mean`` and ``variance`` are those of demand.
    Scaling multiplies both parameters, so it keeps the coefficient of variation.
    """

    location: Array = struct.leaf()
    deviation: Array = struct.leaf(low=0.0)
    rounded: bool = struct.static(True)

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        u, location, deviation = spread(u, self.location, self.deviation)
        x = jnp.where(u > 0.0, location + deviation * normal_quantile(u), 0.0)
        return jnp.maximum(jnp.floor(x + 0.5) if self.rounded else x, 0.0)

    def scaled(self, factor: Array) -> "Normal":
        return Normal(_product(self.location, factor), _product(self.deviation, factor), self.rounded)

    def _moments(self) -> tuple[Array, Array]:
        location, deviation = spread(self.location, self.deviation)
        return location, jnp.maximum(deviation, 1e-6) ** 2

    def _cdf(self, x: Array) -> Array:
        x, location, deviation = spread(x, self.location, self.deviation)
        return ndtr((x - location) / jnp.maximum(deviation, 1e-6))

    def _upper(self, x: float) -> tuple[Array, Array, Array]:
        location, variance = self._moments()
        density = jnp.exp(-((x - location) ** 2) / (2.0 * variance)) / jnp.sqrt(2.0 * jnp.pi * variance)
        above = ndtr((location - x) / jnp.sqrt(variance))
        return density, variance * density, variance * (above + (x - location) * density)


@struct.dataclass
class Gamma(_Continuous):
    """Gamma demand by mean and coefficient of variation; ``rounded`` (default) to whole units,
    P(d) = F(d + .5) - F(d - .5), as De Moor et al. (2022, EJOR 301(2)) have it. Scaling keeps the variation.

    Quantiles have an error below 6e-5 standard deviations for cv from 0.18 to 4.5 and 2e-4 below, see
    ``quantiles.gamma_quantile``. ``location`` is the mean before rounding; ``mean`` and ``variance`` are of demand.
    """

    location: Array = struct.leaf(above=0.0)
    cv: Array = struct.leaf(above=0.0)
    rounded: bool = struct.static(True)

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        u, location, cv = spread(u, self.location, self.cv)
        x = location * cv**2 * gamma_quantile(u, cv**-2)
        return jnp.floor(x + 0.5) if self.rounded else x

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        return super().mean() if self.rounded else jnp.broadcast_to(self.location, self.shape)

    def variance(self) -> Array:
        return super().variance() if self.rounded else self._moments()[1]

    def scaled(self, factor: Array) -> "Gamma":
        return Gamma(_product(self.location, factor), self.cv, self.rounded)

    def _moments(self) -> tuple[Array, Array]:
        location, cv = spread(self.location, self.cv)
        return location, (location * cv) ** 2

    def _cdf(self, x: Array) -> Array:
        x, location, cv = spread(x, self.location, self.cv)
        return gammainc(cv**-2, x / (location * cv**2))

    def _upper(self, x: float) -> tuple[Array, Array, Array]:
        location, variance = self._moments()
        scale = variance / location
        shape = location / scale
        density = jnp.exp((shape - 1.0) * math.log(x) - x / scale - gammaln(shape) - shape * jnp.log(scale))
        first = scale * x * density
        above = 1.0 - self._cdf(jnp.full((1,) * location.ndim, x))
        return density, first, (x - location) * first + scale * (location * above + first)


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
        u, low, high = jax.lax.stop_gradient(spread(u, self.low, self.high))
        return jnp.minimum(low + jnp.floor(u * (high - low + 1.0)), high)

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        low, high = spread(self.low, self.high)
        return (low + high) / 2.0

    def variance(self) -> Array:
        low, high = spread(self.low, self.high)
        return ((high - low + 1.0) ** 2 - 1.0) / 12.0

    def support(self, size: int | None = None) -> tuple[Array, Array]:
        values = np.arange(int(np.max(self.high)) + 1 if size is None else size)
        low, high = (x[..., None] for x in spread(self.low, self.high))
        values_ = jnp.broadcast_to(values, (*self.shape, len(values)))
        return _normalised(values, ((values_ >= low) & (values_ <= high)).astype(float))


@struct.dataclass
class Empirical(Distribution):
    """Given ``values`` [n], ascending, with ``probabilities`` [*shape, n]. Cannot be scaled."""

    values: Array = struct.leaf(low=0.0)
    probabilities: Array = struct.leaf(low=0.0, high=1.0)

    def validate(self):
        values, probabilities = np.asarray(self.values), np.asarray(self.probabilities)
        if values.ndim != 1 or not values.size or (np.diff(values) <= 0).any():
            raise ValueError(f"Empirical.values must ascend, got {values.tolist()}")
        if probabilities.shape[-1:] != values.shape:
            raise ValueError(f"Empirical.probabilities must end in {values.shape}, got shape {probabilities.shape}")
        if np.abs(probabilities.sum(-1) - 1).max() > 1e-5:
            raise ValueError(f"Empirical.probabilities must sum to 1, got sums {probabilities.sum(-1).tolist()}")

    @property
    def shape(self) -> tuple[int, ...]:
        return jnp.shape(self.probabilities)[:-1]

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        # Without the last, so that a sum that rounds below 1 does not lead past the table.
        cdf = jnp.moveaxis(jnp.cumsum(self.probabilities, -1)[..., :-1], -1, 0)
        u = jnp.broadcast_to(u, np.broadcast_shapes(jnp.shape(u), self.shape))
        if len(self.values) <= _COMPARED:
            demand = jnp.broadcast_to(self.values[0], u.shape)
            for value, bound in zip(self.values[1:], cdf, strict=True):
                demand = jnp.where(u >= jnp.broadcast_to(bound, u.shape), value, demand)
            return demand
        # One binary search per cell, over whatever axes u has in front of the cells.
        cells = jnp.reshape(u, (-1, math.prod(self.shape)))
        tables = jnp.reshape(cdf, (len(cdf), -1))
        index = jax.vmap(lambda t, x: jnp.searchsorted(t, x, side="right"), in_axes=1, out_axes=1)(tables, cells)
        return self.values[jnp.reshape(index, u.shape)]

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        return jnp.matmul(self.probabilities, self.values, precision="highest")

    def variance(self) -> Array:
        deviation = jnp.broadcast_to(self.values, self.probabilities.shape) - self.mean()[..., None]
        return jnp.sum(self.probabilities * deviation**2, -1)

    def support(self, size: int | None = None) -> tuple[Array, Array]:
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

    def validate(self):
        if not isinstance(self.size, Distribution):
            raise ValueError(f"Intermittent.size must be a distribution, got {self.size!r}")

    @property
    def shape(self) -> tuple[int, ...]:
        return np.broadcast_shapes(jnp.shape(self.probability), jnp.shape(self.minimum), self.size.shape)

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        u, probability, minimum, _ = spread(u, self.probability, self.minimum, jnp.zeros(self.size.shape))
        # 1 - u has no rounding error above 0.5: rare demand keeps its probability and the resolution of its size.
        remaining = (1.0 - u) / jnp.maximum(probability, 1e-9)
        size = self.size.quantile(jnp.clip(1.0 - remaining, 0.0, U_MAX))
        return jnp.where(remaining > 1.0, 0.0, minimum + size)

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        probability, minimum, size = spread(self.probability, self.minimum, self.size.mean())
        return probability * (minimum + size)

    def variance(self) -> Array:
        probability, minimum, size, variance = spread(
            self.probability, self.minimum, self.size.mean(), self.size.variance()
        )
        return probability * (variance + (1.0 - probability) * (minimum + size) ** 2)

    def scaled(self, factor: Array) -> "Intermittent":
        probability, minimum, size, factor = spread(self.probability, self.minimum, self.size.mean(), factor)
        # The mean to reach, as demand when there is some, at probability 1 and at the probability that follows.
        certain = probability * factor * (minimum + size)
        # A plain distribution (probability 1) shrinks in size first, and only below the minimum in probability.
        likelier = jnp.where(probability >= 1.0, certain / jnp.maximum(minimum, 1e-9), probability * factor)
        likelier = jnp.where((probability >= 1.0) & (minimum == 0.0), 1.0, jnp.minimum(likelier, 1.0))
        grown = (certain / jnp.maximum(likelier, 1e-9) - minimum) / jnp.maximum(size, 1e-9)
        return Intermittent(likelier, self.size.scaled(jnp.maximum(grown, 0.0)), minimum)


def spread(*arrays: Any) -> tuple[Array, ...]:
    """As float32 arrays of their common shape; ``u`` may have axes before those of the parameters."""
    shape = np.broadcast_shapes(*(jnp.shape(x) for x in arrays))
    return tuple(jnp.broadcast_to(jnp.asarray(x, jnp.float32), shape) for x in arrays)


def _product(x: Array, factor: Array) -> Array:
    x, factor = spread(x, factor)
    return x * factor


def _count_support(mean: Any, dispersion: Any, size: int | None) -> tuple[Array, Array]:
    """Negative binomial counts (Poisson at dispersion 0) and their probabilities; without ``size``, cut where less
    than ``_NEGLIGIBLE`` is beyond."""
    # In double precision where the parameters are concrete, else in that of the calling program.
    xp, kind = (np, np.float64) if not isinstance(mean + dispersion, Tracer) else (jnp, float)
    mean, dispersion = (xp.asarray(x, kind)[..., None] for x in spread(mean, dispersion))
    growth = 1.0 + dispersion * mean
    most = size
    if most is None:
        most = int(np.max(mean + 8.0 * np.sqrt(mean * growth) + 24.0 * (1.0 + dispersion * mean))) + 1
    values = np.arange(most)
    later = np.broadcast_to(values[1:].astype(np.float64), (*mean.shape[:-1], most - 1))
    safe = xp.where(dispersion > 0.0, dispersion, 1.0)
    log_first = -xp.where(dispersion > 0.0, xp.log1p(safe * mean) / safe, mean)
    log_ratio = xp.log(xp.maximum(mean * (1.0 + dispersion * (later - 1.0)) / (growth * later), 1e-30))
    probabilities = xp.exp(xp.concatenate([log_first, log_first + xp.cumsum(log_ratio, -1)], -1))
    if size is None:
        beyond = 1.0 - np.cumsum(probabilities, -1)
        most = int(np.max(np.sum(beyond > _NEGLIGIBLE, -1))) + 1
    return _normalised(values[:most], probabilities[..., :most])


def _normalised(values: Any, probabilities: Any) -> tuple[Array, Array]:
    probabilities = probabilities / probabilities.sum(-1, keepdims=True)
    return jnp.asarray(values, jnp.float32), jnp.asarray(probabilities)
