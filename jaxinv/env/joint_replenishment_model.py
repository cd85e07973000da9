"""The states and actions of ``JointReplenishment``, numbered."""

import dataclasses
from collections.abc import Sequence
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv.demand import DemandState
from jaxinv.demand.lead_time import fractile, lead_time_demand
from jaxinv.env.finite import Lattice, joint_support
from jaxinv.env.joint_replenishment import Exogenous, ExoState, JointReplenishment, Params, State


def finite_model(
    env: JointReplenishment,
    params: Params,
    max_position: int | Sequence[int] | None,
    min_inventory: int | Sequence[int] | None,
    max_trucks: int | None,
) -> "JointReplenishmentModel":
    """See ``JointReplenishment.finite_model``."""
    volume, share = float(params.truck_volume), np.asarray(params.backlog_share)
    if not np.isin(share, (0.0, 1.0)).all() or (env.full_trucks and volume != round(volume)):
        raise ValueError(
            f"a finite model needs whole units: JointReplenishment.backlog_share 0 or 1, got {share.tolist()}, and a "
            f"whole truck_volume where trucks are full, got {volume}"
        )
    major, minor = float(params.major_order_cost), np.asarray(params.minor_order_cost, float)
    holding = np.maximum(np.asarray(params.holding_cost, float), 1e-6)
    short = np.maximum(np.asarray(params.stockout_cost + params.price, float), 1e-6)

    # [N, n] probabilities for every day of the cycle to begin in
    once, during = (
        [lead_time_demand(params.demand, periods, day) for day in range(params.demand.cycle)]
        for periods in (1, env.lead_time + 1)
    )
    most_once, most_during = (np.max([_largest(table) for table in tables], 0) for tables in (once, during))
    mean = np.asarray(params.demand.mean(), float)
    economic = np.sqrt(2 * minor * mean / holding)
    if max_position is None:
        ratios = short / (short + holding)
        levels = np.max([[fractile(row, ratio) for row, ratio in zip(t, ratios, strict=True)] for t in during], 0)
        lot = volume if env.full_trucks else np.minimum(volume, np.sqrt(2 * major * mean / holding))
        highest = np.ceil(levels + lot + economic).astype(int)
    else:
        highest = np.broadcast_to(max_position, env.cells)
    if min_inventory is None:
        worth_a_truck = np.ceil((major + np.sum(minor)) / short).astype(int)
        lowest = np.where(share == 0.0, 0, -worth_a_truck - most_during)
    else:
        lowest = np.broadcast_to(min_inventory, env.cells)
    if max_trucks is None:
        max_trucks = int(np.ceil((most_once + economic).sum() / volume)) + 1
    max_units = int(min(max_trucks * volume, (highest - lowest).sum()))
    max_orders = np.minimum(highest - lowest, max_units).tolist()
    outstanding = max(env.lead_time - 1, 0)
    return JointReplenishmentModel(
        env=env,
        positions=tuple(highest.tolist()),
        max_orders=tuple(max_orders),
        max_units=max_units,
        multiple=round(volume) if env.full_trucks else 1,
        num_demands=tuple((most_once + 1).tolist()),
        lattice=Lattice(
            low=(*lowest.tolist(), *(0,) * (env.num_items * outstanding), 0),
            sizes=(
                *(highest - lowest + 1).tolist(),
                *[most + 1 for most in max_orders] * outstanding,
                params.demand.cycle,
            ),
        ),
    )


def _largest(table: np.ndarray) -> np.ndarray:
    """Largest possible number of units [N] of probabilities [N, n]."""
    return np.array([np.flatnonzero(row)[-1] for row in table])


@cache
def _joint_orders(max_orders: tuple[int, ...], max_units: int, multiple: int) -> np.ndarray:
    """Whole orders [A, N] of at most ``max_orders`` of each item whose sum is a multiple and at most ``max_units``."""
    orders = np.stack([axis.ravel() for axis in np.indices([most + 1 for most in max_orders])], -1)
    units = orders.sum(-1)
    return orders[(units <= max_units) & (units % multiple == 0)].astype(np.float32)


@dataclasses.dataclass(frozen=True)
class JointReplenishmentModel:
    """States and actions of :class:`JointReplenishment`, numbered (see ``env.finite.FiniteModel``): inventories and
    outstanding orders of the items and the day in the cycle of demand; joint orders whose sum is a ``multiple``."""

    env: JointReplenishment
    positions: tuple[int, ...]  # that orders raise the inventory positions of the items to, at most
    max_orders: tuple[int, ...]
    max_units: int  # of all items together
    multiple: int
    num_demands: tuple[int, ...]  # of the items in a period
    lattice: Lattice

    @property
    def num_states(self) -> int:
        return len(self.lattice)

    @property
    def orders(self) -> np.ndarray:
        """All joint orders [A, N], the empty one first."""
        return _joint_orders(self.max_orders, self.max_units, self.multiple)

    @property
    def num_actions(self) -> int:
        return len(self.orders)

    def index_to_state(self, index: Array, params: Params, time: Array | int = 0) -> State:
        *quantities, day = self.lattice.vector(index)
        items = self.env.num_items
        inventory, *pipeline = (
            jnp.stack(quantities[k : k + items]).astype(jnp.float32) for k in range(0, len(quantities), items)
        )
        return State(
            time=jnp.asarray(time, jnp.int32),
            exo=ExoState(demand=DemandState(day=day)),
            inventory=inventory,
            pipeline=tuple(pipeline),
        )

    def state_to_index(self, state: State, params: Params) -> Array:
        units = [by_item[item] for by_item in (state.inventory, *state.pipeline) for item in range(self.env.num_items)]
        return self.lattice.index((*units, state.exo.demand.day % params.demand.cycle))

    def index_to_action(self, index: Array, params: Params) -> Array:
        return jnp.asarray(self.orders)[index]

    def action_mask(self, state: State, params: Params) -> Array:
        """Orders that leave the position of every item ordered within its bound."""
        orders = jnp.asarray(self.orders)
        position = self.env.inventory_position(state)[None] + orders
        most = jnp.asarray(self.positions, jnp.float32)[None]
        return jnp.all((orders == 0) | (position <= most), 1)

    def exogenous_support(self, state: State, action: Array, params: Params) -> tuple[Exogenous, Array]:
        values, by_item = params.demand.law(state.exo.demand).support(max(self.num_demands))
        demands, probabilities = joint_support(
            [(values[:n], probabilities[:n]) for n, probabilities in zip(self.num_demands, by_item, strict=True)]
        )
        following = params.demand.advance(jnp.zeros(0), state.exo.demand)
        following = jax.tree.map(lambda x: jnp.broadcast_to(x, probabilities.shape), following)
        return Exogenous(demand=jnp.stack(demands, 1), next=ExoState(demand=following)), probabilities
