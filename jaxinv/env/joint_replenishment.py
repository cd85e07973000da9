"""Several items on the trucks of one supplier: ``JointReplenishment-v0``."""

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.demand import Demand, UniformInteger
from jaxinv.env import core, spaces
from jaxinv.env.demand_driven import DemandDriven, Exogenous, ExoState
from jaxinv.env.finite import FiniteModel
from jaxinv.env.given import Given, structure

_PART_OF_A_TRUCK = 1e-5  # that is rounding


@struct.dataclass(kw_only=True)
class Params(core.EnvParams):
    """Numbers of the problem, of N items or of all together. Money per unit and period unless said otherwise."""

    demand: Demand  # a process of shape (N,)
    truck_volume: Array = struct.leaf(6.0, above=0.0)  # units of all items together
    major_order_cost: Array = struct.leaf(75.0, low=0.0)  # per truck
    minor_order_cost: Array = struct.leaf(10.0, shape="N", low=0.0)  # per order of the item
    price: Array = struct.leaf(0.0, shape="N", low=0.0)  # per unit sold
    unit_cost: Array = struct.leaf(0.0, shape="N", low=0.0)  # per unit ordered
    holding_cost: Array = struct.leaf(1.0, shape="N", low=0.0)  # on stock at the end of the period
    stockout_cost: Array = struct.leaf(19.0, shape="N", low=0.0)  # on units lost, and on backlog at the period's end
    backlog_share: Array = struct.leaf(1.0, shape="N", low=0.0, high=1.0)  # part of newly unmet demand that waits
    batch_size: Array = struct.leaf(1.0, shape="N", above=0.0)  # units; met by action wrappers, not by the transition
    minimum_order: Array = struct.leaf(0.0, shape="N", low=0.0)  # units; likewise
    initial_inventory: Array = struct.leaf(shape="N")  # units at reset: on hand less backlog
    demand_scale: Array = struct.leaf(shape="N", above=0.0)  # units: typical demand, in which observations are measured


@struct.dataclass(kw_only=True)
class State(core.EnvState):
    inventory: Array  # [N]: on hand less backlog, orders due now included
    pipeline: tuple[Array, ...]  # L - 1 outstanding orders [N]; entry k arrives k + 1 periods from now


@struct.dataclass(kw_only=True)
class Ledger(core.Ledger):
    """All [N]."""

    GAINS: ClassVar = ("revenue",)
    COSTS: ClassVar = ("purchase", "major_order", "minor_order", "holding", "stockout")
    UNITS: ClassVar = ("demanded", "sold", "lost", "backlogged", "ordered", "received", "written_off", "on_hand")

    revenue: Array
    purchase: Array
    major_order: Array  # of the trucks, in equal parts on the items ordered
    minor_order: Array
    holding: Array
    stockout: Array
    demanded: Array
    sold: Array  # waiting customers included
    lost: Array
    backlogged: Array  # that began to wait in this period
    ordered: Array
    received: Array  # put into stock
    written_off: Array  # none
    on_hand: Array  # at the end of the period, which holding is charged on


