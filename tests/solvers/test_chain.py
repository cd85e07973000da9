"""Markov chains of policies against linear algebra."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from solvers import toy as t

from jaxinv.demand import Cyclic, Poisson, UniformInteger
from jaxinv.env.single_item import SingleItem
from jaxinv.policies import BaseStock
from jaxinv.policies.table import TablePolicy
from jaxinv.solvers import reachable_chain, relative_value_iteration

SEEDS = range(4)


def dense(chain):
    """Transition matrix [R, R]."""
    matrix = np.zeros((len(chain.states),) * 2)
    np.add.at(matrix, (np.arange(len(matrix))[:, None], chain.following), chain.probabilities)
    return matrix


@pytest.mark.parametrize("seed", SEEDS)
def test_the_chain_of_a_policy(seed):
    model, params = t.toy(seed, states=5)
    policy = np.random.default_rng(seed).integers(0, 2, 5)
    chain = reachable_chain(model, params, policy)
    moves, rewards = t.under(policy, params)
    assert chain.states[0] == 0
    assert sorted(chain.states) == list(range(5))
    np.testing.assert_allclose(dense(chain), moves[np.ix_(chain.states, chain.states)], atol=1e-12)
    np.testing.assert_allclose(chain.rewards, rewards[chain.states], atol=1e-5)  # rewards are float32
    assert chain.gain() == pytest.approx(t.average(policy, params)[0], abs=1e-6)
    np.testing.assert_allclose(chain.stationary_distribution(), t.shares(policy, params)[chain.states], atol=1e-9)
    np.testing.assert_allclose(chain.values(0.875), t.discounted(policy, params, 0.875)[chain.states], atol=1e-5)
    for one, other in ((chain.gain(), float), (chain.stationary_distribution(), np.ndarray)):
        assert isinstance(np.asarray(one), np.ndarray)
        assert np.asarray(one).dtype == np.float64
        assert other is not None


@pytest.mark.parametrize(("periods", "discount", "burn_in"), [(1, 1.0, 0), (5, 0.75, 0), (4, 0.75, 3), (365, 1.0, 10)])
def test_the_total_of_some_periods(periods, discount, burn_in):
    model, params = t.toy(1, states=4)
    policy = np.array([0, 1, 1, 0])
    moves, rewards = t.under(policy, params)
    share, total = np.eye(4)[0], 0.0
    for period in range(burn_in + periods):
        if period >= burn_in:
            total += discount ** (period - burn_in) * share @ rewards
        share = share @ moves
    chain = reachable_chain(model, params, policy)
    assert chain.total(periods, discount, burn_in) == pytest.approx(total, rel=1e-6)


def test_only_what_is_reached():
    """State 0 leads to itself and 1, and with probability 0 to 2, from which there is no way back."""
    numbers = dict(
        probabilities=[[[0.5, 0.5, 0.0]], [[1.0, 0.0, 0.0]], [[1.0, 0.0, 0.0]]],
        following=[[[0, 1, 2]], [[0, 2, 2]], [[2, 2, 2]]],
        rewards=np.arange(9.0).reshape(3, 1, 3),
    )
    model = t.Model(t.Toy(3, 1, 3))
    params = t.Params(**numbers, ends=np.zeros((3, 1, 3)), legal=np.ones((3, 1)))
    chain = reachable_chain(model, params, np.zeros(3, int))
    assert chain.states.tolist() == [0, 1]
    assert chain.gain() == pytest.approx((2 * 0.5 + 3.0) / 3, abs=1e-6)  # two of three periods in state 0
    alone = reachable_chain(model, params, np.zeros(3, int), start=model.index_to_state(jnp.int32(2), params))
    assert alone.states.tolist() == [2]
    assert alone.gain() == pytest.approx(6.0)


def test_periodic_chains_have_a_gain_and_shares():
    size = 7
    model = t.Model(t.Toy(size, 1, 1))
    following = (np.arange(size)[:, None, None] + 1) % size
    params = t.Params(
        probabilities=np.ones((size, 1, 1)), following=following, rewards=following.astype(float),
        ends=np.zeros((size, 1, 1)), legal=np.ones((size, 1)),
    )  # fmt: skip
    chain = reachable_chain(model, params, np.zeros(size, int))
    assert chain.gain() == pytest.approx(3.0, abs=1e-6)
    np.testing.assert_allclose(chain.stationary_distribution(), 1 / 7, atol=1e-9)


def test_demand_by_the_day_has_a_gain():
    """Base-stock without lead time, with full backlog: a newsvendor cost on each day, in turn."""
    env = SingleItem(lead_time=0)
    params = env.make_params(demand=Cyclic((Poisson(1.0), Poisson(4.0), Poisson(2.0))), backlog_share=1.0)
    chain = reachable_chain(env.finite_model(params, max_position=6, min_inventory=-20), params, BaseStock(level=6.0))
    cost = 0.0
    for rate in (1.0, 4.0, 2.0):
        units, probabilities = (np.asarray(x, float) for x in Poisson(rate).support())
        cost += (np.maximum(6 - units, 0) + 9 * np.maximum(units - 6, 0)) @ probabilities / 3
    assert -chain.gain() == pytest.approx(cost, abs=1e-5)  # float32 probabilities


def test_a_gain_that_depends_on_what_comes_first_is_refused():
    """State 0 leads to 1 or 2 for ever."""
    model = t.Model(t.Toy(3, 1, 2))
    params = t.Params(
        probabilities=np.full((3, 1, 2), 0.5), following=[[[1, 2]], [[1, 1]], [[2, 2]]],
        rewards=np.arange(6.0).reshape(3, 1, 2), ends=np.zeros((3, 1, 2)), legal=np.ones((3, 1)),
    )  # fmt: skip
    chain = reachable_chain(model, params, np.zeros(3, int))
    with pytest.raises(ValueError, match=r"the gain is only known to be .*\.\.4\.5 after 500 steps"):
        chain.gain(max_iterations=500)
    np.testing.assert_allclose(chain.stationary_distribution(), [0.0, 0.5, 0.5], atol=1e-9)


def test_values_need_a_discount_below_one():
    model, params = t.toy()
    with pytest.raises(ValueError, match=r"values need a discount below 1, got 1\.0"):
        reachable_chain(model, params, np.zeros(3, int)).values(1.0)


@pytest.mark.parametrize("lead_time", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_the_chain_of_the_optimal_policy_earns_the_optimum(lead_time):
    """Though its states are fewer than the model's."""
    env = SingleItem(lead_time=lead_time)
    params = env.make_params(demand=Poisson(1.0), stockout_cost=9.0)
    model = env.finite_model(params)
    best = relative_value_iteration(model, params)
    chain = reachable_chain(model, params, TablePolicy(actions=best.actions, model=model))
    assert len(chain.states) <= model.num_states
    assert chain.gain() == pytest.approx(best.gain, abs=1e-6)
    by_actions = reachable_chain(model, params, best.actions)
    np.testing.assert_array_equal(by_actions.states, chain.states)
    np.testing.assert_array_equal(by_actions.probabilities, chain.probabilities)


