"""The finite model of SingleItem: its numbers, and that what it lists is what the environment draws."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Cyclic, Empirical, Gamma, Modulated, Poisson, Weekly
from jaxinv.env import make
from jaxinv.env.single_item import SingleItem

MODELS = {
    "lost sales": (dict(lead_time=3), {}),
    "L0 backlog": (dict(lead_time=0), dict(backlog_share=1.0, fixed_order_cost=4.0)),
    "L2 backlog": (dict(lead_time=2), dict(backlog_share=1.0)),
    "random L1": (dict(lead_time=1, random_lead_time=True), {}),
    "random L2": (dict(lead_time=2, random_lead_time=True), {}),
    "binomial L0": (dict(lead_time=0, supply_yield="binomial"), dict(yield_probability=0.6)),
    "binomial L2": (dict(lead_time=2, supply_yield="binomial"), dict(yield_probability=0.6)),
    "binomial batches": (dict(lead_time=1, supply_yield="binomial"), dict(yield_probability=0.6, batch_size=3.0)),
    "binomial, random L2": (
        dict(lead_time=2, random_lead_time=True, supply_yield="binomial"), dict(yield_probability=0.6),
    ),
    "all or nothing": (dict(lead_time=1, supply_yield="all_or_nothing"), dict(yield_probability=0.6)),
    "weekly": (dict(lead_time=1), dict(demand=Modulated(Poisson(1.0), (Weekly(np.arange(7) / 3),)))),
    "cyclic": (dict(lead_time=2), dict(demand=Cyclic((Poisson(1.0), Poisson(3.0))))),
    "batches": (dict(lead_time=1), dict(batch_size=4.0, minimum_order=6.0)),
}  # fmt: skip


@functools.cache
def numbered(name):
    structure, numbers = MODELS[name]
    env = SingleItem(**structure)
    params = env.make_params(**{"demand": Poisson(1.5), "stockout_cost": 3.0, **numbers})
    return env, params, env.finite_model(params)


@pytest.mark.parametrize("name", MODELS)
def test_states_are_numbered_one_to_one(name):
    _, params, model = numbered(name)
    index = jnp.arange(model.num_states)
    there_and_back = jax.vmap(lambda i: model.state_to_index(model.index_to_state(i, params), params))
    np.testing.assert_array_equal(jax.jit(there_and_back)(index), index)
    assert hash(model) == hash(dataclasses.replace(model))


@pytest.mark.parametrize("name", MODELS)
def test_a_state_of_the_model_is_one_of_the_environment(name, key):
    env, params, model = numbered(name)
    _, state = env.reset(key, params)
    made = model.index_to_state(jnp.int32(3), params, 5)
    types = lambda state: jax.tree.map(lambda x: (x.shape, x.dtype), state.replace(exo=state.exo.lead_time))  # noqa: E731
    assert types(made) == types(state)
    assert made.time == 5


@pytest.mark.parametrize("name", MODELS)
def test_masks(name):
    """Legal orders are batches from the minimum on, keep within the bounds, and nothing may always be ordered."""
    _, params, model = numbered(name)

    @jax.jit
    @jax.vmap
    def all_of(index):
        state = model.index_to_state(index, params)
        return state, model.action_mask(state, params)

    states, mask = jax.tree.map(np.asarray, all_of(jnp.arange(model.num_states)))
    orders = np.asarray(jax.vmap(lambda i: model.index_to_action(i, params))(jnp.arange(model.num_actions)))
    np.testing.assert_array_equal(orders, float(params.batch_size) * np.arange(model.num_actions))
    assert mask[:, 0].all()
    assert mask[:, 1:].any()
    assert not mask[:, (orders > 0) & (orders < params.minimum_order)].any()
    position = np.asarray(states.inventory) + np.sum(states.pipeline, 0)
    after = position[:, None] + orders
    assert (after[mask & (orders > 0)] <= model.lattice.low[0] + model.lattice.sizes[0] - 1).all()


# Outcomes of which others have all: a lead time, a yield, a random lead time, or demand that changes, in another mix.
ALIKE = {"L2 backlog", "random L1", "binomial L2", "binomial batches", "cyclic"}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in ALIKE)) for name in MODELS])
def test_the_support_is_what_is_drawn(name):
    """The distribution of (next state, reward) from numbered outcomes against 20,000 draws, in some states."""
    env, params, model = numbered(name)
    rng = np.random.default_rng(3)
    keys = jax.random.split(jax.random.key(5), 20_000)

    @jax.jit
    def both(index, action):
        state = model.index_to_state(index, params)
        order = model.index_to_action(action, params)
        exo, probabilities = model.exogenous_support(state, order, params)
        listed, outcome = jax.vmap(env.transition, (None, None, 0, None))(state, order, exo, params)
        full = state.replace(
            exo=state.exo.replace(demand=params.demand.init(jnp.zeros(9)).replace(day=state.exo.demand.day))
        )
        drawn = jax.vmap(lambda key: env.transition(full, order, env.sample_exogenous(key, full, params), params))(keys)
        number = jax.vmap(lambda state: model.state_to_index(state, params))
        return (number(listed), outcome.reward, probabilities), (number(drawn[0]), drawn[1].reward)

    looked_at = 0
    while looked_at < 4:
        index = rng.integers(model.num_states)
        state = model.index_to_state(jnp.int32(index), params)
        legal = np.flatnonzero(model.action_mask(state, params))
        if len(legal) == 1 and looked_at:  # one such state will do
            continue
        if env.random_lead_time and state.exo.lead_time <= 1 and sum(state.pipeline, 0.0) > 0:
            continue  # cannot be: the last order has arrived, and orders do not cross
        looked_at += 1
        action = legal[-1] if looked_at % 2 else rng.choice(legal)
        (states, rewards, probabilities), (drawn, drawn_rewards) = jax.tree.map(np.asarray, both(index, action))
        assert probabilities.sum() == pytest.approx(1.0, abs=1e-5)
        size = model.num_states
        expected = np.bincount(states, probabilities, size)
        found = np.bincount(drawn, minlength=size) / len(keys)
        assert np.abs(found - expected).max() < 5 * np.sqrt(0.25 / len(keys))
        error = drawn_rewards.std() / np.sqrt(len(keys)) + 1e-5
        assert abs(drawn_rewards.mean() - probabilities @ rewards) < 5 * error


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (dict(backlog_share=0.5), "a finite model needs whole units: SingleItem.backlog_share 0 or 1, got 0.5"),
        (dict(batch_size=2.5), "a whole batch_size, got 2.5"),
        (dict(demand=Empirical([0.0, 0.5], [0.5, 0.5])), "demand must come in whole units"),
    ],
)
def test_units_that_are_not_whole_have_no_finite_model(numbers, message):
    env = SingleItem(lead_time=1)
    with pytest.raises(ValueError, match=message):
        env.finite_model(env.make_params(**numbers))


def test_demand_without_a_finite_support_has_no_finite_model():
    env = SingleItem(lead_time=1)
    with pytest.raises(NotImplementedError, match="no finite support"):
        env.finite_model(env.make_params(demand=Gamma(5.0, 0.5, rounded=False)))


def test_bounds_can_be_given():
    env = SingleItem(lead_time=2)
    params = env.make_params(backlog_share=1.0)
    model = env.finite_model(params, max_order=4, max_position=11, min_inventory=-6)
    assert model.num_actions == 5
    assert model.lattice.low[0] == -6
    assert model.lattice.sizes[:2] == (18, 5)
    state = model.index_to_state(jnp.int32(0), params).replace(inventory=jnp.float32(5.0), pipeline=(jnp.float32(4.0),))
    assert model.action_mask(state, params).tolist() == [True, True, True, False, False]


def test_lossless_bounds_are_the_newsvendor_levels():
    """Zipkin (2008), sec. 3, for Poisson demand of 5 and a critical ratio of 0.8: s = (29, 24, 18, 13, 7)."""
    env, params = make("SingleItem-v0", instance="zipkin2008/poisson-p4-L4")
    assert env.finite_model(params).positions == (29, 24, 18, 13, 7)
