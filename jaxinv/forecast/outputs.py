"""The distribution of one period's demand that a network puts out: nothing, or one of several components.

Where demand comes in whole units components are negative binomial (Salinas et al. 2020, International Journal of
Forecasting 36(3), eq. 3, whose one component this extends); where it does not they are gamma, the distribution that
negative binomial counts are Poisson around, so that the same parameters mean the same. Several of them, and the extra
mass at nothing, leave room for orders of another size and for days on which an item was not there.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import gammaln

from jaxinv import struct
from jaxinv.demand.quantiles import gamma_quantile, negative_binomial_quantile


@struct.dataclass
class Mixture:
    """Of C components and nothing, leaves [..., C + 1] and [..., C]."""

    log_weight: Array  # of nothing, first, and the components
    mean: Array  # units
    shape: Array  # of the gamma distribution; variance of counts is mean + mean^2 / shape

    @classmethod
    def of(cls, raw: Array, scale: Array) -> "Mixture":
        """From the numbers [..., 3 C + 1] that a network puts out, about demand of this ``scale`` [...]."""
        count = raw.shape[-1] // 3
        weight, mean, shape = raw[..., : count + 1], raw[..., count + 1 : 2 * count + 1], raw[..., 2 * count + 1 :]
        # Components begin apart: otherwise all would learn the same.
        apart = jnp.linspace(0.0, 1.0, count).reshape(*(1,) * (mean.ndim - 1), count)
        first = jnp.arange(count + 1).reshape(*(1,) * (mean.ndim - 1), count + 1) == 0
        return cls(
            log_weight=nn.log_softmax(weight - 2.0 * first),
            mean=scale[..., None] * jnp.exp(jnp.clip(mean + apart, -6.0, 4.0)),
            shape=0.05 + nn.softplus(jnp.minimum(shape + 1.0, 50.0)),
        )

    def log_prob(self, demand: Array, whole: Array) -> Array:
        """[...] of ``demand`` [...]; for what is not ``whole`` [...] a density where it is not 0."""
        y, m, r = demand[..., None], self.mean, self.shape
        count = (
            gammaln(y + r) - gammaln(r) - gammaln(y + 1.0) - r * jnp.log1p(m / r) + y * (jnp.log(m) - jnp.log(r + m))
        )
        some = jnp.where(y > 0, y, 1.0)  # a gradient of log(0) would be no number
        density = r * (jnp.log(r) - jnp.log(m)) + (r - 1.0) * jnp.log(some) - r * some / m - gammaln(r)
        of_components = jnp.where(whole[..., None], count, jnp.where(y > 0, density, -jnp.inf))
        nothing = jnp.where(demand > 0, -jnp.inf, 0.0)[..., None]
        return jax.nn.logsumexp(self.log_weight + jnp.concatenate([nothing, of_components], -1), -1)

    def quantile(self, choice: Array, u: Array, whole: Array) -> Array:
        """Demand [...] of two uniforms [...]: the component, and the quantile in it; ``whole`` [] is of all."""
        chosen = jnp.sum(choice[..., None] > jnp.cumsum(jnp.exp(self.log_weight), -1), -1)
        component = jnp.clip(chosen - 1, 0, self.mean.shape[-1] - 1)[..., None]
        mean, shape = (jnp.take_along_axis(x, component, -1)[..., 0] for x in (self.mean, self.shape))
        demand = jax.lax.cond(
            whole,
            lambda: negative_binomial_quantile(u, mean, 1.0 / shape),
            lambda: gamma_quantile(u, shape) * mean / shape,
        )
        return jnp.where(chosen == 0, 0.0, demand)
