"""Levels between whole units are rounded where that costs least."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from jaxinv import struct
from jaxinv.env import make
from jaxinv.env.wrappers import OptionalOrderUpTo, OrderUpTo, RoundToBatches
from jaxinv.evaluate import evaluate, sample_paths
from jaxinv.optimise import ShiftedLevels, shift_levels


@struct.dataclass
class Constant:
    """One order-up-to level, whatever happens."""

    level: Array
    optional: bool = struct.static(False)

    def __call__(self, env, state, params, key=None):
        return {"order": jnp.int32(1), "level": self.level} if self.optional else self.level


@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize("batch", [1.0, 4.0])
def test_the_part_of_a_batch_that_costs_least(key, batch, optional):
    """Of all that are tried, each simulated by itself; a level 0.65 batches below the best is not left there."""
    env, params = make("SingleItem-v0", instance="zipkin2008/poisson-p9-L1")
    params = params.replace(batch_size=jnp.float32(batch))
    paths = sample_paths(env, params, key, 16, 300)
    kind = OptionalOrderUpTo if optional else OrderUpTo
    view = kind(RoundToBatches(env), 40.0)

    def cost(policy):
        return float(evaluate(policy, view, params, paths, warmup=50).cost_mean)

    levels = np.arange(8.0, 17.0)
    best = levels[np.argmin([cost(Constant(jnp.float32(level), optional)) for level in levels])]
    start = Constant(jnp.float32(best - 0.65 * batch), optional)
    found = shift_levels(start, view, params, paths, warmup=50)
    costs = {part: cost(ShiftedLevels(start, jnp.float32(part))) for part in np.arange(-4, 5) / 10}
    assert cost(found) == pytest.approx(min(costs.values()), rel=1e-6)
    assert costs[round(float(found.part), 1)] == pytest.approx(min(costs.values()), rel=1e-6)
    assert cost(found) < costs[0.0]
