import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxinv  # noqa: F401  before JaxMARL, which computes as it is imported

pytest.importorskip("jaxmarl", reason="a client of the extra 'compat'")

from jaxmarl.environments import spaces  # pyright: ignore[reportMissingImports]
from jaxmarl.environments.multi_agent_env import MultiAgentEnv  # pyright: ignore[reportMissingImports]
from jaxmarl.wrappers.baselines import CTRolloutManager, LogWrapper  # pyright: ignore[reportMissingImports]

from jaxinv.compat import JaxMarlEnv
from jaxinv.env.beer_game import BeerGame
from jaxinv.env.multi_agent import MultiAgent
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.env.supply_network import SupplyNetwork
from jaxinv.env.wrappers import DiscreteOrders

PLAYERS = ["player_0", "player_1"]


def beer_game(length: int = 2, team_share: float = 0.0):
    bare = BeerGame(order_delays=(2, 1), transport_delays=(1, 1))
    view = MultiAgent(DiscreteOrders(bare, max_order=8, max_position=30.0))
    return view, view.make_params(bare.make_params(max_steps_in_episode=length), team_share=team_share)


def test_steps_are_those_of_the_view(key):
    view, params = beer_game()
    env = JaxMarlEnv(view, params)
    assert isinstance(env, MultiAgentEnv)
    assert (env.name, env.agents, env.num_agents) == ("DiscreteOrders", PLAYERS, 2)
    assert env.agent_classes == {"player": PLAYERS}
    observations, state = env.reset(key)
    stacked, same = view.reset(key, params)
    np.testing.assert_array_equal([observations[agent] for agent in PLAYERS], stacked)
    plain = jax.jit(view.step_env)
    for t, k in enumerate(jax.random.split(key, 3)):  # over a time limit
        actions = {agent: env.action_space(agent).sample(k) + i for i, agent in enumerate(PLAYERS)}
        observations, state, rewards, dones, infos = env.step(k, state, actions)
        now, fresh = jax.random.split(k)  # as JaxMARL's step does
        stacked, same, expected, _, info = plain(now, same, jnp.array(list(actions.values())), params)
        over = t == 1
        if over:
            stacked, same = view.reset(fresh, params)
        jax.tree.map(np.testing.assert_array_equal, state, same)
        np.testing.assert_allclose([observations[agent] for agent in PLAYERS], stacked, rtol=1e-6)  # float32
        np.testing.assert_allclose([rewards[agent] for agent in PLAYERS], expected, rtol=1e-6)
        np.testing.assert_allclose(infos["own_reward"], view.own_rewards(info["ledger"]), rtol=1e-6)
        assert {name: bool(done) for name, done in dones.items()} == dict.fromkeys([*PLAYERS, "__all__"], over)
        np.testing.assert_array_equal(infos["truncated"], [over] * 2)
        np.testing.assert_array_equal(infos["terminated"], [False] * 2)
        legal = env.get_avail_actions(state)
        np.testing.assert_array_equal([legal[agent] for agent in PLAYERS], view.action_mask(same, params))
        shown = env.get_obs(state)
        np.testing.assert_allclose([shown[agent] for agent in PLAYERS], view.observe(same, params), rtol=1e-6)
        everything = env.get_world_state(state)
        assert everything.shape == (env.world_state_size(),)
        np.testing.assert_allclose(everything, view.global_state(same, params), rtol=1e-6)


def test_spaces_of_choices():
    env = JaxMarlEnv(*beer_game())
    assert isinstance(env.action_space("player_0"), spaces.Discrete)
    assert env.action_space("player_0").n == 9
    assert env.observation_space("player_1").shape == (6,)
    assert jax.jit(lambda: jnp.zeros(env.observation_space("player_1").shape))().shape == (6,)
    several = JaxMarlEnv(MultiAgent(DiscreteOrders(MultiWarehouse(2, 3), max_order=4)))
    np.testing.assert_array_equal(several.action_space("warehouse_1").num_categories, [5, 5, 5])


