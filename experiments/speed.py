"""The rollouts that ``experiments.throughput`` times, ours and the peers', and how programs are timed."""

import dataclasses
import importlib
import importlib.util
import math
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxinv import train
from jaxinv.demand import Trace
from jaxinv.env import make, registered
from jaxinv.env.multi_sku import MultiSku
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.env.wrappers import OrderUpTo


@dataclasses.dataclass(frozen=True)
class Program:
    """A loop of some length. Numbers come as an argument, lest the compiler fold them into the program."""

    name: str
    num_envs: int
    steps: int  # environment steps in one iteration, over all environments and seeds
    params: Any
    init: Callable[[jax.Array, Any], Any]  # (key, params) -> carry
    body: Callable[[Any, Any], Any]  # (carry, params) -> carry
    peer: str | None = None  # the program to compare with, or why it cannot be
    training: bool = False  # of ours: compiled as ``train.fit`` compiles; all else as ``jax.jit`` does


@dataclasses.dataclass(frozen=True)
class HostProgram:
    """A loop of another package that runs in Python, one environment at a time."""

    name: str
    step: Callable[[], Any]
    num_envs: int = 1
    steps: int = 1
    peer: str | None = None


# -- rollouts ---------------------------------------------------------------------------------------------------------
def rollouts(num_envs: int, envs: tuple[str, ...], instances: tuple[tuple[int, int], ...]) -> list[Program]:
    """Random actions unless a policy is named, autoreset, observations computed in every period as a learner would need
    them: lost sales, the registered ``envs`` (none: all), and ``MultiWarehouse`` of some sizes."""
    peer, peers = peer_of("gymnax", "gymnax CartPole", _cartpole_rollout, num_envs)

    env, params = make("SingleItem-v0", instance="zipkin2008/poisson-p4-L4")
    params = params.replace(demand=params.demand.tabulated())
    name = "lost sales L=4"
    programs = [
        rollout(f"{name}, public step", num_envs, env, params, per_key=True, peer=peer),
        rollout(f"{name}, batched", num_envs, env, params, peer=peer),
        _base_stock_rollout(f"{name}, batched, base-stock", num_envs, OrderUpTo(env), params, peer),
    ]
    env, params = make("Perishable-v0", instance="demoor2022/m2-exp1")
    params = params.replace(demand=params.demand.tabulated())
    programs.append(rollout("De Moor m=2, batched", num_envs, env, params, peer=peer))
    for other in envs or sorted(set(registered()) - {"SingleItem-v0", "MultiWarehouse-v0"}):
        env, params = make(other)
        programs.append(rollout(f"{other}, batched", num_envs, env, params, peer=peer))
    for warehouses, skus in instances:
        larger = MultiWarehouse(warehouses, skus)
        name = f"{warehouses} x {skus} with transfers, batched"
        programs.append(rollout(name, num_envs, larger, larger.default_params(), peer=peer))
    return programs + peers


def networks(num_envs: int) -> list[Program | HostProgram]:
    """Random orders in the network of gym-invmgmt, Poisson demand drawn on both sides; theirs takes one environment."""
    peer, peers = peer_of("gym_invmgmt", "gym-invmgmt network", _gym_invmgmt_rollout)
    env, params = make("SupplyNetwork-v0", instance="gym-invmgmt/network-backlog")
    return [rollout("gym-invmgmt's network, batched", num_envs, env, params, peer=peer), *peers]


def many_items(num_envs: int, sizes: tuple[tuple[int, int], ...]) -> list[Program]:
    """Random orders in chains of warehouses by SKUs, whose demand is replayed; every SKU in a warehouse is a step."""
    programs = []
    for warehouses, skus in sizes:
        env = MultiSku(skus, warehouses)
        quantity = np.random.default_rng(0).poisson(5.0, (365, skus))
        trace = Trace(quantity=quantity, expected=np.full(quantity.shape, 5.0))  # type: ignore[arg-type]
        program = rollout(f"MultiSku {warehouses} x {skus}, SKU-steps", num_envs, env, env.make_params(demand=trace))
        programs.append(dataclasses.replace(program, steps=num_envs * warehouses * skus))
    return programs


