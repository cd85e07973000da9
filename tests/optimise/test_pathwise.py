"""Gradients through the transition, and where they lead."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv import struct
from jaxinv.agents import MLP
from jaxinv.demand import Normal
from jaxinv.env.serial import Serial
from jaxinv.env.single_item import SingleItem
from jaxinv.env.wrappers import OrderUpTo
from jaxinv.optimise import Pathwise
from jaxinv.policies import BaseStock
from jaxinv.policies.clark_scarf import serial_optimum
from jaxinv.policies.closed_forms import normal_newsvendor

ENV = SingleItem(lead_time=2)
NORMAL = Normal(5.0, 1.5, rounded=False)
BACKLOG = ENV.make_params(demand=NORMAL, stockout_cost=9.0, backlog_share=1.0)
LOST = ENV.make_params(demand=NORMAL, stockout_cost=4.0)


def sampled(algo, params, key):
    """A state of the learner, and start and paths of one iteration."""
    state = jax.jit(algo.init)(key, params)
    length = algo.warmup + algo.num_steps
    starts = jax.vmap(lambda key: algo.env.reset(key, params)[1])(jax.random.split(key, algo.num_envs))
    paths = jax.vmap(lambda key, start: algo.env.sample_path(key, start, params, length))(
        jax.random.split(key, algo.num_envs), starts
    )
    return state, (starts, paths)


@struct.dataclass(kw_only=True)
class Unrounded:
    """Capped base-stock."""

    level: jax.Array
    cap: jax.Array

    def __call__(self, env, state, params, key):
        return jnp.clip(self.level - env.inventory_position(state), 0.0, self.cap)


@pytest.mark.parametrize("params", [BACKLOG, LOST], ids=["backlog", "lost sales"])
def test_gradients_equal_finite_differences(key, params):
    """Over 4,096 x 15 periods, where kinks average out; the cost, about 5, is good to 1e-6 of it in float32, so that
    slopes over 0.04 units are good to 1e-3."""
    start = Unrounded(level=jnp.float32(16.0), cap=jnp.float32(5.5))
    algo = Pathwise(env=ENV, heuristic=start, learned=("level", "cap"), num_envs=4096, warmup=5, num_steps=15)
    state, samples = sampled(algo, params, key)
    cost = jax.jit(lambda x: algo._loss(x, state, samples, params)[0])
    grads = jax.jit(jax.grad(cost))(state.params)
    for name in algo.learned:
        up, down = (cost({**state.params, name: state.params[name] + step}) for step in (0.02, -0.02))
        np.testing.assert_allclose(grads[name], (up - down) / 0.04, rtol=0.01, atol=2e-3)


def test_a_level_is_found(key):
    """The newsvendor's over lead time and a period; 4 % of a standard deviation costs 0.1 %."""
    algo = Pathwise(env=ENV, heuristic=BaseStock(level=5.0), learned=("level",), num_updates=400, learning_rate=0.3)
    state, metrics = jax.jit(algo.train)(key, BACKLOG)
    level, cost = normal_newsvendor(15.0, 1.5 * 3**0.5, 1.0, 9.0)
    assert abs(float(algo.policy(state).level) - float(level)) < 0.6
    np.testing.assert_allclose(-np.mean(metrics["reward"][-50:]), cost, rtol=0.02)


@pytest.mark.slow
def test_a_network_finds_the_optimum_of_stages(key):
    """Of Clark and Scarf. The simulated cost has a standard error of 0.5 % here."""
    env = Serial(lead_times=(1, 2))
    params = env.default_params()
    algo = Pathwise(
        env=OrderUpTo(env, (40.0, 40.0)), network=MLP(hidden=(16,), shared=True), num_updates=200, learning_rate=1e-2
    )
    _, metrics = jax.jit(algo.train)(key, params)
    np.testing.assert_allclose(-np.mean(metrics["reward"][-20:]), serial_optimum(env, params)[1], rtol=0.03)


def test_what_ended_counts_no_more(key):
    """A horizon of 3 periods: what follows it earns and costs nothing."""
    env = SingleItem(lead_time=0, horizon=3)
    params = env.make_params(demand=NORMAL, stockout_cost=9.0)
    sizes = {"heuristic": BaseStock(level=6.0), "learned": ("level",), "num_envs": 64, "warmup": 0, "stagger": False}
    whole, beginning = (Pathwise(env=env, num_steps=periods, **sizes) for periods in (6, 3))
    state, (starts, paths) = sampled(whole, params, key)
    cut = jax.tree.map(lambda x: x[:, :3], paths)
    total = 6 * whole._loss(state.params, state, (starts, paths), params)[0]
    np.testing.assert_allclose(3 * beginning._loss(state.params, state, (starts, cut), params)[0], total, rtol=1e-5)


@pytest.mark.parametrize("learned", [(), ("size",)])
def test_fields_are_named(learned):
    with pytest.raises(ValueError, match=r"learned must name fields of the heuristic .*level"):
        Pathwise(env=ENV, heuristic=BaseStock(level=5.0), learned=learned)
    with pytest.raises(ValueError, match="learned"):
        Pathwise(env=ENV, learned=("level",))


def test_rounding_passes_slopes(key):
    """Heuristics order whole units; the slope of a level is that of the level itself."""
    state = ENV.reset(key, LOST)[1]
    slope = jax.grad(lambda level: BaseStock(level=level)(ENV, state, LOST, key))(jnp.float32(22.3))
    assert BaseStock(level=22.3)(ENV, state, LOST, key) == jnp.round(22.3 - ENV.inventory_position(state))
    assert slope == 1.0


def test_a_wild_gradient_is_not_followed(key):
    """The weights return to their average, and what counts as usual grows."""
    algo = Pathwise(env=ENV, heuristic=BaseStock(level=9.0), learned=("level",), num_envs=8)
    state = jax.jit(algo.init)(key, BACKLOG).replace(updates=jnp.int32(30), usual_norm=jnp.float32(1e-3))
    state = state.replace(average_params={"level": jnp.float32(12.0)})
    after, metrics = jax.jit(algo.update)(state, BACKLOG)
    assert metrics["wild"] == 1.0
    assert after.params["level"] == 12.0
    assert 1e-3 < after.usual_norm < metrics["grad_norm"]
    after, metrics = jax.jit(algo.update)(state.replace(usual_norm=metrics["grad_norm"]), BACKLOG)
    assert metrics["wild"] == 0.0
    assert after.params["level"] not in (9.0, 12.0)
