"""Several warehouses that share suppliers, trucks, storage and stock: ``MultiWarehouse-v0``."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.env import core, demand_driven, dynamics, spaces
from jaxinv.env.demand_driven import DemandDriven
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.given import structure
from jaxinv.env.multi_warehouse_params import Params, make_params


@struct.dataclass(kw_only=True)
class ExoState(demand_driven.ExoState):
    lead_time: Array  # int32 [W]: periods that the last order takes
    mean: Array  # [W, K] moving mean of demand
    expected: Array  # [W, K] moving mean of what the calendar expected of the same periods
    variance: Array  # [W, K] moving mean of the squared error of the forecast


@struct.dataclass(kw_only=True)
class State(core.EnvState):
    on_hand: Array  # [W, K]
    orders: Array  # [L - 1, W, K] ordered; entry l arrives at the start of the (l+1)-th period from now
    transfers: Array  # [L - 1, W, K] likewise from other warehouses ([0, W, K] without transfers)
    backlog: Array  # [W, K] customers waiting


@struct.dataclass(kw_only=True)
class Exogenous(demand_driven.Exogenous):
    lead_time: Array  # int32 [W] of an order placed in this period


@struct.dataclass
class Action:
    orders: Array  # [W, K] units to order from the suppliers
    flows: Any = None  # [W, W, K] units to transfer from row to column; None without transfers


@struct.dataclass(kw_only=True)
class Ledger(core.Ledger):
    """All [W, K]. Costs of a warehouse are shared equally by the SKUs that caused them; costs of a lane are charged
    to the sender of a transfer and to the warehouse whose customers a cross-shipment serves."""

    GAINS: ClassVar = ("revenue",)
    COSTS: ClassVar = (
        "purchase", "fixed_order", "holding", "stockout", "transfer", "cross_shipping", "overflow", "promotion",
    )  # fmt: skip
    UNITS: ClassVar = (
        "demanded", "sold_locally", "cross_shipped", "lost", "backlogged", "received", "transferred", "written_off",
        "on_hand",
    )  # fmt: skip

    revenue: Array
    purchase: Array
    fixed_order: Array
    holding: Array
    stockout: Array
    transfer: Array
    cross_shipping: Array
    overflow: Array
    promotion: Array
    demanded: Array
    sold_locally: Array  # from own stock, waiting customers included
    cross_shipped: Array  # to this warehouse's customers from other warehouses' stock
    lost: Array
    backlogged: Array  # that began to wait in this period
    received: Array  # put into stock, orders and transfers
    transferred: Array  # sent away
    written_off: Array  # refused for want of space
    on_hand: Array  # at the end of the period, which holding is charged on


@dataclasses.dataclass(frozen=True)
class MultiWarehouse(DemandDriven):
    """W warehouses hold K SKUs, replenish from capacitated suppliers, and help each other.

    Order of events. A state is seen at the moment of decision, event 2, so a call of ``transition`` runs events 2
    to 9 of a period and event 1 of the next.

    1. Orders and transfers due now arrive. If they need more volume than the space left in a warehouse, all of them
       are accepted in the same proportion; the refused part is written off: its unit cost moves from ``purchase``
       to ``overflow``, which ``overflow_cost`` per unit is added to.
    2. Decision: orders [W, K] and transfer flows [W, W, K].
    3. Supplier capacity: where the warehouses together order more of a SKU than its supplier can send, all are cut
       in the same proportion. ``purchase`` is charged now, and ``fixed_order``: ``fixed_order_cost`` for a warehouse
       that orders anything and ``line_order_cost`` for each SKU it orders. An order with lead time l is in stock
       for the demand of the l-th period after this one (0: of this one).
    4. Transfers leave. Flows out of a cell that exceed its stock on hand are cut in the same proportion; lanes that
       cost ``UNLIMITED`` do not exist. ``transfer`` is charged on what leaves. Orders and transfers with lead time 0
       arrive as in event 1.
    5. Demand.
    6. Local sale: customers waiting from earlier periods first, then the new ones.
    7. Cross-shipping, if there is any: what is still unmet is served from other warehouses' stock at once, cheapest
       lane first, only where the lane costs less than what it saves: the stock-out penalty and, for the share of
       customers who would not wait, the price.
    8. Of the new demand still unmet ``backlog_share`` waits and the rest is lost.
    9. Costs: ``holding`` on stock on hand, ``stockout`` on units lost now and on all customers waiting, ``revenue``
       on units sold and ``promotion`` on those of them that are sold on promotion. Time advances.

    Stochastic lead times do not cross: each period draws one lead time per warehouse from ``lead_time_probs``, and
    an order arrives no earlier than the one before it would have (Kaplan 1970, Management Science 16(7), in the
    form of a sequence that does not depend on the orders placed).

    Observation [W, K, F], per cell, units in ``demand_scale``, forecasts as described at :meth:`forecast`:

    ==================  =====  ==================================================================================
    feature             count  meaning
    ==================  =====  ==================================================================================
    on hand             1      stock at the moment of decision
    backlog             1      customers waiting
    orders              L - 1  outstanding orders by periods to arrival
    transfers           L - 1  incoming transfers by periods to arrival (with transfers only)
    days of cover       1      inventory position over the mean forecast of the next L + 1 periods, at most 30
    recent mean         1      moving mean of demand
    recent deviation    1      moving root mean square error of the forecast
    forecast            L + 1  demand expected in the coming and the L next periods
    weekday             7      one-hot day of the coming period, Monday first
    promotion           L + 1  1 if one runs in the coming (the next, ...) period and is known
    lead time           1      expected, over L + 1
    storage             1      part of the warehouse's storage that is full
    cost ratios         3      penalty / (penalty + holding), penalty including the lost margin; log(1 + ratio) of
                               the fixed cost, and of the line cost, to the cost of holding one typical period's
                               demand (of the warehouse, and of the cell)
    size                1      log of ``demand_scale``
    ==================  =====  ==================================================================================
    """

    num_warehouses: int = 4  # W, warehouses
    num_skus: int = 6  # K, SKUs
    max_lead_time: int = 3  # L, periods that orders and transfers take at most
    transfers: bool = True  # whether warehouses can send each other stock
    cross_shipping: bool = False  # whether they serve customers of those that are short

    agent_axes: ClassVar = {"warehouse": 0, "sku": -1}

    def __post_init__(self):
        structure(self, num_warehouses=1, num_skus=1, max_lead_time=0)

    @property
    def cells(self) -> tuple[int, int]:
        return self.num_warehouses, self.num_skus

    @property
    def pipeline_length(self) -> int:
        """Periods ahead for which arrivals are outstanding at the moment of decision."""
        return max(self.max_lead_time - 1, 0)

    # -- parameters -----------------------------------------------------------------------------------------------
    def default_params(self) -> Params:
        """Lost sales, Poisson demand of 5 a day and a fixed cost per delivery."""
        return self.make_params()

    def make_params(self, *, lead_time: Any = None, **numbers: Any) -> Params:
        """Parameters with defaults for what is not given. Scalars and smaller arrays are broadcast to the shapes in
        :class:`Params`; ``lead_time`` [W] gives fixed lead times instead of ``lead_time_probs``.

        Raises ``ValueError`` for a name or a value that does not fit.
        """
        return make_params(self.cells, self.max_lead_time, lead_time=lead_time, **numbers)

    # -- exogenous information ------------------------------------------------------------------------------------
    def num_uniforms(self, params: Params) -> int:
        return self.num_warehouses + params.demand.num_uniforms

    def exogenous(self, u: Array, state: State, params: Params) -> Exogenous:
        exo: ExoState = state.exo
        # Cumulative probabilities without the last, so that a sum that rounds below 1 cannot exceed L.
        cumulative = jnp.cumsum(params.lead_time_probs, -1)[:, :-1]
        drawn = jnp.sum(u[: self.num_warehouses, None] >= cumulative, -1, dtype=jnp.int32)
        lead_time = jnp.maximum(drawn, exo.lead_time - 1)
        demand, following = params.demand.draw(u[self.num_warehouses :], exo.demand)

        weight = 1.0 / params.recent_periods
        calendar = params.demand.mean(exo.demand)
        error = demand - calendar * exo.mean / jnp.maximum(exo.expected, 1e-6)
        return Exogenous(
            demand=demand,
            lead_time=lead_time,
            next=ExoState(
                demand=following,
                lead_time=lead_time,
                mean=exo.mean + weight * (demand - exo.mean),
                expected=exo.expected + weight * (calendar - exo.expected),
                variance=exo.variance + weight * (error**2 - exo.variance),
            ),
        )

    def forecast(self, state: State, params: Params) -> Array:
        """Demand expected in the coming and the L next periods, [L + 1, W, K]: what the demand process expects by
        its calendar, times the ratio of the moving means of demand and of that expectation."""
        ahead = jnp.arange(self.max_lead_time + 1)
        calendar = jax.vmap(lambda a: params.demand.mean(state.exo.demand, a))(ahead)
        return calendar * (state.exo.mean / jnp.maximum(state.exo.expected, 1e-6))[None]

    # -- the transition -------------------------------------------------------------------------------------------
    def init_state(self, u: Array, params: Params) -> State:
        demand = params.demand.init(u)
        mean = params.demand.mean(demand)
        return State(
            time=jnp.int32(0),
            exo=ExoState(
                demand=demand,
                lead_time=jnp.zeros(self.num_warehouses, jnp.int32),
                mean=mean,
                expected=mean,
                variance=mean,  # a Poisson variance, until there is something to measure
            ),
            on_hand=params.initial_stock,
            orders=jnp.zeros((self.pipeline_length, *self.cells), jnp.float32),
            transfers=jnp.zeros((self.pipeline_length if self.transfers else 0, *self.cells), jnp.float32),
            backlog=jnp.zeros(self.cells, jnp.float32),
        )

    def transition(self, state: State, action: Action, exo: Exogenous, params: Params) -> tuple[State, core.Outcome]:
        # 3. supplier capacity
        ordered = action.orders * dynamics.fill_fraction(params.supplier_capacity, jnp.sum(action.orders, 0))[None]
        lead_time = jnp.broadcast_to(exo.lead_time[:, None], self.cells)
        pipeline = dynamics.extend(state.orders, self.max_lead_time)
        pipeline, arriving = dynamics.schedule(pipeline, ordered, lead_time)

        # 4. transfers leave; what has lead time 0 arrives
        transferred, transfer_cost, transfers, immediate = self._transfer(state, action, params)
        on_hand, arriving = state.on_hand - transferred, arriving + immediate
        received = dynamics.accept(on_hand, arriving, params.volume, params.storage_capacity)
        written_off = arriving - received
        on_hand = on_hand + received

        # 5. and 6. demand, local sale
        wanted = state.backlog + exo.demand
        sold = jnp.minimum(on_hand, wanted)
        on_hand = on_hand - sold

        # 7. cross-shipping
        sent, cross_shipped, cross_cost = self._cross_ship(on_hand, wanted - sold, params)
        stock, units_sold = on_hand - sent, sold + cross_shipped

        # 8. the rest waits or is lost
        waiting, backlogged, lost = dynamics.divide_unmet(
            wanted - sold - cross_shipped, state.backlog, units_sold, params.backlog_share
        )
        backlog = waiting + backlogged

        # 9. costs are charged on the stock of this moment; then, 1., what is due at the next period's start arrives
        due_orders, orders = dynamics.advance(pipeline)
        due_transfers, transfers = dynamics.advance(transfers)
        due = due_orders + due_transfers
        accepted = dynamics.accept(stock, due, params.volume, params.storage_capacity)
        on_hand, received, written_off = stock + accepted, received + accepted, written_off + due - accepted

        value_lost = written_off * params.unit_cost
        ledger = Ledger(
            revenue=params.price * units_sold,
            purchase=params.unit_cost * ordered - value_lost,
            fixed_order=self._fixed_cost(ordered, params),
            holding=params.holding_cost * stock,
            stockout=params.stockout_cost * (lost + backlog),
            transfer=transfer_cost,
            cross_shipping=cross_cost,
            overflow=value_lost + params.overflow_cost[:, None] * written_off,
            promotion=params.promotion_cost * params.demand.promotion(state.exo.demand) * units_sold,
            demanded=exo.demand,
            sold_locally=sold,
            cross_shipped=cross_shipped,
            lost=lost,
            backlogged=backlogged,
            received=received,
            transferred=transferred,
            written_off=written_off,
            on_hand=stock,
        )
        following = State(
            time=state.time + 1, exo=exo.next, on_hand=on_hand, orders=orders, transfers=transfers, backlog=backlog
        )
        return following, core.Outcome(reward=ledger.reward(), terminated=jnp.bool_(False), ledger=ledger)

    def _fixed_cost(self, ordered: Array, params: Params) -> Array:
        """Of deliveries, in equal parts of their SKUs, and of SKUs, [W, K]."""
        lines = (ordered > 0).astype(jnp.float32)
        num_lines = jnp.sum(lines, 1, keepdims=True)
        return lines * (params.fixed_order_cost[:, None] / jnp.maximum(num_lines, 1.0) + params.line_order_cost)

    def _transfer(self, state: State, action: Action, params: Params) -> tuple[Array, Array, Array, Array]:
        """Units sent by each cell [W, K], what that costs it [W, K], the pipeline [L, W, K] of transfers ([0, W, K]
        without them), and what arrives at once [W, K]."""
        if not self.transfers:
            nothing = jnp.zeros(self.cells, jnp.float32)
            return nothing, nothing, state.transfers, nothing
        wanted = jnp.where(self._lanes(params.transfer_cost)[:, :, None], action.flows, 0.0)
        flows = wanted * dynamics.fill_fraction(state.on_hand, jnp.sum(wanted, 1))[:, None]
        lead_time = jnp.broadcast_to(params.transfer_lead_time[:, :, None], flows.shape)
        under_way = jnp.zeros((self.max_lead_time, *flows.shape), jnp.float32)
        under_way, immediate = dynamics.schedule(under_way, flows, lead_time)
        pipeline = dynamics.extend(state.transfers, self.max_lead_time) + jnp.sum(under_way, 1)
        return jnp.sum(flows, 1), jnp.sum(flows * params.transfer_cost[:, :, None], 1), pipeline, jnp.sum(immediate, 0)

    def _cross_ship(self, on_hand: Array, unmet: Array, params: Params) -> tuple[Array, Array, Array]:
        """Units sent by each cell, units that its customers get, and what these cost; all [W, K]."""
        if not self.cross_shipping:
            nothing = jnp.zeros(self.cells, jnp.float32)
            return nothing, nothing, nothing
        cost = params.cross_shipping_cost
        saves = params.stockout_cost + (1.0 - params.backlog_share) * params.price
        pays = self._lanes(cost)[:, :, None] & (cost[:, :, None] < saves[None])
        flows = dynamics.ship_cheapest_first(on_hand, unmet, cost, pays)
        return jnp.sum(flows, 1), jnp.sum(flows, 0), jnp.sum(flows * cost[:, :, None], 0)

    def _lanes(self, cost: Array) -> Array:
        """bool [W, W]: lanes between different warehouses that exist."""
        return (cost < UNLIMITED) & ~jnp.eye(self.num_warehouses, dtype=bool)

    # -- what policies read ---------------------------------------------------------------------------------------
    def inventory_position(self, state: State) -> Array:
        """On hand plus under way less backlog, [W, K]."""
        position = state.on_hand + jnp.sum(state.orders, 0) + jnp.sum(state.transfers, 0) - state.backlog
        return position + self.awaited(state)

    def lead_time_mean(self, params: Params) -> Array:
        """Expected lead time [W] in periods."""
        return params.lead_time_probs @ jnp.arange(self.max_lead_time + 1, dtype=jnp.float32)

    def order_action(self, orders: Array, flows: Array | None = None) -> Action:
        """The action that places ``orders`` [W, K] and, where there are transfers, sends ``flows`` [W, W, K]."""
        if self.transfers and flows is None:
            flows = jnp.zeros((self.num_warehouses, *self.cells), jnp.float32)
        return Action(orders=orders, flows=flows if self.transfers else None)

    def placed_orders(self, action: Action) -> tuple[Array, Callable[[Array], Action]]:
        """All but the transfers: orders [W, K]."""
        return action.orders, lambda orders: dataclasses.replace(action, orders=orders)

    def transfer_flows(self, wish: Array, state: State, params: Params) -> Array:
        """Flows [W, W, K] that move net wishes [W, K] (positive: to receive, negative: to give, at most what is on
        hand) along the cheapest lanes."""
        supply = jnp.clip(-wish, 0.0, state.on_hand)
        allowed = jnp.broadcast_to(self._lanes(params.transfer_cost)[:, :, None], (self.num_warehouses, *self.cells))
        return dynamics.ship_cheapest_first(supply, jnp.maximum(wish, 0.0), params.transfer_cost, allowed)

    def flow(self) -> tuple[tuple[str, str, str], ...]:
        names = [f"warehouse {i}" for i in range(self.num_warehouses)]
        lead_time = core.in_periods(self.max_lead_time, at_most=True)
        lanes = [("supplier", name, lead_time) for name in names]
        lanes += [(name, f"customers {name[10:]}", "") for name in names]
        return (*lanes, *((a, b, "") for a in names for b in names if self.transfers and a != b))

    # -- spaces and observation -----------------------------------------------------------------------------------
    def action_space(self, params: Params) -> spaces.Tree:
        limit = np.float32(UNLIMITED)
        flows = spaces.Box(np.float32(0), limit, (self.num_warehouses, *self.cells)) if self.transfers else None
        return spaces.Tree(Action(orders=spaces.Box(np.float32(0), limit, self.cells), flows=flows))  # type: ignore

    @property
    def num_features(self) -> int:
        return 2 + self.pipeline_length * (1 + self.transfers) + 3 + 2 * (self.max_lead_time + 1) + 7 + 6

    def observation_space(self, params: Params) -> spaces.Box:
        return spaces.unbounded((*self.cells, self.num_features))

    def observe(self, state: State, params: Params) -> Array:
        scale = params.demand_scale
        forecast = self.forecast(state, params)
        announced = jax.vmap(lambda a: params.demand.promotion(state.exo.demand, a))(jnp.arange(len(forecast)))
        cover = self.inventory_position(state) / jnp.maximum(jnp.mean(forecast, 0), 0.01 * scale)
        penalty = params.stockout_cost + (1.0 - params.backlog_share) * (params.price - params.unit_cost)
        period_holding = jnp.maximum(params.holding_cost * scale, 1e-6)
        fixed_ratio = params.fixed_order_cost / jnp.sum(period_holding, 1)

        def per_warehouse(x):
            return jnp.broadcast_to(x[:, None], self.cells)

        features = [
            state.on_hand / scale,
            state.backlog / scale,
            *(state.orders / scale[None]),
            *(state.transfers / scale[None]),
            jnp.clip(cover, -30.0, 30.0),
            state.exo.mean / scale,
            jnp.sqrt(state.exo.variance) / scale,
            *(forecast / scale[None]),
            *jnp.broadcast_to(self.weekday(state)[:, None, None], (7, *self.cells)),
            *announced,
            per_warehouse(self.lead_time_mean(params) / (self.max_lead_time + 1)),
            per_warehouse(state.on_hand @ params.volume / jnp.maximum(params.storage_capacity, 1e-6)),
            penalty / jnp.maximum(penalty + params.holding_cost, 1e-6),
            per_warehouse(jnp.log1p(fixed_ratio)),
            jnp.log1p(params.line_order_cost / period_holding),
            jnp.log(scale),
        ]
        return jnp.stack(features, -1)
