"""What a period of ``Ecommerce`` earned and cost, and what moved."""

from typing import ClassVar

import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.env import core


@struct.dataclass(kw_only=True)
class Ledger(core.Ledger):
    """Money [F + R, K] by node, the F centres first and then the R regions: what is decided or kept in a centre is
    charged to it, what concerns customers to their region. The fixed cost of a delivery is shared equally by the SKUs
    on it. What a centre earned in a region is its part of the units shipped there, :meth:`revenue_by_lane`."""

    GAINS: ClassVar = ("revenue",)
    COSTS: ClassVar = (
        "purchase", "fixed_order", "holding", "shipping", "splitting", "lateness", "lost_sales", "refund",
        "return_handling",
    )  # fmt: skip
    UNITS: ClassVar = (
        "demanded", "shipped", "split", "lost", "backlogged", "waiting", "ordered", "received", "returned",
        "written_off", "on_hand",
    )  # fmt: skip

    revenue: Array  # regions
    purchase: Array  # centres
    fixed_order: Array  # centres
    holding: Array  # centres
    shipping: Array  # centres
    splitting: Array  # regions
    lateness: Array  # regions
    lost_sales: Array  # regions
    refund: Array  # regions
    return_handling: Array  # centres
    demanded: Array  # [R, K]
    shipped: Array  # [F, R, K]
    split: Array  # [R, K] shipped from another than the region's main centre
    lost: Array  # [R, K] cancelled
    backlogged: Array  # [R, K] that began to wait in this period
    waiting: Array  # [R, K] at the end of the period, which lateness is charged on
    ordered: Array  # [F, K]
    received: Array  # [F, K] from the supplier
    returned: Array  # [F, K] from customers, put into stock
    written_off: Array  # [F, K] none
    on_hand: Array  # [F, K] at the end of the period, which holding is charged on

    def revenue_by_lane(self) -> Array:
        """Revenue [F, R, K] by centre and region."""
        regions = self.shipped.shape[-2]
        sold = jnp.sum(self.shipped, -3)
        return self.shipped * (self.revenue[..., -regions:, :] / jnp.where(sold > 0, sold, 1.0))[..., None, :, :]
