"""One item of a retailer as a ``SingleItem``: its sales in all stores, which one distribution centre serves."""

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class RetailItemConfig:
    """The instance. Money is in units of holding one unit for one day."""

    item: str | None = None
    """SKU of the panel (a product category in the embedded one); the one that sells most units if none is given"""
    lead_time: int = 4
    """days from order to delivery"""
    holding_cost: float = 1.0
    """per unit and day"""
    stockout_cost: float = 9.0
    """per unit of demand lost"""
    order_cost: float = 0.0
    """per order, whatever its size"""
    batch: int = 1
    """units that are ordered together"""
    announced: int = 7
    """days that promotions are known ahead"""
    test_days: int = 95
    """the last days of the panel: held out, never trained, fitted or tuned on"""
    warmup_days: int = 28
    """days before the held-out ones that are replayed first, and not counted"""


@dataclasses.dataclass(frozen=True)
class RetailItem:
    """What a run needs: the environment, and its parameters with the demand to train on and to judge on."""

    env: Any
    train_params: Any  # demand fitted to the training dates
    test_params: Any  # the real demand of the warm-up and the held-out dates
    test_panel: Any  # the same dates as a panel of the item
    typical: float  # units per day

    def replays(self, env: Any, key: Any, number: int) -> Any:
        """Paths of the warm-up and held-out dates' real demand, ``number`` times in ``env``, :attr:`env` or one around
        it, each from a stock of its own: 0.5 to 1.5 times the initial one."""
        import jax
        import jax.numpy as jnp

        from jaxinv.evaluate import sample_paths

        factor = jax.random.uniform(key, (number,), minval=0.5, maxval=1.5)
        stocks = jnp.round(factor * self.test_params.initial_inventory)

        def from_stock(key: Any, stock: Any) -> Any:
            params = self.test_params.replace(initial_inventory=stock)
            return jax.tree.map(lambda x: x[0], sample_paths(env, params, key, 1, len(self.test_panel.dates)))

        return jax.vmap(from_stock)(jax.random.split(key, number), stocks)


def record(transition: Any, order: Any) -> dict[str, Any]:
    """Of a period, for ``report.stock_paths``: one item, [1]."""
    series = {"on_hand": transition.state.inventory, "orders": order, "demand": transition.outcome.ledger.demanded}
    return {name: x[None] for name, x in series.items()}


def build(panel: Any, config: RetailItemConfig) -> RetailItem:
    """The instance of a panel; raises ``ValueError`` if the panel does not fit it."""
    from jaxinv.data import fit_demand
    from jaxinv.env.single_item import SingleItem

    days = len(panel.dates)
    if days < config.test_days + config.warmup_days + 28:
        raise ValueError(
            f"env.test_days must leave {config.warmup_days} warm-up days and 28 days to train on of the {days} days "
            f"in the sales file; got {config.test_days}"
        )
    item = panel.largest(skus=1).skus[0] if config.item is None else config.item
    if item not in panel.skus:
        raise ValueError(f"env.item must be a SKU of the sales file, such as {', '.join(panel.skus[:5])}; got {item!r}")
    panel = one_location(panel)
    index = panel.skus.index(item)
    split = panel.dates[-config.test_days]
    train_panel, _ = panel.split(split)
    _, replayed = panel.split(split - np.timedelta64(config.warmup_days, "D"))
    fit = fit_demand(train_panel, announced=config.announced)

    env = SingleItem(lead_time=config.lead_time, calendar=True)
    typical = float(train_panel.quantity[:, 0, index].mean())
    params = env.make_params(
        demand=_of_item(fit.process, index),
        holding_cost=config.holding_cost,
        stockout_cost=config.stockout_cost,
        fixed_order_cost=config.order_cost,
        batch_size=config.batch,
        demand_scale=max(typical, 0.1),
    )
    trace = _of_item(fit.replay(replayed, announced=config.announced), index)
    return RetailItem(env, params, dataclasses.replace(params, demand=trace), replayed.select(skus=[item]), typical)


def one_location(panel: Any) -> Any:
    """Sales of all locations together; a promotion runs where it does in most of them, covariates are their means."""
    from jaxinv.data import DemandPanel

    return DemandPanel(
        quantity=panel.quantity.sum(1, keepdims=True),
        dates=panel.dates,
        locations=("all",),
        skus=panel.skus,
        promotion=None if panel.promotion is None else panel.promotion.mean(1, keepdims=True) > 0.5,
        available=panel.available.any(1, keepdims=True),
        stocked_out=None if panel.stocked_out is None else panel.stocked_out.any(1, keepdims=True),
        period=panel.period,
        covariates={name: values.mean(1, keepdims=True) for name, values in panel.covariates.items()},
    )


def _of_item(process: Any, index: int) -> Any:
    """The part of a process of shape [1, K] that is one item's. What all items share has length 1."""
    import jax

    return jax.tree.map(lambda x: x[..., 0, min(index, x.shape[-1] - 1)] if x.ndim >= 2 else x, process)
