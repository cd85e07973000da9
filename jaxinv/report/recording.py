"""A rollout in the terms that all environments share: what every place has, orders and is asked for, and what moves on
every lane.

:func:`movements` says it of each environment; one of your own that has more than a single stock registers itself:

    @movements.register
    def _(env: MyEnv, after, actions, ledger, params): ...
"""

import dataclasses
from functools import partial, singledispatch
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxinv.env import dynamics
from jaxinv.env.beer_game import BeerGame
from jaxinv.env.core import Environment, Policy
from jaxinv.env.distribution import Distribution
from jaxinv.env.dual_sourcing import DualSourcing
from jaxinv.env.ecommerce import Ecommerce
from jaxinv.env.joint_replenishment import JointReplenishment
from jaxinv.env.multi_sku import MultiSku
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.env.perishable_pair import PerishablePair
from jaxinv.env.serial import Serial
from jaxinv.env.supply_network import SupplyNetwork
from jaxinv.env.supply_network_rows import whole
from jaxinv.env.wrappers import Wrapper

Lane = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Movements:
    """Units of T periods, by place [T, N]; SKUs may follow as further axes, and are added up."""

    nodes: tuple[str, ...]  # the places that hold stock, N, as ``Environment.flow`` names them
    on_hand: Any  # at the end of the period
    ordered: Any  # by the node, or sent to it by a planner
    on_order: Any = None  # ordered and not received, when the orders of the next period are decided
    demanded: Any = None  # by customers and other nodes, where it is asked of a node
    moved: dict[Lane, Any] = dataclasses.field(default_factory=dict)  # [T] that entered the lane, or were sold on it


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record(Movements):
    """A rollout of T periods in numpy arrays."""

    periods: np.ndarray  # [T] their numbers
    lanes: tuple[tuple[str, str, str], ...]  # (from, to, label)
    customers: dict[str, np.ndarray]  # [T] units demanded, lost and that began to wait, of all customers together
    money: dict[str, np.ndarray]  # cause -> [T] cost, gains negative; what is nothing throughout is left out


def record(env: Environment, policy: Policy, state: Any, path: Any, params: Any, *, warmup: int = 0) -> Record:
    """Run ``policy`` from ``state`` along the exogenous ``path``, and note what happens in all but the first ``warmup``
    periods. Raises ``ValueError`` if none are left."""

    @jax.jit
    def rollout(state: Any, path: Any, params: Any) -> Any:
        last, periods = env.rollout(policy, state, path, params)
        after = jax.tree.map(lambda x, end: jnp.concatenate([x[1:], end[None]]), periods.state, last)
        actions = jax.vmap(partial(env.native_action, params=params))(periods.action, periods.state)
        return jax.tree.map(lambda x: x[warmup:], (after, actions, periods.outcome.ledger))

    length = jax.tree.leaves(path)[0].shape[0]
    if not 0 <= warmup < length:
        raise ValueError(f"warmup must be in 0..{length - 1}, less than the periods of the path; got {warmup}")
    after, actions, ledger = jax.tree.map(np.asarray, rollout(state, path, params))
    inside = env
    while isinstance(inside, Wrapper):
        inside = inside.env
    found = movements(inside, after, actions, ledger, params)
    columns = {name: getattr(found, name) for name in ("on_hand", "ordered", "on_order", "demanded")}
    causes = {name: _total(getattr(ledger, name)) for name in ledger.COSTS}
    causes |= {name: -_total(getattr(ledger, name)) for name in ledger.GAINS}
    customers = {name: _total(getattr(ledger, name)) for name in ("demanded", "lost", "backlogged")}
    return Record(
        periods=np.arange(warmup, length),
        nodes=found.nodes,
        moved={lane: _total(units) for lane, units in found.moved.items()},
        lanes=inside.flow(),
        customers={name: units for name, units in customers.items() if units.any() or name == "demanded"},
        money={name: series for name, series in causes.items() if np.abs(series).max() > 1e-9},
        **{name: None if units is None else _columns(units) for name, units in columns.items()},
    )


def _total(units: Any) -> np.ndarray:
    return np.asarray(units, float).reshape(len(units), -1).sum(1)


def _columns(units: Any) -> np.ndarray:
    """[T, N]: SKUs added up."""
    return np.asarray(units, float).reshape(*np.shape(units)[:2], -1).sum(2)


