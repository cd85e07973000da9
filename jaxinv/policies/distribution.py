"""Order-up-to policies for a warehouse and its stores, which differ in how they ration, and a bound on what any costs.

Inventory positions are on hand less backlog plus what is under way, what is due now included; the warehouse's echelon
position is its own and those of all stores.
"""

from typing import Any, Self

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import ndtri

from jaxinv import struct
from jaxinv.demand import CorrelatedNormal, Demand
from jaxinv.demand import Distribution as StationaryDemand
from jaxinv.env import rationing
from jaxinv.env.given import whole
from jaxinv.policies import closed_forms
from jaxinv.policies.base import whole_orders


@struct.dataclass(kw_only=True)
class EchelonBaseStock(struct.Typed):
    """The warehouse orders what its echelon position is short of a level, each store what its position is short of
    its own. Where stock is short, the largest shortfall from the stores' levels is made as small as possible (Kaynov et
    al. 2024, International Journal of Production Economics 267, "min-shortage").

    Orders and shipments are whole units.
    """

    warehouse_level: Array = struct.leaf()  # [] units
    store_level: Array = struct.leaf()  # [N] or [] units

    @classmethod
    def of(cls, env: Any, params: Any, **fields: Any) -> Self:
        """Newsvendor levels for normal demand: of each store over its lead time, and of all together over the
        warehouse's lead time as well, where stores cover for each other until stock is allocated."""
        store, warehouse = _newsvendor_levels(env, params)
        return cls(warehouse_level=jnp.round(warehouse), store_level=jnp.round(store), **fields)

    def __call__(self, env: Any, state: Any, params: Any, key: Array) -> Array:
        wanted = self.wanted(env, state, params)
        order = self.order(env, state, wanted)
        shipments = self.allocate(env.available(order, state, params), wanted, env, state, params)
        return env.order_action(jnp.concatenate([order[None], shipments]))

    def wanted(self, env: Any, state: Any, params: Any) -> Array:
        """Units [N] that the stores are short of their levels, and have room for."""
        short = jnp.maximum(self.store_level - env.inventory_position(state)[1:], 0.0)
        return env.within_capacity(short, state, params)

    def order(self, env: Any, state: Any, wanted: Array) -> Array:
        """The warehouse's order [] when the stores want ``wanted`` [N]."""
        return whole_orders(self.warehouse_level - env.inventory_position(state)[0])

    def allocate(self, available: Array, wanted: Array, env: Any, state: Any, params: Any) -> Array:
        """Shipments [N] of at most ``wanted`` [N], ``available`` [] in all."""
        available, wanted = jnp.floor(available + 1e-3), jnp.round(wanted)
        shipments = rationing.balanced(available, wanted, -wanted, jnp.ones_like(wanted))
        return rationing.whole_units(shipments, available, wanted)


@struct.dataclass(kw_only=True)
class ProportionalEchelonBaseStock(EchelonBaseStock):
    """Echelon base-stock that cuts what the stores want in the same proportion where stock is short, and rounds down
    (Kaynov et al. 2024, eq. 8)."""

    def allocate(self, available: Array, wanted: Array, env: Any, state: Any, params: Any) -> Array:
        return jnp.floor(rationing.proportional(available, jnp.round(wanted)) + 1e-3)


@struct.dataclass(kw_only=True)
class InstallationBaseStock(EchelonBaseStock):
    """The warehouse orders what its own position is short of its level, less what it ships in this period (Van Roy et
    al. 1997, with one level for all stores, so that the smallest position is made as large as possible) or, unless
    ``after_shipping``, as if it did not know of that yet. Stock that can be shipped is that before the order."""

    after_shipping: bool = struct.static(True)

    def __call__(self, env: Any, state: Any, params: Any, key: Array) -> Array:
        shipments = self.allocate(state.warehouse, self.wanted(env, state, params), env, state, params)
        position = env.warehouse_position(state) - self.after_shipping * jnp.sum(shipments)
        order = whole_orders(self.warehouse_level - position)
        return env.order_action(jnp.concatenate([order[None], shipments]))


@struct.dataclass(kw_only=True)
class BalancedBaseStock(EchelonBaseStock):
    """Echelon base-stock that ships so that all stores are equally safe: the smallest number of standard deviations by
    which a position exceeds the mean demand of its lead time and a period is made as large as possible (Eppen and
    Schrage 1981, *Centralized ordering policies in a multi-warehouse system with lead times and random demand*, in the
    form for unequal stores). Quantities are not rounded. A warehouse without stock ships all it has.
    """

    mean: Array = struct.leaf()  # [N] units demanded in the store's lead time and a period
    deviation: Array = struct.leaf(above=0.0)  # [N] their standard deviation

    @classmethod
    def of(cls, env: Any, params: Any, **fields: Any) -> Self:
        store, warehouse = _newsvendor_levels(env, params)
        mean, deviation, _ = _lead_time_demand(env, params)
        return cls(warehouse_level=warehouse, store_level=store, mean=mean, deviation=deviation, **fields)

    def order(self, env: Any, state: Any, wanted: Array) -> Array:
        return jnp.maximum(self.warehouse_level - env.inventory_position(state)[0], 0.0)

    def allocate(self, available: Array, wanted: Array, env: Any, state: Any, params: Any) -> Array:
        wanted = jnp.full_like(wanted, available) if env.cross_docking else wanted
        excess = env.inventory_position(state)[1:] - self.mean
        return rationing.balanced(available, wanted, excess, self.deviation)


