"""Many SKUs in a chain of warehouses whose storage they share: ``MultiSku-v0``."""

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.demand import Demand, Poisson
from jaxinv.env import core, demand_driven, dynamics, spaces
from jaxinv.env.demand_driven import DemandDriven, Exogenous
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.given import Given, at_most, structure


@struct.dataclass(kw_only=True)
class Params(core.EnvParams):
    """Numbers of the problem, E echelons by K SKUs, echelon 0 nearest the customers. Money per unit and period unless
    said otherwise. The customer of a warehouse is the warehouse below it, that of warehouse 0 the public. Lead times
    are of orders placed on each of T dates."""

    demand: Demand  # a process of shape (K,): what the public wants
    price: Array = struct.leaf(0.0, shape="EK", low=0.0)  # per unit sold to the customer
    unit_cost: Array = struct.leaf(0.0, shape="EK", low=0.0)  # per unit that the supplier sends
    fixed_order_cost: Array = struct.leaf(0.0, shape="EK", low=0.0)  # per order
    holding_cost: Array = struct.leaf(shape="EK", low=0.0)  # on stock at the end of the period
    stockout_cost: Array = struct.leaf(shape="EK", low=0.0)  # on units lost, and on backlog at the period's end
    backlog_share: Array = struct.leaf(0.0, shape="EK", low=0.0, high=1.0)  # part of newly unmet demand that waits
    overflow_cost: Array = struct.leaf(0.0, shape="EK")  # per unit refused, whose unit cost is paid; negative: a refund
    volume: Array = struct.leaf(1.0, shape="K", low=0.0)  # storage volume of a unit
    storage_capacity: Array = struct.leaf(shape="E", low=0.0)  # volume
    lead_time: Array = struct.leaf(shape="TEK", dtype=jnp.int32, low=1)  # periods, 1..L
    lead_time_start_day: Array = struct.leaf(0, dtype=jnp.int32)  # calendar day of date 0; the ends are continued
    initial_stock: Array = struct.leaf(shape="EK", low=0.0)  # units on hand at reset
    batch_size: Array = struct.leaf(1.0, shape="K", above=0.0)  # units; met by action wrappers, not by the transition
    minimum_order: Array = struct.leaf(0.0, shape="K", low=0.0)  # units; likewise
    demand_scale: Array = struct.leaf(shape="K", above=0.0)  # units: typical demand, in which observations are measured
    recent_periods: Array = struct.leaf(14.0, low=1.0)  # length of the moving demand statistics


@struct.dataclass(kw_only=True)
class ExoState(demand_driven.ExoState):
    mean: Array  # [K] moving mean of demand
    variance: Array  # [K] moving mean of the squared difference between demand and the mean before it


@struct.dataclass(kw_only=True)
class State(core.EnvState):
    on_hand: Array  # [E, K]
    pipeline: Array  # [L - 1, E, K] sent by the supplier; entry l arrives at the start of the (l+1)-th period from now
    backlog: Array  # [E, K] units for which the customer waits


@struct.dataclass(kw_only=True)
class Ledger(core.Ledger):
    """[E, K], a row per agent, but of the public's demand [K]."""

    GAINS: ClassVar = ("revenue",)
    COSTS: ClassVar = ("purchase", "fixed_order", "holding", "stockout", "overflow")
    UNITS: ClassVar = (
        "demanded", "lost", "backlogged", "ordered", "shipped", "received", "written_off", "on_hand",
    )  # fmt: skip

    revenue: Array
    purchase: Array
    fixed_order: Array
    holding: Array
    stockout: Array
    overflow: Array
    demanded: Array  # [K] by the public
    lost: Array  # [K] of the public's demand
    backlogged: Array  # [K] of the public's demand, that began to wait in this period
    ordered: Array
    shipped: Array  # to the customer, waiting orders included
    received: Array  # put into stock
    written_off: Array  # refused for want of space
    on_hand: Array  # at the end of the period, which holding is charged on

    def agent_reward(self) -> Array:
        """Gains less costs of every SKU in every warehouse [E, K]."""
        return self.revenue - sum(getattr(self, name) for name in self.COSTS)

    def reward(self) -> Array:
        # One sum over all cells: a sum per cause takes half as long again for the whole transition.
        return jnp.sum(self.agent_reward())


