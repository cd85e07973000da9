"""How good probabilistic forecasts are: losses of single forecasts. ``backtest`` adds them up."""

from typing import Any

import jax.numpy as jnp
from jax import Array


def quantile_loss(quantiles: Array, levels: Any, actual: Array) -> Array:
    """Loss [Q, ...] of forecast ``quantiles`` [Q, ...] at ``levels`` [Q] when demand is ``actual`` [...]: each unit too
    little costs the level, each unit too much 1 less it (Koenker and Bassett 1978, Econometrica 46(1))."""
    levels = jnp.asarray(levels).reshape(-1, *(1,) * actual.ndim)
    short = actual[None] - quantiles
    return jnp.maximum(levels * short, (levels - 1.0) * short)


def crps(samples: Array, actual: Array) -> Array:
    """Continuous ranked probability score [...] of equally likely ``samples`` [S, ...], in units: the mean distance of
    a sample from ``actual`` [...], less half the mean distance between two (Gneiting and Raftery 2007, Journal of the
    American Statistical Association 102(477), eq. 21). Of one sample it is the absolute error."""
    count = samples.shape[0]
    ordered = jnp.sort(samples, 0)
    rank = (2.0 * jnp.arange(count) - count + 1.0).reshape(-1, *(1,) * actual.ndim)
    between = jnp.sum(rank * ordered, 0) / count**2
    return jnp.mean(jnp.abs(samples - actual[None]), 0) - between


def naive_variance(demand: Array, observed: Array) -> Array:
    """Mean squared difference [N] of successive observed ``demand`` [T, N], from the first sale on: what errors are
    scaled by in RMSSE (Makridakis, Spiliotis and Assimakopoulos 2022, International Journal of Forecasting 38(4))."""
    sold = jnp.cumsum(jnp.where(observed, demand, 0.0), 0) > 0
    pairs = observed[1:] & observed[:-1] & sold[:-1]
    squares = jnp.where(pairs, jnp.diff(demand, axis=0) ** 2, 0.0)
    return jnp.sum(squares, 0) / jnp.maximum(jnp.sum(pairs, 0), 1)
