"""Policies for networks: positions by hand, levels by formula."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import ndtri

from jaxinv.demand import Trace
from jaxinv.env.supply_network import SupplyNetwork
from jaxinv.env.supply_network_topology import Arc, Topology, assembly, diamond, serial
from jaxinv.policies import NetworkBaseStock, NetworkReorderPoint
from jaxinv.policies.supply_network import contents, echelon_position


def state_of(env, params, **changes):
    _, state = env.reset(jax.random.key(0), params)
    return state.replace(
        **{name: jax.tree.map(lambda x: jnp.array([x], jnp.float32), v) for name, v in changes.items()}
    )


def test_positions_of_a_chain_by_hand():
    env = SupplyNetwork(serial([2, 1]), order_backlog=True)
    params = env.make_params(backlog_share=1.0)
    state = state_of(env, params, on_hand=(0.0, 4.0), pipeline=(3.0, 2.0, 6.0), backorders=(5.0, 1.0), backlog=(7.0,))
    # The retailer: 5 under way and 5 waiting upstream less 7 customers; upstream: 4, 6 and 1 less the 5 it owes.
    assert env.stock_position(state)[:, 0].tolist() == [3, 6]
    share = env.topology.equal_shares()
    # Upstream, all in the chain less the customers: 4 + 6 + 1 + 5 - 7.
    assert echelon_position(env, state, params, share)[:, 0].tolist() == [3, 9]
    for echelon, orders in ((False, [7, 4]), (True, [7, 1])):
        policy = NetworkBaseStock(level=[10.0, 10.0], echelon=echelon)
        assert policy(env, state, params, None)[:, 0].tolist() == orders


def test_positions_count_components_and_shares():
    env = SupplyNetwork(assembly(1, [1, 1]))
    params = env.make_params(components=[1, 1, 2], yield_rate=[1.0, 0.5])
    share = env.topology.equal_shares()
    assert contents(env, params, share)[..., 0].tolist() == [[1, 2, 4], [0, 2, 4]]
    state = state_of(env, params, on_hand=(3.0, 5.0, 6.0), pipeline=(1.0, 0.0, 2.0), backlog=(2.0,))
    assert echelon_position(env, state, params, share)[:, 0].tolist() == [2, 5 + 2 * (3 + 1 - 2), 6 + 2 + 4 * 2]
    assert env.stock_position(state, env.usage(params))[:, 0].tolist() == [2, 5, 8]

    env = SupplyNetwork(diamond([1, 1], [1, 1]))
    params, share = env.make_params(), jnp.array([[0.25], [0.75], [1.0], [1.0]])
    assert contents(env, params, share)[..., 0].tolist() == [[1, 0.25, 0.75], [0, 1, 0], [0, 0, 1]]
    state = state_of(env, params, on_hand=(8.0, 1.0, 2.0), pipeline=(4.0, 5.0, 0.0, 0.0))
    assert echelon_position(env, state, params, share)[:, 0].tolist() == [17, 1 + 2 + 4, 2 + 6 + 5]
    policy = NetworkBaseStock(level=[37.0, 3.0, 9.0], share=share)
    assert policy(env, state, params, None)[:, 0].tolist() == [5, 15, 2, 7]
    policy = NetworkReorderPoint(level=[37.0, 3.0, 9.0], reorder=[17.0, 0.0, 2.0], share=share)
    assert policy(env, state, params, None)[:, 0].tolist() == [5, 15, 0, 7]


def test_newsvendor_levels_by_formula():
    topology = Topology(
        nodes=("shop", "kiosk", "depot"), sources=("source",),
        arcs=(Arc("depot", "shop", 1), Arc("depot", "kiosk", 2), Arc("source", "depot", 3)),
        markets=(("shop", "a"), ("kiosk", "b")),
    )  # fmt: skip
    env = SupplyNetwork(topology)
    params = env.make_params(holding_cost=[4.0, 4.0, 1.0], stockout_cost=[9.0, 5.0], price=[7.0, 7.0], unit_cost=2.0)
    demand = jnp.array([[6.0, 2.0], [10.0, 10.0], [8.0, 6.0], [8.0, 6.0]])[:, :, None]
    mean, variance = np.array([8.0, 6.0]), np.array([2.0, 8.0])
    missed = ((9 + 7 - 2) * 8 + (5 + 7 - 2) * 6) / 14
    mean, variance = np.append(mean, 14), np.append(variance, 10)
    periods, ratio = np.array([2, 3, 4]), missed / (missed + np.array([4, 4, 1]))
    expected = mean * periods + np.asarray(ndtri(ratio)) * np.sqrt(variance * periods)
    np.testing.assert_allclose(NetworkBaseStock.of(env, params, demand).level[:, 0], expected, rtol=1e-5)
    more = NetworkBaseStock.of(env, params, demand, safety=1.0).level[:, 0]
    np.testing.assert_allclose(more - expected, np.sqrt(variance * periods), rtol=1e-4)

    # Of the law itself: Poisson(5) in both markets; (s, S) orders an economic quantity, or a period's demand, more.
    reorder = NetworkBaseStock.of(env, params).level[:, 0]
    missed, mean = 9 / 2 + 5 / 2 + 5, np.array([5, 5, 10])
    expected = mean * periods + np.asarray(ndtri(missed / (missed + np.array([4, 4, 1])))) * np.sqrt(mean * periods)
    np.testing.assert_allclose(reorder, expected, rtol=1e-5)
    policy = NetworkReorderPoint.of(env, params.replace(fixed_order_cost=jnp.array([[40.0], [2.0], [0.0]])))
    np.testing.assert_allclose(policy.reorder[:, 0], reorder, rtol=1e-6)
    np.testing.assert_allclose(policy.level[:, 0] - reorder, [10, 5, 10], rtol=1e-4)
    replayed = params.replace(demand=Trace(quantity=jnp.ones((3, 2, 1)), expected=jnp.ones((3, 2, 1))))
    with pytest.raises(ValueError, match="demand must be given where it is no stationary distribution, got Trace"):
        NetworkBaseStock.of(env, replayed)


def test_levels_that_do_not_fit_are_named():
    env = SupplyNetwork(serial([1, 1]))
    params = env.make_params()
    _, state = env.reset(jax.random.key(0), params)
    with pytest.raises(
        ValueError, match=r"NetworkBaseStock.level must have shape \(2, 1\), \(2,\) or \(\), got \(3,\)"
    ):
        NetworkBaseStock(level=[1.0, 2.0, 3.0])(env, state, params, None)
