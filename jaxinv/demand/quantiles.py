"""Quantile functions of counts and of the gamma law, in float32, for one uniform per draw.

They sit in the inner loop of a simulation: no loop whose length depends on the data and no table, only element-wise
operations that the compiler fuses. All arguments are arrays of one shape; ``u`` is in [0, 1). Every result is
finite, does not decrease with u, and is 0 at u = 0 (of the binomial law: near its lower end).
"""

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import gammaln, ndtri

COUNTS = 48  # counts below this are inverted by summing their probabilities
U_MAX = 1.0 - 2.0**-24  # the largest float32 below 1
_MAX_SHAPE = 32.0  # gamma shapes up to this are solved for, larger ones expanded
_LEVELS = (8, 20)  # of the continued fraction, in each Halley step; the last is exact to float32 up to _MAX_SHAPE


def normal_quantile(u: Array) -> Array:
    """Standard normal quantile, between -5.5 and 5.5: what lies beyond is below the resolution of ``u``."""
    return ndtri(jnp.clip(u, 2.0**-25, U_MAX))


def poisson_quantile(u: Array, mean: Array) -> Array:
    """Smallest k with P(D <= k) > u.

    Below ``COUNTS`` it is exact: for means up to 16 it differs from the true quantile only where u is within 1e-6 of
    a step of the distribution function. From there on it is the normal expansion of Giles (2016, ACM Transactions on
    Mathematical Software 42(1)): one unit off for fewer than 1 draw in 10,000 at means up to 1,000, and for 4 in
    1,000 at a mean of 1e5, where the spacing of float32 is 0.008.
    """
    u, mean = jax.lax.stop_gradient((u, mean))
    count = _count(u, jnp.exp(-mean), None, mean)

    z, safe = normal_quantile(u), jnp.maximum(mean, 1.0)
    root = jnp.sqrt(safe)
    far = safe + root * z + (2.0 + z**2) / 6.0 - (2.0 * z + z**3) / (72.0 * root)
    far = far + (3.0 * z**4 + 7.0 * z**2 - 16.0) / (810.0 * safe)
    return _join(u, count, jnp.floor(far))


def negative_binomial_quantile(u: Array, mean: Array, dispersion: Array) -> Array:
    """Smallest k with P(D <= k) > u, D with variance mean + dispersion mean^2.

    Below ``COUNTS`` it is exact: for means up to 16 it differs from the true quantile only where u is within 1e-5 of
    a step of the distribution function. From there on it is the quantile of the gamma law with the same mean,
    variance and skewness, centred on whole numbers (Best and Gipps 1974, Technometrics 16(4)): at most one unit off,
    for fewer than 5 draws in 1,000, at means up to 1,000; then it is as precise as float32. Dispersions up
    to 20; 0 is Poisson.
    """
    u, mean, dispersion = jax.lax.stop_gradient((u, mean, dispersion))
    spread = dispersion * mean
    growth = 1.0 + spread
    # -log P(0) = log(growth) / dispersion, whose limit at dispersion 0 is the mean.
    exponent = jnp.where(spread > 1e-3, jnp.log1p(spread) / jnp.maximum(dispersion, 1e-9), mean * (1.0 - spread / 2.0))
    # Its rounding error must not leave the probabilities short of 1 either, see _count.
    first = jnp.exp(-exponent) * (1.0 + 2e-7 * exponent)
    count = _count(u, first, spread / growth, mean * (1.0 - dispersion) / growth)

    safe = jnp.maximum(mean, 1.0)
    scale = 0.5 + dispersion * safe
    shape = safe * (1.0 + dispersion * safe) / scale**2
    far = safe - shape * scale + scale * gamma_quantile(u, shape)
    return _join(u, count, jnp.floor(far + 0.5))


def binomial_quantile(u: Array, trials: Array, probability: Array) -> Array:
    """Smallest k with P(B <= k) > u of successes in ``trials``, a whole number. Exact below ``COUNTS`` successes or
    failures, whichever are rarer; from there on it is the normal law with its skewness (Cornish and Fisher 1938),
    rounded, at most a unit off."""
    u, trials, probability = jax.lax.stop_gradient((u, trials, probability))
    # The rarer of success and failure is counted: its terms do not grow beyond the last count by rounding.
    common = probability > 0.5
    p = jnp.where(common, 1.0 - probability, probability)
    u = jnp.where(common, jnp.minimum(1.0 - u, U_MAX), u)
    odds = p / (1.0 - p)
    count = _count(u, jnp.exp(trials * jnp.log1p(-p)), -odds, (trials + 1.0) * odds)
    z = normal_quantile(u)
    far = trials * p + jnp.sqrt(trials * p * (1.0 - p)) * z + (1.0 - 2.0 * p) * (z**2 - 1.0) / 6.0
    rare = jnp.minimum(_join(u, count, jnp.floor(far + 0.5)), trials)
    return jnp.where(common, trials - rare, rare)