def _random_orders(u: jax.Array, env: Any, params: Any) -> Any:
    """Orders of up to twice mean demand and, where there are transfers, flows of up to a tenth of it, from uniforms
    [N, _num_action_uniforms(env)]."""
    scale = jnp.broadcast_to(params.demand_scale, env.cells)[None]
    orders, flows = jnp.split(u, [scale.size], axis=1)
    orders = 2 * scale * orders.reshape(-1, *env.cells)
    if not getattr(env, "transfers", False):
        return env.order_action(orders)
    return env.order_action(orders, 0.1 * scale[None] * flows.reshape(-1, env.num_warehouses, *env.cells))


def _num_action_uniforms(env: Any) -> int:
    cells = math.prod(env.cells)
    return cells * (1 + env.num_warehouses) if getattr(env, "transfers", False) else cells


def rollout(
    name: str, num_envs: int, env: Any, params: Any, *, per_key: bool = False, peer: str | None = None
) -> Program:
    """Random orders. They and, unless ``per_key``, demand come from one block of uniforms."""
    drawn = _num_action_uniforms(env)

    if per_key:
        public = _per_key(env, num_envs)

        def step(key, state, params):
            action_key, key = jax.random.split(key)
            (u,) = _uniforms(action_key, num_envs, drawn)
            action = _random_orders(u, env, params)
            return public(key, state, action, params)
    else:
        batched = _batched(env)

        def step(key, state, params):
            actions, periods = _uniforms(key, num_envs, drawn, env.num_step_uniforms(params))
            return batched(periods, state, _random_orders(actions, env, params), params)

    return _loop(name, num_envs, env, params, step, peer)


def _base_stock_rollout(name, num_envs, env, params, peer) -> Program:
    """Order-up-to levels that cover lead time plus one period and a little more."""
    batched = _batched(env)

    def step(key, state, params):
        level = jnp.full(num_envs, 1.2 * (env.lead_time + 1) * params.demand_scale)
        (u,) = _uniforms(key, num_envs, env.num_step_uniforms(params))
        return batched(u, state, level, params)

    return _loop(name, num_envs, env, params, step, peer)


def _batched(env: Any) -> Callable:
    return jax.vmap(env.step_from_uniforms, in_axes=(0, 0, 0, None))


def _uniforms(key: jax.Array, num_envs: int, *sizes: int) -> list[jax.Array]:
    """Uniforms [num_envs, size] for every size, cut from one flat block, which is drawn fastest."""
    block = jax.random.uniform(key, (num_envs * sum(sizes),))
    parts = jnp.split(block, [num_envs * sum(sizes[:i]) for i in range(1, len(sizes))])
    return [part.reshape(num_envs, size) for part, size in zip(parts, sizes, strict=True)]


def _per_key(env: Any, num_envs: int) -> Callable:
    """A batch through the step that gymnax and we have in common: a key for every environment."""
    batched = jax.vmap(env.step, in_axes=(0, 0, 0, None))
    return lambda key, *rest: batched(jax.random.split(key, num_envs), *rest)


def _loop(name, num_envs, env, params, step, peer=None) -> Program:
    def init(key, params):
        key, reset_key = jax.random.split(key)
        keys = jax.random.split(reset_key, num_envs)
        observation, state = jax.vmap(env.reset, in_axes=(0, None))(keys, params)
        return key, state, observation, jnp.zeros(num_envs)

    def body(carry, params):
        key, state, _, total = carry
        key, step_key = jax.random.split(key)
        observation, state, reward, *_ = step(step_key, state, params)
        return key, state, observation, total + reward

    return Program(name, num_envs, num_envs, params, init, body, peer)


