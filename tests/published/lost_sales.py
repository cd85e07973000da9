"""The lost-sales problem of Zipkin (2008, Operations Research 56(5), sec. 2), solved by relative value iteration.

A small reference written on its own, in numpy: state (x_0, ..., x_{L-1}), x_0 on hand after the order due now has
arrived, x_k the order arriving k periods later; order z; demand; h (x_0 - d)^+ + p (d - x_0)^+.
"""

import itertools

import numpy as np
from scipy import stats


def solve(penalty: float, lead_time: int, mean: float = 5.0, holding: float = 1.0, tolerance: float = 1e-7):
    """(optimal average cost, {state: optimal order}) for Poisson demand."""
    demand = np.arange(60)
    probability = stats.poisson.pmf(demand, mean)
    # Lossless bounds (sec. 3): the stock arriving over the last periods and the order stay within the fractiles.
    ratio = penalty / (penalty + holding)
    bounds = [int(stats.poisson.ppf(ratio, mean * (lead_time - k + 1))) for k in range(lead_time + 1)]
    states = [
        x
        for x in itertools.product(*(range(b + 1) for b in bounds[:lead_time]))
        if all(sum(x[k:]) <= bounds[k] for k in range(lead_time))
    ]
    index = {x: i for i, x in enumerate(states)}
    on_hand = np.array([x[0] for x in states])
    left = np.maximum(on_hand[:, None] - demand, 0)
    cost = (holding * left + penalty * np.maximum(demand - on_hand[:, None], 0)) @ probability
    orders = bounds[-1] + 1
    following = np.zeros((len(states), orders, len(demand)), np.int32)
    legal = np.zeros((len(states), orders), bool)
    for i, x in enumerate(states):
        for z in range(orders):
            if all(sum(x[k:]) + z <= bounds[k] for k in range(lead_time)):
                legal[i, z] = True
                pipeline = (*x[1:], z)
                following[i, z] = [index[(stock + pipeline[0], *pipeline[1:])] for stock in left[i]]
    value = np.zeros(len(states))
    while True:
        q = np.where(legal, cost[:, None] + value[following] @ probability, np.inf)
        change = q.min(1) - value
        value = q.min(1) - q.min(1)[0]
        if np.ptp(change) < tolerance:
            return change.mean(), dict(zip(states, q.argmin(1), strict=True))
