"""What random costs are to those who fear the worst: conditional value at risk, mean and variance."""

import jax.numpy as jnp
from jax import Array

from jaxinv import struct


def cvar(cost: Array, level: Array | float) -> Array:
    """Conditional value at risk [...]: the mean of the worst share ``level``, in (0, 1], of costs [N, ...] that are
    equally likely (Rockafellar and Uryasev 2000, Journal of Risk 2(3)). Their mean where it is 1."""
    worst_first = jnp.flip(jnp.sort(cost, 0), 0)
    counted = level * cost.shape[0]  # scenarios, the last of them in part
    rank = jnp.arange(cost.shape[0]).reshape(-1, *(1,) * (cost.ndim - 1))
    return jnp.sum(jnp.clip(counted - rank, 0.0, 1.0) * worst_first, 0) / counted


@struct.dataclass(kw_only=True)
class Risk(struct.Typed):
    """How costs are judged before they are known: by the mean of the worst share ``cvar_level`` of them, and
    ``variance_weight`` per squared unit of money for their variance. By their mean unless said otherwise."""

    cvar_level: Array = struct.leaf(1.0, above=0.0, high=1.0)
    variance_weight: Array = struct.leaf(0.0, low=0.0)

    def judge(self, cost: Array) -> Array:
        """What equally likely costs [N, ...] are worth together [...]."""
        return cvar(cost, self.cvar_level) + self.variance_weight * jnp.var(cost, 0)

    def value_at_risk(self, cost: Array) -> Array:
        """The least [...] of the costs [N, ...] that are among the worst."""
        return jnp.quantile(cost, 1.0 - self.cvar_level, axis=0)

    def share(self, cost: Array, value_at_risk: Array, mean: Array) -> Array:
        """What each of some costs adds to what they are worth together, which is the mean of the result: learners that
        reward one period at a time learn from it. All arrays are to be broadcast. ``value_at_risk`` and ``mean`` are
        those of the costs (Rockafellar and Uryasev 2000; Bisi et al. 2020, arXiv:1912.03193, for the variance)."""
        beyond = value_at_risk + jnp.maximum(cost - value_at_risk, 0.0) / self.cvar_level
        return beyond + self.variance_weight * (cost - mean) ** 2
