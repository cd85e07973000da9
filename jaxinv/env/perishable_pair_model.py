"""States, actions and outcomes of ``PerishablePair-v0``, numbered for exact solvers."""

from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.stats import binom

from jaxinv.demand import DemandState
from jaxinv.env.demand_driven import ExoState
from jaxinv.env.finite import Lattice
from jaxinv.env.perishable_model import demand_tables, over_periods, useful_order
from jaxinv.env.perishable_pair import Exogenous, Params, PerishablePair, State


def finite_model(env: PerishablePair, params: Params, *, max_order: tuple[int, int] | None = None) -> "PairModel":
    """The numbered problem for whole units: for concrete ``params``, and others like them.

    The default of ``max_order``, the largest orders of a and b, loses nothing where units come singly and there is no
    minimum order: see ``perishable_model.finite_model``, for the demand for b, and for a with that of everyone who
    would take it for b.

    Raises ``ValueError`` for batch sizes that are not whole, ``NotImplementedError`` where demand has no finite
    support.
    """
    batch = np.asarray(params.batch_size, np.float64)
    if (batch != np.round(batch)).any():
        raise ValueError(f"a finite model needs whole units: PerishablePair.batch_size must be whole, got {batch}")
    tables = demand_tables(params.demand)
    largest = max_order or (_useful_order(env, params, tables, 0), _useful_order(env, params, tables, 1))
    batches = tuple(int(np.ceil(largest[i] / batch[i])) for i in range(2))
    orders = tuple(int(batches[i] * batch[i]) for i in range(2))
    sizes = (*(1 + orders[0],) * env.shelf_life, *(1 + orders[1],) * env.shelf_life, len(tables))
    return PairModel(
        env=env,
        max_batches=(batches[0], batches[1]),
        max_order=(orders[0], orders[1]),
        lattice=Lattice(low=(0,) * len(sizes), sizes=sizes),
        num_demands=max(table.shape[-1] for table in tables),
    )


def _useful_order(env: PerishablePair, params: Params, tables: list[np.ndarray], product: int) -> int:
    demands = [table[product] for table in tables]
    if product == 0:
        demands = [np.convolve(table[0], _thinned(table[1], float(params.substitution))) for table in tables]
    # A unit less of one product may cost the sale of a unit of either.
    worth = jnp.max(params.price + params.stockout_cost)
    numbers = {name: getattr(params, name)[product] for name in ("unit_cost", "waste_cost")}
    single = params.replace(price=worth, stockout_cost=jnp.float32(0), **numbers)  # type: ignore[attr-defined]
    lives = over_periods(demands, env.shelf_life)
    return max(int(params.minimum_order[product]), *(useful_order(life, env.shelf_life, single) for life in lives))


def _thinned(demand: np.ndarray, probability: float) -> np.ndarray:
    """Probabilities of 0, 1, ... customers who would take the other product: each with this ``probability``."""
    one = np.array([1.0 - probability, probability])
    kept, power = np.zeros(len(demand)), np.ones(1)
    for share in demand:
        kept[: len(power)] += share * power
        power = np.convolve(power, one)
    return kept


