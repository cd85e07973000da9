"""One warehouse that supplies several stores: ``Distribution-v0``."""

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.demand import Demand, Poisson
from jaxinv.demand.quantiles import binomial_quantile
from jaxinv.env import core, demand_driven, rationing, spaces
from jaxinv.env.demand_driven import DemandDriven, ExoState
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.given import Given, structure, whole, wholes


@struct.dataclass(kw_only=True)
class Params(core.EnvParams):
    """Numbers of the problem, of N stores or of L = 1 + N locations, the warehouse first. Money per unit and period
    unless said otherwise."""

    demand: Demand  # a process of shape (N,)
    price: Array = struct.leaf(0.0, shape="N", low=0.0)  # per unit sold
    unit_cost: Array = struct.leaf(0.0, low=0.0)  # per unit that the warehouse orders
    holding_cost: Array = struct.leaf(shape="L", low=0.0)  # on stock
    stockout_cost: Array = struct.leaf(9.0, shape="N", low=0.0)  # on units lost, and on backlog at the period's end
    backlog_share: Array = struct.leaf(shape="N", low=0.0, high=1.0)  # part of newly unmet demand, waiting at the store
    special_delivery_cost: Array = struct.leaf(0.0, shape="N", low=0.0)  # per unit from the warehouse to a customer
    wait_probability: Array = struct.leaf(shape="N", low=0.0, high=1.0)  # that a customer accepts a special delivery
    production_capacity: Array = struct.leaf(UNLIMITED, low=0.0)  # units that the warehouse can order in a period
    warehouse_capacity: Array = struct.leaf(UNLIMITED, low=0.0)  # units on hand and on their way to the warehouse
    store_capacity: Array = struct.leaf(UNLIMITED, shape="N", low=0.0)  # units on hand, less backlog, and on their way
    batch_size: Array = struct.leaf(1.0, shape="L", above=0.0)  # units; met by action wrappers, not by the transition
    minimum_order: Array = struct.leaf(0.0, shape="L", low=0.0)  # units; likewise
    initial_inventory: Array = struct.leaf(shape="L")  # units at reset: on hand less backlog
    demand_scale: Array = struct.leaf(shape="L", above=0.0)  # units: typical demand, in which observations are measured


@struct.dataclass(kw_only=True)
class State(core.EnvState):
    warehouse: Array  # []: on hand, the order due now included
    stores: Array  # [N]: on hand less backlog, shipments due now included
    orders: tuple[Array, ...]  # [] each: the warehouse's outstanding orders; entry k arrives k + 1 periods from now
    shipments: tuple[Array, ...]  # [N] each: what is on its way to the stores; likewise


@struct.dataclass(kw_only=True)
class Exogenous(demand_driven.Exogenous):
    patience: Any = ()  # [N] uniforms that decide who accepts a special delivery, where there are any
    turn: Any = ()  # [N] uniforms, the least of which is served first, with random rationing


@struct.dataclass(kw_only=True)
class Ledger(core.Ledger):
    """Money, and units by location, [1 + N], the warehouse first; units of customers [N]."""

    GAINS: ClassVar = ("revenue",)
    COSTS: ClassVar = ("purchase", "holding", "stockout", "special_delivery")
    UNITS: ClassVar = (
        "demanded", "sold", "delivered", "lost", "backlogged", "ordered", "received", "written_off", "on_hand",
    )  # fmt: skip

    revenue: Array
    purchase: Array
    holding: Array
    stockout: Array
    special_delivery: Array
    demanded: Array
    sold: Array  # waiting customers and special deliveries included
    delivered: Array  # by special delivery
    lost: Array
    backlogged: Array  # that began to wait in this period
    ordered: Array  # by the warehouse; shipped to the stores
    received: Array  # put into stock
    written_off: Array  # none
    on_hand: Array  # that holding is charged on


