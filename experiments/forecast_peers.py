"""statsforecast's AutoETS, CrostonSBA and SeasonalNaive at the dates of a backtest, fitted anew at each as that package
does. It needs the extra ``forecast-peers``."""

import time
from typing import Any

import numpy as np


def long(panel: Any) -> Any:
    """A data frame with a row per series and period, of the series that were ever on sale; 0 where they were not."""
    import pandas as pd

    quantity = panel.quantity.reshape(len(panel.dates), -1)
    kept = np.flatnonzero(panel.available.reshape(quantity.shape).any(0))
    return pd.DataFrame({
        "unique_id": np.repeat(kept, len(quantity)),
        "ds": np.tile(panel.dates.astype("datetime64[ns]"), len(kept)),
        "y": quantity[:, kept].T.reshape(-1).astype(float),
    })  # fmt: skip


def models(season: int, horizon: int) -> list[Any]:
    from statsforecast.models import AutoETS, CrostonSBA, SeasonalNaive  # type: ignore[reportMissingImports]
    from statsforecast.utils import ConformalIntervals  # type: ignore[reportMissingImports]

    intervals = ConformalIntervals(h=horizon, n_windows=4)  # Croston's method has no intervals of its own
    return [
        AutoETS(season_length=season), CrostonSBA(prediction_intervals=intervals), SeasonalNaive(season_length=season),
    ]  # fmt: skip


def frequency(panel: Any) -> str:
    return "D" if panel.period == "day" else f"W-{panel.dates[0].item():%a}".upper()


def seconds_to_fit(panel: Any, season: int, horizon: int) -> dict[str, float]:
    """Of all series, by one process, each model after it ran once."""
    from statsforecast import StatsForecast  # type: ignore[reportMissingImports]

    frame, found = long(panel), {}
    for model in models(season, horizon):
        for _ in range(2):
            began = time.perf_counter()
            StatsForecast(models=[model], freq=frequency(panel)).fit(frame)
            found[f"statsforecast {model}"] = time.perf_counter() - began
    return found


def backtests(panel: Any, horizon: int, first: int, every: int) -> dict[str, tuple[Any, float]]:
    """For each model a backtest without lead-time demand and without WRMSSE, and the seconds to fit it once to the
    first ``first`` periods of all series."""
    from statsforecast import StatsForecast  # type: ignore[reportMissingImports]

    season = 7 if panel.period == "day" else 52
    origins = np.arange(first, len(panel.dates) - horizon + 1, every)
    used = panel.between(end=panel.dates[origins[-1] + horizon - 1] + np.timedelta64(1, "D"))
    seconds = seconds_to_fit(panel.between(end=panel.dates[first]), season, horizon)
    made: Any = StatsForecast(models=models(season, horizon), freq=frequency(panel)).cross_validation(
        df=long(used), h=horizon, n_windows=len(origins), step_size=every, level=[50, 80, 90]
    )
    made = made.sort_values(["unique_id", "cutoff", "ds"])
    found = {}
    for model in models(season, horizon):
        name = str(model)
        columns = [f"{name}-lo-90", f"{name}-lo-80", f"{name}-lo-50", name]
        columns += [f"{name}-hi-50", f"{name}-hi-80", f"{name}-hi-90"]
        quantiles = made[columns].to_numpy().reshape(-1, len(origins), horizon, len(columns))  # [N, O, H, Q]
        test = _backtest(panel, origins, np.moveaxis(quantiles, -1, 0))
        found[f"statsforecast {name}"] = test, seconds[f"statsforecast {name}"]
    return found


def _backtest(panel: Any, origins: np.ndarray, quantiles: np.ndarray) -> Any:
    """Of ``quantiles`` [Q, N, O, H] at the usual levels, the fourth the mean too; none below 0, or where shut."""
    import jax.numpy as jnp

    from jaxinv.forecast import Backtest
    from jaxinv.forecast.base import LEVELS
    from jaxinv.forecast.scores import quantile_loss

    available = panel.available.reshape(len(panel.dates), -1)
    kept = np.flatnonzero(available.any(0))
    rows = origins[:, None] + np.arange(quantiles.shape[-1])  # [O, H]
    opened = np.broadcast_to(panel.available.any(2, keepdims=True), panel.quantity.shape).reshape(available.shape)

    def ahead(array: np.ndarray) -> np.ndarray:
        return np.moveaxis(array[:, kept][rows], 2, 0)  # [N, O, H]

    demand, counted = ahead(panel.quantity.reshape(available.shape)), ahead(available)
    quantiles = np.maximum(np.nan_to_num(quantiles), 0.0) * ahead(opened)
    loss = 2.0 * np.asarray(quantile_loss(jnp.asarray(quantiles), LEVELS, jnp.asarray(demand))).mean(0)
    parts = {
        "loss": loss,
        "demand": demand,
        "covered": (quantiles[0] <= demand) & (demand <= quantiles[-1]),
        "periods": np.ones(demand.shape),
        "error": quantiles[3] - demand,
    }

    def summed(values: np.ndarray) -> Any:
        every = np.zeros((len(origins), available.shape[1]))
        every[:, kept] = (values * counted).sum(2).T
        return jnp.asarray(every, jnp.float32)

    block = -(-quantiles.shape[-1] // int(origins[1] - origins[0])) if len(origins) > 1 else 1
    return Backtest({name: summed(values) for name, values in parts.items()}, block)
