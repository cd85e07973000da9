"""Closed forms and classic exact algorithms: economic order quantity, newsvendor, base-stock, (s, S).

``holding`` and ``penalty`` are money per unit and period, charged on what is left and on what is short at the end of
a period. Formulas take numbers or arrays of one shape. What needs the distribution of demand runs on the host, in
float64, and takes a process with a finite ``support()`` in whole units, the same in every period.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import ndtri
from jax.scipy.stats import norm

from jaxinv.demand import Demand
from jaxinv.demand.lead_time import lead_time_demand

_ROUNDING = 1e-7  # of the probabilities of a demand process, which are float32


def shortage_cost(params: Any) -> Array:
    """Cost of a unit short, of the shape of the parameters. A lost unit also costs its margin: with unit cost c and
    penalty p the average cost is that of unit cost 0 and penalty p - c, plus c times mean demand."""
    return jnp.maximum(params.stockout_cost + (1.0 - params.backlog_share) * (params.price - params.unit_cost), 0.0)


def critical_ratio(params: Any) -> Array:
    """Cost of a unit short over that of a unit short plus a unit left, of the shape of the parameters."""
    short = shortage_cost(params)
    return short / jnp.maximum(short + params.holding_cost, 1e-6)


def economic_order_quantity(fixed_cost: Any, holding: Any, demand: Any) -> tuple[Any, Any]:
    """Quantity, and cost per period, of a steady ``demand`` per period that never waits (Harris 1913)."""
    return (2.0 * fixed_cost * demand / holding) ** 0.5, (2.0 * fixed_cost * demand * holding) ** 0.5


def economic_order_quantity_with_backorders(
    fixed_cost: Any, holding: Any, penalty: Any, demand: Any
) -> tuple[Any, Any, Any]:
    """Quantity, the part of a steady ``demand`` per period that waits, and cost per period (Snyder and Shen 2019,
    *Fundamentals of Supply Chain Theory*, 2nd ed., sec. 3.5)."""
    waiting = holding / (holding + penalty)
    quantity, cost = economic_order_quantity(fixed_cost, penalty * waiting, demand)
    return quantity, waiting, cost


def economic_period(fixed_cost: Array, holding_rate: Array) -> Array:
    """Periods between orders that balance ``fixed_cost`` per order with holding: sqrt(2 K / (h * demand)), where
    ``holding_rate`` is h * demand, money per period of carrying one period's demand (Harris 1913). Same shapes."""
    return jnp.sqrt(2.0 * fixed_cost / jnp.maximum(holding_rate, 1e-6))


def normal_newsvendor(mean: Array, std: Array, holding: Array, penalty: Array) -> tuple[Array, Array]:
    """Optimal level and its expected cost per period for normal demand; all of one shape.

    With full backlog, no fixed cost and lead time l, a base-stock policy is a newsvendor on the demand of l + 1
    periods: pass its mean and standard deviation (Snyder and Shen 2019, sec. 4.3).
    """
    z = ndtri(penalty / (penalty + holding))
    return mean + z * std, (holding + penalty) * norm.pdf(z) * std


def cvar_newsvendor(quantile: Callable, holding: Array, penalty: Array, level: Array) -> Array:
    """Order-up-to level with the least conditional value at risk: the mean of the worst share ``level``, in (0, 1], of
    a newsvendor's costs (Gotoh and Takano 2007, European Journal of Operational Research 179(1), for costs without
    profits). ``quantile`` is that of continuous demand."""
    short, left = level * penalty / (holding + penalty), 1.0 - level * holding / (holding + penalty)
    return (holding * quantile(short) + penalty * quantile(left)) / (holding + penalty)


def newsvendor(values: Any, probabilities: Any, holding: Any, penalty: Any) -> tuple[np.ndarray, np.ndarray]:
    """Optimal level and its expected cost for demand of ascending ``values`` [n], ``probabilities`` [..., n].

    The level is the smallest value that demand exceeds with probability ``holding / (holding + penalty)`` at most,
    give or take the rounding of float32 (Arrow, Harris and Marschak 1951). Costs broadcast to [...].
    """
    values, probabilities, holding, penalty = (
        np.asarray(x, np.float64) for x in (values, probabilities, holding, penalty)
    )
    _require("holding", holding, holding > 0.0, "> 0")
    _require("penalty", penalty, penalty >= 0.0, ">= 0")
    ratio = np.broadcast_to(penalty / (holding + penalty), probabilities.shape[:-1])
    level = values[np.sum(np.cumsum(probabilities, -1)[..., :-1] < ratio[..., None] - _ROUNDING, -1)]
    return level, level_cost(level, values, probabilities, holding, penalty)


