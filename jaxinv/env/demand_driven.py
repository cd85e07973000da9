"""Environments whose exogenous information is demand, or demand and a little more."""

import dataclasses
from typing import Any

import jax
from jax import Array

from jaxinv import struct
from jaxinv.env import core


@struct.dataclass(kw_only=True)
class ExoState:
    """The exogenous part of a state; subclasses add what else evolves by itself."""

    demand: Any  # DemandState


@struct.dataclass(kw_only=True)
class Exogenous(core.Exogenous):
    """What a period brings; subclasses add what else it draws."""

    demand: Array  # in the shape of ``params.demand``


@dataclasses.dataclass(frozen=True)
class DemandDriven(core.Environment):
    """Base of environments whose parameters have a process ``demand``. Those that draw more than demand override
    :meth:`num_uniforms` and :meth:`exogenous`."""

    def num_uniforms(self, params: Any) -> int:
        return params.demand.num_uniforms

    def num_initial_uniforms(self, params: Any) -> int:
        return params.demand.num_initial_uniforms

    def exogenous(self, u: Array, state: Any, params: Any) -> Any:
        demand, following = params.demand.draw(u, state.exo.demand)
        return Exogenous(demand=demand, next=ExoState(demand=following))

    # -- what observations tell of the calendar -------------------------------------------------------------------
    def expected_demand(self, state: Any, params: Any, periods: int) -> list[Array]:
        """Demand expected in each of the coming ``periods``, in the shape of ``params.demand``."""
        return [params.demand.mean(state.exo.demand, ahead) for ahead in range(periods)]

    def weekday(self, state: Any) -> Array:
        """One-hot day of the coming period, Monday first, [7]."""
        return jax.nn.one_hot(state.exo.demand.day % 7, 7)
