"""From a panel to a process that could have generated it: to train on when history is short."""

import dataclasses

import jax
import numpy as np
from jax.scipy.special import gammaln

from jaxinv.data.panel import DemandPanel
from jaxinv.demand import Intermittent, Modulated, NegativeBinomial, Promotion, Trace, Weekly

FAMILIES = ("poisson", "negative binomial", "intermittent")
_PRIOR_UNITS = 50.0  # how many units of sales the pooled weekday profile and lift are worth against a series' own
_DISPERSIONS = np.concatenate([[0.0], np.geomspace(0.01, 20.0, 40)])  # that are tried
_CALENDAR_DAYS = 3 * 365  # the promotion calendar is repeated to cover so many


@dataclasses.dataclass(frozen=True, eq=False)
class FittedDemand:
    """A generating process per series, all [L, K] unless said otherwise."""

    process: Modulated  # to simulate; its calendar is that of the panel, repeated
    family: np.ndarray  # str, one of FAMILIES
    level: np.ndarray  # units per period, an average weekday without promotion
    profile: np.ndarray  # [7, L, K] factor of each weekday, Monday first
    lift: np.ndarray  # factor of a promotion; 1 where there was none
    dispersion: np.ndarray  # (variance - mean) / mean^2 of what the calendar leaves unexplained
    locations: tuple[str, ...]
    skus: tuple[str, ...]

    def expected(self, panel: DemandPanel) -> np.ndarray:
        """Mean demand [T, L, K] on the dates of another panel of the same series, by its calendar."""
        mean = self.level * (self.profile[_weekday(panel)] if panel.period == "day" else 1.0)
        return mean if panel.promotion is None else mean * np.where(panel.promotion, self.lift, 1.0)

    def replay(self, panel: DemandPanel, *, announced: int = 7) -> Trace:
        """The demand of a panel as it was, with the forecast this fit makes of its dates: nothing in it is known
        before the day but the calendar. Episodes begin on the first date."""
        if (panel.locations, panel.skus) != (self.locations, self.skus):
            raise ValueError("the panel to replay must hold the locations and SKUs that were fitted, in their order")
        promotions = None if panel.promotion is None else panel.promotion.astype(np.float32)
        return Trace(
            quantity=panel.quantity,  # type: ignore[arg-type]
            start_day=panel.start_day,  # type: ignore[arg-type]
            expected=self.expected(panel),  # type: ignore[arg-type]
            promotions=promotions,  # type: ignore[arg-type]
            announced=announced,  # type: ignore[arg-type]
        )


