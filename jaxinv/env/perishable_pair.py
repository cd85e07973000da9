"""Two perishable products, one of which can replace the other: ``PerishablePair-v0``."""

import dataclasses
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.demand import Demand, Poisson
from jaxinv.demand.quantiles import binomial_quantile
from jaxinv.env import core, demand_driven, spaces
from jaxinv.env.demand_driven import DemandDriven, ExoState
from jaxinv.env.given import Given, structure
from jaxinv.env.perishable import issue


@struct.dataclass(kw_only=True)
class Params(core.EnvParams):
    """Numbers of the problem, of the P = 2 products a and b or of both. Money per unit and period."""

    demand: Demand  # a process of shape (2,)
    price: Array = struct.leaf(1.0, shape="P", low=0.0)  # per unit sold
    unit_cost: Array = struct.leaf(0.5, shape="P", low=0.0)  # per unit ordered
    fixed_order_cost: Array = struct.leaf(0.0, shape="P", low=0.0)  # per order
    holding_cost: Array = struct.leaf(0.0, shape="P", low=0.0)  # on stock at the period's end that can be sold later
    stockout_cost: Array = struct.leaf(0.0, shape="P", low=0.0)  # per unit of demand lost
    waste_cost: Array = struct.leaf(0.0, shape="P", low=0.0)  # per unit that reaches the end of its life
    batch_size: Array = struct.leaf(1.0, shape="P", above=0.0)  # units; met by action wrappers, not by the transition
    minimum_order: Array = struct.leaf(0.0, shape="P", low=0.0)  # units; likewise
    substitution: Array = struct.leaf(0.5, low=0.0, high=1.0)  # probability that a customer for b takes a
    demand_scale: Array = struct.leaf(shape="P", above=0.0)  # units: typical demand, in which observations are measured


@struct.dataclass(kw_only=True)
class State(core.EnvState):
    stock: tuple[tuple[Array, ...], tuple[Array, ...]]  # of a and b by remaining life, longest first


@struct.dataclass(kw_only=True)
class Exogenous(demand_driven.Exogenous):
    acceptance: Array  # [] uniform that decides how many customers for b take a


@struct.dataclass(kw_only=True)
class Ledger(core.Ledger):
    """All [2], of a and b."""

    GAINS: ClassVar = ("revenue",)
    COSTS: ClassVar = ("purchase", "fixed_order", "holding", "stockout", "waste")
    UNITS: ClassVar = (
        "demanded",
        "sold",
        "substituted",
        "lost",
        "backlogged",
        "ordered",
        "received",
        "written_off",
        "on_hand",
    )

    revenue: Array
    purchase: Array
    fixed_order: Array
    holding: Array
    stockout: Array
    waste: Array
    demanded: Array
    sold: Array  # units of a and of b, whomever to
    substituted: Array  # units of the other product that customers for this one were sold: none for a
    lost: Array
    backlogged: Array  # none
    ordered: Array
    received: Array  # put into stock
    written_off: Array  # unsold at the end of its life
    on_hand: Array  # at the end of the period, without what is written off; holding is charged on it


