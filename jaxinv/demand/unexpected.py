"""Demand that is not what everybody expects."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.demand.base import Demand, DemandState


@struct.dataclass
class Unexpected(Demand):
    """``base`` with the mean of its distribution multiplied by a ``factor`` that nobody expects: ``mean`` stays what it
    was. Counts stay counts. Values that are given and have no such distribution (replayed ones, tables) are multiplied,
    and whole ones rounded to whole ones."""

    base: Demand
    factor: Array

    @property
    def shape(self) -> tuple[int, ...]:
        return self.base.shape

    @property
    def num_uniforms(self) -> int:
        return self.base.num_uniforms

    @property
    def num_demand_uniforms(self) -> int:
        return self.base.num_demand_uniforms

    @property
    def num_initial_uniforms(self) -> int:
        return self.base.num_initial_uniforms

    @property
    def cycle(self) -> int:
        return self.base.cycle

    def init(self, u: Array) -> DemandState:
        return self.base.init(u)

    def per_cell(self, u: Array) -> Array:
        return self.base.per_cell(u)

    def advance(self, u: Array, state: DemandState) -> DemandState:
        return self.base.advance(u, state)

    def mean(self, state: DemandState | None = None, ahead: int | Array = 0) -> Array:
        return self.base.mean(state, ahead)

    def promotion(self, state: DemandState, ahead: int | Array = 0) -> Array:
        return self.base.promotion(state, ahead)

    def forecast(self, state: DemandState) -> Array:
        return self.base.forecast(state)

    def signals(self, state: DemandState) -> Array:
        return self.base.signals(state)

    def law(self, state: DemandState) -> Any:
        law: Any = self.base.law(state)
        return law.scaled(self.factor)

    def draw(self, u: Array, state: DemandState) -> tuple[Array, DemandState]:
        demand, following = self.base.draw(u, state)
        multiplied = self.factor * demand
        whole = jnp.floor(multiplied + 0.5)
        given = jnp.where(demand == jnp.round(demand), whole, multiplied), following
        try:
            law = self.law(state)
        except NotImplementedError:
            return given
        if self.base.num_uniforms < demand.size:  # replayed
            return given
        return law.quantile(self.per_cell(u)), following
