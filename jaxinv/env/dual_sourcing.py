"""One item, a cheap slow supplier and a fast dear one: ``DualSourcing-v0``."""

import dataclasses
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.demand import Demand, DemandState, UniformInteger
from jaxinv.demand.lead_time import fractile, lead_time_demand
from jaxinv.env import core, spaces
from jaxinv.env.demand_driven import DemandDriven, Exogenous, ExoState
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.finite import Lattice
from jaxinv.env.given import Given, structure


@struct.dataclass(kw_only=True)
class Params(core.EnvParams):
    """Numbers of the problem, all []. Money per unit and period unless said otherwise."""

    demand: Demand  # a process of shape ()
    regular_cost: Array = struct.leaf(100.0, low=0.0)  # per unit ordered from the regular supplier
    expedited_cost: Array = struct.leaf(110.0, low=0.0)  # per unit ordered from the expedited supplier
    holding_cost: Array = struct.leaf(5.0, low=0.0)  # on stock at the end of the period
    stockout_cost: Array = struct.leaf(495.0, low=0.0)  # on the backlog at the end of the period
    initial_inventory: Array = struct.leaf(0.0)  # units at reset: on hand less backlog
    demand_scale: Array = struct.leaf(1.0, above=0.0)  # units: typical demand, in which observations are measured


@struct.dataclass
class Action:
    regular: Array  # [] units ordered from the regular supplier
    expedited: Array  # [] units ordered from the expedited supplier


@struct.dataclass(kw_only=True)
class State(core.EnvState):
    inventory: Array  # []: on hand less backlog, orders due now included
    regular: tuple[Array, ...]  # l_r - 1 outstanding regular orders; entry k arrives k + 1 periods from now
    expedited: tuple[Array, ...]  # l_e - 1 outstanding expedited orders; likewise


@struct.dataclass(kw_only=True)
class Ledger(core.Ledger):
    """All []."""

    COSTS: ClassVar = ("purchase", "expediting", "holding", "stockout")
    UNITS: ClassVar = (
        "demanded", "sold", "lost", "backlogged", "ordered", "expedited", "received", "written_off", "on_hand",
    )  # fmt: skip

    purchase: Array  # from the regular supplier
    expediting: Array  # from the expedited supplier
    holding: Array
    stockout: Array
    demanded: Array
    sold: Array  # waiting customers included
    lost: Array  # none
    backlogged: Array  # that began to wait in this period
    ordered: Array  # from both suppliers
    expedited: Array  # part of them that is ordered from the expedited supplier
    received: Array  # put into stock
    written_off: Array  # none
    on_hand: Array  # at the end of the period, which holding is charged on


