"""From a panel to a process that could have generated it: to train on when history is short."""

import dataclasses
import math
from typing import Any

import numpy as np

from jaxinv.data.panel import DemandPanel
from jaxinv.demand import CommonFactor, Intermittent, Modulated, NegativeBinomial, Promotion, Trace, Weekly

FAMILIES = ("poisson", "negative binomial", "intermittent")
_DISPERSIONS = np.concatenate([[0.0], np.geomspace(1e-3, 20.0, 99)])  # that are tried, 0 being Poisson
# Levels are taken to last for a month.
_DRIFT_PERSISTENCE = {
    "day": np.exp(-1 / 30),
    "week": np.exp(-7 / 30),
    "month": np.exp(-1.0),
}  # levels are taken to last for a month
_CALENDAR_DAYS = 3 * 365  # beyond its own length for which a calendar of promotions is repeated


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class FittedDemand:
    """A generating process for every series of a panel; arrays [W, K] unless said otherwise."""

    process: Modulated  # to simulate: episodes begin on any day of the panel, whose promotions are repeated
    family: np.ndarray  # str, one of FAMILIES
    level: np.ndarray  # units per period, in the mean over a week without promotions
    profile: np.ndarray  # [7, W, K] factor of each weekday, Monday first, with mean 1; all 1 for weeks
    lift: np.ndarray  # factor of a promotion
    promoted: np.ndarray  # share of periods with a promotion
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
        lines = [f"{'location':16} {'SKU':28} {'family':17} {'level':>9} {'lift':>5} {'dispersion':>10}"]
        for w, k in zip(*np.unravel_index(np.argsort(-self.level, None)[:limit], self.level.shape), strict=True):
            lines.append(
                f"{self.locations[w][:16]:16} {self.skus[k][:28]:28} {self.family[w, k]:17} {self.level[w, k]:9.2f} "
                f"{self.lift[w, k]:5.2f} {self.dispersion[w, k]:10.2f}"
            )
        return "\n".join(lines)

    def expected(self, panel: DemandPanel, *, announced: bool = True) -> np.ndarray:
        """Mean demand [T, W, K] of the same series on the dates of another panel, from its calendar alone: weekdays,
        days on which a location is shut, and promotions, or where they are not ``announced`` their average share."""
        if (panel.locations, panel.skus) != (self.locations, self.skus):
            raise ValueError("a fit can tell of the locations and SKUs that were fitted only, in their order")
        promotion = _promotion(panel) if announced else self.promoted
        mean = _calendar_mean(panel, self.level, self.profile, self.lift, promotion)
        return mean * panel.available.any(2, keepdims=True)

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


