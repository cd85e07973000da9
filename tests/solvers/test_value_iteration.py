"""Value iteration against linear algebra over all policies of small problems."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from solvers import toy as t

from jaxinv.demand import Poisson
from jaxinv.env.single_item import SingleItem
from jaxinv.policies import BaseStock
from jaxinv.policies.table import TablePolicy
from jaxinv.solvers import policy_evaluation, policy_improvement, relative_value_iteration, value_iteration

SEEDS = range(6)
TOLERANCE = 1e-6  # the solvers' default


@pytest.fixture(scope="module")
def item():
    """A small problem of the environment, with backlog."""
    env = SingleItem(lead_time=1)
    params = env.make_params(demand=Poisson(1.0), backlog_share=1.0, stockout_cost=4.0, discount=0.875)
    return env.finite_model(params, max_position=6, min_inventory=-8), params


# -- the optimum ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_discounted(seed):
    model, params = t.toy(seed)
    found, exact = value_iteration(model, params), t.best_discounted(params)
    assert np.abs(found.values - exact).max() <= TOLERANCE
    assert found.upper - found.lower <= TOLERANCE
    # Rounding of values of 100 in float64.
    assert (found.values + found.lower <= exact + 1e-12).all()
    assert (exact <= found.values + found.upper + 1e-12).all()
    np.testing.assert_allclose(t.discounted(found.actions, params), exact, atol=TOLERANCE)


@pytest.mark.parametrize("seed", SEEDS)
def test_average(seed):
    model, params = t.toy(seed)
    found = relative_value_iteration(model, params)
    gain, values, best = t.best_average(params)
    assert found.lower - 1e-12 <= gain <= found.upper + 1e-12
    assert found.upper - found.lower <= TOLERANCE
    assert abs(found.gain - gain) <= TOLERANCE / 2
    np.testing.assert_array_equal(found.actions, best)
    # Relative values settle with the bounds, by the factor 1 / (1 - the second eigenvalue).
    np.testing.assert_allclose(found.values, values, atol=30 * TOLERANCE)
    assert found.values[0] == 0.0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("iterations", [1, 2, 4])
def test_bounds_hold_before_they_close(seed, iterations):
    model, params = t.toy(seed)
    exact, (gain, _, _) = t.best_discounted(params), t.best_average(params)
    found = value_iteration(model, params, max_iterations=iterations, sweeps=0, tolerance=0.0)
    assert (found.values + found.lower <= exact + 1e-12).all()
    assert (exact <= found.values + found.upper + 1e-12).all()
    found = relative_value_iteration(model, params, max_iterations=iterations, sweeps=0, tolerance=0.0)
    assert found.lower - 1e-12 <= gain <= found.upper + 1e-12
    assert found.upper - found.lower > TOLERANCE
    assert found.iterations == iterations


@pytest.mark.parametrize("solve", [value_iteration, relative_value_iteration])
def test_only_legal_actions(solve):
    """The better action of state 1 is illegal."""
    model, params = t.toy(1)
    best = solve(model, params).actions[1]
    legal = np.ones((3, 2))
    legal[1, best] = 0
    limited = params.replace(legal=jnp.asarray(legal, jnp.int32))
    found = solve(model, limited)
    assert found.actions[1] == 1 - best
    if solve is value_iteration:
        np.testing.assert_allclose(found.values, t.best_discounted(limited), atol=TOLERANCE)
    else:
        assert found.gain == pytest.approx(t.best_average(limited)[0], abs=TOLERANCE)


def test_the_first_of_several_best_actions():
    model, params = t.toy(2)
    twice = params.replace(
        **{name: jnp.repeat(getattr(params, name), 2, 1) for name in ("probabilities", "following", "rewards", "ends")},
        legal=jnp.ones((3, 4), jnp.int32),
    )
    actions = value_iteration(model, params).actions
    np.testing.assert_array_equal(value_iteration(t.Model(t.Toy(3, 4)), twice).actions, 2 * actions)


def test_a_free_reward_shifts_what_is_found():
    model, params = t.toy(3)
    more = params.replace(rewards=params.rewards + 2.0)
    one, other = value_iteration(model, params), value_iteration(model, more)
    np.testing.assert_allclose(other.values, one.values + 2.0 / 0.125, atol=2 * TOLERANCE + 1e-5)  # float32 rewards
    one, other = relative_value_iteration(model, params), relative_value_iteration(model, more)
    assert other.gain == pytest.approx(one.gain + 2.0, abs=1e-5)
    np.testing.assert_allclose(other.values, one.values, atol=1e-4)


# -- problems that end ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shift", [-20.0, 0.0, 20.0])
def test_problems_that_end(seed, shift):
    """All rewards of one sign too: then the bounds of a problem that goes on would not hold."""
    model, params = t.toy(seed, ending=0.3)
    params = params.replace(rewards=params.rewards + shift)
    assert params.ends.any()
    found, exact = value_iteration(model, params), t.best_discounted(params)
    assert np.abs(found.values - exact).max() <= TOLERANCE
    early = value_iteration(model, params, max_iterations=2, sweeps=0)
    assert (early.values + early.lower <= exact + 1e-12).all()
    assert (exact <= early.values + early.upper + 1e-12).all()
    policy = np.zeros(3, int)
    values = policy_evaluation(model, params, policy, average=False).values
    np.testing.assert_allclose(values, t.discounted(policy, params), atol=TOLERANCE)


def test_one_state_that_may_end_at_any_time():
    """1 + 0.9 * 0.5 v = v."""
    one = dict(probabilities=[[[0.5, 0.5]]], following=[[[0, 0]]], rewards=[[[1.0, 1.0]]], ends=[[[0, 1]]], legal=[[1]])
    params = t.Params(**one, discount=0.9)
    found = value_iteration(t.Model(t.Toy(1, 1, 2)), params)
    assert found.values[0] == pytest.approx(1.0 / 0.55, abs=1e-6)


# -- how it is solved does not matter ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("solve", [value_iteration, relative_value_iteration])
def test_sweeps_and_batches_do_not_change_what_is_found(solve, item):
    model, params = item
    reference = solve(model, params)
    for sweeps in (0, 20):
        found = solve(model, params, sweeps=sweeps)
        np.testing.assert_allclose(found.gain, reference.gain, atol=TOLERANCE)
        np.testing.assert_array_equal(found.actions, reference.actions)
        if solve is value_iteration:
            np.testing.assert_allclose(found.values, reference.values, atol=2 * TOLERANCE)
        if sweeps == 0:
            assert found.iterations > 2 * reference.iterations
    for batch_size in (7, 10**6):  # 7 does not divide the number of states
        found = solve(model, params, batch_size=batch_size)
        np.testing.assert_allclose(found.values, reference.values, atol=1e-10)  # sums in another order
        np.testing.assert_array_equal(found.actions, reference.actions)
        assert found.iterations == reference.iterations


def test_results_are_numpy_in_double_precision_and_float32_within_programs(item):
    model, params = item
    outside = relative_value_iteration(model, params)
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(outside))
    kinds = {name: getattr(outside, name).dtype for name in ("values", "lower", "upper", "actions", "iterations")}
    assert kinds == dict(values=float, lower=float, upper=float, actions=np.int32, iterations=np.int32)
    assert jnp.zeros(1).dtype == jnp.float32  # the caller's precision is as it was
    inside = jax.jit(lambda params: relative_value_iteration(model, params))(params)
    assert inside.values.dtype == inside.gain.dtype == jnp.float32
    assert inside.actions.dtype == jnp.int32


@pytest.mark.parametrize("solve", [value_iteration, relative_value_iteration])
def test_compiled_and_mapped_over_parameters(solve, item):
    model, params = item
    costs = (2.0, 4.0, 9.0)
    each = [solve(model, params.replace(stockout_cost=jnp.float32(cost))) for cost in costs]
    compiled = jax.jit(lambda params: solve(model, params))(params)
    mapped = jax.vmap(lambda cost: solve(model, params.replace(stockout_cost=cost)))(jnp.asarray(costs))
    # The same iterations in double precision, handed over as float32.
    np.testing.assert_allclose(compiled.values, each[1].values, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(compiled.gain, each[1].gain, rtol=1e-6, atol=1e-6)
    for i, single in enumerate(each):
        np.testing.assert_allclose(mapped.values[i], single.values, rtol=1e-6, atol=1e-5)
        np.testing.assert_array_equal(mapped.actions[i], single.actions)
    assert len({float(single.values[1]) for single in each}) == 3


# -- what cannot be solved --------------------------------------------------------------------------------------------


def cycle():
    """Two states that alternate, with rewards 1 and 4."""
    one = dict(probabilities=np.ones((2, 1, 1)), following=[[[1]], [[0]]], rewards=[[[1.0]], [[4.0]]])
    return t.Model(t.Toy(2, 1, 1)), t.Params(**one, ends=np.zeros((2, 1, 1)), legal=np.ones((2, 1)), discount=0.875)


def test_periodic_chains_settle():
    model, params = cycle()
    for found in (relative_value_iteration(model, params), policy_evaluation(model, params, [0, 0])):
        assert found.upper - found.lower <= 1e-6
        assert found.gain == pytest.approx(2.5, abs=1e-6)
        assert found.values[1] - found.values[0] == pytest.approx(1.5, abs=1e-6)  # 1 + h1 = 2.5 + h0
    assert policy_evaluation(model, params, [0, 0], max_iterations=3).iterations == 3
    # Discounted they are as good as any other.
    np.testing.assert_allclose(value_iteration(model, params).values, t.best_discounted(params), atol=TOLERANCE)


@pytest.mark.parametrize(
    "solve", [value_iteration, lambda model, params: policy_evaluation(model, params, [0, 0, 0], average=False)]
)
def test_values_need_a_discount_below_one(solve):
    model, params = t.toy(discount=1.0)
    with pytest.raises(ValueError, match=r"values need a discount below 1, got 1\.0"):
        solve(model, params)


# -- policies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_policies_are_evaluated(seed):
    model, params = t.toy(seed)
    policy = np.random.default_rng(seed).integers(0, 2, 3)
    found = policy_evaluation(model, params, policy, average=False)
    np.testing.assert_allclose(found.values, t.discounted(policy, params), atol=TOLERANCE)
    found = policy_evaluation(model, params, policy)
    gain, values = t.average(policy, params)
    assert found.lower - 1e-12 <= gain <= found.upper + 1e-12
    np.testing.assert_allclose(found.values, values, atol=30 * TOLERANCE)
    by_policy = policy_evaluation(model, params, TablePolicy(actions=policy, model=model))
    np.testing.assert_array_equal(by_policy.values, found.values)


def test_a_heuristic_is_evaluated_as_the_table_of_its_actions(item):
    model, params = item
    heuristic = BaseStock(level=5.0)
    states = jax.vmap(lambda i: model.index_to_state(i, params))(jnp.arange(model.num_states))
    orders = jax.vmap(lambda state: heuristic(model.env, state, params, jax.random.key(0)))(states)
    one = policy_evaluation(model, params, heuristic)
    other = policy_evaluation(model, params, np.asarray(orders, int))
    np.testing.assert_allclose(one.values, other.values, atol=1e-10)
    assert one.gain <= relative_value_iteration(model, params).gain + TOLERANCE


@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_improvement_never_makes_a_policy_worse(seed, average):
    model, params = t.toy(seed, states=4, actions=3)
    policy = np.random.default_rng(seed).integers(0, 3, 4)
    for _ in range(3):
        values = policy_evaluation(model, params, policy, average=average, tolerance=1e-10).values
        improved = policy_improvement(model, params, values, average=average)
        if average:
            assert t.average(improved, params)[0] >= t.average(policy, params)[0] - 1e-9
        else:
            assert (t.discounted(improved, params) >= t.discounted(policy, params) - 1e-9).all()
        policy = improved
