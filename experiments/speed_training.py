"""The learners that ``experiments.throughput`` times and ``experiments.beside_rejax`` compares, and rejax's beside
them: the same problem, networks, environments, minibatches and gradient steps per environment step."""

import dataclasses
import importlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.speed import Program, peer_of
from jaxinv import struct, train
from jaxinv.agents import A2C, DQN, MLP, PPO, SAC
from jaxinv.demand import Normal
from jaxinv.env import make, spaces
from jaxinv.env.wrappers import ActionWrapper, DiscreteOrders

HIDDEN, SEEDS = (64, 64), 2
EPOCHS, MINIBATCHES = 4, 4  # of PPO
BATCH, PERIODS = 256, 512  # of the learners that replay: samples in a gradient step; periods remembered
BURN_IN = 64  # periods
_PERIODS_PER_ITERATION = {"PPO": 128, "DQN": 4, "SAC": 4}  # where learning, not speed, is compared


class OneLevel(ActionWrapper):
    """An order-up-to level [1] within twice what a newsvendor would have; rejax's SAC takes vectors only."""

    def action_space(self, params: Any) -> spaces.Box:
        return spaces.Box(np.float32(0), np.float32(10 * (self.env.lead_time + 1)), (1,))

    def decode(self, action: jax.Array, state: Any, params: Any) -> Any:
        return self.env.order_action(jnp.maximum(action[0] - self.env.inventory_position(state), 0.0))


def problem(kind: str) -> tuple[str, Any, Any]:
    """(name, environment, parameters) of what a learner of this kind is timed on."""
    if kind == "SAC":
        env, _ = make("SingleItem-v0", lead_time=2)
        demand = Normal(5.0, 1.6, rounded=False)  # type: ignore[arg-type]
        return "backlog L=2", OneLevel(env), env.make_params(demand=demand, stockout_cost=4.0, backlog_share=1.0)
    env, params = make("SingleItem-v0", instance="zipkin2008/poisson-p4-L4")
    return "lost sales L=4", DiscreteOrders(env, max_order=20, max_position=60.0), params


def learner(kind: str, env: Any, num_envs: int, num_steps: int, **fields: Any) -> Any:
    """Ours. Those that replay take a gradient step per period of all environments."""
    fields |= {"env": env, "num_envs": num_envs, "num_steps": num_steps}
    if kind in ("PPO", "A2C"):
        sizes: dict[str, Any] = {"network": MLP(hidden=HIDDEN)}
        sizes |= {"num_epochs": EPOCHS, "num_minibatches": MINIBATCHES} if kind == "PPO" else {}
    else:
        sizes = {"network": MLP(hidden=HIDDEN, activation="relu", shared=True), "burn_in": BURN_IN}
        sizes |= {"gradient_steps": num_steps, "batch_size": BATCH, "buffer_periods": PERIODS}
        sizes |= {"dueling": False} if kind == "DQN" else {}
    return {"PPO": PPO, "A2C": A2C, "DQN": DQN, "SAC": SAC}[kind](**sizes | fields)


def rejax_learner(kind: str, env: Any, env_params: Any, num_envs: int, num_steps: int, **fields: Any) -> Any:
    """The same of rejax, which replays after each period."""
    sizes: dict[str, Any] = {"env": env, "env_params": env_params, "num_envs": num_envs}
    if kind == "PPO":
        agent = {"hidden_layer_sizes": HIDDEN, "activation": "tanh"}
        sizes |= {"num_steps": num_steps, "num_epochs": EPOCHS, "num_minibatches": MINIBATCHES, "agent_kwargs": agent}
    else:
        replay = {"buffer_size": num_envs * PERIODS, "fill_buffer": num_envs * BURN_IN, "batch_size": BATCH}
        sizes |= replay | {"num_epochs": 1}
        # Its DQN takes no other sizes than these and its SAC no other activation.
        sizes |= {"agent_kwargs": {"activation": "relu"}} if kind == "DQN" else {"hidden_layer_sizes": HIDDEN}
    return getattr(importlib.import_module("rejax"), kind).create(**sizes | fields)


