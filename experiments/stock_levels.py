"""One item that is raised to a level in every period: the part of ``a3c_stock_forecast`` that is its own."""

import dataclasses
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from matplotlib.figure import Figure

from experiments import figures, retail, retail_item
from experiments.comparison import STARTS, WARMUP, Experiment, Tuner
from jaxinv import report
from jaxinv.agents import A2C, A3C, GRU, MLP, Learner, SequenceNetwork, Transformer
from jaxinv.env.history import LastDemand, ObservationHistory
from jaxinv.env.wrappers import OrderUpTo, RoundToBatches
from jaxinv.evaluate import Paths
from jaxinv.optimise import SearchResult, grid_search
from jaxinv.policies import BaseStock, Following, MovingAverage


class StockLevels(Experiment):
    def __init__(self, config: Any):
        self.config = config
        self.item = retail_item.build(retail.read(config.demand, config.columns), config.env)
        self.env = RoundToBatches(ObservationHistory(LastDemand(self.item.env), config.learner.window))
        self.train_params, self.test_params = self.item.train_params, self.item.test_params
        self.warmup = config.env.warmup_days
        self.dates = self.item.test_panel.dates[self.warmup :]

    def heuristics(self) -> dict[str, Tuner]:
        periods = self.config.env.lead_time + 1.0
        levels = {"level": self.item.typical * periods * np.linspace(0.5, 2.0, 151)}
        recent = {
            "window": np.unique(np.minimum([7, 14, 28, 56], self.config.learner.window)),
            "safety": np.linspace(-0.5, 2.5, 25),
            "adaptation": np.array([0.0, 0.25, 0.5, 0.75, 1.0]),
        }
        following = Following(typical=self.item.typical, periods=periods, adaptation=None)  # type: ignore[arg-type]
        kinds = {
            "base_stock": (BaseStock, levels),
            "base_stock_following": (partial(BaseStock, following=following), levels),
            "moving_average": (MovingAverage, recent),
            "moving_average_calendar": (partial(MovingAverage, calendar=True), recent),
        }

        def tuned(make: Any, values: dict, paths: Paths, key: Array) -> SearchResult:
            grid = {name: jnp.asarray(x, jnp.float32) for name, x in values.items()}
            return grid_search(make, grid, self.env, self.train_params, paths, warmup=WARMUP)

        return {name: partial(tuned, make, values) for name, (make, values) in kinds.items()}

    def learners(self, found: dict[str, SearchResult]) -> dict[str, Learner]:
        """The tuned fixed level is in the middle of their range, where they begin."""
        level = float(found["base_stock"].policy.level)
        env = OrderUpTo(self.env, 2.0 * level)
        numbers = dataclasses.asdict(self.config.learner)
        steps, memory, hidden = numbers.pop("steps"), numbers.pop("memory"), numbers.pop("hidden")
        log_std = numbers.pop("initial_log_std")
        del numbers["window"]
        networks = {
            "window": MLP(hidden=(hidden, hidden), initial_log_std=log_std),
            "gru": SequenceNetwork(memory=GRU(hidden), initial_log_std=log_std),
            "transformer": SequenceNetwork(memory=Transformer(hidden), initial_log_std=log_std),
        }
        kind: Any = A3C
        if self.config.agent == "a2c":
            kind = A2C
            del numbers["staleness"]
        learner = kind(env=env, network=networks[memory], **numbers)
        updates = max(1, steps // learner.steps_per_update)
        self.chunk = max(1, updates // 15)
        return {self.config.agent: learner.replace(num_updates=updates)}

    def replays(self, key: Array) -> Paths:
        return self.item.replays(self.env, key, STARTS)

    def figures(self, policies: dict[str, tuple[Any, Any]], shown: list[str], real: Paths) -> dict[str, Figure]:
        params, name = self.test_params, self.item.test_panel.skus[0].lower()
        series = figures.along({name: policies[name] for name in shown}, params, real, self.warmup, retail_item.record)

        def level(t: Any, order: Array) -> dict[str, Array]:
            """Where an order raises the position to."""
            return {"level": self.item.env.inventory_position(t.state) + order}

        chosen = dict.fromkeys([*shown, "base_stock", "moving_average"])
        levels = figures.along({name: policies[name] for name in chosen}, params, real, self.warmup, level)
        decided = report.decisions_over_time(
            self.dates,
            {f"units of {name} in stock and under way": {policy: of["level"] for policy, of in levels.items()}},
            bars={f"units of {name} in stock and under way": series[shown[0]]["demand"][:, 0]},
            title="Stock held, and demand",
        )
        return {"stock": report.stock_paths(self.dates, [name], series), "levels": decided}
