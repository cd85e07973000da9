"""Closed forms: the newsvendor and the economic order period."""

from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import ndtri
from jax.scipy.stats import norm


def critical_ratio(params: Any) -> Array:
    """Cost of a unit short over that of a unit short plus a unit left, [W, K]; a lost unit also costs its margin."""
    short = params.stockout_penalty + (1.0 - params.backlog_share) * (params.price - params.unit_cost)
    short = jnp.maximum(short, 0.0)
    return short / jnp.maximum(short + params.holding_cost, 1e-6)


def normal_newsvendor(mean: Array, std: Array, holding: Array, penalty: Array) -> tuple[Array, Array]:
    """Optimal level and its expected cost per period for normal demand; all of one shape.

    With full backlog, no fixed cost and lead time l, a base-stock policy is a newsvendor on the demand of l + 1
    periods: pass its mean and standard deviation (Snyder and Shen 2019, *Fundamentals of Supply Chain Theory*, 2nd
    ed., sec. 4.3).
    """
    z = ndtri(penalty / (penalty + holding))
    return mean + z * std, (holding + penalty) * norm.pdf(z) * std


def economic_period(fixed_cost: Array, holding_rate: Array) -> Array:
    """Periods between orders that balance ``fixed_cost`` per order with holding: sqrt(2 K / (h * demand)), where
    ``holding_rate`` is h * demand, money per period of carrying one period's demand (Harris 1913). Same shapes."""
    return jnp.sqrt(2.0 * fixed_cost / jnp.maximum(holding_rate, 1e-6))
