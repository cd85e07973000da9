"""Any acyclic network of sources, factories, distributors, retailers and markets: ``SupplyNetwork-v0``."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.env import core, demand_driven, dynamics, spaces
from jaxinv.env.demand_driven import DemandDriven, ExoState
from jaxinv.env.given import structure
from jaxinv.env.multi_agent import ALL, Axes, Division, Owners
from jaxinv.env.supply_network_file import read, settings
from jaxinv.env.supply_network_ledger import Flows, account
from jaxinv.env.supply_network_params import Params, make_params
from jaxinv.env.supply_network_rows import Groups, Rows, each, minus, plus, times, whole
from jaxinv.env.supply_network_topology import Topology, diamond

ALLOCATIONS = ("priority", "proportional")


@struct.dataclass(kw_only=True)
class State(core.EnvState):
    """Units, [K] for each entry: ``supply_network_rows`` tells in what form."""

    on_hand: Rows  # per stock
    pipeline: Rows  # shipments under way, arc after arc, of each arc the first to arrive, which is due now, first
    backorders: Rows  # per arc, units ordered that wait for the supplier; nothing where they do not
    backlog: Rows  # per market, customers waiting
    goodwill: Rows  # per market, factor of its mean demand; nothing where demand does not respond to service


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
        t = self.topology

        def full(value: float, length: int) -> Rows:
            return t.rows(jnp.full((length, self.num_skus), value, jnp.float32))

        return State(
            time=jnp.int32(0),
            exo=ExoState(demand=params.demand.init(u)),
            on_hand=t.rows(params.initial_stock),
            pipeline=full(0.0, len(t.arc_of)),
            backorders=full(0.0, len(t.arcs)) if self.order_backlog else (),
            backlog=full(0.0, len(t.markets)),
            goodwill=full(1.0, len(t.markets)) if self.goodwill else (),
        )

    def transition(self, state: State, action: Array, exo: Exogenous, params: Params) -> tuple[State, core.Outcome]:
        t = self.topology
        ordered = each(dynamics.once, t.rows(action))
        demand = t.rows(dynamics.once(self._demand(state, exo, params)))
        usage, capacity = t.rows(self.usage(params)), t.rows(params.capacity)
        due = t.by_stock.sums(t.queues.fronts(state.pipeline, each(jnp.zeros_like, ordered)))
        on_hand = plus(state.on_hand, due) if self.receive_first else state.on_hand

        # 2. orders are filled
        wanted = plus(ordered, state.backorders) if self.order_backlog else ordered
        shipped = self._allocate(wanted, t.by_supplier, self._producible(on_hand, capacity, usage))
        output = t.by_supplier.sums(shipped)
        on_hand = self._less(on_hand, output, usage)

        # 3. deliveries
        received = t.by_stock.sums(t.queues.fronts(state.pipeline, shipped))
        on_hand = plus(on_hand, minus(received, due) if self.receive_first else received)

        # 4. demand
        asked = plus(state.backlog, demand)
        sold = self._allocate(asked, t.by_server, self._producible(on_hand, minus(capacity, output), usage))
        sales = t.by_server.sums(sold)
        unmet = minus(asked, sold), state.backlog, sold, t.rows(params.backlog_share)
        waiting, backlogged, lost = jax.tree.transpose(
            jax.tree.structure(sold), None, each(dynamics.divide_unmet, *unmet)
        )
        flows = Flows(
            demanded=demand,
            sold=sold,
            lost=lost,
            backlogged=backlogged,
            backlog=plus(waiting, backlogged),
            ordered=ordered,
            shipped=shipped,
            unfilled=minus(wanted, shipped),
            received=received,
            output=plus(output, sales)[: len(t.nodes)],
            pipeline=t.queues.push(state.pipeline, shipped),
            on_hand=self._less(on_hand, sales, usage),
        )

        # 5. costs are charged on what there is at this moment
        reward, ledger = account(flows, t, params)
        following = State(
            time=state.time + 1,
            exo=exo.next,
            on_hand=flows.on_hand,
            pipeline=flows.pipeline,
            backorders=flows.unfilled if self.order_backlog else (),
            backlog=flows.backlog,
            goodwill=self._next_goodwill(state.goodwill, flows, params) if self.goodwill else (),
        )
        over = jnp.bool_(False) if self.horizon is None else following.time >= self.horizon
        return following, core.Outcome(reward=reward, terminated=over, ledger=ledger)

    def _producible(self, on_hand: Rows, capacity: Rows, usage: Rows) -> Rows:
        """What each supplier [S] can ship: of its capacity and, if it is a node, its stocks."""
        return self.topology.by_node.least(each(jnp.divide, on_hand, usage), capacity)

    def _less(self, on_hand: Rows, output: Rows, usage: Rows) -> Rows:
        """The stocks after what ``output`` takes of them."""

        def left(stock: Array, usage: Array, output: Array) -> Array:
            # Of what is used up, division by the usage and multiplication with it again may leave or lack a little.
            units = stock - usage * output
            return jnp.where(units > 3e-7 * stock, units, 0.0)

        return each(left, on_hand, usage, self.topology.by_node.of(output))

    def _allocate(self, wanted: Rows, groups: Groups, available: Rows) -> Rows:
        """What each claim gets of what its owner has."""
        if self.allocation == "proportional":
            return times(wanted, groups.of(each(dynamics.fill_fraction, available, groups.sums(wanted))))
        return groups.in_turn(wanted, available)

    def _demand(self, state: State, exo: Exogenous, params: Params) -> Array:
        """The demand [M, K] that comes, given the goodwill of those who demand."""
        if not self.goodwill:
            return exo.demand
        goodwill = whole(state.goodwill)
        if isinstance(exo.u, tuple):  # values that are given
            return goodwill * exo.demand
        return params.demand.law(state.exo.demand).scaled(goodwill).quantile(exo.u)  # type: ignore[attr-defined]

    def _next_goodwill(self, goodwill: Rows, flows: Flows, params: Params) -> Rows:
        def following(goodwill: Array, unserved: Array) -> Array:
            better = jnp.minimum(params.goodwill_cap, goodwill * params.goodwill_growth)
            worse = jnp.maximum(params.goodwill_floor, goodwill * params.goodwill_decay)
            return jnp.where(unserved > 0, worse, better)

        return each(following, goodwill, plus(flows.lost, flows.backlog))

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
        claims = t.by_server.sums(state.backlog)
        if self.order_backlog:
            claims = plus(claims, t.by_supplier.sums(state.backorders))
        return whole(claims[: len(t.nodes)])

    def in_transit(self, state: State) -> Array:
        """Units [E, K] under way on every arc."""
        return whole(self.topology.by_arc.sums(state.pipeline))

    def stock_position(self, state: State, usage: Array | float = 1.0) -> Array:
        """Inventory position [P, K] of every stock: on hand, under way and waiting at suppliers, less the claims on its
        node, of which a unit takes ``usage`` [P, K]."""
        t = self.topology
        coming = plus(t.by_arc.sums(state.pipeline), t.rows(self.awaited(state)))
        coming = plus(coming, state.backorders) if self.order_backlog else coming
        position = plus(state.on_hand, t.by_stock.sums(coming))
        return whole(position) - usage * self.claims(state)[np.asarray(t.node_of)]

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
        unit = 1.0 / self._node_scale(params)
        of_customer, of_server = unit[np.asarray(t.customer_of)], unit[np.asarray(t.server_of)]
        features = [
            (state.on_hand, unit[np.asarray(t.node_of)]),
            (state.pipeline, of_customer[np.asarray(t.arc_of, int)]),
        ]
        features += [(state.backorders, of_customer)] * self.order_backlog
        features += [(state.backlog, of_server)]
        features += [(state.goodwill, jnp.ones_like(of_server))] * self.goodwill
        if self.calendar:
            expected = self.expected_demand(state, params, self.lead_time + 1)
            features += [(x, of_server) for x in expected] + [(self.weekday(state), jnp.ones(7))]
        if self.horizon is not None:
            features.append((jnp.reshape(1.0 - state.time / self.horizon, (1,)), jnp.ones(1)))
        # Scaled as a whole: in the middle of so many pieces, XLA would compute number by number.
        values = [jnp.ravel(row) for rows, _ in features for row in jax.tree.leaves(rows)]
        return jnp.concatenate(values) * jnp.concatenate([jnp.ravel(scale) for _, scale in features])

    def _node_scale(self, params: Params) -> Array:
        """Units [J, K] that typically pass each node, in which observations are measured."""
        t = self.topology
        into, out = (groups.sums(params.demand_scale)[: len(t.nodes)] for groups in (t.by_customer, t.by_supplier))
        return jnp.where(np.isin(t.nodes, t.plants)[:, None], jnp.maximum(out, 1.0), into)
