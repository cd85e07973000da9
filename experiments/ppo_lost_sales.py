"""PPO on lost sales with lead times, where the optimum is known: the optimality gap of every instance.

The instances are Zipkin's (2008, Operations Research 56(5), tables 3 and 4): Poisson demand of mean 5, holding cost 1.
One set of hyper-parameters serves all; the gap is that of each seed's final policy, exact on its Markov chain.
"""

import dataclasses
import json
from pathlib import Path

import tyro


@dataclasses.dataclass(frozen=True)
class Config:
    penalties: tuple[int, ...] = (4, 19)
    lead_times: tuple[int, ...] = (2, 4)
    num_seeds: int = 5
    num_updates: int = 500
    """iterations of 256 environments by 32 periods"""
    json: Path | None = None
    """write the rows to this file too"""


def run(config: Config) -> list[dict]:
    """A row per instance: mean gap over seeds, its 95 % interval over seeds, and each seed's gap."""
    import jax
    import numpy as np

    from jaxinv.agents import PPO
    from jaxinv.env import make
    from jaxinv.env.wrappers import DiscreteOrders
    from jaxinv.intervals import student_quantile
    from jaxinv.solvers import reachable_chain, relative_value_iteration
    from jaxinv.train import fit

    rows = []
    for lead_time in config.lead_times:
        for penalty in config.penalties:
            env, params = make("SingleItem-v0", instance=f"zipkin2008/poisson-p{penalty}-L{lead_time}")
            model = env.finite_model(params)
            optimum = -float(relative_value_iteration(model, params).gain)
            # The solver's bounds, which lose nothing.
            orders = DiscreteOrders(env, model.max_batches, model.positions[0])
            learner = PPO(
                env=orders,
                num_updates=config.num_updates,
                learning_rate=3e-3,  # type: ignore[arg-type]
                gae_lambda=0.9,  # type: ignore[arg-type]
                entropy_coef=0.03,  # type: ignore[arg-type]
                branches=8,
            )
            trained = fit(learner, params, jax.random.key(0), num_seeds=config.num_seeds, chunk=50, progress=False)
            states = [trained.state] if config.num_seeds == 1 else [
                jax.tree.map(lambda x, i=i: x[i], trained.state) for i in range(config.num_seeds)
            ]  # fmt: skip
            learned = dataclasses.replace(model, env=orders)
            costs = [-float(reachable_chain(learned, params, learner.policy(state)).gain()) for state in states]
            gaps = 100 * (np.array(costs) / optimum - 1)
            error = 0.0
            if config.num_seeds > 1:
                error = student_quantile(len(gaps) - 1) * gaps.std(ddof=1) / np.sqrt(len(gaps))
            rows.append({
                "penalty": penalty, "lead_time": lead_time, "optimum": optimum, "gap_percent": float(gaps.mean()),
                "gap_ci95": float(error), "gaps": gaps.round(4).tolist(),
                "train_steps": config.num_updates * learner.steps_per_update, "wall_seconds": trained.wall_seconds,
            })  # fmt: skip
            row = rows[-1]
            print(
                f"penalty {penalty:2d}, lead time {lead_time}: gap {gaps.mean():.3f} % +- {row['gap_ci95']:.3f}; "
                f"seeds {', '.join(f'{g:.3f}' for g in gaps)}; {row['train_steps']:,} steps each, "
                f"{row['wall_seconds']:.0f} s",
                flush=True,
            )
    return rows


def main() -> None:
    config = tyro.cli(Config, description=__doc__)
    rows = run(config)
    if config.json:
        config.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
