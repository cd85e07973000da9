"""A chain of stores as a ``MultiWarehouse``: a sales panel, what things cost, and where the past ends."""

import dataclasses
from typing import Any

import numpy as np

from experiments import command


@dataclasses.dataclass(frozen=True)
class RetailConfig:
    """The instance. Money is in units of holding one unit for one day."""

    stores: int = 4
    """the largest stores of the panel"""
    skus: int = 6
    """their largest SKUs (product categories in the embedded panel)"""
    lead_time: int = 3
    """days from order to delivery"""
    holding_cost: float = 1.0
    """per unit and day"""
    stockout_cost: float = 19.0
    """per unit of demand lost"""
    delivery_cost: float = 300.0
    """per delivery to a store, whatever is on it"""
    line_cost: float = 2.0
    """per SKU on a delivery"""
    storage_days: float = 16.0
    """a store's shelf and back room, in days of its mean demand"""
    overflow_cost: float = 5.0
    """per unit that finds no room and is written off"""
    transfer_cost: float = 1.0
    """per unit between two stores"""
    transfer_lead_time: int = 1
    """days from one store to another"""
    recent_days: float = 28.0
    """days of sales that policies tell the current level of demand by"""
    announced: int = 7
    """days that promotions are known ahead"""
    test_days: int = 95
    """the last days of the panel: held out, never trained, fitted or tuned on"""
    warmup_days: int = 14
    """days before the held-out ones that are replayed first, and not counted"""


@dataclasses.dataclass(frozen=True)
class TuningConfig(command.SearchConfig):
    """How heuristics are tuned: see ``jaxinv.optimise.tune``."""

    population: int = 128
    elite: int = 16
    iterations: int = 20


@dataclasses.dataclass(frozen=True)
class Retail:
    """What a run needs: the environment, and its parameters with the demand to train on and to judge on."""

    env: Any
    train_params: Any  # demand fitted to the training dates
    test_params: Any  # the real demand of the warm-up and the held-out dates
    test_panel: Any  # the same dates as a panel
    train_panel: Any
    fitted: Any  # summary of the fit

    def replays(self, key: Any, number: int) -> Any:
        """Paths of the warm-up and held-out dates' real demand, ``number`` times, each from a stock of its own: 0.5 to
        1.5 times the initial one in every cell. When deliveries fall is luck, which the mean over them evens out."""
        import jax
        import jax.numpy as jnp

        from jaxinv.evaluate import sample_paths

        paths = sample_paths(self.env, self.test_params, key, number, len(self.test_panel.dates))
        factor = jax.random.uniform(key, paths.states.on_hand.shape, minval=0.5, maxval=1.5)
        states = paths.states.replace(on_hand=jnp.round(factor * paths.states.on_hand))
        return paths.replace(states=states)


def read(demand: str, columns: dict[str, str], covariates: tuple[str, ...] = ()) -> Any:
    """An embedded panel by name, or that of a sales file with ``columns`` of these names and ``covariates``. A column
    that is named as the quantity holds units, even where it is called as revenue often is."""
    from jaxinv.data import PANELS, load_panel, read_sales

    if demand in PANELS:
        return load_panel(demand)
    revenue = False if "quantity" in columns else None
    return read_sales(demand, columns or None, covariates=covariates, revenue=revenue)


def build(panel: Any, config: RetailConfig) -> Retail:
    """The instance of a panel; raises ``ValueError`` if the panel is too small for it."""
    from jaxinv.data import fit_demand
    from jaxinv.env.multi_warehouse import MultiWarehouse

    days, stores, skus = panel.quantity.shape
    for name, wanted, there in (("stores", config.stores, stores), ("skus", config.skus, skus)):
        if not 1 <= wanted <= there:
            raise ValueError(f"env.{name} must be in 1..{there}, what the sales file holds; got {wanted}")
    if days < config.test_days + config.warmup_days + 28:
        raise ValueError(
            f"env.test_days must leave {config.warmup_days} warm-up days and 28 days to train on of the {days} days "
            f"in the sales file; got {config.test_days}"
        )
    panel = panel.largest(locations=config.stores, skus=config.skus)
    split = panel.dates[-config.test_days]
    train_panel, _ = panel.split(split)
    _, replayed = panel.split(split - np.timedelta64(config.warmup_days, "D"))

    fit = fit_demand(train_panel, announced=config.announced)
    mean = train_panel.quantity.mean(0)
    env = MultiWarehouse(
        num_warehouses=config.stores,
        num_skus=config.skus,
        max_lead_time=max(config.lead_time, config.transfer_lead_time),
        transfers=config.stores > 1,
    )
    params = env.make_params(
        demand=fit.process,
        holding_cost=config.holding_cost,
        stockout_cost=config.stockout_cost,
        fixed_order_cost=config.delivery_cost,
        line_order_cost=config.line_cost,
        lead_time=config.lead_time,
        storage_capacity=config.storage_days * mean.sum(1),
        overflow_cost=config.overflow_cost,
        transfer_cost=config.transfer_cost,
        transfer_lead_time=config.transfer_lead_time,
        recent_periods=config.recent_days,
        initial_stock=np.round(mean * (config.lead_time + 3)),
        demand_scale=np.maximum(mean, 0.1),
    )
    test = fit.replay(replayed, announced=config.announced)
    return Retail(env, params, dataclasses.replace(params, demand=test), replayed, train_panel, fit)