def test_spaces_of_numbers(key):
    env = JaxMarlEnv(MultiAgent(SupplyNetwork(order_backlog=True)))
    observations, state = env.reset(key)
    for agent in ("retailer", "factory1", "factory2"):
        space = env.action_space(agent)
        assert space.shape == (2,)
        np.testing.assert_array_equal(space.high > 0, [True, agent == "retailer"])
        assert env.observation_space(agent).shape == observations[agent].shape
        assert env.observation_space(agent).contains(observations[agent])
    _, _, rewards, _, _ = jax.jit(env.step_env)(key, state, {agent: jnp.ones(2) for agent in env.agents})
    assert len({float(reward) for reward in rewards.values()}) == 1  # of the team, unless told otherwise
    with pytest.raises(NotImplementedError, match="its actions are numbers"):
        env.get_avail_actions(state)


def test_independent_ppo_collects_its_batches(key):
    """The loop of JaxMARL's IPPO: environments under vmap, time under scan, agents side by side in one batch."""
    env = LogWrapper(JaxMarlEnv(*beer_game(length=4)))
    lanes, length = 3, 6
    actors = lanes * env.num_agents

    def batchify(by_agent):
        return jnp.stack([by_agent[agent] for agent in env.agents]).reshape(actors, -1)

    def unbatchify(batch):
        return dict(zip(env.agents, batch.reshape(env.num_agents, lanes), strict=True))

    @jax.jit
    def collect(key, weights):
        observations, states = jax.vmap(env.reset)(jax.random.split(key, lanes))

        def body(carry, k):
            observations, states = carry
            legal = batchify(jax.vmap(env.get_avail_actions)(states.env_state))
            logits = jnp.where(legal, batchify(observations) @ weights, -jnp.inf)
            actions = jax.random.categorical(k, logits)
            keys = jax.random.split(k, lanes)
            observations, states, rewards, dones, infos = jax.vmap(env.step)(keys, states, unbatchify(actions))
            infos = jax.tree.map(lambda x: x.reshape(actors), infos)
            return (observations, states), (batchify(rewards).squeeze(), batchify(dones).squeeze(), infos)

        return jax.lax.scan(body, (observations, states), jax.random.split(key, length))[1]

    rewards, dones, infos = collect(key, jnp.zeros((6, 9)))
    assert rewards.shape == dones.shape == (length, actors)
    np.testing.assert_array_equal(dones[:, 0], [False, False, False, True, False, False])
    # JaxMARL batches observations by agent and its log by lane.
    expected = rewards[:4].sum(0).reshape(2, lanes).T.ravel()
    np.testing.assert_allclose(infos["returned_episode_returns"][3], expected, rtol=1e-6)
    np.testing.assert_array_equal(infos["returned_episode_lengths"][3], 4)


def test_their_rollout_manager_runs(key):
    view, params = beer_game(length=3)
    env = JaxMarlEnv(view, params)
    manager = CTRolloutManager(env, batch_size=3)
    observations, states = manager.batch_reset(key)
    assert observations["player_1"].shape == (3, 6 + 2)  # with the number of the agent
    np.testing.assert_array_equal(observations["__all__"], jax.vmap(lambda s: env.get_world_state(s))(states))
    actions = {agent: manager.batch_sample(key, agent) for agent in env.agents}
    _, _, rewards, dones, infos = manager.batch_step(key, states, actions)
    np.testing.assert_allclose(rewards["__all__"], infos["own_reward"].sum(-1), rtol=1e-6)
    assert not dones["__all__"].any()


def test_adapters_are_values():
    view, params = beer_game()
    made = JaxMarlEnv(view, params)
    for other in (JaxMarlEnv(*beer_game()), copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert other == made
        assert hash(other) == hash(made)
        assert other.agents == PLAYERS
    assert made != JaxMarlEnv(*beer_game(team_share=0.5))
    assert made != JaxMarlEnv(MultiAgent(BeerGame()))
    with pytest.raises(AttributeError):
        made.env = view
    with pytest.raises(AttributeError):
        _ = made.no_such_thing