# -- programs ---------------------------------------------------------------------------------------------------------
def trainings(num_envs: int, num_steps: int) -> list[Program]:
    """PPO and A2C. Ours normalise observations and rewards, as they do by default, on the lost-sales problem; rejax's
    does not, by its defaults, on CartPole, which is the smaller one. Beside them rejax's on our problem."""
    name, env, params = problem("PPO")
    peer, peers = peer_of("rejax", "rejax PPO, CartPole", _rejax_on_cartpole, num_envs, num_steps)
    _, others = peer_of("rejax", f"rejax PPO, {name}", _rejax, "PPO", num_envs, num_steps)
    # An iteration that stops early would look fast.
    ppo = learner("PPO", env, num_envs, num_steps, target_kl=jnp.float32(jnp.inf))
    a2c = learner("A2C", env, num_envs, num_steps)
    return [
        _program(f"PPO, {name}", ppo, params, peer),
        _population(f"PPO, {name}, {SEEDS} seeds in one program", ppo, params),
        *peers,
        *others,
        _program(f"A2C, {name}", a2c, params),
    ]


def replays(num_envs: int) -> list[Program]:
    """DQN and SAC, a gradient step per period."""
    programs = []
    for kind in ("DQN", "SAC"):
        name, env, params = problem(kind)
        peer, peers = peer_of("rejax", f"rejax {kind}, {name}", _rejax, kind, num_envs, 1)
        programs += [_program(f"{kind}, {name}", learner(kind, env, num_envs, 4), params, peer), *peers]
        if kind == "DQN":  # as it learns more from as many steps
            others = learner(kind, env, num_envs, 4, num_others=3)
            programs.append(_program(f"{kind}, {name}, 3 other actions simulated", others, params, peer))
    return programs


def population(num_seeds: int, num_rates: int) -> list[Program]:
    """PPO at a small size, alone and as seeds by learning rates in one program, which is compared with it."""
    name, env, params = problem("PPO")
    algo = learner("PPO", env, 8, 16, network=MLP(hidden=(16, 16)), target_kl=jnp.float32(jnp.inf))
    alone = _program(f"PPO, {name}, a single run", algo, params)
    rates = jnp.repeat(jnp.logspace(-4, -2, num_rates), num_seeds)
    members = jax.vmap(lambda rate: algo.replace(learning_rate=rate))(rates)
    axes = 0, None

    def init(key, params):
        return jax.vmap(alone.init, in_axes=(0, axes))(jax.random.split(key, rates.size), params)

    return [
        dataclasses.replace(
            alone,
            name=f"PPO, {name}, {num_seeds} seeds x {num_rates} learning rates",
            steps=rates.size * alone.steps,
            params=(members, params),
            init=init,
            body=jax.vmap(alone.body, in_axes=(0, axes)),
            peer=alone.name,
        ),
        alone,
    ]


def _program(name: str, algo: Any, env_params: Any, peer: str | None = None) -> Program:
    def init(key, params):
        return params[0].init(key, params[1])

    def body(state, params):
        algo, env_params = params
        return algo.update(state, env_params)[0]

    return Program(name, algo.num_envs, algo.steps_per_update, (algo, env_params), init, body, peer, True)


def _population(name: str, algo: Any, env_params: Any) -> Program:
    one = _program(name, algo, env_params)

    def init(key, params):
        return jax.vmap(one.init, in_axes=(0, None))(jax.random.split(key, SEEDS), params)

    return dataclasses.replace(one, steps=SEEDS * one.steps, init=init, body=jax.vmap(one.body, in_axes=(0, None)))


def _rejax(name: str, kind: str, num_envs: int, num_steps: int) -> Program:
    from jaxinv.compat import GymnaxFiveValueEnv  # needs gymnax

    _, env, params = problem(kind)
    filled = {} if kind == "PPO" else {"fill_buffer": 0}  # what is timed is learning
    algo = rejax_learner(kind, GymnaxFiveValueEnv(env), params, num_envs, num_steps, **filled)
    return _rejax_program(name, algo, num_envs * num_steps)


def _rejax_on_cartpole(name: str, num_envs: int, num_steps: int) -> Program:
    env, params = importlib.import_module("gymnax").make("CartPole-v1")
    algo = rejax_learner("PPO", _FiveValues(env), params, num_envs, num_steps)
    return _rejax_program(name, algo, num_envs * num_steps)


