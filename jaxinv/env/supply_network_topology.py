"""The static structure of ``SupplyNetwork``: who supplies whom, how long that takes, and which stocks there are."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from jaxinv.env.given import whole, wholes
from jaxinv.env.supply_network_rows import Groups, Queues, Rows

APART = 100  # rows of a state up to which they are a tuple, see ``supply_network_rows``


@dataclasses.dataclass(frozen=True)
class Arc:
    """A lane from a supplier to a customer inside the network."""

    supplier: str
    customer: str
    lead_time: int = 1  # periods
    component: str = ""  # what it brings, where the customer assembles several components

    def __post_init__(self):
        lead_time = whole(f"Topology: the lead time of {self.name}", self.lead_time, 0)
        object.__setattr__(self, "lead_time", lead_time)

    @property
    def name(self) -> str:
        return f"{self.supplier}->{self.customer}" + (f":{self.component}" if self.component else "")


@dataclasses.dataclass(frozen=True)
class Topology:
    """An acyclic network. Whatever is given per node, arc, stock or market is in the order of these tuples.

    A node makes its one output from what it stocks: distributors and retailers pass on what they receive, factories
    turn it into something else. What arrives on all arcs into a node goes into one stock, unless the arcs name
    components: then there is a stock of each, and a unit of output takes some of all of them.
    """

    nodes: tuple[str, ...]  # of the network, whose costs are counted
    sources: tuple[str, ...]  # outside suppliers
    arcs: tuple[Arc, ...]
    markets: tuple[tuple[str, str], ...]  # (node, market) whose customers it serves
    plants: tuple[str, ...] = ()  # those of ``nodes`` that need no supply: their raw material is not modelled

    def __post_init__(self):
        for field in dataclasses.fields(self):
            listed = getattr(self, field.name)
            if not isinstance(listed, list | tuple):
                raise ValueError(f"Topology.{field.name} must be a tuple, got {listed!r}")
            as_tuples = (tuple(entry) if isinstance(entry, list) else entry for entry in listed)
            object.__setattr__(self, field.name, tuple(as_tuples))  # lists would have no hash
        for what, entries, fits in (
            ("nodes must be strings", (*self.nodes, *self.sources, *self.plants), lambda x: isinstance(x, str)),
            ("arcs must be Arcs", self.arcs, lambda x: isinstance(x, Arc)),
            ("markets must be pairs", self.markets, lambda x: isinstance(x, tuple) and len(x) == 2),
        ):
            if strangers := [entry for entry in entries if not fits(entry)]:
                raise ValueError(f"Topology: {what}, got {strangers[0]!r}")
        names = dict.fromkeys((*self.nodes, *self.sources))
        nodes = map(repr, self.suppliers)
        for what, listed in (("node", nodes), ("arc", self.arc_names), ("market", self.market_names)):
            if twice := [name for name, times in Counter(listed).items() if times > 1]:
                raise ValueError(f"Topology: there are two {what}s {twice[0]}")
        ends = [(arc.name, end) for arc in self.arcs for end in (arc.supplier, arc.customer)]
        for what, end in [*ends, *((f"market {market!r}", node) for node, market in self.markets)]:
            if end not in names:
                raise ValueError(f"Topology: {what} names {end!r}, which is no node; there are {', '.join(names)}")
        sources = set(self.sources)
        for arc in self.arcs:
            if arc.customer in sources:
                raise ValueError(f"Topology: {arc.name} supplies a source, which lies outside the network")
        for what in ("arcs", "markets"):
            if not getattr(self, what):
                raise ValueError(f"Topology.{what} must not be empty")
        for node, market in self.markets:
            if node in sources:
                raise ValueError(
                    f"Topology: market {market!r} must be served by a node of the network, not by {node!r}"
                )
        self._check_nodes()

    def _check_nodes(self) -> None:
        components = defaultdict(list)
        for arc in self.arcs:
            components[arc.customer].append(arc.component)
        for name in self.plants:
            if name not in self.nodes or name in components:
                raise ValueError(f"Topology: plant {name!r} must be a node without suppliers")
        plants = set(self.plants)
        for name in self.nodes:
            if name not in components and name not in plants:
                raise ValueError(f"Topology: node {name!r} has no supplier; add an arc into it, or make it a plant")
            if "" in components[name] and any(components[name]):
                raise ValueError(
                    f"Topology: all arcs into {name!r} must name a component, or none; got {components[name]}"
                )
        serving = {arc.supplier for arc in self.arcs} | {node for node, _ in self.markets}
        for name in self.suppliers:
            if name not in serving:
                raise ValueError(f"Topology: node {name!r} supplies nobody")
        if left := set(range(len(self.nodes))) - set(self.downstream_first):
            raise ValueError(f"Topology: there is a cycle among {', '.join(self.nodes[j] for j in sorted(left))}")

    # -- names and numbers ----------------------------------------------------------------------------------------
    @property
    def arc_names(self) -> tuple[str, ...]:
        return tuple(arc.name for arc in self.arcs)

    @property
    def market_names(self) -> tuple[str, ...]:
        return tuple(f"{node}->{market}" for node, market in self.markets)

    @property
    def suppliers(self) -> tuple[str, ...]:
        """Nodes, then sources: all that ship."""
        return self.nodes + self.sources

    @cached_property
    def stocks(self) -> tuple[tuple[str, str], ...]:
        """(node, component) of every stock; the component is "" where the node has only one."""
        into = [(self.nodes[j], self.arcs[e].component) for j, arcs in enumerate(self.arcs_into) for e in arcs]
        return tuple(dict.fromkeys(into))

    @property
    def stock_names(self) -> tuple[str, ...]:
        return tuple(f"{node}:{component}" if component else node for node, component in self.stocks)

    @cached_property
    def supplier_of(self) -> tuple[int, ...]:
        """Of every arc, the position among ``suppliers``."""
        return _positions(self.suppliers, (arc.supplier for arc in self.arcs))

    @cached_property
    def customer_of(self) -> tuple[int, ...]:
        """Of every arc, the position among ``nodes``."""
        return _positions(self.nodes, (arc.customer for arc in self.arcs))

    @cached_property
    def stock_of(self) -> tuple[int, ...]:
        """Of every arc, the position among ``stocks`` of the one it replenishes."""
        return _positions(self.stocks, ((arc.customer, arc.component) for arc in self.arcs))

    @cached_property
    def node_of(self) -> tuple[int, ...]:
        """Of every stock, the position among ``nodes``."""
        return _positions(self.nodes, (node for node, _ in self.stocks))

    @cached_property
    def server_of(self) -> tuple[int, ...]:
        """Of every market, the position among ``nodes`` of the one that serves it."""
        return _positions(self.nodes, (node for node, _ in self.markets))

    @cached_property
    def lead_times(self) -> tuple[int, ...]:
        return tuple(arc.lead_time for arc in self.arcs)

    @cached_property
    def arc_of(self) -> tuple[int, ...]:
        """Of every shipment under way, the position of its arc: arc after arc, the first to arrive first."""
        return tuple(e for e, lead_time in enumerate(self.lead_times) for _ in range(lead_time))

    @cached_property
    def downstream_first(self) -> tuple[int, ...]:
        """Positions of the nodes, each after all those it supplies."""
        unordered = Counter(self.supplier_of)  # arcs to customers that are not in order yet
        suppliers = [[self.supplier_of[e] for e in arcs] for arcs in self.arcs_into]
        order = [j for j in range(len(self.nodes)) if not unordered[j]]
        for j in order:  # which grows meanwhile
            unordered.subtract(suppliers[j])
            order += [i for i in dict.fromkeys(suppliers[j]) if i < len(self.nodes) and not unordered[i]]
        return tuple(order)

    @cached_property
    def arcs_into(self) -> list[list[int]]:
        """Positions of the arcs into every node."""
        into: list[list[int]] = [[] for _ in self.nodes]
        for e, j in enumerate(self.customer_of):
            into[j].append(e)
        return into

    # -- how numbers are held and summed --------------------------------------------------------------------------
    def rows(self, numbers: Any) -> Rows:
        """``numbers`` [n, K] of arcs, stocks, suppliers or markets in the form that this network has them in."""
        held = len(self.stocks) + len(self.arcs) + len(self.arc_of) + len(self.markets)
        return tuple(numbers) if self.arc_of and held <= APART else numbers

    @cached_property
    def by_supplier(self) -> Groups:  # arcs
        return Groups(self.supplier_of, len(self.suppliers))

    @cached_property
    def by_customer(self) -> Groups:  # arcs
        return Groups(self.customer_of, len(self.suppliers))

    @cached_property
    def by_stock(self) -> Groups:  # arcs
        return Groups(self.stock_of, len(self.stocks))

    @cached_property
    def by_node(self) -> Groups:  # stocks
        return Groups(self.node_of, len(self.suppliers))

    @cached_property
    def by_server(self) -> Groups:  # markets
        return Groups(self.server_of, len(self.suppliers))

    @cached_property
    def by_arc(self) -> Groups:  # shipments under way
        return Groups(self.arc_of, len(self.arcs))

    @cached_property
    def queues(self) -> Queues:  # of shipments under way
        return Queues(self.lead_times)

    # -- flows ----------------------------------------------------------------------------------------------------
    def flows(
        self, demand: np.ndarray, usage: np.ndarray, share: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Units per period that pass the arcs [E, K] and leave the suppliers [S, K] when markets demand ``demand``
        [M, K] and a unit of output takes ``usage`` [P, K] of each stock. The arcs into a stock carry the parts
        ``share`` [E, K] of what it needs; equal ones, unless given."""
        if share is None:
            share = self.equal_shares()
        output = np.zeros((len(self.suppliers), demand.shape[1]))
        np.add.at(output, list(self.server_of), demand)
        flow = np.zeros((len(self.arcs), demand.shape[1]))
        for j in self.downstream_first:
            for e in self.arcs_into[j]:
                flow[e] = share[e] * usage[self.stock_of[e]] * output[j]
                output[self.supplier_of[e]] += flow[e]
        return flow, output

    def equal_shares(self) -> np.ndarray:
        """The part [E, 1] of each stock's supply that an arc carries if all carry the same."""
        return (1.0 / np.bincount(self.stock_of)[list(self.stock_of)])[:, None].astype(np.float32)


