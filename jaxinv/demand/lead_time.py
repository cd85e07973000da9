"""The distribution of demand over several periods, which stock levels are made for. On the host, in float64."""

import jax.numpy as jnp
import numpy as np

from jaxinv.demand.base import Demand, DemandState


def lead_time_demand(demand: Demand, periods: int) -> list[np.ndarray]:
    """Probabilities of 0, 1, ... units demanded in ``periods`` successive periods, an array for every period of the
    demand's cycle that they may begin in.

    ``demand`` has shape (), concrete parameters and a finite support of whole numbers.
    """
    single = []
    for day in range(demand.cycle):
        values, probabilities = demand.law(DemandState(day=jnp.int32(day))).support()
        units = np.asarray(values).astype(int)
        single.append(np.zeros(units[-1] + 1))
        weights = np.asarray(probabilities).astype(np.float64)
        single[-1][units] = weights / weights.sum()
    totals = []
    for begin in range(demand.cycle):
        total = np.ones(1)
        for ahead in range(periods):
            total = np.convolve(total, single[(begin + ahead) % demand.cycle])
        totals.append(total)
    return totals


def fractile(probabilities: np.ndarray, ratio: float) -> int:
    """Smallest number of units that covers demand with probability ``ratio``; ``probabilities`` of 0, 1, ... units."""
    # Where the distribution function meets the ratio but for rounding, it is met.
    return int(np.argmax(np.cumsum(probabilities) >= min(ratio, 1.0) - 1e-9))