def _lead_time_demand(env: Any, params: Any) -> tuple[Array, Array, Array]:
    """Mean and standard deviation [N] of what stores are demanded in their lead time and a period, and the variance []
    of what all are demanded together in a period."""
    periods = jnp.array(env.store_lead_times, jnp.float32) + 1.0
    variance = demand_covariance(params.demand)
    deviation = jnp.sqrt(periods * jnp.diagonal(variance))
    return periods * params.demand.mean(), jnp.maximum(deviation, 1e-6), jnp.sum(variance)


def demand_covariance(demand: Demand) -> Array:
    """Covariance matrix [N, N] of a period's demand [N]; where a normal law is clipped nearly, with the correlation it
    had before.

    Raises ``ValueError`` unless demand is a stationary distribution.
    """
    if not isinstance(demand, StationaryDemand):
        raise ValueError(f"demand must be a stationary distribution, got {type(demand).__name__}")
    deviation = jnp.sqrt(demand.variance())
    correlation = demand.correlation if isinstance(demand, CorrelatedNormal) else 0.0
    same = jnp.eye(deviation.shape[0])
    return deviation[:, None] * deviation[None] * (same + (1.0 - same) * correlation)


def _newsvendor_levels(env: Any, params: Any) -> tuple[Array, Array]:
    """Levels of the stores [N] and of the echelon [] for normal demand."""
    mean, deviation, variance = _lead_time_demand(env, params)
    short = closed_forms.shortage_cost(params)
    z = ndtri(jnp.clip(short / jnp.maximum(short + params.holding_cost[1:], 1e-6), 0.05, 0.999))
    together = jnp.sqrt(env.warehouse_lead_time * variance + jnp.sum(deviation) ** 2)
    total = env.warehouse_lead_time * jnp.sum(params.demand.mean()) + jnp.sum(mean)
    return mean + z * deviation, total + jnp.mean(z) * together


def cross_docking_bound(
    covariance: Any, warehouse_lead_time: int, store_lead_time: int, holding: Any, penalty: Any
) -> tuple[Array, Array]:
    """Safety stock of the echelon and a lower bound on the average cost per period with full backlog, if the warehouse
    holds no stock and demand is normal with ``covariance`` [N, N]; costs and lead times are those of every store.

    It is the cost of a relaxation in which stock under way can be moved between stores, so that all have the same
    number of standard deviations: with v the variance of all demand of a period, s the sum of the stores' standard
    deviations and L_w, L_s the lead times, a newsvendor on a standard deviation of sqrt(L_w v + (L_s + 1) s^2) (Eppen
    and Schrage 1981; Federgruen and Zipkin 1984, Management Science 30(1)). The order-up-to level of the echelon is
    the mean demand of L_w + L_s + 1 periods plus the safety stock.

    Raises ``ValueError`` for what is no covariance matrix, lead times or costs.
    """
    covariance = np.asarray(covariance, np.float64)
    if covariance.ndim != 2 or covariance.shape[0] != covariance.shape[1] or not np.allclose(covariance, covariance.T):
        raise ValueError(f"covariance must be a square matrix, the same as its transpose; got shape {covariance.shape}")
    if not np.linalg.eigvalsh(covariance).min(initial=0.0) >= -1e-6 * np.abs(covariance).max(initial=0.0):
        raise ValueError(f"covariance must have no negative eigenvalue, got {covariance.tolist()}")
    for name, lead_time in (("warehouse_lead_time", warehouse_lead_time), ("store_lead_time", store_lead_time)):
        whole(name, lead_time, 0)
    for name, cost in (("holding", holding), ("penalty", penalty)):
        if not np.all(np.asarray(cost) > 0.0):
            raise ValueError(f"{name} must be > 0, got {np.asarray(cost).tolist()}")
    stores = np.sqrt(np.diagonal(covariance)).sum()
    deviation = np.sqrt(warehouse_lead_time * covariance.sum() + (store_lead_time + 1) * stores**2)
    return closed_forms.normal_newsvendor(0.0, deviation, holding, penalty)  # type: ignore[arg-type]
