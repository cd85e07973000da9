"""Shocks that any environment can carry: supplier outages, lost capacity, late deliveries, demand surges and collapses,
and jumps of costs."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.demand.unexpected import Unexpected
from jaxinv.env import core, dynamics, spaces
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.given import structure
from jaxinv.env.regimes import Chain, Schedule
from jaxinv.env.wrappers import ActionWrapper, Wrapper


@struct.dataclass(kw_only=True)
class Shocks(struct.Typed):
    """What each of R regimes changes; see :meth:`Shocked.make_params`."""

    regimes: Schedule | Chain
    demand: Array = struct.leaf(low=0.0)  # [R, ...] factor on demand, broadcast to its shape
    waits: Array = struct.leaf(low=0.0, high=1.0)  # [R] part of what suppliers cannot ship that waits
    slip: Any  # int32 [R, ...] of every order: periods that suppliers get it later
    capacity: Any  # [R, ...] of every order: units that suppliers ship in a period
    factors: dict[str, Array]  # [R, ...] factors on numbers of the wrapped environment, by their names


class _Around:
    """Reads what it does not have itself from ``inner``, so that policies written for the wrapped environment see what
    they know: ``state.on_hand``, ``state.exo.demand``, ``params.stockout_cost``, ``path.demand``."""

    inner: Any

    def __getattr__(self, name: str) -> Any:
        if name == "inner" or name.startswith("__"):  # not there yet while a copy is being built
            raise AttributeError(name)
        return getattr(self.inner, name)


@struct.dataclass(kw_only=True)
class Params(core.EnvParams, _Around):
    inner: Any  # parameters of the wrapped environment in normal times; its time limit and discount do not count
    shocks: Shocks


@struct.dataclass(kw_only=True)
class ExoState(_Around):
    inner: Any  # of the wrapped environment
    regime: Array  # int32 [] of the coming period


@struct.dataclass(kw_only=True)
class Exogenous(core.Exogenous, _Around):
    inner: Any  # of the wrapped environment, without its next state


@struct.dataclass(kw_only=True)
class State(core.EnvState, _Around):
    inner: Any  # of the wrapped environment, without time and exogenous part, which are kept here
    waiting: Any  # units of every order that wait at its supplier
    delayed: Any  # [max_slip - 1, ...] of every order: entry k reaches its supplier k + 1 periods from now

    @property
    def bare(self) -> Any:
        """State of the wrapped environment."""
        return self.inner.replace(time=self.time, exo=self.exo.inner)

    @property
    def awaited(self) -> Any:  # type: ignore[override]
        """Units of every order that wait or slip."""
        return jax.tree.map(lambda waiting, delayed: waiting + jnp.sum(delayed, 0), self.waiting, self.delayed)


@dataclasses.dataclass(frozen=True)
class Shocked(Wrapper):
    """``env`` in changing regimes: regime 0 is normal times, every other one a shock with numbers of its own.

    A regime multiplies demand, and any numbers of the environment by name (costs, prices, capacities); and it limits
    what outside suppliers do: orders reach them ``slip`` periods later (0..``max_slip``), and of what has reached them
    and is not shipped yet they ship at most ``capacity`` units of every order (of every entry of the environment's
    ``supplier_orders``) in a period. Of the rest the part ``waits`` is shipped as soon as capacity allows, and
    the other part is cancelled. So an outage is a capacity of 0, and with all numbers neutral it is the wrapped
    environment.

    Order of events. Of a period of regime r, known at the moment of decision:

    1. Decision. Its orders from outside suppliers, and those that slipped until now, reach the suppliers. What these
       ship is the order that the wrapped environment sees, charges for and enters into its ledger; what waits or
       slips costs nothing yet.
    2. The wrapped environment's own order of events, with the numbers of regime r.
    3. The regime of the next period, by a :class:`Schedule` or a :class:`Chain`, whatever is decided.

    Orders may overtake: one placed after a slip has ended is not held up by those before it.

    Policies written for ``env`` act here unchanged: they read the wrapped environment's state, and its parameters of
    normal times. Positions (``inventory_position`` and the like) count what waits or slips, ``awaited``, so that
    nothing is ordered twice; a policy that reads pipelines entry by entry has to count it itself.

    Observation: that of ``env`` by the numbers now in force, every array of which is continued along its last axis by
    the regime of the coming period (one-hot, R) and, in units of the mean ``demand_scale``, what waits at suppliers
    and what slips, ``max(max_slip, 1)`` entries for every order: the cell's own where orders have the shape of the
    array's cells, else all of them. Action wrappers go around ``Shocked``, not into it.
    """

    max_slip: int = 0  # periods, the longest slip

    def __post_init__(self):
        structure(self, max_slip=0)
        inside = self.env
        while isinstance(inside, Wrapper):
            if isinstance(inside, ActionWrapper | Shocked):
                raise ValueError(f"Shocked.env must not be a {type(inside).__name__}: wrap that around Shocked")
            inside = inside.env

    def __getattr__(self, name: str) -> Any:
        if name == "finite_model":  # that of the wrapped environment knows of no shocks
            raise AttributeError("Shocked has no finite model")
        return super().__getattr__(name)

    # -- parameters -----------------------------------------------------------------------------------------------
    def default_params(self) -> Params:
        """Suppliers fail for 5 periods in the mean, 50 periods in the mean after the last time; orders wait."""
        regimes = Chain(transition=[[0.98, 0.02], [0.2, 0.8]])  # type: ignore[arg-type]
        return self.make_params(regimes, capacity=[UNLIMITED, 0.0])

    def make_params(
        self,
        regimes: Schedule | Chain,
        inner: Any = None,
        *,
        demand: Any = 1.0,
        slip: Any = 0,
        capacity: Any = UNLIMITED,
        waits: Any = 1.0,
        factors: Mapping[str, Any] | None = None,
    ) -> Params:
        """Parameters from those of ``env`` (``inner``; None: its defaults) and the numbers of the R regimes, first
        those of normal times: each [R], a single number that holds in all, or [R, ...] to be broadcast to the shape of
        what it is about (demand, an order, a number). ``slip`` and ``capacity`` may also be trees of such, one
        for each of the environment's orders: ``dual_sourcing.Action(regular=[1e9, 0.0], expedited=1e9)``.

        Raises ``ValueError`` for a name or a value that does not fit.
        """
        inner = self.env.default_params() if inner is None else inner
        count, orders = regimes.num_regimes, self.no_orders()
        named = {}
        for name, value in (factors or {}).items():
            if name not in (allowed := _numbers(inner)):
                owner = type(self.env).__name__
                raise ValueError(f"Shocked.factors: {owner} has no number {name!r}; it has {', '.join(allowed)}")
            named[name] = _rows(f"factors[{name!r}]", value, count, getattr(inner, name).shape)
        late = self._of_orders("slip", slip, count, orders)
        if any((leaf != np.round(leaf)).any() for leaf in jax.tree.leaves(late)):
            raise ValueError(f"Shocked.slip must be whole numbers of periods, got {slip!r}")
        if (highest := max(np.max(leaf, initial=0) for leaf in jax.tree.leaves(late))) > self.max_slip:
            raise ValueError(f"Shocked.slip must be <= max_slip = {self.max_slip}, got {highest:g}")
        return Params(
            max_steps_in_episode=inner.max_steps_in_episode,
            discount=inner.discount,
            inner=inner,
            shocks=Shocks(
                regimes=regimes,
                demand=_rows("demand", demand, count, inner.demand.shape),  # type: ignore[arg-type]
                waits=_rows("waits", waits, count, ()),  # type: ignore[arg-type]
                slip=jax.tree.map(lambda x: jnp.asarray(x, jnp.int32), late),
                capacity=jax.tree.map(jnp.asarray, self._of_orders("capacity", capacity, count, orders)),
                factors=jax.tree.map(jnp.asarray, named),
            ),
        )

    def no_orders(self) -> Any:
        """The orders from outside suppliers of an action that orders nothing."""
        return self.env.supplier_orders(self.env.order_action(jnp.zeros(self.env.cells, jnp.float32)))[0]

    def _of_orders(self, name: str, value: Any, count: int, orders: Any) -> Any:
        """``value`` for every order: [R, ...] each."""
        if isinstance(value, int | float | list | tuple | np.ndarray | Array):
            return jax.tree.map(lambda order: _rows(name, value, count, order.shape), orders)
        try:
            return jax.tree.map(lambda order, given: _rows(name, given, count, order.shape), orders, value)
        except (TypeError, ValueError) as error:
            if "Shocked." in str(error):
                raise
            structure = jax.tree.structure(orders)
            raise ValueError(f"Shocked.{name} must be an array or a tree like {structure}, got {value!r}") from None

    def in_force(self, state: State, params: Params) -> Any:
        """Parameters of the wrapped environment in the coming period."""
        regime, shocks = state.exo.regime, params.shocks
        changed = {name: getattr(params.inner, name) * factor[regime] for name, factor in shocks.factors.items()}
        return params.inner.replace(demand=Unexpected(params.inner.demand, shocks.demand[regime]), **changed)

    # -- exogenous information ------------------------------------------------------------------------------------
    def num_uniforms(self, params: Params) -> int:
        return self.env.num_uniforms(params.inner) + params.shocks.regimes.num_uniforms

    def num_initial_uniforms(self, params: Params) -> int:
        return self.env.num_initial_uniforms(params.inner)

    def exogenous(self, u: Array, state: State, params: Params) -> Exogenous:
        of_env = self.env.num_uniforms(params.inner)
        inner = self.env.exogenous(u[:of_env], state.bare, self.in_force(state, params))
        regime = params.shocks.regimes.following(u[of_env:], state.exo.regime, state.time)
        return Exogenous(inner=inner.replace(next=()), next=ExoState(inner=inner.next, regime=regime))

    # -- the transition -------------------------------------------------------------------------------------------
    def init_state(self, u: Array, params: Params) -> State:
        bare, orders = self.env.init_state(u, params.inner), self.no_orders()
        return State(
            time=bare.time,
            exo=ExoState(inner=bare.exo, regime=params.shocks.regimes.first()),
            inner=bare.replace(time=(), exo=()),
            waiting=orders,
            delayed=jax.tree.map(lambda x: jnp.zeros((max(self.max_slip - 1, 0), *x.shape), x.dtype), orders),
        )

    def transition(self, state: State, action: Any, exo: Exogenous, params: Params) -> tuple[State, core.Outcome]:
        # 1. what reaches the suppliers, and what they ship of it
        shocks, regime = params.shocks, state.exo.regime
        orders, put = self.env.supplier_orders(action)

        def supply(order, waiting, delayed, slip, capacity):
            late = jnp.broadcast_to(slip[regime], order.shape)
            delayed, reaching = dynamics.schedule(dynamics.extend(delayed, self.max_slip), order, late)
            wanted = waiting + reaching
            shipped = jnp.minimum(wanted, capacity[regime])
            due, delayed = dynamics.advance(delayed)
            return shipped, shocks.waits[regime] * (wanted - shipped) + due, delayed

        supplied = jax.tree.map(supply, orders, state.waiting, state.delayed, shocks.slip, shocks.capacity)
        shipped, waiting, delayed = jax.tree.transpose(jax.tree.structure(orders), None, supplied)

        # 2. and 3.
        bare, outcome = self.env.transition(
            state.bare, put(shipped), exo.inner.replace(next=exo.next.inner), self.in_force(state, params)
        )
        inner = bare.replace(time=(), exo=())
        return State(time=bare.time, exo=exo.next, inner=inner, waiting=waiting, delayed=delayed), outcome

    def expected_exogenous(self, state: State, params: Params, ahead: int | Array = 0) -> Exogenous:
        """What the wrapped environment expects, where it says so, while the regime stays what it is."""
        inner = self.env.expected_exogenous(state.bare, params.inner, ahead)
        return Exogenous(inner=inner.replace(next=()), next=state.exo)

    # -- spaces and observation -----------------------------------------------------------------------------------
    def action_space(self, params: Params) -> spaces.Space:
        return self.env.action_space(params.inner)

    def action_mask(self, state: State, params: Params) -> Any:
        return self.env.action_mask(state.bare, self.in_force(state, params))

    def native_action(self, action: Any, state: State, params: Params) -> Any:
        return self.env.native_action(action, state.bare, params.inner)

    def observation_space(self, params: Params) -> spaces.Space:
        orders, regimes, entries = self.no_orders(), params.shocks.regimes.num_regimes, max(self.max_slip, 1)

        def continued(space):
            *cells, features = space.shape
            per_cell = [1 if order.shape == tuple(cells) else order.size for order in jax.tree.leaves(orders)]
            return spaces.unbounded((*cells, features + regimes + entries * sum(per_cell)))

        space = self.env.observation_space(params.inner)
        if not isinstance(space, spaces.Tree):
            return continued(space)
        return spaces.Tree(jax.tree.map(continued, space.spaces, is_leaf=lambda x: isinstance(x, spaces.Space)))

    def observe(self, state: State, params: Params) -> Any:
        regime = jax.nn.one_hot(state.exo.regime, params.shocks.regimes.num_regimes)
        unit = jnp.mean(params.inner.demand_scale)
        owed = [units / unit for units in (*jax.tree.leaves(state.waiting), *_entries(state.delayed))]

        def continued(x):
            cells = x.shape[:-1]
            more = [units[..., None] if units.shape == cells else units.reshape(-1) for units in owed]
            more = [jnp.broadcast_to(feature, (*cells, feature.shape[-1])) for feature in (regime, *more)]
            return jnp.concatenate([x, *more], -1)

        return jax.tree.map(continued, self.env.observe(state.bare, self.in_force(state, params)))


def _numbers(params: Any) -> list[str]:
    """Names of the real parameters that a shock may change."""
    values = {field.name: getattr(params, field.name) for field in dataclasses.fields(params)}
    real = {name for name, x in values.items() if isinstance(x, Array) and jnp.issubdtype(x.dtype, jnp.floating)}
    return sorted(real - {"discount"})


def _rows(name: str, value: Any, count: int, shape: tuple[int, ...]) -> np.ndarray:
    """``value`` [R, ...] of every regime, to be broadcast to ``shape``; a single number holds in all."""
    rows = struct.check(f"Shocked.{name}", value, {"low": 0.0}).astype(np.float32)
    rows = np.full(count, rows) if rows.ndim == 0 else rows
    if len(rows) != count:
        raise ValueError(f"Shocked.{name} must have {count} entries, one per regime, got shape {rows.shape}")
    try:
        fits = np.broadcast_shapes(rows.shape[1:], shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"Shocked.{name} must be of shape {(count,)} or {(count, *shape)}, got {rows.shape}")
    # As many axes as what it meets, for those who forbid to broadcast over missing ones.
    return rows.reshape(count, *(1,) * (len(shape) - rows.ndim + 1), *rows.shape[1:]) if rows.ndim > 1 else rows


def _entries(delayed: Any) -> list[Array]:
    return [row for leaf in jax.tree.leaves(delayed) for row in leaf]