def _column(units: Any) -> np.ndarray:
    """[T, 1]: the only one."""
    return np.asarray(units)[:, None]


# -- what moves in each environment -----------------------------------------------------------------------------------
@singledispatch
def movements(env: Any, after: Any, actions: Any, ledger: Any, params: Any) -> Movements:
    """Movements of T periods: ``after`` are the states at their ends, ``actions`` those of ``env`` itself, and the
    leaves of both, as of the ``ledger``, begin with T. This is that of a single stock."""
    pipeline = getattr(after, "pipeline", None)
    return Movements(
        nodes=("stock",),
        on_hand=_column(ledger.on_hand),
        ordered=_column(ledger.ordered),
        on_order=None if pipeline is None else _column(sum(pipeline, np.zeros(len(ledger.on_hand)))),
        demanded=_column(ledger.demanded),
        moved={("supplier", "stock"): ledger.ordered, ("stock", "customers"): ledger.sold},
    )


@movements.register
def _(env: DualSourcing, after, actions, ledger, params):
    return Movements(
        nodes=("stock",),
        on_hand=_column(ledger.on_hand),
        ordered=_column(ledger.ordered),
        on_order=_column(sum((*after.regular, *after.expedited), np.zeros(len(ledger.on_hand)))),
        demanded=_column(ledger.demanded),
        moved={
            ("regular supplier", "stock"): ledger.ordered - ledger.expedited,
            ("expedited supplier", "stock"): ledger.expedited,
            ("stock", "customers"): ledger.sold,
        },
    )


@movements.register
def _(env: JointReplenishment, after, actions, ledger, params):
    items = tuple(f"item {i}" for i in range(env.num_items))
    bought = {("supplier", item): ledger.ordered[:, i] for i, item in enumerate(items)}
    sold = {(item, f"customers {i}"): ledger.sold[:, i] for i, item in enumerate(items)}
    on_order = sum(after.pipeline, np.zeros_like(ledger.on_hand))
    return Movements(items, ledger.on_hand, ledger.ordered, on_order, ledger.demanded, bought | sold)


@movements.register
def _(env: PerishablePair, after, actions, ledger, params):
    bought = {("supplier", product): ledger.ordered[:, i] for i, product in enumerate("ab")}
    instead = ledger.substituted[:, 1]  # a that customers for b were sold
    sold = {
        ("a", "customers for a"): ledger.sold[:, 0] - instead,
        ("a", "customers for b"): instead,
        ("b", "customers for b"): ledger.sold[:, 1],
    }
    on_order = np.zeros_like(ledger.on_hand)  # orders arrive before the next ones
    return Movements(("a", "b"), ledger.on_hand, ledger.ordered, on_order, ledger.demanded, bought | sold)


@movements.register
def _(env: Serial, after, actions, ledger, params):
    names = ("customers", *(f"stage {i}" for i in range(len(env.lead_times))), "supplier")
    sold = {("stage 0", "customers"): ledger.sold}
    return Movements(
        nodes=names[1:-1],
        on_hand=ledger.on_hand,
        ordered=ledger.ordered,
        on_order=ledger.in_transit,
        demanded=np.concatenate([_column(ledger.demanded), ledger.ordered[:, :-1]], 1),
        moved=sold | {(names[i + 2], names[i + 1]): ledger.shipped[:, i] for i in range(len(env.lead_times))},
    )


@movements.register
def _(env: BeerGame, after, actions, ledger, params):
    players = tuple(f"player {i}" for i in range(len(env.order_delays)))
    arrivals = {("supplier", players[-1]): ledger.received[:, -1]}
    return Movements(
        nodes=players,
        on_hand=ledger.on_hand,
        ordered=ledger.ordered,
        on_order=jax.vmap(env.on_order)(after),
        demanded=ledger.incoming,
        moved=arrivals | {
            (player, customer): ledger.shipped[:, i]
            for i, (player, customer) in enumerate(zip(players, ("customers", *players[:-1]), strict=True))
        },
    )  # fmt: skip


