"""From a panel to a process that could have generated it: to train on when history is short."""

import dataclasses
from typing import Any

import jax
import numpy as np

from jaxinv.data.censored import at_least, strata
from jaxinv.data.estimate import (
    FAMILIES,
    Estimate,
    calendar_factor,
    divide,
    log_price_ratio,
    promotions,
    shrunk_ratio,
    weekdays,
)
from jaxinv.data.panel import DemandPanel
from jaxinv.demand import CommonFactor, Modulated, NegativeBinomial, Promotion, Trace, Weekly
from jaxinv.demand.price import PriceCalendar

# Levels are taken to last for a month.
_DRIFT_PERSISTENCE = {"day": np.exp(-1 / 30), "week": np.exp(-7 / 30), "month": np.exp(-1.0)}
_COMPLETIONS = 50  # of stock-outs, at most
_CALENDAR_DAYS = 3 * 365  # beyond its own length for which a calendar of promotions or prices is repeated


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class FittedDemand:
    """A generating process for every series of a panel; arrays [W, K] unless said otherwise."""

    process: Modulated  # to simulate: episodes begin on any day of the panel, whose promotions and prices are repeated
    family: np.ndarray  # str, one of FAMILIES
    level: np.ndarray  # units per period, in the mean over a week without promotions, at the reference price
    profile: np.ndarray  # [7, W, K] factor of each weekday, Monday first, with mean 1; all 1 for weeks
    lift: np.ndarray  # factor of a promotion
    promoted: np.ndarray  # share of periods with a promotion
    elasticity: np.ndarray  # demand goes with price to the power of minus this; 0 where prices were not fitted
    reference: np.ndarray  # geometric mean of the prices; NaN where never known
    priced: np.ndarray  # mean factor of the prices
    dispersion: np.ndarray  # (variance - mean) / mean^2 at the level
    shock: np.ndarray  # [W] standard deviation of a factor that the SKUs of a location share in each period
    drift: float  # standard deviation of a factor that a SKU has in all locations, for about a month
    locations: tuple[str, ...]
    skus: tuple[str, ...]

    def __repr__(self) -> str:
        counts = ", ".join(f"{np.sum(self.family == family)} {family}" for family in FAMILIES)
        return f"FittedDemand({len(self.locations)} locations x {len(self.skus)} SKUs: {counts})"

    def summary(self, limit: int = 20) -> str:
        """A table with a line per series, of the ``limit`` largest."""
        lines = [
            f"{'location':16} {'SKU':28} {'family':17} {'level':>9} {'lift':>5} {'elasticity':>10} {'dispersion':>10}"
        ]
        for w, k in zip(*np.unravel_index(np.argsort(-self.level, None)[:limit], self.level.shape), strict=True):
            lines.append(
                f"{self.locations[w][:16]:16} {self.skus[k][:28]:28} {self.family[w, k]:17} {self.level[w, k]:9.2f} "
                f"{self.lift[w, k]:5.2f} {self.elasticity[w, k]:10.2f} {self.dispersion[w, k]:10.2f}"
            )
        return "\n".join(lines)

    def expected(self, panel: DemandPanel, *, announced: bool = True) -> np.ndarray:
        """Mean demand [T, W, K] of the same series on the dates of another panel, from its calendar alone: weekdays,
        days on which a location is shut, promotions and prices, or where those are not ``announced`` what they are on
        average."""
        self._check(panel)
        factor = calendar_factor(panel, self)
        if not announced:
            factor = self.profile[weekdays(panel)] * (1.0 + (self.lift - 1.0) * self.promoted) * self.priced
        return self.level * factor * panel.available.any(2, keepdims=True)

    def on_dates(self, panel: DemandPanel, *, announced: int = 7) -> Modulated:
        """The process of the same series on the dates of another panel, with its promotions and prices: episodes begin
        on the first of them. The days on which a location is shut there are not known to it."""
        self._check(panel)
        kept = [m for m in self.process.modifiers if not isinstance(m, Promotion | PriceCalendar)]
        return dataclasses.replace(
            self.process,
            modifiers=(*kept, *_schedules(panel, self, announced, repeated=False)),
            first_day=np.int32(panel.start_day),  # type: ignore[arg-type]
            span=np.int32(1),  # type: ignore[arg-type]
        )

    def replay(self, panel: DemandPanel, *, announced: int = 7) -> Trace:
        """The demand of a panel as it was, with the forecast that this fit makes of its dates. Promotions are known
        ``announced`` days ahead, -1 for never; the forecast takes them into account at any distance, so forecast no
        further than that. Episodes begin on the first date; ``replace`` ``first`` and ``last`` for others."""
        promotions = None if panel.promotion is None else panel.promotion.astype(np.float32)
        return Trace(
            quantity=panel.quantity,  # type: ignore[arg-type]
            start_day=panel.start_day,  # type: ignore[arg-type]
            expected=self.expected(panel, announced=announced >= 0),  # type: ignore[arg-type]
            promotions=promotions,  # type: ignore[arg-type]
            announced=announced,  # type: ignore[arg-type]
        )

    def _check(self, panel: DemandPanel) -> None:
        if (panel.locations, panel.skus) != (self.locations, self.skus):
            raise ValueError("a fit can tell of the locations and SKUs that were fitted only, in their order")


