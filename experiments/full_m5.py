"""How fast 30,490 series x 1,941 days, the shape of the M5 files, are loaded and a base-stock policy judged on them.

The files are made by repeating the series of a smaller M5 folder under other names:
python -m experiments.full_m5 --source m5_sample
"""

import dataclasses
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import tyro

from experiments import output
from experiments.command import at_least


@dataclasses.dataclass(frozen=True)
class Config:
    source: Path
    """folder with sales_train_evaluation.csv, calendar.csv and sell_prices.csv"""
    items: int = 3049
    """items of each store"""
    history: int = 28
    """days that are only looked back on; the rest is replayed"""
    lead_time: int = 3
    out: Path = Path("runs/full_m5")


def tile(source: Path, folder: Path, items: int) -> None:
    """Write an M5 folder whose stores have ``items`` items each, repeating those that they have."""
    import polars as pl

    shutil.copyfile(source / "calendar.csv", folder / "calendar.csv")
    names = ("sales_train_evaluation.csv", "sell_prices.csv")
    sales, prices = (pl.read_csv(source / name, infer_schema=False) for name in names)
    with (folder / names[0]).open("wb") as sales_file, (folder / names[1]).open("wb") as price_file:
        for i, store in enumerate(sales["store_id"].unique().sort()):
            own = sales.filter(pl.col("store_id") == store)
            again = pl.DataFrame(
                {
                    "item_id": (own["item_id"].to_list() * (items // len(own) + 1))[:items],
                    "name": [f"ITEM_{j:05d}" for j in range(items)],
                }
            )
            for table, file in ((own, sales_file), (prices.filter(pl.col("store_id") == store), price_file)):
                renamed = again.join(table, on="item_id", how="left").with_columns(item_id="name").select(table.columns)
                renamed.write_csv(file, include_header=i == 0)


def measure(config: Config) -> dict[str, Any]:
    """Seconds, memory and series-days per second; the panel is loaded in a process that has done nothing before."""
    from jaxinv.data import read_m5

    at_least(config, items=1, history=1, lead_time=1)
    with tempfile.TemporaryDirectory() as folder:
        # Repeating takes memory, too, which is not to be counted.
        arguments = (config.source, Path(folder), config.items)
        child = multiprocessing.get_context("spawn").Process(target=tile, args=arguments)
        child.start()
        child.join()
        if child.exitcode:
            raise ValueError(f"{config.source} could not be repeated")
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        start = time.perf_counter()
        panel = read_m5(folder)
        seconds = time.perf_counter() - start
    found = {
        "series": panel.quantity[0].size,
        "days": len(panel.dates),
        "files_mib": size / 2**20,
        "load_seconds": seconds,
        "load_peak_gib": _peak_gib(),
        "units": float(panel.quantity.sum(dtype=float)),
    }
    return found | _judge(config, panel.quantity.reshape(len(panel.dates), -1), panel.start_day)


def _judge(config: Config, quantity: Any, start_day: Any) -> dict[str, Any]:
    """Base-stock levels that follow demand, on all series [T, K] at once: items of one large store."""
    import jax

    from jaxinv.demand import Trace
    from jaxinv.env import make
    from jaxinv.env.dynamics import UNLIMITED
    from jaxinv.evaluate import evaluate, sample_paths
    from jaxinv.policies import AdaptiveBaseStock, chain_sizing

    days, series = quantity.shape
    length = days - config.history
    if length < 1:
        raise ValueError(f"history must be less than the {days} days there are, got {config.history}")
    env, _ = make("MultiSku-v0", num_skus=series, max_lead_time=config.lead_time)
    start: Any = config.history
    demand = Trace(quantity, start_day=start_day, first=start, last=start)
    params = env.make_params(demand=demand, lead_time=config.lead_time, storage_capacity=UNLIMITED)
    sizing = chain_sizing(env, params, params.demand.quantity[: config.history])
    policy = AdaptiveBaseStock.from_factors(sizing, safety=0.0)  # type: ignore[arg-type]
    paths = jax.block_until_ready(sample_paths(env, params, jax.random.key(0), num_paths=1, length=length))
    seconds = []
    for _ in range(2):  # with compilation, and without
        start = time.perf_counter()
        result = jax.block_until_ready(evaluate(policy, env, params, paths))
        seconds.append(time.perf_counter() - start)
    return {
        "evaluated_days": length,
        "evaluate_seconds": seconds[1],
        "compile_seconds": seconds[0] - seconds[1],
        "series_days_per_second": series * length / seconds[1],
        "peak_gib": _peak_gib(),
        "cost_per_series_day": float(result.cost_mean) / series,
        "fill_rate": float(result.fill_rate),
        "units_demanded": float(result.units["demanded"]) * length,
    }


def _peak_gib() -> float:
    """Largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    config = tyro.cli(Config, description=__doc__)
    try:
        output.folder(config.out)
        result = measure(config)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    output.write(config, {**result, **output.machine()})
    for name, value in result.items():
        print(f"{name:24} {value:,.3f}" if isinstance(value, float) else f"{name:24} {value:,}")


if __name__ == "__main__":
    main()
