"""What forecasters read of a panel: arrays over time, and what is known of the periods ahead."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.data import DemandPanel

SEASON = {"day": 7, "week": 52}  # periods after which demand is taken to repeat


@struct.dataclass
class Series:
    """N = W x K series of a panel over T periods, locations first.

    This is the one place where a panel's covariates become arrays. ``demand`` and ``observed`` are read up to the date
    of a forecast only. The others are planned, and known ahead.
    """

    demand: Array  # [T, N] float32 units; 0 where not observed
    observed: Array  # [T, N] bool: on sale, so that a zero is one
    open: Array  # [T, N] bool: the location sells anything
    promotion: Array  # [T, N] float32, 1 where one runs
    price: Array  # [T, N] float32 money per unit; NaN where not known
    phase: Array  # [T] int32 place in the season: 0 is Monday, or for weeks a fixed one of 52
    year: Array  # [T] float32 part of the year that has passed
    covariates: Array  # [T, N, C] float32; NaN where not known
    season: int = struct.static(7)  # SEASON of the panel's period

    @classmethod
    def of(cls, panel: DemandPanel, covariates: tuple[str, ...] = ()) -> "Series":
        """With the panel's ``covariates`` of these names; one that it lacks is known nowhere."""
        shape = len(panel.dates), panel.quantity[0].size

        def flat(array: np.ndarray | None, missing: float, dtype: type) -> Array:
            return jnp.asarray(np.full(shape, missing) if array is None else array.reshape(shape), dtype)

        season = SEASON[panel.period]
        opened = np.broadcast_to(panel.available.any(2, keepdims=True), panel.quantity.shape)
        year = panel.dates.astype("datetime64[Y]")
        days = (panel.dates - year.astype("datetime64[D]")).astype(int)
        return cls(
            demand=flat(np.where(panel.available, panel.quantity, 0.0), 0.0, jnp.float32),
            observed=flat(panel.available, 1.0, jnp.bool_),
            open=flat(opened, 1.0, jnp.bool_),
            promotion=flat(panel.promotion, 0.0, jnp.float32),
            price=flat(panel.price, jnp.nan, jnp.float32),
            phase=jnp.asarray((panel.start_day + np.arange(shape[0])) % season, jnp.int32),
            year=jnp.asarray(days / 366.0, jnp.float32),
            covariates=jnp.asarray(
                [_flat(panel, name) for name in covariates] or np.zeros((0, *shape)), jnp.float32
            ).transpose(1, 2, 0),
            season=season,
        )

    def rows(self, start: Array | int, length: int) -> "Series":
        """``length`` periods from ``start`` on, which is moved where they would lie outside."""
        return jax.tree.map(lambda x: jax.lax.dynamic_slice_in_dim(x, start, length), self)


def _flat(panel: DemandPanel, name: str) -> np.ndarray:
    """A covariate of every series [T, N]."""
    values = panel.covariates.get(name, np.full((1, 1, 1), np.nan))
    return np.broadcast_to(values, panel.quantity.shape).reshape(len(panel.dates), -1)


def extended(history: DemandPanel, horizon: int, future: DemandPanel | None = None) -> DemandPanel:
    """``history`` and ``horizon`` periods after it, in which nothing is sold.

    What is planned comes from ``future``, of which demand is not read. Without it prices stay, there are no promotions,
    covariates are not known, and a location is shut on those days on which it was shut in each of the last four seasons
    (weeks, for days).

    Raises ``ValueError`` where ``future`` does not follow on ``history``, or is shorter than ``horizon``.
    """
    step = history.dates[-1] - history.dates[-2] if len(history.dates) > 1 else np.timedelta64(1, "D")
    dates = history.dates[-1] + step * np.arange(1, horizon + 1)
    shape = (horizon, *history.quantity.shape[1:])
    if future is None:
        season = SEASON[history.period]
        back = len(history.dates) - season * np.arange(1, 5) + np.arange(horizon)[:, None] % season  # [H, 4]
        opened = history.available.max(2)[back].max(1) if back.min() >= 0 else np.ones(shape[:2], bool)
        planned = {
            "price": None if history.price is None else np.broadcast_to(history.price[-1], shape),
            "promotion": None if history.promotion is None else np.zeros(shape, bool),
            "available": np.broadcast_to(opened[:, :, None], shape),
        }
    else:
        if (future.locations, future.skus, future.period) != (history.locations, history.skus, history.period):
            raise ValueError("future must have the locations, SKUs and periods of history, in their order")
        if len(future.dates) < horizon or future.dates[0] != dates[0]:
            raise ValueError(
                f"future must hold {horizon} periods from {dates[0]} on, got {len(future.dates)} from {future.dates[0]}"
            )
        names = ("price", "promotion", "available")
        planned = {n: None if getattr(future, n) is None else getattr(future, n)[:horizon] for n in names}
    joined = {
        name: None
        if getattr(history, name) is None or array is None
        else np.concatenate([getattr(history, name), array])
        for name, array in planned.items()
    }
    ahead = {} if future is None else {name: array[:horizon] for name, array in future.covariates.items()}
    unknown = {name: np.full((horizon, *x.shape[1:]), np.nan) for name, x in history.covariates.items()}
    return DemandPanel(
        covariates={n: np.concatenate([x, (unknown | ahead)[n]]) for n, x in history.covariates.items()},
        quantity=np.concatenate([history.quantity, np.zeros(shape, np.float32)]),
        dates=np.concatenate([history.dates, dates]),
        locations=history.locations,
        skus=history.skus,
        period=history.period,
        **joined,  # type: ignore[arg-type]
    )
