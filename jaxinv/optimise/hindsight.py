"""What no policy can undercut: the cost of the best plan for someone who knows all demand beforehand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.env.supply_network import SupplyNetwork
from jaxinv.optimise.hindsight_network import hindsight_plan


def hindsight_bound(env: MultiWarehouse | SupplyNetwork, params: Any, demand: Any) -> Any:
    """Lower bound [] on the mean cost per period, undiscounted, along known ``demand`` of the periods that costs are
    counted in: of ``MultiWarehouse`` with lost sales, [T, W, K] (vmap for several paths), or of a ``SupplyNetwork``
    that begins anew, [T, M, K], on the host (:func:`hindsight_plan`).

    Raises ``ValueError`` for other environments, and where the bound is not defined or demand does not fit.
    """
    if isinstance(env, SupplyNetwork):
        return hindsight_plan(env, params, demand).cost
    if isinstance(env, MultiWarehouse):
        return _of_warehouses(env, params, demand)
    raise ValueError(f"no bound in hindsight is known here for {type(env).__name__}")


def _of_warehouses(env: MultiWarehouse, params: Any, demand: Array) -> Array:
    """See :func:`hindsight_bound`.

    A unit demanded in period t is either lost, at its penalty, or served from a delivery in some period a <= t, at
    unit cost less price plus t - a periods of holding; the last delivery is the cheapest. With capacities, line
    costs, batches and promotion costs relaxed, the warehouses separate and the periods between two deliveries cost
    a known amount, so the best plan is a shortest path over delivery periods (Wagner & Whitin 1958, Management
    Science 5(1), with lost sales). A first delivery in the first period is free: it stands for whatever stock there
    was. Where stock can come from other warehouses (transfers, cross-shipping), a unit may also be had without any
    delivery at its price less the cheapest lane into its warehouse, which keeps the bound valid.
    """
    if demand.ndim != 3 or demand.shape[1:] != env.cells or not len(demand):
        raise ValueError(f"demand must have shape (periods, *{env.cells}): warehouses by SKUs; got {demand.shape}")
    if np.asarray(params.backlog_share).max() > 0:
        raise ValueError("hindsight_bound is defined for lost sales: MultiWarehouse.backlog_share must be 0")
    lanes = [
        cost
        for on, cost in ((env.transfers, params.transfer_cost), (env.cross_shipping, params.cross_shipping_cost))
        if on
    ]
    off_diagonal = 1e9 * jnp.eye(env.num_warehouses)
    cheapest = jnp.min(jnp.stack([jnp.min(cost + off_diagonal, 0) for cost in lanes]), 0) if lanes else None

    def one_warehouse(demand, price, unit_cost, holding, penalty, fixed, lane):
        price, unit_cost, holding, penalty = (x[None, None] for x in (price, unit_cost, holding, penalty))
        periods = demand.shape[0]
        age = jnp.arange(periods)[None, :] - jnp.arange(periods)[:, None]  # [a, t]
        margin, held = unit_cost - price, holding * jnp.maximum(age, 0)[..., None]
        unit = jnp.minimum(margin + held, jnp.minimum(penalty, margin + lane))
        served = jnp.where(age >= 0, jnp.sum(unit * demand[None], -1), 0.0)
        until = jnp.cumsum(served, 1)  # [a, t]: periods a..t from the delivery in a

        def deliver(best, t):  # best [T + 1]: least cost of the periods before each; inf where not known yet
            total = best[:-1] + jnp.where(jnp.arange(periods) > 0, fixed, 0.0) + until[:, t]
            return best.at[t + 1].set(jnp.min(jnp.where(jnp.arange(periods) <= t, total, jnp.inf))), None

        start = jnp.full(periods + 1, jnp.inf).at[0].set(0.0)
        return jax.lax.scan(deliver, start, jnp.arange(periods))[0][-1] / periods

    lane = jnp.full(env.num_warehouses, jnp.inf) if cheapest is None else cheapest
    costs = jax.vmap(one_warehouse, in_axes=(1, 0, 0, 0, 0, 0, 0))(
        demand,
        params.price,
        params.unit_cost,
        params.holding_cost,
        params.stockout_cost,
        params.fixed_order_cost,
        lane,
    )
    return jnp.sum(costs)
