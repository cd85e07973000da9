"""The beer game, a chain of players who order from each other with delays: ``BeerGame-v0``."""

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.demand import Demand, UniformInteger
from jaxinv.env import core, spaces
from jaxinv.env.demand_driven import DemandDriven, Exogenous, ExoState
from jaxinv.env.dynamics import advance, extend, filled, schedule
from jaxinv.env.given import Given, wholes
from jaxinv.env.wrappers import ActionWrapper


@struct.dataclass(kw_only=True)
class Params(core.EnvParams):
    """Numbers of the game, of N players or of all together. Money per unit and week."""

    demand: Demand  # a process of shape (): what customers want of player 0
    holding_cost: Array = struct.leaf(0.5, shape="N", low=0.0)  # on stock at the end of the week
    backlog_cost: Array = struct.leaf(1.0, shape="N", low=0.0)  # on units owed at the end of the week
    smoothing: Array = struct.leaf(0.25, shape="N", low=0.0, high=1.0)  # weight of the latest order in those expected
    batch_size: Array = struct.leaf(1.0, above=0.0)  # units; met by action wrappers, not by the transition
    minimum_order: Array = struct.leaf(0.0, low=0.0)  # units; likewise
    initial_inventory: Array = struct.leaf(shape="N")  # units at reset: on hand less units owed
    initial_flow: Array = struct.leaf(shape="N", low=0.0)  # units at reset in every week of the delays, and expected
    demand_scale: Array = struct.leaf(1.0, above=0.0)  # units: typical demand, in which observations are measured


@struct.dataclass(kw_only=True)
class State(core.EnvState):
    inventory: Array  # [N] on hand less units owed
    mail: Array  # [max order delay - 1, N] the player's orders; entry k is read in the (k+1)-th week from now
    transit: Array  # [max transport delay, N] shipped to the player; entry k arrives in the (k+1)-th week from now
    incoming: Array  # [N] the order that the player read last
    expected: Array  # [N] exponentially smoothed incoming orders


@struct.dataclass(kw_only=True)
class Ledger(core.Ledger):
    """[N], one per player; of customers, who come to player 0 only, []."""

    COSTS: ClassVar = ("holding", "backlog")
    UNITS: ClassVar = (
        "demanded", "sold", "lost", "backlogged", "ordered", "incoming", "shipped", "received", "written_off",
        "on_hand", "owed",
    )  # fmt: skip

    holding: Array
    backlog: Array
    demanded: Array  # []
    sold: Array  # [] waiting customers included
    lost: Array  # [] none
    backlogged: Array  # [] that began to wait in this week
    ordered: Array  # by the player
    incoming: Array  # order that the player read
    shipped: Array  # by the player
    received: Array
    written_off: Array  # [] none
    on_hand: Array  # at the end of the week
    owed: Array  # by the player at the end of the week


