"""The training of neural forecasters that ``experiments.throughput`` times: every network of its default size on the
series of an embedded panel, two months looked back on and two weeks ahead."""

from typing import Any

import jax
import jax.numpy as jnp

from experiments.speed import Program
from jaxinv.data import load_panel
from jaxinv.forecast import Neural
from jaxinv.forecast.networks import NETWORKS
from jaxinv.forecast.training import Windows, begin, step

CONTEXT, HORIZON = 56, 14  # days


def networks(batch: int) -> list[Program]:
    """Steps of the optimiser on ``batch`` windows each, which are drawn in it."""
    windows = Windows.of([load_panel("complete_journey")], CONTEXT, HORIZON)
    return [
        _program(Neural(network=network(), context=CONTEXT, horizon=HORIZON), batch, windows)
        for network in NETWORKS.values()
    ]


def _program(forecaster: Neural, batch: int, windows: Windows) -> Program:
    def init(key: jax.Array, windows: Windows) -> Any:
        example = windows.window(jnp.int32(0), windows.first[0]).inputs()[None]
        return key, jnp.float32(0), begin(forecaster.model.init(key, example)["params"])

    def body(carry: Any, windows: Windows) -> Any:
        key, i, state = carry
        key, step_key = jax.random.split(key)
        rate = jnp.float32(forecaster.learning_rate)
        state, _ = step(forecaster.model, state, windows, step_key, i, batch=batch, rate=rate)
        return key, i + 1, state

    return Program(f"{type(forecaster.network).__name__} forecaster", batch, 1, windows, init, body)
