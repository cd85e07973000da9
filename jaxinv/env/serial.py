"""Stages in series that replenish each other: ``Serial-v0``."""

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.demand import Demand, Poisson
from jaxinv.env import core, spaces
from jaxinv.env.demand_driven import DemandDriven, Exogenous, ExoState
from jaxinv.env.dynamics import UNLIMITED, advance, extend, filled, schedule
from jaxinv.env.given import Given, array, structure, wholes


@struct.dataclass(kw_only=True)
class Params(core.EnvParams):
    """Numbers of the problem, of N stages or of all together. Money per unit and period unless said otherwise."""

    demand: Demand  # a process of shape (): what customers want of stage 0
    unit_cost: Array = struct.leaf(0.0, shape="N", low=0.0)  # per unit shipped to the stage: purchase, transport
    holding_cost: Array = struct.leaf(shape="N", low=0.0)  # on stock at the end of the period (local, not echelon)
    transit_cost: Array = struct.leaf(shape="N", low=0.0)  # on units in transit to the stage at the end of the period
    stockout_cost: Array = struct.leaf(30.0, low=0.0)  # on the backlog at the end of the period
    batch_size: Array = struct.leaf(1.0, above=0.0)  # units; met by action wrappers, not by the transition
    minimum_order: Array = struct.leaf(0.0, low=0.0)  # units; likewise
    initial_inventory: Array = struct.leaf(shape="N")  # units at reset: on hand, of stage 0 less backlog
    initial_transit: Array = struct.leaf(shape="N", low=0.0)  # units at reset, due in each of the next L_i - 1 periods
    demand_scale: Array = struct.leaf(1.0, above=0.0)  # units: typical demand, in which observations are measured


@struct.dataclass(kw_only=True)
class State(core.EnvState):
    inventory: Array  # [N] on hand, of stage 0 less backlog
    transit: Array  # [max L - 1, N] shipped to the stage; entry k arrives in the (k+1)-th period from now, event 3


@struct.dataclass(kw_only=True)
class Ledger(core.Ledger):
    """[N], one per stage; of customers, who come to stage 0 only, []."""

    COSTS: ClassVar = ("purchase", "holding", "transit", "stockout")
    UNITS: ClassVar = (
        "demanded", "sold", "lost", "backlogged", "ordered", "shipped", "received", "written_off", "on_hand",
        "in_transit",
    )  # fmt: skip

    purchase: Array  # of units shipped to the stage
    holding: Array
    transit: Array  # of units in transit to the stage
    stockout: Array
    demanded: Array  # []
    sold: Array  # [] waiting customers included
    lost: Array  # [] none
    backlogged: Array  # [] that began to wait in this period
    ordered: Array
    shipped: Array  # to the stage: what its supplier had of the order
    received: Array
    written_off: Array  # [] none
    on_hand: Array  # at the end of the period
    in_transit: Array  # to the stage, at the end of the period


