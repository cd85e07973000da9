import copy
import math
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.env import make
from jaxinv.env.beer_game import BeerGame, OrderDeviations
from jaxinv.env.distribution import Distribution
from jaxinv.env.ecommerce import Ecommerce
from jaxinv.env.multi_agent import Axes, MultiAgent, Params
from jaxinv.env.multi_sku import MultiSku
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.env.serial import Serial
from jaxinv.env.supply_network import SupplyNetwork
from jaxinv.env.wrappers import DiscreteOrders, OrderUpTo
from jaxinv.testing import check_environment
from tests.compat.problems import Counter

NETWORK = SupplyNetwork(horizon=3)  # arcs: two into the retailer, one into each of two factories


# What each agent should have of an array; ``features`` is the number of axes behind those of locations and SKUs.
def by_first(x, features=0):
    return list(x)


def by_last(x, features=0):
    return [x[..., k] if features == 0 else x[..., k, :] for k in range(x.shape[-1 - features])]


def by_both(x, features=0):
    return [entry for row in x for entry in by_last(row, features)]


def by_node(x, features=0):
    if features == 0 and len(x) == 3:  # money
        return list(x)
    owners = NETWORK.observed_nodes if features else [arc.customer for arc in NETWORK.topology.arcs]
    return [[v for v, o in zip(x, owners, strict=True) if o in (node, "")] for node in NETWORK.topology.nodes]


def by_centre(x, features=0):
    if features and x.shape[0] != 2:  # regions
        return [x] * 2
    if len(x) == 5:  # money: that of regions in equal parts
        return [np.stack([row, x[2:].sum(0) / 2]) for row in x[:2]]
    return list(x)


def padded(rows):
    rows = [np.ravel(row) for row in rows]
    return np.stack([np.pad(row, (0, max(map(len, rows)) - len(row))) for row in rows])


PROBLEMS = {
    "serial": (Serial(lead_times=(1, 2)), (), by_first, 2),
    "beer game": (BeerGame(order_delays=(2, 1), transport_delays=(2, 2)), "player", by_first, 2),
    "distribution": (Distribution(num_stores=2), (), by_first, 3),
    "warehouses": (MultiWarehouse(2, 3, max_lead_time=1), (), by_first, 2),
    "cells": (MultiSku(3, 2, max_lead_time=2), ("warehouse", "sku"), by_both, 6),
    "shop": (Ecommerce(2, 3, 2, max_lead_time=1, max_return_delay=1), (), by_last, 3),
    "centres": (OrderUpTo(Ecommerce(2, 3, 3, max_lead_time=1, max_return_delay=1)), "centre", by_centre, 2),
    "network": (NETWORK, (), by_node, 3),
}


# The others are divided by locations as the beer game is, or have a test of who sends a transfer.
ALIKE = {"serial", "distribution", "warehouses"}


