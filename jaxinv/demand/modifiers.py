"""Demand whose level moves: the calendar, promotions, regimes and shocks.

A :class:`Modulated` process multiplies the mean of a stationary distribution by the factors of its modifiers. Each
modifier says what its factor is now and what it is expected to be, may have a memory of its own, and looks at the
calendar day of ``DemandState`` (0 = Monday 1 January of the year 1). Factors broadcast to [*shape].
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import ndtri

from jaxinv import struct
from jaxinv.demand.base import Demand, DemandState
from jaxinv.demand.distributions import Distribution


class Modifier(struct.Typed):
    """Base of the modifiers: a factor of 1, without memory."""

    num_uniforms: int = 0  # that a period consumes
    num_initial_uniforms: int = 0

    def init(self, u: Array) -> Any:
        return ()

    def advance(self, u: Array, memory: Any) -> Any:
        return memory

    def factor(self, memory: Any, day: Array) -> Array:
        """What the mean is multiplied by on ``day``, the coming one."""
        raise NotImplementedError

    def expected(self, memory: Any, day: Array, ahead: Array | int) -> Array:
        """What is expected now, before ``day``, of the factor ``ahead`` days later."""
        return self.factor(memory, day + ahead)

    def long_run(self) -> Array:
        """Mean factor."""
        raise NotImplementedError

    @property
    def cycle(self) -> int:
        """Periods after which the factor repeats itself (static)."""
        raise NotImplementedError(f"{type(self).__name__} does not repeat itself")

    def promotion(self, day: Array, ahead: Array | int) -> Array:
        """1 where a promotion ``ahead`` days after ``day`` is known on ``day``."""
        return jnp.float32(0)


@struct.dataclass
class Weekly(Modifier):
    """A factor per weekday, Monday first: ``profile`` [7, *shape]."""

    profile: Array = struct.leaf(low=0.0)

    def validate(self):
        if self.profile.shape[:1] != (7,):
            raise ValueError(f"Weekly.profile must have 7 entries, Monday first, got shape {self.profile.shape}")

    @property
    def cycle(self) -> int:
        return 7

    def factor(self, memory: Any, day: Array) -> Array:
        return self.profile[day % 7]

    def long_run(self) -> Array:
        return jnp.mean(self.profile, 0)


@struct.dataclass
class Yearly(Modifier):
    """A factor per part of the year: ``profile`` [n, *shape], n parts of 365.2425 / n days each, the first from 1
    January on (12: about the months, 52: about the weeks). ``period_days`` is the length of a period, 7 for weeks."""

    profile: Array = struct.leaf(low=0.0)
    period_days: Array = struct.leaf(1.0, above=0.0)

    def factor(self, memory: Any, day: Array) -> Array:
        # The Gregorian calendar repeats after 146,097 days; within it float32 is exact enough for a day.
        cycle = (day.astype(jnp.float32) * self.period_days) % 146097.0
        part = (cycle / 365.2425) % 1.0 * self.profile.shape[0]
        return self.profile[jnp.clip(part.astype(jnp.int32), 0, self.profile.shape[0] - 1)]

    def long_run(self) -> Array:
        return jnp.mean(self.profile, 0)


@struct.dataclass
class Trend(Modifier):
    """Exponential growth by ``rate`` [*shape] per period; a factor of 1 on day ``origin``. No long-run mean: 1."""

    rate: Array = struct.leaf(above=-1.0)
    origin: Array = struct.leaf(0, dtype=jnp.int32)

    def factor(self, memory: Any, day: Array) -> Array:
        return jnp.exp(jnp.log1p(self.rate) * (day - self.origin))

    def long_run(self) -> Array:
        return jnp.float32(1)


@struct.dataclass
class Promotion(Modifier):
    """Promotions by a calendar: where ``calendar`` [T, *shape] is 1, from day ``start_day`` on, demand is multiplied
    by ``lift`` [*shape]. No promotions outside the calendar.

    They are known ``announced`` days ahead (0: on the day itself, before its demand); with -1 never. What is not
    known is expected at the calendar's average rate.
    """

    calendar: Array = struct.leaf(low=0.0, high=1.0)
    lift: Array = struct.leaf(low=0.0)
    start_day: Array = struct.leaf(0, dtype=jnp.int32)
    announced: Array = struct.leaf(7, dtype=jnp.int32, low=-1)

    def running(self, day: Array) -> Array:
        """1 where a promotion runs on ``day``."""
        return within_calendar(self.calendar, day - self.start_day)

    def factor(self, memory: Any, day: Array) -> Array:
        return 1.0 + (self.lift - 1.0) * self.running(day)

    def expected(self, memory: Any, day: Array, ahead: Array | int) -> Array:
        return jnp.where(ahead <= self.announced, self.factor(memory, day + ahead), self.long_run())

    def long_run(self) -> Array:
        return 1.0 + (self.lift - 1.0) * jnp.mean(self.calendar, 0)

    def promotion(self, day: Array, ahead: Array | int) -> Array:
        return jnp.where(ahead <= self.announced, self.running(day + ahead), 0.0)


@struct.dataclass
class Regime(Modifier):
    """Markov-modulated demand (Song and Zipkin 1993, Operations Research 41(2)): one regime for all cells, moving by
    ``transition`` [R, R]; regime r multiplies demand by ``factors`` [R, ...]. It starts in its stationary
    distribution."""

    transition: Array = struct.leaf(low=0.0, high=1.0)
    factors: Array = struct.leaf(low=0.0)

    num_uniforms = 1
    num_initial_uniforms = 1

    def validate(self):
        matrix = np.asarray(self.transition)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or np.abs(matrix.sum(1) - 1).max() > 1e-5:
            raise ValueError(f"Regime.transition must be square with rows that sum to 1, got {matrix.tolist()}")
        if self.factors.shape[:1] != matrix.shape[:1]:
            raise ValueError(f"Regime.factors must have {len(matrix)} entries, got shape {self.factors.shape}")

    def stationary(self) -> Array:
        """Share of time in each regime [R] (of a chain that visits all of them)."""
        # Moving every other period on average leaves the shares as they are and makes periodic chains settle.
        settled = (jnp.eye(self.transition.shape[0]) + self.transition) / 2.0
        for _ in range(20):
            settled = jnp.matmul(settled, settled, precision="highest")
            settled = settled / jnp.sum(settled, 1, keepdims=True)  # float32 rows drift from 1 when squared
        return jnp.mean(settled, 0)

    def init(self, u: Array) -> Array:
        return _choose(self.stationary(), u[0])

    def advance(self, u: Array, memory: Array) -> Array:
        return _choose(self.transition[memory], u[0])

    def factor(self, memory: Array, day: Array) -> Array:
        return self.factors[memory]

    def expected(self, memory: Array, day: Array, ahead: Array | int) -> Array:
        return jnp.tensordot(self._after(ahead)[memory], self.factors, 1, precision="highest")

    def long_run(self) -> Array:
        return jnp.tensordot(self.stationary(), self.factors, 1, precision="highest")

    def _after(self, periods: Array | int) -> Array:
        """``transition`` to the power of ``periods`` < 8192, by repeated squaring."""
        result, power = jnp.eye(self.transition.shape[0]), self.transition
        for bit in range(13):
            more = jnp.matmul(result, power, precision="highest")
            result = jnp.where((jnp.asarray(periods) >> bit) & 1, more, result)
            power = jnp.matmul(power, power, precision="highest")
        return result


def shock(probability: float, factor: Any, persistence: float = 0.0) -> Regime:
    """A :class:`Regime` of calm and shock: a shock breaks out with ``probability`` in a calm period, multiplies
    demand by ``factor`` [*shape], and stays for another period with probability ``persistence``."""
    for name, value in (("probability", probability), ("persistence", persistence)):
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"shock: {name} must be in [0, 1], got {value!r}")
    factor = np.asarray(factor, np.float32)
    transition = np.array([[1 - probability, probability], [1 - persistence, persistence]])
    return Regime(transition=transition, factors=np.stack([np.ones_like(factor), factor]))  # type: ignore[arg-type]


@struct.dataclass
class CommonFactor(Modifier):
    """What makes cells sell well or badly together: a factor of mean 1 and standard deviation ``deviation`` for all
    cells along the axes on which that has length 1, so [W, 1] is a factor per location. Its distribution is nearly a
    gamma one, by the cube of a normal variable (Wilson and Hilferty 1931, PNAS 17(12)). The normal variable follows
    an autoregressive process with the weight ``persistence`` on the period before: 0 makes shocks of a single period,
    a value near 1 levels that drift. Nobody knows the factor: 1 is expected of it."""

    deviation: Array = struct.leaf(low=0.0)
    persistence: Array = struct.leaf(0.0, low=0.0, high=1.0)

    @property
    def num_uniforms(self) -> int:
        return self.deviation.size

    @property
    def num_initial_uniforms(self) -> int:
        return self.deviation.size

    def init(self, u: Array) -> Array:
        """The normal variable, in standard deviations."""
        return ndtri(jnp.clip(u, 1e-6, 1.0 - 1e-6)).reshape(self.deviation.shape)

    def advance(self, u: Array, memory: Array) -> Array:
        return self.persistence * memory + jnp.sqrt(1.0 - self.persistence**2) * self.init(u)

    def factor(self, memory: Array, day: Array) -> Array:
        return jnp.maximum(1.0 - self.deviation**2 / 9.0 + self.deviation / 3.0 * memory, 0.0) ** 3

    def expected(self, memory: Array, day: Array, ahead: Array | int) -> Array:
        return self.long_run()

    def long_run(self) -> Array:
        return jnp.ones_like(self.deviation)


@struct.dataclass
class Modulated(struct.Typed, Demand):
    """``base`` with its mean multiplied by the factors of ``modifiers``. An episode begins on a day drawn from the
    ``span`` days from ``first_day`` on."""

    base: Distribution
    modifiers: tuple[Modifier, ...] = ()
    first_day: Array = struct.leaf(0, dtype=jnp.int32, low=0)
    span: Array = struct.leaf(1, dtype=jnp.int32, low=1)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.base.shape

    @property
    def num_demand_uniforms(self) -> int:
        return self.base.num_demand_uniforms

    @property
    def num_uniforms(self) -> int:
        return self.num_demand_uniforms + sum(m.num_uniforms for m in self.modifiers)

    @property
    def num_initial_uniforms(self) -> int:
        return 1 + sum(m.num_initial_uniforms for m in self.modifiers)

    def per_cell(self, u: Array) -> Array:
        return self.base.per_cell(u)

    def init(self, u: Array) -> DemandState:
        day = _first_day(u[0], self.first_day, self.span)
        return DemandState(day=day, memory=self._each("init", u[1:], "num_initial_uniforms"))

    def advance(self, u: Array, state: DemandState) -> DemandState:
        return DemandState(day=state.day + 1, memory=self._each("advance", u, "num_uniforms", self._memory(state)))

    def _memory(self, state: DemandState) -> tuple:
        """One of every modifier. A state need not say that none of them has one."""
        return state.memory or ((),) * len(self.modifiers)

    def _each(self, method: str, u: Array, count: str, memory: tuple | None = None) -> tuple:
        """The results of every modifier's ``method`` on its own share of the uniforms."""
        results, start = [], 0
        for i, modifier in enumerate(self.modifiers):
            end = start + getattr(modifier, count)
            results.append(getattr(modifier, method)(u[start:end], *(() if memory is None else (memory[i],))))
            start = end
        return tuple(results)

    @property
    def cycle(self) -> int:
        return math.lcm(1, *(modifier.cycle for modifier in self.modifiers))

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        if state is None:
            raise ValueError("Modulated.quantile needs the state: demand depends on the day")
        return self.law(state).quantile(u)

    def law(self, state: DemandState) -> Distribution:
        factor = jnp.ones(self.shape, jnp.float32)
        for modifier, memory in zip(self.modifiers, self._memory(state), strict=True):
            factor = factor * modifier.factor(memory, state.day)
        if factor.shape != self.shape:
            raise ValueError(f"Modulated.modifiers: factors must broadcast to {self.shape}, got {factor.shape}")
        return self.base.scaled(factor)

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        mean = self.base.mean()
        if state is None:
            for modifier in self.modifiers:
                mean = mean * modifier.long_run()
            return mean
        for modifier, memory in zip(self.modifiers, self._memory(state), strict=True):
            mean = mean * modifier.expected(memory, state.day, ahead)
        return mean

    def promotion(self, state: DemandState, ahead: int | Array = 0) -> Array:
        known = jnp.zeros(self.shape, jnp.float32)
        for modifier in self.modifiers:
            known = jnp.maximum(known, modifier.promotion(state.day, ahead))
        return known


