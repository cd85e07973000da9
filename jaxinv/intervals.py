"""Confidence intervals for long-run means, from independent paths, from batches of one path, and by resampling."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct

_Z = 1.959964  # normal quantile of 97.5 %
_BATCHES = 20  # of a single path; few enough to be nearly independent (Schmeiser 1982, Operations Research 30(3))


def student_quantile(df: int) -> float:
    """97.5 % quantile of Student's distribution; within 0.3 % from 4 degrees of freedom on (Abramowitz and Stegun
    1964, eq. 26.7.5)."""
    z = _Z
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return sum(term / df**power for power, term in enumerate(terms))


def mean_interval(values: Array) -> Array:
    """95 % interval [2] of the mean of a stationary sequence ``values`` [N, T].

    From the N paths, taken as independent; from the means of 20 batches in time where there is only one path, which
    must then be several times as long as the memory of the process times 20.
    """
    num_paths, length = values.shape
    if num_paths == 1:
        batches = min(_BATCHES, length)
        size = length // batches
        groups = jnp.mean(values[0, length - batches * size :].reshape(batches, size), 1)
    else:
        groups = jnp.mean(values, 1)
    if groups.shape[0] < 2:
        raise ValueError("an interval needs at least two paths or two periods, got one of each")
    error = jnp.std(groups, ddof=1) / jnp.sqrt(groups.shape[0])
    half = student_quantile(groups.shape[0] - 1) * error
    mean = jnp.mean(values)
    return jnp.stack([mean - half, mean + half])


@struct.dataclass
class Interval:
    """An estimate and its 95 % interval."""

    mean: Array  # []
    ci95: Array  # [2] low, high


@partial(jax.jit, static_argnames=("block", "num_resamples", "locations"))
def moving_block_bootstrap(
    difference: Array, key: Array, *, block: int = 7, num_resamples: int = 2000, locations: bool = True
) -> Interval:
    """Mean of ``difference`` [T, W] or [N, T, W], summed over the W locations, with a percentile interval.

    For demand that was observed once: dates depend on each other and so do the locations of one date. Dates are
    resampled in blocks of ``block`` successive ones, with all locations of a date together (Künsch 1989, Annals of
    Statistics 17(3)), around the end to the beginning, so that every date is as likely as any other (Politis and
    Romano 1992, *A circular block-resampling procedure for stationary data*). With ``locations`` these are resampled
    too, independently of the dates (Owen 2007, *The pigeonhole bootstrap*, Annals of Applied Statistics 1(2), which
    shows that the variance is then over- rather than underestimated); the interval is then about locations like
    these and not these alone. Paths, where there are several, are resampled as independent.

    Raises ``ValueError`` for another rank, or a ``block`` outside 1..T.
    """
    if difference.ndim not in (2, 3):
        raise ValueError(f"difference must be [T, W] or [N, T, W], got shape {difference.shape}")
    values = difference[None] if difference.ndim == 2 else difference
    num_paths, length, num_locations = values.shape
    if not 1 <= block <= length:
        raise ValueError(f"block must be in 1..{length}, the number of dates, got {block}")

    # Means of the blocks that begin on each date, [N, T, W].
    around = jnp.concatenate([values, values[:, : block - 1]], 1)
    sums = jnp.cumsum(jnp.pad(around, ((0, 0), (1, 0), (0, 0))), 1)
    blocks = (sums[:, block:] - sums[:, :-block]) / block

    def resample(key):
        of_dates, of_locations, of_paths = jax.random.split(key, 3)
        starts = jax.random.randint(of_dates, (-(-length // block),), 0, length)
        mean = jnp.mean(blocks[:, starts], 1)  # [N, W]
        if locations:
            mean = mean[:, jax.random.randint(of_locations, (num_locations,), 0, num_locations)]
        return jnp.mean(jnp.sum(mean, 1)[jax.random.randint(of_paths, (num_paths,), 0, num_paths)])

    # Batched, so that the resampled dates of few resamples are in memory at a time.
    means = jax.lax.map(resample, jax.random.split(key, num_resamples), batch_size=min(100, num_resamples))
    return Interval(mean=jnp.mean(jnp.sum(values, 2)), ci95=jnp.quantile(means, jnp.array([0.025, 0.975])))