@dataclasses.dataclass(frozen=True)
class PerishablePair(DemandDriven):
    """Two products a and b that live for a few periods, with a lead time of one period; unmet demand is lost, but
    some of the customers who find no b take a (Hendrix et al. 2019, *On computing optimal policies in perishable
    inventory control using value iteration*, Computational and Mathematical Methods 1(4)).

    Order of events. A state is seen at the moment of decision, event 2, so a call of ``transition`` runs events 2
    to 6 of a period and event 1 of the next.

    1. The orders of the period before arrive with a life of m periods: they can be sold in this and the m - 1 next.
    2. Decision: orders in units, [2].
    3. ``purchase`` is charged on the units ordered and ``fixed_order`` on each order above 0.
    4. Demand is served oldest units first, each product from its own stock. Then every customer who found no b
       takes a, if there is any left, with probability ``substitution``. All else is lost.
    5. ``revenue`` is earned on units sold and ``stockout`` charged on those lost, by the product asked for.
    6. Unsold units in the last period of their life are written off at ``waste``. ``holding`` is charged on the
       rest. Stock ages and time advances.

    Observation [2 m], in units of ``demand_scale``: stock of a and then of b by remaining life, longest first.
    """

    lead_time: ClassVar[int] = 1

    shelf_life: int = 2  # m, periods that a unit can be sold in

    def __post_init__(self):
        structure(self, shelf_life=1)

    # -- parameters -----------------------------------------------------------------------------------------------
    def default_params(self) -> Params:
        """Hendrix et al. (2019): Poisson demand of 5 each, bought for 0.5 and sold for 1."""
        return self.make_params()

    def make_params(self, **numbers: Any) -> Params:
        """Parameters with defaults for what is not given; what is of both products may be given as one number.

        Raises ``ValueError`` for a name or a value that does not fit.
        """
        given = Given("PerishablePair", Params, numbers, {"P": 2})
        demand = given.demand(lambda: Poisson([5.0, 5.0]).tabulated(), (2,))  # type: ignore[arg-type]
        return given.params(demand=demand, demand_scale=np.maximum(np.asarray(demand.mean()), 0.1))

    # -- exogenous information ------------------------------------------------------------------------------------
    def num_uniforms(self, params: Params) -> int:
        return params.demand.num_uniforms + 1

    def exogenous(self, u: Array, state: State, params: Params) -> Exogenous:
        demand, following = params.demand.draw(u[:-1], state.exo.demand)
        return Exogenous(demand=demand, acceptance=u[-1], next=ExoState(demand=following))

    def expected_exogenous(self, state: State, params: Params, ahead: int | Array = 0) -> Exogenous:
        """The period ``ahead`` periods after the coming one if it brings mean demand, and nobody takes a for b."""
        demand = params.demand.mean(state.exo.demand, ahead)
        return Exogenous(demand=demand, acceptance=jnp.float32(0), next=state.exo)

    # -- the transition -------------------------------------------------------------------------------------------
    def init_state(self, u: Array, params: Params) -> State:
        empty = (jnp.float32(0),) * self.shelf_life
        return State(time=jnp.int32(0), exo=ExoState(demand=params.demand.init(u)), stock=(empty, empty))

    def transition(self, state: State, action: Array, exo: Exogenous, params: Params) -> tuple[State, core.Outcome]:
        # 4. demand
        stock_a, unmet_a = issue(state.stock[0], exo.demand[0], "fifo")
        stock_b, unmet_b = issue(state.stock[1], exo.demand[1], "fifo")
        asking = jnp.minimum(binomial_quantile(exo.acceptance, unmet_b, params.substitution), unmet_b)
        stock_a, refused = issue(stock_a, asking, "fifo")
        substituted = asking - refused
        nothing = jnp.zeros_like(substituted)
        lost = jnp.stack([unmet_a, unmet_b - substituted])
        sold = exo.demand - jnp.stack([unmet_a - substituted, unmet_b])

        # 6. the last class is wasted, the others age; then, 1., the orders arrive
        *left_a, wasted_a = stock_a
        *left_b, wasted_b = stock_b
        wasted = jnp.stack([wasted_a, wasted_b])
        on_hand = jnp.stack([sum(left_a, nothing), sum(left_b, nothing)])
        following = State(time=state.time + 1, exo=exo.next, stock=((action[0], *left_a), (action[1], *left_b)))
        ledger = Ledger(
            revenue=params.price * sold,
            purchase=params.unit_cost * action,
            fixed_order=params.fixed_order_cost * jnp.where(action > 0, 1.0, 0.0),
            holding=params.holding_cost * on_hand,
            stockout=params.stockout_cost * lost,
            waste=params.waste_cost * wasted,
            demanded=exo.demand,
            sold=sold,
            substituted=jnp.stack([nothing, substituted]),
            lost=lost,
            backlogged=jnp.zeros_like(lost),
            ordered=action,
            received=action,
            written_off=wasted,
            on_hand=on_hand,
        )
        outcome = core.Outcome(reward=ledger.reward(), terminated=jnp.bool_(False), ledger=ledger)
        return following, outcome

    # -- what policies read ---------------------------------------------------------------------------------------
    @property
    def cells(self) -> tuple[int, ...]:
        return (2,)

    def inventory_position(self, state: State) -> Array:
        """On hand, [2]: nothing is under way at the moment of decision."""
        return jnp.stack([sum(stock, jnp.float32(0)) for stock in state.stock]) + self.awaited(state)

    def lead_time_mean(self, params: Params) -> Array:
        """Expected lead times [2] in periods."""
        return jnp.ones(2)

    def flow(self) -> tuple[tuple[str, str, str], ...]:
        lanes = [("supplier", product, core.in_periods(self.lead_time)) for product in "ab"]
        return (*lanes, *((product, f"customers for {product}", "") for product in "ab"), ("a", "customers for b", ""))

    # -- spaces and observation -----------------------------------------------------------------------------------
    def observation_space(self, params: Params) -> spaces.Box:
        return spaces.unbounded((2 * self.shelf_life,))

    def observe(self, state: State, params: Params) -> Array:
        scaled = [
            units / scale for stock, scale in zip(state.stock, params.demand_scale, strict=True) for units in stock
        ]
        return jnp.stack(scaled)

    # -- exact solution -------------------------------------------------------------------------------------------
    def finite_model(self, params: Params, *, max_order: tuple[int, int] | None = None) -> Any:
        """Its states and actions, numbered, for whole units: a ``perishable_pair_model.PairModel``."""
        from jaxinv.env.perishable_pair_model import finite_model

        return finite_model(self, params, max_order=max_order)