def fit_demand(panel: DemandPanel, *, announced: int = 7) -> FittedDemand:
    """Estimate a generating process for every series of a panel, from the periods in which it was available.

    Sales are taken to have the mean level x weekday factor x lift. Weekday factors and lifts are posterior means
    under gamma priors centred on those of the location (of the whole panel for lifts), worth ``_PRIOR_UNITS`` units
    of sales, so that thin series borrow from the others. Around that mean a series is Poisson, negative binomial or
    intermittent, whichever has the best Bayesian information criterion (Schwarz 1978).

    Returns a process for simulation with promotions known ``announced`` periods ahead. Raises ``ValueError`` if
    a series was never available.
    """
    seen = panel.available if panel.available is not None else np.ones(panel.quantity.shape, bool)
    if not seen.any(0).all():
        at = np.argwhere(~seen.any(0))[0]
        raise ValueError(f"fit_demand: {panel.skus[at[1]]!r} at {panel.locations[at[0]]!r} was never available")
    sales = np.where(seen, panel.quantity, 0.0).astype(np.float64)
    promoted = np.zeros(seen.shape, bool) if panel.promotion is None else panel.promotion
    profile, lift, level = _calendar(sales, seen, promoted, _weekday(panel) if panel.period == "day" else None)

    shape = profile[_weekday(panel)] if panel.period == "day" else np.ones(sales.shape)
    factor = shape * np.where(promoted, lift, 1.0)
    family, probability, size, dispersion, minimum = _choose_family(sales, seen, level, factor)
    base = Intermittent(
        probability=probability,
        size=NegativeBinomial(size, dispersion),  # type: ignore[arg-type]
        minimum=minimum,
    )
    modifiers: list = [Weekly(profile)] if panel.period == "day" else []  # type: ignore[arg-type]
    if promoted.any():
        whole = len(promoted) // 7 * 7 if panel.period == "day" and len(promoted) >= 7 else len(promoted)
        calendar = np.concatenate([promoted[:whole]] * (_CALENDAR_DAYS // whole + 2))
        modifiers.append(
            Promotion(calendar=calendar, lift=lift, start_day=panel.start_day, announced=announced)  # type: ignore[arg-type]
        )
    process = Modulated(
        base=base,
        modifiers=tuple(modifiers),
        first_day=panel.start_day,  # type: ignore[arg-type]
        span=len(panel.dates),  # type: ignore[arg-type]
    )
    variance = (np.where(seen, (sales - level * factor) ** 2 - level * factor, 0.0)).sum(0)
    spread = variance / np.maximum(np.where(seen, (level * factor) ** 2, 0.0).sum(0), 1e-9)
    return FittedDemand(process, family, level, profile, lift, np.maximum(spread, 0.0), panel.locations, panel.skus)


def _weekday(panel: DemandPanel) -> np.ndarray:
    return (panel.start_day + np.arange(len(panel.dates))) % 7


def _calendar(
    sales: np.ndarray, seen: np.ndarray, promoted: np.ndarray, weekday: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(profile [7, L, K], lift [L, K], level [L, K]), each given the others, repeated until they settle."""
    cells = sales.shape[1:]
    profile, lift = np.ones((7, *cells)), np.ones(cells)
    by_day = None if weekday is None else np.eye(7)[weekday]  # [T, 7]
    days = np.ones((len(sales), 7)) / 7 if by_day is None else by_day
    level = np.zeros(cells)
    for _ in range(10):
        shape = np.tensordot(days, profile, 1) if by_day is not None else np.ones(sales.shape)
        promotion = np.where(promoted, lift, 1.0)
        level = sales.sum(0) / np.maximum(np.where(seen, shape * promotion, 0.0).sum(0), 1e-9)
        if by_day is not None:
            sold = np.tensordot(by_day.T, sales, 1)  # [7, L, K]
            usual = np.tensordot(by_day.T, np.where(seen, level * promotion, 0.0), 1)
            pooled = (sold.sum(2) + 1e-9) / (usual.sum(2) + 1e-9)  # [7, L]
            profile = (_PRIOR_UNITS * pooled[:, :, None] + sold) / (_PRIOR_UNITS + usual)
            profile /= profile.mean(0)
        if promoted.any():
            usual = np.where(seen & promoted, level * shape, 0.0).sum(0)
            sold = np.where(promoted, sales, 0.0).sum(0)
            lift = (_PRIOR_UNITS * sold.sum() / max(usual.sum(), 1e-9) + sold) / (_PRIOR_UNITS + usual)
            lift = np.where(promoted.any(0), lift, 1.0)
    return profile, lift, level


def _choose_family(sales: np.ndarray, seen: np.ndarray, level: np.ndarray, factor: np.ndarray) -> tuple:
    """(family, probability, size, dispersion, minimum), all [L, K], of an ``Intermittent`` process that covers the
    three families: a plain count has probability 1 and minimum 0."""
    periods = seen.sum(0)
    mean = np.maximum(level * factor, 1e-9)
    plain = np.stack([np.where(seen, _log_probability(sales, mean, a), 0.0).sum(0) for a in _DISPERSIONS])
    counted = np.argmax(plain, 0)

    # Intermittent: whether there is demand at all, then how much beyond one unit.
    sold = seen & (sales > 0)
    times = sold.sum(0)
    probability = np.clip(times / periods, 1e-4, 1.0)
    size = np.maximum(np.where(sold, sales - 1, 0.0).sum(0) / np.maximum(times, 1), 1e-3)
    chance = np.clip(probability * factor / np.where(seen, factor, 0.0).sum(0) * periods, 1e-4, 1 - 1e-4)
    whether = np.where(seen, np.where(sold, np.log(chance), np.log1p(-chance)), 0.0).sum(0)
    sizes = np.stack([np.where(sold, _log_probability(sales - 1, size, a), 0.0).sum(0) for a in _DISPERSIONS])
    sized = np.argmax(sizes, 0)

    penalty = 0.5 * np.log(periods)
    score = np.stack([plain[0] - penalty, plain.max(0) - 2 * penalty, whether + sizes.max(0) - 3 * penalty])
    best = np.argmax(score, 0)
    intermittent = best == 2
    return (
        np.array(FAMILIES)[best],
        np.where(intermittent, probability, 1.0),
        np.where(intermittent, size, level),
        np.where(intermittent, _DISPERSIONS[sized], np.where(best == 1, _DISPERSIONS[counted], 0.0)),
        np.where(intermittent, 1.0, 0.0),
    )


def _log_probability(count: np.ndarray, mean: np.ndarray, dispersion: float) -> np.ndarray:
    """Log probability of negative binomial counts (Poisson at dispersion 0); counts below 0 are not looked at."""
    count = np.maximum(count, 0.0)
    log_gamma = jax.jit(gammaln)
    if dispersion == 0.0:
        return count * np.log(mean) - mean - np.asarray(log_gamma(count + 1.0), np.float64)
    r = 1.0 / dispersion
    combinations = np.asarray(log_gamma(count + r) - log_gamma(count + 1.0), np.float64) - float(log_gamma(r))
    return (
        combinations - r * np.log1p(dispersion * mean) + count * np.log(mean * dispersion / (1.0 + dispersion * mean))
    )
