"""Players of the beer game who learn: the part of ``marl_supply_chain`` that is its own."""

import dataclasses
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from matplotlib.figure import Figure

from experiments import side_by_side
from experiments.heuristics import tuned
from experiments.side_by_side import Contender, trained
from jaxinv.agents import IDQN, IPPO, MAPPO, AgentNetwork
from jaxinv.env.beer_game import BeerGame
from jaxinv.env.multi_agent import MultiAgent
from jaxinv.env.wrappers import DiscreteOrders, OrderUpTo
from jaxinv.evaluate import Paths, sample_paths
from jaxinv.policies import AnchorAndAdjust, BaseStock
from jaxinv.report.figures import COLOURS

_PLAYERS = ("retailer", "wholesaler", "distributor", "factory")
_ROOM = 2.0  # learned levels may be this multiple of the tuned ones
_MAX_ORDER = 16  # units: twice the largest demand
_MAX_POSITION = 1.5  # of the largest tuned level, beyond which nothing is ordered


def run(config: Any) -> dict:
    started = time.perf_counter()
    env = BeerGame()
    params = env.default_params()
    heuristics, testing = jax.random.split(jax.random.key(config.seed))
    found = tuned(env, params, heuristics, num_paths=config.search.paths, length=config.weeks, warmup=config.warmup)
    contenders = {name: Contender(policy, env, params) for name, policy in found.items()}
    # The average of the players that Sterman (1989) fitted the rule to, who also smooth more quickly.
    people = AnchorAndAdjust(level=17.0, adjustment=0.26, supply_line=0.34)  # type: ignore[arg-type]
    quicker = dataclasses.replace(params, smoothing=jnp.full_like(params.smoothing, 0.36))
    contenders["people"] = Contender(people, env, quicker)
    contenders |= {
        name: trained(learner, learner.env.make_params(params, team_share=share), config.seed)
        for name, (learner, share) in _learners(config.learner, env, found["BaseStock"]).items()
    }
    paths = sample_paths(env, params, testing, config.paths, config.warmup + config.weeks)
    rows = side_by_side.judge(contenders, paths, config.warmup)
    orders = {name: _orders(contenders[name], paths, config.warmup) for name in rows}
    for name, of in orders.items():
        rows[name]["bullwhip"] = _bullwhip(*of).tolist()
    bullwhip = {"bullwhip": {name: " ".join(f"{x:.1f}" for x in row["bullwhip"]) for name, row in rows.items()}}
    title = "The beer game: four players, demand 0 to 8 a week; variance of orders over that of demand by player"
    drawn = {"bullwhip": _ratios(rows), "orders": _weeks(orders)}
    return side_by_side.finish(config, {"policies": rows}, drawn, side_by_side.table(rows, title, bullwhip), started)


def _learners(config: Any, env: BeerGame, base_stock: BaseStock) -> dict[str, tuple[Any, float]]:
    """Name -> learner and the share of rewards that its players have in common."""
    levels = MultiAgent(OrderUpTo(env, tuple(np.asarray(_ROOM * base_stock.level).tolist())))
    orders = MultiAgent(DiscreteOrders(env, _MAX_ORDER, _MAX_POSITION * float(base_stock.level.max())))
    sizes: dict[str, Any] = {
        "num_envs": config.num_envs,
        "num_steps": config.num_steps,
        "num_updates": config.num_updates,
    }
    network = AgentNetwork(config.hidden, initial_log_std=-2.0)
    ppo: dict[str, Any] = sizes | {"learning_rate": 2e-3, "gae_lambda": 0.9}
    off_policy: dict[str, Any] = sizes | {
        "num_steps": 8,
        "num_updates": config.num_updates * config.num_steps // 8,
        "n_step": 4,
        "gradient_steps": 4,
        "batch_size": 256,
    }
    return {
        "IPPO, each for itself": (IPPO(env=levels, network=network, **ppo), 0.0),
        "IPPO, for the chain": (IPPO(env=levels, network=network, **ppo), 1.0),
        "MAPPO, for the chain": (MAPPO(env=levels, network=network.clone(central_values=True), **ppo), 1.0),
        "IDQN, for the chain": (
            IDQN(env=orders, network=network.clone(activation="relu"), buffer_periods=64, **off_policy),
            1.0,
        ),
    }


def _orders(contender: Contender, paths: Paths, warmup: int) -> tuple[np.ndarray, np.ndarray]:
    """Orders [paths, T, players] and customers' demand [paths, T]."""

    @jax.jit
    def recorded(policy: Any, params: Any, paths: Paths) -> tuple[Array, Array]:
        def one(state: Any, path: Any) -> tuple[Array, Array]:
            record = lambda t: (t.outcome.ledger.ordered, t.outcome.ledger.demanded)  # noqa: E731
            return contender.env.rollout(policy, state, path, params, record=record)[1]

        return jax.vmap(one)(paths.states, paths.exogenous)

    ordered, demanded = recorded(contender.policy, contender.params, paths)
    return np.asarray(ordered)[:, warmup:], np.asarray(demanded)[:, warmup:]


def _bullwhip(ordered: np.ndarray, demanded: np.ndarray) -> np.ndarray:
    """Variance of orders over that of demand, by player: the mean over paths of each."""
    return ordered.var(1).mean(0) / demanded.var(1).mean()


def _ratios(rows: dict[str, dict]) -> Figure:
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / len(rows)
    for i, (name, row) in enumerate(rows.items()):
        at = np.arange(len(_PLAYERS)) + (i - (len(rows) - 1) / 2) * width
        axes.bar(at, row["bullwhip"], width, color=COLOURS[i % len(COLOURS)], label=name)
    axes.axhline(1.0, color="black", linewidth=0.8)
    axes.set(
        xticks=np.arange(len(_PLAYERS)), xticklabels=_PLAYERS, yscale="log",
        ylabel="variance of orders over that of demand", title="Bullwhip: cheapest policy first",
    )  # fmt: skip
    figure.legend(fontsize=8, ncols=4, loc="outside lower center")
    axes.grid(axis="y", alpha=0.3)
    return figure


def _weeks(orders: dict[str, tuple[np.ndarray, np.ndarray]], length: int = 60) -> Figure:
    """Orders of all players on the first path."""
    figure = Figure(figsize=(10, 1.8 * len(orders)), layout="constrained")
    every = figure.subplots(len(orders), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, (ordered, demanded)) in zip(every, orders.items(), strict=True):
        weeks = np.arange(min(length, ordered.shape[1]))
        axes.step(weeks, demanded[0, : len(weeks)], color="black", linewidth=1.2, label="customers")
        for player, label in enumerate(_PLAYERS):
            axes.step(weeks, ordered[0, : len(weeks), player], color=COLOURS[player], linewidth=1.0, label=label)
        axes.set_title(name, fontsize=9, loc="left")
        axes.set_ylabel("units")
    every[0].legend(fontsize=7, ncols=5, loc="lower right", bbox_to_anchor=(1.0, 1.0))
    every[-1].set_xlabel("week")
    return figure
