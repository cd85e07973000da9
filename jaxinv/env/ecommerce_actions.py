"""Decisions for ``Ecommerce`` as learners like them: bounded or free of bounds, and never illegal."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.env import spaces
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.ecommerce import Action
from jaxinv.env.wrappers import ActionWrapper


@struct.dataclass
class Controls:
    """What :class:`ShopControls` takes in place of an ``Action``."""

    level: Array  # [F, K] order-up-to levels in units
    price: Array  # [K] in -1..1, from the lowest price to the highest; beyond is cut
    logits: Array  # [F, R, K] of the part of a region's orders meant for each centre


@dataclasses.dataclass(frozen=True)
class ShopControls(ActionWrapper):
    """Order-up-to levels, prices on a logarithmic scale between their bounds, and logits of the allocation.

    Logits are added to those of the distance, -``nearness`` x shipping cost over the mean one: at 0 a region's orders
    go to near centres rather than far ones. Lanes that do not exist get nothing.
    """

    nearness: float = 10.0

    def action_space(self, params: Any) -> spaces.Tree:
        zero, one = np.float32(0), np.float32(1)
        return spaces.Tree(
            Controls(
                level=spaces.Box(zero, np.float32(np.inf), self.env.cells),  # type: ignore[arg-type]
                price=spaces.Box(-one, one, (self.env.num_skus,)),  # type: ignore[arg-type]
                logits=spaces.unbounded(self.env.lanes),  # type: ignore[arg-type]
            )
        )

    def decode(self, action: Controls, state: Any, params: Any) -> Action:
        part = (jnp.clip(action.price, -1.0, 1.0) + 1.0) / 2.0
        lanes = params.shipping_cost < UNLIMITED
        cost = jnp.where(lanes, params.shipping_cost, 0.0)
        mean = jnp.sum(cost) / jnp.maximum(jnp.sum(lanes), 1)
        near = jnp.where(lanes, -self.nearness * cost / jnp.maximum(mean, 1e-6), -UNLIMITED)
        return Action(
            orders=jnp.maximum(action.level - self.env.inventory_position(state), 0.0),
            price=params.price_low ** (1.0 - part) * params.price_high**part,
            allocation=jax.nn.softmax(action.logits + near[:, :, None], 0),
        )
