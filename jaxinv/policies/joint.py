"""Policies that put the cells of a location on one delivery."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from jaxinv import struct
from jaxinv.policies.base import Heuristic
from jaxinv.policies.following import demand_ahead
from jaxinv.policies.sizing import Factor, Sizing


@struct.dataclass(kw_only=True)
class Reviewed(Heuristic):
    """Base of the policies that raise all cells of a location to their levels at every ``review``-th period of the
    calendar. Phase 0 is the Monday where the review takes 7 days; a phase of 1 reviews a day later."""

    FACTORS: ClassVar = {
        "safety": Factor(0.0, 0.7),
        "review": Factor(0.0, 0.5, per="location"),  # log of the review period in economic periods
        "phase": Factor(0.0, 0.3, per="location"),  # as a part of the review period
    }

    review: Array = struct.leaf(low=1.0)  # [W] periods R, rounded
    phase: Array = struct.leaf(0.0)  # [W] periods, rounded

    def levels(self, env: Any, state: Any, params: Any) -> Array:
        """Order-up-to levels [W, K] in units."""
        raise NotImplementedError

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        review = jnp.round(self.per_cell("review", env)).astype(jnp.int32)
        phase = jnp.round(self.per_cell("phase", env)).astype(jnp.int32)
        due = (state.exo.demand.day - phase) % jnp.maximum(review, 1) == 0
        return jnp.where(due, self.levels(env, state, params) - position, 0.0)

    @staticmethod
    def schedule(sizing: Sizing, review: Array, phase: Array) -> tuple[Array, Array]:
        """Review periods and phases [W, K] from their factors."""
        review = jnp.maximum(jnp.round(sizing.period * jnp.exp(review)), 1.0)
        return review, jnp.round(phase * review)


@struct.dataclass(kw_only=True)
class PeriodicReview(Reviewed):
    """(R, S): fixed levels, reviewed every R periods, so that the cells of a location share deliveries."""

    level: Array = struct.leaf()  # order-up-to level S

    def levels(self, env: Any, state: Any, params: Any) -> Array:
        return self.per_cell("level", env)

    @classmethod
    def from_factors(cls, sizing: Sizing, *, safety: Array, review: Array, phase: Array) -> "PeriodicReview":
        review, phase = cls.schedule(sizing, review, phase)
        return cls(review=review, phase=phase, level=sizing.level(review, safety))


@struct.dataclass(kw_only=True)
class ForecastBaseStock(Reviewed):
    """(R, S) whose levels are made of the forecast: what the lead time and the review period are expected to demand,
    and ``safety`` times the moving deviation of the forecast's error over as many periods. The forecast knows the
    calendar, announced promotions included, and by the weight ``adaptation`` the recent level of sales."""

    FACTORS: ClassVar = {**Reviewed.FACTORS, "adaptation": Factor(0.3, 0.3, per="location")}

    safety: Array = struct.leaf()  # standard deviations
    adaptation: Array = struct.leaf(1.0)  # [W] 0: the calendar alone, 1: all of what recent sales say

    def levels(self, env: Any, state: Any, params: Any) -> Array:
        periods = env.lead_time_mean(params)[:, None] + jnp.round(self.per_cell("review", env))
        expected = demand_ahead(env, state, params, periods, self.per_cell("adaptation", env))
        return expected + self.per_cell("safety", env) * jnp.sqrt(state.exo.variance * periods)

    @classmethod
    def from_factors(
        cls, sizing: Sizing, *, safety: Array, review: Array, phase: Array, adaptation: Array
    ) -> "ForecastBaseStock":
        review, phase = cls.schedule(sizing, review, phase)
        return cls(review=review, phase=phase, safety=sizing.safety + safety, adaptation=jnp.clip(adaptation, 0.0, 1.0))


@struct.dataclass(kw_only=True)
class JointQuantity(Heuristic):
    """(Q, S): when the cells of a location are together short of their levels by ``quantity`` units, all are raised to
    them (Renberg and Planche 1967). Unlike a fixed review period it waits where demand was low."""

    FACTORS: ClassVar = {
        "safety": Factor(0.0, 0.7),
        "lot": Factor(0.0, 0.5, per="location"),  # log of the periods that levels cover besides the lead time
        "trigger": Factor(0.0, 0.4, per="location"),  # log of the quantity in the mean demand of as many periods
    }

    level: Array = struct.leaf()  # order-up-to level S
    quantity: Array = struct.leaf(low=0.0)  # [W] units short, all cells together

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        short = jnp.maximum(self.per_cell("level", env) - position, 0.0)
        due = jnp.sum(short, -1, keepdims=True) >= self.per_cell("quantity", env)
        return jnp.where(due, short, 0.0)

    @classmethod
    def from_factors(cls, sizing: Sizing, *, safety: Array, lot: Array, trigger: Array) -> "JointQuantity":
        periods = jnp.maximum(sizing.period * jnp.exp(lot), 1.0)
        demand = jnp.sum(sizing.mean * periods, 1, keepdims=True)
        return cls(level=sizing.level(periods, safety), quantity=(demand * jnp.exp(trigger))[:, 0])


@struct.dataclass(kw_only=True)
class CanOrder(Heuristic):
    """(s, c, S): when a cell falls to ``reorder`` or below, all cells of its location at ``can_order`` or below are
    raised to ``up_to`` (Balintfy 1964, Management Science 10(2))."""

    FACTORS: ClassVar = {
        "safety": Factor(0.0, 0.7),  # of up_to
        "lot": Factor(0.0, 0.5),  # log of the periods that up_to covers besides the lead time, in economic periods
        "trigger": Factor(-0.5, 1.0),  # safety of reorder
        "joining": Factor(2.0, 1.0),  # logit of (c - s) / (S - s)
    }

    reorder: Array = struct.leaf()  # s
    can_order: Array = struct.leaf()  # c
    up_to: Array = struct.leaf()  # S

    def orders(self, position: Array, env: Any, state: Any, params: Any) -> Array:
        must = position <= self.per_cell("reorder", env)
        may = position <= self.per_cell("can_order", env)
        joined = must | (may & jnp.any(must, -1, keepdims=True))
        return jnp.where(joined, self.per_cell("up_to", env) - position, 0.0)

    @classmethod
    def from_factors(cls, sizing: Sizing, *, safety: Array, lot: Array, trigger: Array, joining: Array) -> "CanOrder":
        up_to = sizing.level(jnp.maximum(sizing.period * jnp.exp(lot), 1.0), safety)
        reorder = jnp.minimum(sizing.level(jnp.float32(1), trigger), up_to) - 1.0
        return cls(reorder=reorder, can_order=reorder + (up_to - reorder) * jax.nn.sigmoid(joining), up_to=up_to)
