"""How the time of a period grows with a problem: with its nodes, its SKUs, and the environments in a batch.

Random orders, observations computed, autoreset; medians of interleaved repeats in one process, compilation excluded.
The slope is that of log time over log size from the middle of the sizes to the largest: 1 is linear.
    python -m experiments.scaling --nodes 4 40 400 --repeats 3
"""

import dataclasses
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table


@dataclasses.dataclass(frozen=True)
class Config:
    nodes: tuple[int, ...] = (3, 30, 300, 3000)
    """nodes of distribution systems and of networks, a warehouse and its stores, at --num-envs"""
    skus: tuple[int, ...] = (30, 300, 3000, 30000)
    """SKUs of one warehouse, and of four that help each other, at --num-envs"""
    batches: tuple[int, ...] = (16, 256, 4096, 65536)
    """environments in a batch of lost sales, of 4 warehouses x 6 SKUs, and of a supply network"""
    num_envs: int = 8
    """environments in a batch where nodes and SKUs grow"""
    repeats: int = 5
    """interleaved measurements of each program, of which the median counts"""
    seconds: float = 0.3
    """least length of one measurement"""
    out: Path = Path("runs/scaling")
    """folder for scaling.json and scaling.png"""

    def __post_init__(self):
        for name, least in (("nodes", 2), ("skus", 1), ("batches", 1)):
            sizes = getattr(self, name)
            if min(sizes, default=0) < least or sorted(set(sizes)) != list(sizes) or len(sizes) < 2:
                raise ValueError(f"{name} must be two or more rising whole numbers >= {least}, got {sizes}")
        for name in ("num_envs", "repeats", "seconds"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


def families(config: Config) -> dict[str, dict[str, list[tuple[int, int, Any, Any]]]]:
    """What grows -> problem -> [(size, environments, environment, parameters)]."""
    from jaxinv.env import make
    from jaxinv.env.distribution import Distribution
    from jaxinv.env.multi_sku import MultiSku
    from jaxinv.env.multi_warehouse import MultiWarehouse
    from jaxinv.env.supply_network import SupplyNetwork
    from jaxinv.env.supply_network_topology import divergent

    def grown(sizes, build):
        built = [(size, build(size)) for size in sizes]
        return [(size, config.num_envs, env, env.default_params()) for size, env in built]

    def batches(env, params):
        return [(size, size, env, params) for size in config.batches]

    lost_sales, numbers = make("SingleItem-v0", instance="zipkin2008/poisson-p4-L4")
    warehouses = MultiWarehouse(4, 6)
    return {
        "nodes": {
            "Distribution": grown(config.nodes, lambda n: Distribution(n - 1)),
            "SupplyNetwork": grown(config.nodes, lambda n: SupplyNetwork(divergent(3, (2,) * (n - 1)))),
        },
        "SKUs": {
            "MultiSku": grown(config.skus, lambda n: MultiSku(num_skus=n)),
            "MultiWarehouse, 4 warehouses": grown(config.skus, lambda n: MultiWarehouse(4, n)),
        },
        "environments": {
            "SingleItem, lost sales": batches(lost_sales, numbers.replace(demand=numbers.demand.tabulated())),
            "MultiWarehouse, 4 x 6": batches(warehouses, warehouses.default_params()),
            "SupplyNetwork": batches(*make("SupplyNetwork-v0")),
        },
    }


def measure(config: Config) -> dict[str, dict[str, list[dict[str, float]]]]:
    """What grows -> problem -> a row per size."""
    from experiments import speed

    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    for axis, problems in families(config).items():
        found[axis] = {}
        for problem, points in problems.items():
            programs = [speed.rollout(f"{problem}, {size}", n, env, params) for size, n, env, params in points]
            rows = speed.compare(programs, config.repeats, config.seconds)
            found[axis][problem] = [
                {
                    "size": size,
                    "num_envs": n,
                    "seconds_per_period": n / row["steps_per_second"],
                    "compile_seconds": row["compile_seconds"],
                }
                for (size, n, _, _), row in zip(points, rows, strict=True)
            ]
    return found


def slope(rows: list[dict[str, float]]) -> float:
    """Growth of the time of a period from the middle of the sizes to the largest, as a power of the size."""
    middle, last = rows[(len(rows) - 1) // 2], rows[-1]
    return math.log(last["seconds_per_period"] / middle["seconds_per_period"]) / math.log(last["size"] / middle["size"])


def table(found: dict[str, dict[str, list[dict[str, float]]]], title: str) -> Table:
    table = Table(title=title, caption="slope: power of the size by which time grows", title_justify="left")
    table.add_column("problem")
    for name in ("what grows", "size", "environments", "us per period", "compile s", "slope"):
        table.add_column(name, justify="right")
    for axis, problems in found.items():
        for problem, rows in problems.items():
            for row in rows:
                table.add_row(
                    problem,
                    axis,
                    f"{row['size']:,}",
                    f"{row['num_envs']:,}",
                    f"{1e6 * row['seconds_per_period']:,.1f}",
                    f"{row['compile_seconds']:.1f}",
                    f"{slope(rows):.2f}" if row is rows[-1] else "",
                )
    return table


def figure(found: dict[str, dict[str, list[dict[str, float]]]], title: str) -> Any:
    """Time against size, a panel for each thing that grows, beside lines of slope 1."""
    from itertools import cycle

    import numpy as np
    from matplotlib.figure import Figure

    from jaxinv.report.figures import COLOURS

    figure = Figure(figsize=(5.2 * len(found), 5.0), layout="constrained")
    for axes, (axis, problems) in zip(figure.subplots(1, len(found), squeeze=False)[0], found.items(), strict=True):
        for (problem, rows), colour in zip(problems.items(), cycle(COLOURS), strict=False):
            sizes = np.array([row["size"] for row in rows])
            times = np.array([1e6 * row["seconds_per_period"] for row in rows])
            axes.loglog(sizes, times, "o-", color=colour, label=f"{problem} (slope {slope(rows):.2f})")
            axes.loglog(sizes, times[-1] * sizes / sizes[-1], ":", color=colour, linewidth=1)
        ticks = sorted({row["size"] for rows in problems.values() for row in rows})
        axes.set_xticks(ticks, [f"{size:,}" for size in ticks])
        axes.minorticks_off()
        environments = {int(row["num_envs"]) for rows in problems.values() for row in rows}
        batch = f" ({environments.pop():,} environments)" if len(environments) == 1 else ""
        axes.set(xlabel=f"{axis}{batch}", ylabel="microseconds per period of the batch")
        axes.plot([], [], ":", color="black", linewidth=1, label="linear")
        axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16))  # curves fill the panel
        axes.grid(alpha=0.3)
    figure.suptitle(title, fontsize=11)
    return figure


def main() -> None:
    os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"  # compile times are those of compiling
    try:
        config = tyro.cli(Config, description=__doc__)
        config.out.mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    found = measure(config)

    import jax

    device = f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores, jax {jax.__version__}"
    # Wide enough for the names where the output is not a terminal.
    Console(width=max(120, Console().width)).print(table(found, f"Time of a period of all environments, {device}"))
    figure(found, f"Time of a period of all environments, {device}").savefig(config.out / "scaling.png", dpi=110)
    (config.out / "scaling.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