def _positions(listed: tuple, entries: Iterable) -> tuple[int, ...]:
    position = {entry: i for i, entry in enumerate(listed)}
    return tuple(position[entry] for entry in entries)


# -- common shapes ----------------------------------------------------------------------------------------------------
def serial(lead_times: Sequence[int]) -> Topology:
    """A chain: ``source`` supplies the last of ``node1``, ``node2``, ...; ``node1`` serves ``market``. Lead times into
    ``node1``, ``node2``, ..."""
    lead_times = wholes("serial: lead_times", lead_times, 0, "node")
    names = [f"node{i + 1}" for i in range(len(lead_times))]
    arcs = [Arc(s, c, lead) for s, c, lead in zip([*names[1:], "source"], names, lead_times, strict=True)]
    return Topology(tuple(names), ("source",), tuple(arcs), ((names[0], "market"),))


def divergent(lead_time: int, retailer_lead_times: Sequence[int]) -> Topology:
    """``source`` supplies ``warehouse``, which supplies ``retailer1``, ``retailer2``, ... with a market each."""
    retailer_lead_times = wholes("divergent: retailer_lead_times", retailer_lead_times, 0, "retailer")
    retailers = [f"retailer{i + 1}" for i in range(len(retailer_lead_times))]
    arcs = [Arc("warehouse", name, lead) for name, lead in zip(retailers, retailer_lead_times, strict=True)]
    markets = tuple((name, f"market{i + 1}") for i, name in enumerate(retailers))
    return Topology((*retailers, "warehouse"), ("source",), (*arcs, Arc("source", "warehouse", lead_time)), markets)


