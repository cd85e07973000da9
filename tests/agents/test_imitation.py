"""A learner that begins where a heuristic is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.agents import A2C
from jaxinv.demand import Poisson
from jaxinv.env.single_item import SingleItem
from jaxinv.env.wrappers import DiscreteOrders, EnumeratedActions, OrderUpTo, Steered
from jaxinv.evaluate import evaluate, sample_paths
from jaxinv.policies import BaseStock, CappedBaseStock

ENV = SingleItem(lead_time=2)
PARAMS = ENV.make_params(demand=Poisson(5.0), stockout_cost=9.0, backlog_share=0.0)
TEACHER = CappedBaseStock(level=18.0, cap=7.0)
SMALL = {"num_envs": 64, "teacher_periods": 600, "learning_rate": 3e-3}


def cost(policy, env, key):
    return float(evaluate(policy, env, PARAMS, sample_paths(ENV, PARAMS, key, 64, 200), warmup=50).cost_mean)


@pytest.mark.parametrize(
    "env",
    [
        pytest.param(DiscreteOrders(ENV, max_order=12), marks=pytest.mark.slow),  # choices, like the next
        EnumeratedActions(ENV, ENV.finite_model(PARAMS)),
        pytest.param(OrderUpTo(ENV, 40.0), marks=pytest.mark.slow),
    ],
)
def test_it_does_what_the_heuristic_does(env, key):
    learner = A2C(env=env, teacher=TEACHER, **SMALL)
    state = jax.jit(learner.init)(key, PARAMS)
    policy = learner.policy(state)
    untaught = learner.policy(jax.jit(learner.replace(teacher=None).init)(key, PARAMS))

    @jax.jit
    def orders(policy):
        return jax.vmap(lambda s: env.native_action(policy(env, s, PARAMS, None), s, PARAMS))(state.env_state)

    wanted = jax.vmap(lambda s: TEACHER(env, s, PARAMS, None))(state.env_state)
    assert np.abs(orders(policy) - wanted).mean() < 0.3 < np.abs(orders(untaught) - wanted).mean()
    assert cost(policy, env, key) == pytest.approx(cost(TEACHER, ENV, key), rel=0.03)


def test_exploration_stays(key):
    """The spread of a normal is not narrowed to what the heuristic does, which has none."""
    learner = A2C(env=OrderUpTo(ENV, 40.0), teacher=TEACHER, **SMALL | {"teacher_periods": 20})
    taught, untaught = (jax.jit(each.init)(key, PARAMS) for each in (learner, learner.replace(teacher=None)))
    (log_std,) = (x for path, x in jax.tree_util.tree_leaves_with_path(taught.params) if "log_std" in str(path))
    (before,) = (x for path, x in jax.tree_util.tree_leaves_with_path(untaught.params) if "log_std" in str(path))
    np.testing.assert_array_equal(log_std, before)


def test_the_nearest_action_stands_for_what_cannot_be_done(key):
    """Orders beyond the largest, or beyond the position that is allowed."""
    _, state = ENV.reset(key, PARAMS)
    room = 3.0
    env = DiscreteOrders(ENV, max_order=5, max_position=float(ENV.inventory_position(state)) + room)
    assert env.encode(jnp.float32(2.2), state, PARAMS) == 2
    assert env.encode(jnp.float32(9.0), state, PARAMS) == room


def test_a_wrapper_that_cannot_say(key):
    env = Steered(ENV, BaseStock(level=jnp.float32(15.0)), ("level",))
    with pytest.raises(NotImplementedError, match="Steered does not say which of its actions stands for another"):
        jax.eval_shape(A2C(env=env, teacher=TEACHER).init, key, PARAMS)
