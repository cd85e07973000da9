"""Searches find what is known to be best. One cell, Poisson demand of 5, holding cost 1."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Modulated, Poisson, Weekly
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.evaluate import evaluate, sample_paths
from jaxinv.optimise import cross_entropy, grid_search, mean_cost, tune
from jaxinv.policies import BaseStock, CanOrder, CappedBaseStock, PeriodicReview, ReorderPoint, Sizing

WARMUP = 100


def problem(lead_time, num_paths=64, length=1100, **numbers):
    env = MultiWarehouse(num_warehouses=1, num_skus=1, max_lead_time=lead_time, transfers=False)
    params = env.make_params(demand=Poisson([[5.0]]), **numbers)  # type: ignore[arg-type]
    return env, params, sample_paths(env, params, jax.random.key(0), num_paths, length)


@pytest.fixture(scope="module")
def lost_sales():
    return problem(4, stockout_cost=4.0, fixed_order_cost=0.0)


def test_grid_search_finds_the_published_best(lost_sales):
    """Zipkin (2008): best base-stock level 25; best capped base-stock (26, 5), by exact evaluation."""
    env, params, paths = lost_sales
    found = grid_search(BaseStock, {"level": jnp.arange(21.0, 30.0)}, env, params, paths, warmup=WARMUP)
    assert found.policy.level == 25
    np.testing.assert_allclose(found.history[4], found.cost)
    np.testing.assert_allclose(
        found.cost, evaluate(found.policy, env, params, paths, warmup=WARMUP).cost_mean, rtol=1e-5
    )
    grid = {"level": jnp.arange(24.0, 29.0), "cap": jnp.arange(4.0, 8.0)}
    found = grid_search(CappedBaseStock, grid, env, params, paths, warmup=WARMUP, batch_size=7)
    assert (found.policy.level, found.policy.cap) == (26, 5)
    assert found.history.shape == (4, 5)  # cap, level
    assert found.history[1, 2] == found.cost == found.history.min()


@pytest.mark.slow
def test_cross_entropy_finds_the_best_from_far_away(lost_sales):
    env, params, paths = lost_sales
    start = CappedBaseStock(level=15.0, cap=20.0)
    spread = CappedBaseStock(level=8.0, cap=8.0)
    found = cross_entropy(
        jax.tree_util.Partial(_itself), start, [spread], env, params, paths, jax.random.key(1), warmup=WARMUP,
        population=64, elite=8, paths_per_iteration=16,
    )  # fmt: skip
    assert (round(float(found.policy.level)), round(float(found.policy.cap))) == (26, 5)
    assert found.history.shape == (20,)


def _itself(policy):
    return policy


def test_parameters_without_spread_stay_where_they_are(lost_sales):
    env, params, paths = lost_sales
    found = cross_entropy(
        jax.tree_util.Partial(_itself), CappedBaseStock(level=20.0, cap=9.0), [CappedBaseStock(level=5.0, cap=0.0)],
        env, params, paths, jax.random.key(1), warmup=WARMUP, population=16, elite=4, iterations=3,
    )  # fmt: skip
    assert found.policy.cap == 9
    assert found.policy.level != 20


@pytest.mark.slow
def test_tuning_finds_the_published_best_whatever_the_seed(lost_sales):
    env, params, paths = lost_sales
    best = mean_cost(CappedBaseStock(level=26.0, cap=5.0), env, params, paths, WARMUP).sum()
    for seed in range(3):
        found = tune(CappedBaseStock, env, params, paths, jax.random.key(seed), warmup=WARMUP)
        # The cap may be a neighbour that happens to be best on these paths.
        assert found.cost <= best * 1.0001


@pytest.mark.slow
def test_tuning_with_a_fixed_cost():
    """Bijvank, Bhulai and Huh (2015), table 1: the best (s, S) costs 11.62; can-order is (s, S) for one cell. A grid
    around (17, 23) tells what is best on these paths."""
    env, params, paths = problem(2, stockout_cost=14.0, fixed_order_cost=5.0)
    grid = {"reorder": jnp.arange(15.0, 20.0), "up_to": jnp.arange(20.0, 27.0)}
    best = grid_search(ReorderPoint, grid, env, params, paths, warmup=WARMUP)
    assert abs(best.cost - 11.62) < 0.05  # 3 standard errors
    for kind in (ReorderPoint, CanOrder):
        found = tune(kind, env, params, paths, jax.random.key(0), warmup=WARMUP)
        assert found.cost <= best.cost * 1.001


@pytest.fixture(scope="module")
def warehouses():
    """2 x 3 cells of very different demand, with a joint cost per delivery."""
    env = MultiWarehouse(num_warehouses=2, num_skus=3, max_lead_time=3, transfers=False)
    params = env.make_params(
        demand=Poisson(np.array([[8.0, 1.0, 3.0], [0.5, 2.0, 12.0]])), fixed_order_cost=[30.0, 60.0],
        stockout_cost=[[20.0, 9.0, 5.0]],
    )  # fmt: skip
    paths = sample_paths(env, params, jax.random.key(0), 16, 150)
    return env, params, paths, sample_paths(env, params, jax.random.key(1), 64, 520)


@pytest.mark.slow
def test_tuning_many_cells_is_stable_over_seeds_and_beats_textbook_levels(warehouses):
    env, params, paths, fresh = warehouses
    costs = []
    for seed in range(2):
        found = tune(PeriodicReview, env, params, paths, jax.random.key(seed), warmup=20)
        costs.append(float(evaluate(found.policy, env, params, fresh, warmup=20).cost_mean))
    assert max(costs) < 1.005 * min(costs)
    # The best of all review periods with newsvendor levels.
    sizing = Sizing.of(env, params, paths.exogenous.demand)
    textbook = []
    for review in range(1, 8):
        level = sizing.level(jnp.float32(review), jnp.zeros(env.cells))
        policy = PeriodicReview(review=float(review), level=level)
        textbook.append(float(evaluate(policy, env, params, fresh, warmup=20).cost_mean))
    assert max(costs) < 0.99 * min(textbook)


@pytest.mark.parametrize("separable", [True, False])
def test_separable_search_credits_a_location_with_its_own_cost_only(warehouses, separable):
    """What it finds for the first location does not change with what the second pays for a shortage."""
    env, params, paths, _ = warehouses
    levels = []
    for factor in (1.0, 10.0):
        other = params.replace(stockout_cost=params.stockout_cost * jnp.array([[1.0], [factor]]))
        found = cross_entropy(
            jax.tree_util.Partial(_itself), BaseStock(level=jnp.full(env.cells, 15.0)),
            [BaseStock(level=jnp.full(env.cells, 5.0))], env, other, paths, jax.random.key(0),
            population=16, elite=4, iterations=3, separable=separable,
        )  # fmt: skip
        levels.append(np.asarray(found.policy.level))
    assert np.array_equal(levels[0][0], levels[1][0]) == separable
    assert not np.array_equal(levels[0][1], levels[1][1])


@pytest.mark.slow
def test_tuning_with_transfers_and_seasons_uses_both():
    profile = np.broadcast_to(np.array([0.3, 0.3, 0.6, 1.0, 1.4, 1.6, 1.8])[:, None, None], (7, 3, 1))
    env = MultiWarehouse(num_warehouses=3, num_skus=1, max_lead_time=2)
    params = env.make_params(
        demand=Modulated(base=Poisson(np.full((3, 1), 4.0)), modifiers=(Weekly(profile=profile),)),
        transfer_cost=0.2, stockout_cost=20.0,
    )  # fmt: skip
    paths = sample_paths(env, params, jax.random.key(0), 8, 150)

    def tuned(**options):
        return tune(
            PeriodicReview, env, params, paths, jax.random.key(0), warmup=20, iterations=8, population=48, elite=8,
            **options,
        )  # fmt: skip

    plain, both = tuned(), tuned(rebalancing=True, following=True)
    assert plain.policy.rebalancing is plain.policy.following is None
    assert both.cost < 0.95 * plain.cost
    assert evaluate(both.policy, env, params, paths, warmup=20).units["transferred"] > 0.1
