"""Demand that is high or low in all cells at once."""

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import ndtr

from jaxinv import struct
from jaxinv.demand.base import DemandState
from jaxinv.demand.distributions import Distribution, Normal, spread
from jaxinv.demand.quantiles import normal_quantile


@struct.dataclass
class CorrelatedNormal(Distribution):
    """Normal demand, not rounded, whose cells all have the same ``correlation`` with each other: what a cell demands
    is made of a normal variable of its own and one that all share, in the weights 1 - correlation and correlation of
    the variance.

    ``clipped`` (default) sets negative values to 0, which changes mean, variance and correlation by what lies below.
    Without it demand may be negative, units returned: the normal law that formulas for normal demand are about.
    """

    location: Array = struct.leaf()
    deviation: Array = struct.leaf(low=0.0)
    correlation: Array = struct.leaf(0.0, low=0.0, high=1.0)  # []
    clipped: bool = struct.static(True)

    def validate(self):
        if np.shape(self.correlation) != ():
            raise ValueError(f"CorrelatedNormal.correlation must be one number, got shape {np.shape(self.correlation)}")

    @property
    def num_demand_uniforms(self) -> int:
        return super().num_demand_uniforms + 1

    def per_cell(self, u: Array) -> Array:
        z = normal_quantile(u[: self.num_demand_uniforms])
        own, common = z[:-1].reshape(self.shape), z[-1]
        # A root has no slope at 0.
        shared, alone = (jnp.sqrt(jnp.maximum(part, 1e-12)) for part in (self.correlation, 1.0 - self.correlation))
        return ndtr(shared * common + alone * own)

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        z, location, deviation = spread(normal_quantile(u), self.location, self.deviation)
        demand = location + deviation * z
        return jnp.maximum(demand, 0.0) if self.clipped else demand

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        return self._marginal().mean() if self.clipped else spread(self.location, self.deviation)[0]

    def variance(self) -> Array:
        return self._marginal().variance() if self.clipped else spread(self.location, self.deviation)[1] ** 2

    def _marginal(self) -> Normal:
        return Normal(*spread(self.location, self.deviation), rounded=False)

    def scaled(self, factor: Array) -> "CorrelatedNormal":
        factor, location, deviation = spread(factor, self.location, self.deviation)
        return CorrelatedNormal(factor * location, factor * deviation, self.correlation, self.clipped)
