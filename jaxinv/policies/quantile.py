"""Stock levels that are quantiles of forecast demand."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.policies.base import Heuristic


@struct.dataclass(kw_only=True)
class QuantileBaseStock(Heuristic):
    """Base-stock whose level is a quantile of the demand of the lead time and the period to the next order together, as
    it was forecast beforehand and is told by the demand process (``Demand.forecast``). With the newsvendor's fractile,
    penalty / (penalty + holding), it is the myopic policy for the forecast; ``extra`` is stock beyond it, which a
    learner may steer (``wrappers.Steered``).

    Raises ``ValueError`` when called, where the process has no forecast of these ``levels``.
    """

    levels: Array = struct.leaf(low=0.0, high=1.0)  # [Q] increasing, of the forecast quantiles
    fractile: Array = struct.leaf(low=0.0, high=1.0)  # between two of the levels, the quantile is on a line
    extra: Array = struct.leaf(0.0)  # in ``demand_scale``

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        return self.level(env, state, params) - position

    def level(self, env: Any, state: Any, params: Any) -> Array:
        """Order-up-to levels [*cells] in units."""
        quantiles = params.demand.forecast(state.exo.demand)
        if quantiles.shape[-1] != len(self.levels):
            raise ValueError(
                f"QuantileBaseStock needs a demand process with forecasts of {len(self.levels)} levels, got "
                f"{quantiles.shape[-1]}"
            )
        at = jax.vmap(lambda fractile, of: jnp.interp(fractile, self.levels, of))
        level = at(self.per_cell("fractile", env).ravel(), quantiles.reshape(-1, len(self.levels))).reshape(env.cells)
        return level + self.per_cell("extra", env) * params.demand_scale
