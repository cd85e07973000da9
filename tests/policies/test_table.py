"""Policies as tables, and on disk."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Poisson
from jaxinv.env.single_item import SingleItem
from jaxinv.policies.table import TablePolicy
from jaxinv.solvers import relative_value_iteration

ENV = SingleItem(lead_time=2)


@pytest.fixture(scope="module")
def solved():
    params = ENV.make_params(demand=Poisson(3.0), stockout_cost=9.0, batch_size=2.0)
    model = ENV.finite_model(params)
    return params, TablePolicy(actions=relative_value_iteration(model, params).actions, model=model)


def test_it_decides_as_the_table_says(solved, key):
    params, policy = solved
    model = policy.model
    states = jax.vmap(lambda i: model.index_to_state(i, params))(jnp.arange(model.num_states))
    orders = jax.vmap(lambda state: policy(ENV, state, params, key))(states)
    np.testing.assert_array_equal(orders, 2 * policy.actions)
    assert len(set(orders.tolist())) > 2


def test_a_state_beyond_the_bounds_is_decided_as_the_nearest(solved, key):
    params, policy = solved
    _, state = ENV.reset(key, params)
    far, nearest = (state.replace(inventory=jnp.float32(x), pipeline=(jnp.float32(1.0),)) for x in (-7.0, 0.0))
    assert policy(ENV, far, params, key) == policy(ENV, nearest, params, key) > 0


def test_it_runs_in_a_simulation(solved, key):
    params, policy = solved
    _, state = ENV.reset(key, params)
    path = ENV.sample_path(key, state, params, 50)
    _, records = jax.jit(lambda policy: ENV.rollout(policy, state, path, params))(policy)
    index = jax.vmap(lambda state: policy.model.state_to_index(state, params))(records.state)
    np.testing.assert_array_equal(records.action, 2 * policy.actions[index])


def test_saved_and_loaded(solved, tmp_path):
    _, policy = solved
    for path in (tmp_path / "policy.npz", str(tmp_path / "without_suffix")):
        policy.save(path)
        loaded = TablePolicy.load(path, policy.model)
        np.testing.assert_array_equal(loaded.actions, policy.actions)
        assert loaded.actions.dtype == jnp.int32
        assert jax.tree.structure(loaded) == jax.tree.structure(policy)  # no new compilation


def test_a_policy_for_another_model_is_refused(solved, tmp_path):
    params, policy = solved
    path = tmp_path / "policy.npz"
    policy.save(path)
    wider = ENV.finite_model(params, max_position=30)
    with pytest.raises(ValueError, match=r"policy\.npz holds a policy for another model"):
        TablePolicy.load(path, wider)
    backlog = SingleItem(lead_time=3)
    with pytest.raises(ValueError, match=r"lead_time=2.*, not .*lead_time=3"):
        TablePolicy.load(path, backlog.finite_model(backlog.default_params()))


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([0, 1], r"TablePolicy.actions must be one per state, \d+, got shape \(2,\)"),
        ([-1], r"TablePolicy.actions must be >= 0"),
        ([0.5], r"TablePolicy.actions must be whole numbers"),
    ],
)
def test_tables_that_do_not_fit(solved, actions, message):
    with pytest.raises(ValueError, match=message):
        TablePolicy(actions=actions, model=solved[1].model)
