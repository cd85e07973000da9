"""What the adapters are tried on."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.env import core, make, spaces
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.env.wrappers import DiscreteOrders, FlattenObservation, OrderUpTo


def lost_sales(length: int = 100, max_position: float = 1e9) -> tuple[core.Environment, Any]:
    """Lost sales with lead time 2, Poisson demand of 5, penalty 4: scalar actions and vectors of observations."""
    bare, _ = make("SingleItem-v0", lead_time=2)
    params = bare.make_params(stockout_cost=4.0, max_steps_in_episode=length)  # type: ignore[attr-defined]
    return DiscreteOrders(bare, max_order=10, max_position=max_position), params


def one_warehouse(length: int = 100, max_position: float = 1e9) -> tuple[core.Environment, Any]:
    """Much the same; actions are arrays [1, 1]."""
    bare = MultiWarehouse(1, 1, max_lead_time=2, transfers=False)
    params = bare.make_params(max_steps_in_episode=length)  # type: ignore[arg-type]
    return FlattenObservation(DiscreteOrders(bare, max_order=10, max_position=max_position)), params


def any_order(length: int = 100) -> tuple[core.Environment, Any]:
    """Actions are real numbers []."""
    bare, _ = make("SingleItem-v0", lead_time=2)
    return OrderUpTo(bare), bare.make_params(max_steps_in_episode=length)  # type: ignore[attr-defined]


def warehouses(length: int = 3) -> tuple[core.Environment, Any]:
    """Actions are structs of boxes, observations arrays [2, 3, F]."""
    env = MultiWarehouse(2, 3, max_lead_time=2)
    return env, env.make_params(max_steps_in_episode=length)  # type: ignore[arg-type]


@struct.dataclass
class Parts:
    """Fields in an order that is not that of the alphabet."""

    units: Array  # [2] of 0..3
    choice: Array  # [1, 1] of 0..4
    amount: Array  # [] in [0, 1]


@dataclasses.dataclass(frozen=True)
class Counter(core.Environment):
    """Deterministic. Rewards tell every part of the action apart; periods are observed; the episode ends by itself
    after ``end`` periods, if not cut before by a time limit."""

    end: int = 3

    def default_params(self) -> Any:
        return core.EnvParams()

    def num_uniforms(self, params):
        return 0

    def init_state(self, u, params):
        return core.EnvState(time=jnp.int32(0), exo=())

    def exogenous(self, u, state, params):
        return core.Exogenous(next=())

    def transition(self, state, action, exo, params):
        reward = worth(action.units, action.choice[0, 0], action.amount)
        following = core.EnvState(time=state.time + 1, exo=())
        ledger = {"earned": reward}
        return following, core.Outcome(reward=reward, terminated=following.time >= self.end, ledger=ledger)

    def observe(self, state, params):
        return {"time": jnp.float32(state.time), "even": jnp.int32(state.time % 2)[None]}

    def observation_space(self, params):
        return spaces.Tree({"time": spaces.Box(np.float32(0), np.float32(self.end)), "even": spaces.Discrete(2, (1,))})

    def action_space(self, params):
        amount = spaces.Box(np.float32(0), np.float32(1))
        parts = Parts(spaces.Discrete(4, (2,)), spaces.Discrete(5, (1, 1)), amount)  # type: ignore[arg-type]
        return spaces.Tree(parts)


@dataclasses.dataclass(frozen=True)
class Units(Counter):
    """An action is an array of two discrete entries."""

    def transition(self, state, action, exo, params):
        return super().transition(state, Parts(action, jnp.zeros((1, 1)), jnp.float32(0)), exo, params)

    def action_space(self, params):
        return spaces.Discrete(4, (2,))


def worth(units: Any, choice: Any, amount: Any) -> Any:
    """The reward of :class:`Counter`."""
    return 1000.0 * units[0] + 100.0 * units[1] + 10.0 * choice + jnp.squeeze(amount)
