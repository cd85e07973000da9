"""The states and actions of ``SingleItem``, numbered."""

import dataclasses
import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.stats import binom

from jaxinv.demand import DemandState
from jaxinv.demand.lead_time import fractile, lead_time_demand
from jaxinv.env.finite import Lattice, joint_support
from jaxinv.env.single_item import Exogenous, ExoState, Params, SingleItem, State


def finite_model(
    env: SingleItem, params: Params, max_order: int | None, max_position: int | None, min_inventory: int | None
) -> "SingleItemModel":
    """See ``SingleItem.finite_model``."""
    share, batch, demand = float(params.backlog_share), float(params.batch_size), params.demand
    if share not in (0.0, 1.0) or batch != round(batch):
        raise ValueError(
            f"a finite model needs whole units: SingleItem.backlog_share 0 or 1, got {share}, and a whole batch_size, "
            f"got {batch}"
        )
    penalty, holding = float(params.stockout_cost + params.price), float(params.holding_cost)
    cycle = range(demand.cycle)

    def level(periods: int) -> int:
        ratio = penalty / max(penalty + holding, 1e-9)
        return max(fractile(lead_time_demand(demand, periods, day), ratio) for day in cycle)

    positions = tuple(level(env.lead_time + 1 - k) for k in range(env.lead_time + 1))
    extra = math.ceil(2 * math.sqrt(2 * float(params.fixed_order_cost) * float(demand.mean()) / max(holding, 1e-6)))
    lot = math.ceil(max(batch, float(params.minimum_order)))
    extra += lot if lot > 1 else 0  # a last batch may exceed what is needed by itself
    proved = share == 0.0 and not extra and len(cycle) == 1
    if not proved or env.random_lead_time or env.supply_yield != "certain":
        supply = max(float(params.yield_probability), 0.1)
        order, position = (math.ceil((units + extra) / supply) for units in (positions[-1], positions[0]))
        positions = (position, *(position,) * (env.lead_time - 1), order)
    largest = positions[0] if max_position is None else max_position
    lowest = 0 if min_inventory is None else min_inventory
    if share == 1.0 and min_inventory is None:
        lowest = -max(len(lead_time_demand(demand, env.lead_time + 1, day)) for day in cycle) - extra
    if max_order is None:
        # With backlog and at once, an order may have to raise the lowest inventory to the highest.
        max_order = positions[-1] if share == 0.0 or env.lead_time else largest - lowest
    if max_order != positions[-1] or largest != positions[0]:
        positions = (largest,)
    outstanding = max(env.lead_time - 1, 0)
    # Orders with random lead times may come together.
    together = positions[1] if len(positions) > 1 else largest - lowest
    slot = max(together, max_order) if env.random_lead_time and env.lead_time else max_order
    return SingleItemModel(
        env=env,
        positions=positions,
        max_batches=int(max_order // batch),
        num_demands=max(len(lead_time_demand(demand, 1, day)) for day in cycle),
        lattice=Lattice(
            low=(lowest, *(0,) * outstanding, 0, 0),
            sizes=(
                largest - lowest + 1,
                *(slot + 1,) * outstanding,
                env.lead_time + 1 if env.random_lead_time else 1,
                demand.cycle,
            ),
        ),
    )


@dataclasses.dataclass(frozen=True)
class SingleItemModel:
    """States and actions of :class:`SingleItem`, numbered (see ``env.finite.FiniteModel``): inventory, outstanding
    orders, the last lead time where it is random, and the day in the cycle of demand; orders of 0.. batches."""

    env: SingleItem
    max_batches: int
    positions: tuple[int, ...]  # largest sums of what arrives from period l on, order included, for l = 0, 1, ...
    lattice: Lattice
    num_demands: int

    @property
    def num_states(self) -> int:
        return len(self.lattice)

    @property
    def num_actions(self) -> int:
        return self.max_batches + 1

    def index_to_state(self, index: Array, params: Params, time: Array | int = 0) -> State:
        *quantities, lead_time, day = self.lattice.vector(index)
        inventory, *pipeline = (jnp.asarray(units, jnp.float32) for units in quantities)
        return State(
            time=jnp.asarray(time, jnp.int32),
            exo=ExoState(demand=DemandState(day=day), lead_time=lead_time if self.env.random_lead_time else ()),
            inventory=inventory,
            pipeline=tuple(pipeline),
        )

    def state_to_index(self, state: State, params: Params) -> Array:
        lead_time = state.exo.lead_time if self.env.random_lead_time else jnp.int32(0)
        day = state.exo.demand.day % params.demand.cycle
        return self.lattice.index((state.inventory, *state.pipeline, lead_time, day))

    def index_to_action(self, index: Array, params: Params) -> Array:
        return index * params.batch_size

    def action_mask(self, state: State, params: Params) -> Array:
        """Orders within the bounds that reach ``minimum_order``; ordering nothing always is legal."""
        orders = jnp.arange(self.num_actions) * params.batch_size
        allowed = orders >= params.minimum_order
        for k, largest in enumerate(self.positions):
            allowed &= sum((state.inventory, *state.pipeline)[k:], orders) <= largest
        return allowed | (orders == 0)

    def exogenous_support(self, state: State, action: Array, params: Params) -> tuple[Exogenous, Array]:
        env, day = self.env, state.exo.demand
        lead_time, chance = jnp.full(1, env.lead_time), jnp.ones(1)
        if env.random_lead_time:
            lead_time, chance = jnp.arange(env.lead_time + 1), params.lead_time_probs
            lead_time = jnp.maximum(lead_time, state.exo.lead_time - 1)
        supply, given = jax.vmap(self._supply, (None, None, 0, None))(state, action, lead_time, params)
        orders = jnp.broadcast_to(lead_time[:, None], given.shape).ravel(), supply.ravel()
        (demand, (lead_time, supply)), probabilities = joint_support(
            [params.demand.law(day).support(self.num_demands), (orders, (chance[:, None] * given).ravel())]
        )

        def every(value: Array) -> Array:  # the same for all outcomes
            return jnp.broadcast_to(value, probabilities.shape)

        lead_time = lead_time if env.random_lead_time else ()
        following = jax.tree.map(every, params.demand.advance(jnp.zeros(0), day))
        exo = Exogenous(
            demand=demand,
            lead_time=lead_time,
            supply=() if env.supply_yield == "certain" else (supply, supply),
            next=ExoState(demand=following, lead_time=lead_time),
        )
        return exo, probabilities

    def _supply(self, state: State, action: Array, lead_time: Array, params: Params) -> tuple[Array, Array]:
        """Uniforms [n] that stand for all that can arrive of the next order, and the probabilities of that, where
        what is ordered now takes ``lead_time``."""
        p = params.yield_probability
        if self.env.supply_yield == "certain":
            return jnp.zeros(1), jnp.ones(1)
        if self.env.supply_yield == "all_or_nothing":
            return jnp.stack([p / 2, (1 + p) / 2]), jnp.stack([p, 1 - p])
        units = (state.pipeline[0] if state.pipeline else 0.0) + jnp.where(lead_time <= 1, action, 0.0)
        arriving = jnp.arange(self.lattice.sizes[1 if state.pipeline else 0])
        probabilities = binom.pmf(arriving, jnp.asarray(units, float), p)
        return jnp.cumsum(probabilities) - probabilities / 2, probabilities
