"""What moves in a period of ``SupplyNetwork``, and the money it makes and costs at every node."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.env import core
from jaxinv.env.supply_network_params import Params
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
    """Units of a period: those of the ledger, and what is left to be served; lists of arrays [K]."""

    demanded: list[Array]
    sold: list[Array]
    lost: list[Array]
    backlogged: list[Array]
    backlog: list[Array]
    ordered: list[Array]
    shipped: list[Array]
    unfilled: list[Array]
    received: list[Array]
    output: list[Array]
    in_transit: list[Array]
    on_hand: list[Array]


def ledger_of(flows: Flows, t: Topology, params: Params) -> Ledger:
    """What a period earned and cost every node."""
    paid = times(params.unit_cost, flows.shipped)
    shipments = [jnp.where(s > 0, 1.0, 0.0) for s in flows.shipped]

    def by_node(values, nodes):  # what concerns sources is nobody's
        return jnp.stack(sums(values, nodes, t.suppliers)[: len(t.nodes)])

    return Ledger(
        revenue=by_node(times(params.price, flows.sold), t.server_of),
        transfer_revenue=by_node(paid, t.supplier_of),
        purchase=by_node(paid, t.customer_of),
        fixed_order=by_node(times(params.fixed_order_cost, shipments), t.customer_of),
        operating=jnp.stack(times(params.operating_cost, flows.output)),
        holding=by_node(times(params.holding_cost, flows.on_hand), t.node_of),
        pipeline=by_node(times(params.pipeline_cost, flows.in_transit), t.customer_of),
        stockout=by_node(times(params.stockout_cost, plus(flows.lost, flows.backlog)), t.server_of),
        unfilled=by_node(times(params.unfilled_cost, flows.unfilled), t.supplier_of),
        written_off=jnp.zeros((len(t.stocks), params.price.shape[-1]), jnp.float32),
        **{name: jnp.stack(getattr(flows, name)) for name in Ledger.UNITS if name != "written_off"},
    )


# -- lists of arrays, one per arc, node, stock or market --------------------------------------------------------------
def plus(a: Any, b: Any) -> list[Array]:
    return [x + y for x, y in zip(a, b, strict=True)]


def minus(a: Any, b: Any) -> list[Array]:
    return [x - y for x, y in zip(a, b, strict=True)]


def times(a: Any, b: Any) -> list[Array]:
    return [x * y for x, y in zip(a, b, strict=True)]


def sums(values: Any, owners: Sequence[int], like: Sequence[Any]) -> list[Array]:
    """Sums of the values of every owner, as many as ``like`` has entries."""
    totals = [jnp.zeros_like(values[0])] * len(like)
    for value, owner in zip(values, owners, strict=True):
        totals[owner] = totals[owner] + value
    return totals
