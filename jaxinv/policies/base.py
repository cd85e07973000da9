"""What all heuristics share: whole orders, rebalancing first, and factors to be tuned by."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.policies.following import Following
from jaxinv.policies.rebalancing import Rebalancing
from jaxinv.policies.sizing import Factor, Sizing


def whole_orders(units: Array) -> Array:
    """Units to order, rounded, none below 0. Slopes are those without rounding, for learning along gradients."""
    units = jnp.maximum(units, 0.0)
    return units + jax.lax.stop_gradient(jnp.round(units) - units)


@struct.dataclass(kw_only=True)
class Heuristic(struct.Typed):
    """Base of the replenishment heuristics: small pytrees, ``policy(env, state, params, key) -> action``.

    Stock is rebalanced first where the environment has transfers and ``rebalancing`` is given; orders then see the
    inventory position that the transfers leave. With ``following``, everything that is measured in units follows the
    demand expected. Orders are whole units.

    Levels and quantities are in units, one per cell of the environment: [W, K] of locations by items, [] of a single
    item. One per location [W] or a single number [] stands for all cells it covers. Any other shape raises
    ``ValueError`` when the policy is called.
    """

    FACTORS: ClassVar[dict[str, Factor]] = {}

    rebalancing: Rebalancing | None = None
    following: Following | None = None

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        """Units to order [W, K] at an inventory position [W, K]; need be neither whole nor positive."""
        raise NotImplementedError

    @classmethod
    def from_factors(cls, sizing: Sizing, **factors: Array) -> "Heuristic":
        """The policy whose parameters follow from textbook formulas and the scale-free ``FACTORS`` [W, K]."""
        raise NotImplementedError

    def __call__(self, env: Any, state: Any, params: Any, key: Array) -> Any:
        position, flows = env.inventory_position(state), None
        if self.rebalancing is not None and env.transfers:
            flows = self.rebalancing.flows(env, state, params)
            position = position + jnp.sum(flows, 0) - jnp.sum(flows, 1)
        if self.following is None:
            orders = self.orders(position, env, state, params)
        else:  # as if a unit were worth less where more is expected to be sold
            scale = self.following.scale(env, state, params)
            orders = scale * self.orders(position / scale, env, state, params)
        return env.order_action(whole_orders(orders), flows)

    def per_cell(self, name: str, env: Any) -> Array:
        """The parameter ``name`` as an array of the shape of the environment's cells."""
        value, cells = getattr(self, name), env.cells
        shapes = [cells[:n] for n in range(len(cells), -1, -1)]
        if value.shape not in shapes:
            allowed = ", ".join(map(str, shapes[:-1])) + " or ()" * (len(shapes) > 1) or "()"
            raise ValueError(f"{type(self).__name__}.{name} must have shape {allowed}, got {value.shape}")
        return jnp.broadcast_to(value.reshape(*value.shape, *(1,) * (len(cells) - value.ndim)), cells)
