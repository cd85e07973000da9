"""What is found of every series of a panel by itself: its mean by weekday, promotion and price, and its family."""

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxinv.data.panel import DemandPanel
from jaxinv.demand import Intermittent, NegativeBinomial

if TYPE_CHECKING:
    from jaxinv.data.fit import FittedDemand

FAMILIES = ("poisson", "negative binomial", "intermittent")
_DISPERSIONS = np.concatenate([[0.0], np.geomspace(1e-3, 20.0, 99)])  # that are tried, 0 being Poisson
# Of the logarithm of price over the reference: prices in between are alike when means are found.
_PRICE_STEPS = np.array([-0.5, -0.35, -0.25, -0.15, -0.08, -0.03, 0.03, 0.08, 0.15, 0.25, 0.35, 0.5])
_MOST_ELASTIC = 10.0


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What is found of every series by itself, [W, K]; see :class:`FittedDemand`."""

    table: "_Table"
    level: np.ndarray
    profile: np.ndarray  # [D, W, K]
    lift: np.ndarray
    elasticity: np.ndarray
    reference: np.ndarray
    family: np.ndarray
    base: Intermittent  # the process without its calendar

    @classmethod
    def of(cls, panel: DemandPanel, prices: bool) -> "Estimate":
        reference = _reference_price(panel)
        table = _Table.of(panel, log_price_ratio(panel, reference) if prices else None)
        level, profile, lift, elasticity = _mean(table)
        family, base = _choose_family(panel, table, level, table.factor(profile, lift, elasticity))
        return cls(table, level, profile, lift, elasticity, reference, family, base)


@dataclasses.dataclass(frozen=True)
class _Table:
    """What a panel says about means: sums by weekday (one for weeks) and kind of period, [D, n, W, K], over the periods
    that count: available, and not on a weekday on which the location is mostly shut. Kinds are without and with a
    promotion, and of either the steps of the price where that is looked at."""

    promoted: np.ndarray  # [n] bool
    log_price: np.ndarray  # mean; 0 where prices are not looked at
    periods: np.ndarray
    units: np.ndarray
    squares: np.ndarray
    sold: np.ndarray  # periods with any sale
    counted: np.ndarray  # [T, W, K] the periods that count
    shut: np.ndarray  # [D, W, K] weekdays that do not

    def factor(self, profile: np.ndarray, lift: np.ndarray, elasticity: np.ndarray) -> np.ndarray:
        """Mean demand over the level, [D, n, W, K]."""
        by_kind = np.where(self.promoted[:, None, None], lift, 1.0) * np.exp(-elasticity * self.log_price)
        return profile[:, None] * by_kind

    @classmethod
    def of(cls, panel: DemandPanel, log_price: np.ndarray | None) -> "_Table":
        weekday = weekdays(panel)
        of_weekday = [weekday == d for d in range(7 if panel.period == "day" else 1)]
        on_sale = np.stack([panel.available[rows].sum(0) / max(rows.sum(), 1) for rows in of_weekday])
        shut = on_sale < 0.5 * on_sale.max(0)
        shut &= np.array([rows.any() for rows in of_weekday])[:, None, None]
        counted = panel.available & ~shut[weekday]
        quantity = np.where(counted, panel.quantity, 0.0).astype(np.float64)
        promotion = promotions(panel)
        kinds = [counted & ~promotion, counted & promotion]
        promoted = np.array([False, True])
        if log_price is not None:
            step = np.digitize(log_price, _PRICE_STEPS)
            steps = np.unique(step)
            kinds = [kind & (step == s) for kind in kinds for s in steps]
            promoted = promoted.repeat(len(steps))

        def sums(values: np.ndarray) -> np.ndarray:
            of_kind = (np.where(kind, values, 0.0) for kind in kinds)
            return np.stack([np.stack([each[rows].sum(0) for rows in of_weekday]) for each in of_kind], 1)

        periods = sums(np.ones_like(quantity))
        return cls(
            promoted=promoted,
            log_price=np.zeros_like(periods) if log_price is None else divide(sums(log_price), periods),
            periods=periods,
            units=sums(quantity),
            squares=sums(quantity**2),
            sold=sums(quantity > 0),
            counted=counted,
            shut=shut,
        )


def _mean(table: _Table) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(level [W, K], profile [D, W, K], lift [W, K], elasticity [W, K]), each given the others until they settle."""
    periods, units = table.periods, table.units
    profile, lift, level = np.where(table.shut, 0.0, 1.0), np.ones(units.shape[2:]), np.zeros(units.shape[2:])
    elasticity = np.zeros_like(level)
    for _ in range(100):
        before = level
        factor = table.factor(profile, lift, elasticity)
        level = divide(units.sum((0, 1)), (periods * factor).sum((0, 1)))
        # Variance by mean, from what is left unexplained.
        mean = level * factor
        square = divide(table.squares - 2 * mean * units + periods * mean**2, mean).sum((0, 1))
        noise = np.maximum(divide(square, periods.sum((0, 1)) - 1.0), 1e-3)

        usual = (periods * level * table.factor(np.ones_like(profile), lift, elasticity)).sum(1)
        profile = shrunk_ratio(units.sum(1), usual, noise, ((1, 2), (2,), (1,), ())) * ~table.shut
        profile = profile / np.maximum(profile.mean(0), 1e-9)
        usual = (periods * level * table.factor(profile, np.ones_like(lift), elasticity))[:, table.promoted].sum((0, 1))
        lift = shrunk_ratio(units[:, table.promoted].sum((0, 1)), usual, noise, ((0, 1), (0,), ()))
        if table.log_price.any():
            elasticity = _elasticity(table, level * table.factor(profile, lift, elasticity), elasticity, noise)
        if np.allclose(level, before, rtol=1e-6):
            break
    return level, profile, lift, elasticity


