"""Environments around environments: flat observations, and action transforms.

Decoding is outside the model. An action wrapper offers its own action space and turns its actions into those of the
environment it wraps; state, exogenous information and costs stay the same, so a policy trained in a wrapper is
evaluated in it on the very paths on which heuristics act in the bare environment. Wrappers stack:
``OrderUpTo(RoundToBatches(env))`` rounds what the levels order.
"""

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.env import core, dynamics, spaces
from jaxinv.env.finite import FiniteModel


@dataclasses.dataclass(frozen=True)
class Wrapper(core.Environment):
    """Forwards everything to ``env``; subclasses override what they change."""

    env: Any

    def __getattr__(self, name: str) -> Any:
        if name == "env" or name.startswith("__"):  # not there yet while a copy is being built
            raise AttributeError(name)
        return getattr(self.env, name)

    def default_params(self) -> Any:
        return self.env.default_params()

    def num_uniforms(self, params: Any) -> int:
        return self.env.num_uniforms(params)

    def num_initial_uniforms(self, params: Any) -> int:
        return self.env.num_initial_uniforms(params)

    def init_state(self, u: Array, params: Any) -> Any:
        return self.env.init_state(u, params)

    def exogenous(self, u: Array, state: Any, params: Any) -> Any:
        return self.env.exogenous(u, state, params)

    def transition(self, state: Any, action: Any, exo: Any, params: Any) -> tuple[Any, core.Outcome]:
        return self.env.transition(state, action, exo, params)

    def observe(self, state: Any, params: Any) -> Any:
        return self.env.observe(state, params)

    def action_space(self, params: Any) -> spaces.Space:
        return self.env.action_space(params)

    def observation_space(self, params: Any) -> spaces.Space:
        return self.env.observation_space(params)

    def action_mask(self, state: Any, params: Any) -> Any:
        return self.env.action_mask(state, params)

    def native_action(self, action: Any, state: Any, params: Any) -> Any:
        return self.env.native_action(action, state, params)

    def encode(self, action: Any, state: Any, params: Any) -> Any:
        return self.env.encode(action, state, params)

    def flow(self) -> tuple[tuple[str, str, str], ...]:
        return self.env.flow()

    @property
    def outside_orders(self) -> Any:  # type: ignore[override]
        return self.env.outside_orders

    @property
    def cells(self) -> tuple[int, ...]:
        return self.env.cells

    def order_action(self, orders: Array, flows: Any = None) -> Any:
        return self.env.order_action(orders, flows)

    def placed_orders(self, action: Any) -> tuple[Any, Callable[[Any], Any]]:
        return self.env.placed_orders(action)

    def supplier_orders(self, action: Any) -> tuple[Any, Callable[[Any], Any]]:
        return self.env.supplier_orders(action)


class FlattenObservation(Wrapper):
    """Observation as one vector."""

    def observe(self, state: Any, params: Any) -> Array:
        return jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(self.env.observe(state, params))])

    def observation_space(self, params: Any) -> spaces.Box:
        return spaces.unbounded((spaces.size(self.env.observation_space(params)),))