@jax.custom_jvp
def gamma_quantile(u: Array, shape: Array) -> Array:
    """Quantile of the gamma law with scale 1, for shapes from 0.05 on; differentiable in both arguments.

    Shapes up to 32: two Halley steps, error below 6e-5 standard deviations (2e-6 for shapes from 0.5 on). Larger
    ones: Cornish-Fisher expansion to the order shape^(-3/2), error below 2e-4 standard deviations.
    """
    z = normal_quantile(u)
    big = jnp.maximum(shape, _MAX_SHAPE)
    root = jnp.sqrt(big)
    expanded = big + root * z + (z**2 - 1.0) / 3.0 + (z**3 - 7.0 * z) / (36.0 * root)
    expanded = expanded - (3.0 * z**4 + 7.0 * z**2 - 16.0) / (810.0 * big)
    expanded = expanded + (9.0 * z**5 + 256.0 * z**3 - 433.0 * z) / (38880.0 * big * root)

    # Start from the left tail's power law or from Wilson and Hilferty's (1931) cube of a normal variable.
    a = jnp.minimum(shape, _MAX_SHAPE)
    low, high = jnp.maximum(u, 2.0**-25), 1.0 - jnp.minimum(u, U_MAX)
    log_a, log_peak = jnp.log(a), _log_peak(a)
    power = jnp.exp((jnp.log(low) + log_a - log_peak) / a + log_a - 1.0)
    power = power * jnp.exp(jnp.minimum(power, a) / (a + 1.0))
    cube = a * jnp.maximum(1.0 - 1.0 / (9.0 * a) + z / (3.0 * jnp.sqrt(a)), 1e-3) ** 3
    x = jnp.maximum(jnp.where(power < 0.3 * (a + 1.0), power, cube), 1e-30)
    for levels in _LEVELS:
        x = _halley(x, low, high, a, log_peak, levels)
    return jnp.where(u > 0.0, jnp.where(shape > _MAX_SHAPE, expanded, x), 0.0)


@gamma_quantile.defjvp
def _gamma_quantile_jvp(primals, tangents):
    (u, shape), (du, dshape) = primals, tangents
    x = gamma_quantile(u, shape)
    positive = jnp.maximum(x, 1e-30)
    log_density = (shape - 1.0) * jnp.log(positive) - positive - gammaln(shape)
    # The density vanishes at u = 0; the bound keeps the slope finite there.
    slope = jnp.exp(jnp.minimum(-log_density, 30.0))
    in_shape = jax.lax.random_gamma_grad(shape, positive)  # type: ignore[reportCallIssue]
    return x, slope * du + in_shape * dshape


def _count(u: Array, first: Array, a: Array | None, b: Array) -> Array:
    """How many k below ``COUNTS`` have P(D <= k) <= u, where P(D = k) = P(D = k - 1) (a + b / k) (Panjer 1981,
    ASTIN Bulletin 12(1)), ``first`` = P(D = 0), and a is 0 if None.

    Everything is made to depend on u: the probabilities are summed in units of u, and b is masked by a condition
    that always holds. Otherwise the compiler would take the terms that depend on the parameters alone out of the
    simulation loop and store all of them for the whole batch, which costs more memory and time than computing them.

    Rounding must not leave the sum short of 1, or it would never exceed the largest u: ``first`` is raised by more
    than the sum can lose. A ``first`` near the smallest float32 has lost its precision and is taken as 0.
    """
    probability = jnp.where(first > 1e-36, first * (1.0 + 6e-7), 0.0) / jnp.maximum(u, 2.0**-30)
    b = jnp.where(u < 2.0, b, 0.0)
    cumulative = probability
    count = (cumulative <= 1.0).astype(jnp.float32)
    for k in range(1, COUNTS):
        probability = probability * (b * (1.0 / k) if a is None else a + b * (1.0 / k))
        cumulative = cumulative + probability
        count = count + (cumulative <= 1.0).astype(jnp.float32)
    return count


def _join(u: Array, count: Array, far: Array) -> Array:
    """``count`` where that found an answer, else ``far``."""
    return jnp.where(u > 0.0, jnp.where(count < COUNTS, count, jnp.maximum(far, COUNTS)), 0.0)


def _log_peak(a: Array) -> Array:
    """log(a^a e^-a / Gamma(a)): Stirling's series above 4; below, the same 4 units further up and the recurrence."""
    shifted = jnp.where(a > 4.0, a, a + 4.0)
    peak = 0.5 * jnp.log(shifted / (2.0 * jnp.pi)) - (1.0 - 1.0 / (30.0 * shifted**2)) / (12.0 * shifted)
    rise = jnp.log(a * (a + 1.0) * (a + 2.0) * (a + 3.0)) + a * jnp.log(a) - shifted * jnp.log(shifted) + 4.0
    return peak + jnp.where(a > 4.0, 0.0, rise)


def _halley(x: Array, low: Array, high: Array, a: Array, log_peak: Array, levels: int) -> Array:
    """One Halley step in log x for P(X <= x) = ``low`` or, right of the mean, P(X > x) = ``high``.

    x density(x) / tail(x) is the continued fraction d_0 + c_1 / (d_1 + c_2 / (d_2 + ...)) of the lower or the upper
    incomplete gamma function (Abramowitz and Stegun 6.5.31; Jones and Thron 1980).
    """
    left = x < a + 0.5
    sign = jnp.where(left, 1.0, -1.0)
    fraction = jnp.zeros_like(x)
    for k in range(levels, 0, -1):
        above = -(a + (k - 1) // 2) * x if k % 2 else (k // 2) * x
        below = jnp.where(left, a + k, x - a + (2 * k + 1))
        fraction = jnp.where(left, above, k * (a - k)) / (below + fraction)
    hazard = jnp.where(left, a, x - a + 1.0) + fraction
    excess = log_peak - a * (x / a - 1.0 - jnp.log(x / a)) - jnp.log(hazard * jnp.where(left, low, high))
    step = sign * excess / hazard
    return x * jnp.exp(jnp.clip(-step / (1.0 - 0.5 * step * (a - x - sign * hazard)), -3.0, 3.0))
