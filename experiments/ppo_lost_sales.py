"""PPO on lost sales with lead times, where the optimum is known: the optimality gap of every instance.

The instances are Zipkin's (2008, Operations Research 56(5), table 3): Poisson demand of mean 5, holding cost 1. One set
of hyper-parameters serves all; the gap is that of each seed's final policy, simulated on paths it was not trained on.
"""

import dataclasses
import json
from pathlib import Path

import tyro

# Optimal average cost by (penalty, lead time), as recomputed by relative value iteration to a span below 1e-7; they
# round to the published ones.
OPTIMA = {(4, 2): 4.39530, (4, 4): 4.72853, (19, 2): 7.66442, (19, 4): 8.88718}


@dataclasses.dataclass(frozen=True)
class Config:
    penalties: tuple[int, ...] = (4, 19)
    lead_times: tuple[int, ...] = (2, 4)
    num_seeds: int = 5
    num_updates: int = 500
    """iterations of 256 environments by 32 periods"""
    num_paths: int = 1024
    """simulated paths that a policy is judged on, of 4,000 periods each"""
    json: Path | None = None
    """write the rows to this file too"""


def run(config: Config) -> list[dict]:
    """A row per instance: mean gap over seeds, its 95 % interval over seeds and simulation, and each seed's gap."""
    import jax
    import numpy as np
    from jax.scipy.stats import poisson

    from jaxinv.agents import PPO
    from jaxinv.env.multi_warehouse import MultiWarehouse
    from jaxinv.env.wrappers import DiscreteOrders, FlattenObservation
    from jaxinv.evaluate import evaluate, sample_paths
    from jaxinv.evaluate.intervals import student_quantile
    from jaxinv.train import fit

    def newsvendor_level(mean: float, penalty: int) -> int:
        return int(np.argmax(np.asarray(poisson.cdf(np.arange(200), mean)) >= penalty / (penalty + 1)))

    rows = []
    for lead_time in config.lead_times:
        for penalty in config.penalties:
            env = MultiWarehouse(num_warehouses=1, num_skus=1, max_lead_time=lead_time, transfers=False)
            params = env.make_params(stockout_cost=float(penalty), fixed_order_cost=0.0)
            # Bounds that lose nothing: newsvendor levels over one period, and over lead time plus one.
            orders = DiscreteOrders(
                env, newsvendor_level(5.0, penalty), float(newsvendor_level(5.0 * (lead_time + 1), penalty))
            )
            learner = PPO(
                env=FlattenObservation(orders),
                num_updates=config.num_updates,
                learning_rate=3e-3,  # type: ignore[arg-type]
                gae_lambda=0.9,  # type: ignore[arg-type]
                entropy_coef=0.03,  # type: ignore[arg-type]
                branches=8,
            )
            trained = fit(learner, params, jax.random.key(0), num_seeds=config.num_seeds, chunk=50, progress=False)
            paths = sample_paths(env, params, jax.random.key(1), config.num_paths, 4100)
            states = [trained.state] if config.num_seeds == 1 else [
                jax.tree.map(lambda x, i=i: x[i], trained.state) for i in range(config.num_seeds)
            ]  # fmt: skip
            judged = [evaluate(learner.policy(s), learner.env, params, paths, warmup=100) for s in states]
            optimum = OPTIMA[penalty, lead_time]
            gaps = np.array([100 * (float(e.cost_mean) / optimum - 1) for e in judged])
            noise = np.array([100 * float(e.cost_ci95[1] - e.cost_ci95[0]) / 2 / optimum for e in judged]).mean()
            spread = 0.0
            if config.num_seeds > 1:
                spread = student_quantile(len(gaps) - 1) * gaps.std(ddof=1) / np.sqrt(len(gaps))
            # All seeds are judged on the same paths, so that noise does not average out over them.
            rows.append({
                "penalty": penalty, "lead_time": lead_time, "optimum": optimum, "gap_percent": float(gaps.mean()),
                "gap_ci95": float(np.hypot(spread, noise)), "gaps": gaps.round(4).tolist(),
                "train_steps": config.num_updates * learner.steps_per_update, "wall_seconds": trained.wall_seconds,
            })  # fmt: skip
            row = rows[-1]
            print(
                f"penalty {penalty:2d}, lead time {lead_time}: gap {gaps.mean():.2f} % +- {row['gap_ci95']:.2f}; "
                f"seeds {', '.join(f'{g:.2f}' for g in gaps)}; {row['train_steps']:,} steps each, "
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
