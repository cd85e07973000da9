"""Instances of ``Ecommerce-v0``."""

from jaxinv.demand.price import Logit, PriceTable
from jaxinv.env.instances.instance import Instance

_ENV = "Ecommerce-v0"


def _ladder() -> PriceTable:
    return PriceTable(
        prices=[7.0, 9.0, 11.0],  # type: ignore[arg-type]
        values=[0, 1, 2, 3],  # type: ignore[arg-type]
        probabilities=[[0.1, 0.2, 0.3, 0.4], [0.2, 0.3, 0.3, 0.2], [0.4, 0.3, 0.2, 0.1]],  # type: ignore[arg-type]
    )


# The model is published, these numbers are not.
_LADDER = Instance(
    env=_ENV,
    name="ladder/three-prices",
    settings={
        "num_centres": 1, "num_skus": 1, "num_regions": 1, "max_lead_time": 0, "max_return_delay": 1,
        "demand": "poisson", "demand.mean": [[1.5]], "response": _ladder, "reference_price": 9, "price_low": 7,
        "price_high": 11, "unit_cost": 4, "holding_cost": 0.5, "lost_cost": 5, "backlog_share": 0, "return_share": 0,
        "fixed_order_cost": 0, "shipping_cost": 0, "satisfaction_effect": 0, "initial_stock": 1, "demand_scale": 1.5,
    },
    source="none: the price-setting newsvendor of Whitin 1955, Management Science 2(1), with three prices",
    criterion="discounted",
)  # fmt: skip

_SHOP = Instance(
    env=_ENV,
    name="shop/substitutes",
    settings={
        "num_centres": 3, "num_skus": 4, "num_regions": 5, "max_lead_time": 3, "max_return_delay": 5,
        "demand": "negative_binomial", "demand.mean": [[6, 4, 2, 1]] * 5, "demand.dispersion": 0.2,
        "response": lambda: Logit(share=[0.06, 0.04, 0.02, 0.01], sensitivity=0.1),  # type: ignore[arg-type]
        "reference_price": [20, 25, 40, 60], "unit_cost": [8, 10, 18, 30], "holding_cost": [0.04, 0.05, 0.09, 0.15],
        "return_share": [0.05, 0.1, 0.2, 0.3],
    },
    source="none: four substitutes from three centres to five regions along a line",
    criterion="discounted",
)  # fmt: skip

INSTANCES = (_LADDER, _SHOP)