def _cartpole_rollout(name: str, num_envs: int) -> Program:
    env, params = importlib.import_module("gymnax").make("CartPole-v1")
    public = _per_key(env, num_envs)

    def step(key, state, params):
        action_key, key = jax.random.split(key)
        return public(key, state, jax.random.randint(action_key, (num_envs,), 0, 2), params)

    return _loop(name, num_envs, env, params, step)


def _gym_invmgmt_rollout(name: str) -> HostProgram:
    env = importlib.import_module("gym_invmgmt").CoreEnv(scenario="network", backlog=True, num_periods=30)
    env.reset(seed=0)
    rng = np.random.default_rng(0)

    def step():
        *_, terminated, truncated, _ = env.step(rng.uniform(0.0, 20.0, len(env.network.reorder_links)))
        if terminated or truncated:
            env.reset()

    return HostProgram(name, step)


# -- measuring --------------------------------------------------------------------------------------------------------
def peer_of(module: str, name: str, make: Callable[..., Any], *sizes: Any) -> tuple[str | None, list[Any]]:
    """(its name, [its program]) where it is installed; (why not, []) where it is and does not run; else (None, [])."""
    if importlib.util.find_spec(module) is None:
        return None, []
    try:
        program = make(name, *sizes)
        if isinstance(program, HostProgram):
            program.step()
        else:
            carry = jax.eval_shape(program.init, jax.random.key(0), program.params)
            jax.eval_shape(program.body, carry, program.params)
    except Exception as error:  # whatever a version of another package does is a remark, not our failure
        return f"{name} failed: {type(error).__name__}: {error}".splitlines()[0][:100], []
    return name, [program]


class _Timer:
    """A compiled program with its running state; calls return seconds per iteration."""

    def __init__(self, program: Program, seconds: float):
        def run(length, carry, params):
            return jax.lax.fori_loop(0, length, lambda _, carry: program.body(carry, params), carry)

        self.params = jax.tree.map(jnp.asarray, program.params)
        self.carry = jax.jit(program.init)(jax.random.key(0), self.params)
        arguments = jnp.int32(1), self.carry, self.params
        if program.training:
            self.run, self.compile_seconds = train.compiled(run, *arguments)
        else:
            before = time.perf_counter()
            self.run = jax.jit(run).lower(*arguments).compile()
            self.compile_seconds = time.perf_counter() - before
        self.length = 1
        self()  # warm-up
        while (elapsed := self() * self.length) < seconds / 4:
            self.length *= 4
        self.length = max(1, round(self.length * seconds / elapsed))

    def __call__(self) -> float:
        before = time.perf_counter()
        self.carry = jax.block_until_ready(self.run(jnp.int32(self.length), self.carry, self.params))
        return (time.perf_counter() - before) / self.length


class _HostTimer:
    """The same of a loop in Python."""

    compile_seconds = 0.0

    def __init__(self, program: HostProgram, seconds: float):
        self.step, self.length = program.step, 10
        elapsed = self() * self.length
        self.length = max(1, round(self.length * seconds / elapsed))

    def __call__(self) -> float:
        before = time.perf_counter()
        for _ in range(self.length):
            self.step()
        return (time.perf_counter() - before) / self.length


def compare(programs: Sequence[Program | HostProgram], repeats: int, seconds: float) -> list[dict[str, Any]]:
    """A row per program: the median of ``repeats`` rates, each over about ``seconds``, taken in turns."""
    timers = [
        _HostTimer(program, seconds) if isinstance(program, HostProgram) else _Timer(program, seconds)
        for program in programs
    ]
    times = list(zip(*([timer() for timer in timers] for _ in range(repeats)), strict=True))
    rates = {p.name: p.steps / statistics.median(t) for p, t in zip(programs, times, strict=True)}
    return [
        {
            "name": program.name,
            "num_envs": program.num_envs,
            "steps_per_second": rates[program.name],
            "compile_seconds": timer.compile_seconds,
            "peer": program.peer,
            "ratio": rates[program.name] / rates[program.peer] if program.peer in rates else None,
        }
        for program, timer in zip(programs, timers, strict=True)
    ]
