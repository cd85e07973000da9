"""Networks that remember, and the environment that lets them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.agents import GRU, MLP, PPO, SequenceNetwork, Transformer
from jaxinv.env import spaces
from jaxinv.env.history import ObservationHistory
from tests.agents import probes

SPACE = spaces.Tree({"order": spaces.Box(0.0, 10.0, (2,)), "mode": spaces.Discrete(3)})
MEMORIES = {"gru": GRU(hidden=16), "transformer": Transformer(hidden=16, num_layers=1, num_heads=2)}
NETWORKS = {name: SequenceNetwork(memory) for name, memory in MEMORIES.items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_heads_fit_the_space_and_depend_on_the_order_of_the_past(name, key):
    network, past = NETWORKS[name], jax.random.normal(key, (6, 3))
    (heads, value), params = jax.jit(lambda past: network.init_with_output(key, past, SPACE))(past)
    assert heads[1][0].shape == heads[1][1].shape == (2,)  # leaves in the order of their names: mode, order
    assert heads[0].shape == (3,)
    assert value.shape == ()
    values = jax.jit(jax.vmap(lambda past: network.apply(params, past, SPACE)[1]))
    first, swapped = values(jnp.stack([past, past[jnp.array([1, 0, 2, 3, 4, 5])]]))
    assert abs(float(first - swapped)) > 1e-6


@pytest.mark.parametrize("name", MEMORIES)
def test_cells_share_a_memory_and_each_remembers_its_own_past(name, key):
    network, past = SequenceNetwork(MEMORIES[name], cell_axes=2), jax.random.normal(key, (6, 2, 3, 4))
    space = spaces.Box(0.0, 1.0, (2, 3))
    params = jax.jit(lambda past: network.init(key, past, space))(past)
    heads = jax.jit(lambda past: network.apply(params, past, space)[0][0][0])
    before, turned = heads(past), heads(past[:, ::-1, jnp.array([2, 0, 1])])
    assert before.shape == (2, 3)
    np.testing.assert_allclose(turned, before[::-1, jnp.array([2, 0, 1])], atol=1e-6)
    changed = np.abs(heads(past.at[0, 1, 2].add(1.0)) - before) > 1e-7  # long ago, of one cell
    np.testing.assert_array_equal(changed, [[False] * 3, [False, False, True]])


def test_attention_does_not_look_ahead(key):
    """What is known at a period is the same whatever comes after it."""
    network, past = MEMORIES["transformer"], jax.random.normal(key, (6, 3))
    params = jax.jit(network.init)(key, past)

    @jax.jit
    def attended(x):
        _, found = network.apply(params, x, capture_intermediates=True)
        return found["intermediates"]["MultiHeadDotProductAttention_0"]["__call__"][0]

    changed = past.at[4:].add(1.0)
    np.testing.assert_allclose(attended(past)[:4], attended(changed)[:4], atol=1e-6)
    assert np.abs(attended(past)[4:] - attended(changed)[4:]).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gru", "transformer"])
def test_ppo_learns_to_remember(name, key):
    """The answer is in the observation before the last one."""
    env = ObservationHistory(probes.Remember(), 3)
    rate = {"gru": 1e-2, "transformer": 5e-3}[name]
    algo = PPO(env=env, network=NETWORKS[name], num_envs=64, num_steps=8, num_updates=60, learning_rate=rate)
    _, metrics = jax.jit(algo.train)(key, env.default_params())
    assert metrics["reward"][-1] > 0.95


@pytest.mark.slow  # what the test of those who remember rests on
def test_ppo_without_memory_cannot(key):
    env = probes.Remember()
    algo = PPO(env=env, network=MLP(hidden=(16,)), num_envs=64, num_steps=8, num_updates=60, learning_rate=1e-2)
    _, metrics = jax.jit(algo.train)(key, env.default_params())
    assert metrics["reward"][-10:].mean() < 0.6