@movements.register
def _(env: Distribution, after, actions, ledger, params):
    stores = [f"store {i}" for i in range(env.num_stores)]
    places = ["warehouse", *stores]
    no_shipments, no_orders = np.zeros_like(ledger.demanded), np.zeros(len(ledger.demanded))
    on_order = np.concatenate([_column(sum(after.orders, no_orders)), sum(after.shipments, no_shipments)], 1)
    sent = {
        (origin, place): ledger.ordered[:, i]
        for i, (origin, place) in enumerate(zip(("supplier", *("warehouse",) * env.num_stores), places, strict=True))
    }
    return Movements(
        nodes=tuple(places),
        on_hand=ledger.on_hand,
        ordered=ledger.ordered,
        on_order=on_order,
        # of the warehouse: what leaves it, which is all that is known of what the stores ask for
        demanded=np.concatenate([_column(ledger.ordered[:, 1:].sum(1) + ledger.delivered.sum(1)), ledger.demanded], 1),
        moved=sent | {(store, f"customers {i}"): ledger.sold[:, i] for i, store in enumerate(stores)},
    )


@movements.register
def _(env: MultiWarehouse, after, actions, ledger, params):
    names = tuple(f"warehouse {i}" for i in range(env.num_warehouses))
    filled = dynamics.fill_fraction(params.supplier_capacity[None], actions.orders.sum(1))  # [T, K]
    orders = actions.orders * filled[:, None]
    sold = ledger.sold_locally + ledger.cross_shipped
    lanes = {("supplier", name): orders[:, i] for i, name in enumerate(names)}
    lanes |= {(name, f"customers {i}"): sold[:, i] for i, name in enumerate(names)}
    return Movements(
        nodes=names,
        on_hand=ledger.on_hand,
        ordered=orders,
        on_order=after.orders.sum(1) + after.transfers.sum(1),
        demanded=ledger.demanded,
        moved=lanes,
    )


@movements.register
def _(env: MultiSku, after, actions, ledger, params):
    names = ("customers", *(f"echelon {i}" for i in range(env.num_echelons)), "supplier")
    sent = np.concatenate([ledger.shipped, ledger.ordered[:, -1:]], 1)  # to customers, echelon 0, 1, ...
    waiting = np.concatenate([after.backlog[:, 1:], np.zeros_like(after.backlog[:, :1])], 1)  # with the supplier
    return Movements(
        nodes=names[1:-1],
        on_hand=ledger.on_hand,
        ordered=ledger.ordered,
        on_order=after.pipeline.sum(1) + waiting,
        demanded=np.concatenate([_column(ledger.demanded), ledger.ordered[:, :-1]], 1),
        moved={(names[i + 1], names[i]): sent[:, i] for i in range(len(names) - 1)},
    )


@movements.register
def _(env: Ecommerce, after, actions, ledger, params):
    centres, regions = ([f"{kind} {i}" for i in range(n)] for kind, n in
                        (("centre", env.num_centres), ("region", env.num_regions)))  # fmt: skip
    lanes = {("supplier", centre): ledger.ordered[:, i] for i, centre in enumerate(centres)}
    lanes |= {(c, r): ledger.shipped[:, i, j] for i, c in enumerate(centres) for j, r in enumerate(regions)}
    on_order = after.pipeline.sum(1)
    return Movements(tuple(centres), ledger.on_hand, ledger.ordered, on_order, moved=lanes)


@movements.register
def _(env: SupplyNetwork, after, actions, ledger, params):
    t = env.topology
    stocking = sorted(set(t.node_of))  # plants hold nothing

    def by_node(units: Any, owners: Any) -> np.ndarray:
        """[T, N, K] of the nodes that hold stock, from units [T, n, K] and the node of each of the n."""
        owners = np.asarray(owners)
        return np.stack([units[:, owners == j].sum(1) for j in stocking], 1)

    on_order = by_node(ledger.in_transit, t.customer_of)
    if env.order_backlog:
        on_order = on_order + by_node(np.asarray(whole(after.backorders, axis=1)), t.customer_of)
    lanes = dict.fromkeys(((arc.supplier, arc.customer) for arc in t.arcs), 0.0)
    for e, arc in enumerate(t.arcs):  # several components may take the same way
        lanes[arc.supplier, arc.customer] = lanes[arc.supplier, arc.customer] + ledger.shipped[:, e]
    return Movements(
        nodes=tuple(t.nodes[j] for j in stocking),
        on_hand=by_node(ledger.on_hand, t.node_of),
        ordered=by_node(ledger.ordered, t.customer_of),
        on_order=on_order,
        demanded=by_node(ledger.ordered, t.supplier_of) + by_node(ledger.demanded, t.server_of),
        moved=lanes | {market: ledger.sold[:, m] for m, market in enumerate(t.markets)},
    )