def fit_demand(
    panel: DemandPanel, *, announced: int = 7, prices: bool = False, recent: int | None = None
) -> FittedDemand:
    """Estimate a generating process for every series of a panel, from the periods in which it was available.

    The mean is level x weekday factor x lift of a promotion. Weekday factors are those of all series, of the location,
    of the SKU and of the series itself, one on top of the other, and lifts those of all, of the SKU and of the series;
    each is shrunk to the one before by as much as their differences are noise (empirical Bayes, :func:`.shrunk_ratio`).
    Weekdays on which a location is mostly shut have no demand. Around the mean a series is Poisson, negative binomial
    or intermittent, whichever has the best Bayesian information criterion (Schwarz 1978, Annals of Statistics 6(2));
    this, and not the mean, is found from quantities rounded to whole units.

    Two hidden factors (``CommonFactor``) account for what series have in common: shocks that the SKUs of a location
    share in a period, and the drift of each SKU's level in all locations. Their variances are found by moments,
    :func:`_common_variances`, and taken out of the dispersion of each series.

    With ``prices``, demand also goes with price over its mean to the power of minus an elasticity, in 0..10, estimated
    as lifts are. It is what is seen: a price that follows demand, or is the mean of what was paid where large orders
    are cheaper, makes it wrong.

    Levels are those of all dates or, where told, of the ``recent`` last periods, which the process then goes on from:
    how these differ is shrunk like weekday factors, and all else is found from all dates.

    Where the panel ``stocked_out``, sales are the least that demand can have been (the problem: Nahmias 1994, Naval
    Research Logistics 41(6)). They are completed by draws from the fitted law given that least, which is then fitted
    again, until levels settle (Monte Carlo EM: Wei and Tanner 1990, Journal of the American Statistical Association
    85(411)). A series that stocked out in every period has no upper bound, and is fitted to its sales.

    The process is an ``Intermittent`` one over negative binomial sizes, which covers all three, with promotions and
    prices known ``announced`` periods ahead. A series that was never available, or never sold, has level 0.

    Raises ``ValueError`` for ``prices`` of a panel without them, and for more ``recent`` periods than there are.
    """
    if recent is not None and not 1 <= recent <= len(panel.dates):
        raise ValueError(f"fit_demand: recent must be in 1..{len(panel.dates)} periods, got {recent}")
    if prices and panel.price is None:
        raise ValueError("fit_demand: prices is True, but the panel has none")
    panel, found = _fit_completed(panel, prices)
    shock, drift = _common_variances(panel, found)
    if recent is not None:
        found = _at_recent_level(panel, found, recent)
    level, base, family = found.level, found.base, found.family
    mean, variance = np.asarray(base.mean(), float), np.asarray(base.variance(), float)
    dispersion = np.maximum(variance - mean, 0.0) / np.maximum(mean, 1e-9) ** 2

    modifiers: list[Any] = [Weekly(found.profile)] if panel.period == "day" else []  # type: ignore[arg-type]
    modifiers += _schedules(panel, found, announced, repeated=True)
    if shock.any():
        modifiers.append(CommonFactor(np.sqrt(shock)[:, None]))  # type: ignore[arg-type]
    if drift:
        deviation = np.full((1, len(panel.skus)), np.sqrt(drift))
        modifiers.append(CommonFactor(deviation, _DRIFT_PERSISTENCE[panel.period]))  # type: ignore[arg-type]
    common = ((1.0 + shock) * (1.0 + drift) - 1.0)[:, None]
    own = np.asarray(base.size.dispersion)
    # An intermittent series is scaled by how often it sells, so that its lots are as they were.
    own = np.where(family == FAMILIES[2], own, np.maximum(own - common, 0.0) / (1.0 + common))
    base = dataclasses.replace(base, size=NegativeBinomial(base.size.mean(), own))  # type: ignore[arg-type]
    process = Modulated(
        base=base,
        modifiers=tuple(modifiers),
        first_day=panel.start_day,  # type: ignore[arg-type]
        span=len(panel.dates),  # type: ignore[arg-type]
    )
    return FittedDemand(
        process=process,
        family=family,
        level=level,
        profile=np.broadcast_to(found.profile, (7, *level.shape)),
        lift=found.lift,
        promoted=promotions(panel).mean(0),
        elasticity=found.elasticity,
        reference=found.reference,
        priced=np.exp(-found.elasticity * log_price_ratio(panel, found.reference)).mean(0),
        dispersion=dispersion,
        shock=np.sqrt(shock),
        drift=float(np.sqrt(drift)),
        locations=panel.locations,
        skus=panel.skus,
    )


