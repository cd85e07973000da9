"""Does a fitted generator make the demand that was seen later? What matters to stock, on dates that were not fitted."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence

import jax
import numpy as np

from jaxinv.data.estimate import weekdays
from jaxinv.data.fit import FittedDemand
from jaxinv.data.panel import DemandPanel
from jaxinv.demand import Demand

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_BAND = (0.05, 0.95)  # of paths


@dataclasses.dataclass(frozen=True)
class Compared:
    """A statistic of generated and of held-out demand."""

    statistic: str
    generated: float  # mean over paths
    held_out: float
    tolerance: float
    relative: bool  # whether the tolerance is a share of what was held out
    usual: bool  # whether what was held out is where nine of ten generated paths are

    @property
    def error(self) -> float:
        difference = self.generated - self.held_out
        return difference / self.held_out if self.relative else difference

    @property
    def within(self) -> bool:
        return abs(self.error) <= self.tolerance


def held_out_report(
    fit: FittedDemand,
    panel: DemandPanel,
    *,
    lead_times: Sequence[int] = (1, 7, 14),
    levels: Sequence[float] = (0.5, 0.9, 0.95),
    paths: int = 200,
    seed: int = 0,
) -> tuple[Compared, ...]:
    """Statistics of a panel of dates that were not fitted beside those of ``paths`` of the fitted process on the same
    dates, with their promotions and, where they were fitted, prices.

    Over the periods in which a series is available: the mean of all series together (tolerance 10 %), the median over
    series of variance over mean (20 %), the mean share of zeros (0.03) and, of days, the factor of each weekday (0.1).
    Of the demand of ``lead_times`` periods in a row, each quantile of a series, summed over series (10 %), and the
    coverage: in what share of windows demand was not above the quantile that the paths have in this window (0.03).
    Generated coverage is what the paths themselves have, which is above the level where demand is of few values.

    Generated demand is 0, as that of the panel, where a series was not available. Periods in which stock ran out are
    left out of both, so that held-out demand appears lower than it was.

    Raises ``ValueError`` for other series than those that were fitted, for too few periods or paths, and where nothing
    was sold.
    """
    longest = max(lead_times)
    if not 1 <= min(lead_times) <= longest <= len(panel.dates):
        raise ValueError(f"held_out_report: lead_times must be in 1..{len(panel.dates)} periods, got {lead_times}")
    if not all(0.0 < level < 1.0 for level in levels):
        raise ValueError(f"held_out_report: levels must be in (0, 1), got {levels}")
    if paths < 20:
        raise ValueError(f"held_out_report: paths must be at least 20, got {paths}")
    counted = panel.available if panel.stocked_out is None else panel.available & ~panel.stocked_out
    if not panel.quantity[counted].any():
        raise ValueError("held_out_report: nothing was sold on the dates of the panel")
    keys = jax.random.split(jax.random.key(seed), paths)
    generated = _sample(fit.on_dates(panel), keys, len(panel.dates))
    # One demand [1 + paths, T, series], what was held out first.
    demand = np.where(counted, np.concatenate([panel.quantity[None], generated]), 0.0)
    demand, counted = demand.reshape(*demand.shape[:2], -1), counted.reshape(len(counted), -1)
    sold = counted.any(0)
    return tuple(_statistics(panel, demand[:, :, sold], counted[:, sold], lead_times, levels))


@functools.partial(jax.jit, static_argnums=2)
def _sample(process: Demand, keys: jax.Array, length: int) -> jax.Array:
    return jax.vmap(lambda key: process.sample(key, length)[0])(keys)


def _statistics(
    panel: DemandPanel, demand: np.ndarray, counted: np.ndarray, lead_times: Sequence[int], levels: Sequence[float]
) -> Iterator[Compared]:
    periods = counted.sum(0)
    mean = demand.sum(1) / periods  # [1 + paths, series]
    variance = (demand**2).sum(1) / periods - mean**2
    yield _compared("mean", mean.sum(1), 0.1, relative=True)
    ratio = np.divide(variance, mean, out=np.full_like(mean, np.nan), where=mean > 0)
    yield _compared("variance / mean", np.nanmedian(ratio, 1), 0.2, relative=True)
    yield _compared("share of zeros", (((demand == 0) & counted).sum(1) / periods).mean(1), 0.03)
    if panel.period == "day":
        weekday = weekdays(panel)
        for day, name in enumerate(_WEEKDAYS):
            rows = weekday == day
            usual = (mean * counted[rows].sum(0)).sum(1)
            yield _compared(name, demand[:, rows].sum((1, 2)) / np.maximum(usual, 1e-9), 0.1)
    ends = np.cumsum(np.pad(demand, ((0, 0), (1, 0), (0, 0))), 1, dtype=np.float64)
    open_ends = np.cumsum(np.pad(counted, ((1, 0), (0, 0))), 0)
    for lead in lead_times:
        total = ends[:, lead:] - ends[:, :-lead]  # [1 + paths, windows, series]
        opened = open_ends[lead:] > open_ends[:-lead]  # windows with any period that counts
        for level in levels:
            yield _compared(f"{lead}: quantile {level:g}", np.quantile(total, level, 1).sum(1), 0.1, relative=True)
        for level in levels:
            bound = np.quantile(total[1:], level, 0, method="inverted_cdf")
            covered = ((total <= bound) & opened).sum(1) / opened.sum(0)
            yield _compared(f"{lead}: coverage of {level:g}", covered.mean(1), 0.03)


def _compared(statistic: str, values: np.ndarray, tolerance: float, *, relative: bool = False) -> Compared:
    """Of a statistic [1 + paths], what was held out first."""
    low, high = np.quantile(values[1:], _BAND)
    held_out = float(values[0])
    return Compared(statistic, float(values[1:].mean()), held_out, tolerance, relative, bool(low <= held_out <= high))
