"""One item that is ordered by the case at a fixed cost: the part of ``dqn_replenishment`` that is its own."""

import dataclasses
import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from matplotlib.figure import Figure

from experiments import figures, retail, retail_item
from experiments.comparison import STARTS, WARMUP, Experiment, Tuner
from jaxinv import report
from jaxinv.agents import DQN, MLP
from jaxinv.env.wrappers import DiscreteOrders, RoundToBatches
from jaxinv.evaluate import Paths
from jaxinv.optimise import SearchResult, grid_search
from jaxinv.policies import BaseStock, Following, PeriodicReview, ReorderPoint, ReorderQuantity
from jaxinv.policies.closed_forms import economic_period

_LARGEST = 2.0  # orders, and positions beyond the cover of the lead time, in economic periods: good ones are smaller


class WholeOrders(Experiment):
    def __init__(self, config: Any):
        self.config = config
        self.item = retail_item.build(retail.read(config.demand, config.columns), config.env)
        self.env = RoundToBatches(self.item.env)
        self.train_params, self.test_params = self.item.train_params, self.item.test_params
        self.warmup = config.env.warmup_days
        self.dates = self.item.test_panel.dates[self.warmup :]
        self.chunk = max(1, config.dqn.num_updates // 12)
        holding = config.env.holding_cost * self.item.typical
        self.period = max(1.0, float(economic_period(config.env.order_cost, holding)))  # days between good orders

    def heuristics(self) -> dict[str, Tuner]:
        """Each with fixed levels, and with levels that follow the calendar, which the learners see as well."""
        typical, batch = self.item.typical, self.config.env.batch
        cover = typical * (self.config.env.lead_time + 1.0)
        levels = cover * np.linspace(0.6, 1.6, 41)
        lots = self.period * typical * np.linspace(0.25, 2.0, 22)
        batches = batch * np.arange(1, math.ceil(2.0 * self.period * typical / batch) + 1)
        reviews = np.arange(1.0, math.ceil(2.0 * self.period) + 1)

        def reorder_point(reorder: Array, lot: Array, following: Any) -> ReorderPoint:
            return ReorderPoint(reorder=reorder, up_to=reorder + lot, following=following)

        def periodic_review(review: Array, phase: Array, level: Array, following: Any) -> PeriodicReview:
            covered = level + typical * (review - 1.0)
            return PeriodicReview(review=review, phase=phase, level=covered, following=following)

        kinds = {
            "base_stock": (BaseStock, {"level": levels}),
            "reorder_point": (reorder_point, {"reorder": levels, "lot": lots}),
            "reorder_quantity": (ReorderQuantity, {"reorder": levels, "quantity": batches}),
            "periodic_review": (
                periodic_review,
                {"review": reviews, "phase": np.arange(min(len(reviews), 7.0)), "level": levels},
            ),
        }
        following = Following(
            typical=typical,  # type: ignore[arg-type]
            periods=self.config.env.lead_time + self.period,
            adaptation=None,
        )
        rules = {"": None, "_following": following}

        def tuned(kind: Any, values: dict, rule: Any, paths: Paths, key: Array) -> SearchResult:
            grid = {name: jnp.asarray(x, jnp.float32) for name, x in values.items()}
            make = partial(kind, following=rule)
            return grid_search(make, grid, self.env, self.train_params, paths, warmup=WARMUP)

        return {
            name + suffix: partial(tuned, kind, values, rule)
            for name, (kind, values) in kinds.items()
            for suffix, rule in rules.items()
        }

    def learners(self, found: dict[str, SearchResult]) -> dict[str, Any]:
        beyond = _LARGEST * self.period * self.item.typical
        most = 1.3 * self.item.typical * (self.config.env.lead_time + 1.0) + beyond
        env = DiscreteOrders(self.item.env, math.ceil(beyond / self.config.env.batch), most)
        numbers = dataclasses.asdict(self.config.dqn)
        network = MLP(hidden=tuple(numbers.pop("hidden")), activation="relu")
        return {
            agent: DQN(env=env, network=network, double=agent == "double_dqn", **numbers)
            for agent in self.config.agents
        }

    def replays(self, key: Array) -> Paths:
        return self.item.replays(self.item.env, key, STARTS)

    def figures(self, policies: dict[str, tuple[Any, Any]], shown: list[str], real: Paths) -> dict[str, Figure]:
        compared = {name: policies[name] for name in shown}
        params, name = self.test_params, self.item.test_panel.skus[0].lower()
        series = figures.along(compared, params, real, self.warmup, retail_item.record)
        start = jax.tree.map(lambda x: x[0], real.states)
        days = np.arange(0.0, 3 * self.period + 6.0, 0.5), np.arange(0.0, 3 * self.period + 1.0, 0.5)

        def stocked(on_hand: Array, under_way: Array) -> Any:
            units = jnp.round(self.item.typical * jnp.stack([on_hand, under_way]))
            later = (units[1], *start.pipeline[1:]) if start.pipeline else ()
            return start.replace(inventory=units[0], pipeline=later)

        maps = {
            name: figures.decided(policy, env, params, stocked, lambda order: order, *days)
            # Not a periodic review, which orders nothing on most days.
            for name, (policy, env) in ((name, policies[name]) for name in (shown[0], "reorder_point_following"))
        }
        title = f"What is ordered of {name} on {self.item.test_panel.dates[0]}"
        on_hand, under_way = (axis * self.item.typical for axis in days)
        return {
            "stock": report.stock_paths(self.dates, [name], series),
            "policy_map": report.policy_map(on_hand, under_way, maps, title=title),
        }
