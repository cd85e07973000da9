"""An online shop: fulfilment centres, regions of customers, and prices: ``Ecommerce-v0``."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.env import core, dynamics, spaces
from jaxinv.env.demand_driven import DemandDriven, ExoState
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.ecommerce_ledger import Ledger
from jaxinv.env.ecommerce_params import Params, make_params
from jaxinv.env.ecommerce_shipping import ship
from jaxinv.env.given import structure
from jaxinv.env.multi_agent import ALL, Axes, Division, Owners


@struct.dataclass(kw_only=True)
class State(core.EnvState):
    on_hand: Array  # [F, K]
    pipeline: Array  # [L - 1, F, K] ordered; entry l arrives at the start of the (l+1)-th period from now
    returning: Array  # [D - 1, F, K] likewise of units that customers send back
    backlog: Array  # [R, K] orders waiting
    owed: Array  # [R, K] money that the waiting orders will pay
    satisfaction: Array  # [R] in 0..1


@struct.dataclass(kw_only=True)
class Exogenous(core.Exogenous):
    u: Array  # [R, K] uniforms, which become demand where price and satisfaction are known


@struct.dataclass
class Action:
    orders: Array  # [F, K] units to order from the supplier
    price: Any = None  # [K]; None: the reference price
    allocation: Any = None  # [F, R, K] part of orders meant for each centre; None: the nearest that has stock


@struct.dataclass
class Observation:
    centres: Array  # [F, K, C]
    regions: Array  # [R, K, D]


@dataclasses.dataclass(frozen=True)
class Ecommerce(DemandDriven):
    """F fulfilment centres hold K SKUs and ship the orders of R regions; the shop also sets prices, and good service
    brings customers back.

    With one centre, one region and one SKU it is joint pricing and replenishment (Federgruen and Heching 1999,
    Operations Research 47(3)), with lost sales, backlog or both; which centre ships is the question of Acimovic and
    Graves (2015, Manufacturing and Service Operations Management 17(1)).

    Order of events. A state is seen at the moment of decision, event 2, so a call of ``transition`` runs events 2
    to 8 of a period and event 1 of the next.

    1. Orders and returned units due now arrive and are in stock. ``return_handling`` is charged on units returned.
    2. Decision, :class:`Action`: orders [F, K] from the supplier, prices [K], and the allocation [F, R, K].
    3. ``purchase`` is charged on units ordered, and ``fixed_order`` to a centre that orders anything. An order with
       lead time l is in stock for the demand of the l-th period after this one (0: of this one).
    4. Demand [R, K]: the law of the period at the reference price, scaled by what ``response`` makes of the price and
       by 1 - ``satisfaction_effect`` (1 - satisfaction) of the region. Customers agree to the price of this period.
    5. Shipping of waiting and new orders. The allocation is the part of a region's orders meant for each centre (parts
       that sum to more than 1 are cut in proportion); orders for more than a centre's stock are cut in the same
       proportion for all regions. With ``reroute``, or without an allocation, orders that are left go to the nearest
       centre, then to the next one, and so on: nearest is where ``shipping_cost`` is least. ``shipping`` is charged on
       units shipped, ``splitting`` on those of a region that do not come from its main centre, which ships most to it
       in the period. Waiting orders are served first; ``revenue`` is earned at the price agreed when units are shipped,
       and of it the ``refund`` of the ``return_share`` is set aside at once.
    6. Of the new orders not shipped ``backlog_share`` waits and the rest is cancelled: ``lost_sales``.
    7. Satisfaction moves by ``satisfaction_rate`` towards the service of the period: the part of a region's orders, of
       all SKUs, that is shipped, each unit weighted by exp(-``impatience`` x delivery time). No orders, no change.
    8. ``holding`` is charged on stock on hand, ``lateness`` on all orders waiting. The ``return_share`` of the units
       shipped is on its way back to the centre that shipped it, for ``return_delay`` periods. Time advances.

    Stock is divided in proportion, so units are whole only where orders and demand are and nothing is divided.

    Observation: two arrays, :class:`Observation`, units in ``demand_scale``, money in the reference price.

    ====================  =====  ==============================================================================
    of a centre [F, K]    count  meaning
    ====================  =====  ==============================================================================
    on hand               1      stock at the moment of decision
    pipeline              L - 1  outstanding orders by periods to arrival
    returning             D - 1  units sent back by periods to arrival
    nearest demand        1      expected in the coming period of the regions it is the nearest centre of
    lead time             1      over L + 1
    costs                 3      unit cost; holding cost; log(1 + ratio) of the fixed cost to the cost of holding
                                 one typical period's demand of the centre
    ====================  =====  ==============================================================================

    ====================  =====  ==============================================================================
    of a region [R, K]    count  meaning
    ====================  =====  ==============================================================================
    waiting               1      orders waiting
    forecast              L + 1  demand expected at the reference price in the coming and the L next periods
    promotion             L + 1  1 if one runs in the coming (the next, ...) period and is known
    satisfaction          1      of the region
    shipping              1      cost of shipping from the nearest centre
    penalties             2      lateness, lost sale
    weekday               7      one-hot day of the coming period, Monday first
    ====================  =====  ==============================================================================
    """

    num_centres: int = 2  # F, fulfilment centres
    num_skus: int = 3  # K, SKUs
    num_regions: int = 4  # R, regions of customers
    max_lead_time: int = 2  # L, periods from the supplier at most
    max_return_delay: int = 3  # D, periods until a returned unit is back at most
    reroute: bool = True  # whether orders that the allocation leaves over go to the nearest centre that has stock

    def __post_init__(self):
        structure(self, num_centres=1, num_skus=1, num_regions=1, max_lead_time=0, max_return_delay=1)

    @property
    def cells(self) -> tuple[int, int]:
        """Shape of the orders from the supplier, (F, K)."""
        return self.num_centres, self.num_skus

    @property
    def lanes(self) -> tuple[int, int, int]:
        """Shape of what is shipped, (F, R, K)."""
        return self.num_centres, self.num_regions, self.num_skus

    @property
    def _of_regions(self) -> tuple[int, int]:
        return self.num_regions, self.num_skus

    # -- parameters -----------------------------------------------------------------------------------------------
    def default_params(self) -> Params:
        """Poisson orders of 5 per region and SKU, a price elasticity of 2, half of unmet orders waits; centres and
        regions lie along a line and shipping costs by distance."""
        return self.make_params()

    def make_params(self, **numbers: Any) -> Params:
        """Parameters with defaults for what is not given. Scalars and smaller arrays are broadcast to the shapes in
        :class:`Params`; ``elasticity`` stands for a ``ConstantElasticity`` response.

        Raises ``ValueError`` for a name or a value that does not fit.
        """
        sizes = {"F": self.num_centres, "K": self.num_skus, "R": self.num_regions}
        return make_params(sizes, self.max_lead_time, self.max_return_delay, **numbers)

    # -- exogenous information ------------------------------------------------------------------------------------
    def num_uniforms(self, params: Params) -> int:
        # A replayed trace needs none of its own, but its rounding does.
        return max(params.demand.num_uniforms, params.demand.num_demand_uniforms)

    def exogenous(self, u: Array, state: State, params: Params) -> Exogenous:
        following = params.demand.advance(u[params.demand.num_demand_uniforms :], state.exo.demand)
        return Exogenous(u=params.demand.per_cell(u), next=ExoState(demand=following))

    # -- the transition -------------------------------------------------------------------------------------------
    def init_state(self, u: Array, params: Params) -> State:
        nothing = jnp.zeros(self._of_regions, jnp.float32)
        return State(
            time=jnp.int32(0),
            exo=ExoState(demand=params.demand.init(u)),
            on_hand=params.initial_stock,
            pipeline=jnp.zeros((max(self.max_lead_time - 1, 0), *self.cells), jnp.float32),
            returning=jnp.zeros((self.max_return_delay - 1, *self.cells), jnp.float32),
            backlog=nothing,
            owed=nothing,
            satisfaction=params.initial_satisfaction,
        )

    def transition(self, state: State, action: Action, exo: Exogenous, params: Params) -> tuple[State, core.Outcome]:
        price = params.reference_price if action.price is None else action.price

        # 3. orders from the supplier
        lead_time = jnp.broadcast_to(params.lead_time[:, None], self.cells)
        pipeline = dynamics.extend(state.pipeline, self.max_lead_time)
        pipeline, immediate = dynamics.schedule(pipeline, action.orders, lead_time)

        # 4. demand
        demanded = self.demand(exo.u, state, price, params)

        # 5. shipping, waiting orders first; they pay what was agreed
        available, orders = state.on_hand + immediate, state.backlog + demanded
        flows = ship(available, orders, action.allocation, params.shipping_cost, self.reroute)
        sent, shipped = jnp.sum(flows, 1), jnp.sum(flows, 0)
        stock = jnp.maximum(available - sent, 0.0)  # rounding must not leave less than nothing

        # 6. the rest waits or is cancelled
        unmet = jnp.maximum(orders - shipped, 0.0)
        waiting, backlogged, lost = dynamics.divide_unmet(unmet, state.backlog, shipped, params.backlog_share)
        served_new = shipped - (state.backlog - waiting)
        owed = state.owed * dynamics.fill_fraction(waiting, state.backlog)
        revenue = state.owed - owed + price[None] * served_new
        backlog, owed = waiting + backlogged, owed + price[None] * backlogged

        # 7. satisfaction
        service = self._service(flows, orders, state, params)
        satisfaction = state.satisfaction + params.satisfaction_rate * (service - state.satisfaction)

        # 8. costs are charged on the stock of this moment; then, 1., what is due at the next period's start arrives
        returning = dynamics.extend(state.returning, self.max_return_delay)
        delay = jnp.broadcast_to(params.return_delay[None], self.cells)
        returning, _ = dynamics.schedule(returning, params.return_share[None] * sent, delay)
        due, pipeline = dynamics.advance(pipeline)
        returned, returning = dynamics.advance(returning)

        lines = (action.orders > 0).astype(jnp.float32)
        deliveries = lines / jnp.maximum(jnp.sum(lines, 1, keepdims=True), 1.0)
        split = self._split(flows)
        ledger = Ledger(
            revenue=self._by_node(regions=revenue),
            purchase=self._by_node(centres=params.unit_cost * action.orders),
            fixed_order=self._by_node(centres=params.fixed_order_cost[:, None] * deliveries),
            holding=self._by_node(centres=params.holding_cost * stock),
            shipping=self._by_node(centres=jnp.sum(params.shipping_cost[:, :, None] * flows, 1)),
            splitting=self._by_node(regions=params.split_cost[:, None] * split),
            lateness=self._by_node(regions=params.late_cost * backlog),
            lost_sales=self._by_node(regions=params.lost_cost * lost),
            refund=self._by_node(regions=params.return_share[None] * revenue),
            return_handling=self._by_node(centres=params.return_cost[None] * returned),
            demanded=demanded,
            shipped=flows,
            split=split,
            lost=lost,
            backlogged=backlogged,
            waiting=backlog,
            ordered=action.orders,
            received=immediate + due,
            returned=returned,
            written_off=jnp.zeros(self.cells, jnp.float32),
            on_hand=stock,
        )
        following = State(
            time=state.time + 1,
            exo=exo.next,
            on_hand=stock + due + returned,
            pipeline=pipeline,
            returning=returning,
            backlog=backlog,
            owed=owed,
            satisfaction=satisfaction,
        )
        return following, core.Outcome(reward=ledger.reward(), terminated=jnp.bool_(False), ledger=ledger)

    def demand(self, u: Array, state: State, price: Array, params: Params) -> Array:
        """Orders [R, K] of the coming period at ``price`` [K] for uniforms [R, K]."""
        law = params.demand.law(state.exo.demand)
        turnout = self.turnout(state, params)[:, None]
        return params.response.law(law, price, params.reference_price, turnout).quantile(u)

    def turnout(self, state: State, params: Params) -> Array:
        """Part [R] of the customers who come, by their satisfaction."""
        return 1.0 - params.satisfaction_effect * (1.0 - state.satisfaction)

    def _split(self, flows: Array) -> Array:
        """Units [R, K] that do not come from the region's main centre."""
        main = jax.nn.one_hot(jnp.argmax(jnp.sum(flows, 2), 0), self.num_centres, axis=0)
        return jnp.sum(flows * (1.0 - main[:, :, None]), 0)

    def _service(self, flows: Array, orders: Array, state: State, params: Params) -> Array:
        """Of the period [R]: the part of the ``orders`` [R, K] that is shipped, weighted by delivery time."""
        weight = jnp.exp(-params.impatience[None] * params.delivery_time)
        served, ordered = jnp.sum(flows * weight[:, :, None], (0, 2)), jnp.sum(orders, 1)
        return jnp.where(ordered > 0, dynamics.fill_fraction(served, ordered), state.satisfaction)

    def _by_node(self, centres: Array | None = None, regions: Array | None = None) -> Array:
        """Money [F + R, K] of the centres or of the regions."""
        if centres is None:
            centres = jnp.zeros(self.cells, jnp.float32)
        return jnp.concatenate([centres, jnp.zeros(self._of_regions, jnp.float32) if regions is None else regions])

    # -- what policies read ---------------------------------------------------------------------------------------
    def forecast(self, state: State, params: Params) -> Array:
        """Demand expected at the reference price and today's satisfaction in the coming and the L next periods,
        [L + 1, R, K]."""
        ahead = jnp.arange(self.max_lead_time + 1)
        calendar = jax.vmap(lambda a: params.demand.mean(state.exo.demand, a))(ahead)
        return calendar * self.turnout(state, params)[None, :, None]

    def nearest(self, params: Params) -> Array:
        """1 for the centre that ships to a region at the least cost, else 0; [F, R]."""
        return jax.nn.one_hot(jnp.argmin(params.shipping_cost, 0), self.num_centres, axis=0)

    def inventory_position(self, state: State) -> Array:
        """On hand, under way and coming back, less orders waiting, in equal parts at all centres; [F, K]."""
        waiting = jnp.sum(state.backlog, 0) / self.num_centres
        position = state.on_hand + jnp.sum(state.pipeline, 0) + jnp.sum(state.returning, 0) - waiting[None]
        return position + self.awaited(state)

    def lead_time_mean(self, params: Params) -> Array:
        """Lead time [F] in periods."""
        return params.lead_time.astype(jnp.float32)

    def order_action(self, orders: Array, flows: None = None) -> Action:
        """The action that places ``orders`` [F, K], sells at the reference prices and ships from the nearest centre
        that has stock; there are no transfers."""
        return Action(orders=orders)

    def placed_orders(self, action: Action) -> tuple[Array, Callable[[Array], Action]]:
        """Orders [F, K]; neither prices nor the allocation."""
        return action.orders, lambda orders: dataclasses.replace(action, orders=orders)

    def flow(self) -> tuple[tuple[str, str, str], ...]:
        centres, regions = (
            [f"{kind} {i}" for i in range(number)]
            for kind, number in (("centre", self.num_centres), ("region", self.num_regions))
        )
        lead_time = core.in_periods(self.max_lead_time, at_most=True)
        lanes = [("supplier", centre, lead_time) for centre in centres]
        return (*lanes, *((centre, region, "") for centre in centres for region in regions))

    @property
    def agent_axes(self) -> dict[str, Any]:
        """SKUs, or centres that decide about orders and nothing else: prices, and which centre ships to a region, are
        not any centre's own. Centres see all regions, and what these earn and cost is theirs in equal parts."""
        of_centres, of_all = Axes((0,), (self.num_centres,)), (ALL,) * self.num_regions
        centres = Division(
            names=tuple(f"centre_{i}" for i in range(self.num_centres)),
            action=(of_centres,),
            money=Owners((*range(self.num_centres), *of_all), self.num_centres),
            observation=(of_centres, Owners(of_all, self.num_centres)),
        )
        return {"sku": -1, "centre": centres}

    # -- spaces and observation -----------------------------------------------------------------------------------
    def action_space(self, params: Params) -> spaces.Tree:
        zero = np.float32(0)
        return spaces.Tree(
            Action(
                orders=spaces.Box(zero, np.float32(UNLIMITED), self.cells),  # type: ignore[arg-type]
                price=spaces.Box(params.price_low, params.price_high, (self.num_skus,)),
                allocation=spaces.Box(zero, np.float32(1), self.lanes),
            )
        )

    def observation_space(self, params: Params) -> spaces.Tree:
        centres = 1 + max(self.max_lead_time - 1, 0) + self.max_return_delay - 1 + 5
        regions = 2 * (self.max_lead_time + 1) + 12
        return spaces.Tree(
            Observation(
                centres=spaces.unbounded((*self.cells, centres)),  # type: ignore[arg-type]
                regions=spaces.unbounded((*self._of_regions, regions)),  # type: ignore[arg-type]
            )
        )

    def observe(self, state: State, params: Params) -> Observation:
        scale, unit = params.demand_scale[None], params.reference_price[None]  # [1, K] of units, of money
        forecast = self.forecast(state, params)
        announced = jax.vmap(lambda a: params.demand.promotion(state.exo.demand, a))(jnp.arange(len(forecast)))
        near = jnp.einsum("fr,rk->fk", self.nearest(params), forecast[0], precision="highest")
        period_holding = jnp.maximum(jnp.sum(params.holding_cost * scale, 1), 1e-6)

        def per_centre(x):
            return jnp.broadcast_to(x[:, None], self.cells)

        def per_region(x):
            return jnp.broadcast_to(x[:, None], self._of_regions)

        centres = [
            state.on_hand / scale,
            *(state.pipeline / scale[None]),
            *(state.returning / scale[None]),
            near / scale,
            per_centre(params.lead_time / (self.max_lead_time + 1)),
            params.unit_cost / unit,
            params.holding_cost / unit,
            per_centre(jnp.log1p(params.fixed_order_cost / period_holding)),
        ]
        regions = [
            state.backlog / scale,
            *(forecast / scale[None]),
            *announced,
            per_region(state.satisfaction),
            per_region(jnp.min(params.shipping_cost, 0)) / unit,
            params.late_cost / unit,
            params.lost_cost / unit,
            *jnp.broadcast_to(self.weekday(state)[:, None, None], (7, *self._of_regions)),
        ]
        return Observation(centres=jnp.stack(centres, -1), regions=jnp.stack(regions, -1))
