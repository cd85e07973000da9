"""Neural forecasters: one network for all series of one or many panels, that puts out the distribution of each period's
demand given the periods before it (DeepAR: Salinas, Flunkert, Gasthaus and Januschowski 2020, International Journal of
Forecasting 36(3)). Paths are drawn period by period, each from what its own path was so far. What differs is how a
network sees time (``networks``)."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax import serialization
from jax import Array

from jaxinv import struct
from jaxinv.data import DemandPanel
from jaxinv.forecast.base import Fitted, check_fields
from jaxinv.forecast.networks import GRU, NETWORKS
from jaxinv.forecast.outputs import Mixture
from jaxinv.forecast.series import Series
from jaxinv.forecast.training import Windows, check_horizon, train
from jaxinv.forecast.windows import COLUMNS, PAD, Planned, Window, recent

_SERIES_AT_ONCE = 64  # whose paths are drawn together: more take memory and no less time


@dataclasses.dataclass(frozen=True, kw_only=True)
class Neural:
    """Fitted by the likelihood of the ``horizon`` periods after the context of random windows, from each series as
    often as the root of its mean demand says. The learning rate rises and falls to zero, and what is kept is a running
    mean of the weights, as it was when it foretold the last sixth of each panel's periods best, which is held out of
    the training (panels of less than four horizons are judged by what was learned). Training on one panel
    (:meth:`fit`) or many (:meth:`pretrain`) is the same."""

    network: nn.Module = GRU()  # one of NETWORKS
    context: int = 56  # periods that are looked back on
    horizon: int = 28  # periods ahead that are learned; fewer or more may be forecast
    components: int = 2  # of the distribution of a period, see ``outputs``
    steps: int = 2000  # of the optimiser
    batch: int = 64  # windows in each
    learning_rate: float = 3e-3
    prices_planned: bool = False  # so that they are known ahead; those that were paid are not
    covariates: tuple[str, ...] = ()  # of a panel, by name, that are read; a panel may lack some
    planned: tuple[str, ...] = ()  # those of them that are known ahead
    num_paths: int = 100
    seed: int = 0

    def __post_init__(self):
        check_fields(
            self, context=(8, 360), horizon=(1, 364), components=(1, 16), steps=(1, 10**9), batch=(1, 10**6),
            learning_rate=(0.0, 1.0), num_paths=(1, 10_000),
        )  # fmt: skip
        for name in ("covariates", "planned"):  # lists, where they come from a file
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not set(self.planned) <= set(self.covariates):
            raise ValueError(f"Neural.planned must name some of its covariates {self.covariates}, got {self.planned}")
        if type(self.network).__name__ not in NETWORKS:
            raise ValueError(f"Neural.network must be one of {', '.join(NETWORKS)}, got {self.network!r}")

    def fit(self, panel: DemandPanel) -> "FittedNeural":
        """Train on one panel."""
        return self.pretrain([panel])

    def pretrain(self, panels: Sequence[DemandPanel]) -> "FittedNeural":
        """Train on several panels, of days or weeks and any series, one as often as another; for use on any panel.

        Raises ``ValueError`` as :meth:`Windows.of` does, and ``FloatingPointError`` where training diverges.
        """
        windows = self._windows(panels)
        example = windows.window(jnp.int32(0), windows.first[0]).inputs()[None]
        params = jax.jit(self.model.init)(jax.random.key(self.seed), example)["params"]
        return self._trained(params, windows)

    def _windows(self, panels: Sequence[DemandPanel]) -> Windows:
        return Windows.of(
            panels, self.context, self.horizon, self.prices_planned, self.covariates, self.covariates_planned
        )

    @property
    def covariates_planned(self) -> tuple[bool, ...]:
        """Of each of the covariates, whether it is known ahead."""
        return tuple(name in self.planned for name in self.covariates)

    def _trained(self, params: Any, windows: Windows) -> "FittedNeural":
        params, losses = train(
            self.model, params, windows, jax.random.key(self.seed + 1),
            steps=self.steps, batch=self.batch, learning_rate=jnp.float32(self.learning_rate),
        )  # fmt: skip
        if not np.isfinite(losses).all():
            raise FloatingPointError(f"the loss was not finite at step {np.argmin(np.isfinite(losses))}: learn slower")
        return FittedNeural(params, losses, self)

    @property
    def model(self) -> "Model":
        return Model(self.network, self.components)


class Model(nn.Module):
    """A network over time and what it says of each period, which is also told by the period's inputs directly."""

    network: nn.Module
    components: int

    def setup(self):
        self.out = nn.Dense(3 * self.components + 1, kernel_init=nn.initializers.normal(0.01))

    def __call__(self, x: Array) -> tuple[Array, Any]:
        outputs, memory = self.network(x)
        return self.out(jnp.concatenate([outputs, x], -1)), memory

    def begin(self, memory: Any, paths: int, horizon: int) -> Any:
        return self.network.begin(memory, paths, horizon)  # type: ignore[attr-defined]

    def step(self, memory: Any, own: Any, x: Array, i: Array) -> tuple[Array, Any]:
        output, own = self.network.step(memory, own, x, i)  # type: ignore[attr-defined]
        return self.out(jnp.concatenate([output, x], -1)), own


