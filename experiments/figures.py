"""Figures of the main job."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxinv import report


def write(config: Any, problem: Any, policies: dict, best: str, result: dict, history: list, real: Any) -> None:
    """All figures, into ``config.out / "figures"``. ``policies``: name -> (policy, the environment it acts in);
    ``real``: the path of the held-out dates with the warm-up before them."""
    out = config.out / "figures"
    out.mkdir(parents=True, exist_ok=True)
    rows = [row for row in history if "score" in row]
    levels = {name: entry["cost_mean_fitted_demand"] for name, entry in result["policies"].items() if name != "ppo"}
    figure = report.learning_curve(
        [row["steps"] for row in rows],
        [row["score"] for row in rows],
        dict(sorted(levels.items(), key=lambda item: item[1])[:3]),
        title="Validation on fitted demand during training, and the three best heuristics",
    )
    figure.savefig(out / "learning_curve.png", dpi=130)

    causes = {name: result["policies"][name]["cost_by_cause"] for name in policies}
    figure = report.cost_by_cause(causes, bound=result["lower_bound"], title="Held-out real demand")
    figure.savefig(out / "cost_by_cause.png", dpi=130)

    # The busiest item of the first stores, over the held-out dates.
    panel, warmup = problem.test_panel, config.env.warmup_days
    cells = [(w, int(panel.quantity[:, w].sum(0).argmax())) for w in range(min(3, len(panel.locations)))]
    names = [f"store {panel.locations[w]}, {panel.skus[k].lower()}" for w, k in cells]
    shown = {name: policies[name] for name in ("ppo", best)}
    params = problem.test_params
    series = {name: _series(policy, env, params, real, cells, warmup) for name, (policy, env) in shown.items()}
    report.stock_paths(panel.dates[warmup:], names, series).savefig(out / "stock.png", dpi=130)

    start = jax.tree.map(lambda x: x[0], real.states)
    days = np.arange(0, 13), np.arange(0, 11)
    maps = {name: _orders(policy, env, params, start, cells[0], *days) for name, (policy, env) in shown.items()}
    title = f"What {names[0]} orders on {panel.dates[0]}, the whole store stocked alike"
    typical = float(params.demand_scale[cells[0]])
    report.policy_map(days[0] * typical, days[1] * typical, maps, title=title).savefig(out / "policy_map.png", dpi=130)


def _series(policy: Any, env: Any, params: Any, paths: Any, cells: list, warmup: int) -> dict:
    """On hand, demand and orders [T, cells] along the first path."""
    start, path = jax.tree.map(lambda x: x[0], (paths.states, paths.exogenous))

    def record(t: Any) -> dict:
        orders = env.native_action(t.action, t.state, params).orders
        return {"on_hand": t.state.on_hand, "orders": orders, "demand": t.outcome.ledger.demanded}

    _, series = jax.jit(lambda start, path: env.rollout(policy, start, path, params, record=record))(start, path)
    w, k = np.array(cells).T
    return {name: np.asarray(values)[warmup:, w, k] for name, values in series.items()}


def _orders(policy: Any, env: Any, params: Any, state: Any, cell: tuple, on_hand: Any, under_way: Any) -> np.ndarray:
    """Orders [n, m] of a cell where every SKU of its store holds ``on_hand`` [n] days of typical demand and has
    ``under_way`` [m] days of it coming, next period."""
    warehouse, sku = cell
    typical = params.demand_scale[warehouse]

    def order(on_hand: Any, under_way: Any) -> Any:
        stocked = state.replace(on_hand=state.on_hand.at[warehouse].set(jnp.round(on_hand * typical)))
        if len(state.orders):
            stocked = stocked.replace(orders=state.orders.at[0, warehouse].set(jnp.round(under_way * typical)))
        action = policy(env, stocked, params, jax.random.key(0))
        return env.native_action(action, stocked, params).orders[warehouse, sku]

    grid = jax.vmap(jax.vmap(order, (None, 0)), (0, None))
    return np.asarray(jax.jit(grid)(jnp.asarray(on_hand, jnp.float32), jnp.asarray(under_way, jnp.float32)))
