"""What a policy costs and how well it serves, simulated on given exogenous paths."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.env.core import Ledger, Policy
from jaxinv.evaluate.paths import Paths
from jaxinv.evaluate.risk import cvar
from jaxinv.intervals import Interval, mean_interval

_PERIODS_PER_YEAR = 365.0


@struct.dataclass
class Evaluation:
    """Means are per period, over all paths and the periods after the warm-up, and summed over cells."""

    cost: Array  # [N, T - warmup, W] money out less money in, by path, period and location
    cost_ci95: Array  # [2] of the mean cost: over paths, over batches in time where there is one path
    cost_by_cause: dict[str, Array]  # [] each; gains are negative, so that they sum to the mean cost
    units: dict[str, Array]  # [] each: the ledger's flows and stocks
    fill_rate: Array  # [] type 2: share of demand that is served at once
    service_level: Array  # [] type 1: share of cells and periods in which no demand is left unmet
    turns: Array  # [] units sold in 365 periods over mean stock on hand
    waste: Array  # [] share of the units that leave, sold or written off, that are written off

    @property
    def cost_mean(self) -> Array:
        """Mean cost per period []."""
        return jnp.mean(jnp.sum(self.cost, -1))

    @property
    def path_cost(self) -> Array:
        """Mean cost per period of each path [N]: of each scenario. The worst one is its largest."""
        return jnp.mean(jnp.sum(self.cost, -1), 1)

    def cost_cvar(self, level: Array | float = 0.05) -> Array:
        """Mean cost per period [] of the worst share ``level`` of the paths. Several are needed: 1 / ``level`` at
        least, for more than the worst path."""
        return cvar(self.path_cost, level)


def location_cost(ledger: Ledger) -> Array:
    """Money out less money in of a period by location [W]: the ledger's first axis; [1] of a single item."""
    total = sum(getattr(ledger, name) for name in ledger.COSTS) - sum(getattr(ledger, name) for name in ledger.GAINS)
    return jnp.sum(jnp.reshape(total, (*(jnp.shape(total)[:1] or (1,)), -1)), 1)


def _summary(ledger: Any) -> tuple[Array, dict[str, Array], dict[str, Array], Array]:
    """Of a period: cost by location, money by cause, units, and the share of cells served in full."""
    money = {name: -jnp.sum(getattr(ledger, name)) for name in ledger.GAINS}
    money |= {name: jnp.sum(getattr(ledger, name)) for name in ledger.COSTS}
    units = {name: jnp.sum(getattr(ledger, name)) for name in ledger.UNITS}
    # Demand of a fraction of a unit is rounding.
    served = jnp.mean((ledger.lost + ledger.backlogged < 1e-3).astype(jnp.float32))
    return location_cost(ledger), money, units, served


@partial(jax.jit, static_argnames=("env", "warmup", "batch_size"))
def evaluate(
    policy: Policy,
    env: Any,
    params: Any,
    paths: Paths,
    *,
    warmup: int = 0,
    key: Array | None = None,
    batch_size: int = 256,
) -> Evaluation:
    """Simulate ``policy`` along ``paths``, ``batch_size`` of them at a time.

    ``warmup`` periods at the beginning are simulated and not counted. A stochastic policy needs ``key``. ``env`` may
    be a wrapper around the environment that the paths were drawn from. Its ledger has arrays of the shape of the
    cells, locations first; among its units are ``demanded``, ``lost``, ``backlogged``, ``on_hand`` and
    ``written_off``.

    Raises ``ValueError`` if no period is left to count.
    """
    if not 0 <= warmup < paths.length:
        raise ValueError(f"warmup must be in 0..{paths.length - 1}, paths have {paths.length} periods; got {warmup}")
    keys = jax.random.split(jax.random.key(0) if key is None else key, paths.num_paths)

    def one_path(inputs):
        state, exogenous, key = inputs
        _, (cost, money, units, served) = env.rollout(
            policy, state, exogenous, params, key, record=lambda transition: _summary(transition.outcome.ledger)
        )
        return cost[warmup:], jax.tree.map(lambda x: jnp.mean(x[warmup:]), (money, units, served))

    inputs = (paths.states, paths.exogenous, keys)
    cost, means = jax.lax.map(one_path, inputs, batch_size=min(batch_size, paths.num_paths))
    money, units, served = jax.tree.map(jnp.mean, means)

    sold = units["demanded"] - units["lost"]
    return Evaluation(
        cost=cost,
        cost_ci95=mean_interval(jnp.sum(cost, -1)),
        cost_by_cause=money,
        units=units,
        fill_rate=1.0 - (units["lost"] + units["backlogged"]) / jnp.maximum(units["demanded"], 1e-9),
        service_level=served,
        turns=_PERIODS_PER_YEAR * sold / jnp.maximum(units["on_hand"], 1e-9),
        waste=units["written_off"] / jnp.maximum(sold + units["written_off"], 1e-9),
    )


def compare(a: Evaluation, b: Evaluation) -> Interval:
    """Mean cost of ``a`` less that of ``b`` on the same paths, with the 95 % interval of the paired difference.

    Raises ``ValueError`` if they were not evaluated on equally many paths and periods.
    """
    if a.cost.shape != b.cost.shape:
        raise ValueError(f"evaluations must be on the same paths, got costs of shapes {a.cost.shape}, {b.cost.shape}")
    difference = jnp.sum(a.cost - b.cost, -1)
    return Interval(mean=jnp.mean(difference), ci95=mean_interval(difference))
