"""Figures of the experiments that compare policies, and the series that they show."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from matplotlib.figure import Figure

from jaxinv import report


def common(result: dict, histories: dict[str, list], *, profit: bool) -> dict[str, Figure]:
    """What all of them draw: learning, and cost by cause. ``histories``: learner -> rows of ``FitResult.history``."""
    rows = {name: [row for row in history if "score" in row] for name, history in histories.items()}
    policies = result["policies"]
    levels = {name: entry["cost_mean_fitted_demand"] for name, entry in policies.items() if name not in histories}
    learning = report.learning_curve(
        {name: [row["steps"] for row in of] for name, of in rows.items()},
        {name: [row["score"] for row in of] for name, of in rows.items()},
        dict(sorted(levels.items(), key=lambda item: item[1])[:3]),
        title="Validation on fitted demand during training, and the three best heuristics",
        profit=profit,
    )
    causes = report.cost_by_cause(
        {name: entry["cost_by_cause"] for name, entry in policies.items()},
        bound=result["lower_bound"],
        title="Held-out real demand",
        profit=profit,
    )
    return {"learning_curve": learning, "cost_by_cause": causes}


def write(folder: Path, drawn: dict[str, Figure]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in drawn.items():
        figure.savefig(folder / f"{name}.png", dpi=130)


def along(
    policies: dict[str, tuple[Any, Any]],
    params: Any,
    paths: Any,
    warmup: int,
    record: Callable[[Any, Any], dict[str, Array]],
) -> dict[str, dict[str, np.ndarray]]:
    """Of each policy what ``record(transition, native action)`` picks of the periods of the first path, after the
    warm-up: name -> {quantity: [T, ...]}."""
    start, path = jax.tree.map(lambda x: x[0], (paths.states, paths.exogenous))

    def series(policy: Any, env: Any) -> dict[str, np.ndarray]:
        def recorded(t: Any) -> dict[str, Array]:
            return record(t, env.native_action(t.action, t.state, params))

        run = jax.jit(lambda start, path: env.rollout(policy, start, path, params, record=recorded)[1])
        return {name: np.asarray(values)[warmup:] for name, values in run(start, path).items()}

    return {name: series(policy, env) for name, (policy, env) in policies.items()}


def decided(
    policy: Any, env: Any, params: Any, stocked: Callable[[Array, Array], Any], pick: Callable, *axes: Any
) -> np.ndarray:
    """What ``pick`` reads of the native action, [n, m], in the states ``stocked(x, y)`` for all x and y of two axes."""

    def decide(x: Array, y: Array) -> Array:
        state = stocked(x, y)
        return pick(env.native_action(policy(env, state, params, jax.random.key(0)), state, params))

    grid = jax.vmap(jax.vmap(decide, (None, 0)), (0, None))
    return np.asarray(jax.jit(grid)(*(jnp.asarray(axis, jnp.float32) for axis in axes)))
