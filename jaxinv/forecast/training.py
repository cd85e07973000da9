"""Random windows of panels, and the optimiser that learns from them: all of a training is one compiled scan."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from jaxinv import struct
from jaxinv.data import DemandPanel
from jaxinv.forecast.outputs import Mixture
from jaxinv.forecast.series import Series
from jaxinv.forecast.windows import COLUMNS, PAD, YEAR, Planned, Window

_KEPT = 0.99  # of the running mean of weights, a step
_CHECKS = 40  # of a training, by its held-out periods: the last ones of each panel
_HELD_OUT = 256  # windows of them


@struct.dataclass
class Windows:
    """M series of several panels, one after the other, to cut windows from."""

    rows: dict[str, Array]  # [sum of periods] each of COLUMNS, series by series
    calendar: Array  # [sum of the panels' periods, C]
    begin: Array  # [M] int32 where a series begins in rows
    begin_calendar: Array  # [M] int32 and its panel in calendar
    first: Array  # [M] int32 least date of a window: some periods after the first sale
    last: Array  # [M] int32 greatest
    end: Array  # [M] int32 greatest of those that are held out, which follow on the others where there is room
    whole: Array  # [M] bool
    lag: Array  # [M] int32
    chance: Array  # [M] of this series or one before it
    context: int = struct.static()
    horizon: int = struct.static()
    prices_planned: bool = struct.static()
    planned: tuple[bool, ...] = struct.static()  # [C] covariates that are known ahead

    @classmethod
    def of(
        cls,
        panels: Sequence[DemandPanel],
        context: int,
        horizon: int,
        prices_planned: bool = False,
        covariates: tuple[str, ...] = (),
        planned: tuple[bool, ...] = (),
    ) -> "Windows":
        """Raises ``ValueError`` where there is no panel, or one is too short or without sales."""
        if not panels:
            raise ValueError("panels must hold at least one panel to train on")
        parts, place, place_calendar = [], 0, 0
        for number, panel in enumerate(panels):
            length, last = len(panel.dates), len(panel.dates) - horizon
            if last < 2:
                raise ValueError(f"panels[{number}] has {length} periods, too few to learn {horizon} periods ahead")
            series = Series.of(panel, covariates)
            check_horizon(horizon, series.season)
            read = Planned.of(series)
            total = length + PAD
            demand = np.asarray(series.demand)
            sold = (demand > 0).any(0)
            if not sold.any():
                raise ValueError(f"panels[{number}] holds no sales to learn from")
            count = demand.shape[1]
            often = np.sqrt(demand.sum(0) / np.maximum(np.asarray(series.observed).sum(0), 1)) * sold
            begin = place + total * np.arange(count) + PAD - context
            held_out = max(horizon, length // 6)
            kept = last - held_out if last - held_out >= 2 * horizon else last
            first = np.minimum(np.argmax(demand > 0, 0) + 1 + min(context // 2, kept // 2), kept)
            parts.append({
                "rows": {name: _by_series(getattr(read, name)) for name in COLUMNS},
                "calendar": np.asarray(read.calendar),
                "begin": begin,
                "begin_calendar": np.full(count, place_calendar + PAD - context),
                "first": first,
                "last": np.full(count, kept),
                "end": np.full(count, last),
                "whole": np.full(count, bool((demand == np.round(demand)).all())),
                "lag": np.full(count, int(read.lag)),
                "chance": often / often.sum() / len(panels),
            })  # fmt: skip
            place, place_calendar = place + total * count, place_calendar + total
        joined = jax.tree.map(lambda *each: jnp.asarray(np.concatenate(each)), *parts)
        joined["chance"] = jnp.cumsum(joined["chance"])
        return cls(**joined, context=context, horizon=horizon, prices_planned=prices_planned, planned=planned)

    def sample(self, key: Array) -> Window:
        """A series by chance, at a date of it."""
        return self._between(key, self.first, self.last)

    def sample_held_out(self, key: Array) -> Window:
        """Likewise, one of the periods that are held out."""
        return self._between(key, jnp.minimum(self.last + self.horizon, self.end), self.end)

    def _between(self, key: Array, first: Array, last: Array) -> Window:
        u, v = jax.random.uniform(key, (2,))
        series = jnp.searchsorted(self.chance, u * self.chance[-1], side="right")
        series = jnp.minimum(series, len(self.chance) - 1)
        first, last = first[series], last[series]
        origin = jnp.minimum(first + (v * (last - first + 1)).astype(jnp.int32), last)
        return self.window(series, origin)

    def window(self, series: Array, origin: Array) -> Window:
        """Around a date of a series, which was preceded by ``origin`` periods."""
        length = self.context + self.horizon
        start = self.begin[series] + origin
        rows = {name: jax.lax.dynamic_slice_in_dim(x, start, length) for name, x in self.rows.items()}
        start = self.begin_calendar[series] + origin
        rows["calendar"] = jax.lax.dynamic_slice_in_dim(self.calendar, start, length)
        return Window.cut(rows, self.context, self.whole[series], self.lag[series], self.prices_planned, self.planned)


def _by_series(rows: Array) -> np.ndarray:
    """[T, N, ...] as [N * T, ...]: one series after the other."""
    return np.swapaxes(rows, 0, 1).reshape(rows.shape[0] * rows.shape[1], *rows.shape[2:])


def check_horizon(horizon: int, season: int) -> None:
    """Raise ``ValueError`` where what was sold a year before lies ahead as well."""
    if horizon > YEAR[season]:
        raise ValueError(f"horizon must be at most {YEAR[season]} periods, a year, for networks; got {horizon}")


def loss(model: nn.Module, params: Any, windows: Window, context: int) -> Array:
    """Mean of -log likelihood of the observed periods after the contexts of ``windows`` [batch]."""
    raw, _ = model.apply({"params": params}, jax.vmap(Window.inputs)(windows))
    ahead = slice(context, None)
    demand, observed = windows.demand[:, ahead], windows.observed[:, ahead]
    scale = jnp.broadcast_to(windows.scale[:, None], demand.shape)
    whole = jnp.broadcast_to(windows.whole[:, None], demand.shape)
    log_prob = Mixture.of(raw[:, ahead], scale).log_prob(demand, whole)
    return -jnp.sum(jnp.where(observed, log_prob, 0.0)) / jnp.maximum(jnp.sum(observed), 1)


State = tuple[Any, Any, Any]  # weights, their running mean, state of the optimiser


def _optimiser(rate: Any) -> optax.GradientTransformation:
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(rate, weight_decay=1e-4))


def begin(params: Any) -> State:
    """Before the first step."""
    return params, params, _optimiser(0.0).init(params)


def step(
    model: nn.Module, state: State, windows: Windows, key: Array, i: Array, *, batch: int, rate: Array
) -> tuple[State, Array]:
    """Step ``i`` [] float, of Adam on the :func:`loss` of random windows, which is also given."""
    params, mean, opt_state = state
    sampled = jax.vmap(windows.sample)(jax.random.split(key, batch))
    value, grads = jax.value_and_grad(loss, 1)(model, params, sampled, windows.context)
    updates, opt_state = _optimiser(rate).update(grads, opt_state, params)
    params = optax.apply_updates(params, updates)
    kept = jnp.minimum(_KEPT, i / (i + 1.0))
    mean = jax.tree.map(lambda m, p: kept * m + (1.0 - kept) * p, mean, params)
    return (params, mean, opt_state), value


@partial(jax.jit, static_argnames=("model", "steps", "batch"))
def train(
    model: nn.Module,
    params: Any,
    windows: Windows,
    key: Array,
    *,
    steps: int,
    batch: int,
    learning_rate: Array,
) -> tuple[Any, Array]:
    """(weights, losses [steps, or some more: the last check has as many as the others]) of the :func:`step`, its rate
    rising over the first part in twenty and then falling to 0 as a cosine does. The weights are the running mean over
    steps, as it was when it foretold the periods that are held out best: how long a network can learn until it learns
    its windows by heart depends on the panels."""

    def scheduled(state: State, inputs: tuple[Array, Array]) -> tuple[State, Array]:
        key, i = inputs
        part = i / steps
        rate = learning_rate * jnp.minimum(20.0 * part, 0.5 + 0.5 * jnp.cos(jnp.pi * part))
        return step(model, state, windows, key, i, batch=batch, rate=rate)

    held_out = jax.vmap(windows.sample_held_out)(jax.random.split(jax.random.fold_in(key, steps), _HELD_OUT))

    def checked(carry: tuple[State, Any, Array], inputs: Any) -> tuple[tuple[State, Any, Array], Array]:
        state, best, least = carry
        state, losses = jax.lax.scan(scheduled, state, inputs)
        now = loss(model, state[1], held_out, windows.context)
        best = jax.tree.map(lambda new, old: jnp.where(now < least, new, old), state[1], best)
        return (state, best, jnp.minimum(now, least)), losses

    length = -(-steps // _CHECKS)  # steps between checks
    checks = -(-steps // length)
    carry = begin(params), params, jnp.float32(jnp.inf)
    inputs = jax.random.split(key, checks * length), jnp.arange(checks * length, dtype=jnp.float32)
    inputs = jax.tree.map(lambda x: x.reshape(checks, length, *x.shape[1:]), inputs)
    (_, best, _), losses = jax.lax.scan(checked, carry, inputs)
    return best, losses.reshape(-1)