@dataclasses.dataclass(frozen=True)
class Serial(DemandDriven):
    """N stages in series under one planner: stage 0 serves the customers, who wait if they must, stage i is supplied by
    stage i + 1, and the last one by an outside supplier that always delivers (Clark and Scarf 1960, Management Science
    6(4), in the form of Snyder and Shen 2019, *Fundamentals of Supply Chain Theory*, 2nd ed., sec. 6.2).

    Order of events.

    1. Decision: orders [N] in units, of every stage from its supplier.
    2. Shipments leave. A stage ships what it has at this moment, before anything arrives; what the order asks for
       beyond that is not shipped, and not owed either: one who still wants it orders it again. ``purchase`` is charged
       on units shipped.
    3. Arrivals. What is shipped to stage i with lead time L_i >= 1 arrives in the (L_i - 1)-th period after this one
       (1: in this one).
    4. Demand at stage 0. What its stock cannot serve waits.
    5. ``holding`` is charged on stock on hand, ``transit`` on units shipped that have not arrived, and ``stockout`` on
       all customers waiting. Time advances.

    A stage so covers L_i periods of demand; a single one is ``SingleItem`` with full backlog and lead time L_0 - 1,
    seen before the arrivals of a period instead of after them. With ``hold_arrivals`` off, what arrives at the stages
    1, 2, ... in this period is held from the next period on only, as if it arrived after event 5 (Alvo, Russo and
    Kanoria 2023, arXiv:2306.11246).

    Observation [N, F] of every stage, in units of ``demand_scale``: inventory (on hand, of stage 0 less backlog),
    echelon inventory position, and what is in transit to it by periods to arrival, max L - 1 entries.
    """

    lead_times: tuple[int, ...] = (1, 1, 2)  # L_i, periods, of which the first are those of stage 0
    hold_arrivals: bool = True  # whether units are held in the period in which they arrive at a stage 1, 2, ...

    agent_axes: ClassVar = {"stage": 0}
    outside_orders: ClassVar = slice(-1, None)

    def __post_init__(self):
        structure(self)
        listed = wholes("Serial.lead_times", self.lead_times, 1, "stage from the customers on")
        object.__setattr__(self, "lead_times", listed)

    # -- parameters -----------------------------------------------------------------------------------------------
    def default_params(self) -> Params:
        """Poisson demand of 5, stock-out cost 30, and a holding cost of 1 at the outermost stage that every further
        stage adds 1 to."""
        return self.make_params()

    def make_params(self, *, echelon_holding_cost: Any = None, **numbers: Any) -> Params:
        """Parameters with defaults for what is not given; scalars stand for all stages. ``echelon_holding_cost`` [N],
        what each stage adds to the holding cost of its supplier, may be given instead of ``holding_cost``. Units in
        transit cost what the stage that ships them pays for stock, those of the outside supplier nothing.

        Raises ``ValueError`` for a name or a value that does not fit.
        """
        given = Given("Serial", Params, numbers, {"N": len(self.lead_times)}, also=("echelon_holding_cost",))
        demand = given.demand(lambda: Poisson(5.0), ())  # type: ignore[arg-type]
        mean = float(demand.mean())
        if echelon_holding_cost is not None:
            if "holding_cost" in given.numbers:
                raise ValueError("Serial.holding_cost and Serial.echelon_holding_cost cannot both be given")
            echelon = array("Serial.echelon_holding_cost", echelon_holding_cost, self.cells)
            given.numbers["holding_cost"] = np.cumsum(echelon[::-1])[::-1]
        holding = given.array("holding_cost", np.arange(len(self.lead_times), 0, -1))
        inventory = given.array("initial_inventory", np.ceil(mean))
        if (inventory[1:] < 0).any():
            raise ValueError(
                "Serial.initial_inventory must be >= 0 but for stage 0, whose customers alone wait; got "
                f"{inventory.tolist()}"
            )
        return given.params(
            demand=demand,
            holding_cost=holding,
            transit_cost=np.append(holding[1:], 0.0),
            initial_inventory=inventory,
            initial_transit=np.ceil(mean),
            demand_scale=max(mean, 0.1),
        )

    # -- the transition -------------------------------------------------------------------------------------------
    def init_state(self, u: Array, params: Params) -> State:
        return State(
            time=jnp.int32(0),
            exo=ExoState(demand=params.demand.init(u)),
            inventory=params.initial_inventory,
            transit=filled(np.array(self.lead_times) - 1, params.initial_transit),
        )

    def transition(self, state: State, action: Array, exo: Exogenous, params: Params) -> tuple[State, core.Outcome]:
        # 2. shipments
        supply = jnp.concatenate([state.inventory[1:], jnp.full(1, UNLIMITED)])
        shipped = jnp.minimum(action, supply)

        # 3. arrivals
        transit, _ = schedule(extend(state.transit, max(self.lead_times)), shipped, jnp.array(self.lead_times))
        received, transit = advance(transit)

        # 4. demand
        inventory = state.inventory + received - jnp.concatenate([exo.demand[None], shipped[:-1]])
        stock, backlog = jnp.maximum(inventory, 0.0), jnp.maximum(-inventory, 0.0)
        available = jnp.maximum(state.inventory[0] + received[0], 0.0)

        # 5. costs
        upstream = jnp.asarray(np.arange(len(self.lead_times)) > 0, jnp.float32)
        held = stock if self.hold_arrivals else stock - upstream * received
        in_transit = jnp.sum(transit, 0)
        nothing = jnp.float32(0)
        ledger = Ledger(
            purchase=params.unit_cost * shipped,
            holding=params.holding_cost * held,
            transit=params.transit_cost * in_transit,
            stockout=params.stockout_cost * backlog,
            demanded=exo.demand,
            sold=jnp.maximum(-state.inventory[0], 0.0) + exo.demand - backlog[0],
            lost=nothing,
            backlogged=jnp.maximum(exo.demand - available, 0.0),
            ordered=action,
            shipped=shipped,
            received=received,
            written_off=nothing,
            on_hand=stock,
            in_transit=in_transit,
        )
        following = State(time=state.time + 1, exo=exo.next, inventory=inventory, transit=transit)
        return following, core.Outcome(reward=ledger.reward(), terminated=jnp.bool_(False), ledger=ledger)

    # -- what policies read ---------------------------------------------------------------------------------------
    @property
    def cells(self) -> tuple[int, ...]:
        return (len(self.lead_times),)

    def inventory_position(self, state: State) -> Array:
        """Echelon inventory position [N]: all that is in transit to the stage, on hand there and further downstream,
        less backlog."""
        return jnp.cumsum(state.inventory + jnp.sum(state.transit, 0) + self.awaited(state))

    def flow(self) -> tuple[tuple[str, str, str], ...]:
        names = ["customers", *(f"stage {i}" for i in range(len(self.lead_times))), "supplier"]
        labels = ["", *(core.in_periods(lead_time) for lead_time in self.lead_times)]
        return tuple(zip(names[1:], names[:-1], labels, strict=True))[::-1]

    # -- spaces and observation -----------------------------------------------------------------------------------
    def observation_space(self, params: Params) -> spaces.Box:
        return spaces.unbounded((*self.cells, 1 + max(self.lead_times)))

    def observe(self, state: State, params: Params) -> Array:
        features = [state.inventory, self.inventory_position(state), *state.transit]
        return jnp.stack(features, -1) / params.demand_scale
