"""Several agents with rewards of their own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv import evaluate
from jaxinv.agents import DCL, IDDPG, IDQN, IPPO, MADDPG, MAPPO, MLP, PPO, AgentNetwork
from jaxinv.env import spaces
from jaxinv.env.beer_game import BeerGame
from jaxinv.env.multi_agent import MultiAgent
from jaxinv.env.wrappers import OrderUpTo
from jaxinv.optimise import Pathwise
from tests.agents import probes

SMALL = {"num_envs": 64, "learning_rate": 1e-2, "average_reward": False, "normalise_reward": False, "discount": 0.9}
ON_POLICY = SMALL | {"num_steps": 8, "num_updates": 60}
OFF_POLICY = SMALL | {
    "num_steps": 2, "num_updates": 150, "gradient_steps": 4, "batch_size": 128, "buffer_periods": 64, "burn_in": 16,
}  # fmt: skip


def train(algo):
    return jax.jit(algo.train)(jax.random.key(0), algo.env.default_params())[0]


def values(algo, state):
    """Of all four observations of both agents, [4, 2]."""
    seen = jnp.array([[x, y] for x in (0.0, 1.0) for y in (0.0, 1.0)])[..., None]
    return np.asarray(algo._apply(state.params, state.observation_statistics.standardise(seen), state.action_space)[1])


@pytest.mark.parametrize(
    ("central", "shared_weights"),
    [
        (True, True),
        *(pytest.param(*each, marks=pytest.mark.slow) for each in ((False, False), (True, False), (False, True))),
    ],
)
def test_agents_act_by_their_own_observation_and_have_their_own_values(central, shared_weights):
    network = AgentNetwork(hidden=(32,), central_values=central, shared_weights=shared_weights)
    make = MAPPO if central else IPPO
    algo = make(env=probes.MatchOwn(), network=network, value_clip=jnp.inf, target_kl=jnp.inf, **ON_POLICY)
    state = train(algo)
    act = algo.policy(state).act
    for seen in ([0.0, 1.0], [1.0, 0.0], [1.0, 1.0]):
        np.testing.assert_array_equal(act(jnp.array(seen)[:, None]), seen)
    # What the other observes costs 1 where it is 1: half of that in the mean, for those who do not know.
    known = [[1.0, 2.0], [0.0, 2.0], [1.0, 1.0], [0.0, 1.0]] if central else [[0.5, 1.5]] * 4
    np.testing.assert_allclose(values(algo, state), known, atol=0.12)


def test_networks_of_agents_do_not_read_others_observations():
    network, space = AgentNetwork(central_values=True), spaces.Box(0.0, 1.0, (3, 2))
    x = jax.random.normal(jax.random.key(0), (3, 4))
    params = jax.jit(network.init)(jax.random.key(1), x, space)

    def slopes(read):
        return jnp.any(jax.jit(jax.jacobian(lambda x: read(network.apply(params, x, space))))(x) != 0, -1)

    np.testing.assert_array_equal(slopes(lambda out: out[0][0][0][:, 0]), np.eye(3))
    np.testing.assert_array_equal(slopes(lambda out: out[1]), np.ones((3, 3)))
    assert network.apply(params, x, space)[0][0][0].shape == (3, 2)


def test_weights_are_shared_or_not():
    x, space = jnp.zeros((3, 4)), spaces.Discrete(5, (3, 2))

    def kernel(shared_weights):
        network = AgentNetwork(hidden=(8,), shared=True, shared_weights=shared_weights)
        params = jax.eval_shape(network.init, jax.random.key(0), x, space)
        return params["params"]["VmapMLP_0"]["Dense_0"]["kernel"].shape

    assert kernel(True) == (4 + 3, 8)  # and which agent it is
    assert kernel(False) == (3, 4, 8)


@pytest.mark.parametrize("num_quantiles", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_independent_q_networks_learn_their_own_worth(num_quantiles):
    network = AgentNetwork(hidden=(32,), activation="relu")
    algo = IDQN(env=probes.MatchOwn(), network=network, num_quantiles=num_quantiles, prioritised=True, **OFF_POLICY)
    state = train(algo)
    seen = jnp.array([[0.0], [1.0]])
    np.testing.assert_array_equal(algo.policy(state).act(seen), [0, 1])
    heads, value = algo._quantiles(state.params, state.observation_statistics.standardise(seen)[None], algo_space())
    worth = algo._values(heads, value, None, jnp.array([[0, 1]]), algo_space())
    np.testing.assert_allclose(jnp.mean(worth[0], -1), [0.5, 1.5], atol=0.2)


def algo_space():
    return probes.MatchOwn().action_space(None)


@pytest.mark.parametrize("make", [MADDPG, pytest.param(IDDPG, marks=pytest.mark.slow)])
def test_actors_follow_their_own_value_and_not_the_others(make):
    """Together they would do best at -0.2 each."""
    network = AgentNetwork(hidden=(32,), activation="relu", central_values=make is MADDPG)
    algo = make(env=probes.Externality(), network=network, **OFF_POLICY)
    action = algo.policy(train(algo)).act(jnp.array([[0.0], [1.0]]))
    np.testing.assert_allclose(action, 0.3, atol=0.05)


def test_a_network_without_values_of_agents_is_refused():
    algo = PPO(env=probes.MatchOwn(), network=MLP(), **ON_POLICY)
    with pytest.raises(ValueError, match=r"PPO.network must give a value for each of 2 agents.*MLP gives \(\)"):
        algo.init(jax.random.key(0), probes.MatchOwn().default_params())


def test_players_of_the_beer_game_learn_and_are_evaluated_on_the_paths_of_heuristics():
    bare = BeerGame()
    env = MultiAgent(OrderUpTo(bare, 60.0))
    params = env.make_params(bare.default_params())
    algo = IPPO(env=env, num_envs=16, num_steps=8, num_updates=2, network=AgentNetwork(hidden=(8,)))
    state, metrics = jax.jit(algo.train)(jax.random.key(0), params)
    assert metrics["reward"].shape == (2,)
    paths = evaluate.sample_paths(bare, params.inner, jax.random.key(1), 8, 20)
    found = evaluate.evaluate(algo.policy(state), env, params, paths)
    assert found.cost.shape == (8, 20, 4)
    assert np.isfinite(found.cost_mean)


@pytest.mark.parametrize("kind", [DCL, Pathwise])
def test_learners_of_one_reward_refuse_several(kind):
    with pytest.raises(ValueError, match=rf"{kind.__name__}.env must have one reward, not those of 2 agents"):
        kind(env=probes.MatchOwn()).init(jax.random.key(0), probes.MatchOwn().default_params())
