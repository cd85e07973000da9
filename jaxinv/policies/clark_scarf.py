"""The optimal policy of stages in series, exactly and by newsvendors. On the host, in float64.

Stages are numbered from the customers on. A shipment covers the demand of ``lead_times`` L_i periods, as
``env.serial.Serial`` says. ``holding_cost`` [N] is local, money per unit and period, and is also paid on units in
transit from the stage; ``stockout_cost`` is paid per waiting customer and period. Demand is independent from period to
period: a process in whole units, ``demand.Normal``, whose negative values are 0, or ``statistics.NormalDist``, whose
negative values are not, which is what most of the literature computes with.

Levels are echelon levels: of all that is in transit to the stage, on hand there and further downstream, less backlog.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from jaxinv.demand import Demand, Normal
from jaxinv.demand.lead_time import fractile
from jaxinv.env.given import wholes
from jaxinv.env.serial import Params, Serial
from jaxinv.policies.closed_forms import demand_table

_STEPS = 200  # of the lattice that stands for a continuous law, per standard deviation of a period
_TAIL = 6.0  # standard deviations that a continuous law extends over


class _Law(NamedTuple):
    """Demand of some periods: ``probabilities`` [n] of (first + 0), (first + 1), ... lattice steps."""

    first: int
    probabilities: np.ndarray


def clark_scarf(demand: Any, lead_times: Sequence[int], holding_cost: Any, stockout_cost: float) -> tuple[Any, float]:
    """Optimal echelon base-stock levels [N] and their average cost per period.

    Exact for whole units (Clark and Scarf 1960, Management Science 6(4); Federgruen and Zipkin 1984, Operations
    Research 32(4), for the long run; Snyder and Shen 2019, *Fundamentals of Supply Chain Theory*, 2nd ed., sec. 6.2.2).
    A normal law is put on a lattice of 1/200 standard deviation.
    """
    return _recursion(demand, lead_times, holding_cost, stockout_cost, None)


def level_cost(levels: Any, demand: Any, lead_times: Sequence[int], holding_cost: Any, stockout_cost: float) -> float:
    """Average cost per period of any echelon base-stock ``levels`` [N], which are rounded to the lattice."""
    return _recursion(demand, lead_times, holding_cost, stockout_cost, levels)[1]


def newsvendor_levels(demand: Any, lead_times: Sequence[int], holding_cost: Any, stockout_cost: float) -> np.ndarray:
    """Nearly optimal echelon base-stock levels [N]: of every stage the mean of two newsvendor levels, which are a lower
    and an upper bound of the best one (Shang and Song 2003, Management Science 49(5)). Halves of whole units are
    rounded down."""
    lead_times = wholes("lead_times", lead_times, 1, "stage from the customers on")
    echelon, step = _echelon(holding_cost, lead_times), _step(demand)
    levels = []
    for stage, added in enumerate(echelon):
        law = _law(demand, sum(lead_times[: stage + 1]), step)
        short = stockout_cost + echelon[stage + 1 :].sum()
        # A unit left costs what all stages up to this one add, or what this one adds.
        pair = [fractile(law.probabilities, short / (short + left)) for left in (echelon[: stage + 1].sum(), added)]
        levels.append(step * (law.first + sum(pair) // 2))
    return np.array(levels)


def serial_optimum(env: Serial, params: Params) -> tuple[np.ndarray, float]:
    """Optimal echelon base-stock levels [N] of ``env`` and their average cost per period, for independent demand.

    The cost of units in transit, and of moving them, does not depend on the policy in the long run: whatever
    ``params`` charge for it, the levels are those of :func:`clark_scarf`.
    """
    levels, cost = clark_scarf(**_numbers(env, params))
    return levels, cost + _moving(env, params)


def serial_cost(env: Serial, params: Params, levels: Any) -> float:
    """Average cost per period of ``env`` under echelon base-stock ``levels`` [N], for independent demand."""
    return level_cost(levels, **_numbers(env, params)) + _moving(env, params)


def _numbers(env: Serial, params: Params) -> dict[str, Any]:
    holding, stockout = np.asarray(params.holding_cost, np.float64), float(params.stockout_cost)
    return dict(demand=params.demand, lead_times=env.lead_times, holding_cost=holding, stockout_cost=stockout)


def _moving(env: Serial, params: Params) -> float:
    """Cost per period of what passes the stages, beyond what :func:`clark_scarf` counts for it."""
    holding = np.asarray(params.holding_cost, np.float64)
    transit = np.asarray(params.transit_cost, np.float64) - np.append(holding[1:], 0.0)
    per_unit = np.sum(params.unit_cost) + transit @ (np.array(env.lead_times) - 1)
    if not env.hold_arrivals:
        per_unit = per_unit - holding[1:].sum()
    return float(params.demand.mean()) * float(per_unit)


def _recursion(demand: Any, lead_times: Sequence[int], holding_cost: Any, stockout_cost: float, levels: Any) -> Any:
    """Levels, the best ones unless given, and cost. With h_j the echelon holding costs, C_0(x) = (p + sum h) x^-,
    C_j(y) = E[h_j (y - D_j) + C_{j-1}(min(S_{j-1}, y - D_j))], the cost of echelon j whose position is y."""
    lead_times = wholes("lead_times", lead_times, 1, "stage from the customers on")
    echelon, step = _echelon(holding_cost, lead_times), _step(demand)
    if not stockout_cost > 0.0:
        raise ValueError(f"stockout_cost must be > 0, got {stockout_cost}")
    given = None if levels is None else np.round(np.asarray(levels, np.float64) / step).astype(int)
    if given is not None and given.shape != echelon.shape:
        raise ValueError(f"levels must be {len(echelon)}, one per stage, got shape {given.shape}")
    # ``cost`` is C_j(y) from y = ``low`` steps on; below the table it falls by ``slope`` per unit.
    low, cost, slope, chosen = 0, np.zeros(1), stockout_cost + echelon.sum(), [0]
    for stage, (lead_time, holding) in enumerate(zip(lead_times, echelon, strict=True)):
        law = _law(demand, lead_time, step)
        width = len(law.probabilities) - 1
        # Positions y from the least to the largest demand so far, or as far as levels go; x = y - D_j goes down by
        # another ``width``.
        count = len(cost) + width if given is None else max(len(cost) + width, np.max(given) - low - law.first + 1)
        x = step * np.arange(low - width, low + count)
        below = cost[0] + slope * step * np.arange(width, 0, -1)
        kept = cost[np.minimum(np.arange(count), chosen[-1] - low)]  # constant from the level on
        cost = np.convolve(holding * x + np.concatenate([below, kept]), law.probabilities, "valid")
        low += law.first
        slope -= holding
        chosen.append(low + int(np.argmin(cost)) if given is None else given[stage])
        if chosen[-1] < low:
            raise ValueError(f"level {step * chosen[-1]:g} of stage {stage} is less than what is always demanded")
    return step * np.array(chosen[1:]), float(cost[chosen[-1] - low])


def _echelon(holding_cost: Any, lead_times: Sequence[int]) -> np.ndarray:
    """Echelon holding costs: what each stage adds to the holding cost of its supplier."""
    holding = np.asarray(holding_cost, np.float64)
    if holding.shape != (len(lead_times),):
        raise ValueError(f"holding_cost must have shape ({len(lead_times)},), got {holding.shape}")
    echelon = holding - np.append(holding[1:], 0.0)
    if (echelon <= 0.0).any():
        raise ValueError(f"holding_cost must be > 0 and fall from the customers on, got {holding.tolist()}")
    return echelon


def _step(demand: Any) -> float:
    """Units of a lattice step."""
    if isinstance(demand, NormalDist):
        deviation = demand.stdev
    elif isinstance(demand, Normal) and not demand.rounded and demand.shape == ():
        deviation = float(demand.deviation)
    else:
        return 1.0
    if not deviation > 0.0:
        raise ValueError(f"demand must have a standard deviation > 0, got {deviation:g}")
    return deviation / _STEPS


def _law(demand: Any, periods: int, step: float) -> _Law:
    """The law of the demand of ``periods`` periods on the lattice."""
    if isinstance(demand, NormalDist):
        return _normal(NormalDist(periods * demand.mean, periods**0.5 * demand.stdev), step)
    if not isinstance(demand, Demand) or demand.shape != ():
        raise ValueError(f"demand must be a demand process of shape () or a NormalDist, got {demand!r}")
    if isinstance(demand, Normal) and not demand.rounded:
        first, one = _normal(NormalDist(float(demand.location), float(demand.deviation)), step)
        if first < 0:
            first, one = 0, np.append(one[: 1 - first].sum(), one[1 - first :])
        several = np.ones(1)
        for _ in range(periods):
            several = np.convolve(several, one)
        return _Law(periods * first, several)
    return _Law(0, demand_table(demand, periods))


def _normal(law: NormalDist, step: float) -> _Law:
    first = int(np.floor((law.mean - _TAIL * law.stdev) / step))
    last = int(np.ceil((law.mean + _TAIL * law.stdev) / step))
    cdf = np.array([law.cdf(step * (k + 0.5)) for k in range(first - 1, last + 1)])
    probabilities = np.diff(cdf)
    return _Law(first, probabilities / probabilities.sum())
