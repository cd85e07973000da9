"""Named shocks, sized to a problem, and what they did to the policies that met them."""

import dataclasses
import json
from statistics import NormalDist
from typing import Any

SCENARIOS = ("outage", "capacity_loss", "lead_time_slip", "surge", "collapse", "cost_jump")
_RECOVERED = 0.05  # of the mean cost without the shock


@dataclasses.dataclass(frozen=True)
class Severity:
    waits: float = 1.0
    """part of what suppliers cannot ship that waits; the rest is cancelled"""
    capacity: float = 0.5
    """capacity_loss: what suppliers ship in a period, in mean demands"""
    slip: int = 3
    """lead_time_slip: periods by which orders are late"""
    surge: float = 1.5
    """surge: factor on demand"""
    collapse: float = 0.5
    """collapse: factor on demand"""
    costs: float = 2.0
    """cost_jump: factor on all costs"""


def stressed(shocked: Any, inner: Any, scenario: str, severity: Severity, start: int, length: int) -> Any:
    """Parameters of ``shocked`` with the shock from period ``start`` on; all scenarios have the same structure. Of
    several suppliers of one item it hits the first, the regular one."""
    import jax
    import numpy as np

    from jaxinv.env.dynamics import UNLIMITED
    from jaxinv.env.regimes import Schedule

    mean = np.asarray(inner.demand.mean())

    def typical(order):  # units of an order in a period; demand is shared equally where it is not by order
        return mean if mean.shape == order.shape else np.full(order.shape, mean.sum() / max(order.size, 1))

    def limited(order):
        units = severity.capacity * typical(order)
        units = np.where(units >= 1.0, np.round(units), units)  # whole units, where that is not far from what is meant
        return np.stack([np.full(order.shape, UNLIMITED), units])

    (first, *others), orders = jax.tree.flatten(shocked.no_orders())

    def at_first_supplier(numbers, normal):
        return orders.unflatten([numbers] + [normal] * len(others))

    costs = [field.name for field in dataclasses.fields(inner) if field.name.endswith("_cost")]
    numbers: dict[str, Any] = {
        "outage": {"capacity": at_first_supplier([UNLIMITED, 0.0], UNLIMITED)},
        "capacity_loss": {"capacity": at_first_supplier(limited(first), UNLIMITED)},
        "lead_time_slip": {"slip": at_first_supplier([0, severity.slip], 0)},
        "surge": {"demand": [1.0, severity.surge]},
        "collapse": {"demand": [1.0, severity.collapse]},
        "cost_jump": {},
    }[scenario]
    factor = severity.costs if scenario == "cost_jump" else 1.0
    return shocked.make_params(
        Schedule(start=[start], length=[length]),  # type: ignore[arg-type]
        inner,
        waits=severity.waits,
        factors={name: [1.0, factor] for name in costs},
        **numbers,
    )


def summary(met: dict[str, Any], calm: dict[str, Any], before: int, length: int) -> dict[str, Any]:
    """What a shock from period ``before`` on did to a policy, from [N, T] with it and without."""
    import numpy as np

    from jaxinv.evaluate import mean_interval

    end, extra = before + length, met["cost"] - calm["cost"]
    phases = {"before": slice(0, before), "during": slice(before, end), "after": slice(end, None)}
    row: dict[str, Any] = {}
    for phase, when in phases.items():
        cut = {name: values[:, when] for name, values in met.items()}
        fill = 1.0 - cut["unmet"].sum() / max(cut["demanded"].sum(), 1e-9)
        row[phase] = {"cost": cut["cost"].mean(), "fill_rate": fill, "stock": cut["on_hand"].mean()}
    low, high = np.asarray(mean_interval(extra[:, before:])) * extra[:, before:].shape[1]
    row |= {"extra_cost": extra[:, before:].sum(1).mean(), "extra_cost_ci95": [float(low), float(high)]}

    since = extra[:, end:]
    # A band that holds in all periods together: one in twenty of them would leave that of a single one by chance.
    quantile = NormalDist().inv_cdf(1.0 - 0.025 / since.shape[1])
    noise = quantile * since.std(0, ddof=1) / np.sqrt(len(since))
    away = np.abs(since.mean(0)) > np.maximum(_RECOVERED * abs(calm["cost"].mean()), noise)
    periods = int(np.flatnonzero(away)[-1]) + 1 if away.any() else 0
    row["recovery_periods"] = periods if periods < len(away) else None  # None: not within what was simulated
    return json.loads(json.dumps(row, default=float))
