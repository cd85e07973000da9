"""One perishable item at one location: ``Perishable-v0``."""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.demand import Demand, Gamma
from jaxinv.demand.quantiles import binomial_quantile
from jaxinv.demand.two_moment import adan_fit
from jaxinv.env import core, demand_driven, spaces
from jaxinv.env.demand_driven import DemandDriven, ExoState
from jaxinv.env.given import Given, structure

ISSUING = ("fifo", "lifo", "mixed")


@struct.dataclass(kw_only=True)
class Params(core.EnvParams):
    """Numbers of the problem, all [] unless said otherwise. Money per unit and period unless said otherwise."""

    demand: Demand  # a process of shape (); (2,) of oldest first and freshest first where issuing is mixed
    price: Array = struct.leaf(0.0, low=0.0)  # per unit sold
    unit_cost: Array = struct.leaf(3.0, low=0.0)  # per unit ordered
    fixed_order_cost: Array = struct.leaf(0.0, low=0.0)  # per order
    holding_cost: Array = struct.leaf(1.0, low=0.0)  # on stock at the end of the period that can be sold later
    stockout_cost: Array = struct.leaf(5.0, low=0.0)  # per unit of demand lost
    waste_cost: Array = struct.leaf(7.0, low=0.0)  # per unit that reaches the end of its life
    batch_size: Array = struct.leaf(1.0, above=0.0)  # units; met by action wrappers, not by the transition
    minimum_order: Array = struct.leaf(0.0, low=0.0)  # units; likewise
    life_logits: Any = struct.leaf(None, shape="A")  # of lives A = 2..m, where life is random; that of 1 is 0
    life_logits_per_unit: Any = struct.leaf(None, shape="A")  # added to them for every unit ordered
    demand_scale: Array = struct.leaf(1.0, above=0.0)  # units: typical demand, in which observations are measured


@struct.dataclass(kw_only=True)
class State(core.EnvState):
    stock: tuple[Array, ...]  # by remaining life, longest first: m - 1 classes where the lead time is 0, else m
    pipeline: tuple[Array, ...]  # L - 1 outstanding orders; entry k arrives k + 1 periods from now


@struct.dataclass(kw_only=True)
class Exogenous(demand_driven.Exogenous):  # demand []; [2] of oldest first and freshest first where issuing is mixed
    life: tuple[Array, ...] = ()  # m - 1 uniforms that decide how long what arrives will live, where that is random
    arriving: tuple[Array, ...] = ()  # or what arrives itself, by life, longest first: in numbered outcomes


@struct.dataclass(kw_only=True)
class Ledger(core.Ledger):
    """All []."""

    GAINS: ClassVar = ("revenue",)
    COSTS: ClassVar = ("purchase", "fixed_order", "holding", "stockout", "waste")
    UNITS: ClassVar = ("demanded", "sold", "lost", "backlogged", "ordered", "received", "written_off", "on_hand")

    revenue: Array
    purchase: Array
    fixed_order: Array
    holding: Array
    stockout: Array
    waste: Array
    demanded: Array
    sold: Array
    lost: Array
    backlogged: Array  # none
    ordered: Array
    received: Array  # put into stock
    written_off: Array  # unsold at the end of its life
    on_hand: Array  # at the end of the period, without what is written off; holding is charged on it


def issue(stock: tuple[Array, ...], demand: Array, issuing: str) -> tuple[tuple[Array, ...], Array]:
    """What ``demand`` leaves of stock by remaining life, longest first, and of itself."""
    left = []
    for units in reversed(stock) if issuing == "fifo" else stock:
        taken = jnp.minimum(units, demand)
        left.append(units - taken)
        demand = demand - taken
    return tuple(reversed(left) if issuing == "fifo" else left), demand