@pytest.mark.parametrize("problem", [pytest.param(p, marks=[pytest.mark.slow] * (p in ALIKE)) for p in PROBLEMS])
def test_everything_is_divided_and_nothing_else_changes(problem, key):
    env, by, rows, num_agents = PROBLEMS[problem]
    view = MultiAgent(env, by)
    params = view.make_params(env.make_params(max_steps_in_episode=2))
    assert len(set(view.agents)) == view.num_agents == num_agents

    def run(team_share):
        shared = params.replace(team_share=team_share)
        space = view.action_space(shared)

        def body(state, k):
            action = space.low + jax.random.uniform(k, space.shape) * (jnp.minimum(space.high, 10.0) - space.low)
            joint = view.joint_action(action, shared)
            u = jax.random.uniform(k, (view.num_step_uniforms(shared),))
            expected = env.step_from_uniforms(u, state, joint, shared.inner)
            result = view.step_from_uniforms(u, state, action, shared)
            inside = (
                env.action_space(shared.inner).contains(joint)
                & space.contains(action)
                & view.observation_space(shared).contains(result[0])
            )
            return result[1], (action, joint, expected, result, inside, view.global_state(result[1], shared))

        return jax.lax.scan(body, view.reset(key, shared)[1], jax.random.split(key, 3))[1]

    shares = np.array([0.0, 0.5, 1.0], np.float32)
    action, joint, expected, result, inside, everything = jax.device_get(jax.jit(jax.vmap(run))(shares))
    assert inside.all()
    observations, states, rewards, *ends, info = result
    bare, states_of_env, reward, *ends_of_env, info_of_env = expected
    for t in range(3):  # over the end of an episode
        of_period = jax.tree.map(lambda x, t=t: x[0, t], (joint, bare, info_of_env))
        parts = [padded(rows(x)) for x in jax.tree.leaves(of_period[0])]
        np.testing.assert_array_equal(action[0, t], np.concatenate(parts, 1))
        # The same numbers, computed in other loops: float32 rounding.
        parts = [padded(rows(x, 1)) for x in jax.tree.leaves(of_period[1])]
        np.testing.assert_allclose(observations[0, t], np.concatenate(parts, 1), rtol=1e-6)
        parts = [np.ravel(x) for x in jax.tree.leaves(of_period[1])]
        np.testing.assert_allclose(everything[0, t], np.concatenate(parts), rtol=1e-6)
        ledger = of_period[2]["ledger"]
        money = sum(getattr(ledger, name) for name in ledger.GAINS) - sum(getattr(ledger, n) for n in ledger.COSTS)
        np.testing.assert_allclose(rewards[0, t], [np.sum(row) for row in rows(money)], rtol=1e-5, atol=1e-4)  # float32
    np.testing.assert_allclose(rewards.sum(-1), reward, rtol=1e-5, atol=1e-3)  # sums of float32
    own, half, team = rewards
    assert np.ptp(own, axis=-1).max() > 0.1
    np.testing.assert_allclose(team, np.broadcast_to(own.mean(-1, keepdims=True), own.shape), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(half, (own + team) / 2, rtol=1e-5, atol=1e-4)
    for ours, theirs in ((states, states_of_env), (ends, ends_of_env), (info["ledger"], info_of_env["ledger"])):
        jax.tree.map(np.testing.assert_array_equal, ours, theirs)
    assert np.stack(ends).any()
    assert info["final_observation"].shape == observations.shape


def test_who_sends_a_transfer_decides_it():
    env = MultiWarehouse(2, 2, max_lead_time=1)
    for by, senders in (("warehouse", [(0,), (1,)]), (("warehouse", "sku"), [(0, 0), (0, 1), (1, 0), (1, 1)])):
        view = MultiAgent(env, by)
        params = view.default_params()
        for agent, (sender, *sku) in enumerate(senders):
            action = jnp.zeros(view.action_space(params).shape).at[agent].set(1.0)
            joint = view.joint_action(action, params)
            of_sku = np.isin([0, 1], sku or [0, 1])
            np.testing.assert_array_equal(joint.orders, np.outer(np.arange(2) == sender, of_sku))
            np.testing.assert_array_equal(joint.flows[sender], np.stack([of_sku] * 2))
            np.testing.assert_array_equal(joint.flows[1 - sender], 0)


def test_names():
    assert MultiAgent(Serial()).agents == ("stage_0", "stage_1", "stage_2")
    assert MultiAgent(MultiWarehouse(2, 2), ("sku", "warehouse")).agents[1] == "sku_0_warehouse_1"
    assert MultiAgent(NETWORK).agents == ("retailer", "factory1", "factory2")


def test_what_is_decided_for_lack_of_arcs_is_ignored():
    view = MultiAgent(NETWORK)
    params = view.default_params()
    joint = view.joint_action(jnp.arange(6.0).reshape(3, 2), params)
    np.testing.assert_array_equal(joint, [[0], [1], [2], [4]])
    np.testing.assert_array_equal(view.action_space(params).high > 0, [[1, 1], [1, 0], [1, 0]])
    choices = MultiAgent(OrderUpTo(NETWORK)).joint_action(jnp.arange(6.0).reshape(3, 2), params)
    np.testing.assert_array_equal(choices, joint)


@pytest.mark.parametrize(("by", "rows"), [("warehouse", by_first), ("sku", by_last), (("warehouse", "sku"), by_both)])
def test_masks_are_divided(by, rows, key):
    env = DiscreteOrders(MultiSku(3, 2, max_lead_time=1), max_order=4, max_position=60.0)
    view = MultiAgent(env, by)
    params = view.make_params(env.make_params(minimum_order=np.array([0.0, 2.0, 3.0])))

    @jax.jit
    def masks():
        state = view.reset(key, params)[1]
        state = state.replace(on_hand=jnp.array([[55.0, 58, 60], [0, 57, 70]]))
        joint = env.decode(view.joint_action(view.action_space(params).sample(key), params), state, params.inner)
        return view.action_mask(state, params), env.action_mask(state, params.inner), joint

    mask, expected, joint = masks()
    assert mask.shape == (*view.action_space(params).shape, 5)
    np.testing.assert_array_equal(mask, rows(np.asarray(expected), 1))
    assert not mask.all()
    assert joint.shape == (2, 3)


def test_masks_of_agents_that_lack_something(key):
    view = MultiAgent(DiscreteOrders(NETWORK, max_order=3))
    params = view.default_params()
    mask = jax.jit(lambda: view.action_mask(view.reset(key, params)[1], params))()
    np.testing.assert_array_equal(mask.sum(-1), [[4, 4], [4, 1], [4, 1]])
    assert mask[..., 0].all()


def test_masks_where_all_is_legal(key):
    for env in (OrderDeviations(BeerGame()), BeerGame(), NETWORK):
        view = MultiAgent(env)
        params = view.default_params()
        assert jax.eval_shape(lambda v=view, p=params: v.action_mask(v.reset(key, p)[1], p)) is None


def test_views_are_values():
    made = MultiAgent(DiscreteOrders(Serial()))
    _ = made.agents, made.division
    for other in (MultiAgent(DiscreteOrders(Serial()), "stage"), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert other == made
        assert hash(other) == hash(made)
        assert other.agents == made.agents
    assert made != MultiAgent(Serial())
    cells = MultiAgent(MultiWarehouse(), ("warehouse", "sku"))
    assert cells != MultiAgent(MultiWarehouse(), "sku")
    params = pickle.loads(pickle.dumps(made.make_params(Serial().default_params(), team_share=0.5)))
    assert (params.team_share, params.max_steps_in_episode, params.discount) == (0.5, 365, np.float32(0.99))


def test_what_cannot_be_divided():
    single, _ = make("SingleItem-v0")
    with pytest.raises(ValueError, match="must declare agent_axes, which SingleItem does not"):
        MultiAgent(single)
    with pytest.raises(ValueError, match="by must be some of warehouse, sku; got 'shelf'"):
        MultiAgent(MultiWarehouse(), ("sku", "shelf"))
    with pytest.raises(ValueError, match="cannot combine sku and sku"):
        MultiAgent(MultiWarehouse(), ("sku", "sku"))
    with pytest.raises(ValueError, match="team_share must be <= 1"):
        Params(inner=None, team_share=2.0)
    view = MultiAgent(Serial())
    with pytest.raises(ValueError, match=r"actions must have the shape \(3, 1\), got \(4, 1\)"):
        view.joint_action(jnp.zeros((4, 1)), view.default_params())
    for shape in ((2,), ()):
        with pytest.raises(ValueError, match=r"does not hold \(3,\) agents along its axes \(0,\)"):
            view.division.action.split(jnp.zeros(shape))
    with pytest.raises(ValueError, match="does not hold"):  # one axis cannot tell both apart
        Axes((0, -1), (2, 2)).split(jnp.zeros(2))
    with pytest.raises(ValueError, match="does not have the 4 entries"):
        MultiAgent(NETWORK).division.action.split(jnp.zeros(3))

    class Mixed(Serial):
        def action_space(self, params):
            return Counter().action_space(params)

    with pytest.raises(
        ValueError, match="actions and observations of real numbers, or actions of one array of choices"
    ):
        MultiAgent(Mixed()).action_space(view.default_params())


def test_time_limits_are_those_of_the_view(key):
    view = MultiAgent(Serial())
    params = view.make_params(Serial().make_params(max_steps_in_episode=9, discount=0.5))
    assert (params.max_steps_in_episode, params.discount) == (9, 0.5)
    _, state = jax.jit(view.reset)(key, params)
    once = params.replace(max_steps_in_episode=jnp.int32(1))
    *_, truncated, _ = jax.jit(view.step)(key, state, jnp.zeros((3, 1)), once)
    assert truncated


@pytest.mark.slow
@pytest.mark.parametrize("env", [DiscreteOrders(Serial(lead_times=(1,))), NETWORK], ids=["choices", "numbers"])
def test_views_keep_the_protocol(env):
    check_environment(MultiAgent(env), length=4)


def test_centres_decide_about_orders_alone():
    shop = Ecommerce(2, 2, 2)
    view = MultiAgent(shop, "centre")
    with pytest.raises(ValueError, match=r"by centre divides 1 array\(s\) of the action, not 3: wrap Ecommerce in an"):
        view.action_space(view.default_params())
    choices = MultiAgent(DiscreteOrders(shop, max_order=3), "centre")
    assert choices.agents == ("centre_0", "centre_1")
    assert choices.action_space(choices.default_params()).shape == (2, 2)


@pytest.mark.slow
def test_independent_learners_improve_the_team(key):
    """Players of the beer game learn by policy gradients, with one set of parameters and each from its own
    observation. A player who sticks to the incoming order starts as one of five choices."""
    env = OrderDeviations(BeerGame())
    view = MultiAgent(env)
    params = view.make_params(env.make_params(), team_share=1.0)
    lanes, length, names = 256, 20, jnp.eye(view.num_agents)

    def logits(weights, observations):
        seen = jnp.concatenate([observations, jnp.broadcast_to(names, (*observations.shape[:-1], 4))], -1)
        return jnp.tanh(seen @ weights["in"]) @ weights["out"]

    def rollout(weights, key):
        u = jax.random.uniform(key, (length, lanes, view.num_step_uniforms(params)))
        observations, states = jax.vmap(view.reset, (0, None))(jax.random.split(key, lanes), params)

        def body(carry, inputs):
            (observations, states), (k, u) = carry, inputs
            actions = jax.random.categorical(k, logits(weights, observations))
            following = jax.vmap(view.step_from_uniforms, (0, 0, 0, None))(u, states, actions, params)
            return following[:2], (observations, actions, following[2])

        return jax.lax.scan(body, (observations, states), (jax.random.split(key, length), u))[1]

    def update(weights, key):
        observations, actions, rewards = rollout(weights, key)
        to_go = jnp.cumsum(rewards[::-1], 0)[::-1]
        advantage = to_go - jnp.mean(to_go, 1, keepdims=True)
        advantage /= jnp.std(to_go, (1, 2), keepdims=True) + 1e-3

        def loss(weights):
            log_prob = jax.nn.log_softmax(logits(weights, observations))
            return -jnp.mean(advantage * jnp.take_along_axis(log_prob, actions[..., None], -1)[..., 0])

        step = jax.tree.map(lambda w, g: w - 2.0 * g, weights, jax.grad(loss)(weights))
        costs = -jnp.sum(rewards, (0, 2))
        return step, (jnp.mean(costs), jnp.std(costs) / jnp.sqrt(lanes))

    size = math.prod(view.observation_space(params).shape[1:]) + 4
    weights = {"in": 0.3 * jax.random.normal(key, (size, 16)), "out": jnp.zeros((16, 5))}
    _, (cost, error) = jax.jit(lambda w: jax.lax.scan(update, w, jax.random.split(key, 60)))(weights)
    assert cost[0] - cost[-1] > 5 * jnp.hypot(error[0], error[-1])
