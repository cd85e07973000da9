"""An online shop as an ``Ecommerce``: a sales panel with prices, where customers live, and what things cost."""

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class OnlineShopConfig:
    """The instance. Money is that of the panel's prices; what is a part is one of the price of the SKU."""

    skus: int = 6
    """the SKUs of the panel that sell most units"""
    regions: tuple[float, ...] = (0.4, 0.3, 0.2, 0.1)
    """parts of the demand that come from each region, for a panel of one location; others have theirs"""
    centres: int = 2
    """fulfilment centres, spread along a line like the regions"""
    lead_time: int = 5
    """days from order to delivery to a centre"""
    elasticity: float = 2.0
    """percent of demand that one percent on the price costs; given, since who buys much pays less in a panel"""
    unit_cost: float = 0.5
    """part of the price"""
    holding_cost: float = 0.001
    """part of the price, per unit and day"""
    lost_cost: float = 0.1
    """part of the price, besides the margin, per unit of an order cancelled"""
    late_cost: float = 0.02
    """part of the price, per unit waiting and day"""
    delivery_cost: float = 20.0
    """per delivery to a centre"""
    shipping_cost: tuple[float, float] = (0.05, 0.2)
    """parts of the mean price per unit, to a region next door and to the other end"""
    return_share: float = 0.1
    """part of the units sold that comes back after a week"""
    test_days: int = 95
    """the last days of the panel: held out"""


@dataclasses.dataclass(frozen=True)
class OnlineShop:
    """What a run needs: the environment, and its parameters with the demand to train on and to judge on."""

    env: Any
    train_params: Any  # demand fitted to the training dates
    test_params: Any  # the real demand of the held-out dates, as it would have been at the reference prices
    train_panel: Any
    test_panel: Any
    fitted: Any


def build(panel: Any, config: OnlineShopConfig) -> OnlineShop:
    """The instance of a panel; raises ``ValueError`` if the panel does not fit it."""
    import jax.numpy as jnp

    from jaxinv.data import fit_demand
    from jaxinv.demand.price import PricedTrace
    from jaxinv.env.ecommerce import Ecommerce

    if panel.price is None or np.isnan(panel.price).any():
        raise ValueError("an online shop needs a panel with a price for every SKU on every day")
    days, locations, skus = panel.quantity.shape
    if not 1 <= config.skus <= skus:
        raise ValueError(f"env.skus must be in 1..{skus}, what the panel holds; got {config.skus}")
    if not 1 <= config.test_days <= days - 28:
        raise ValueError(f"env.test_days must leave 28 of {days} days to train on; got {config.test_days}")
    shares = np.array(config.regions if locations == 1 else [1.0] * locations)[:, None]
    if locations == 1 and (abs(shares.sum() - 1) > 1e-6 or (shares <= 0).any()):
        raise ValueError(f"env.regions must be positive and sum to 1, got {config.regions}")

    train_panel, test_panel = panel.largest(skus=config.skus).split(panel.dates[-config.test_days])
    sold = train_panel.quantity.sum((0, 1))
    price = (train_panel.quantity * train_panel.price).sum((0, 1)) / np.maximum(sold, 1e-9)
    fit = fit_demand(train_panel)
    process = dataclasses.replace(fit.process, base=fit.process.base.scaled(shares))  # type: ignore[arg-type]
    replay = fit.replay(test_panel)
    # What would have been sold at the reference price in place of the one of the day.
    quantity = test_panel.quantity * (test_panel.price / price) ** config.elasticity
    trace = dataclasses.replace(
        PricedTrace(**vars(replay)),
        quantity=jnp.asarray(quantity * shares),
        expected=jnp.asarray(np.asarray(replay.expected) * shares),
    )

    env = Ecommerce(
        num_centres=config.centres,
        num_skus=config.skus,
        num_regions=len(shares),
        max_lead_time=config.lead_time,
        max_return_delay=7,
    )
    centre = (np.arange(config.centres) + 0.5) / config.centres
    distance = np.abs(centre[:, None] - ((np.arange(len(shares)) + 0.5) / len(shares))[None])
    near, far = config.shipping_cost
    params = env.make_params(
        demand=process,
        elasticity=config.elasticity,
        reference_price=price,
        unit_cost=config.unit_cost * price,
        holding_cost=config.holding_cost * price,
        lost_cost=config.lost_cost * price,
        late_cost=config.late_cost * price,
        fixed_order_cost=config.delivery_cost,
        shipping_cost=price.mean() * (near + (far - near) * distance),
        split_cost=0.5 * price.mean() * near,
        return_share=config.return_share,
        return_cost=0.1 * price,
    )
    return OnlineShop(env, params, dataclasses.replace(params, demand=trace), train_panel, test_panel, fit)