def level_cost(level: Any, values: Any, probabilities: Any, holding: Any, penalty: Any) -> np.ndarray:
    """Expected cost of one period that begins with ``level`` [...] for demand of ``values`` [n], ``probabilities``
    [..., n]."""
    left = np.asarray(level, np.float64)[..., None] - values
    return holding * np.sum(np.maximum(left, 0.0) * probabilities, -1) + penalty * np.sum(
        np.maximum(-left, 0.0) * probabilities, -1
    )


def demand_table(demand: Demand, periods: int = 1) -> np.ndarray:
    """Probabilities [*shape, n] that ``periods`` periods together demand 0, 1, ..., n - 1 units; raises ``ValueError``
    unless demand comes in whole units and is the same in every period."""
    if demand.cycle != 1:
        raise ValueError(f"demand must be the same in every period, got a cycle of {demand.cycle} periods")
    return lead_time_demand(demand, periods)


def base_stock(demand: Demand, holding: Any, penalty: Any, lead_time: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Optimal order-up-to level and its average cost per period, of the shape of ``demand``, with full backlog: a
    newsvendor on the demand of ``lead_time`` + 1 periods, as an order is in stock for the demand of the
    ``lead_time``-th period after this one (Karlin and Scarf 1958)."""
    table = demand_table(demand, lead_time + 1)
    return newsvendor(np.arange(table.shape[-1]), table, holding, penalty)


def zheng_federgruen(
    demand: Demand, holding: float, penalty: float, fixed_cost: float, lead_time: int = 0
) -> tuple[int, int, float]:
    """Optimal (s, S) and its average cost per period with full backlog and a cost per order: an inventory position
    of s *or less* is raised to S (many texts: less than s). ``demand`` has shape ().

    Exact, by the algorithm of Zheng and Federgruen (1991, Operations Research 39(4)); an order is in stock for the
    demand of the ``lead_time``-th period after this one.
    """
    holding, penalty, fixed_cost = float(holding), float(penalty), float(fixed_cost)
    _require("holding", holding, holding > 0.0, "> 0")
    _require("penalty", penalty, penalty > 0.0, "> 0")
    _require("fixed_cost", fixed_cost, fixed_cost >= 0.0, ">= 0")
    if demand.shape != ():
        raise ValueError(f"demand must have shape (), got {demand.shape}")
    one, several = demand_table(demand), demand_table(demand, lead_time + 1)
    if one[0] > 1.0 - _ROUNDING:
        raise ValueError("demand must not be always 0")
    units = np.arange(len(several))

    @cache
    def cost(position: int) -> float:  # G: of the period in which an order placed now is in stock
        return float(level_cost(position, units, several, holding, penalty))

    visits = [1.0 / (1.0 - one[0])]  # m: expected periods of a cycle spent j units below S

    def average(s: int, S: int) -> float:
        while len(visits) < S - s:
            recent = visits[: -len(one) : -1]
            visits.append(one[1 : len(recent) + 1] @ np.array(recent) * visits[0])
        m = np.array(visits[: S - s])
        return float((fixed_cost + m @ [cost(S - j) for j in range(S - s)]) / m.sum())

    best, _ = newsvendor(units, several, holding, penalty)
    S = int(best)
    s = S - 1
    while average(s, S) > cost(s):
        s -= 1
    least, candidate = average(s, S), S + 1
    while cost(candidate) <= least:
        if average(s, candidate) < least:
            S = candidate
            while average(s, S) <= cost(s + 1):
                s += 1
            least = average(s, S)
        candidate += 1
    return s, S, least


def _require(name: str, value: Any, fits: Any, allowed: str) -> None:
    if not np.all(fits):
        raise ValueError(f"{name} must be {allowed}, got {np.asarray(value).tolist()}")