@struct.dataclass
class FittedNeural(Fitted):
    """Weights, for any panel of days or weeks: of those that were trained on, or of others."""

    params: Any
    losses: Array  # [steps, or some more] of the training
    config: Neural = struct.static()

    def tune(self, panel: DemandPanel, *, steps: int = 500, learning_rate: float = 1e-3) -> "FittedNeural":
        """Go on from these weights on one panel."""
        config = dataclasses.replace(self.config, steps=steps, learning_rate=learning_rate)
        return config._trained(self.params, config._windows([panel]))

    def drawing(self, num_paths: int) -> "FittedNeural":
        """The same, of ``num_paths`` paths."""
        return dataclasses.replace(self, config=dataclasses.replace(self.config, num_paths=num_paths))

    def to_bytes(self) -> bytes:
        """Weights and configuration, to be written to a file. Windows carry their own scale, so that there is no other
        scaler to keep."""
        config = {spec.name: getattr(self.config, spec.name) for spec in dataclasses.fields(self.config)}
        config |= {name: list(config[name]) for name in ("covariates", "planned")}
        network = self.config.network
        own = {
            f.name: getattr(network, f.name) for f in dataclasses.fields(network) if f.name not in ("parent", "name")
        }
        config["network"] = {"name": type(network).__name__, **own}
        return serialization.msgpack_serialize({"config": config, "params": self.params, "losses": self.losses})

    @classmethod
    def from_bytes(cls, stored: bytes) -> "FittedNeural":
        """What :meth:`to_bytes` gave."""
        saved = serialization.msgpack_restore(stored)
        network = dict(saved["config"]["network"])
        config = saved["config"] | {"network": NETWORKS[network.pop("name")](**network)}
        params, losses = jax.tree.map(jnp.asarray, (saved["params"], saved["losses"]))
        return cls(params, losses, Neural(**config))

    @property
    def covariates(self) -> tuple[str, ...]:
        return self.config.covariates

    def condition(self, series: Series) -> Planned:
        return Planned.of(series)

    def draw(self, known: Planned, series: Series, origin: Array, horizon: int, key: Array) -> Array:
        context, count = self.config.context, known.demand.shape[1]
        check_horizon(horizon, series.season)
        start = origin + PAD - context

        def rows(x: Array) -> Array:
            return jax.lax.dynamic_slice_in_dim(x, start, context + horizon)

        whole, calendar = known.whole[origin + PAD], rows(known.calendar)
        columns = {name: rows(getattr(known, name)) for name in COLUMNS}

        def cut(one: dict[str, Array]) -> Window:
            planned = self.config.covariates_planned
            one = one | {"calendar": calendar}
            return Window.cut(one, context, whole, known.lag, self.config.prices_planned, planned)

        windows = jax.vmap(cut, in_axes=1)(columns)

        size = min(_SERIES_AT_ONCE, count)
        groups = -(-count // size)
        numbers = jnp.arange(groups * size).reshape(groups, size) % count  # the last group is filled up

        def group(args: tuple[Array, Array]) -> Array:
            numbers, key = args
            return self._paths(jax.tree.map(lambda x: x[numbers], windows), whole, horizon, key)

        drawn = jax.lax.map(group, (numbers, jax.random.split(key, groups)))  # [groups, size, S, H]
        return jnp.transpose(drawn.reshape(groups * size, *drawn.shape[2:])[:count], (1, 2, 0))

    def _paths(self, windows: Window, whole: Array, horizon: int, key: Array) -> Array:
        """[B, S, H] after the contexts of ``windows`` [B]."""
        config, variables = self.config, {"params": self.params}
        context, size, paths = config.context, len(windows.scale), config.num_paths
        x = jax.vmap(Window.inputs)(windows)
        _, memory = config.model.apply(variables, x[:, :context])
        own = config.model.apply(variables, memory, paths, horizon, method="begin")

        def every_path(x: Array) -> Array:  # [B, ...] -> [B, S, ...]
            return jnp.broadcast_to(x[:, None], (size, paths, *x.shape[1:]))

        # Demand of a period ahead is the path's own, and there is some wherever a location is open.
        observed = jnp.concatenate([windows.observed[:, :context], windows.open[:, context:]], 1)
        demand = every_path(jnp.where(jnp.arange(context + horizon)[None] < context, windows.demand, 0.0))

        def before(demand: Array, place: Array) -> tuple[Array, Array]:
            return demand[:, :, place], every_path(observed[:, place])

        def period(carry: tuple[Array, Any], inputs: tuple[Array, Array]) -> tuple[tuple[Array, Any], None]:
            (demand, own), (i, u) = carry, inputs
            place = context + i
            seen = recent(before(demand, place - 1), before(demand, place - windows.lag[0]), windows.scale[:, None])
            x = jnp.concatenate([every_path(windows.plan[:, place]), seen], -1)
            raw, own = config.model.apply(variables, memory, own, x, i, method="step")
            drawn = Mixture.of(raw, every_path(windows.scale)).quantile(u[0], u[1], whole)
            drawn = jnp.where(every_path(windows.open[:, place]), drawn, 0.0)
            return (demand.at[:, :, place].set(drawn), own), None

        uniforms = jax.random.uniform(key, (horizon, 2, size, paths))
        (demand, _), _ = jax.lax.scan(period, (demand, own), (jnp.arange(horizon), uniforms))
        return demand[:, :, context:]
