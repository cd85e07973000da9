"""The learners of the gap table, each with one set of hyper-parameters for every problem, and what they decide.

Numbers are those of ``jaxinv.agents`` where none are given here.
"""

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments import heuristics
from jaxinv.agents import A2C, A3C, DCL, DDPG, DQN, MLP, PPO, REINFORCE, SAC, TD3, OnPolicy
from jaxinv.env.distribution import Distribution
from jaxinv.env.serial import Serial
from jaxinv.env.single_item import SingleItem
from jaxinv.env.wrappers import EnumeratedActions, NearBatches, OptionalOrderUpTo, OrderUpTo, RoundToBatches, Steered
from jaxinv.optimise import Pathwise
from jaxinv.policies import BalancedBaseStock, EchelonBaseStock
from jaxinv.policies.clark_scarf import newsvendor_levels
from jaxinv.policies.closed_forms import economic_order_quantity

_ROOM = 2.0  # order-up-to levels may be this multiple of the levels that learners look around

_DQN = {
    "num_envs": 256, "num_steps": 8, "buffer_periods": 128, "batch_size": 256, "num_others": 3, "n_step": 4,
    "target_rate": 0.03,
}  # fmt: skip

_LOG_STD = -2.0  # quantities are explored by about a seventh of half their range
_ON_POLICY = {"network": MLP(initial_log_std=_LOG_STD), "branches": 8, "entropy_coef": 0.03}
_CONTINUOUS = {"network": MLP(activation="relu", initial_log_std=_LOG_STD)}

# Class, iterations, and what differs from the defaults of the class.
LEARNERS: dict[str, tuple[Any, int, dict[str, Any]]] = {
    "ppo": (PPO, 500, _ON_POLICY | {"learning_rate": 2e-3, "entropy_coef": 0.06}),
    "a2c": (A2C, 1000, _ON_POLICY | {"learning_rate": 5e-3}),
    "a3c": (A3C, 4000, _ON_POLICY | {"learning_rate": 2e-3}),
    "reinforce": (REINFORCE, 700, _ON_POLICY | {"learning_rate": 5e-3}),
    "dqn": (DQN, 2000, _DQN),
    "ddpg": (DDPG, 1000, _CONTINUOUS),
    "td3": (TD3, 1000, _CONTINUOUS),
    "sac": (SAC, 1000, _CONTINUOUS),
    "dcl": (DCL, 6, {}),  # generations at most
    "pathwise": (Pathwise, 1000, {}),
}


def learner(name: str, env: Any, budget: float = 1.0, **fields: Any) -> Any:
    """The learner for an environment; ``budget`` is the part of its usual number of iterations.

    Raises ``ValueError`` for a name that is not known.
    """
    if name not in LEARNERS:
        raise ValueError(f"no learner {name!r}; there are {', '.join(LEARNERS)}")
    kind, updates, numbers = LEARNERS[name]
    return kind(env=env, num_updates=max(1, round(budget * updates)), **numbers | fields)


def decision(name: str, env: Any, params: Any, model: Any, paths: Callable[[], Any]) -> tuple[Any, Any] | None:
    """What a learner decides: the environment with these actions, and the one that its policy is judged in; None where
    it cannot.

    Where there is a finite ``model`` it chooses one of its actions; where demand and orders are continuous, order-up-to
    levels, and whether to order at all where that costs something by itself. In any other problem it shifts the
    parameters of a heuristic, which ``paths`` draws simulated demand for. A learner that needs slopes chooses levels of
    whole units, too, and learns with orders that are only nearly whole.
    """
    kind = LEARNERS[name][0]
    if model is not None and issubclass(kind, OnPolicy | DQN | DCL):
        chosen = EnumeratedActions(env, model)
        return chosen, chosen
    if issubclass(kind, DQN | DCL) or (model is not None and not issubclass(kind, Pathwise)):
        return None
    levels = _usual_levels(env, params)
    if levels is not None:
        top = tuple(_ROOM * levels) if levels.ndim else float(_ROOM * levels)
        decided = OptionalOrderUpTo if np.any(getattr(params, "fixed_order_cost", 0.0)) else OrderUpTo
        if model is None:
            return decided(env, top), decided(env, top)
        return decided(NearBatches(env), top), decided(RoundToBatches(env), top)
    if model is not None:
        return None
    chosen = _shifted_heuristic(env, params, paths)
    return chosen, chosen


def along_paths(env: Any) -> dict[str, Any]:
    """Fields of a pathwise learner whose paths begin and end as the episodes of ``env`` do, if these end at all."""
    horizon = getattr(env, "horizon", None)
    return {} if horizon is None else {"warmup": 0, "num_steps": horizon, "stagger": False}


def _shifted_heuristic(env: Any, params: Any, paths: Callable[[], Any]) -> Any:
    if isinstance(env, Distribution):
        return Steered(env, EchelonBaseStock.of(env, params), ("warehouse_level", "store_level"))
    found = heuristics.candidates(env, params, paths).values()
    policy, names = next((each.policy, each.names) for each in found if isinstance(each, heuristics.Around))
    return Steered(env, policy, names)


def _usual_levels(env: Any, params: Any) -> np.ndarray | None:
    """Order-up-to levels [*cells], with a lot where orders cost something by themselves, that learners look for better
    ones around; None where none are known."""
    if isinstance(env, SingleItem):
        mean, holding = float(params.demand.mean()), float(params.holding_cost)
        lot = economic_order_quantity(float(params.fixed_order_cost), holding, mean)[0] if holding else 0.0
        level = mean * (env.lead_time + 1.0)
        with contextlib.suppress(ValueError):  # no law of demand in whole units or normal, or stock costs nothing
            newsvendor = newsvendor_levels(params.demand, [env.lead_time + 1], [holding], float(params.stockout_cost))
            level = max(level, newsvendor[0] / _ROOM)  # there is room for it, however demand varies
        return np.asarray(level + lot)
    if isinstance(env, Serial):
        holding = np.asarray(params.holding_cost, np.float64)
        return newsvendor_levels(params.demand, env.lead_times, holding, float(params.stockout_cost))
    if isinstance(env, Distribution) and env.cross_docking:
        start = BalancedBaseStock.of(env, params)
        return np.append(start.warehouse_level, start.store_level)
    return None