@dataclasses.dataclass(frozen=True)
class BeerGame(DemandDriven):
    """N players in series (retailer, wholesaler, distributor, factory): player 0 serves the customers, player i orders
    from player i + 1, and the last one from a source that always delivers. Orders and shipments take time; what cannot
    be shipped is owed (Sterman 1989, Management Science 35(3)).

    Order of events.

    1. Decision: every player places an order [N], knowing the week that has ended. An order with delay k >= 1 is read
       in the (k - 1)-th week after this one (1: in this one).
    2. Shipments arrive.
    3. Customers come to player 0, and all others read the order of the player before them, their ``incoming`` order.
       Every player ships what is owed and what is ordered as far as stock goes, and owes the rest. A shipment with
       delay m >= 1 arrives, event 2, in the m-th week after this one.
    4. ``holding`` is charged on stock on hand, ``backlog`` on units owed; units on their way cost nothing. Time
       advances.

    If its supplier has enough, an order so takes k_i + m_i weeks, what ``Serial`` calls a lead time.

    On the board (weeks of: receive, fill orders, record costs, move the order slips, place orders) orders come last:
    here they open the next week, so the first decision is what the board calls the order placed before week 1.

    Observation [N, F] of every player, in units of ``demand_scale``: inventory, units on order, last incoming order,
    expected incoming order, shipments to it by weeks to arrival (max transport delay entries), its orders in the mail
    by weeks until they are read (max order delay - 1 entries).
    """

    order_delays: tuple[int, ...] = (2, 2, 2, 1)  # k_i, weeks until the order of player i is read
    transport_delays: tuple[int, ...] = (2, 2, 2, 2)  # m_i, weeks that a shipment to player i takes

    agent_axes: ClassVar = {"player": 0}
    outside_orders: ClassVar = slice(-1, None)

    def __post_init__(self):
        for name in ("order_delays", "transport_delays"):
            listed = wholes(f"BeerGame.{name}", getattr(self, name), 1, "player from the customers on")
            object.__setattr__(self, name, listed)
        if len(self.order_delays) != len(self.transport_delays):
            raise ValueError(
                f"BeerGame.order_delays and transport_delays must be as many, got {len(self.order_delays)} and "
                f"{len(self.transport_delays)}"
            )

    # -- parameters -----------------------------------------------------------------------------------------------
    def default_params(self) -> Params:
        """Customers want 0..8 units, all as likely; holding cost 0.5, backlog cost 1 (Croson and Donohue 2006,
        Management Science 52(3))."""
        return self.make_params()

    def make_params(self, **numbers: Any) -> Params:
        """Parameters with defaults for what is not given; scalars stand for all players. The default flow is mean
        demand, rounded, and the default inventory three weeks of it, as on the board.

        Raises ``ValueError`` for a name or a value that does not fit.
        """
        given = Given("BeerGame", Params, numbers, {"N": len(self.order_delays)})
        demand = given.demand(lambda: UniformInteger(0, 8), ())  # type: ignore[arg-type]
        mean = float(demand.mean())
        weekly = {"initial_inventory": 3.0 * round(mean), "initial_flow": round(mean)}
        return given.params(demand=demand, **weekly, demand_scale=max(mean, 0.1))

    # -- the transition -------------------------------------------------------------------------------------------
    def init_state(self, u: Array, params: Params) -> State:
        flow = params.initial_flow
        return State(
            time=jnp.int32(0),
            exo=ExoState(demand=params.demand.init(u)),
            inventory=params.initial_inventory,
            mail=filled(np.array(self.order_delays) - 1, flow),
            transit=filled(np.array(self.transport_delays), flow),
            incoming=flow,
            expected=flow,
        )

    def transition(self, state: State, action: Array, exo: Exogenous, params: Params) -> tuple[State, core.Outcome]:
        # 1. orders are mailed; some are read in this week
        mail, _ = schedule(extend(state.mail, max(self.order_delays)), action, jnp.array(self.order_delays))
        read, mail = advance(mail)

        # 2. shipments arrive
        received, transit = advance(state.transit)

        # 3. what is owed and what is ordered is shipped
        incoming = jnp.concatenate([exo.demand[None], read[:-1]])
        owed_before = jnp.maximum(-state.inventory, 0.0)
        available = jnp.maximum(state.inventory, 0.0) + received
        shipped = jnp.minimum(available, owed_before + incoming)
        inventory = state.inventory + received - incoming
        sent = jnp.concatenate([shipped[1:], read[-1:]])  # to each player
        transit, _ = schedule(extend(transit, max(self.transport_delays)), sent, jnp.array(self.transport_delays))

        # 4. costs
        on_hand, owed = jnp.maximum(inventory, 0.0), jnp.maximum(-inventory, 0.0)
        left = jnp.maximum(available[0] - owed_before[0], 0.0)  # for customers who come now
        nothing = jnp.float32(0)
        ledger = Ledger(
            holding=params.holding_cost * on_hand,
            backlog=params.backlog_cost * owed,
            demanded=exo.demand,
            sold=shipped[0],
            lost=nothing,
            backlogged=jnp.maximum(exo.demand - left, 0.0),
            ordered=action,
            incoming=incoming,
            shipped=shipped,
            received=received,
            written_off=nothing,
            on_hand=on_hand,
            owed=owed,
        )
        following = State(
            time=state.time + 1,
            exo=exo.next,
            inventory=inventory,
            mail=mail,
            transit=transit,
            incoming=incoming,
            expected=state.expected + params.smoothing * (incoming - state.expected),
        )
        return following, core.Outcome(reward=ledger.reward(), terminated=jnp.bool_(False), ledger=ledger)

    # -- what policies read ---------------------------------------------------------------------------------------
    @property
    def cells(self) -> tuple[int, ...]:
        return (len(self.order_delays),)

    def on_order(self, state: State) -> Array:
        """Supply line [N]: what the player has ordered and not received, in the mail, owed by its supplier, or under
        way."""
        owed = jnp.concatenate([jnp.maximum(-state.inventory[1:], 0.0), jnp.zeros(1)])
        return jnp.sum(state.mail, 0) + owed + jnp.sum(state.transit, 0) + self.awaited(state)

    def inventory_position(self, state: State) -> Array:
        """On hand plus on order less owed [N], of every player by itself (local, not echelon)."""
        return state.inventory + self.on_order(state)

    def flow(self) -> tuple[tuple[str, str, str], ...]:
        names = ["customers", *(f"player {i}" for i in range(len(self.order_delays))), "supplier"]
        delays = zip(self.order_delays, self.transport_delays, strict=True)
        labels = ["", *(f"orders {order}, goods {transport} weeks" for order, transport in delays)]
        return tuple(zip(names[1:], names[:-1], labels, strict=True))[::-1]

    # -- spaces and observation -----------------------------------------------------------------------------------
    def observation_space(self, params: Params) -> spaces.Box:
        return spaces.unbounded((*self.cells, 3 + max(self.transport_delays) + max(self.order_delays)))

    def observe(self, state: State, params: Params) -> Array:
        features = [state.inventory, self.on_order(state), state.incoming, state.expected, *state.transit, *state.mail]
        return jnp.stack(features, -1) / params.demand_scale


@dataclasses.dataclass(frozen=True)
class OrderDeviations(ActionWrapper):
    """Orders relative to the incoming order d: action a of 0..2 ``largest`` orders d + a - ``largest``, and 0 where
    that is negative (the d + x rule of Oroojlooyjadid, Nazari, Snyder and Takac 2022, Manufacturing and Service
    Operations Management 24(1))."""

    largest: int = 2  # units

    def action_space(self, params: Params) -> spaces.Discrete:
        return spaces.Discrete(2 * self.largest + 1, self.env.cells)

    def decode(self, action: Array, state: State, params: Params) -> Array:
        return self.env.order_action(jnp.maximum(state.incoming + action - self.largest, 0.0))
