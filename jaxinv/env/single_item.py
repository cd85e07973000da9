"""One item at one location: ``SingleItem-v0``."""

import dataclasses
import math
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.demand import Demand, Poisson
from jaxinv.demand.quantiles import binomial_quantile
from jaxinv.env import core, demand_driven, spaces
from jaxinv.env.demand_driven import DemandDriven
from jaxinv.env.finite import FiniteModel
from jaxinv.env.given import Given, check_sums, structure

YIELDS = ("certain", "binomial", "all_or_nothing")


@struct.dataclass(kw_only=True)
class Params(core.EnvParams):
    """Numbers of the problem, all []. Money per unit and period unless said otherwise."""

    demand: Demand  # a process of shape ()
    price: Array = struct.leaf(0.0, low=0.0)  # per unit sold
    unit_cost: Array = struct.leaf(0.0, low=0.0)  # per unit ordered
    fixed_order_cost: Array = struct.leaf(0.0, low=0.0)  # per order
    holding_cost: Array = struct.leaf(1.0, low=0.0)  # on stock at the end of the period
    stockout_cost: Array = struct.leaf(9.0, low=0.0)  # on units lost, and on the backlog at the end of the period
    backlog_share: Array = struct.leaf(0.0, low=0.0, high=1.0)  # part of newly unmet demand that waits
    batch_size: Array = struct.leaf(1.0, above=0.0)  # units; met by action wrappers, not by the transition
    minimum_order: Array = struct.leaf(0.0, low=0.0)  # units; likewise
    yield_probability: Array = struct.leaf(1.0, low=0.0, high=1.0)  # of a unit, or of an order, to arrive
    lead_time_probs: Any = struct.leaf(None, shape="T", low=0.0, high=1.0)  # of T = 0..L periods, where random
    final_holding_cost: Array = struct.leaf(0.0)  # on stock at the end of the horizon, less what it is worth
    final_stockout_cost: Array = struct.leaf(0.0)  # on the backlog at the end of the horizon
    initial_inventory: Array = struct.leaf(0.0)  # units at reset: on hand less backlog
    demand_scale: Array = struct.leaf(1.0, above=0.0)  # units: typical demand, in which observations are measured


@struct.dataclass(kw_only=True)
class ExoState(demand_driven.ExoState):
    lead_time: Any = ()  # int32 []: periods that the last order takes, where random


@struct.dataclass(kw_only=True)
class State(core.EnvState):
    inventory: Array  # []: on hand less backlog, orders due now included
    pipeline: tuple[Array, ...]  # L - 1 outstanding orders; entry k arrives k + 1 periods from now


@struct.dataclass(kw_only=True)
class Exogenous(demand_driven.Exogenous):
    lead_time: Any = ()  # int32 [] of an order placed in this period, where random
    supply: Any = ()  # two uniforms that decide what arrives now and next, where the yield is random


@struct.dataclass(kw_only=True)
class Ledger(core.Ledger):
    """All []."""

    GAINS: ClassVar = ("revenue",)
    COSTS: ClassVar = ("purchase", "fixed_order", "holding", "stockout")
    UNITS: ClassVar = ("demanded", "sold", "lost", "backlogged", "ordered", "received", "written_off", "on_hand")

    revenue: Array
    purchase: Array
    fixed_order: Array
    holding: Array
    stockout: Array
    demanded: Array
    sold: Array  # waiting customers included
    lost: Array
    backlogged: Array  # that began to wait in this period
    ordered: Array
    received: Array  # put into stock
    written_off: Array  # ordered and never received, where the yield is random
    on_hand: Array  # at the end of the period, which holding is charged on


