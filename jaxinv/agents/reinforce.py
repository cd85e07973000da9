"""REINFORCE (Williams 1992, Machine Learning 8): the policy gradient from sampled returns, without a critic."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.agents import returns
from jaxinv.agents.a2c import A2C
from jaxinv.agents.on_policy import Batch, Trajectory


@struct.dataclass(kw_only=True)
class REINFORCE(A2C):
    """One step of the optimiser per iteration along the policy gradient, where an action is credited with the
    discounted rewards that followed it within the iteration. See :class:`~jaxinv.agents.on_policy.OnPolicy` for what is
    common.

    Nothing stands for what comes after the last period, so actions of the last ``unseen`` periods are not learned
    from. The baseline is the mean return, at the same period, of the other branches, or of all environments where
    there are none. The network's value is not used and not trained.
    """

    num_steps: int = struct.static(48)  # periods per environment in one iteration
    num_updates: int = struct.static(700)
    unseen: int = struct.static(16)  # last periods of an iteration, which only serve as returns of those before
    branches: int = struct.static(8)
    value_coef: Array = struct.leaf(0.0, low=0.0)

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.unseen < self.num_steps:
            raise ValueError(f"REINFORCE.unseen must be in 0..num_steps - 1 = {self.num_steps - 1}, got {self.unseen}")

    def _advantages(self, trajectory: Trajectory, reward: Array) -> tuple[Array, Array]:
        done = trajectory.terminated | trajectory.truncated
        earned = returns.rewards_to_go(reward, done, self.discount)
        if self.branches == 1:
            return earned - jnp.mean(earned, 1, keepdims=True), earned
        return returns.against_branches(earned, self.branches), earned

    def _gradient(self, params: Any, batch: Batch, environments: Array, *rest: Any) -> tuple[Any, dict[str, Array]]:
        seen = jax.tree.map(lambda x: x[:, : self.num_steps - self.unseen], batch)
        return super()._gradient(params, seen, environments, *rest)
