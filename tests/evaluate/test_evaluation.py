"""evaluate against a slow loop, and comparisons on common paths."""

import operator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv import struct
from jaxinv.demand import Poisson
from jaxinv.env.dynamics import UNLIMITED
from jaxinv.env.multi_warehouse import Ledger, MultiWarehouse
from jaxinv.env.wrappers import OrderUpTo
from jaxinv.evaluate import compare, evaluate, mean_interval, sample_paths
from jaxinv.policies import BaseStock, CanOrder, PeriodicReview, Rebalancing

WARMUP = 5


@pytest.fixture(scope="module")
def problem():
    env = MultiWarehouse(num_warehouses=2, num_skus=3, max_lead_time=2)
    params = env.make_params(
        demand=Poisson(np.array([[5.0, 0.5, 2.0], [9.0, 4.0, 0.1]])), price=6.0, unit_cost=2.0, backlog_share=0.4,
        storage_capacity=[60.0, 70.0], fixed_order_cost=10.0,
    )  # fmt: skip
    return env, params, sample_paths(env, params, jax.random.key(0), 3, 30)


def test_against_a_slow_loop(problem):
    env, params, paths = problem
    policy = CanOrder(reorder=6.0, can_order=12.0, up_to=25.0, rebalancing=Rebalancing())
    got = evaluate(policy, env, params, paths, warmup=WARMUP, batch_size=2)

    ledgers = []
    step, act = jax.jit(env.transition), jax.jit(lambda state: policy(env, state, params, jax.random.key(0)))
    for n in range(3):
        state = jax.tree.map(operator.itemgetter(n), paths.states)
        for t in range(30):
            exo = jax.tree.map(operator.itemgetter((n, t)), paths.exogenous)
            state, outcome = step(state, act(state), exo, params)
            if t >= WARMUP:
                ledgers.append(jax.tree.map(np.asarray, outcome.ledger))
    assert len(ledgers) == 3 * 25

    def total(name):
        return sum(getattr(ledger, name) for ledger in ledgers)

    cost = np.array([(sum(getattr(x, name) for name in Ledger.COSTS) - x.revenue).sum(1) for x in ledgers])
    np.testing.assert_allclose(got.cost, cost.reshape(3, 25, 2), rtol=1e-5)
    np.testing.assert_allclose(got.cost_mean, cost.sum(1).mean(), rtol=1e-5)
    for name in Ledger.COSTS:
        np.testing.assert_allclose(got.cost_by_cause[name], total(name).sum() / 75, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got.cost_by_cause["revenue"], -total("revenue").sum() / 75, rtol=1e-5)
    np.testing.assert_allclose(sum(got.cost_by_cause.values()), got.cost_mean, rtol=1e-5)
    for name in Ledger.UNITS:
        np.testing.assert_allclose(got.units[name], total(name).sum() / 75, rtol=1e-5, atol=1e-6)

    unmet = np.array([x.lost + x.backlogged for x in ledgers])
    np.testing.assert_allclose(got.fill_rate, 1 - unmet.sum() / total("demanded").sum(), rtol=1e-5)
    np.testing.assert_allclose(got.service_level, (unmet == 0).mean(), rtol=1e-5)
    sold = total("demanded").sum() - total("lost").sum()
    np.testing.assert_allclose(got.turns, 365 * sold / total("on_hand").sum(), rtol=1e-5)
    gone = total("written_off").sum()
    assert gone > 0
    np.testing.assert_allclose(got.waste, gone / (sold + gone), rtol=1e-5)


def test_a_wrapped_environment_costs_the_same_on_the_same_paths(problem):
    env, params, paths = problem

    @struct.dataclass
    class Levels:
        """What a learned policy looks like: it knows the wrapped environment's actions only."""

        level: jax.Array

        def __call__(self, env, state, params, key):
            assert env.observe(state, params).shape == env.observation_space(params).shape
            return jnp.full(env.cells, self.level)

    params = params.replace(backlog_share=jnp.zeros(env.cells), storage_capacity=jnp.full(2, UNLIMITED))  # whole units
    bare = evaluate(BaseStock(level=20.0), env, params, paths)
    wrapped = evaluate(Levels(jnp.float32(20)), OrderUpTo(env), params, paths)
    np.testing.assert_array_equal(bare.cost, wrapped.cost)


def test_a_stochastic_policy_follows_the_key(problem):
    env, params, paths = problem

    @struct.dataclass
    class Coin:
        def __call__(self, env, state, params, key):
            return env.order_action(10.0 * jax.random.bernoulli(key, 0.5, env.cells).astype(jnp.float32))

    first, again, other = (evaluate(Coin(), env, params, paths, key=jax.random.key(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.cost, again.cost)
    assert not np.array_equal(first.cost, other.cost)
    orders = first.cost_by_cause["purchase"] / 2.0 + first.units["written_off"]
    assert abs(orders - 6 * 5.0) < 3  # 6 cells x half of 10; standard error 0.5


def test_two_policies_of_a_kind_are_compiled_once(problem):
    env, params, paths = problem
    evaluate(PeriodicReview(review=2.0, level=20.0), env, params, paths)
    size = evaluate._cache_size()
    evaluate(PeriodicReview(review=3.0, level=25.0), env, params, paths)
    assert evaluate._cache_size() == size


def test_common_paths_make_differences_sharp():
    env = MultiWarehouse(num_warehouses=1, num_skus=1, max_lead_time=2, transfers=False)
    params = env.make_params(fixed_order_cost=0.0, stockout_cost=4.0)
    paths, others = (sample_paths(env, params, jax.random.key(seed), 100, 200) for seed in (0, 1))
    a, b = (evaluate(BaseStock(level=level), env, params, paths, warmup=20) for level in (16.0, 17.0))
    unpaired = evaluate(BaseStock(level=17.0), env, params, others, warmup=20)
    paired = compare(a, b)
    np.testing.assert_allclose(paired.mean, a.cost_mean - b.cost_mean, rtol=1e-4)
    width = float(np.diff(paired.ci95)[0])
    assert width < 0.5 * float(np.diff(compare(a, unpaired).ci95)[0])
    difference = np.asarray(a.cost - b.cost).mean((1, 2))
    np.testing.assert_allclose(width / 2, 1.984 * difference.std(ddof=1) / 10, rtol=1e-3)


def test_what_cannot_be_evaluated_is_an_error(problem):
    env, params, paths = problem
    policy = BaseStock(level=10.0)
    with pytest.raises(ValueError, match=r"warmup must be in 0..29, paths have 30 periods; got 30"):
        evaluate(policy, env, params, paths, warmup=30)
    a, b = (evaluate(policy, env, params, paths, warmup=warmup) for warmup in (0, 1))
    with pytest.raises(ValueError, match="on the same paths"):
        compare(a, b)
    with pytest.raises(ValueError, match="at least two paths or two periods"):
        mean_interval(jnp.zeros((1, 1)))


def test_paths_begin_anew_and_continue_the_exogenous_state(problem):
    _, params, paths = problem
    assert (paths.num_paths, paths.length) == (3, 30)
    assert not np.array_equal(paths.exogenous.demand[0], paths.exogenous.demand[1])
    state = jax.tree.map(lambda leaf: leaf[1], paths.states)
    weight = 1 / float(params.recent_periods)
    mean = np.asarray(state.exo.mean)
    for t in range(30):
        mean = mean + weight * (np.asarray(paths.exogenous.demand[1, t]) - mean)
    np.testing.assert_allclose(paths.exogenous.next.mean[1, -1], mean, rtol=1e-5)