@dataclasses.dataclass(frozen=True)
class JointReplenishment(DemandDriven):
    """N items are ordered from one supplier, whose trucks they share; unmet demand waits, is lost, or does each in part
    (Vanvuchelen, Gijsbrechts and Boute 2020, Computers in Industry 119, eqs. 1 to 4).

    Order of events. A state is seen at the moment of decision, event 2, so a call of ``transition`` runs events 2
    to 5 of a period and event 1 of the next.

    1. The orders due now arrive. Waiting customers are served.
    2. Decision: an order in units of every item, [N].
    3. ``major_order`` is charged on every truck, full or not, that the orders need together, ``minor_order`` on every
       item ordered and ``purchase`` on the units. An order with lead time l is in stock for the demand of the l-th
       period after this one (0: of this one).
    4. Demand. What stock cannot serve is lost but for the ``backlog_share``, which waits.
    5. ``holding`` is charged on stock on hand, ``stockout`` on units lost now and on all customers waiting, and
       ``revenue`` on units sold. Time advances.

    ``transition`` takes any orders. With ``full_trucks`` those numbered by :meth:`finite_model` fill their trucks; act
    with ``wrappers.EnumeratedActions`` to be held to them.

    Observation [F], in units of ``demand_scale``: inventory of the N items, L - 1 outstanding orders of the N items by
    periods to arrival; with ``calendar`` the demand expected of the N items in the coming and in the L next periods
    and the weekday (one-hot, Monday first).
    """

    num_items: int = 2  # N, items
    lead_time: int = 0  # L, periods
    full_trucks: bool = True  # whether orders must add up to full trucks
    calendar: bool = False  # whether the observation tells the calendar, for demand that has one

    def __post_init__(self):
        structure(self, num_items=1, lead_time=0)

    # -- parameters -----------------------------------------------------------------------------------------------
    def default_params(self) -> Params:
        """Trucks of 6 units cost 75 and an item ordered 10, holding cost 1, stock-out cost 19, full backlog; demand of
        0..5 and 0..3 units in turn (Vanvuchelen et al. 2020, setting 1 for two items)."""
        return self.make_params()

    def make_params(self, **numbers: Any) -> Params:
        """Parameters with defaults for what is not given. Scalars stand for all items; ``initial_inventory`` covers the
        lead time and a period.

        Raises ``ValueError`` for a name or a value that does not fit.
        """
        given = Given("JointReplenishment", Params, numbers, {"N": self.num_items})
        highest = jnp.resize(jnp.array([5.0, 3.0]), self.cells)
        demand = given.demand(lambda: UniformInteger(jnp.zeros(self.cells), highest), self.cells)
        mean = np.asarray(demand.mean())
        covered = np.ceil(mean * (self.lead_time + 1))
        return given.params(demand=demand, initial_inventory=covered, demand_scale=np.maximum(mean, 0.1))

    # -- the transition -------------------------------------------------------------------------------------------
    def init_state(self, u: Array, params: Params) -> State:
        return State(
            time=jnp.int32(0),
            exo=ExoState(demand=params.demand.init(u)),
            inventory=params.initial_inventory,
            pipeline=(jnp.zeros(self.cells, jnp.float32),) * (self.lead_time - 1),
        )

    def transition(self, state: State, action: Array, exo: Exogenous, params: Params) -> tuple[State, core.Outcome]:
        # 3. the orders
        nothing = jnp.zeros(self.cells, jnp.float32)
        if self.lead_time == 0:
            now, due, later = action, nothing, []
        else:
            now, (due, *later) = nothing, (*state.pipeline, action)
        trucks = jnp.ceil(jnp.sum(action) / params.truck_volume - _PART_OF_A_TRUCK)
        lines = (action > 0).astype(jnp.float32)

        # 4. demand
        inventory = state.inventory + now
        unmet = jnp.maximum(exo.demand - jnp.maximum(inventory, 0.0), 0.0)
        backlogged = params.backlog_share * unmet
        lost = unmet - backlogged
        inventory = inventory - exo.demand + lost
        stock, backlog = jnp.maximum(inventory, 0.0), jnp.maximum(-inventory, 0.0)

        # 5. costs are charged on the stock of this moment; then, 1., what is due at the next period's start arrives
        inventory = inventory + due
        waited, wait = jnp.maximum(-state.inventory, 0.0), jnp.maximum(-inventory, 0.0)
        sold = waited + exo.demand - lost - wait
        ledger = Ledger(
            revenue=params.price * sold,
            purchase=params.unit_cost * action,
            major_order=params.major_order_cost * trucks * lines / jnp.maximum(jnp.sum(lines), 1.0),
            minor_order=params.minor_order_cost * lines,
            holding=params.holding_cost * stock,
            stockout=params.stockout_cost * (lost + backlog),
            demanded=exo.demand,
            sold=sold,
            lost=lost,
            backlogged=backlogged,
            ordered=action,
            received=now + due,
            written_off=nothing,
            on_hand=stock,
        )
        following = State(time=state.time + 1, exo=exo.next, inventory=inventory, pipeline=tuple(later))
        return following, core.Outcome(reward=ledger.reward(), terminated=jnp.bool_(False), ledger=ledger)

    # -- what policies read ---------------------------------------------------------------------------------------
    @property
    def cells(self) -> tuple[int, ...]:
        return (self.num_items,)

    def inventory_position(self, state: State) -> Array:
        """On hand plus under way less backlog, [N]."""
        return sum(state.pipeline, state.inventory) + self.awaited(state)

    def lead_time_mean(self, params: Params) -> Array:
        """Lead time [] in periods."""
        return jnp.float32(self.lead_time)

    def flow(self) -> tuple[tuple[str, str, str], ...]:
        items = range(self.num_items)
        lanes = [("supplier", f"item {i}", core.in_periods(self.lead_time)) for i in items]
        return (*lanes, *((f"item {i}", f"customers {i}", "") for i in items))

    # -- spaces and observation -----------------------------------------------------------------------------------
    def observation_space(self, params: Params) -> spaces.Box:
        calendar = self.num_items * (self.lead_time + 1) + 7 if self.calendar else 0
        return spaces.unbounded((self.num_items * max(self.lead_time, 1) + calendar,))

    def observe(self, state: State, params: Params) -> Array:
        features = [quantity / params.demand_scale for quantity in (state.inventory, *state.pipeline)]
        if self.calendar:
            expected = self.expected_demand(state, params, self.lead_time + 1)
            features += [*(demand / params.demand_scale for demand in expected), self.weekday(state)]
        return jnp.concatenate(features)

    # -- exact solution -------------------------------------------------------------------------------------------
    def finite_model(
        self,
        params: Params,
        *,
        max_position: int | Sequence[int] | None = None,
        min_inventory: int | Sequence[int] | None = None,
        max_trucks: int | None = None,
    ) -> FiniteModel:
        """Its states and actions, numbered, for whole units: for concrete ``params``, and others of the same truck
        volume like them. The demands of the items are independent of each other.

        The bounds, of one item or of all, are generous but not proved. ``max_position`` of an item is the newsvendor
        level of the demand of L + 1 periods, one truck (if it may be partly filled, at most the economic order on
        its own) and the order that is economic for the minor cost. ``min_inventory`` is the backlog that costs as
        much in a period as a truck and all minor costs, and the largest demand of L + 1 periods; 0 with lost sales.
        ``max_trucks`` in a period hold the largest demand, the economic orders, and one truck more.

        Raises ``ValueError`` where inventory is not whole, ``NotImplementedError`` where demand has no finite support.
        """
        from jaxinv.env import joint_replenishment_model  # which is about this class

        return joint_replenishment_model.finite_model(self, params, max_position, min_inventory, max_trucks)