@dataclasses.dataclass(frozen=True)
class DualSourcing(DemandDriven):
    """One item is replenished by a regular supplier with lead time l_r and a dearer one with lead time l_e < l_r;
    unmet demand waits (Veeraraghavan and Scheller-Wolf 2008, Operations Research 56(4), sec. 3).

    Order of events. A state is seen at the moment of decision, event 2, so a call of ``transition`` runs events 2
    to 5 of a period and event 1 of the next.

    1. The regular and the expedited order due now arrive. Waiting customers are served.
    2. Decision: a regular and an expedited order in units, :class:`Action`.
    3. ``purchase`` is charged on the units of the regular order, ``expediting`` on those of the expedited one. An
       order with lead time l is in stock for the demand of the l-th period after this one (0: of this one).
    4. Demand. What stock cannot serve waits.
    5. ``holding`` is charged on stock on hand, ``stockout`` on all customers waiting. Time advances.

    Observation [F], in units of ``demand_scale``: inventory, l_r - 1 outstanding regular and l_e - 1 outstanding
    expedited orders, both by periods to arrival; with ``calendar`` the demand expected in the coming and the l_r next
    periods and the weekday (one-hot, Monday first).
    """

    regular_lead_time: int = 2  # l_r, periods
    expedited_lead_time: int = 0  # l_e, periods
    calendar: bool = False  # whether the observation tells the calendar, for demand that has one

    def __post_init__(self):
        structure(self, regular_lead_time=1, expedited_lead_time=0)
        if self.expedited_lead_time >= self.regular_lead_time:
            raise ValueError(
                f"DualSourcing.expedited_lead_time must be less than regular_lead_time = {self.regular_lead_time}, "
                f"got {self.expedited_lead_time}"
            )

    # -- parameters -----------------------------------------------------------------------------------------------
    def default_params(self) -> Params:
        """Demand of 0..4 units, all as likely; a unit costs 100 or, expedited, 110; holding cost 5, stock-out cost 495
        (Gijsbrechts et al. 2022, Manufacturing and Service Operations Management 24(3), sec. 6.2)."""
        return self.make_params()

    def make_params(self, **numbers: Any) -> Params:
        """Parameters with defaults for what is not given; ``initial_inventory`` covers the regular lead time and a
        period.

        Raises ``ValueError`` for a name or a value that does not fit.
        """
        given = Given("DualSourcing", Params, numbers)
        demand = given.demand(lambda: UniformInteger(0, 4), ())  # type: ignore[arg-type]
        mean = float(demand.mean())
        covered = math.ceil(mean * (self.regular_lead_time + 1))
        return given.params(demand=demand, initial_inventory=covered, demand_scale=max(mean, 0.1))

    # -- the transition -------------------------------------------------------------------------------------------
    def init_state(self, u: Array, params: Params) -> State:
        return State(
            time=jnp.int32(0),
            exo=ExoState(demand=params.demand.init(u)),
            inventory=params.initial_inventory,
            regular=(jnp.float32(0),) * (self.regular_lead_time - 1),
            expedited=(jnp.float32(0),) * (self.expedited_lead_time - 1),
        )

    def transition(self, state: State, action: Action, exo: Exogenous, params: Params) -> tuple[State, core.Outcome]:
        # 3. the orders
        nothing = jnp.float32(0)
        due, *regular = (*state.regular, action.regular)
        if self.expedited_lead_time == 0:
            now, due_expedited, expedited = action.expedited, nothing, []
        else:
            now, (due_expedited, *expedited) = nothing, (*state.expedited, action.expedited)

        # 4. demand
        inventory = state.inventory + now
        backlogged = jnp.maximum(exo.demand - jnp.maximum(inventory, 0.0), 0.0)
        inventory = inventory - exo.demand
        stock, backlog = jnp.maximum(inventory, 0.0), jnp.maximum(-inventory, 0.0)

        # 5. costs are charged on the stock of this moment; then, 1., what is due at the next period's start arrives
        arriving = due + due_expedited
        inventory = inventory + arriving
        waited, wait = jnp.maximum(-state.inventory, 0.0), jnp.maximum(-inventory, 0.0)
        ledger = Ledger(
            purchase=params.regular_cost * action.regular,
            expediting=params.expedited_cost * action.expedited,
            holding=params.holding_cost * stock,
            stockout=params.stockout_cost * backlog,
            demanded=exo.demand,
            sold=waited + exo.demand - wait,
            lost=nothing,
            backlogged=backlogged,
            ordered=action.regular + action.expedited,
            expedited=action.expedited,
            received=now + arriving,
            written_off=nothing,
            on_hand=stock,
        )
        following = State(
            time=state.time + 1,
            exo=exo.next,
            inventory=inventory,
            regular=tuple(regular),
            expedited=tuple(expedited),
        )
        return following, core.Outcome(reward=ledger.reward(), terminated=jnp.bool_(False), ledger=ledger)

    # -- what policies read ---------------------------------------------------------------------------------------
    def inventory_position(self, state: State) -> Array:
        """On hand plus under way less backlog, []."""
        awaited = self.awaited(state)
        return sum((*state.regular, *state.expedited, awaited.regular, awaited.expedited), state.inventory)

    def expedited_position(self, state: State) -> Array:
        """On hand less backlog plus what arrives before, or together with, an expedited order placed now, []."""
        soon = *state.regular[: self.expedited_lead_time], *state.expedited, self.awaited(state).expedited
        return sum(soon, state.inventory)

    def lead_time_mean(self, params: Params) -> Array:
        """Lead time [] in periods of the regular supplier."""
        return jnp.float32(self.regular_lead_time)

    def order_action(self, orders: Array, flows: None = None) -> Action:
        """The action that places ``orders`` [] with the regular supplier; there are no transfers."""
        return Action(regular=orders, expedited=jnp.zeros_like(orders))

    def flow(self) -> tuple[tuple[str, str, str], ...]:
        return (
            ("regular supplier", "stock", core.in_periods(self.regular_lead_time)),
            ("expedited supplier", "stock", core.in_periods(self.expedited_lead_time)),
            ("stock", "customers", ""),
        )

    # -- spaces and observation -----------------------------------------------------------------------------------
    def action_space(self, params: Params) -> spaces.Tree:
        units = spaces.Box(np.float32(0), np.float32(UNLIMITED))
        return spaces.Tree(Action(regular=units, expedited=units))  # type: ignore[arg-type]

    def observation_space(self, params: Params) -> spaces.Box:
        calendar = self.regular_lead_time + 8 if self.calendar else 0
        return spaces.unbounded((self.regular_lead_time + max(self.expedited_lead_time - 1, 0) + calendar,))

    def observe(self, state: State, params: Params) -> Array:
        quantities = (state.inventory, *state.regular, *state.expedited)
        features = [quantity / params.demand_scale for quantity in quantities]
        if self.calendar:
            expected = self.expected_demand(state, params, self.regular_lead_time + 1)
            features += [*(demand / params.demand_scale for demand in expected), *self.weekday(state)]
        return jnp.stack(features)

    # -- exact solution -------------------------------------------------------------------------------------------
    def finite_model(
        self,
        params: Params,
        *,
        max_order: int | None = None,
        max_position: int | None = None,
        min_inventory: int | None = None,
    ) -> "DualSourcingModel":
        """Its states and actions, numbered, for whole units: for concrete ``params``, and others like them.

        No order raises a position beyond its newsvendor level, which loses nothing. With s the fractile b / (b + h) of
        the demand of l + 1 periods, let an order with lead time l raise above s what is in stock l periods later. One
        unit less now and one more in the next period changes that one period only, in which a unit that is there costs
        at least as much as one that is not. So the inventory position stays within the level for l_r,
        ``max_position``, and the expedited position within that for l_e.

        Not proved are: regular orders of at most ``max_order``, the largest demand of a period; and, where expediting
        costs no more than a unit's waiting for a period, that it leaves no expedited position below 0. Where it costs
        more, positions go down as far as in l_r - l_e periods of the largest demand. ``min_inventory`` follows from
        that, and another one changes it. Give other bounds where these are too narrow or too wide.

        Raises ``ValueError`` unless demand comes in whole units, ``NotImplementedError`` where its support is not
        finite.
        """
        demand, cycle = params.demand, range(params.demand.cycle)
        slow, fast = self.regular_lead_time + 1, self.expedited_lead_time + 1  # periods that an order must last
        tables = {n: [lead_time_demand(demand, n, day) for day in cycle] for n in (1, fast, slow)}
        largest = {n: max(len(table) - 1 for table in tables[n]) for n in tables}
        ratio = float(params.stockout_cost) / max(float(params.stockout_cost + params.holding_cost), 1e-9)
        position, soon = (max(fractile(table, ratio) for table in tables[n]) for n in (slow, fast))
        position = position if max_position is None else max_position
        soon = min(soon, position)
        if min_inventory is None:
            patient = float(params.expedited_cost - params.regular_cost) > float(params.stockout_cost)
            min_inventory = -largest[slow if patient else fast]
        max_order = largest[1] if max_order is None else max_order
        least = min(min_inventory + largest[fast], soon)
        max_expedited = soon - (least - largest[1])  # from the lowest that a period can leave
        return DualSourcingModel(
            env=self,
            max_order=max_order,
            max_expedited=max_expedited,
            positions=(position, soon),
            least=least,
            num_demands=largest[1] + 1,
            lattice=Lattice(
                low=(min_inventory, *(0,) * (self.regular_lead_time - 1 + max(self.expedited_lead_time - 1, 0)), 0),
                sizes=(
                    position - min_inventory + 1,
                    *(max_order + 1,) * (self.regular_lead_time - 1),
                    *(max_expedited + 1,) * (self.expedited_lead_time - 1),
                    demand.cycle,
                ),
            ),
        )


