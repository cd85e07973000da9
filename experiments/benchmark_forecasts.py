"""Forecasters on held-out dates of real panels: quantile loss, CRPS, coverage, bias and WRMSSE, with paired intervals.

Forecasts are made every week of the last dates, by what was fitted to all dates before them, and compared with what was
sold. Networks are trained on each panel, and their paths pooled; with several panels one is also pretrained on the
others, and used on the panel as it is (zero-shot) and after a short training on it (tuned).
    python -m experiments.benchmark_forecasts --out docs/forecasting
    python -m experiments.benchmark_forecasts --demand sales.csv --columns sku=item --only sba transformer
"""

import dataclasses
import importlib.util
import json
import time
from typing import Any, Literal

from experiments import command, forecasters, output
from experiments.forecast_table import markdown


@dataclasses.dataclass(frozen=True)
class Config(command.OutputConfig):
    demand: tuple[str, ...] = ("complete_journey", "online_retail")
    """embedded panels by name, or sales files; negative quantities are left out"""
    columns: dict[str, str] = dataclasses.field(default_factory=dict)
    """names of the files' columns by role, where they are not the usual ones"""
    only: tuple[Literal[(*forecasters.CLASSICAL, *forecasters.NEURAL)], ...] = ()  # type: ignore[valid-type]
    """forecasters; all, if none are given"""
    horizon_days: int = 14
    """how far ahead; lead-time demand is that of all of it. Whole weeks"""
    test_days: int = 112
    """held-out dates, the last ones. Whole weeks"""
    max_series: int = 300
    """series of a panel, those of the largest locations and SKUs"""
    num_paths: int = 100
    context: int = 56
    """periods that networks look back on"""
    steps: int = 800
    """of their training, and of pretraining"""
    tuning_steps: int = 200
    batch: int = 32
    prices_planned: bool = False
    """prices of the panels are what was asked, known ahead; not what was paid"""
    pretrained: Literal[tuple(forecasters.NETWORKS)] = "transformer"  # type: ignore[valid-type]
    """the network that is pretrained on the other panels"""
    peers: bool = False
    """also statsforecast's AutoETS, CrostonSBA and SeasonalNaive, fitted anew at every date (extra forecast-peers)"""

    def __post_init__(self):
        command.at_least(self, horizon_days=7, test_days=7, max_series=1, num_paths=2, context=8, steps=1, batch=1)
        for name in ("horizon_days", "test_days"):
            if getattr(self, name) % 7:
                raise ValueError(f"{name} must be whole weeks, a multiple of 7; got {getattr(self, name)}")
        if self.test_days < self.horizon_days:
            raise ValueError(f"test_days must be at least horizon_days = {self.horizon_days}, got {self.test_days}")


PRESETS = {
    "default": Config(),
    "smoke": Config(preset="smoke", steps=2, tuning_steps=2, batch=4, max_series=8, num_paths=10, test_days=28),
}


def of_panel(config: Config, name: str, panel: Any, others: list[Any], show: Any) -> list[dict[str, Any]]:
    """A row per forecaster."""
    import jax

    from jaxinv.forecast import backtest

    every = 7 if panel.period == "day" else 1
    horizon, held_out = (days // (7 // every) for days in (config.horizon_days, config.test_days))
    first = len(panel.dates) - held_out
    if first < 2 * horizon + 2:
        raise ValueError(f"test_days = {config.test_days} leaves {max(first, 0)} periods of {name} to fit to: too few")
    train = panel.between(end=panel.dates[first])
    rows, tests = [], {}
    for forecaster, fit in forecasters.candidates(config, train, others, horizon).items():
        if forecaster in forecasters.CLASSICAL:
            jax.block_until_ready(jax.tree.leaves(fit()))  # compiled apart
        seconds = [time.perf_counter()]
        fitted = jax.block_until_ready(fit())
        seconds.append(time.perf_counter())
        jax.block_until_ready(fitted.predict(train, horizon))
        again = time.perf_counter()
        jax.block_until_ready(fitted.predict(train, horizon))
        seconds += [time.perf_counter() - again]
        tests[forecaster] = backtest(fitted, panel, horizon, first=first, every=every)
        rows.append({"fit_seconds": seconds[1] - seconds[0], "predict_seconds": seconds[2], "forecaster": forecaster})
        show(f"{name}: {forecaster}, wQL {float(tests[forecaster].score('wql').mean):.4f}")
    if config.peers:
        from experiments import forecast_peers

        for forecaster, (test, fit_seconds) in forecast_peers.backtests(panel, horizon, first, every).items():
            tests[forecaster] = test
            rows.append({"fit_seconds": fit_seconds, "predict_seconds": None, "forecaster": forecaster})
            show(f"{name}: {forecaster}, wQL {float(test.score('wql').mean):.4f}")

    own = [each for each in tests if each not in forecasters.NEURAL]
    best = min(own or tests, key=lambda each: float(tests[each].score("wql").mean))
    for row in rows:
        test = tests[row["forecaster"]]
        row |= {"panel": name, "periods": len(train.dates), "dates": len(test.sums["loss"]), "horizon": horizon}
        row["series"] = panel.quantity[0].size
        row["scores"] = {score: _numbers(test.score(score)) for score in test.scores}
        row["best_classical"] = best
        row["against_best"] = {
            s: _numbers(test.difference(tests[best], s)) for s in ("wql", "lead_wql") if s in test.scores
        }
        if "seasonal naive" in tests:
            row["against_seasonal_naive"] = _numbers(test.difference(tests["seasonal naive"], "wql"))
    return rows


def _numbers(interval: Any) -> list[float]:
    """Mean and the ends of its interval."""
    return [float(interval.mean), *map(float, interval.ci95)]


def run(config: Config, show: Any = lambda line: print(line, flush=True)) -> list[dict[str, Any]]:
    """All rows, written to ``config.out`` after each panel."""
    if config.peers and importlib.util.find_spec("statsforecast") is None:
        raise ValueError("peers needs statsforecast, which is not installed: pip install 'jaxinv[forecast-peers]'")
    began = time.perf_counter()
    panels = {
        forecasters.name_of(demand): forecasters.read(demand, config.columns, config.max_series)
        for demand in config.demand
    }
    rows: list[dict[str, Any]] = []
    for name, panel in panels.items():
        others = [other for each, other in panels.items() if each != name]
        rows += of_panel(config, name, panel, others, show)
        output.write(config, output.machine() | {"rows": rows, "wall_seconds": time.perf_counter() - began})
        (config.out / "forecasting.md").write_text(markdown(rows))
        (config.out / "forecasting.json").write_text(json.dumps(rows, indent=1) + "\n")
    show(markdown(rows))
    return rows


def main() -> None:
    command.launch(PRESETS, __doc__, run)


if __name__ == "__main__":
    main()
