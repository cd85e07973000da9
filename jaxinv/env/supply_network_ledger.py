"""What moves in a period of ``SupplyNetwork``, and the money it makes and costs at every node."""

from typing import ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.env import core
from jaxinv.env.supply_network_params import Params
from jaxinv.env.supply_network_rows import Groups, Rows, each, plus, times, total, whole
from jaxinv.env.supply_network_topology import Topology


@struct.dataclass(kw_only=True)
class Ledger(core.Ledger):
    """Money [J, K] by node. What nodes pay each other is ``transfer_revenue`` of one and ``purchase`` of the other."""

    GAINS: ClassVar = ("revenue", "transfer_revenue")
    COSTS: ClassVar = ("purchase", "fixed_order", "operating", "holding", "pipeline", "stockout", "unfilled")
    UNITS: ClassVar = (
        "demanded", "sold", "lost", "backlogged", "ordered", "shipped", "received", "output", "in_transit",
        "written_off", "on_hand",
    )  # fmt: skip

    revenue: Array  # of the node that serves a market
    transfer_revenue: Array  # of the supplier
    purchase: Array  # of the customer, also from sources
    fixed_order: Array  # of the customer
    operating: Array
    holding: Array
    pipeline: Array  # of the customer
    stockout: Array  # of the node that serves a market
    unfilled: Array  # of the supplier
    demanded: Array  # [M, K]
    sold: Array  # [M, K] waiting customers included
    lost: Array  # [M, K]
    backlogged: Array  # [M, K] that began to wait in this period
    ordered: Array  # [E, K]
    shipped: Array  # [E, K]
    received: Array  # [P, K] put into stock
    output: Array  # [J, K] that left a node, to other nodes and to markets
    in_transit: Array  # [E, K] at the end of the period, which the pipeline cost is charged on
    written_off: Array  # [P, K] none
    on_hand: Array  # [P, K] at the end of the period, which holding is charged on


class Flows(NamedTuple):
    """Units of a period: those of the ledger, and what is left to be served."""

    demanded: Rows
    sold: Rows
    lost: Rows
    backlogged: Rows
    backlog: Rows
    ordered: Rows
    shipped: Rows
    unfilled: Rows
    received: Rows
    output: Rows
    pipeline: Rows
    on_hand: Rows


def account(flows: Flows, t: Topology, params: Params) -> tuple[Array, Ledger]:
    """What a period earned less what it cost, [], and the ledger that tells it by node."""
    nodes = range(len(t.nodes))
    inside = np.isin(t.supplier_of, nodes)[:, None]  # what sources are paid is no income
    customer_of = [t.customer_of[e] for e in t.arc_of]  # of each shipment under way
    shipments = each(lambda units: jnp.where(units > 0, 1.0, 0.0), flows.shipped)
    causes = {  # money per unit, units, and whose they are
        "revenue": (params.price, flows.sold, t.server_of),
        "transfer_revenue": (jnp.where(inside, params.unit_cost, 0.0), flows.shipped, t.supplier_of),
        "purchase": (params.unit_cost, flows.shipped, t.customer_of),
        "fixed_order": (params.fixed_order_cost, shipments, t.customer_of),
        "operating": (params.operating_cost, flows.output, nodes),
        "holding": (params.holding_cost, flows.on_hand, t.node_of),
        "pipeline": (params.pipeline_cost[np.asarray(t.arc_of, int)], flows.pipeline, customer_of),
        "stockout": (params.stockout_cost, plus(flows.lost, flows.backlog), t.server_of),
        "unfilled": (params.unfilled_cost, flows.unfilled, t.supplier_of),
    }
    money = {name: times(t.rows(per_unit), units) for name, (per_unit, units, _) in causes.items()}
    owners = {name: Groups(tuple(owners), len(t.suppliers)) for name, (_, _, owners) in causes.items()}

    # The reward is the sum of the ledger, but cheaper before it is summed by node, which then only its readers pay for.
    costs = [each(jnp.negative, money[name]) for name in Ledger.COSTS]
    return total([*costs, *(money[name] for name in Ledger.GAINS)]), Ledger(
        **{name: whole(owners[name].sums(rows)[: len(nodes)]) for name, rows in money.items()},
        in_transit=whole(t.by_arc.sums(flows.pipeline)),
        written_off=jnp.zeros_like(params.holding_cost),
        **{name: whole(units) for name, units in flows._asdict().items() if name in Ledger.UNITS},
    )