def test_a_chain_is_simulated_at_its_gain():
    """Within 4 standard errors of 400 paths, and so are the shares of stock."""
    env = SingleItem(lead_time=2, random_lead_time=True, supply_yield="binomial")
    params = env.make_params(
        demand=UniformInteger(0.0, 3.0), lead_time_probs=[0.25, 0.25, 0.5], yield_probability=0.75, stockout_cost=5.0
    )
    policy = BaseStock(level=7.0)
    chain = reachable_chain(env.finite_model(params), params, policy)

    @jax.jit
    @jax.vmap
    def simulate(key):
        _, state = env.reset(key, params)
        path = env.sample_path(key, state, params, 600)
        _, rewards = env.rollout(policy, state, path, params, record=lambda t: t.outcome.reward)
        return jnp.mean(rewards[100:])

    gains = np.asarray(simulate(jax.random.split(jax.random.key(3), 400)))
    assert abs(gains.mean() - chain.gain()) < 4 * gains.std(ddof=1) / 20
    assert gains.std(ddof=1) / 20 < 0.01 * abs(chain.gain())


def test_bounds_that_are_too_narrow_are_refused():
    env = SingleItem(lead_time=1)
    params = env.make_params(demand=Poisson(5.0))
    with pytest.raises(ValueError, match=r"the policy leads out of the model's bounds .* give SingleItem.finite_model"):
        reachable_chain(env.finite_model(params, max_position=14), params, BaseStock(level=30.0))


def test_limits():
    model, params = t.toy(states=5)
    with pytest.raises(ValueError, match="the policy reaches more than max_states = 3 states"):
        reachable_chain(model, params, np.zeros(5, int), max_states=3)
    env = SingleItem(lead_time=10)
    wide = env.finite_model(env.default_params())
    with pytest.raises(ValueError, match=r"states are numbered in int32: a model of .* states is too large"):
        reachable_chain(wide, env.default_params(), BaseStock(level=30.0))