def _rejax_program(name: str, algo: Any, steps: int) -> Program:
    # Its optimiser keeps the learning rate, which must not be traced.
    return Program(
        name, algo.num_envs, steps, algo, lambda key, _: algo.init_state(key), lambda s, algo: algo.train_iteration(s)
    )


class _FiveValues:
    """A gymnax 1.0 environment for rejax 0.1, which expects ``done`` where gymnax now tells ends from time limits."""

    def __init__(self, env: Any):
        self.env = env

    def __getattr__(self, name: str) -> Any:
        if name == "env" or name.startswith("__"):  # not there yet while a copy is being made
            raise AttributeError(name)
        return getattr(self.env, name)

    def step(self, key, state, action, params):
        observation, state, reward, terminated, truncated, info = self.env.step(key, state, action, params)
        return observation, state, reward, terminated | truncated, info


# -- what rejax has learned -------------------------------------------------------------------------------------------
@struct.dataclass
class RejaxPolicy:
    """A policy of rejax's that acts greedily."""

    params: Any
    mean: jax.Array  # that observations are standardised by
    variance: jax.Array
    network: Any = struct.static()
    squashed: tuple[float, float] | None = struct.static()  # bounds of actions that are tanh of a normal

    def __call__(self, env: Any, state: Any, params: Any, key: Any) -> jax.Array:
        observation = (env.observe(state, params) - self.mean) / jnp.sqrt(self.variance + 1e-8)
        greedy = {"epsilon": 0.0} if hasattr(self.network, "take") else {}
        raw = self.network.apply(self.params, observation[None], method="_action_dist", **greedy).mode()[0]
        if self.squashed is None:
            return raw
        low, high = self.squashed
        return (high + low) / 2 + jnp.tanh(raw) * (high - low) / 2


def learned(kind: str, rate: float, num_envs: int, steps: int, num_seeds: int, **fields: Any) -> list[Any]:
    """The policies of several seeds of ours after so many environment steps each."""
    _, env, params = problem(kind)
    num_steps = _PERIODS_PER_ITERATION[kind]
    updates = max(1, steps // (num_envs * num_steps))
    fields |= {"gae_lambda": 0.9, "entropy_coef": 0.03} if kind == "PPO" else {}
    algo = learner(kind, env, num_envs, num_steps, num_updates=updates, learning_rate=rate, **fields)
    state = train.fit(algo, params, jax.random.key(0), num_seeds=num_seeds, chunk=updates, progress=False).state
    return [algo.policy(lane) for lane in _lanes(state, num_seeds)]


def learned_by_rejax(kind: str, rate: float, num_envs: int, steps: int, num_seeds: int) -> list[RejaxPolicy]:
    """The same of rejax, with observations and rewards normalised."""
    from jaxinv.compat import GymnaxFiveValueEnv  # needs gymnax

    _, env, params = problem(kind)
    num_steps = _PERIODS_PER_ITERATION[kind] if kind == "PPO" else 1
    numbers = {"gae_lambda": 0.9, "ent_coef": 0.03, "max_grad_norm": 0.5} if kind == "PPO" else {}
    numbers |= {"normalize_observations": True, "normalize_rewards": True}
    algo = rejax_learner(
        kind, GymnaxFiveValueEnv(env), params, num_envs, num_steps, learning_rate=rate, total_timesteps=steps, **numbers
    )

    def train_one(key):
        iterations = max(1, steps // (num_envs * num_steps))
        return jax.lax.fori_loop(0, iterations, lambda _, state: algo.train_iteration(state), algo.init_state(key))

    states = jax.jit(jax.vmap(train_one))(jax.random.split(jax.random.key(0), num_seeds))
    network, weights = (algo.agent, "q_ts") if kind == "DQN" else (algo.actor, "actor_ts")
    return [
        RejaxPolicy(
            network=network,
            squashed=network.action_range if kind == "SAC" else None,
            params=getattr(state, weights).params,
            mean=state.obs_rms_state.mean,
            variance=state.obs_rms_state.var,
        )
        for state in _lanes(states, num_seeds)
    ]


def _lanes(states: Any, num_seeds: int) -> list[Any]:
    return [jax.tree.map(lambda x, i=i: x[i], states) for i in range(num_seeds)]
