"""Probabilistic forecasts of demand, and how good they are."""

from jaxinv.forecast.backtest import SCORES, Backtest, backtest
from jaxinv.forecast.base import Fitted, Forecast, Forecaster, Pool, RollingForecast
from jaxinv.forecast.intermittent import SBA, TSB, Croston
from jaxinv.forecast.networks import GRU, Convolution, Transformer
from jaxinv.forecast.neural import FittedNeural, Neural
from jaxinv.forecast.smoothing import (
    ExponentialSmoothing,
    HoltWinters,
    MovingAverage,
    Naive,
    SeasonalNaive,
    WeekdayQuantile,
)

__all__ = [
    "GRU",
    "SBA",
    "SCORES",
    "TSB",
    "Backtest",
    "Convolution",
    "Croston",
    "ExponentialSmoothing",
    "Fitted",
    "FittedNeural",
    "Forecast",
    "Forecaster",
    "HoltWinters",
    "MovingAverage",
    "Naive",
    "Neural",
    "Pool",
    "RollingForecast",
    "SeasonalNaive",
    "Transformer",
    "WeekdayQuantile",
    "backtest",
]
