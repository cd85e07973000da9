"""Named shocks, sized to a problem, and what they did to the policies that met them."""

import dataclasses
import json
from statistics import NormalDist
from typing import Any

SCENARIOS = ("outage", "capacity_loss", "lead_time_slip", "surge", "collapse", "cost_jump")
RANDOM = "random"  # outages that come and go by a Markov chain, instead of at one time
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
    begins: float = 0.02
    """random: chance that an outage begins after a normal period"""
    ends: float = 0.2
    """random: chance that it ends after a period of it"""


def stressed(shocked: Any, inner: Any, scenario: str, severity: Severity, start: int, length: int) -> Any:
    """Parameters of ``shocked`` with the shock from period ``start`` on; all scenarios but the random one have the same
    structure. Of several suppliers of one item it hits the first, the regular one. A ``length`` of 0 is normal times
    throughout, on the same paths."""
    import jax
    import numpy as np

    from jaxinv.env.dynamics import UNLIMITED
    from jaxinv.env.regimes import Chain, Schedule

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
    outage = {"capacity": at_first_supplier([UNLIMITED, 0.0], UNLIMITED)}
    if scenario == RANDOM:
        begins = severity.begins if length > 0 else 0.0
        chain = Chain(transition=[[1.0 - begins, begins], [severity.ends, 1.0 - severity.ends]])  # type: ignore[arg-type]
        return shocked.make_params(chain, inner, waits=severity.waits, **outage)
    numbers: dict[str, Any] = {
        "outage": outage,
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

    end, extra = before + length, met["cost"] - calm["cost"]
    phases = {"before": slice(0, before), "during": slice(before, end), "after": slice(end, None)}
    row: dict[str, Any] = {
        phase: _means({name: values[:, when] for name, values in met.items()}) for phase, when in phases.items()
    }
    row |= _extra(extra[:, before:])

    since = extra[:, end:]
    # A band that holds in all periods together: one in twenty of them would leave that of a single one by chance.
    quantile = NormalDist().inv_cdf(1.0 - 0.025 / since.shape[1])
    noise = quantile * since.std(0, ddof=1) / np.sqrt(len(since))
    away = np.abs(since.mean(0)) > np.maximum(_RECOVERED * abs(calm["cost"].mean()), noise)
    periods = int(np.flatnonzero(away)[-1]) + 1 if away.any() else 0
    row["recovery_periods"] = periods if periods < len(away) else None  # None: not within what was simulated
    return json.loads(json.dumps(row, default=float))


def overall(met: dict[str, Any], calm: dict[str, Any]) -> dict[str, Any]:
    """What random shocks did to a policy in all periods together, from [N, T] with them and without."""
    row = {"without": _means(calm), "with": _means(met), **_extra(met["cost"] - calm["cost"])}
    return json.loads(json.dumps(row, default=float))


def _means(values: dict[str, Any]) -> dict[str, Any]:
    fill = 1.0 - values["unmet"].sum() / max(values["demanded"].sum(), 1e-9)
    return {"cost": values["cost"].mean(), "fill_rate": fill, "stock": values["on_hand"].mean()}


def _extra(cost: Any) -> dict[str, Any]:
    """Extra cost [N, T] over all periods, with the 95 % interval of its mean over paths."""
    import numpy as np

    from jaxinv.evaluate import mean_interval

    low, high = np.asarray(mean_interval(cost)) * cost.shape[1]
    return {"extra_cost": cost.sum(1).mean(), "extra_cost_ci95": [float(low), float(high)]}
