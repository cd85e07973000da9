"""Which panels are forecast, and by whom: the classical methods, the networks, and one that never saw the panel."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

NETWORKS = {"gru": "GRU", "convolution": "Convolution", "transformer": "Transformer"}
NEURAL = (*NETWORKS, "pool", "zero-shot", "tuned")
CLASSICAL = (
    "naive", "seasonal naive", "moving average", "exponential smoothing", "holt-winters", "croston", "sba", "tsb",
    "weekday quantile",
)  # fmt: skip


def read(demand: str, columns: Mapping[str, str], max_series: int) -> Any:
    """An embedded panel by name, or that of a sales file without its returns: the largest locations of at most
    ``max_series`` series together."""
    from jaxinv.data import PANELS, load_panel, read_sales

    panel = load_panel(demand) if demand in PANELS else read_sales(demand, columns or None, returns="drop")
    skus = min(len(panel.skus), max_series)
    return panel.largest(locations=min(len(panel.locations), max(1, max_series // skus)), skus=skus)


def name_of(demand: str) -> str:
    return Path(demand).name.split(".")[0]


def classical(name: str, num_paths: int) -> Any:
    """The method by its name here."""
    from jaxinv import forecast

    methods = (
        forecast.Naive, forecast.SeasonalNaive, forecast.MovingAverage, forecast.ExponentialSmoothing,
        forecast.HoltWinters, forecast.Croston, forecast.SBA, forecast.TSB, forecast.WeekdayQuantile,
    )  # fmt: skip
    method = methods[CLASSICAL.index(name)]
    return method() if name == "weekday quantile" else method(num_paths=num_paths)


def neural(config: Any, horizon: int, network: str) -> Any:
    """A forecaster with the settings of the experiment."""
    from jaxinv.forecast import Neural
    from jaxinv.forecast.networks import NETWORKS

    return Neural(
        network=NETWORKS[network](), horizon=horizon, context=config.context, steps=config.steps,
        batch=config.batch, num_paths=config.num_paths, prices_planned=config.prices_planned, seed=config.seed,
    )  # fmt: skip


def candidates(config: Any, train: Any, others: list[Any], horizon: int) -> dict[str, Callable[[], Any]]:
    """What fits each forecaster to a panel, by name. The pool is of the networks fitted to the panel. ``others`` are
    panels to pretrain on; without any there is nothing to use zero-shot, or to tune."""

    from jaxinv.forecast import Pool

    @cache
    def network(name: str) -> Any:
        return neural(config, horizon, NETWORKS[name]).fit(train)

    @cache
    def zero_shot() -> Any:
        return neural(config, horizon, NETWORKS[config.pretrained]).pretrain(others)

    def pool() -> Any:
        """Of as many paths as the others draw."""
        return Pool(tuple(network(name).drawing(-(-config.num_paths // len(NETWORKS))) for name in NETWORKS))

    found: dict[str, Callable[[], Any]] = {
        name: lambda name=name: classical(name, config.num_paths).fit(train) for name in CLASSICAL
    }
    found |= {name: partial(network, name) for name in NETWORKS} | {"pool": pool}
    if others:
        found |= {"zero-shot": zero_shot, "tuned": lambda: zero_shot().tune(train, steps=config.tuning_steps)}
    return {name: fit for name, fit in found.items() if not config.only or name in config.only}
