"""Rewards of single periods, weighed by risk: what on-policy and off-policy learners share of it."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.evaluate import Risk


@struct.dataclass(kw_only=True)
class CostLevels:
    """Running estimates, in a learner's state, of what costs are compared with; [*V] each."""

    value_at_risk: Array  # the cost that is exceeded in the worst periods only
    mean: Array

    @classmethod
    def like(cls, shape: tuple[int, ...]) -> "CostLevels":
        return cls(value_at_risk=jnp.zeros(shape), mean=jnp.zeros(shape))

    def moved(self, risk: Risk | None, reward: Array, rate: Any) -> "CostLevels":
        """After some periods' rewards [T, N, *V]."""
        if risk is None:
            return self
        cost = -reward.reshape(-1, *reward.shape[2:])
        return CostLevels(
            value_at_risk=self.value_at_risk + rate * (risk.value_at_risk(cost) - self.value_at_risk),
            mean=self.mean + rate * (jnp.mean(cost, 0) - self.mean),
        )

    def weigh(self, risk: Risk | None, reward: Array) -> Array:
        """Rewards [..., *V] that are learned from, in place of those that were given."""
        if risk is None:
            return reward
        at_risk, mean = (jnp.broadcast_to(x, reward.shape) for x in (self.value_at_risk, self.mean))
        return -risk.share(-reward, at_risk, mean)