@dataclasses.dataclass(frozen=True)
class MultiSku(DemandDriven):
    """K SKUs pass a chain of E warehouses, supplier -> E - 1 -> ... -> 0 -> customers, each of which stores all of
    them; a SKU in a warehouse is an agent (the setting of Yang et al. 2023, *A Versatile Multi-Agent Reinforcement
    Learning Benchmark for Inventory Management*, arXiv:2306.07542).

    Order of events. A state is seen at the moment of decision, event 2, so a call of ``transition`` runs events 2
    to 4 of a period and event 1 of the next.

    1. What is due now arrives. If it needs more volume than the space left in a warehouse, all SKUs are accepted in the
       same proportion. The rest is refused and gone: ``overflow`` is charged on it.
    2. Decision: orders in units, [E, K]. ``fixed_order`` is charged on every one above 0.
    3. Demand: of the public at warehouse 0, and at every other one the orders of the warehouse below it. All warehouses
       serve at once what their stock allows, customers who wait first. What they cannot serve is lost but for the
       ``backlog_share``, which waits. The outside supplier always delivers. What is sent with lead time l, which the
       table tells for each date, is in stock for the demand of the l-th period after this one, l >= 1; orders cross
       where the later one takes less time. ``purchase`` is charged on what the supplier sends.
    4. ``holding`` is charged on stock on hand, ``stockout`` on units lost now and on all that wait, and ``revenue`` on
       units sold to the customer. Time advances.

    So an order that waits with the supplier takes its lead time from the moment it is served, and as all warehouses
    order at once, one learns of the order of the one below it when its own is placed. A warehouse's price is meant to
    be the unit cost of the one below it.

    Observation [E, K, F], per agent, units in ``demand_scale``; L is the longest lead time:

    ==================  =====  ==================================================================================
    feature             count  meaning
    ==================  =====  ==================================================================================
    on hand             1      stock at the moment of decision
    backlog             1      units for which the customer waits
    pipeline            L - 1  under way, by periods to arrival
    awaited             1      units that wait with the supplier
    recent mean         1      moving mean of the public's demand
    recent deviation    1      moving root mean square error of that mean
    lead time           1      of what is sent now, over L
    storage             1      part of the warehouse's storage that is full
    cost ratio          1      penalty / (penalty + holding), penalty including the margin of what is lost
    fixed cost          1      log(1 + ratio) of the fixed cost to that of holding a period's demand
    echelon             1      warehouses between this one and the public, over E
    size                1      log of ``demand_scale``
    forecast            L + 1  with ``calendar``: demand expected in the coming and the L next periods
    weekday             7      with ``calendar``: one-hot day of the coming period, Monday first
    ==================  =====  ==================================================================================
    """

    num_skus: int = 100  # K, SKUs
    num_echelons: int = 1  # E, warehouses in the chain
    max_lead_time: int = 4  # L, periods from one to the next at most
    echelon_positions: bool = False  # whether policies see, and order-up-to levels are of, echelon positions
    calendar: bool = False  # whether the observation tells the calendar, for demand that has one

    agent_axes: ClassVar = {"warehouse": 0, "sku": -1}
    outside_orders: ClassVar = slice(-1, None)

    def __post_init__(self):
        structure(self, num_skus=1, num_echelons=1, max_lead_time=1)

    @property
    def cells(self) -> tuple[int, int]:
        return self.num_echelons, self.num_skus

    # -- parameters -----------------------------------------------------------------------------------------------
    def default_params(self) -> Params:
        """Lost sales, Poisson demand of 5, holding cost 1 and stock-out cost 9 at warehouse 0, 0.5 and 0 above it, and
        room for twice the initial stock, which covers lead time and a period."""
        return self.make_params()

    def make_params(self, **numbers: Any) -> Params:
        """Parameters with defaults for what is not given. Scalars and smaller arrays are broadcast to the shapes in
        :class:`Params`: [E, 1] gives a number to every warehouse. ``lead_time`` is [E, K], or smaller, where it is the
        same on all dates; a table [T, E, K] begins on the day that a replay of demand begins on.

        Raises ``ValueError`` for a name or a value that does not fit.
        """
        table = struct.check("MultiSku.lead_time", numbers.get("lead_time", self.max_lead_time), {})
        dates = len(table) if table.ndim == 3 else 1
        given = Given("MultiSku", Params, numbers, {"T": dates, "E": self.num_echelons, "K": self.num_skus})
        demand = given.demand(lambda: Poisson(np.full(self.num_skus, 5.0)), (self.num_skus,))  # type: ignore[arg-type]
        lead_time = given.array("lead_time", self.max_lead_time)
        at_most("MultiSku.lead_time", lead_time, "max_lead_time", self.max_lead_time)
        mean = np.asarray(demand.mean())
        stock, volume = given.array("initial_stock", np.ceil(mean * (lead_time.mean(0) + 1.0))), given.array("volume")
        first = (np.arange(self.num_echelons) == 0)[:, None]
        return given.params(
            demand=demand,
            holding_cost=np.where(first, 1.0, 0.5),
            stockout_cost=np.where(first, 9.0, 0.0),
            storage_capacity=np.minimum(2.0 * np.maximum(stock @ volume, mean @ volume), UNLIMITED),
            lead_time=lead_time,
            lead_time_start_day=getattr(demand, "start_day", 0),
            initial_stock=stock,
            demand_scale=np.maximum(mean, 0.1),
        )

    # -- exogenous information ------------------------------------------------------------------------------------
    def exogenous(self, u: Array, state: State, params: Params) -> Exogenous:
        exo: ExoState = state.exo
        demand, following = params.demand.draw(u, exo.demand)
        weight, error = 1.0 / params.recent_periods, demand - exo.mean
        mean = exo.mean + weight * error
        variance = exo.variance + weight * (error**2 - exo.variance)
        return Exogenous(demand=demand, next=ExoState(demand=following, mean=mean, variance=variance))

    # -- the transition -------------------------------------------------------------------------------------------
    def init_state(self, u: Array, params: Params) -> State:
        scale = params.demand_scale
        return State(
            time=jnp.int32(0),
            # A Poisson variance, until there is something to measure.
            exo=ExoState(demand=params.demand.init(u), mean=scale, variance=scale),
            on_hand=params.initial_stock,
            pipeline=jnp.zeros((self.max_lead_time - 1, *self.cells), jnp.float32),
            backlog=jnp.zeros(self.cells, jnp.float32),
        )

    def transition(self, state: State, action: Array, exo: Exogenous, params: Params) -> tuple[State, core.Outcome]:
        # 3. demand; what cannot be served waits or is lost
        demand = jnp.concatenate([exo.demand[None], action[:-1]])
        wanted = state.backlog + demand
        sold = jnp.minimum(state.on_hand, wanted)
        stock = state.on_hand - sold
        waiting, backlogged, lost = dynamics.divide_unmet(wanted - sold, state.backlog, sold, params.backlog_share)
        backlog = waiting + backlogged

        sent = jnp.concatenate([sold[1:], action[-1:]])  # to each warehouse, by the one above it or the supplier
        pipeline = dynamics.extend(state.pipeline, self.max_lead_time)
        pipeline, _ = dynamics.schedule(pipeline, sent, self.lead_time_now(state, params))

        # 4. costs are charged on the stock of this moment; then, 1., what is due at the next period's start arrives
        due, pipeline = dynamics.advance(pipeline)
        received = dynamics.accept(stock, due, params.volume, params.storage_capacity)
        written_off = due - received
        ledger = Ledger(
            revenue=params.price * sold,
            purchase=params.unit_cost * sent,
            fixed_order=params.fixed_order_cost * jnp.where(action > 0, 1.0, 0.0),
            holding=params.holding_cost * stock,
            stockout=params.stockout_cost * (lost + backlog),
            overflow=params.overflow_cost * written_off,
            demanded=exo.demand,
            lost=lost[0],
            backlogged=backlogged[0],
            ordered=action,
            shipped=sold,
            received=received,
            written_off=written_off,
            on_hand=stock,
        )
        following = State(
            time=state.time + 1, exo=exo.next, on_hand=stock + received, pipeline=pipeline, backlog=backlog
        )
        return following, core.Outcome(reward=ledger.reward(), terminated=jnp.bool_(False), ledger=ledger)

    def lead_time_now(self, state: State, params: Params) -> Array:
        """Periods [E, K] that what is sent now takes."""
        row = state.exo.demand.day - params.lead_time_start_day
        return params.lead_time[jnp.clip(row, 0, len(params.lead_time) - 1)]

    # -- what policies read ---------------------------------------------------------------------------------------
    def inventory_position(self, state: State) -> Array:
        """[E, K]. Of a warehouse: on hand, plus under way and waiting with its supplier, less what its customer waits
        for. With ``echelon_positions`` of its echelon: of it and all warehouses below it together."""
        local = state.on_hand + sum(state.pipeline, self.awaited(state)) - state.backlog
        return jnp.cumsum(local, 0) if self.echelon_positions else local

    def awaited(self, state: State) -> Array:
        """Units [E, K] that wait with the supplier: the warehouse above or, under shocks, the one outside."""
        return jnp.concatenate([state.backlog[1:], super().awaited(state)[-1:]])

    def lead_time_mean(self, params: Params) -> Array:
        """Lead time [E, K] in periods, in the mean over the table."""
        return jnp.mean(params.lead_time.astype(jnp.float32), 0)

    def flow(self) -> tuple[tuple[str, str, str], ...]:
        names = ["customers", *(f"echelon {i}" for i in range(self.num_echelons)), "supplier"]
        labels = ["", *[core.in_periods(self.max_lead_time, at_most=True)] * self.num_echelons]
        return tuple(zip(names[1:], names[:-1], labels, strict=True))[::-1]

    # -- spaces and observation -----------------------------------------------------------------------------------
    @property
    def num_features(self) -> int:
        return self.max_lead_time + 10 + (self.max_lead_time + 8) * self.calendar

    def observation_space(self, params: Params) -> spaces.Box:
        return spaces.unbounded((*self.cells, self.num_features))

    def observe(self, state: State, params: Params) -> Array:
        scale = params.demand_scale[None]
        full = state.on_hand @ params.volume / jnp.maximum(params.storage_capacity, 1e-6)
        penalty = params.stockout_cost + (1.0 - params.backlog_share) * (params.price - params.unit_cost)
        period_holding = jnp.maximum(params.holding_cost * scale, 1e-6)
        features = [
            state.on_hand / scale,
            state.backlog / scale,
            *(state.pipeline / scale[None]),
            self.awaited(state) / scale,
            state.exo.mean[None] / scale,
            jnp.sqrt(state.exo.variance)[None] / scale,
            self.lead_time_now(state, params) / self.max_lead_time,
            full[:, None],
            penalty / jnp.maximum(penalty + params.holding_cost, 1e-6),
            jnp.log1p(params.fixed_order_cost / period_holding),
            jnp.arange(self.num_echelons)[:, None] / self.num_echelons,
            jnp.log(scale),
        ]
        if self.calendar:
            expected = self.expected_demand(state, params, self.max_lead_time + 1)
            features += [demand[None] / scale for demand in expected]
            features += [is_today[None, None] for is_today in self.weekday(state)]
        # Stacked first and turned then: stacking along the last axis takes twice as long on CPU.
        return jnp.moveaxis(jnp.stack([jnp.broadcast_to(feature, self.cells) for feature in features]), 0, -1)
