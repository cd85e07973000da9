"""Any acyclic network of sources, factories, distributors, retailers and markets: ``SupplyNetwork-v0``."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.env import core, demand_driven, dynamics, spaces
from jaxinv.env.demand_driven import DemandDriven, ExoState
from jaxinv.env.given import structure
from jaxinv.env.multi_agent import ALL, Axes, Division, Owners
from jaxinv.env.supply_network_file import read, settings
from jaxinv.env.supply_network_ledger import Flows, ledger_of, minus, plus, sums
from jaxinv.env.supply_network_params import Params, make_params
from jaxinv.env.supply_network_topology import Topology, diamond

ALLOCATIONS = ("priority", "proportional")


# Tuples of small arrays rather than one array: with an axis of a dozen arcs behind the batch's, gathers, sums by node
# and shifts take several times as long as the same arithmetic on whole batches. The price is compilation, which takes
# seconds of a CPU core for 20 arcs and half a minute for 40; networks of hundreds of arcs want another layout.
@struct.dataclass(kw_only=True)
class State(core.EnvState):
    on_hand: tuple[Array, ...]  # per stock, [K]
    pipeline: tuple[tuple[Array, ...], ...]  # per arc, its lead time's many shipments [K]; the first is due now
    backorders: tuple[Array, ...]  # per arc, [K] units ordered that wait for the supplier, where they do
    backlog: tuple[Array, ...]  # per market, [K] customers waiting
    goodwill: tuple[Array, ...]  # per market, [K] factor of its mean demand, where demand responds to service


@struct.dataclass(kw_only=True)
class Exogenous(demand_driven.Exogenous):  # demand [M, K] at a goodwill of 1
    u: Any = ()  # [M, K] uniforms behind it, where demand responds to service


@dataclasses.dataclass(frozen=True)
class SupplyNetwork(DemandDriven):
    """Nodes order from their suppliers along the arcs of an acyclic network, make their output from what they stock,
    and serve markets (Perez, Hubbs, Li and Grossmann 2021, Processes 9(1), 102, sec. 2, with components, several SKUs,
    and orders and customers that may wait).

    Order of events in a period:

    1. Decision: an order in units on every arc, [E, K], before the deliveries of this period are in stock; with
       ``receive_first`` they are.
    2. Suppliers fill orders, with ``order_backlog`` those waiting from earlier periods too, from what they can make of
       ``capacity`` and of the stock at this moment, a unit of output taking ``components / yield_rate`` of each stock;
       sources and plants have no stock to look at. Where orders exceed that, arcs are served in their order in
       the topology, or with ``proportional`` allocation all are cut in the same proportion. What is not shipped waits
       (``order_backlog``) or is forgotten. The customer pays ``unit_cost`` per unit shipped and ``fixed_order_cost``
       per shipment, the supplier ``unfilled_cost`` on units not shipped.
    3. What was shipped a lead time ago arrives; with lead time 0, what is shipped now. So a shipment with lead time l
       is in stock for the demand of the l-th period after this one, and for shipping on in the one after that; with
       ``receive_first`` for both, but for lead time 0.
    4. Demand. Nodes serve their markets, customers waiting from earlier periods first, from what they can still make;
       several markets of a node by the same allocation rule. Of the new demand still unmet ``backlog_share`` waits and
       the rest is lost.
    5. Costs: ``operating_cost`` on a node's output, ``holding_cost`` on stock, ``pipeline_cost`` on what is under way,
       ``stockout_cost`` on units lost now and on all customers waiting, ``revenue`` on units sold. Time advances.

    With ``goodwill`` demand responds to service: the mean of a market's demand is multiplied by its goodwill, which
    grows by ``goodwill_growth`` after a period in which nobody was left waiting or lost and by ``goodwill_decay`` after
    any other, within ``goodwill_floor`` and ``goodwill_cap``. Demand that is given by its values, as by a trace, is
    itself multiplied.

    Observation [F], each for all K SKUs, in this order: stock on hand (of every stock); shipments under way by periods
    to arrival, the first due now (of every arc); orders waiting (arcs); customers waiting and goodwill (markets); with
    ``calendar`` the demand expected in the coming and the l next periods, l the longest lead time (markets); then,
    once, the weekday (one-hot, Monday first), and with a ``horizon`` the share of it that is left. Quantities are in
    units of ``demand_scale``, of all arcs into the node concerned. :attr:`observed_nodes` tells whose each entry is.
    """

    topology: Topology = diamond([1, 3], [0, 1])  # who supplies whom, and in how many periods
    num_skus: int = 1  # K, SKUs
    order_backlog: bool = False  # whether orders that a supplier cannot fill wait there
    receive_first: bool = False  # whether what is due arrives before the period's orders are shipped
    allocation: str = "priority"  # one of ALLOCATIONS
    goodwill: bool = False  # whether demand responds to service
    horizon: int | None = None  # periods after which the problem itself ends
    calendar: bool = False  # whether the observation tells the calendar, for demand that has one

    def __post_init__(self):
        if not isinstance(self.topology, Topology):
            raise ValueError(f"SupplyNetwork.topology must be a Topology, got {type(self.topology).__name__}")
        structure(self, num_skus=1, allocation=ALLOCATIONS, horizon=1)

    # -- parameters -----------------------------------------------------------------------------------------------
    @classmethod
    def from_file(cls, path: Any) -> tuple["SupplyNetwork", Params]:
        """Environment and parameters from a YAML or JSON file; ``supply_network_file`` tells its format.

        Raises ``ValueError`` with the file, the node or arc, the value and what is allowed.
        """
        from jaxinv.env.registry import build

        try:
            return build("SupplyNetwork-v0", read(path))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    @staticmethod
    def settings(description: Mapping[str, Any]) -> Mapping[str, Any]:
        """What ``registry.build`` takes: ``description`` itself, unless it lists nodes as a file does."""
        return settings(description) if "nodes" in description else description

    def default_params(self) -> Params:
        """Lost sales, Poisson demand of 5 a period in every market, holding cost 1 and stock-out cost 9."""
        return self.make_params()

    def make_params(self, **numbers: Any) -> Params:
        """Parameters with defaults for what is not given. Each is a number, an array that broadcasts to the shape in
        :class:`Params` (its single axis, if it has one, is that of arcs, nodes, stocks or markets), or a mapping of
        their names, as the topology tells them, to numbers. ``initial_stock`` covers lead time and a period.

        Raises ``ValueError`` for a name or a value that does not fit.
        """
        return make_params(self.topology, self.num_skus, self.goodwill, **numbers)

    # -- exogenous information ------------------------------------------------------------------------------------
    def exogenous(self, u: Array, state: State, params: Params) -> Exogenous:
        demand, following = params.demand.draw(u, state.exo.demand)
        behind = ()
        if self.goodwill and params.demand.num_uniforms >= demand.size:
            behind = params.demand.per_cell(u)
        return Exogenous(demand=demand, u=behind, next=ExoState(demand=following))

    # -- the transition -------------------------------------------------------------------------------------------
    def init_state(self, u: Array, params: Params) -> State:
        t, nothing = self.topology, jnp.zeros(self.num_skus, jnp.float32)
        return State(
            time=jnp.int32(0),
            exo=ExoState(demand=params.demand.init(u)),
            on_hand=tuple(params.initial_stock),
            pipeline=tuple((nothing,) * lead_time for lead_time in t.lead_times),
            backorders=(nothing,) * (len(t.arcs) * self.order_backlog),
            backlog=(nothing,) * len(t.markets),
            goodwill=(nothing + 1.0,) * (len(t.markets) * self.goodwill),
        )

    def transition(self, state: State, action: Array, exo: Exogenous, params: Params) -> tuple[State, core.Outcome]:
        t, nothing = self.topology, jnp.zeros(self.num_skus, jnp.float32)
        usage = [params.components[p] / params.yield_rate[j] for p, j in enumerate(t.node_of)]
        capacity = list(params.capacity)
        due = sums([queue[0] if queue else nothing for queue in state.pipeline], t.stock_of, state.on_hand)
        on_hand = plus(state.on_hand, due) if self.receive_first else list(state.on_hand)

        # 2. orders are filled
        wanted = plus(action, state.backorders) if self.order_backlog else list(action)
        shipped = self._allocate(wanted, t.supplier_of, self._producible(on_hand, capacity, usage))
        output = sums(shipped, t.supplier_of, t.suppliers)
        on_hand = self._less(on_hand, output, usage)

        # 3. deliveries
        pipeline = tuple((*queue, s)[1:] for queue, s in zip(state.pipeline, shipped, strict=True))
        at_once = [nothing if lead_time else s for lead_time, s in zip(t.lead_times, shipped, strict=True)]
        received = plus(due, sums(at_once, t.stock_of, on_hand))
        on_hand = plus(on_hand, minus(received, due) if self.receive_first else received)

        # 4. demand
        demand = list(self._demand(state, exo, params))
        asked = plus(state.backlog, demand)
        sold = self._allocate(asked, t.server_of, self._producible(on_hand, minus(capacity, output), usage))
        sales = sums(sold, t.server_of, t.suppliers)
        on_hand = self._less(on_hand, sales, usage)
        unmet = zip(minus(asked, sold), state.backlog, sold, params.backlog_share, strict=True)
        waiting, backlogged, lost = zip(*(dynamics.divide_unmet(*of_market) for of_market in unmet), strict=True)
        flows = Flows(
            demanded=demand,
            sold=sold,
            lost=list(lost),
            backlogged=list(backlogged),
            backlog=plus(waiting, backlogged),
            ordered=list(action),
            shipped=shipped,
            unfilled=minus(wanted, shipped),
            received=received,
            output=plus(output, sales)[: len(t.nodes)],
            in_transit=[sum(queue, nothing) for queue in pipeline],
            on_hand=on_hand,
        )

        # 5. costs are charged on what there is at this moment
        ledger = ledger_of(flows, t, params)
        following = State(
            time=state.time + 1,
            exo=exo.next,
            on_hand=tuple(on_hand),
            pipeline=pipeline,
            backorders=tuple(flows.unfilled) if self.order_backlog else (),
            backlog=tuple(flows.backlog),
            goodwill=self._next_goodwill(state.goodwill, flows, params),
        )
        over = jnp.bool_(False) if self.horizon is None else following.time >= self.horizon
        return following, core.Outcome(reward=ledger.reward(), terminated=over, ledger=ledger)

    def _producible(self, on_hand: Sequence[Array], capacity: Sequence[Array], usage: Sequence[Array]) -> list[Array]:
        """What each supplier [S] can ship: of its capacity and, if it is a node, its stocks."""
        limits = list(capacity)
        for p, j in enumerate(self.topology.node_of):
            limits[j] = jnp.minimum(limits[j], on_hand[p] / usage[p])
        return limits

    def _less(self, on_hand: Sequence[Array], output: Sequence[Array], usage: Sequence[Array]) -> list[Array]:
        """The stocks after what ``output`` takes of them."""
        # Dividing by the usage and multiplying with it again may round below 0.
        return [jnp.maximum(on_hand[p] - usage[p] * output[j], 0.0) for p, j in enumerate(self.topology.node_of)]

    def _allocate(self, wanted: Sequence[Array], owners: Sequence[int], available: Sequence[Array]) -> list[Array]:
        """What each claim gets of what its owner has."""
        if self.allocation == "proportional":
            total = sums(wanted, owners, available)
            part = [dynamics.fill_fraction(a, w) for a, w in zip(available, total, strict=True)]
            return [w * part[owner] for w, owner in zip(wanted, owners, strict=True)]
        left, granted = list(available), []
        for w, owner in zip(wanted, owners, strict=True):
            granted.append(jnp.minimum(w, left[owner]))
            left[owner] = left[owner] - granted[-1]
        return granted

    def _demand(self, state: State, exo: Exogenous, params: Params) -> Array:
        """The demand [M, K] that comes, given the goodwill of those who demand."""
        if not self.goodwill:
            return exo.demand
        goodwill = jnp.stack(state.goodwill)
        if isinstance(exo.u, tuple):  # values that are given
            return goodwill * exo.demand
        return params.demand.law(state.exo.demand).scaled(goodwill).quantile(exo.u)  # type: ignore[attr-defined]

    def _next_goodwill(self, goodwill: tuple[Array, ...], flows: Flows, params: Params) -> tuple[Array, ...]:
        unserved = plus(flows.lost, flows.backlog)
        better = [jnp.minimum(params.goodwill_cap, g * params.goodwill_growth) for g in goodwill]
        worse = [jnp.maximum(params.goodwill_floor, g * params.goodwill_decay) for g in goodwill]
        return tuple(jnp.where(units > 0, w, b) for units, w, b in zip(unserved, worse, better, strict=False))

    # -- what policies read ---------------------------------------------------------------------------------------
    @property
    def cells(self) -> tuple[int, int]:
        """The shape of an order: arcs by SKUs."""
        return len(self.topology.arcs), self.num_skus

    @property
    def lead_time(self) -> int:
        """The longest lead time in periods."""
        return max(self.topology.lead_times)

    def lead_time_mean(self, params: Params) -> Array:
        """Lead time [E] in periods."""
        return jnp.asarray(self.topology.lead_times, jnp.float32)

    def usage(self, params: Params) -> Array:
        """Units [P, K] of every stock that a good unit of its node's output takes."""
        return params.components / params.yield_rate[np.asarray(self.topology.node_of)]

    def claims(self, state: State) -> Array:
        """Units [J, K] of every node's output that others wait for: customers, and orders where they wait."""
        t = self.topology
        orders = sums(state.backorders, t.supplier_of, t.suppliers) if self.order_backlog else None
        claims = sums(state.backlog, t.server_of, t.suppliers)
        return jnp.stack((claims if orders is None else plus(claims, orders))[: len(t.nodes)])

    def stock_position(self, state: State, usage: Array | float = 1.0) -> Array:
        """Inventory position [P, K] of every stock: on hand, under way and waiting at suppliers, less the claims on its
        node, of which a unit takes ``usage`` [P, K]."""
        t = self.topology
        coming = [sum(queue, jnp.zeros(self.num_skus, jnp.float32)) for queue in state.pipeline]
        coming = plus(coming, self.awaited(state))
        coming = plus(coming, state.backorders) if self.order_backlog else coming
        position = jnp.stack(plus(state.on_hand, sums(coming, t.stock_of, state.on_hand)))
        return position - usage * self.claims(state)[np.asarray(t.node_of)]

    def inventory_position(self, state: State) -> Array:
        """Inventory position [E, K] of the stock that each arc replenishes, where a unit of output takes one unit."""
        return self.stock_position(state)[np.asarray(self.topology.stock_of)]

    @property
    def outside_orders(self) -> np.ndarray:  # type: ignore[override]
        """The arcs from sources."""
        return np.flatnonzero(np.asarray(self.topology.supplier_of) >= len(self.topology.nodes))

    def flow(self) -> tuple[tuple[str, str, str], ...]:
        arcs = ((arc.supplier, arc.customer, core.in_periods(arc.lead_time)) for arc in self.topology.arcs)
        return (*arcs, *((node, market, "") for node, market in self.topology.markets))

    # -- spaces and observation -----------------------------------------------------------------------------------
    @property
    def agent_axes(self) -> dict[str, Division]:
        """Nodes as agents, who order on the arcs into them."""
        nodes = self.topology.nodes
        seen_by = [nodes.index(node) if node else ALL for node in self.observed_nodes]
        division = Division(
            names=nodes,
            action=Owners(self.topology.customer_of, len(nodes)),
            money=Axes((0,), (len(nodes),)),
            observation=Owners(tuple(seen_by), len(nodes)),
        )
        return {"node": division}

    @property
    def observed_nodes(self) -> tuple[str, ...]:
        """Whose each entry of the observation is; "" for weekday and horizon, which concern all."""
        t = self.topology
        customers, servers = [t.nodes[j] for j in t.customer_of], [node for node, _ in t.markets]
        names = [t.nodes[j] for j in t.node_of]
        names += [name for name, lead_time in zip(customers, t.lead_times, strict=True) for _ in range(lead_time)]
        names += customers * self.order_backlog + servers * (1 + self.goodwill)
        names += servers * ((self.lead_time + 1) * self.calendar)
        shared = ("",) * (7 * self.calendar + (self.horizon is not None))
        return tuple(name for name in names for _ in range(self.num_skus)) + shared

    def observation_space(self, params: Params) -> spaces.Box:
        return spaces.unbounded((len(self.observed_nodes),))

    def observe(self, state: State, params: Params) -> Array:
        t = self.topology
        unit = [1.0 / scale for scale in self._node_scale(params)]
        features = [(x, unit[j]) for x, j in zip(state.on_hand, t.node_of, strict=True)]
        features += [(x, unit[j]) for queue, j in zip(state.pipeline, t.customer_of, strict=True) for x in queue]
        features += [(x, unit[j]) for x, j in zip(state.backorders, t.customer_of, strict=False)]
        features += [(x, unit[j]) for x, j in zip(state.backlog, t.server_of, strict=True)]
        features += [(x, jnp.ones_like(x)) for x in state.goodwill]
        if self.calendar:
            for expected in self.expected_demand(state, params, self.lead_time + 1):
                features += [(x, unit[j]) for x, j in zip(expected, t.server_of, strict=True)]
            features.append((self.weekday(state), jnp.ones(7)))
        if self.horizon is not None:
            features.append((jnp.reshape(1.0 - state.time / self.horizon, (1,)), jnp.ones(1)))
        # Scaled as a whole: in the middle of so many pieces, XLA would compute number by number.
        values, scales = zip(*features, strict=True)
        return jnp.concatenate(values) * jnp.concatenate(scales)

    def _node_scale(self, params: Params) -> list[Array]:
        """Units [K] that typically pass each node, in which observations are measured."""
        t = self.topology
        into = sums(params.demand_scale, t.customer_of, t.nodes)
        out = sums(params.demand_scale, t.supplier_of, t.suppliers)
        return [jnp.maximum(out[j], 1.0) if node in t.plants else into[j] for j, node in enumerate(t.nodes)]