def _schedules(
    panel: DemandPanel, fit: "Estimate | FittedDemand", announced: int, *, repeated: bool
) -> list[Promotion | PriceCalendar]:
    """What was planned on the dates of a panel, as modifiers."""

    def calendar(array: np.ndarray) -> np.ndarray:
        # Whole weeks, so that promotions stay on their weekdays.
        whole = len(panel.dates) // 7 * 7 or len(panel.dates)
        return np.concatenate([array[:whole]] * (_CALENDAR_DAYS // whole + 2)) if repeated else array

    known: dict[str, Any] = {"start_day": panel.start_day, "announced": announced}
    schedules: list[Promotion | PriceCalendar] = []
    if panel.promotion is not None and panel.promotion.any():
        schedules.append(Promotion(calendar=calendar(panel.promotion), lift=fit.lift, **known))  # type: ignore[arg-type]
    if fit.elasticity.any():
        log_price = calendar(log_price_ratio(panel, fit.reference))
        schedules.append(PriceCalendar(log_price=log_price, elasticity=fit.elasticity, **known))  # type: ignore[arg-type]
    return schedules


def _fit_completed(panel: DemandPanel, prices: bool) -> tuple[DemandPanel, Estimate]:
    """The panel with what demand may have been where it stocked out, and what is found from that."""
    found = Estimate.of(panel, prices)
    if panel.stocked_out is None:
        return panel, found
    counted = found.table.counted
    censored = panel.stocked_out & counted & (counted & ~panel.stocked_out).any(0)
    if not censored.any():
        return panel, found
    _, w, k = np.nonzero(censored)
    least, u = np.ceil(panel.quantity[censored].astype(float)), strata(censored)[censored]
    completed = panel
    for _ in range(_COMPLETIONS):
        law = jax.tree.map(lambda leaf: np.broadcast_to(leaf, censored.shape[1:])[w, k], found.base)
        quantity = panel.quantity.copy()
        quantity[censored] = at_least(law.scaled(calendar_factor(panel, found)[censored]), least, u)
        completed = dataclasses.replace(panel, quantity=quantity)
        before, found = found, Estimate.of(completed, prices)
        if np.allclose(found.level, before.level, rtol=1e-3):
            break
    return completed, found


def _at_recent_level(panel: DemandPanel, found: Estimate, recent: int) -> Estimate:
    """With the levels of the last periods: by how much they differ from those of all, of all series, of the location,
    of the SKU and of the series itself."""
    rows = slice(len(panel.dates) - recent, None)
    counted = found.table.counted[rows]
    observed = np.where(counted, panel.quantity[rows], 0.0).sum(0, dtype=np.float64)
    expected = found.level * np.where(counted, calendar_factor(panel, found)[rows], 0.0).sum(0)
    noise = divide(np.asarray(found.base.variance(), float), found.level)  # variance over mean
    ratio = shrunk_ratio(observed, expected, noise, ((0, 1), (1,), (0,), ()))
    return dataclasses.replace(found, level=found.level * ratio, base=found.base.scaled(ratio))  # type: ignore[arg-type]


def _common_variances(panel: DemandPanel, found: Estimate) -> tuple[np.ndarray, float]:
    """Variances of two factors of mean 1: [W] of one that the series of a location share in a period, and of one that
    a SKU has everywhere and that fades by ``_DRIFT_PERSISTENCE``.

    By moments: the product of the errors of two observations has as its expected value the product of their means
    times the covariance of what they have in common. The first is that of different series of a location in the same
    period, the second that of a SKU one to four weeks apart. 0 where less than two standard errors are found.
    """
    counted = found.table.counted
    mean = np.where(counted, found.level * calendar_factor(panel, found), 0.0)
    error = np.where(counted, panel.quantity, 0.0) - mean

    def variance(of_errors: np.ndarray, of_means: np.ndarray) -> np.ndarray:  # summed over the first axis
        found = of_errors.sum(0)
        return np.where(found > 2.0 * np.sqrt((of_errors**2).sum(0)), divide(found, of_means.sum(0)), 0.0)

    def pairs(x: np.ndarray) -> np.ndarray:  # of different series of a location, [T, W]
        return x.sum(2) ** 2 - (x**2).sum(2)

    week = 7 if panel.period == "day" else 1
    lags = [lag for lag in range(week, 4 * week + 1) if lag < len(error)]

    def lagged(x: np.ndarray, persistence: float) -> np.ndarray:  # by the earlier period, [T]
        total = x.sum(1)
        products = np.zeros(len(x))
        for lag in lags:
            products[:-lag] += persistence**lag * (total[:-lag] * total[lag:]).sum(1)
        return products

    drift = variance(lagged(error, 1.0), lagged(mean, _DRIFT_PERSISTENCE[panel.period]))
    return variance(pairs(error), pairs(mean)), float(drift)