def assembly(lead_time: int, component_lead_times: Sequence[int]) -> Topology:
    """``supplier1``, ``supplier2``, ... send ``component1``, ``component2``, ... to ``assembly``, which supplies
    ``retailer``. How many of each a unit takes is a number: ``Params.components``."""
    component_lead_times = wholes("assembly: component_lead_times", component_lead_times, 0, "component")
    suppliers = [f"supplier{i + 1}" for i in range(len(component_lead_times))]
    arcs = [
        Arc(name, "assembly", lead, f"component{i + 1}")
        for i, (name, lead) in enumerate(zip(suppliers, component_lead_times, strict=True))
    ]
    arcs = (Arc("assembly", "retailer", lead_time), *arcs)
    return Topology(("retailer", "assembly"), tuple(suppliers), arcs, (("retailer", "market"),))


def diamond(lead_times: Sequence[int], factory_lead_times: Sequence[int]) -> Topology:
    """``source`` supplies ``factory1``, ``factory2``, ..., which all supply ``retailer``: lead times to the retailer,
    and to the factories."""
    lead_times = wholes("diamond: lead_times", lead_times, 0, "factory")
    factory_lead_times = wholes("diamond: factory_lead_times", factory_lead_times, 0, "factory")
    if len(lead_times) != len(factory_lead_times):
        raise ValueError(
            f"diamond: lead_times and factory_lead_times must be as many, got {len(lead_times)} and "
            f"{len(factory_lead_times)}"
        )
    factories = [f"factory{i + 1}" for i in range(len(lead_times))]
    down = [Arc(name, "retailer", lead) for name, lead in zip(factories, lead_times, strict=True)]
    up = [Arc("source", name, lead) for name, lead in zip(factories, factory_lead_times, strict=True)]
    return Topology(("retailer", *factories), ("source",), (*down, *up), (("retailer", "market"),))
