"""An online shop whose prices and levels a learner moves: the part of ``sac_pricing`` that is its own."""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from matplotlib.figure import Figure

from experiments import figures, online_shop, retail
from experiments.comparison import STARTS, WARMUP, Experiment, Tuner
from experiments.heuristics import Around
from jaxinv import report
from jaxinv.agents import MLP, SAC
from jaxinv.env import spaces
from jaxinv.env.baseline import AgainstZero
from jaxinv.env.wrappers import Steered, Wrapper
from jaxinv.evaluate import Paths, sample_paths
from jaxinv.optimise import SearchResult, mean_cost
from jaxinv.policies import MyopicPricing, StaticPrice

_LOT_DAYS = 4.0  # of demand in a delivery, where a search for the best begins


class Summary(Wrapper):
    """What a shop looks at, as one vector, in typical demand: of every centre and SKU what is on hand and under way; of
    every SKU the orders waiting and the forecast of the lead time and a period; of every region how satisfied it is;
    and the weekday."""

    def observe(self, state: Any, params: Any) -> Array:
        scale = params.demand_scale
        under_way = jnp.sum(state.pipeline, 0) + jnp.sum(state.returning, 0)
        parts = [
            state.on_hand / scale[None],
            under_way / scale[None],
            jnp.sum(state.backlog, 0) / scale,
            jnp.sum(self.env.forecast(state, params), (0, 1)) / scale,
            state.satisfaction,
            self.env.weekday(state),
        ]
        return jnp.concatenate([jnp.ravel(part) for part in parts])

    def observation_space(self, params: Any) -> spaces.Box:
        centres, skus = self.env.cells
        return spaces.unbounded((2 * centres * skus + 2 * skus + self.env.num_regions + 7,))


class ShopPrices(Experiment):
    profit = True

    def __init__(self, config: Any):
        self.config = config
        self.shop = online_shop.build(retail.read(config.demand, config.columns), config.env)
        self.env = self.shop.env
        self.train_params, self.test_params = self.shop.train_params, self.shop.test_params
        self.warmup = config.warmup_days
        self.dates = self.shop.test_panel.dates[self.warmup :]
        self.chunk = max(1, config.sac.num_updates // 12)

    def heuristics(self) -> dict[str, Tuner]:
        env, params = self.env, self.train_params
        served = env.nearest(params) @ params.demand.mean()  # [F, K] of the regions that a centre is the nearest to
        level = 1.3 * served * (params.lead_time[:, None] + 1.0)
        options = dataclasses.asdict(self.config.search)
        del options["paths"]

        def static(allocation: str, lots: bool, paths: Paths, key: Array) -> SearchResult:
            policy = StaticPrice(level=level, price=params.reference_price, allocation=allocation)
            names: tuple[str, ...] = "level", "price"
            if lots:  # of a few days, so that a delivery is worth its cost
                policy = dataclasses.replace(policy, level=1.5 * level, quantity=_LOT_DAYS * jnp.sum(served, 1))
                names = *names, "quantity"
            return Around(policy, names).search(env, params, paths, key, warmup=WARMUP, **options)

        def myopic(salvage: float, paths: Paths, key: Array) -> SearchResult:
            policy = MyopicPricing.of(env, params, salvage=salvage)
            cost = jax.jit(partial(mean_cost, env=env, warmup=WARMUP))(policy, params=params, paths=paths)
            return SearchResult(policy=policy, cost=jnp.sum(cost), history=jnp.sum(cost)[None])

        return {
            "static_price": partial(static, "nearest", False),
            "static_price_balanced": partial(static, "balanced", False),
            "static_price_lots": partial(static, "nearest", True),
            "myopic_price": partial(myopic, 1.0),
        }

    def learners(self, found: dict[str, SearchResult]) -> dict[str, Any]:
        """Acting relative to the better of the static prices."""
        base = min((found[name] for name in found if name != "myopic_price"), key=lambda result: float(result.cost))
        numbers = dataclasses.asdict(self.config.sac)
        env = Steered(Summary(self.env), base.policy, ("level", "price"), numbers.pop("span"), proportional=True)
        network = MLP(
            hidden=tuple(numbers.pop("hidden")), activation="relu", initial_log_std=numbers.pop("initial_log_std")
        )
        # Gains over a heuristic are about 0 in the mean: there is no average to be learned.
        return {"sac": SAC(env=AgainstZero(env), network=network, average_reward=False, **numbers)}

    def acting(self, learner: SAC) -> Any:
        return learner.env.env  # type: ignore[attr-defined]

    def replays(self, key: Array) -> Paths:
        paths = sample_paths(self.env, self.test_params, key, STARTS, len(self.shop.test_panel.dates))
        factor = jax.random.uniform(key, paths.states.on_hand.shape, minval=0.5, maxval=1.5)
        states = paths.states.replace(on_hand=jnp.round(factor * paths.states.on_hand))
        return paths.replace(states=states)

    def figures(self, policies: dict[str, tuple[Any, Any]], shown: list[str], real: Paths) -> dict[str, Figure]:
        params, panel = self.test_params, self.shop.test_panel
        compared = {name: policies[name] for name in dict.fromkeys([*shown, "myopic_price"])}
        skus = range(min(3, self.env.num_skus))
        names = [f"SKU {panel.skus[k]}" for k in skus]

        def record(t: Any, action: Any) -> dict[str, Array]:
            ledger = t.outcome.ledger
            series = {"on_hand": t.state.on_hand, "orders": action.orders, "demand": ledger.demanded}
            return {name: jnp.sum(x, 0)[: len(skus)] for name, x in series.items()} | {"price": action.price}

        series = figures.along(compared, params, real, self.warmup, record)
        prices = {
            f"price of {name}": {policy: of["price"][:, k] for policy, of in series.items()}
            for k, name in zip(skus, names, strict=True)
        }
        demand = {f"price of {name}": series["sac"]["demand"][:, k] for k, name in zip(skus, names, strict=True)}
        return {
            "stock": report.stock_paths(self.dates, names, {name: series[name] for name in shown}),
            "prices": report.decisions_over_time(self.dates, prices, bars=demand, title="Prices, and demand at them"),
            "policy_map": self._price_map(compared, real),
        }

    def _price_map(self, compared: dict[str, tuple[Any, Any]], real: Paths) -> Figure:
        """Of the first SKU, where both centres are stocked alike."""
        params, start = self.test_params, jax.tree.map(lambda x: x[0], real.states)
        typical = params.demand_scale[0]
        days = np.arange(0.0, 16.0), np.arange(0.0, 16.0)

        def stocked(on_hand: Array, under_way: Array) -> Any:
            state = start.replace(on_hand=start.on_hand.at[:, 0].set(on_hand * typical))
            if len(state.pipeline):
                state = state.replace(pipeline=state.pipeline.at[0, :, 0].set(under_way * typical))
            return state

        maps = {
            name: figures.decided(policy, env, params, stocked, lambda action: action.price[0], *days)
            / float(params.reference_price[0])
            for name, (policy, env) in compared.items()
        }
        limits = (min(x.min() for x in maps.values()), max(x.max() for x in maps.values()))
        sku, day = self.shop.test_panel.skus[0], self.shop.test_panel.dates[0]
        on_hand, under_way = (axis * float(typical) for axis in days)
        return report.policy_map(
            on_hand, under_way, maps, title=f"Price of SKU {sku} on {day}", decided="price / reference", limits=limits
        )