@dataclasses.dataclass(frozen=True)
class DualSourcingModel:
    """States and actions of :class:`DualSourcing`, numbered (see ``env.finite.FiniteModel``): inventory, outstanding
    regular and expedited orders, and the day in the cycle of demand; every regular with every expedited order."""

    env: DualSourcing
    max_order: int  # of the regular supplier
    max_expedited: int
    positions: tuple[int, int]  # that orders raise the inventory and the expedited position to, at most
    least: int  # that orders leave the expedited position at
    num_demands: int
    lattice: Lattice

    @property
    def num_states(self) -> int:
        return len(self.lattice)

    @property
    def num_actions(self) -> int:
        return (self.max_order + 1) * (self.max_expedited + 1)

    def index_to_state(self, index: Array, params: Params, time: Array | int = 0) -> State:
        *quantities, day = self.lattice.vector(index)
        inventory, *outstanding = (jnp.asarray(units, jnp.float32) for units in quantities)
        split = self.env.regular_lead_time - 1
        return State(
            time=jnp.asarray(time, jnp.int32),
            exo=ExoState(demand=DemandState(day=day)),
            inventory=inventory,
            regular=tuple(outstanding[:split]),
            expedited=tuple(outstanding[split:]),
        )

    def state_to_index(self, state: State, params: Params) -> Array:
        day = state.exo.demand.day % params.demand.cycle
        return self.lattice.index((state.inventory, *state.regular, *state.expedited, day))

    def index_to_action(self, index: Array, params: Params) -> Action:
        regular, expedited = jnp.divmod(index, self.max_expedited + 1)
        return Action(regular=jnp.asarray(regular, jnp.float32), expedited=jnp.asarray(expedited, jnp.float32))

    def action_mask(self, state: State, params: Params) -> Array:
        """Orders within the bounds. The largest expedited order alone is legal where none reaches ``least``."""
        orders = self.index_to_action(jnp.arange(self.num_actions), params)
        soon = self.env.expedited_position(state) + orders.expedited
        allowed = (soon >= self.least) | (orders.expedited == self.max_expedited)
        allowed &= (soon <= self.positions[1]) | (orders.expedited == 0)
        position = self.env.inventory_position(state) + orders.expedited + orders.regular
        return allowed & ((position <= self.positions[0]) | (orders.regular == 0))

    def exogenous_support(self, state: State, action: Action, params: Params) -> tuple[Exogenous, Array]:
        demand, probabilities = params.demand.law(state.exo.demand).support(self.num_demands)
        following = params.demand.advance(jnp.zeros(0), state.exo.demand)
        following = jax.tree.map(lambda x: jnp.broadcast_to(x, probabilities.shape), following)
        return Exogenous(demand=demand, next=ExoState(demand=following)), probabilities
