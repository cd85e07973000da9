"""Checks that every environment passes; run them on your own."""

import copy
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv.env.core import Environment


def check_environment(env: Environment, params: Any = None, key: Array | None = None, length: int = 12) -> None:
    """Raise ``AssertionError`` with what is wrong unless ``env`` keeps the protocol of ``jaxinv.env.core``.

    Checked: identity of equal environments; typed parameters; spaces hold what is produced; jit equals no jit; vmap
    equals a loop; a single trace; stable carry types; parameters can be vmapped over and differentiated; exogenous
    draws do not depend on actions; time limits truncate, and the final observation is that of the state reached.
    """
    params = env.default_params() if params is None else params
    key = jax.random.key(0) if key is None else key
    _check_identity(env)
    _check_params(params)
    observation, state = jax.jit(env.reset)(key, params)
    _check_spaces(env, params, key, observation, state)
    _check_jit_and_vmap(env, params, key)
    _check_single_trace(env, params, key, state)
    _check_gradient(env, params, key, length)
    _check_exogenous(env, params, key, length, state)
    _check_time_limit(env, params, key, state)


def _check_identity(env: Environment) -> None:
    for twin in (copy.deepcopy(env), pickle.loads(pickle.dumps(env))):
        assert twin == env, f"a copy of {env} is not equal to it"
        assert hash(twin) == hash(env), f"a copy of {env} hashes differently: it would compile again"


def _check_params(params: Any) -> None:
    for path, leaf in jax.tree.leaves_with_path(params):
        name = jax.tree_util.keystr(path)
        assert isinstance(leaf, jax.Array), f"parameter {name} is a {type(leaf).__name__}, not a jax array"
        assert not leaf.weak_type, f"parameter {name} is weakly typed"


def _check_spaces(env: Environment, params: Any, key: Array, observation: Any, state: Any) -> None:
    action = env.action_space(params).sample(key)
    assert env.action_space(params).contains(action), "the action space does not contain its own sample"
    assert env.observation_space(params).contains(observation), "the first observation is outside its space"
    observation, *_ = jax.jit(env.step)(key, state, action, params)
    assert env.observation_space(params).contains(observation), "an observation is outside its space"


def _check_jit_and_vmap(env: Environment, params: Any, key: Array) -> None:
    keys = jax.random.split(key, 3)
    actions = [env.action_space(params).sample(k) for k in keys]

    def one(key, action, params):
        _, state = env.reset(key, params)
        return env.step(key, state, action, params)

    with jax.disable_jit():
        plain = one(keys[0], actions[0], params)
    jitted = jax.jit(one)
    singles = [jitted(k, a, params) for k, a in zip(keys, actions, strict=True)]
    _assert_close(singles[0], plain, "jit differs from no jit")

    stacked, repeated = (jax.tree.map(lambda *x: jnp.stack(x), *each) for each in (actions, [params] * 3))
    batch = jax.jit(jax.vmap(one))(keys, stacked, repeated)
    for i, single in enumerate(singles):
        _assert_close(
            jax.tree.map(lambda x, i=i: x[i], batch), single, "vmap, also over parameters, differs from a loop"
        )


def _check_single_trace(env: Environment, params: Any, key: Array, state: Any) -> None:
    traces = 0

    @jax.jit
    def step(key, state, action, params):
        nonlocal traces
        traces += 1
        return env.step(key, state, action, params)

    for k in jax.random.split(key, 3):
        _, following, reward, terminated, truncated, _ = step(k, state, env.action_space(params).sample(k), params)
        before, after = (jax.tree.map(lambda x: (x.shape, x.dtype), s) for s in (state, following))
        assert before == after, f"a step changes the types of the state: {before} to {after}"
        num_agents = getattr(env, "num_agents", None)
        shapes = {"reward": () if num_agents is None else (num_agents,), "terminated": (), "truncated": ()}
        for (name, shape), value in zip(shapes.items(), (reward, terminated, truncated), strict=True):
            assert value.shape == shape, f"{name} has shape {value.shape} without a batch, not {shape}"
        state = following
    assert traces == 1, f"step was traced {traces} times for the same types"


def _check_gradient(env: Environment, params: Any, key: Array, length: int) -> None:
    leaves, treedef = jax.tree.flatten(params)
    real = [jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in leaves]
    action = env.action_space(params).sample(key)

    def total(floats):
        floats = iter(floats)
        built = treedef.unflatten([next(floats) if r else leaf for r, leaf in zip(real, leaves, strict=True)])
        _, state = env.reset(key, built)
        path = env.sample_path(key, state, built, length)
        _, rewards = env.rollout(lambda *_: action, state, path, built, record=lambda t: t.outcome.reward)
        return jnp.sum(rewards)

    gradients = jax.jit(jax.grad(total))([leaf for r, leaf in zip(real, leaves, strict=True) if r])
    assert all(bool(jnp.isfinite(g).all()) for g in gradients), "a gradient over the parameters is not finite"


def _check_exogenous(env: Environment, params: Any, key: Array, length: int, first: Any) -> None:
    keys = jax.random.split(key, length)

    def path(salt):
        def body(state, k):
            action = env.action_space(params).sample(jax.random.fold_in(k, salt))
            exo = env.sample_exogenous(k, state, params)
            return env.transition(state, action, exo, params)[0], exo

        return jax.lax.scan(body, first, keys)[1]

    _assert_close(jax.jit(path)(1), jax.jit(path)(2), "exogenous information depends on the actions")


def _check_time_limit(env: Environment, params: Any, key: Array, state: Any) -> None:
    action = env.action_space(params).sample(key)
    u = jax.random.uniform(key, (env.num_step_uniforms(params),))
    step, observe = jax.jit(env.step_from_uniforms), jax.jit(env.observe)
    exo = jax.jit(env.exogenous)(u[: env.num_uniforms(params)], state, params)
    reached, outcome = jax.jit(env.transition)(state, action, exo, params)
    for limit in (1, 2):
        limited = params.replace(max_steps_in_episode=jnp.int32(limit))
        observation, following, _, terminated, truncated, info = step(u, state, action, limited)
        assert bool(terminated) == bool(outcome.terminated), "step and transition disagree about termination"
        assert bool(truncated) == (limit == 1 and not terminated), f"limit {limit}: truncated is {truncated}"
        over = bool(terminated | truncated)
        assert int(following.time) == (0 if over else 1), f"limit {limit}: time is {following.time} after one step"
        final = info["final_observation"]
        _assert_close(final, observe(reached, params), "final_observation is not that of the state reached")
        _assert_close(observation, observe(following, params), "the observation is not that of the next state")


def _assert_close(a: Any, b: Any, message: str) -> None:
    for (path, x), y in zip(jax.tree.leaves_with_path(a), jax.tree.leaves(b), strict=True):
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        where = f"{message} at {jax.tree_util.keystr(path)}"
        # float32 sums may be reordered by the compiler: a few units in the last place of the largest term
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-5, atol=1e-4, err_msg=where)
