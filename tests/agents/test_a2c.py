"""A2C, A3C and REINFORCE: what they share, and what staleness and returns mean."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.agents import A2C, A3C, MLP, REINFORCE
from jaxinv.env import core
from tests.agents import probes
from tests.trees import assert_equal

PARAMS = core.EnvParams()
FIELDS = {"env": probes.MatchTheObservation(), "network": MLP(hidden=(16,)), "num_envs": 8, "num_steps": 4}


def test_without_staleness_a3c_is_a2c(optimised, key):
    """Bit for bit: the same keys, environments and steps."""
    one, other = A2C(num_updates=5, **FIELDS), A3C(num_updates=5, staleness=0, **FIELDS)
    (a, metrics_a), (b, metrics_b) = (jax.jit(algo.train)(key, PARAMS) for algo in (one, other))
    for field in dataclasses.fields(a):
        assert_equal(getattr(a, field.name), getattr(b, field.name), err_msg=field.name)
    for name, values in metrics_a.items():
        np.testing.assert_array_equal(values, metrics_b[name], err_msg=name)


def test_gradients_are_as_many_turns_old_as_the_staleness_says(key):
    """A worker acts with the weights that were shared after its last turn, until when the others have each moved
    them once; environments of the others stand still in its turn."""
    algo = A3C(num_updates=6, staleness=2, **{**FIELDS, "num_envs": 12})
    assert algo.num_workers == 3
    assert algo.steps_per_update == 4 * 4
    update = jax.jit(algo.update)
    states = [jax.jit(algo.init)(key, PARAMS)]
    for _ in range(6):
        states.append(update(states[-1], PARAMS)[0])

    def same(one, other):
        return all(bool((x == y).all()) for x, y in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))

    for turn in range(3, 6):
        acts_with = jax.tree.map(lambda x, turn=turn: x[turn % 3], states[turn].copies)
        assert same(acts_with, states[turn - 2].params)
        assert not same(acts_with, states[turn - 1].params)
        moved = np.asarray(states[turn + 1].env_state.exo != states[turn].env_state.exo).reshape(3, 4).any(1)
        assert moved.tolist() == [worker == turn % 3 for worker in range(3)]


def test_reinforce_credits_what_followed_and_compares_with_the_branches(key):
    algo = REINFORCE(num_updates=2, branches=4, unseen=1, discount=0.9, **FIELDS)
    state = jax.jit(algo.init)(key, PARAMS)
    _, trajectory, _ = jax.jit(lambda state, key: algo._rollout(state, PARAMS, key, 4))(state, key)
    reward = np.asarray(jax.random.normal(key, (4, 8)))
    done = np.asarray(jax.random.bernoulli(key, 0.3, (4, 8)))
    trajectory = dataclasses.replace(trajectory, terminated=jnp.zeros_like(done), truncated=jnp.asarray(done))
    advantage, _ = algo._advantages(trajectory, jnp.asarray(reward))
    for n in range(8):
        group = [m for m in range(8) if m // 4 == n // 4 and m != n]
        for t in range(4):
            earned = {}
            for m in (n, *group):
                earned[m], weight = 0.0, 1.0
                for later in range(t, 4):
                    earned[m] += weight * reward[later, m]
                    weight *= 0.9
                    if done[later, m]:
                        break
            expected = earned[n] - np.mean([earned[m] for m in group])
            assert advantage[t, n] == pytest.approx(expected, abs=1e-5)


def test_reinforce_does_not_learn_from_periods_whose_returns_are_not_seen(key):
    """Changing what was done in them changes nothing but the units of the advantages, which are given here."""
    algo = REINFORCE(num_updates=2, branches=2, unseen=2, **FIELDS)

    @jax.jit
    def seen_once():
        state, trajectory, _ = algo._rollout(algo.init(key, PARAMS), PARAMS, key, 4)
        return algo._estimate(state, trajectory)

    state, batch = seen_once()
    learn = jax.jit(algo._learn)
    other = dataclasses.replace(batch, action=batch.action.at[:, 2:].set(1 - batch.action[:, 2:]))
    seen = dataclasses.replace(batch, action=batch.action.at[:, 1].set(1 - batch.action[:, 1]))
    first, second, third = (
        np.concatenate([np.ravel(x) for x in jax.tree.leaves(learn(state, each, key)[0].params)])
        for each in (batch, other, seen)
    )
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - third).max() > 1e-6


@pytest.mark.parametrize(
    ("kind", "numbers", "message"),
    [
        (A2C, {"num_envs": 0}, "A2C.num_envs must be at least 1, got 0"),
        (A3C, {"staleness": -1}, "A3C.staleness must be at least 0, got -1"),
        (A3C, {"staleness": 2}, r"A3C.num_envs must be a multiple of branches \* \(staleness \+ 1\) = 3, got 8"),
        (REINFORCE, {"unseen": 4}, r"REINFORCE.unseen must be in 0..num_steps - 1 = 3, got 4"),
    ],
)
def test_errors_name_field_and_value(kind, numbers, message):
    with pytest.raises(ValueError, match=message):
        kind(**FIELDS | numbers)
