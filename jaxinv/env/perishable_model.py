"""States, actions and outcomes of ``Perishable-v0``, numbered for exact solvers."""

import math
from dataclasses import dataclass
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import gammaln, xlogy

from jaxinv.demand import Demand, DemandState
from jaxinv.env.finite import Lattice, joint_support
from jaxinv.env.perishable import Exogenous, ExoState, Params, Perishable, State


def finite_model(
    env: Perishable, params: Params, *, max_order: int | None = None, max_stock: int | None = None
) -> "PerishableModel":
    """The numbered problem for whole units: for concrete ``params``, and others like them.

    ``max_order`` is the largest order, ``max_stock`` the most units of one age (default: the largest order; more can
    only come together where life is random, and are then not accepted).

    The default ``max_order`` loses nothing where life is certain, units come singly and there is no minimum order; it
    is generous otherwise. An order lives for m periods. If these demand fewer than n units, the n-th of the order is
    wasted, as it is the last of its age to be sold; if not, it saves at most one lost sale. So it does not pay if,
    with D the demand of m periods and g the discount factor,
    unit_cost + g^(m - 1) waste_cost P(D < n) >= (price + stockout_cost) P(D >= n).

    Raises ``ValueError`` for a batch size that is not whole, ``NotImplementedError`` where demand has no finite
    support.
    """
    units = float(params.batch_size)
    if units != round(units):
        raise ValueError(f"a finite model needs whole units: Perishable.batch_size must be whole, got {units}")
    tables = demand_tables(params.demand)
    if max_order is None:
        lives = over_periods([_total(table) for table in tables], env.shelf_life)
        max_order = max(int(params.minimum_order), *(useful_order(life, env.shelf_life, params) for life in lives))
    batches = math.ceil(max_order / units)
    max_order = int(batches * units)
    stock = (1 + (max_order if max_stock is None else max_stock),) * env.num_classes
    sizes = (*stock, *(1 + max_order,) * max(env.lead_time - 1, 0), len(tables))
    return PerishableModel(
        env=env,
        max_batches=batches,
        max_order=max_order,
        lattice=Lattice(low=(0,) * len(sizes), sizes=sizes),
        num_demands=max(table.shape[-1] for table in tables),
    )


def demand_tables(demand: Demand) -> list[np.ndarray]:
    """Probabilities [*shape, n] of 0, 1, ... units, an array for every period of the demand's cycle."""
    tables = []
    for day in range(demand.cycle):
        values, probabilities = demand.law(DemandState(day=jnp.int32(day))).support()
        units, weights = np.asarray(values).astype(int), np.asarray(probabilities).astype(np.float64)
        tables.append(np.zeros((*weights.shape[:-1], units[-1] + 1)))
        tables[-1][..., units] = weights / weights.sum(-1, keepdims=True)
    return tables


def over_periods(tables: list[np.ndarray], periods: int) -> list[np.ndarray]:
    """Probabilities of 0, 1, ... units in ``periods`` successive periods, for every period that they may begin in."""
    successive = [[tables[(day + ahead) % len(tables)] for ahead in range(periods)] for day in range(len(tables))]
    return [reduce(np.convolve, several) for several in successive]


def useful_order(life: np.ndarray, shelf_life: int, params: Any) -> int:
    """Largest order whose last unit may pay, see :func:`finite_model`; ``life``: probabilities of 0, 1, ... units
    demanded in the ``shelf_life`` periods that it lives."""
    unsold = np.concatenate([[0.0], np.cumsum(life)])  # P(D < n)
    waste = float(params.discount) ** (shelf_life - 1) * float(params.waste_cost)
    pays = float(params.unit_cost) + waste * unsold < float(params.price + params.stockout_cost) * (1.0 - unsold)
    return int(np.sum(pays[1:]))


def _total(table: np.ndarray) -> np.ndarray:
    """Probabilities of what all streams [*shape, n] demand together."""
    return reduce(np.convolve, table.reshape(-1, table.shape[-1]))


@dataclass(frozen=True)
class PerishableModel:
    """States and actions of :class:`Perishable`, numbered (see ``env.finite.FiniteModel``): stock by age, outstanding
    orders and the day in the cycle of demand; orders of 0.. batches."""

    env: Perishable
    max_batches: int
    max_order: int  # units
    lattice: Lattice
    num_demands: int

    @property
    def num_states(self) -> int:
        return len(self.lattice)

    @property
    def num_actions(self) -> int:
        return self.max_batches + 1

    def index_to_state(self, index: Array, params: Params, time: Array | int = 0) -> State:
        *quantities, day = self.lattice.vector(index)
        units = tuple(jnp.asarray(quantity, jnp.float32) for quantity in quantities)
        return State(
            time=jnp.asarray(time, jnp.int32),
            exo=ExoState(demand=DemandState(day=day)),
            stock=units[: self.env.num_classes],
            pipeline=units[self.env.num_classes :],
        )

    def state_to_index(self, state: State, params: Params) -> Array:
        return self.lattice.index((*state.stock, *state.pipeline, state.exo.demand.day % params.demand.cycle))

    def index_to_action(self, index: Array, params: Params) -> Array:
        return index * params.batch_size

    def action_mask(self, state: State, params: Params) -> Array:
        """Orders that reach ``minimum_order``; ordering nothing always is legal."""
        orders = jnp.arange(self.num_actions) * params.batch_size
        return (orders >= params.minimum_order) | (orders == 0)

    def exogenous_support(self, state: State, action: Array, params: Params) -> tuple[Exogenous, Array]:
        values, probabilities = params.demand.law(state.exo.demand).support(self.num_demands)
        mixed = self.env.issuing == "mixed"
        supports: list[Any] = [(values, stream) for stream in (probabilities if mixed else [probabilities])]
        if self.env.random_shelf_life:
            supports.append(self._arriving((*state.pipeline, action)[0], params))
        outcomes, probabilities = joint_support(supports)
        following = params.demand.advance(jnp.zeros(0), state.exo.demand)
        exo = Exogenous(
            demand=jnp.stack(outcomes[:2], -1) if mixed else outcomes[0],
            arriving=outcomes[-1] if self.env.random_shelf_life else (),
            next=ExoState(demand=jax.tree.map(lambda x: jnp.broadcast_to(x, probabilities.shape), following)),
        )
        return exo, probabilities

    def _arriving(self, units: Array, params: Params) -> tuple[tuple[Array, ...], Array]:
        """All that ``units`` can be when they arrive, by life, longest first, and its probability."""
        grid = np.indices((self.max_order + 1,) * (self.env.shelf_life - 1)).reshape(self.env.shelf_life - 1, -1)
        longer = jnp.asarray(grid[:, grid.sum(0) <= self.max_order], jnp.float32)
        counts = (*longer, units - jnp.sum(longer, 0))
        log_ways = gammaln(units + 1.0) - sum(gammaln(jnp.maximum(count, 0.0) + 1.0) for count in counts)
        shares = jax.nn.softmax(self.env.life_logits(units, params))
        probabilities = jnp.exp(log_ways + sum(xlogy(n, p) for n, p in zip(counts, shares, strict=True)))
        return counts, jnp.where(counts[-1] >= 0.0, probabilities, 0.0)
