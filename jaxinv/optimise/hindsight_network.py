"""The cheapest plan of a supply network for someone who knows all demand beforehand."""

from typing import Any, NamedTuple

import jax
import numpy as np
from scipy import optimize, sparse

from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.supply_network import SupplyNetwork


class Plan(NamedTuple):
    cost: float  # mean per period: what no policy can undercut
    orders: np.ndarray  # [T, E, K] that have this cost, where nothing was relaxed


def hindsight_plan(env: SupplyNetwork, params: Any, demand: Any, state: Any = None) -> Plan:
    """Lower bound on the mean cost per period of ``env`` along known demand [T, M, K], undiscounted, from ``state`` (a
    new episode's), and the plan behind it: a linear programme per SKU.

    Relaxed are fixed order costs, which are left out, the rules by which nodes share out what is short, that they sell
    whatever they have, and that customers who have waited come first. The bound is attained where none of these binds.

    Raises ``ValueError`` where demand responds to service or does not fit, and ``RuntimeError`` if a programme is not
    solved.
    """
    if env.goodwill:
        raise ValueError("hindsight needs demand that is known beforehand: SupplyNetwork.goodwill must be off")
    demand = np.asarray(demand, float)
    of_period = len(env.topology.markets), env.num_skus
    if demand.ndim != 3 or demand.shape[1:] != of_period or not len(demand):
        raise ValueError(f"demand must have shape (periods, *{of_period}): markets by SKUs; got {demand.shape}")
    if not (np.isfinite(demand) & (demand >= 0.0)).all():
        raise ValueError("demand must be finite and >= 0")
    state = env.init_state(jax.numpy.full(params.demand.num_initial_uniforms, 0.5), params) if state is None else state
    state, params = jax.tree.map(lambda x: np.asarray(x, float), (state.replace(exo=()), params.replace(demand=())))
    plans = [_solve(env, params, demand[:, :, k], state, k) for k in range(env.num_skus)]
    return Plan(sum(cost for cost, _ in plans) / len(demand), np.stack([orders for _, orders in plans], -1))


def _solve(env: SupplyNetwork, params: Any, demand: np.ndarray, state: Any, k: int) -> tuple[float, np.ndarray]:
    """Total cost and orders [T, E] of SKU ``k``, for ``demand`` [T, M]."""
    t, length = env.topology, len(demand)
    arcs, stocks, markets = range(len(t.arcs)), range(len(t.stocks)), range(len(t.markets))
    usage = params.components[:, k] / params.yield_rate[list(t.node_of), k]
    operating = np.append(params.operating_cost[:, k], np.zeros(len(t.sources)))
    share, price, penalty = params.backlog_share[:, k], params.price[:, k], params.stockout_cost[:, k]
    queues = t.queues.split(state.pipeline)

    # The unknowns of a period: units shipped, sold to new and to waiting customers, waiting and on hand at its end.
    sizes = (len(t.arcs), len(t.markets), len(t.markets), len(t.markets), len(t.stocks))
    starts = np.cumsum((0, *sizes))
    period = starts[-1]
    shipped, new, old, backlog, on_hand = (
        lambda time, i, start=start: period * time + start + i for start in starts[:-1]
    )  # fmt: skip
    cost, upper, constant = np.zeros(period * length), np.full(period * length, np.inf), 0.0
    equal, below = _Rows(), _Rows()
    for time in range(length):
        for e, (supplier, lead_time) in enumerate(zip(t.supplier_of, t.lead_times, strict=True)):
            bought = params.unit_cost[e, k] if supplier >= len(t.nodes) else 0.0  # else from one pocket to another
            held = params.pipeline_cost[e, k] * min(lead_time, length - time)
            cost[shipped(time, e)] = bought + operating[supplier] + held
        for m, j in enumerate(t.server_of):
            cost[new(time, m)] = operating[j] - price[m] - (1.0 - share[m]) * penalty[m]
            cost[old(time, m)] = operating[j] - price[m]
            cost[backlog(time, m)] = penalty[m]
            upper[new(time, m)] = demand[time, m]
            constant += (1.0 - share[m]) * penalty[m] * demand[time, m]
            # Who waits at the end waited before and was not served, or is new and was not.
            before, known = _before(backlog, state.backlog, time, m, k)
            row = {backlog(time, m): 1.0, old(time, m): 1.0, new(time, m): share[m]}
            equal.add(_less(row, before), share[m] * demand[time, m] + known)
            below.add(_less({old(time, m): 1.0}, before), known)
        for p in stocks:
            cost[on_hand(time, p)] = params.holding_cost[p, k]
            sent = {shipped(time, e): usage[p] for e in arcs if t.supplier_of[e] == t.node_of[p]}
            sold = {i(time, m): usage[p] for m in markets if t.server_of[m] == t.node_of[p] for i in (new, old)}
            before, known = _before(on_hand, state.on_hand, time, p, k)
            due, at_once = {}, {}
            for e in arcs:
                if t.stock_of[e] == p and t.lead_times[e] == 0:
                    at_once[shipped(time, e)] = 1.0
                elif t.stock_of[e] == p and time >= t.lead_times[e]:
                    due[shipped(time - t.lead_times[e], e)] = 1.0
            known_due = sum(queues[e][time][k] for e in arcs if t.stock_of[e] == p and time < t.lead_times[e])
            equal.add(_less({on_hand(time, p): 1.0, **sent, **sold}, before | due | at_once), known + known_due)
            at_hand, of_that = (before | due, known + known_due) if env.receive_first else (before, known)
            below.add(_less(sent, at_hand), of_that)
        for j in range(len(t.suppliers)):
            if params.capacity[j, k] < UNLIMITED:
                made = {shipped(time, e): 1.0 for e in arcs if t.supplier_of[e] == j}
                made |= {i(time, m): 1.0 for m in markets if t.server_of[m] == j for i in (new, old)}
                below.add(made, params.capacity[j, k])
    for e in arcs:  # what is under way already is held until it arrives
        for i, units in enumerate(queues[e]):
            constant += params.pipeline_cost[e, k] * units[k] * min(i, length)

    result = optimize.linprog(
        cost,
        A_eq=equal.matrix(len(cost)),
        b_eq=equal.right,
        A_ub=below.matrix(len(cost)),
        b_ub=below.right,
        bounds=np.stack([np.zeros_like(upper), upper], 1),
        method="highs",
    )
    if result.status != 0:
        raise RuntimeError(f"the linear programme of SKU {k} was not solved: {result.message}")
    return result.fun + constant, result.x.reshape(length, period)[:, : len(t.arcs)]


def _before(index: Any, initial: Any, time: int, i: int, k: int) -> tuple[dict[int, float], float]:
    """The end of the period before ``time``, as a row of unknowns and a known number."""
    return ({}, float(initial[i][k])) if time == 0 else ({index(time - 1, i): 1.0}, 0.0)


def _less(a: dict[int, float], b: dict[int, float]) -> dict[int, float]:
    return a | {i: a.get(i, 0.0) - value for i, value in b.items()}


class _Rows:
    """A sparse matrix and a right-hand side, row by row."""

    def __init__(self):
        self.entries: list[tuple[int, int, float]] = []
        self.right: list[float] = []

    def add(self, row: dict[int, float], right: float) -> None:
        self.entries += [(len(self.right), column, value) for column, value in row.items()]
        self.right.append(right)

    def matrix(self, columns: int) -> sparse.csr_matrix:
        rows, places, values = zip(*self.entries, strict=True)
        return sparse.csr_matrix((values, (rows, places)), shape=(len(self.right), columns))