@dataclass(frozen=True)
class PairModel:
    """States and actions of :class:`PerishablePair`, numbered (see ``env.finite.FiniteModel``): stock of a and of b by
    age and the day in the cycle of demand; orders of 0.. batches of each.

    Outcomes that leave the same stock are one. The demand that stands for them, which need not be whole, is such that
    sales, waste and losses are what is expected of them; those who took a for b are part of the demand for a.
    """

    env: PerishablePair
    max_batches: tuple[int, int]
    max_order: tuple[int, int]  # units
    lattice: Lattice
    num_demands: int

    @property
    def num_states(self) -> int:
        return len(self.lattice)

    @property
    def num_actions(self) -> int:
        return (self.max_batches[0] + 1) * (self.max_batches[1] + 1)

    def index_to_state(self, index: Array, params: Params, time: Array | int = 0) -> State:
        *quantities, day = self.lattice.vector(index)
        units = tuple(jnp.asarray(quantity, jnp.float32) for quantity in quantities)
        stock = units[: self.env.shelf_life], units[self.env.shelf_life :]
        return State(time=jnp.asarray(time, jnp.int32), exo=ExoState(demand=DemandState(day=day)), stock=stock)

    def state_to_index(self, state: State, params: Params) -> Array:
        return self.lattice.index((*state.stock[0], *state.stock[1], state.exo.demand.day % params.demand.cycle))

    def index_to_action(self, index: Array, params: Params) -> Array:
        return jnp.stack(jnp.divmod(index, self.max_batches[1] + 1)) * params.batch_size

    def action_mask(self, state: State, params: Params) -> Array:
        """Orders that reach ``minimum_order``; ordering nothing always is legal."""
        orders = jax.vmap(self.index_to_action, (0, None))(jnp.arange(self.num_actions), params)
        return jnp.all((orders >= params.minimum_order[None]) | (orders == 0), 1)

    def exogenous_support(self, state: State, action: Array, params: Params) -> tuple[Exogenous, Array]:
        values, probabilities = params.demand.law(state.exo.demand).support(self.num_demands)
        d = jnp.arange(self.num_demands, dtype=probabilities.dtype)
        for_a, for_b = probabilities @ (values[:, None] == d[None])
        tables = self._substitution(for_a, for_b, params.substitution)
        stock_a, stock_b = (reduce(jnp.add, stock) for stock in state.stock)
        levels = stock_a.astype(int), stock_b.astype(int)
        bins_a, bins_b = (max((self.env.shelf_life - 1) * largest, 1) + 1 for largest in self.max_order)

        # Where b does not run out, the two demands are independent; each is put into bins by what it leaves.
        left_a = _left(d, state.stock[0], stock_a, bins_a)
        left_b = _left(d, state.stock[1], stock_b, bins_b)
        probability_a, probability_b = for_a @ left_a, for_b @ left_b
        demand_a = _stand_in((for_a * d) @ left_a / _positive(probability_a), state.stock[0], stock_a)
        demand_b = _stand_in((for_b * d) @ left_b / _positive(probability_b), state.stock[1], stock_b)

        # Where it does, a is asked for by customers for either.
        z = jnp.arange(tables.asked.shape[1], dtype=for_a.dtype)
        left_z = _left(z, state.stock[0], stock_a, bins_a)
        asked = tables.asked[levels[1]]
        probability_z = asked @ left_z
        refused = jnp.where(jnp.arange(bins_a) == bins_a - 1, tables.refused[levels], 0.0)
        demand_z = ((asked * z) @ left_z - refused) / _positive(probability_z)
        demand_z = _stand_in(demand_z, state.stock[0], stock_a)
        lost_b = jnp.maximum(tables.gone[levels[1]] @ left_z + refused, 0.0) / _positive(probability_z)

        last = jnp.arange(bins_b)[None] == bins_b - 1
        grid = (bins_a, bins_b)
        demand = (
            jnp.where(last, demand_z[:, None], demand_a[:, None]),
            jnp.where(last, stock_b + lost_b[:, None], jnp.broadcast_to(demand_b[None], grid)),
        )
        probabilities = jnp.where(last, probability_z[:, None], probability_a[:, None] * probability_b[None]).ravel()
        following = ExoState(demand=params.demand.advance(jnp.zeros(0), state.exo.demand))
        exo = Exogenous(
            demand=jnp.stack([jnp.ravel(units) for units in demand], -1),
            acceptance=jnp.zeros(probabilities.shape),  # nobody more asks for a
            next=jax.tree.map(lambda x: jnp.broadcast_to(x, probabilities.shape), following),
        )
        return exo, probabilities

    def _substitution(self, for_a: Array, for_b: Array, probability: Array) -> "_Substitution":
        d = jnp.arange(self.num_demands, dtype=for_a.dtype)
        stock_a, stock_b = (jnp.arange(self.env.shelf_life * largest + 1) for largest in self.max_order)
        accept = binom.pmf(d[None], d[:, None], probability)  # [x, u]: of x customers, u ask for a
        excess = (stock_b[:, None, None] + d[None, :, None] == d[None, None]) @ for_b  # [B, x]: x find no b
        asking = excess @ accept
        gone = (excess * d[None]) @ accept - asking * d[None]  # x - u, weighted
        z = jnp.arange(2 * self.num_demands - 1, dtype=for_a.dtype)
        others = (z[None, None] - d[:, None, None] == d[None, :, None]).astype(for_a.dtype)  # [u, d, z]: d + u = z
        others = jnp.einsum("d,udz->uz", for_a, others)
        over = d[None, :, None] + d[None, None] - stock_a[:, None, None]
        over = jnp.clip(over, 0.0, d[None, None])  # [A, d, u]: of the u, a has not enough for
        return _Substitution(
            asked=asking @ others,
            gone=gone @ others,
            refused=jnp.einsum("d,adu,bu->ab", for_a, over, asking),
        )


class _Substitution(NamedTuple):
    """What happens where b runs out, by stock of a (A) and b (B); weighted with its probability."""

    asked: Array  # [B, z] that a is asked for by z customers, of either product
    gone: Array  # [B, z] expected number of customers for b who then do not ask for a
    refused: Array  # [A, B] expected number of customers for b who ask for a in vain


def _left(demand: Array, stock: tuple[Array, ...], total: Array, bins: int) -> Array:
    """One-hot [n, bins] of what ``demand`` [n] leaves of ``stock``, ``total`` in all, oldest first: the last bin
    where it is at least the stock, else bin k where it takes k of the units that are not in their last period."""
    younger = jnp.clip(demand - stock[-1], 0, bins - 1)
    index = jnp.where(demand >= total, bins - 1, younger)
    return (index[:, None] == jnp.arange(bins)[None]).astype(demand.dtype)


def _stand_in(mean: Array, stock: tuple[Array, ...], total: Array) -> Array:
    """The demand [bins] that stands for those of a bin, given its ``mean`` there. It leaves whole units, whatever the
    rounding of the mean, of all but what is wasted."""
    bins = jnp.arange(len(mean))
    whole = jnp.where(bins == 0, jnp.minimum(mean, stock[-1]), stock[-1] + bins)
    return jnp.where(bins == len(mean) - 1, jnp.maximum(mean, total), whole)


def _positive(probability: Array) -> Array:
    return jnp.where(probability > 0.0, probability, 1.0)