class ActionWrapper(Wrapper):
    """An action transform: subclasses give ``action_space`` and ``decode``, and ``encode`` where heuristics are to be
    imitated."""

    def decode(self, action: Any, state: Any, params: Any) -> Any:
        """The wrapped environment's action."""
        raise NotImplementedError

    def encode(self, action: Any, state: Any, params: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not say which of its actions stands for another")

    def transition(self, state: Any, action: Any, exo: Any, params: Any) -> tuple[Any, core.Outcome]:
        return self.env.transition(state, self.decode(action, state, params), exo, params)

    def action_mask(self, state: Any, params: Any) -> Any:
        return None

    def native_action(self, action: Any, state: Any, params: Any) -> Any:
        return self.env.native_action(self.decode(action, state, params), state, params)


class _Amended(ActionWrapper):
    """Actions are those of the wrapped environment, and amended."""

    def encode(self, action: Any, state: Any, params: Any) -> Any:
        return self.env.encode(action, state, params)


class RoundToBatches(_Amended):
    """Orders rounded to the nearest multiple of ``batch_size``; what is below ``minimum_order`` is raised to it from
    its half on and dropped otherwise. Transfers are rounded down to whole units."""

    def decode(self, action: Any, state: Any, params: Any) -> Any:
        orders, put = self.env.placed_orders(action)
        batch, minimum = (jnp.broadcast_to(x, orders.shape) for x in (params.batch_size, params.minimum_order))
        raised = jnp.where(orders >= minimum / 2, jnp.maximum(orders, minimum), 0.0)
        # A minimum that is not a multiple of the batch needs the next one above.
        action = put(jnp.where(raised > minimum, jnp.round(raised / batch), jnp.ceil(raised / batch)) * batch)
        flows = getattr(action, "flows", None)
        return action if flows is None else action.replace(flows=jnp.floor(flows))


@dataclasses.dataclass(frozen=True)
class NearBatches(_Amended):
    """Orders drawn towards the nearest multiple of ``batch_size``, for learning along slopes what
    :class:`RoundToBatches` then rounds: steps that are smooth, so that a network need not be precise to order nearly
    whole batches.

    An order halfway between multiples stays where it is and has the slope 1 + ``pull``, one at a multiple 1 - ``pull``.

    Raises ``ValueError`` if ``pull`` is not between 0 and 1.
    """

    pull: float = 0.8

    def __post_init__(self):
        if not 0.0 <= self.pull <= 1.0:
            raise ValueError(f"NearBatches.pull must be between 0 and 1, got {self.pull}")

    def decode(self, action: Any, state: Any, params: Any) -> Any:
        orders, put = self.env.placed_orders(action)
        turn = 2 * jnp.pi / jnp.broadcast_to(params.batch_size, orders.shape)
        return put(orders - self.pull * jnp.sin(turn * orders) / turn)


@dataclasses.dataclass(frozen=True)
class DiscreteOrders(ActionWrapper):
    """Orders of 0..``max_order`` batches in every cell; no transfers.

    Orders that would raise the inventory position above ``max_position`` [units] are masked. With lost sales the
    newsvendor level over lead time plus one period loses nothing (Zipkin 2008, Operations Research 56(5), sec. 3),
    and without a bound an untrained policy fills the warehouse for longer than it takes to unlearn ordering.
    """

    max_order: int = 20
    max_position: float = dynamics.UNLIMITED

    def action_space(self, params: Any) -> spaces.Discrete:
        return spaces.Discrete(self.max_order + 1, self.env.cells)

    def decode(self, action: Array, state: Any, params: Any) -> Any:
        return self.env.order_action(action * jnp.broadcast_to(params.batch_size, self.env.cells))

    def encode(self, action: Any, state: Any, params: Any) -> Array:
        orders, _ = self.env.placed_orders(self.env.encode(action, state, params))
        number = jnp.round(orders / jnp.broadcast_to(params.batch_size, self.env.cells))[..., None]
        return _nearest(jnp.abs(number - jnp.arange(self.max_order + 1)), self.action_mask(state, params))

    def action_mask(self, state: Any, params: Any) -> Array:
        """Legal orders, bool [*cells, max_order + 1]; ordering nothing always is."""
        batch = jnp.broadcast_to(params.batch_size, self.env.cells)[..., None]
        orders = batch * jnp.arange(self.max_order + 1).reshape((1,) * len(self.env.cells) + (-1,))
        minimum = jnp.broadcast_to(params.minimum_order, self.env.cells)[..., None]
        within = self.env.inventory_position(state)[..., None] + orders <= self.max_position
        return (orders == 0) | (within & (orders >= minimum))


@dataclasses.dataclass(frozen=True)
class EnumeratedActions(ActionWrapper):
    """The actions of a finite model by their numbers, of which those that the model's bounds forbid are masked: joint
    orders, orders from two suppliers, or whatever else belongs together, as one choice.

    ``model`` is one of the wrapped environment, or of the environment that this one wraps.
    """

    model: FiniteModel

    def action_space(self, params: Any) -> spaces.Discrete:
        return spaces.Discrete(self.model.num_actions)

    def decode(self, action: Array, state: Any, params: Any) -> Any:
        return self.model.index_to_action(action, params)

    def encode(self, action: Any, state: Any, params: Any) -> Array:
        numbers = jnp.arange(self.model.num_actions)
        listed = jax.vmap(self.model.index_to_action, (0, None))(numbers, params)
        wanted = self.env.encode(action, state, params)
        parts = jax.tree.map(lambda x, y: jnp.sum(jnp.abs(x - y[None]).reshape(len(x), -1), 1), listed, wanted)
        return _nearest(sum(jax.tree.leaves(parts)), self.action_mask(state, params))

    def action_mask(self, state: Any, params: Any) -> Array:
        """Legal actions, bool [num_actions]."""
        return self.model.action_mask(state, params)


@dataclasses.dataclass(frozen=True)
class OrderUpTo(ActionWrapper):
    """Order-up-to levels [*cells] in units: orders what the inventory position is short of them; no transfers.

    ``max_level`` bounds them: a number, or nested tuples in the shape of the cells. Without bounds a learner begins
    with levels of about 0, within bounds in their middle.
    """

    max_level: Any = math.inf  # units

    def action_space(self, params: Any) -> spaces.Box:
        return spaces.Box(np.float32(0), np.asarray(self.max_level, np.float32), self.env.cells)

    def decode(self, action: Array, state: Any, params: Any) -> Any:
        return self.env.order_action(self._short(action, state))

    def _short(self, level: Array, state: Any) -> Array:
        return jnp.maximum(level - self.env.inventory_position(state), 0.0)

    def encode(self, action: Any, state: Any, params: Any) -> Array:
        """Of an order of nothing the position itself, though every level below it says the same."""
        orders, _ = self.env.placed_orders(self.env.encode(action, state, params))
        return self.env.inventory_position(state) + orders


class OptionalOrderUpTo(OrderUpTo):
    """Whether to order at all, and up to which levels: ``{"order": 0 or 1 [*places], "level": [*cells]}``, where an
    order of a place, the first axis of the cells, costs something by itself. Learners that follow slopes, of which a
    fixed cost has none, choose the first as others do."""

    def action_space(self, params: Any) -> spaces.Tree:
        places = self.env.cells[:1]
        return spaces.Tree({"order": spaces.Discrete(2, places), "level": super().action_space(params)})

    def decode(self, action: dict[str, Array], state: Any, params: Any) -> Any:
        short = self._short(action["level"], state)
        order = action["order"].reshape(action["order"].shape + (1,) * (short.ndim - action["order"].ndim))
        return self.env.order_action(jnp.where(order == 1, short, 0.0))

    def encode(self, action: Any, state: Any, params: Any) -> dict[str, Array]:
        level = super().encode(action, state, params)
        ordered = level > self.env.inventory_position(state)
        return {"order": jnp.any(ordered, tuple(range(1, ordered.ndim))).astype(jnp.int32), "level": level}


def _nearest(distance: Any, legal: Array) -> Array:
    """Index along the last axis of the nearest legal choice, int32."""
    return jnp.argmin(jnp.where(legal, distance, jnp.inf), -1).astype(jnp.int32)


@struct.dataclass
class NetTransfer:
    """Orders with net transfer wishes in place of flows."""

    orders: Array  # [W, K]
    transfer: Array  # [W, K] units to receive (positive) or to give (negative)


class NetTransfers(ActionWrapper):
    """Net transfer wishes [W, K], moved along the cheapest lanes."""

    def action_space(self, params: Any) -> spaces.Tree:
        orders = self.env.action_space(params).spaces.orders
        return spaces.Tree(NetTransfer(orders=orders, transfer=spaces.unbounded(self.env.cells)))  # type: ignore

    def decode(self, action: NetTransfer, state: Any, params: Any) -> Any:
        return self.env.order_action(action.orders, self.env.transfer_flows(action.transfer, state, params))


_SHIFTS = (-1.0, -0.5, 0.0, 0.5, 1.0)  # in parts of the span, that choices stand for


@dataclasses.dataclass(frozen=True, eq=False)
class Steered(ActionWrapper):
    """Acting relative to a heuristic: in every period the action shifts the heuristic's parameters.

    ``policy`` is a pytree policy for the wrapped environment and ``steered`` names the fields of it that are shifted.
    The action is a dictionary of these fields with a box [-1, 1] in place of each parameter x, which becomes
    x + ``span`` (|x| + 1) a. At zero it is the heuristic itself, so learning starts from its cost; small actions have
    small consequences, so exploring is cheap; and the policy learned is a heuristic whose parameters depend on the
    state. Steer what decides: every further parameter adds the noise of its exploration.

    ``proportional``: x becomes x exp(``span`` a), for prices and other parameters that must stay positive.

    Of the fields that are ``chosen`` each a is one of five choices, -1, -1/2, 0, 1/2 or 1, in place of a box: for
    learners that follow slopes, which thresholds that decide when something happens do not have.

    A parameter of shape [W] or [W, K] is shifted per location or cell; give the policy parameters in the shapes in
    which they are to be shifted.
    """

    policy: Any
    steered: tuple[str, ...]
    span: float = 0.5
    proportional: bool = False
    chosen: tuple[str, ...] = ()

    def __post_init__(self):
        parameters = sorted(name for name, value in vars(self.policy).items() if value is not None)
        if not self.steered or not set(self.steered) <= set(parameters):
            raise ValueError(f"Steered.steered must name some of {', '.join(parameters)}; got {self.steered}")
        if not set(self.chosen) <= set(self.steered):
            raise ValueError(f"Steered.chosen must be among steered = {self.steered}; got {self.chosen}")
        # By value, as all environments compare, though the parameters are arrays.
        leaves, treedef = jax.tree.flatten(jax.tree.map(np.asarray, self.policy))
        values = treedef, tuple((x.shape, x.tobytes()) for x in leaves)
        options = self.env, self.steered, self.span, self.proportional, self.chosen
        object.__setattr__(self, "_identity", (*options, values))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Steered) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def action_space(self, params: Any) -> spaces.Tree:
        one = np.float32(1)

        def space(name: str, x: Any) -> Any:
            shape = np.shape(x)
            return spaces.Discrete(len(_SHIFTS), shape) if name in self.chosen else spaces.Box(-one, one, shape)

        fields = self._parameters().items()
        return spaces.Tree({name: jax.tree.map(partial(space, name), value) for name, value in fields})

    def decode(self, action: Any, state: Any, params: Any) -> Any:
        def shift(x: Array, a: Array) -> Array:
            return x * jnp.exp(self.span * a) if self.proportional else x + self.span * (jnp.abs(x) + 1.0) * a

        chosen = {name: jax.tree.map(lambda i: jnp.asarray(_SHIFTS)[i], action[name]) for name in self.chosen}
        shifted = jax.tree.map(shift, self._parameters(), action | chosen)
        policy = dataclasses.replace(self.policy, **shifted)
        return policy(self.env, state, params, jax.random.key(0))  # heuristics are deterministic

    def _parameters(self) -> dict[str, Any]:
        return {name: getattr(self.policy, name) for name in self.steered}
