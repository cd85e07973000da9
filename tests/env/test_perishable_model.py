"""The numbered states, actions and outcomes of Perishable."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Cyclic, Empirical
from jaxinv.env.perishable import Perishable
from jaxinv.solvers import bellman, relative_value_iteration

STREAMS = Empirical(np.arange(3), [[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
SMALL = Empirical(np.arange(4), [0.2, 0.3, 0.3, 0.2])
MODELS = {
    "fifo": (dict(shelf_life=3), dict(demand=SMALL)),
    "lifo L2": (dict(issuing="lifo", lead_time=2), dict(demand=SMALL, batch_size=2.0)),
    "mixed L0": (dict(issuing="mixed", lead_time=0), dict(demand=STREAMS, minimum_order=2.0)),
    "weekly": (dict(), dict(demand=Cyclic((SMALL, Empirical(np.arange(4), [0.6, 0.0, 0.0, 0.4]))))),
    "random life": (
        dict(shelf_life=3, lead_time=0, random_shelf_life=True),
        dict(demand=SMALL, life_logits=[1.0, 0.5], life_logits_per_unit=[0.1, 0.2]),
    ),
}


def numbered(name, **bounds):
    structure, numbers = MODELS[name]
    env = Perishable(**structure)
    params = env.make_params(**numbers)
    return env.finite_model(params, **bounds), params


@pytest.mark.parametrize("name", MODELS)
def test_states_are_numbered_one_to_one(name):
    model, params = numbered(name, max_order=3)
    index = jnp.arange(model.num_states)
    states = jax.vmap(lambda i: model.index_to_state(i, params))(index)
    np.testing.assert_array_equal(jax.vmap(lambda s: model.state_to_index(s, params))(states), index)
    rows = np.stack([*states.stock, *states.pipeline, states.exo.demand.day], 1)
    assert len(np.unique(rows, axis=0)) == model.num_states
    assert rows[:, :-1].max() == model.max_order


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * ("random" in n)) for n in MODELS])
def test_outcomes_are_those_of_the_simulation(name, key):
    """Frequencies of next states, and the mean reward, of many simulated periods from a few states."""
    model, params = numbered(name, max_order=4)
    env, rng = model.env, np.random.default_rng(0)
    for index in rng.integers(0, model.num_states, 4):
        state = model.index_to_state(jnp.int32(index), params)
        action = model.index_to_action(jnp.int32(model.num_actions - 1), params)
        following, weights, reward, _ = bellman.outcomes(model, params, state, action)
        assert float(weights.sum()) == pytest.approx(1.0, abs=1e-5)

        @jax.jit
        @jax.vmap
        def simulate(u, state=state, action=action):
            reached, outcome = env.transition(state, action, env.exogenous(u, state, params), params)
            return model.state_to_index(reached, params), outcome.reward

        u = jax.random.uniform(key, (20_000, env.num_uniforms(params)))
        reached, earned = (np.asarray(x) for x in simulate(u))
        expected = np.bincount(np.asarray(following), np.asarray(weights), model.num_states)
        found = np.bincount(reached, minlength=model.num_states) / len(reached)
        error = np.sqrt(expected * np.maximum(1 - expected, 0) / len(reached)) + 1e-4
        assert (np.abs(found - expected) < 4.5 * error).all()
        error = earned.std() / np.sqrt(len(earned)) + 1e-4
        assert abs(earned.mean() - float((weights * reward).sum())) < 4.5 * error


@pytest.mark.parametrize("name", ["fifo", "lifo L2", "weekly"])
@pytest.mark.parametrize("waste_cost", [pytest.param(0.0, marks=pytest.mark.slow), 4.0])
def test_the_largest_order_loses_nothing(name, waste_cost):
    model, params = numbered(name)
    params = params.replace(waste_cost=jnp.float32(waste_cost), batch_size=jnp.float32(1))
    model = model.env.finite_model(params)
    wider = model.env.finite_model(params, max_order=model.max_order + 4)
    found, more = (relative_value_iteration(m, params, max_iterations=2000) for m in (model, wider))
    assert found.gain == pytest.approx(more.gain, abs=1e-4)  # bounds of periodic chains close slowly
    assert more.actions.max() <= model.max_order


def test_batches_and_least_orders():
    model, params = numbered("lifo L2", max_order=5)
    assert (model.num_actions, model.max_order) == (4, 6)
    assert [float(model.index_to_action(jnp.int32(i), params)) for i in range(4)] == [0, 2, 4, 6]
    model, params = numbered("mixed L0", max_order=4)
    state = model.index_to_state(jnp.int32(0), params)
    assert model.action_mask(state, params).tolist() == [True, False, True, True, True]
    with pytest.raises(ValueError, match=r"batch_size must be whole, got 1\.5"):
        model.env.finite_model(params.replace(batch_size=jnp.float32(1.5)))


def test_more_stock_of_an_age_than_an_order():
    model, _ = numbered("random life", max_order=3, max_stock=5)
    assert (model.max_order, model.lattice.sizes) == (3, (6, 6, 1))
