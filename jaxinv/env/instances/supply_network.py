"""Instances of ``SupplyNetwork-v0``: the networks of or-gym and gym-invmgmt, with their default numbers.

``tests/parity`` compares trajectories step by step. What differs from those packages, beyond the names of things:

* or-gym multiplies rewards by discount^t; here the discount is a parameter, and learners apply it.
* or-gym cuts orders to whole units; here an action transform does, where one is wanted.
* or-gym's NetworkManagement fills each order as if its supplier had no other customer, so that together they can be
  sent more than there is, and stock becomes negative. Here, as in gym-invmgmt, a unit is sent once. Trajectories agree
  as long as orders do not compete.
* gym-invmgmt keeps one goodwill for all markets, here each has its own; its networks have one market.
* Both end episodes after 30 periods, or-gym by termination and gym-invmgmt by truncation. Here the problem itself ends,
  and the time left is observed.
"""

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

from jaxinv.env.instances.instance import Figure, Instance
from jaxinv.env.supply_network_topology import Arc, Topology

_OR_GYM = "Hubbs, Perez, Sarwar, Sahinidis, Grossmann and Wassick 2020, arXiv 2008.06319; or-gym 0.5.0, {}"
_GYM_INVMGMT = "Barati and Hu 2026, arXiv:2605.11355; gym-invmgmt 0.2.1, scenario {!r}"
_COMMON = {"demand": "poisson", "demand.mean": ((20.0,),), "horizon": 30, "max_steps_in_episode": 30}

# Its last stage has no inventory but a production capacity, and buys raw material at the last price.
_PRODUCTION = {
    **_COMMON,
    "topology": Topology(
        nodes=("stage0", "stage1", "stage2", "stage3"),
        sources=(),
        arcs=(Arc("stage1", "stage0", 3), Arc("stage2", "stage1", 5), Arc("stage3", "stage2", 10)),
        markets=(("stage0", "market"),),
        plants=("stage3",),
    ),
    "price": 2.0,
    "stockout_cost": 0.1,
    "unit_cost": (1.5, 1.0, 0.75),
    "operating_cost": (0.0, 0.0, 0.0, 0.5),
    "unfilled_cost": (0.075, 0.05, 0.025),
    "capacity": {"stage1": 100, "stage2": 90, "stage3": 80},
    "holding_cost": (0.15, 0.10, 0.05),
    "initial_stock": (100, 100, 200),
    "discount": 0.97,
}

# Nodes by the numbers they have there.
_NETWORK = {
    **_COMMON,
    "topology": Topology(
        nodes=("1", "2", "3", "4", "5", "6"),
        sources=("7", "8"),
        arcs=(
            Arc("2", "1", 5), Arc("3", "1", 3), Arc("4", "2", 8), Arc("4", "3", 10), Arc("5", "2", 9),
            Arc("6", "2", 11), Arc("6", "3", 12), Arc("7", "4", 0), Arc("7", "5", 1), Arc("8", "5", 2),
            Arc("8", "6", 0),
        ),
        markets=(("1", "0"),),
    ),
    "price": 2.0,
    "stockout_cost": 0.1,
    "unit_cost": (1.5, 1.6, 1.0, 0.8, 0.7, 0.75, 0.8, 0.15, 0.05, 0.07, 0.2),
    "pipeline_cost": (0.010, 0.015, 0.008, 0.006, 0.005, 0.007, 0.004, 0.0, 0.005, 0.002, 0.0),
    "capacity": {"4": 90, "5": 90, "6": 80},
    "operating_cost": {"4": 0.010, "5": 0.015, "6": 0.012},
    "holding_cost": (0.030, 0.020, 0.015, 0.012, 0.013, 0.011),
    "initial_stock": (100, 110, 80, 400, 350, 380),
    "discount": 1.0,
}  # fmt: skip

_SERIAL = {
    **_COMMON,
    "topology": Topology(
        nodes=("1", "2", "3"),
        sources=("4",),
        arcs=(Arc("2", "1", 4), Arc("3", "2", 4), Arc("4", "3", 0)),
        markets=(("1", "0"),),
    ),
    "price": 2.0,
    "stockout_cost": 0.1,
    "unit_cost": (1.5, 1.0, 0.5),
    "pipeline_cost": (0.010, 0.005, 0.0),
    "capacity": {"3": 100},
    "operating_cost": {"3": 0.010},
    "holding_cost": (0.030, 0.020, 0.010),
    "initial_stock": (100, 100, 200),
    "discount": 1.0,
}