@struct.dataclass
class Cyclic(struct.Typed, Demand):
    """A distribution per day that repeats itself: ``laws[day % n]``, all of one kind and shape (7: weekdays, Monday
    first). An episode begins on a day drawn from the ``span`` days from ``first_day`` on."""

    laws: tuple[Distribution, ...]
    first_day: Array = struct.leaf(0, dtype=jnp.int32, low=0)
    span: Array = struct.leaf(1, dtype=jnp.int32, low=1)

    def validate(self):
        kinds = {jax.tree.structure(law) for law in self.laws} | {law.shape for law in self.laws}
        if len(kinds) != 2:
            raise ValueError(f"Cyclic.laws must be of one kind and shape, got {self.laws}")

    @property
    def num_initial_uniforms(self) -> int:
        return 1

    @property
    def num_demand_uniforms(self) -> int:
        return self.laws[0].num_demand_uniforms

    def per_cell(self, u: Array) -> Array:
        return self.laws[0].per_cell(u)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.laws[0].shape

    @property
    def cycle(self) -> int:
        return len(self.laws)

    def init(self, u: Array) -> DemandState:
        return DemandState(day=_first_day(u[0], self.first_day, self.span))

    def law(self, state: DemandState) -> Distribution:
        return jax.tree.map(lambda *leaves: jnp.stack(leaves)[state.day % len(leaves)], *self.laws)

    def quantile(self, u: Array, state: DemandState | None = None) -> Array:
        if state is None:
            raise ValueError("Cyclic.quantile needs the state: demand depends on the day")
        return self.law(state).quantile(u)

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        means = jnp.stack([law.mean() for law in self.laws])
        return jnp.mean(means, 0) if state is None else means[(state.day + ahead) % len(self.laws)]


def _first_day(u: Array, first: Array, span: Array) -> Array:
    """A day drawn from the ``span`` days from ``first`` on."""
    return first + jnp.minimum(jnp.floor(u * span).astype(jnp.int32), span - 1)


def within_calendar(calendar: Array, row: Array) -> Array:
    """Row of ``calendar`` [T, ...]; zeros outside it."""
    inside = (row >= 0) & (row < calendar.shape[0])
    return jnp.where(inside, calendar[jnp.clip(row, 0, calendar.shape[0] - 1)], 0.0)


def _choose(probabilities: Array, u: Array) -> Array:
    return jnp.sum(u >= jnp.cumsum(probabilities)[:-1], dtype=jnp.int32)