@dataclasses.dataclass(frozen=True)
class Distribution(DemandDriven):
    """A warehouse orders one item from a supplier and ships it to N stores; what a store cannot serve is lost, waits at
    the store, or is delivered to the customer from the warehouse.

    With other numbers it is the retailer problem of Van Roy, Bertsekas, Lee and Tsitsiklis (1997, *A neuro-dynamic
    programming approach to retailer inventory management*), the one-warehouse multi-retailer problem of Kaynov et al.
    (2024, International Journal of Production Economics 267) and, with ``cross_docking``, the centre without stock of
    Eppen and Schrage (1981), which Alvo et al. (2023, *Neural inventory control in networks via hindsight
    differentiable policy optimization*) call transshipment.

    Order of events. A state is seen at the moment of decision, event 2, so a call of ``transition`` runs events 2
    to 6 of a period and event 1 of the next.

    1. The order due now arrives at the warehouse and shipments due now arrive at the stores, where they serve waiting
       customers.
    2. Decision: orders in units, [1 + N]: of the warehouse at the supplier, then of the stores at the warehouse.
    3. The warehouse's order is cut to ``production_capacity`` and to what leaves its stock and orders outstanding
       within ``warehouse_capacity`` when this period's shipments have left. ``purchase`` is charged on the rest. An
       order with lead time l can be shipped in the l-th period after this one (0: in this one).
    4. The stores' orders are cut to what leaves their inventory positions within ``store_capacity``. Where they exceed
       the warehouse's stock all are cut in the same proportion or, with ``random_rationing``, filled store by store in
       an order that is drawn anew in every period (Kaynov et al. 2024 train so); other rules are projections of the
       action (see ``env.rationing``). With ``cross_docking`` they are raised in the same proportion, too, so that all
       stock leaves (in equal parts where nothing is ordered). What a store does not get is not owed to it. A shipment
       with lead time l is in stock for the demand of the l-th period after this one (0: of this one).
    5. Demand. With ``special_deliveries`` each customer for whom the store is short accepts one with
       ``wait_probability``; they are made at once from what stock the warehouse has left, for all stores in the same
       proportion where it is too little. Of what is still unmet ``backlog_share`` waits and the rest is lost.
    6. ``holding`` is charged on stock on hand at the warehouse and in the stores (with ``holding_before_demand`` on
       that between events 4 and 5, as Van Roy et al. charge it), ``stockout`` on units lost now and on all customers
       waiting, ``special_delivery`` on units so delivered and ``revenue`` on units sold. Nothing is charged on units
       under way. Time advances. The ledger books holding at its location, purchase at the warehouse and all else at
       the store.

    Observation [1 + N, F], per location, the warehouse first, in units of its ``demand_scale``; L is the longest lead
    time:

    ==================  ===============  ==========================================================================
    feature             count            meaning
    ==================  ===============  ==========================================================================
    inventory           1                on hand less backlog
    outstanding         max(L, 1) - 1    on their way, by periods to arrival
    position            1                inventory position, of the warehouse: of its echelon
    warehouse           1                1 for the warehouse
    lead time           1                over L + 1
    cost ratio          1                stock-out cost over that plus holding cost, of the warehouse: of all stores
    size                1                log of ``demand_scale``
    forecast            L + 1            with ``calendar``: demand expected in the coming and the L next periods
    weekday             7                with ``calendar``: one-hot day of the coming period, Monday first
    ==================  ===============  ==========================================================================
    """

    num_stores: int = 3  # N, stores
    warehouse_lead_time: int = 2  # periods from the supplier to the warehouse
    store_lead_time: int | tuple[int, ...] = 1  # periods from the warehouse, to all stores or to each
    special_deliveries: bool = False  # whether the warehouse serves customers whose store is short
    random_rationing: bool = False  # whether short stock goes to the stores in random order, not in proportion
    cross_docking: bool = False  # whether the warehouse holds no stock
    holding_before_demand: bool = False  # whether holding is charged before demand, not after it
    calendar: bool = False  # whether the observation tells the calendar, for demand that has one

    agent_axes: ClassVar = {"location": 0}
    outside_orders: ClassVar = slice(1)

    def __post_init__(self):
        structure(self, num_stores=1, warehouse_lead_time=0)
        where, given = "Distribution.store_lead_time", self.store_lead_time
        of_each = isinstance(given, list | tuple | np.ndarray)
        given = wholes(where, given, 0, "store") if of_each else whole(where, given, 0)
        if isinstance(given, tuple) and len(given) not in (1, self.num_stores):
            raise ValueError(f"{where} must be one for all stores or {self.num_stores}, got {given}")
        object.__setattr__(self, "store_lead_time", given)
        for name in ("special_deliveries", "random_rationing"):
            if self.cross_docking and getattr(self, name):
                raise ValueError(f"Distribution.{name} needs stock at the warehouse: not with cross_docking")

    @property
    def store_lead_times(self) -> tuple[int, ...]:
        """Of every store, [N]."""
        given = self.store_lead_time
        return given * (self.num_stores // len(given)) if isinstance(given, tuple) else (given,) * self.num_stores

    @property
    def longest_lead_time(self) -> int:
        return max(self.warehouse_lead_time, *self.store_lead_times)

    # -- parameters -----------------------------------------------------------------------------------------------
    def default_params(self) -> Params:
        """Full backlog, Poisson demand of 3 a period in every store, holding cost 0.5 at the warehouse and 1 in the
        stores, stock-out cost 9 (Kaynov et al. 2024, instance 1); with ``special_deliveries`` nobody waits at the store
        and 0.8 of the customers accept one (instance 11)."""
        return self.make_params()

    def make_params(self, **numbers: Any) -> Params:
        """Parameters with defaults for what is not given. Scalars stand for all stores or locations.
        ``initial_inventory`` covers each location's lead time and a period.

        Raises ``ValueError`` for a name or a value that does not fit.
        """
        given = Given("Distribution", Params, numbers, {"N": self.num_stores, "L": 1 + self.num_stores})
        demand = given.demand(lambda: Poisson(np.full(self.num_stores, 3.0)), (self.num_stores,))  # type: ignore
        mean = np.asarray(demand.mean())
        by_location = np.concatenate([[mean.sum()], mean])
        initial = np.ceil(by_location * (np.array([self.warehouse_lead_time, *self.store_lead_times]) + 1))
        if self.cross_docking:
            initial[0] = 0.0
        initial = given.array("initial_inventory", initial)
        if initial[0] < 0:
            raise ValueError(
                f"Distribution.initial_inventory of the warehouse, which comes first, must be >= 0, got {initial[0]}"
            )
        wait_probability = given.array("wait_probability", 0.8 if self.special_deliveries else 0.0)
        if not self.special_deliveries and wait_probability.any():
            raise ValueError("Distribution.wait_probability needs Distribution.special_deliveries")
        if self.cross_docking and (given.array("store_capacity") < UNLIMITED).any():
            raise ValueError("Distribution.store_capacity must be unlimited with cross_docking: all stock must leave")
        return given.params(
            demand=demand,
            holding_cost=[0.5] + [1.0] * self.num_stores,
            backlog_share=0.0 if self.special_deliveries else 1.0,
            wait_probability=wait_probability,
            initial_inventory=initial,
            demand_scale=np.maximum(by_location, 0.1),
        )

    # -- exogenous information ------------------------------------------------------------------------------------
    def num_uniforms(self, params: Params) -> int:
        return params.demand.num_uniforms + self.num_stores * (self.special_deliveries + self.random_rationing)

    def exogenous(self, u: Array, state: State, params: Params) -> Exogenous:
        of_demand = params.demand.num_uniforms
        demand, following = params.demand.draw(u[:of_demand], state.exo.demand)
        return Exogenous(
            demand=demand,
            patience=u[of_demand : of_demand + self.num_stores] if self.special_deliveries else (),
            turn=u[-self.num_stores :] if self.random_rationing else (),
            next=ExoState(demand=following),
        )

    # -- the transition -------------------------------------------------------------------------------------------
    def init_state(self, u: Array, params: Params) -> State:
        return State(
            time=jnp.int32(0),
            exo=ExoState(demand=params.demand.init(u)),
            warehouse=params.initial_inventory[0],
            stores=params.initial_inventory[1:],
            orders=(jnp.float32(0),) * (self.warehouse_lead_time - 1),
            shipments=(jnp.zeros(self.num_stores, jnp.float32),) * (max(self.store_lead_times) - 1),
        )

    def transition(self, state: State, action: Array, exo: Exogenous, params: Params) -> tuple[State, core.Outcome]:
        # 3. the warehouse's order; without a lead time it is there to be shipped
        nothing = jnp.float32(0)
        wanted = self.within_capacity(action[1:], state, params)
        order = self._ordered(action[0], wanted, state, params)
        if self.warehouse_lead_time == 0:
            order_now, order_due, orders = order, nothing, []
        else:
            order_now, (order_due, *orders) = nothing, (*state.orders, order)
        warehouse = state.warehouse + order_now

        # 4. shipments
        shipped = self._shipped(warehouse, wanted, exo)
        warehouse = jnp.maximum(warehouse - jnp.sum(shipped), 0.0)  # rounding must not leave less than nothing
        now, due, *shipments = self._scheduled(state.shipments, shipped)
        stores = state.stores + now
        before = warehouse, jnp.maximum(stores, 0.0)

        # 5. demand
        unmet = jnp.maximum(exo.demand - jnp.maximum(stores, 0.0), 0.0)
        delivered = self._delivered(warehouse, unmet, exo, params)
        warehouse = jnp.maximum(warehouse - jnp.sum(delivered), 0.0)
        backlogged = params.backlog_share * (unmet - delivered)
        lost = unmet - delivered - backlogged
        stores = stores - exo.demand + delivered + lost
        stock, backlog = jnp.maximum(stores, 0.0), jnp.maximum(-stores, 0.0)

        # 6. costs are charged on the stock of this moment; then, 1., what is due at the next period's start arrives
        held = _by_location(*(before if self.holding_before_demand else (warehouse, stock)))
        warehouse, stores = warehouse + order_due, stores + due
        waited, wait = jnp.maximum(-state.stores, 0.0), jnp.maximum(-stores, 0.0)
        sold = waited + exo.demand - lost - wait
        ledger = Ledger(
            revenue=_by_location(nothing, params.price * sold),
            purchase=_by_location(params.unit_cost * order, jnp.zeros_like(sold)),
            holding=params.holding_cost * held,
            stockout=_by_location(nothing, params.stockout_cost * (lost + backlog)),
            special_delivery=_by_location(nothing, params.special_delivery_cost * delivered),
            demanded=exo.demand,
            sold=sold,
            delivered=delivered,
            lost=lost,
            backlogged=backlogged,
            ordered=_by_location(order, shipped),
            received=_by_location(order_now + order_due, now + due),
            written_off=jnp.zeros(self.cells, jnp.float32),
            on_hand=held,
        )
        following = State(
            time=state.time + 1,
            exo=exo.next,
            warehouse=warehouse,
            stores=stores,
            orders=tuple(orders),
            shipments=tuple(shipments),
        )
        return following, core.Outcome(reward=ledger.reward(), terminated=jnp.bool_(False), ledger=ledger)

    def within_capacity(self, orders: Array, state: State, params: Params) -> Array:
        """What ``store_capacity`` leaves of the stores' ``orders`` [N]."""
        return jnp.minimum(orders, jnp.maximum(params.store_capacity - self._store_positions(state), 0.0))

    def _ordered(self, order: Array, wanted: Array, state: State, params: Params) -> Array:
        """What capacities leave of the warehouse's ``order`` []."""
        leaving = jnp.sum(wanted)
        if self.cross_docking:
            leaving = state.warehouse
        elif self.warehouse_lead_time > 0:
            leaving = jnp.minimum(leaving, state.warehouse)
        room = params.warehouse_capacity - sum(state.orders, state.warehouse) + leaving
        return jnp.minimum(order, jnp.minimum(params.production_capacity, jnp.maximum(room, 0.0)))

    def _shipped(self, available: Array, wanted: Array, exo: Exogenous) -> Array:
        """What leaves the warehouse for the stores, [N]."""
        if self.random_rationing:
            return rationing.in_turn(available, wanted, exo.turn)
        if not self.cross_docking:
            return rationing.proportional(available, wanted)
        total = jnp.sum(wanted)
        parts = jnp.where(total > 0, wanted / jnp.where(total > 0, total, 1.0), 1.0 / self.num_stores)
        return available * parts

    def _delivered(self, available: Array, unmet: Array, exo: Exogenous, params: Params) -> Array:
        """Special deliveries to the ``unmet`` customers of the stores, [N]."""
        if not self.special_deliveries:
            return jnp.zeros_like(unmet)
        # Of a part of a customer, which only fractional orders leave, the expectation.
        whole = jnp.floor(unmet)
        accepted = binomial_quantile(exo.patience, whole, params.wait_probability)
        accepted = accepted + params.wait_probability * (unmet - whole)
        return rationing.proportional(available, accepted)

    def _scheduled(self, shipments: tuple[Array, ...], shipped: Array) -> list[Array]:
        """What arrives at the stores now, in one period, in two, and so on, ``shipped`` included; [N] each."""
        nothing, lead_times = jnp.zeros_like(shipped), np.array(self.store_lead_times)
        under_way = [nothing, *shipments, nothing][: max(*lead_times, 1) + 1]
        for lead_time in sorted(set(self.store_lead_times)):
            here = shipped if (lead_times == lead_time).all() else jnp.where(lead_times == lead_time, shipped, 0.0)
            under_way[lead_time] = under_way[lead_time] + here
        return under_way

    # -- what policies read ---------------------------------------------------------------------------------------
    @property
    def cells(self) -> tuple[int, ...]:
        return (1 + self.num_stores,)

    def _store_positions(self, state: State) -> Array:
        return sum(state.shipments, state.stores)

    def inventory_position(self, state: State) -> Array:
        """On hand plus under way less backlog, [1 + N]; of the warehouse: of its echelon, which is that and all that
        the stores have, so that shipping does not change it."""
        stores = self._store_positions(state)
        return _by_location(self.warehouse_position(state) + jnp.sum(stores), stores)

    def warehouse_position(self, state: State) -> Array:
        """On hand plus on order at the warehouse itself, []."""
        return sum(state.orders, state.warehouse) + self.awaited(state)[0]

    def available(self, order: Array, state: State, params: Params) -> Array:
        """Units [] that the warehouse can ship in the coming period if it orders ``order`` [] now."""
        if self.warehouse_lead_time > 0:
            return state.warehouse
        return state.warehouse + jnp.minimum(order, params.production_capacity)

    def lead_time_mean(self, params: Params) -> Array:
        """Lead time [1 + N] in periods."""
        return jnp.array([self.warehouse_lead_time, *self.store_lead_times], jnp.float32)

    def flow(self) -> tuple[tuple[str, str, str], ...]:
        lanes = [("supplier", "warehouse", core.in_periods(self.warehouse_lead_time))]
        for i, lead_time in enumerate(self.store_lead_times):
            lanes += [("warehouse", f"store {i}", core.in_periods(lead_time)), (f"store {i}", f"customers {i}", "")]
        return tuple(lanes)

    # -- spaces and observation -----------------------------------------------------------------------------------
    @property
    def num_features(self) -> int:
        return max(self.longest_lead_time, 1) + 5 + (self.longest_lead_time + 8) * self.calendar

    def observation_space(self, params: Params) -> spaces.Box:
        return spaces.unbounded((*self.cells, self.num_features))

    def observe(self, state: State, params: Params) -> Array:
        scale, longest = params.demand_scale, self.longest_lead_time
        nothing, none, ahead = jnp.float32(0), jnp.zeros(self.num_stores, jnp.float32), range(longest - 1)
        orders, shipments = (*state.orders, *(nothing for _ in ahead)), (*state.shipments, *(none for _ in ahead))
        stockout = _by_location(jnp.mean(params.stockout_cost), params.stockout_cost)
        features = [
            _by_location(state.warehouse, state.stores) / scale,
            *(_by_location(orders[k], shipments[k]) / scale for k in ahead),
            self.inventory_position(state) / scale,
            _by_location(jnp.float32(1), none),
            self.lead_time_mean(params) / (longest + 1),
            stockout / jnp.maximum(stockout + params.holding_cost, 1e-6),
            jnp.log(scale),
        ]
        if self.calendar:
            expected = self.expected_demand(state, params, longest + 1)
            features += [_by_location(jnp.sum(demand), demand) / scale for demand in expected]
            features += [jnp.broadcast_to(is_today, self.cells) for is_today in self.weekday(state)]
        return jnp.stack(features, -1)


def _by_location(warehouse: Array, stores: Array) -> Array:
    """[1 + N] of what is the warehouse's [] and the stores' [N]."""
    return jnp.concatenate([warehouse[None], stores])
