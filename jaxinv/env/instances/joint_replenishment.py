"""Published instances of ``JointReplenishment-v0``."""

from jaxinv.env.instances.instance import Figure, Instance

# Optimal average costs of settings 1..16. The paper shows costs in figures only; these are recomputed.
_OPTIMA = (
    64.9183, 77.9416, 81.4098, 94.7878, 71.4448, 86.0546, 95.5292, 109.4983, 64.7752, 74.3369, 83.0076, 93.8994,
    71.8784, 84.7711, 99.3445, 110.7753,
)  # fmt: skip
_COSTS = (((1, 1), (19, 19)), ((1, 5), (19, 95)), ((5, 1), (95, 19)), ((5, 5), (95, 95)))


def _setting(number: int) -> Instance:
    holding, stockout = _COSTS[(number - 1) % 4]
    return Instance(
        env="JointReplenishment-v0",
        name=f"vanvuchelen2020/setting{number}",
        settings={
            "num_items": 2, "demand": "uniform", "demand.low": (0, 0), "demand.high": (5, 3) if number <= 8 else (6, 2),
            "truck_volume": 6, "major_order_cost": 75,
            "minor_order_cost": (10, 10) if (number - 1) % 8 < 4 else (40, 10), "holding_cost": holding,
            "stockout_cost": stockout, "backlog_share": 1, "discount": 0.99,
        },
        source="Vanvuchelen, Gijsbrechts and Boute 2020, Computers in Industry 119, table 2",
        figures=(Figure("optimum", _OPTIMA[number - 1], 4),),
    )  # fmt: skip


INSTANCES = tuple(_setting(number) for number in range(1, 17))
