"""Probabilistic forecasts of demand, and how good they are."""

from jaxinv.forecast.backtest import SCORES, Backtest, backtest
from jaxinv.forecast.base import Fitted, Forecast, Forecaster, RollingForecast
from jaxinv.forecast.intermittent import SBA, TSB, Croston
from jaxinv.forecast.smoothing import (
    ExponentialSmoothing,
    HoltWinters,
    MovingAverage,
    Naive,
    SeasonalNaive,
    WeekdayQuantile,
)

__all__ = [
    "SBA",
    "SCORES",
    "TSB",
    "Backtest",
    "Croston",
    "ExponentialSmoothing",
    "Fitted",
    "Forecast",
    "Forecaster",
    "HoltWinters",
    "MovingAverage",
    "Naive",
    "RollingForecast",
    "SeasonalNaive",
    "WeekdayQuantile",
    "backtest",
]
