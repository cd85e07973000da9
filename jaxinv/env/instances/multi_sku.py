"""Published settings of ``MultiSku-v0``."""

from jaxinv.env.instances.instance import Instance

_ROOM = {"standard": 100, "lower": 50, "lowest": 25}  # storage volume in a warehouse, per SKU


def _setting(skus: int, echelons: int, room: str) -> Instance:
    return Instance(
        env="MultiSku-v0",
        name=f"yang2023/sku{skus}-{echelons}stores-{room}",
        settings={
            "num_skus": skus, "num_echelons": echelons, "fixed_order_cost": 10, "holding_cost": 0.003, "volume": 1,
            "storage_capacity": _ROOM[room] * skus, "max_steps_in_episode": 100,
        },
        source="Yang et al. 2023, arXiv:2306.07542, configuration files of the benchmark; their demand, prices, lead "
        "times and what follows from prices are data of a retailer, for which the defaults stand here",
    )  # fmt: skip


INSTANCES = (
    *(_setting(200, echelons, "standard") for echelons in (1, 2, 3)),
    *(_setting(200, 3, room) for room in ("lower", "lowest")),
    *(_setting(1000, echelons, "standard") for echelons in (1, 3)),
)