@dataclasses.dataclass(frozen=True)
class SingleItem(DemandDriven):
    """One item is replenished with a lead time; unmet demand is lost, waits, or does each in part.

    With other numbers it is the newsvendor (a horizon of 1), the (s, S) problem (backlog and a fixed cost; Scarf 1960),
    the lost-sales problem (Zipkin 2008, Operations Research 56(5), sec. 2) with or without a set-up cost (Bijvank,
    Bhulai and Huh 2015), and replenishment with random yield.

    Order of events. A state is seen at the moment of decision, event 2, so a call of ``transition`` runs events 2
    to 5 of a period and event 1 of the next.

    1. The order due now arrives: of a random yield each unit (``binomial``) or the order as a whole
       (``all_or_nothing``) with probability ``yield_probability``, seen on arrival. Waiting customers are served.
    2. Decision: an order in units, [].
    3. ``purchase`` is charged on the units ordered and ``fixed_order`` on an order above 0. An order with lead time
       l is in stock for the demand of the l-th period after this one (0: of this one).
    4. Demand. What stock cannot serve is lost but for the ``backlog_share``, which waits.
    5. ``holding`` is charged on stock on hand, ``stockout`` on units lost now and on all customers waiting, and
       ``revenue`` on units sold. Time advances. At the end of a finite ``horizon`` the stock or backlog left is
       charged at the final costs.

    A random lead time does not let orders cross: each period draws one from ``lead_time_probs``, and an order arrives
    no earlier than the one before it (Kaplan 1970, Management Science 16(7)).

    Observation [F], in units of ``demand_scale``: inventory, L - 1 outstanding orders by periods to arrival; with
    ``calendar`` the demand expected in the coming and the L next periods and the weekday (one-hot, Monday first);
    with a ``horizon`` the share of it that is left.
    """

    lead_time: int = 4  # L, periods; the longest where it is random
    random_lead_time: bool = False  # whether orders take 0..L periods by chance
    supply_yield: str = "certain"  # of what is ordered: certain, binomial or all_or_nothing
    horizon: int | None = None  # periods after which the problem itself ends
    calendar: bool = False  # whether the observation tells the calendar, for demand that has one

    def __post_init__(self):
        structure(self, lead_time=0, supply_yield=YIELDS, horizon=1)

    # -- parameters -----------------------------------------------------------------------------------------------
    def default_params(self) -> Params:
        """Lost sales, Poisson demand of 5 a period, holding cost 1, stock-out cost 9."""
        return self.make_params()

    def make_params(self, **numbers: Any) -> Params:
        """Parameters with defaults for what is not given; ``initial_inventory`` covers the lead time and a period.

        Raises ``ValueError`` for a name or a value that does not fit.
        """
        given = Given("SingleItem", Params, numbers, {"T": self.lead_time + 1})
        demand = given.demand(lambda: Poisson(5.0), ())  # type: ignore[arg-type]
        mean = float(demand.mean())
        computed = {"initial_inventory": math.ceil(mean * (self.lead_time + 1)), "demand_scale": max(mean, 0.1)}
        if self.random_lead_time:
            computed["lead_time_probs"] = given.array("lead_time_probs", 1 / (self.lead_time + 1))
            check_sums("SingleItem.lead_time_probs", computed["lead_time_probs"])
        elif "lead_time_probs" in given.numbers:
            raise ValueError("SingleItem.lead_time_probs need SingleItem.random_lead_time")
        return given.params(demand=demand, **computed)

    # -- exogenous information ------------------------------------------------------------------------------------
    def num_uniforms(self, params: Params) -> int:
        return params.demand.num_uniforms + self.random_lead_time + 2 * (self.supply_yield != "certain")

    def exogenous(self, u: Array, state: State, params: Params) -> Exogenous:
        demand, following = params.demand.draw(u[: params.demand.num_uniforms], state.exo.demand)
        lead_time = ()
        if self.random_lead_time:
            # Cumulative probabilities without the last, so that a sum that rounds below 1 cannot exceed L.
            drawn = jnp.sum(u[params.demand.num_uniforms] >= jnp.cumsum(params.lead_time_probs)[:-1], dtype=jnp.int32)
            lead_time = jnp.maximum(drawn, state.exo.lead_time - 1)
        return Exogenous(
            demand=demand,
            lead_time=lead_time,
            supply=() if self.supply_yield == "certain" else (u[-2], u[-1]),
            next=ExoState(demand=following, lead_time=lead_time),
        )

    # -- the transition -------------------------------------------------------------------------------------------
    def init_state(self, u: Array, params: Params) -> State:
        return State(
            time=jnp.int32(0),
            exo=ExoState(demand=params.demand.init(u), lead_time=jnp.int32(0) if self.random_lead_time else ()),
            inventory=params.initial_inventory,
            pipeline=(jnp.float32(0),) * (self.lead_time - 1),
        )

    def transition(self, state: State, action: Array, exo: Exogenous, params: Params) -> tuple[State, core.Outcome]:
        # 3. the order; entry k of what is outstanding arrives k periods from now
        nothing = jnp.float32(0)
        outstanding = [nothing, *state.pipeline, nothing][: max(self.lead_time, 1) + 1]
        for k in range(self.lead_time + 1) if self.random_lead_time else (self.lead_time,):
            placed = jnp.where(exo.lead_time == k, action, 0.0) if self.random_lead_time else action
            outstanding[k] = outstanding[k] + placed
        now, due, *later = outstanding
        received = self._received(now, exo, params, 0)

        # 4. demand
        inventory = state.inventory + received
        unmet = jnp.maximum(exo.demand - jnp.maximum(inventory, 0.0), 0.0)
        backlogged = params.backlog_share * unmet
        lost = unmet - backlogged
        inventory = inventory - exo.demand + lost
        stock, backlog = jnp.maximum(inventory, 0.0), jnp.maximum(-inventory, 0.0)

        # 5. costs are charged on the stock of this moment; then, 1., what is due at the next period's start arrives
        time = state.time + 1
        over = jnp.bool_(False) if self.horizon is None else time >= self.horizon
        holding_cost, stockout_cost = params.holding_cost * stock, params.stockout_cost * (lost + backlog)
        if self.horizon is not None:
            holding_cost = holding_cost + jnp.where(over, params.final_holding_cost * stock, 0.0)
            stockout_cost = stockout_cost + jnp.where(over, params.final_stockout_cost * backlog, 0.0)
        arriving = self._received(due, exo, params, 1)
        inventory = inventory + arriving
        waited, wait = jnp.maximum(-state.inventory, 0.0), jnp.maximum(-inventory, 0.0)
        sold = waited + exo.demand - lost - wait
        ledger = Ledger(
            revenue=params.price * sold,
            purchase=params.unit_cost * action,
            fixed_order=params.fixed_order_cost * jnp.where(action > 0, 1.0, 0.0),
            holding=holding_cost,
            stockout=stockout_cost,
            demanded=exo.demand,
            sold=sold,
            lost=lost,
            backlogged=backlogged,
            ordered=action,
            received=received + arriving,
            written_off=now + due - received - arriving,
            on_hand=stock,
        )
        following = State(time=time, exo=exo.next, inventory=inventory, pipeline=tuple(later))
        return following, core.Outcome(reward=ledger.reward(), terminated=over, ledger=ledger)

    def _received(self, units: Array, exo: Exogenous, params: Params, which: int) -> Array:
        """What arrives of an order of ``units``: of the one due now (0) or next (1)."""
        if self.supply_yield == "certain":
            return units
        if self.supply_yield == "binomial":
            return binomial_quantile(exo.supply[which], units, params.yield_probability)
        return jnp.where(exo.supply[which] < params.yield_probability, units, 0.0)

    # -- what policies read ---------------------------------------------------------------------------------------
    def inventory_position(self, state: State) -> Array:
        """On hand plus under way less backlog, []."""
        return sum(state.pipeline, state.inventory) + self.awaited(state)

    def lead_time_mean(self, params: Params) -> Array:
        """Expected lead time [] in periods."""
        if not self.random_lead_time:
            return jnp.float32(self.lead_time)
        return params.lead_time_probs @ jnp.arange(self.lead_time + 1, dtype=jnp.float32)

    def flow(self) -> tuple[tuple[str, str, str], ...]:
        lead_time = core.in_periods(self.lead_time, at_most=self.random_lead_time)
        return (("supplier", "stock", lead_time), ("stock", "customers", ""))

    # -- spaces and observation -----------------------------------------------------------------------------------
    def observation_space(self, params: Params) -> spaces.Box:
        calendar = self.lead_time + 8 if self.calendar else 0
        return spaces.unbounded((max(self.lead_time, 1) + calendar + (self.horizon is not None),))

    def observe(self, state: State, params: Params) -> Array:
        features = [quantity / params.demand_scale for quantity in (state.inventory, *state.pipeline)]
        if self.calendar:
            expected = self.expected_demand(state, params, self.lead_time + 1)
            features += [*(demand / params.demand_scale for demand in expected), *self.weekday(state)]
        if self.horizon is not None:
            features.append(1.0 - state.time / self.horizon)
        return jnp.stack(features)

    # -- exact solution -------------------------------------------------------------------------------------------
    def finite_model(
        self,
        params: Params,
        *,
        max_order: int | None = None,
        max_position: int | None = None,
        min_inventory: int | None = None,
    ) -> FiniteModel:
        """Its states and actions, numbered, for whole units: for concrete ``params``, and others like them.

        Lost sales without fixed cost, batches or minimum order and with a certain yield have bounds that lose nothing:
        with s_l the newsvendor fractile of the demand of L - l + 1 periods, what arrives from period l on, the order
        included, is at most s_l (Zipkin 2008, sec. 3). In all other cases the bounds are generous but not proved: the
        levels s_l plus two economic orders and a smallest order, divided by the yield, and backlogs down to the
        largest demand of L + 1 periods beyond them.
        Give ``max_order``, ``max_position`` (on hand plus on order) or ``min_inventory`` for others.

        Raises ``ValueError`` where inventory is not whole, ``NotImplementedError`` where demand has no finite support.
        """
        from jaxinv.env import single_item_model  # which is about this class

        return single_item_model.finite_model(self, params, max_order, max_position, min_inventory)
