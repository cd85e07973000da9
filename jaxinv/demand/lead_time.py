"""The distribution of demand over several periods, which stock levels are made for. On the host, in float64."""

import jax.numpy as jnp
import numpy as np

from jaxinv.demand.base import Demand, DemandState


def lead_time_demand(demand: Demand, periods: int, begin: int = 0) -> np.ndarray:
    """Probabilities [*shape, n] that ``periods`` periods together demand 0, 1, ..., n - 1 units; they begin on day
    ``begin`` of the demand's cycle.

    Raises ``ValueError`` unless demand comes in whole units; parameters must be concrete.
    """
    table = np.ones((*demand.shape, 1))
    for day in range(begin, begin + periods):
        values, probabilities = demand.law(DemandState(day=jnp.int32(day))).support()
        units, probabilities = np.asarray(values), np.asarray(probabilities).astype(np.float64)
        if (units != np.round(units)).any() or units[0] < 0:
            raise ValueError(f"demand must come in whole units, got {units.tolist()}")
        shorter, table = table, np.zeros((*demand.shape, table.shape[-1] + int(units[-1])))
        for value, probability in zip(units.astype(int), np.moveaxis(probabilities, -1, 0), strict=True):
            table[..., value : value + shorter.shape[-1]] += probability[..., None] * shorter
    return table / table.sum(-1, keepdims=True)


def fractile(probabilities: np.ndarray, ratio: float) -> int:
    """Smallest number of units that covers demand with probability ``ratio``; ``probabilities`` of 0, 1, ... units."""
    # Where the distribution function meets the ratio but for rounding, it is met.
    return int(np.argmax(np.cumsum(probabilities) >= min(ratio, 1.0) - 1e-7))