def fit_demand(panel: DemandPanel, *, announced: int = 7) -> FittedDemand:
    """Estimate a generating process for every series of a panel, from the periods in which it was available.

    The mean is level x weekday factor x lift of a promotion. Weekday factors are those of all series, of the location,
    of the SKU and of the series itself, one on top of the other, and lifts those of all, of the SKU and of the series;
    each is shrunk to the one before by as much as their differences are noise (empirical Bayes, :func:`_ratio`).
    Weekdays on which a location is mostly shut have no demand. Around the mean a series is Poisson, negative binomial
    or intermittent, whichever has the best Bayesian information criterion (Schwarz 1978, Annals of Statistics 6(2));
    this, and not the mean, is found from quantities rounded to whole units.

    Two hidden factors (``CommonFactor``) account for what series have in common: shocks that the SKUs of a location
    share in a period, and the drift of each SKU's level in all locations. Their variances are found by moments,
    :func:`_common_variances`, and taken out of the dispersion of each series.

    The process is an ``Intermittent`` one over negative binomial sizes, which covers all three, with promotions known
    ``announced`` periods ahead. A series that was never available, or never sold, has level 0.
    """
    table = _Table.of(panel)
    level, profile, lift = _mean(table)
    factor = profile[:, None] * np.stack([np.ones_like(lift), lift])  # [D, 2, W, K]
    family, base = _choose_family(panel, table, level, factor)
    mean, variance = np.asarray(base.mean(), float), np.asarray(base.variance(), float)
    dispersion = np.maximum(variance - mean, 0.0) / np.maximum(mean, 1e-9) ** 2

    promoted = np.zeros(level.shape)
    modifiers: list[Any] = [Weekly(profile)] if panel.period == "day" else []  # type: ignore[arg-type]
    if panel.promotion is not None and panel.promotion.any():
        promoted = panel.promotion.mean(0)
        # Whole weeks, so that promotions stay on their weekdays.
        whole = len(panel.dates) // 7 * 7 or len(panel.dates)
        calendar = np.concatenate([panel.promotion[:whole]] * (_CALENDAR_DAYS // whole + 2))
        modifiers.append(
            Promotion(calendar=calendar, lift=lift, start_day=panel.start_day, announced=announced)  # type: ignore[arg-type]
        )
    shock, drift = _common_variances(panel, table, level, profile, lift)
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
        profile=np.broadcast_to(profile, (7, *level.shape)),
        lift=lift,
        promoted=promoted,
        dispersion=dispersion,
        shock=np.sqrt(shock),
        drift=float(np.sqrt(drift)),
        locations=panel.locations,
        skus=panel.skus,
    )


def _weekday(panel: DemandPanel) -> np.ndarray:
    """0 = Monday, [T]; all 0 for weeks."""
    return (panel.start_day + np.arange(len(panel.dates))) % 7 * (panel.period == "day")


def _promotion(panel: DemandPanel) -> np.ndarray:
    """Whether a promotion runs, bool [T, W, K]."""
    return np.zeros(panel.quantity.shape, bool) if panel.promotion is None else panel.promotion


def _calendar_mean(
    panel: DemandPanel, level: np.ndarray, profile: np.ndarray, lift: np.ndarray, promotion: np.ndarray
) -> np.ndarray:
    """Mean demand [T, W, K] on the dates of a panel by weekday and ``promotion``, or the share of it."""
    return level * profile[_weekday(panel)] * (1.0 + (lift - 1.0) * promotion)


@dataclasses.dataclass(frozen=True)
class _Table:
    """What a panel says about means: sums by weekday (one for weeks) and promotion, [D, 2, W, K], over the periods
    that count: available, and not on a weekday on which the location is mostly shut."""

    periods: np.ndarray
    units: np.ndarray
    squares: np.ndarray
    sold: np.ndarray  # periods with any sale
    counted: np.ndarray  # [T, W, K] the periods that count
    shut: np.ndarray  # [D, W, K] weekdays that do not

    @classmethod
    def of(cls, panel: DemandPanel) -> "_Table":
        weekday, kinds = _weekday(panel), 7 if panel.period == "day" else 1
        of_weekday = [weekday == d for d in range(kinds)]
        on_sale = np.stack([panel.available[rows].sum(0) / max(rows.sum(), 1) for rows in of_weekday])
        shut = on_sale < 0.5 * on_sale.max(0)
        shut &= np.array([rows.any() for rows in of_weekday])[:, None, None]
        counted = panel.available & ~shut[weekday]
        quantity = np.where(counted, panel.quantity, 0.0).astype(np.float64)
        promotion = _promotion(panel)

        def sums(values: np.ndarray) -> np.ndarray:
            kind = [counted & ~promotion, counted & promotion]
            return np.stack([np.stack([(values * k)[rows].sum(0) for k in kind]) for rows in of_weekday])

        return cls(
            periods=sums(np.ones_like(quantity)),
            units=sums(quantity),
            squares=sums(quantity**2),
            sold=sums(quantity > 0),
            counted=counted,
            shut=shut,
        )


def _mean(table: _Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(level [W, K], profile [D, W, K], lift [W, K]), each given the others until they settle."""
    periods, units = table.periods, table.units
    profile, lift, level = np.where(table.shut, 0.0, 1.0), np.ones(units.shape[2:]), np.zeros(units.shape[2:])
    for _ in range(100):
        before = level
        factor = profile[:, None] * np.stack([np.ones_like(lift), lift])
        level = _divide(units.sum((0, 1)), (periods * factor).sum((0, 1)))
        # Variance by mean, from what is left unexplained.
        mean = level * factor
        square = _divide(table.squares - 2 * mean * units + periods * mean**2, mean).sum((0, 1))
        noise = np.maximum(_divide(square, periods.sum((0, 1)) - 1.0), 1e-3)

        usual = (periods * level * np.stack([np.ones_like(lift), lift])).sum(1)
        profile = _ratio(units.sum(1), usual, noise, ((1, 2), (2,), (1,), ())) * ~table.shut
        profile = profile / np.maximum(profile.mean(0), 1e-9)
        usual = (periods[:, 1] * level * profile).sum(0)
        lift = _ratio(units[:, 1].sum(0), usual, noise, ((0, 1), (0,), ()))
        if np.allclose(level, before, rtol=1e-6):
            break
    return level, profile, lift


def _ratio(observed: np.ndarray, expected: np.ndarray, noise: np.ndarray, poolings: tuple) -> np.ndarray:
    """By what factor ``observed`` sums differ from ``expected`` ones, their variance being ``noise`` times the mean.

    A product of factors, of the entries pooled over each of ``poolings`` (axes) in turn. The true factors of a step
    are taken to vary around 1 with a variance estimated from all of them (as DerSimonian and Laird 1986, Controlled
    Clinical Trials 7(3)), and each is given its best linear estimate: near the observed one where that is precise,
    near 1 where it is noise.
    """
    ratio = np.ones(observed.shape)
    for axes in poolings:
        o, e = observed.sum(axes, keepdims=True), (expected * ratio).sum(axes, keepdims=True)
        v = (noise * expected * ratio).sum(axes, keepdims=True)
        spread = max(0.0, (_divide((o - e) ** 2, v) - (v > 0)).sum() / max(_divide(e**2, v).sum(), 1e-9))
        ratio = ratio * (1.0 + _divide(spread * e * (o - e), spread * e**2 + v))
    return np.maximum(ratio, 1e-3)


def _common_variances(
    panel: DemandPanel, table: _Table, level: np.ndarray, profile: np.ndarray, lift: np.ndarray
) -> tuple[np.ndarray, float]:
    """Variances of two factors of mean 1: [W] of one that the series of a location share in a period, and of one that
    a SKU has everywhere and that fades by ``_DRIFT_PERSISTENCE``.

    By moments: the product of the errors of two observations has as its expected value the product of their means
    times the covariance of what they have in common. The first is that of different series of a location in the same
    period, the second that of a SKU one to four weeks apart. 0 where less than two standard errors are found.
    """
    mean = np.where(table.counted, _calendar_mean(panel, level, profile, lift, _promotion(panel)), 0.0)
    error = np.where(table.counted, panel.quantity, 0.0) - mean

    def variance(of_errors: np.ndarray, of_means: np.ndarray) -> np.ndarray:  # summed over the first axis
        found = of_errors.sum(0)
        return np.where(found > 2.0 * np.sqrt((of_errors**2).sum(0)), _divide(found, of_means.sum(0)), 0.0)

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


def _choose_family(
    panel: DemandPanel, table: _Table, level: np.ndarray, factor: np.ndarray
) -> tuple[np.ndarray, Intermittent]:
    """The family of every series and the process without its calendar, at the mean ``level`` x ``factor``."""
    # How often each quantity was sold, [series, quantities].
    values, place = np.unique(np.rint(panel.quantity), return_inverse=True)
    series = np.broadcast_to(np.arange(level.size).reshape(level.shape), panel.quantity.shape)
    cells = (series * len(values) + place.reshape(panel.quantity.shape))[table.counted]
    times = np.bincount(cells, minlength=level.size * len(values)).reshape(level.size, len(values))

    def flat(array: np.ndarray) -> np.ndarray:  # series first
        return array.reshape(-1, level.size).T

    periods, units, sold = flat(table.periods), flat(table.units), flat(table.sold)
    count = _log_likelihoods(times, values, periods, units, flat(level * factor))

    # Intermittent: whether anything is sold, in proportion to the factor; then how much beyond one unit, always alike.
    chance = _divide(sold.sum(1), (periods * flat(factor)).sum(1)).clip(0.0, 0.999)
    size = np.maximum(_divide(level.ravel(), chance) - 1.0, 1e-9)
    often = np.clip(chance[:, None] * flat(factor), 1e-9, 1.0 - 0.5 / np.maximum(periods.sum(1), 1.0)[:, None])
    whether = (sold * np.log(often) + (periods - sold) * np.log1p(-often)).sum(1)
    beyond = (units - sold).sum(1, keepdims=True)
    any_sold = values > 0
    much = _log_likelihoods(
        times[:, any_sold], values[any_sold] - 1.0, sold.sum(1, keepdims=True), beyond, size[:, None]
    )

    penalty = 0.5 * np.log(np.maximum(periods.sum(1), 1.0))  # per parameter
    scores = [count[:, 0] - penalty, count.max(1) - 2 * penalty, whether + much.max(1) - 3 * penalty]
    best = np.argmax(np.stack(scores), 0)
    intermittent = best == 2
    dispersion = np.where(best == 1, _DISPERSIONS[count.argmax(1)], 0.0)
    dispersion = np.where(intermittent, _DISPERSIONS[much.argmax(1)], dispersion)

    def cell(array: np.ndarray) -> Any:
        return array.reshape(level.shape)

    base = Intermittent(
        probability=cell(np.where(intermittent, chance, 1.0)),
        size=NegativeBinomial(cell(np.where(intermittent, size, level.ravel())), cell(dispersion)),
        minimum=cell(np.where(intermittent, 1.0, 0.0)),
    )
    return cell(np.array(FAMILIES)[best]), base


def _log_likelihoods(
    times: np.ndarray, values: np.ndarray, periods: np.ndarray, units: np.ndarray, mean: np.ndarray
) -> np.ndarray:
    """Log likelihood [series, dispersions] of negative binomial counts, ``times`` [series, n] of each of ``values``
    [n]; ``periods`` and ``units`` [series, m] are their number and sum where the mean is ``mean`` [series, m]."""
    lgamma = np.vectorize(math.lgamma, otypes=[float])
    mean, result = np.maximum(mean, 1e-12), []
    for a in _DISPERSIONS:
        if a == 0.0:
            constants, by_mean = np.zeros(len(values)), -periods * mean
        else:
            constants = lgamma(values + 1 / a) - math.lgamma(1 / a) + values * np.log(a)
            by_mean = -(units + periods / a) * np.log1p(a * mean)
        constants -= lgamma(values + 1.0)
        result.append(times @ constants + (units * np.log(mean) + by_mean).sum(1))
    return np.stack(result, 1)


def _divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b, and 0 where b is not positive."""
    return np.divide(a, b, out=np.zeros(np.broadcast_shapes(np.shape(a), np.shape(b))), where=b > 0)
