"""A chain of stores whose heuristic a learner steers: the part of ``ppo_multiwarehouse`` that is its own."""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from matplotlib.figure import Figure

from experiments import figures, learners, retail
from experiments.comparison import STARTS, WARMUP, Experiment, Tuner
from jaxinv import report
from jaxinv.agents import PPO, Learner, OffPolicy, OnPolicy
from jaxinv.agents.networks import CellNetwork
from jaxinv.env.wrappers import Steered
from jaxinv.evaluate import Paths
from jaxinv.optimise import SearchResult, hindsight_bound, tune
from jaxinv.policies import HEURISTICS

# Heuristics the learner may act relative to, and what it shifts of them: small shifts have small consequences.
_STEERABLE = {"joint_quantity": ("level", "quantity"), "can_order": ("reorder", "up_to")}
# What of it a learner along slopes chooses, as it decides when something happens and so has no slope. Reorder points of
# single cells, which have none either, then stay as they are: so many choices are more noise than help.
_CHOSEN = ("quantity", "rebalancing")


class SteeredStores(Experiment):
    stores = True

    def __init__(self, config: Any):
        self.config = config
        self.problem = retail.build(retail.read(config.demand, config.columns), config.env)
        self.env = self.problem.env
        self.train_params, self.test_params = self.problem.train_params, self.problem.test_params
        self.warmup = config.env.warmup_days
        self.dates = self.problem.test_panel.dates[self.warmup :]

    def heuristics(self) -> dict[str, Tuner]:
        options = dataclasses.asdict(self.config.search) | {"following": True, "rebalancing": True, "warmup": WARMUP}
        del options["paths"]

        def tuned(name: str, paths: Paths, key: Array) -> SearchResult:
            return tune(HEURISTICS[name], self.env, self.train_params, paths, key, **options)

        return {name: partial(tuned, name) for name in HEURISTICS}

    def learners(self, found: dict[str, SearchResult]) -> dict[str, Learner]:
        """Acting relative to the better of the heuristics that can be steered."""
        name = min(_STEERABLE, key=lambda name: float(found[name].cost))
        base, steered, chosen = found[name].policy, _STEERABLE[name], ()
        if self.env.transfers:  # thresholds of every cell, to be shifted one by one
            thresholds = jax.tree.map(lambda x: jnp.broadcast_to(x, self.env.cells), base.rebalancing)
            base, steered = base.replace(rebalancing=thresholds), (*steered, "rebalancing")
        if self.config.agent == "pathwise":
            steered = tuple(field for field in steered if field != "reorder")
            chosen = tuple(field for field in steered if field in _CHOSEN)
        return {self.config.agent: learner(self.config, Steered(self.env, base, steered, chosen=chosen))}

    def replays(self, key: Array) -> Paths:
        return self.problem.replays(key, STARTS)

    def lower_bound(self, real: Paths) -> float:
        return float(hindsight_bound(self.env, self.test_params, real.exogenous.demand[0, self.warmup :]))

    def figures(self, policies: dict[str, tuple[Any, Any]], shown: list[str], real: Paths) -> dict[str, Figure]:
        # The busiest item of the first stores, over the held-out dates.
        panel, params = self.problem.test_panel, self.test_params
        cells = [(w, int(panel.quantity[:, w].sum(0).argmax())) for w in range(min(3, len(panel.locations)))]
        names = [f"store {panel.locations[w]}, {panel.skus[k].lower()}" for w, k in cells]
        compared = {name: policies[name] for name in shown}
        w, k = np.array(cells).T

        def record(t: Any, action: Any) -> dict[str, Array]:
            ledger, wanted = t.outcome.ledger, jnp.sum(action.flows, 1)
            share = ledger.transferred / jnp.where(wanted > 0, wanted, 1.0)  # that the stock allowed
            series = {"on_hand": t.state.on_hand, "orders": action.orders, "demand": ledger.demanded}
            series["transfers"] = jnp.sum(share[:, None] * action.flows, 0)
            return {name: x[w, k] for name, x in series.items()}

        series = figures.along(compared, params, real, self.warmup, record)
        start = jax.tree.map(lambda x: x[0], real.states)
        days = np.arange(0, 13), np.arange(0, 11)
        maps = {name: _orders(policy, env, params, start, cells[0], days) for name, (policy, env) in compared.items()}
        title = f"What {names[0]} orders on {panel.dates[0]}, the whole store stocked alike"
        typical = float(params.demand_scale[cells[0]])
        return {
            "stock": report.stock_paths(self.dates, names, series),
            "policy_map": report.policy_map(days[0] * typical, days[1] * typical, maps, title=title),
        }


def learner(config: Any, env: Any) -> Any:
    """The learner of a configuration, for stores steered in ``env``."""
    numbers = dataclasses.asdict(config.ppo)
    network = CellNetwork(
        hidden=tuple(numbers.pop("hidden")), shared=True, initial_log_std=numbers.pop("initial_log_std")
    )
    if config.agent == "ppo":
        return PPO(env=env, network=network.clone(local_values=True), **numbers)
    other: Any = learners.learner(config.agent, env, config.budget).replace(network=network)
    if isinstance(other, OffPolicy):
        return other
    if isinstance(other, OnPolicy):  # each store has an advantage of its own
        fields = {"network": network.clone(local_values=True), "num_envs": config.ppo.num_envs}
    else:
        fields = {"num_envs": 64, "warmup": 10, "num_steps": 50, "learning_rate": 0.01, "entropy_coef": 0.0}
    other = dataclasses.replace(other, **fields)
    # As many environment steps as PPO takes.
    steps = config.budget * config.ppo.num_updates * config.ppo.num_envs * config.ppo.num_steps
    return dataclasses.replace(other, num_updates=max(1, round(steps / other.steps_per_update)))


def _orders(policy: Any, env: Any, params: Any, state: Any, cell: tuple, days: tuple) -> np.ndarray:
    """Orders [n, m] of a cell where every SKU of its store holds n days of typical demand and has m days of it coming,
    next period."""
    warehouse, sku = cell
    typical = params.demand_scale[warehouse]

    def stocked(on_hand: Array, under_way: Array) -> Any:
        stocked = state.replace(on_hand=state.on_hand.at[warehouse].set(jnp.round(on_hand * typical)))
        if len(state.orders):
            stocked = stocked.replace(orders=state.orders.at[0, warehouse].set(jnp.round(under_way * typical)))
        return stocked

    return figures.decided(policy, env, params, stocked, lambda action: action.orders[warehouse, sku], *days)