def _elasticity(table: _Table, mean: np.ndarray, elasticity: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """A step of Newton towards the most likely elasticities of Poisson demand of ``mean`` [D, n, W, K], with those of
    all series, of the SKU and of the series itself shrunk as in :func:`shrunk_ratio`."""
    expected = table.periods * mean
    cheaper = divide((expected * table.log_price).sum((0, 1)), expected.sum((0, 1))) - table.log_price
    weight = (expected * cheaper**2).sum((0, 1))
    found = ((table.units - expected) * cheaper).sum((0, 1)) + weight * elasticity  # weight times each one's own
    result = np.zeros_like(elasticity)
    for axes in ((0, 1), (0,), ()):
        scale = weight.sum(axes, keepdims=True)
        difference = (found - weight * result).sum(axes, keepdims=True)
        result = result + _shrunk(difference, scale, (noise * weight).sum(axes, keepdims=True))
    return np.clip(result, 0.0, _MOST_ELASTIC)


def shrunk_ratio(observed: np.ndarray, expected: np.ndarray, noise: np.ndarray, poolings: tuple) -> np.ndarray:
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
        ratio = ratio * (1.0 + _shrunk(o - e, e, v))
    return np.maximum(ratio, 1e-3)


def _shrunk(difference: np.ndarray, scale: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Best linear estimates of effects of which ``difference`` is ``scale`` times the effect, and noise."""
    excess = (divide(difference**2, variance) - (variance > 0)).sum()
    spread = max(0.0, excess / max(divide(scale**2, variance).sum(), 1e-9))
    return divide(spread * scale * difference, spread * scale**2 + variance)


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
    chance = divide(sold.sum(1), (periods * flat(factor)).sum(1)).clip(0.0, 0.999)
    size = np.maximum(divide(level.ravel(), chance) - 1.0, 1e-9)
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


def calendar_factor(panel: DemandPanel, fit: "Estimate | FittedDemand") -> np.ndarray:
    """Mean demand over the level, [T, W, K], on the dates of a panel by weekday, promotion and price."""
    factor = fit.profile[weekdays(panel)] * (1.0 + (fit.lift - 1.0) * promotions(panel))
    return factor * np.exp(-fit.elasticity * log_price_ratio(panel, fit.reference)) if fit.elasticity.any() else factor


def log_price_ratio(panel: DemandPanel, reference: np.ndarray) -> np.ndarray:
    """Logarithm of price over ``reference`` [W, K], [T, W, K]; 0 where either is not known."""
    if panel.price is None:
        return np.zeros(panel.quantity.shape)
    known = (panel.price > 0) & (reference > 0)  # NaN is not
    return np.log(np.where(known, panel.price / np.where(reference > 0, reference, 1.0), 1.0))


def _reference_price(panel: DemandPanel) -> np.ndarray:
    """Geometric mean [W, K] of the prices at which series were available; NaN where never known."""
    if panel.price is None:
        return np.full(panel.quantity.shape[1:], np.nan)
    known = panel.available & (panel.price > 0)
    total = np.log(np.where(known, panel.price, 1.0), dtype=np.float64).sum(0)
    return np.where(known.any(0), np.exp(divide(total, known.sum(0))), np.nan)


def weekdays(panel: DemandPanel) -> np.ndarray:
    """0 = Monday, [T]; all 0 for weeks."""
    return (panel.start_day + np.arange(len(panel.dates))) % 7 * (panel.period == "day")


def promotions(panel: DemandPanel) -> np.ndarray:
    """Whether a promotion runs, bool [T, W, K]."""
    return np.zeros(panel.quantity.shape, bool) if panel.promotion is None else panel.promotion


def divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b, and 0 where b is not positive."""
    return np.divide(a, b, out=np.zeros(np.broadcast_shapes(np.shape(a), np.shape(b))), where=b > 0)