_BACKLOG, _LOST = {"backlog_share": 1.0}, {"backlog_share": 0.0}
_ALL = {
    "or-gym/InvManagement-v0": (_PRODUCTION, {**_BACKLOG, "order_backlog": True}, _OR_GYM),
    "or-gym/InvManagement-v1": (_PRODUCTION, _LOST, _OR_GYM),
    "or-gym/NetworkManagement-v0": (_NETWORK, _BACKLOG, _OR_GYM),
    "or-gym/NetworkManagement-v1": (_NETWORK, _LOST, _OR_GYM),
    "gym-invmgmt/network-backlog": (_NETWORK, _BACKLOG, _GYM_INVMGMT),
    "gym-invmgmt/network-lost": (_NETWORK, _LOST, _GYM_INVMGMT),
    "gym-invmgmt/network-goodwill": (_NETWORK, {**_LOST, "goodwill": True}, _GYM_INVMGMT),
    "gym-invmgmt/serial-backlog": (_SERIAL, _BACKLOG, _GYM_INVMGMT),
    "gym-invmgmt/serial-lost": (_SERIAL, _LOST, _GYM_INVMGMT),
}

# Profit of an episode and its standard error over the ten seeds of the source, whose heuristics know the law of demand:
# with perfect information, of base-stock and of (s, S). Learners' results are left out.
_PRINTED = {
    "gym-invmgmt/network-backlog": ((845.7, 13.7), (757.1, 14.3), (737.7, 14.2)),
    "gym-invmgmt/network-lost": ((842.0, 12.6), (744.0, 12.5), (734.0, 13.1)),
    "gym-invmgmt/serial-backlog": ((1023.9, 9.3), (832.8, 6.3), (865.1, 11.5)),
    "gym-invmgmt/serial-lost": ((1023.8, 9.3), (856.9, 4.8), (864.1, 11.6)),
}


def _levels(network: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters of the source's two heuristics. Every node covers market demand for its longest lead time and a
    period, as if nothing were shared: by a newsvendor whose unit short costs the dearest price it sells at less the
    cheapest it buys at, at least 0.5 (in shops the stock-out cost), or with a chance of 0.95 and, on top, an economic
    quantity for a fixed cost of ten holding costs (ten operating costs where there are some). Cheap and near suppliers
    get more."""
    t, mean = network["topology"], 20.0
    shops = {node for node, _ in t.markets}
    base_stock, reorder, up_to, share = [], [], [], [0.0] * len(t.arcs)
    for node, holding in zip(t.nodes, network["holding_cost"], strict=True):
        arcs = [e for e, arc in enumerate(t.arcs) if arc.customer == node]
        costs = {e: network["unit_cost"][e] for e in arcs}
        sold_at = [network["unit_cost"][e] for e, arc in enumerate(t.arcs) if arc.supplier == node]
        short = network["stockout_cost"] if node in shops else max(max(sold_at) - min(costs.values()), 0.5)
        covered = mean * (1 + max(t.arcs[e].lead_time for e in arcs))
        normal = NormalDist(covered, covered**0.5)
        fixed = 10 * network["operating_cost"].get(node, holding)
        base_stock.append((normal.inv_cdf(short / (short + holding)),))
        reorder.append((normal.inv_cdf(0.95),))
        up_to.append((reorder[-1][0] + (2 * mean * fixed / holding) ** 0.5,))
        score = {e: 1 / (1 + costs[e] + 0.1 * t.arcs[e].lead_time) for e in arcs}
        for e in arcs:
            share[e] = score[e] / sum(score.values())
    shares = tuple((part,) for part in share)
    return (
        {"level": tuple(base_stock), "share": shares},
        {"level": tuple(up_to), "reorder": tuple(reorder), "share": shares},
    )


def _figures(name: str, network: Mapping[str, Any]) -> tuple[Figure, ...]:
    if name not in _PRINTED:
        return ()
    policies = zip(("NetworkBaseStock", "NetworkReorderPoint"), _levels(network), strict=True)
    quantities = (("lower bound", {}), *policies)
    return tuple(
        Figure(quantity, -profit, 1, 1, parameters, error=error)
        for (quantity, parameters), (profit, error) in zip(quantities, _PRINTED[name], strict=True)
    )


INSTANCES = tuple(
    Instance(
        "SupplyNetwork-v0", name, {**network, **more}, source.format(name.split("/")[1]), _figures(name, network),
        criterion="finite",
    )
    for name, (network, more, source) in _ALL.items()
)  # fmt: skip