@dataclasses.dataclass(frozen=True)
class Perishable(DemandDriven):
    """One item that lives for a few periods is replenished with a lead time; unmet demand is lost.

    With other numbers it is the problem of De Moor, Gijsbrechts and Boute (2022, European Journal of Operational
    Research 301(2)), the one of Hendrix et al. (2019, Computational and Mathematical Methods 1(4)), that of Haijema
    and Minner (2019, International Journal of Production Economics 209) with mixed issuing, and that of platelets
    which arrive with a random life (Mirjalili 2022, PhD thesis, University of Toronto).

    Order of events. A state is seen at the moment of decision, event 2, so a call of ``transition`` runs events 2
    to 6 of a period and event 1 of the next.

    1. The order due now arrives with a life of m periods: it can be sold in this period and the m - 1 next. Where
       life is random, each of its n units has a life of 1..m with the probabilities softmax(0, ``life_logits`` + n
       ``life_logits_per_unit``), seen on arrival (so one of lead time 0 only after it is placed).
    2. Decision: an order in units, [].
    3. ``purchase`` is charged on the units ordered and ``fixed_order`` on an order above 0. An order with lead time
       L is in stock for the demand of the L-th period after this one (0: of this one).
    4. Demand is served oldest units first (``fifo``), freshest first (``lifo``), or by two streams of customers
       (``mixed``): first those who take the oldest, then those who take the freshest. What stock cannot serve is
       lost.
    5. ``revenue`` is earned on units sold, and ``stockout`` is charged on those lost.
    6. Unsold units in the last period of their life are written off at ``waste``. ``holding`` is charged on the rest
       (where the units wasted pay it too, add it to the waste cost). Stock ages and time advances.

    Observation [F], in units of ``demand_scale``: stock by remaining life, longest first, L - 1 outstanding orders by
    periods to arrival; with ``calendar`` the demand expected in the coming and the L next periods and the weekday
    (one-hot, Monday first).
    """

    shelf_life: int = 2  # m, periods that a unit can be sold in
    lead_time: int = 1  # L, periods
    issuing: str = "fifo"  # who takes which units first: fifo, lifo or mixed
    random_shelf_life: bool = False  # whether units arrive with lives of 1..m periods by chance
    calendar: bool = False  # whether the observation tells the calendar, for demand that has one

    def __post_init__(self):
        structure(self, shelf_life=1, lead_time=0, issuing=ISSUING)
        if self.shelf_life == 1 and (self.lead_time == 0 or self.random_shelf_life):
            raise ValueError("Perishable.shelf_life must be >= 2 with a lead_time of 0 or random_shelf_life, got 1")

    # -- parameters -----------------------------------------------------------------------------------------------
    def default_params(self) -> Params:
        """De Moor et al. (2022): gamma demand of mean 4, unit cost 3, holding 1, lost sale 5, waste 7."""
        return self.make_params()

    def make_params(self, *, fifo_share: float | None = None, **numbers: Any) -> Params:
        """Parameters with defaults for what is not given.

        Mixed issuing takes demand of shape (2,), or one of shape () of which ``fifo_share`` (default 0.5) takes the
        oldest: two independent streams with these shares of its mean and variance, fitted by
        ``demand.two_moment.adan_fit``. Raises ``ValueError`` for a name or a value that does not fit.
        """
        given = Given("Perishable", Params, numbers, {"A": self.shelf_life - 1}, also=("fifo_share",))
        shapes = ((), (2,)) if self.issuing == "mixed" else ((),)
        demand = given.demand(lambda: Gamma(4.0, 0.5).tabulated(), *shapes)  # type: ignore[arg-type]
        shape = demand.shape
        if fifo_share is not None and (self.issuing != "mixed" or shape == (2,) or not 0.0 <= fifo_share <= 1.0):
            raise ValueError(
                "Perishable.fifo_share must be in [0, 1], for mixed issuing of a demand of shape (); got "
                f"{fifo_share!r} for {self.issuing} issuing of a demand of shape {shape}"
            )
        if self.issuing == "mixed" and shape == ():
            demand = self._streams(demand, 0.5 if fifo_share is None else fifo_share)
        computed = {"demand_scale": max(float(jnp.sum(demand.mean())), 0.1)}
        for name in ("life_logits", "life_logits_per_unit"):
            if self.random_shelf_life:
                computed[name] = 0.0
            elif name in given.numbers:
                raise ValueError(f"Perishable.{name} needs Perishable.random_shelf_life")
        return given.params(demand=demand, **computed)

    @staticmethod
    def _streams(demand: Demand, share: float) -> Demand:
        """Two streams [2] with ``share`` and the rest of the mean and variance of ``demand``."""
        shares = np.array([share, 1.0 - share])
        if demand.cycle != 1 or not hasattr(demand, "variance"):
            raise ValueError("Perishable.fifo_share needs demand that is the same in every period; give both streams")
        return adan_fit(shares * float(demand.mean()), shares * float(demand.variance()))  # type: ignore[attr-defined]

    # -- exogenous information ------------------------------------------------------------------------------------
    def num_uniforms(self, params: Params) -> int:
        return params.demand.num_uniforms + (self.shelf_life - 1 if self.random_shelf_life else 0)

    def exogenous(self, u: Array, state: State, params: Params) -> Exogenous:
        demand, following = params.demand.draw(u[: params.demand.num_uniforms], state.exo.demand)
        return Exogenous(demand=demand, life=tuple(u[params.demand.num_uniforms :]), next=ExoState(demand=following))

    def expected_exogenous(self, state: State, params: Params, ahead: int | Array = 0) -> Exogenous:
        """The period ``ahead`` periods after the coming one if it brings mean demand, and units their median life."""
        demand = params.demand.mean(state.exo.demand, ahead)
        life = (jnp.float32(0.5),) * (self.shelf_life - 1 if self.random_shelf_life else 0)
        return Exogenous(demand=demand, life=life, next=state.exo)

    # -- the transition -------------------------------------------------------------------------------------------
    @property
    def num_classes(self) -> int:
        """Age classes of the stock at the moment of decision: an order of lead time 0 is not there yet."""
        return self.shelf_life - (self.lead_time == 0)

    def init_state(self, u: Array, params: Params) -> State:
        return State(
            time=jnp.int32(0),
            exo=ExoState(demand=params.demand.init(u)),
            stock=(jnp.float32(0),) * self.num_classes,
            pipeline=(jnp.float32(0),) * (self.lead_time - 1),
        )

    def transition(self, state: State, action: Array, exo: Exogenous, params: Params) -> tuple[State, core.Outcome]:
        # 3. the order; the first one outstanding arrives now (lead time 0) or at the next period's start
        due, *later = *state.pipeline, action
        stock = self._put(state.stock, due, exo, params) if self.lead_time == 0 else state.stock

        # 4. demand
        if self.issuing == "mixed":
            stock, unmet = issue(stock, exo.demand[0], "fifo")
            stock, lost = issue(stock, exo.demand[1], "lifo")
            demanded, lost = exo.demand[0] + exo.demand[1], lost + unmet
        else:
            demanded = exo.demand
            stock, lost = issue(stock, exo.demand, self.issuing)

        # 6. the last class is wasted, the others age; then, 1., what is due at the next period's start arrives
        *stock, wasted = stock
        on_hand = sum(stock, jnp.float32(0))
        following = State(
            time=state.time + 1,
            exo=exo.next,
            stock=tuple(stock) if self.lead_time == 0 else self._put(tuple(stock), due, exo, params),
            pipeline=tuple(later),
        )
        ledger = Ledger(
            revenue=params.price * (demanded - lost),
            purchase=params.unit_cost * action,
            fixed_order=params.fixed_order_cost * jnp.where(action > 0, 1.0, 0.0),
            holding=params.holding_cost * on_hand,
            stockout=params.stockout_cost * lost,
            waste=params.waste_cost * wasted,
            demanded=demanded,
            sold=demanded - lost,
            lost=lost,
            backlogged=jnp.zeros_like(lost),
            ordered=action,
            received=due,
            written_off=wasted,
            on_hand=on_hand,
        )
        outcome = core.Outcome(reward=ledger.reward(), terminated=jnp.bool_(False), ledger=ledger)
        return following, outcome

    def _put(self, stock: tuple[Array, ...], units: Array, exo: Exogenous, params: Params) -> tuple[Array, ...]:
        """Stock by remaining life, m classes, when ``units`` have arrived; before, none has m periods left."""
        if not self.random_shelf_life:
            return units, *stock
        arriving, left = list(exo.arriving), units
        if not arriving:
            logits = self.life_logits(units, params)
            for k, u in enumerate(exo.life):  # how many of the units that live no longer
                share = jax.nn.sigmoid(logits[k] - jax.nn.logsumexp(logits[k + 1 :]))
                arriving.append(binomial_quantile(u, left, share))
                left = left - arriving[-1]
            arriving.append(left)
        return tuple(new + old for new, old in zip(arriving, (jnp.float32(0), *stock), strict=True))

    def life_logits(self, units: Array, params: Params) -> Array:
        """[m] of lives m, m - 1, ..., 1 of a unit of an order of ``units``: their softmax is the probabilities."""
        longer = params.life_logits + params.life_logits_per_unit * units
        return jnp.concatenate([jnp.zeros(1, longer.dtype), longer])[::-1]

    # -- what policies read ---------------------------------------------------------------------------------------
    def inventory_position(self, state: State) -> Array:
        """On hand plus under way, []."""
        return sum((*state.stock, *state.pipeline), self.awaited(state))

    def lead_time_mean(self, params: Params) -> Array:
        """Expected lead time [] in periods."""
        return jnp.float32(self.lead_time)

    # -- spaces and observation -----------------------------------------------------------------------------------
    def observation_space(self, params: Params) -> spaces.Box:
        calendar = self.lead_time + 8 if self.calendar else 0
        return spaces.unbounded((self.num_classes + max(self.lead_time - 1, 0) + calendar,))

    def observe(self, state: State, params: Params) -> Array:
        features = [units / params.demand_scale for units in (*state.stock, *state.pipeline)]
        if self.calendar:
            expected = self.expected_demand(state, params, self.lead_time + 1)
            features += [*(jnp.sum(demand) / params.demand_scale for demand in expected), *self.weekday(state)]
        return jnp.stack(features)

    # -- exact solution -------------------------------------------------------------------------------------------
    def finite_model(self, params: Params, *, max_order: int | None = None, max_stock: int | None = None) -> Any:
        """Its states and actions, numbered, for whole units: a ``perishable_model.PerishableModel``."""
        from jaxinv.env.perishable_model import finite_model

        return finite_model(self, params, max_order=max_order, max_stock=max_stock)
