"""Who gets what where a warehouse is short."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Poisson
from jaxinv.env.distribution import Distribution, Exogenous
from jaxinv.env.rationing import Rationing, balanced, in_turn, proportional, whole_units
from jaxinv.env.wrappers import OrderUpTo
from jaxinv.policies import EchelonBaseStock
from tests.env.warehouses import start


def test_rules_by_hand():
    wanted, position, one = jnp.array([6.0, 3.0, 3.0]), jnp.array([0.0, 1.0, 5.0]), jnp.ones(3)
    np.testing.assert_allclose(proportional(jnp.float32(4), wanted), [2, 1, 1])
    np.testing.assert_allclose(balanced(jnp.float32(5), wanted, position, one), [3, 2, 0], atol=1e-6)
    np.testing.assert_allclose(balanced(jnp.float32(10), wanted, position, one), [6, 3, 1], atol=1e-6)  # 6, 4, 6
    np.testing.assert_allclose(balanced(jnp.float32(50), wanted, position, one), wanted, atol=1e-6)
    # A store whose unit is 2 counts half: 4 and 2 are equally high.
    two = jnp.array([2.0, 1.0])
    np.testing.assert_allclose(balanced(jnp.float32(6), jnp.full(2, 9.0), jnp.zeros(2), two), [4, 2], atol=1e-6)


def test_balanced_is_best_and_ships_what_there_is():
    keys = jax.random.split(jax.random.key(0), 200)

    def one(key):
        a, b, c, d, e = jax.random.split(key, 5)
        wanted, position = 10 * jax.random.uniform(a, (6,)), 20 * jax.random.uniform(b, (6,)) - 10
        unit = jax.random.uniform(c, (6,), minval=0.5, maxval=2.0)
        available = 80 * jax.random.uniform(d)
        shipped = balanced(available, wanted, position, unit)
        # Any other shipment of as much that is wanted.
        other = wanted * jax.random.uniform(e, (6,))
        other = other * jnp.minimum(1.0, available / jnp.sum(other))
        return wanted, available, shipped, jnp.min((position + shipped) / unit), jnp.min((position + other) / unit)

    wanted, available, shipped, lowest, other = jax.jit(jax.vmap(one))(keys)
    np.testing.assert_allclose(shipped.sum(1), jnp.minimum(available, wanted.sum(1)), rtol=1e-5)
    assert ((shipped >= 0) & (shipped <= wanted + 1e-5)).all()
    assert (lowest >= other - 1e-4).all()
    assert (available < wanted.sum(1)).any()


def test_whole_units_are_those_of_the_rule_unit_by_unit():
    """As if one unit after the other went to the store with the largest shortfall."""
    rng = np.random.default_rng(0)
    rule = jax.jit(lambda a, w: whole_units(balanced(a, w, -w, jnp.ones_like(w)), a, w))
    for _ in range(60):
        wanted, available = rng.integers(0, 12, 5).astype(np.float32), float(rng.integers(0, 40))
        short = wanted.copy()
        for _ in range(int(min(available, wanted.sum()))):
            short[np.argmax(short)] -= 1
        shipped = np.asarray(rule(jnp.float32(available), jnp.asarray(wanted)))
        np.testing.assert_array_equal(shipped, np.round(shipped))
        np.testing.assert_array_equal(np.sort(wanted - shipped), np.sort(short))


@pytest.mark.parametrize(("rule", "shipped"), [("proportional", [4, 2]), ("balanced", [2, 4])])
def test_the_wrapper_cuts_what_is_ordered(rule, shipped):
    env = Distribution(num_stores=2)
    params = env.make_params(demand=Poisson([3.0, 3.0]))
    state = start(env, params, 6, [4, 2])
    orders = Rationing(env, rule).decode(jnp.array([9.0, 8.0, 4.0]), state, params)
    np.testing.assert_allclose(orders, [9, *shipped], rtol=1e-6)
    levels = OrderUpTo(Rationing(env, rule)).decode(jnp.array([30.0, 12.0, 6.0]), state, params)
    np.testing.assert_allclose(levels, [18, 8, 4])  # a wrapper outside does not ration
    _, outcome = OrderUpTo(Rationing(env, rule)).transition(
        state, jnp.array([30.0, 12.0, 6.0]), env.sample_exogenous(jax.random.key(0), state, params), params
    )
    np.testing.assert_allclose(outcome.ledger.ordered, [18, *shipped], rtol=1e-6)


def test_what_a_store_has_no_room_for_goes_to_others(key):
    """Of 8 units, store 1 takes the 3 that it has room for: the other gets 5 of its 10, by whatever rule."""
    env = Distribution(num_stores=2)
    params = env.make_params(demand=Poisson([3.0, 3.0]), store_capacity=[3.0, 100.0])
    state, wanted = start(env, params, 8, [0, 0]), jnp.array([0.0, 10.0, 10.0])
    np.testing.assert_array_equal(Rationing(env, "balanced").decode(wanted, state, params), [0, 3, 5])
    in_proportion = Rationing(env, "proportional").decode(wanted, state, params)
    np.testing.assert_allclose(in_proportion, [0, 8 * 3 / 13, 8 * 10 / 13], rtol=1e-6)
    for rule in ("balanced", "proportional"):
        _, outcome = Rationing(env, rule).transition(state, wanted, env.sample_exogenous(key, state, params), params)
        assert float(outcome.ledger.ordered[1:].sum()) == pytest.approx(8.0)
    policy = EchelonBaseStock(warehouse_level=0.0, store_level=10.0)
    assert policy(env, state, params, key).tolist() == [0, 1, 7]  # of the 3 and 10 that they can take they lack 2 and 3


def test_random_rationing_serves_stores_in_turn():
    env = Distribution(num_stores=3, warehouse_lead_time=0, store_lead_time=0, random_rationing=True)
    params = env.make_params(store_capacity=[9.0, 9.0, 4.0])
    for turn, shipped in (((0.5, 0.1, 0.9), [1, 5, 0]), ((0.1, 0.5, 0.9), [3, 3, 0]), ((0.5, 0.9, 0.1), [2, 0, 4])):
        exo = Exogenous(next=(), demand=jnp.zeros(3), turn=jnp.array(turn))
        _, outcome = env.transition(start(env, params, 2, [0, 0, 0]), jnp.array([4.0, 3, 5, 8]), exo, params)
        assert outcome.ledger.ordered.tolist() == [4, *shipped]
        assert outcome.ledger.on_hand[0] == 0
        _, outcome = env.transition(start(env, params, 20, [0, 0, 0]), jnp.array([4.0, 3, 5, 8]), exo, params)
        assert outcome.ledger.ordered.tolist() == [4, 3, 5, 4]


def test_the_turn_is_drawn_anew_and_fair():
    """All orders of three stores are as likely as each other, and nothing but the turn depends on its uniforms."""
    env = Distribution(num_stores=3, special_deliveries=True, random_rationing=True)
    params = env.default_params()
    _, state = env.reset(jax.random.key(0), params)
    keys = jax.random.split(jax.random.key(1), 6000)
    exo = jax.jit(jax.vmap(env.sample_exogenous, (0, None, None)))(keys, state, params)
    _, counts = np.unique(np.argsort(exo.turn, 1), axis=0, return_counts=True)
    assert len(counts) == 6
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(6000 * 5 / 36)  # five binomial standard deviations
    assert not np.array_equal(exo.turn, exo.patience)
    equal = in_turn(jnp.float32(4), jnp.array([3.0, 3.0, 3.0]), jnp.full(3, 0.5))
    assert equal.tolist() == [3, 1, 0]  # one of equals is first


def test_a_rule_that_does_not_exist():
    with pytest.raises(ValueError, match=r"Rationing\.rule must be one of proportional, balanced, got 'fair'"):
        Rationing(Distribution(), "fair")
