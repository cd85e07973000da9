"""Q-learning against exact values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from solvers import toy as t

from jaxinv.demand import Poisson
from jaxinv.env.single_item import SingleItem
from jaxinv.solvers import policy_evaluation, q_learning, relative_value_iteration, value_iteration


def best_of_actions(params):
    """Optimal values [S, A] of an action and the best ones after it."""
    moves, rewards = t.tables(params)
    return rewards + float(params.discount) * moves @ t.best_discounted(params)


@pytest.mark.parametrize("ending", [0.0, 0.3])
@pytest.mark.parametrize("seed", [0, 1])
def test_values_of_actions(seed, ending, key):
    """A value is a weighted mean of about the last n^0.8 = 9,000 of n = 85,000 visits, whose rewards have standard
    deviation 5 and what follows about as much: a standard error of 0.1, times 1 / (1 - 0.875) where errors agree."""
    model, params = t.toy(seed, ending=ending)
    table = q_learning(model, params, key, num_steps=4000, num_envs=128, decay=0.8, exploration=0.5)
    np.testing.assert_allclose(table.values, best_of_actions(params), atol=1.5)
    np.testing.assert_allclose(t.discounted(table.actions, params), t.best_discounted(params), atol=1e-9)
    assert table.visits.sum() == 4000 * 128
    assert table.actions.dtype == jnp.int32


def test_average_rewards(key):
    model, params = t.toy(2)
    table = q_learning(model, params, key, num_steps=4000, num_envs=128, average=True, decay=0.8, exploration=0.5)
    gain, values, best = t.best_average(params)
    np.testing.assert_array_equal(table.actions, best)
    assert table.values[0, 0] == pytest.approx(gain, abs=0.3)  # what it is relative to settles at the gain
    relative = np.max(table.values, 1)
    np.testing.assert_allclose(relative - relative[0], values, atol=0.6)


def test_actions_that_are_not_legal_are_not_tried(key):
    model, params = t.toy(3, legal=np.array([[1, 0], [1, 1], [0, 1]]))
    table = q_learning(model, params, key, num_steps=500, num_envs=16, exploration=1.0)
    assert (np.asarray(table.visits) > 0).tolist() == [[True, False], [True, True], [False, True]]
    assert np.isneginf(table.values).tolist() == [[False, True], [False, False], [True, False]]
    assert table.actions[0] == 0
    assert table.actions[2] == 1


def test_without_exploration_the_best_action_is_taken(key):
    """The first of two, since its reward of 1 beats the initial 0 of none that is worse."""
    numbers = dict(
        probabilities=np.ones((1, 2, 1)), following=np.zeros((1, 2, 1)), rewards=[[[1.0], [-1.0]]],
        ends=np.zeros((1, 2, 1)), legal=np.ones((1, 2)), discount=0.5,
    )  # fmt: skip
    model = t.Model(t.Toy(1, 2, 1))
    table = q_learning(model, t.Params(**numbers), key, num_steps=300, num_envs=1, exploration=0.0, decay=0.5)
    assert table.visits.tolist() == [[300, 0]]
    assert table.values[0, 0] == pytest.approx(2.0, abs=1e-3)
    # The first visit replaces the initial value, the n-th moves it by n^-decay.
    first = q_learning(model, t.Params(**numbers), key, num_steps=2, num_envs=1, exploration=0.0, decay=0.5)
    assert first.values[0, 0] == pytest.approx(1.0 + (1.0 + 0.5 - 1.0) / np.sqrt(2), abs=1e-6)


def test_simulations_that_meet_count_by_their_mean(key):
    numbers = dict(
        probabilities=[[[0.5, 0.5]]], following=[[[0, 0]]], rewards=[[[0.0, 4.0]]], ends=[[[0, 0]]], legal=[[1]],
        discount=0.0,
    )  # fmt: skip
    model = t.Model(t.Toy(1, 1, 2))
    table = q_learning(model, t.Params(**numbers), key, num_steps=1, num_envs=4000, decay=1.0)
    assert table.visits.tolist() == [[4000]]
    # 4000 visits of weight 1 / 4000 on the mean of as many rewards, of mean 2 and standard deviation 2.
    weight = 1.0 - (1.0 - 1.0 / 4000) ** 4000
    assert table.values[0, 0] == pytest.approx(2.0 * weight, abs=5 * 2 * weight / np.sqrt(4000))


def test_a_small_stock_is_learned(key):
    """Greedy orders cost at most 1 % more than the optimum."""
    env = SingleItem(lead_time=1)
    params = env.make_params(demand=Poisson(2.0), stockout_cost=4.0, discount=0.9)
    model = env.finite_model(params)
    table = q_learning(model, params, key, num_steps=4000, num_envs=256)
    best = value_iteration(model, params)
    found = policy_evaluation(model, params, table.actions, average=False)
    assert (found.values <= best.values + 1e-5).all()
    assert (found.values >= 1.01 * best.values).all()  # costs are negative rewards
    never = policy_evaluation(model, params, np.zeros(model.num_states, int), average=False)
    assert never.values.max() < 1.5 * best.values.min()


@pytest.mark.slow
def test_a_small_stock_is_learned_for_the_average(key):
    env = SingleItem(lead_time=1)
    params = env.make_params(demand=Poisson(2.0), stockout_cost=4.0)
    model = env.finite_model(params)
    table = q_learning(model, params, key, num_steps=8000, num_envs=64, average=True)
    best = relative_value_iteration(model, params)
    assert policy_evaluation(model, params, table.actions).gain >= 1.01 * best.gain


def test_the_same_key_learns_the_same_and_keys_are_mapped_over():
    model, params = t.toy(4)
    learn = lambda key: q_learning(model, params, key, num_steps=50, num_envs=8)  # noqa: E731
    keys = jax.random.split(jax.random.key(1), 3)
    each = [learn(key) for key in keys]
    np.testing.assert_array_equal(learn(keys[0]).values, each[0].values)
    mapped = jax.vmap(learn)(keys)
    for i, single in enumerate(each):
        np.testing.assert_allclose(mapped.values[i], single.values, rtol=1e-5, atol=1e-4)
        np.testing.assert_array_equal(mapped.visits[i], single.visits)
    assert not np.array_equal(each[0].values, each[1].values)
