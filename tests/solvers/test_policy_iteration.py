"""Policy iteration against linear algebra and value iteration."""

import numpy as np
import pytest
from solvers import toy as t

from jaxinv.demand import Poisson
from jaxinv.env.single_item import SingleItem
from jaxinv.solvers import policy_evaluation, policy_iteration, relative_value_iteration, value_iteration

SEEDS = range(4)


@pytest.mark.parametrize("start", [None, "worst"])
@pytest.mark.parametrize("seed", SEEDS)
def test_average(seed, start):
    model, params = t.toy(seed)
    if start == "worst":
        start = np.array(min(t.policies(params), key=lambda policy: t.average(policy, params)[0]))
    found = policy_iteration(model, params, actions=start)
    gain, values, best = t.best_average(params)
    np.testing.assert_array_equal(found.actions, best)
    assert found.lower - 1e-12 <= gain <= found.upper + 1e-12
    assert found.upper - found.lower <= 1e-6
    np.testing.assert_allclose(found.values, values, atol=3e-5)
    # A comparison more than there are changes; with 8 policies there are few.
    assert found.iterations <= 5


@pytest.mark.parametrize("ending", [0.0, 0.3])
@pytest.mark.parametrize("seed", SEEDS)
def test_discounted(seed, ending):
    model, params = t.toy(seed, ending=ending)
    found, exact = policy_iteration(model, params, average=False), t.best_discounted(params)
    assert np.abs(found.values - exact).max() <= 1e-6
    assert (found.values + found.lower <= exact + 1e-12).all()
    assert (exact <= found.values + found.upper + 1e-12).all()
    assert found.upper - found.lower <= 1e-6
    np.testing.assert_allclose(t.discounted(found.actions, params), exact, atol=1e-6)


def test_bounds_hold_before_it_is_done():
    model, params = t.toy(5, states=5, actions=3)
    gain, exact = t.best_average(params)[0], t.best_discounted(params)
    worst = np.array(min(t.policies(params), key=lambda policy: t.average(policy, params)[0]))
    found = policy_iteration(model, params, actions=worst, max_iterations=1)
    assert found.iterations == 1
    assert found.lower <= gain <= found.upper
    assert found.upper - found.lower > 0.01
    found = policy_iteration(model, params, average=False, actions=worst, max_iterations=1)
    assert (found.values + found.lower <= exact).all()
    assert (exact <= found.values + found.upper).all()


def test_every_iteration_is_at_least_as_good():
    model, params = t.toy(7, states=5, actions=3)
    worst = np.array(min(t.policies(params), key=lambda policy: t.average(policy, params)[0]))
    gains = [t.average(worst, params)[0]]
    for iterations in range(1, 6):
        found = policy_iteration(model, params, actions=worst, max_iterations=iterations)
        gains.append(t.average(found.actions, params)[0])
    assert (np.diff(gains) >= -1e-9).all()
    assert gains[1] > gains[0]
    assert gains[-1] == pytest.approx(t.best_average(params)[0], abs=1e-9)


@pytest.mark.parametrize("average", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_it_agrees_with_value_iteration(average):
    env = SingleItem(lead_time=2)
    params = env.make_params(demand=Poisson(1.0), stockout_cost=4.0, discount=0.875)
    model = env.finite_model(params)
    one = policy_iteration(model, params, average=average)
    other = (relative_value_iteration if average else value_iteration)(model, params)
    np.testing.assert_allclose(one.values, other.values, atol=2e-5 if average else 1e-6)
    assert one.gain == pytest.approx(other.gain, abs=1e-6)
    evaluated = policy_evaluation(model, params, one.actions, average=average)
    np.testing.assert_allclose(evaluated.values, other.values, atol=2e-5 if average else 2e-6)


def test_batches_do_not_change_what_is_found():
    model, params = t.toy(3, states=5, actions=3)
    one, other = (policy_iteration(model, params, batch_size=size) for size in (2, None))
    np.testing.assert_allclose(one.values, other.values, atol=1e-10)
    np.testing.assert_array_equal(one.actions, other.actions)


def test_what_cannot_be_done():
    model, params = t.toy(discount=1.0)
    with pytest.raises(ValueError, match=r"values need a discount below 1, got 1\.0"):
        policy_iteration(model, params, average=False)
    with pytest.raises(ValueError, match="max_iterations must be >= 1, got 0"):
        policy_iteration(model, params, max_iterations=0)
