"""The numbers of ``Ecommerce``: their shapes, defaults and checks."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.demand import Demand, Poisson
from jaxinv.demand.price import ConstantElasticity, PriceResponse
from jaxinv.env import core
from jaxinv.env.given import broadcast, check_demand, check_names

# Parameters and their shapes, F centres by K SKUs by R regions: what `make_params` broadcasts to.
_SHAPES = {
    "reference_price": "K", "price_low": "K", "price_high": "K", "unit_cost": "FK", "fixed_order_cost": "F",
    "holding_cost": "FK", "lead_time": "F", "shipping_cost": "FR", "delivery_time": "FR", "split_cost": "R",
    "late_cost": "RK", "lost_cost": "RK", "backlog_share": "RK", "return_share": "K", "return_delay": "K",
    "return_cost": "K", "initial_satisfaction": "R", "satisfaction_rate": "R", "satisfaction_effect": "R",
    "impatience": "R", "batch_size": "K", "minimum_order": "K", "initial_stock": "FK", "demand_scale": "K",
}  # fmt: skip


@struct.dataclass(kw_only=True)
class Params(core.EnvParams):
    """Numbers of the problem, F centres by K SKUs by R regions. Money per unit unless said otherwise. The cost of a
    lane that does not exist is ``dynamics.UNLIMITED``."""

    demand: Demand  # a process of shape [R, K]: at the reference price, of satisfied customers
    response: PriceResponse  # of demand to price
    reference_price: Array = struct.leaf(above=0.0)  # [K]
    price_low: Array = struct.leaf(above=0.0)  # [K] bounds of the price, kept by the action space
    price_high: Array = struct.leaf(above=0.0)  # [K]
    unit_cost: Array = struct.leaf(low=0.0)  # [F, K] per unit ordered
    fixed_order_cost: Array = struct.leaf(low=0.0)  # [F] money per delivery ordered, whatever is on it
    holding_cost: Array = struct.leaf(low=0.0)  # [F, K] per period, on stock at the end of the period
    lead_time: Array = struct.leaf(dtype=jnp.int32, low=0)  # [F] periods, 0..L
    shipping_cost: Array = struct.leaf(low=0.0)  # [F, R] per unit from centre to region
    delivery_time: Array = struct.leaf(low=0.0)  # [F, R] periods that customers wait for what is shipped
    split_cost: Array = struct.leaf(low=0.0)  # [R] per unit from another than the main centre of the period
    late_cost: Array = struct.leaf(low=0.0)  # [R, K] per period, on orders waiting at its end
    lost_cost: Array = struct.leaf(low=0.0)  # [R, K] on orders cancelled
    backlog_share: Array = struct.leaf(low=0.0, high=1.0)  # [R, K] part of the new orders not shipped that waits
    return_share: Array = struct.leaf(low=0.0, high=1.0)  # [K] part of the units shipped that comes back
    return_delay: Array = struct.leaf(dtype=jnp.int32, low=1)  # [K] periods until then, 1..D
    return_cost: Array = struct.leaf(low=0.0)  # [K] of handling a unit that comes back, besides the refund
    initial_satisfaction: Array = struct.leaf(low=0.0, high=1.0)  # [R]
    satisfaction_rate: Array = struct.leaf(low=0.0, high=1.0)  # [R] weight of a period's service; 0: never moves
    satisfaction_effect: Array = struct.leaf(low=0.0, high=1.0)  # [R] part of demand that dissatisfaction costs
    impatience: Array = struct.leaf(low=0.0)  # [R] per period of delivery time; 0: delivery time does not count
    batch_size: Array = struct.leaf(above=0.0)  # [K] units; met by action transforms, not by the transition
    minimum_order: Array = struct.leaf(low=0.0)  # [K] units; likewise
    initial_stock: Array = struct.leaf(low=0.0)  # [F, K] units on hand at reset
    demand_scale: Array = struct.leaf(above=0.0)  # [K] units: a centre's part of typical demand, scale of observations

    def validate(self):
        low, reference, high = (np.asarray(x) for x in (self.price_low, self.reference_price, self.price_high))
        if (low > reference).any() or (reference > high).any():
            raise ValueError(
                "Ecommerce.reference_price must be within price_low and price_high, got "
                f"{low.tolist()}, {reference.tolist()}, {high.tolist()}"
            )


def make_params(sizes: dict[str, int], max_lead_time: int, max_return_delay: int, **numbers: Any) -> Params:
    """See ``Ecommerce.make_params``; ``sizes`` are F, K and R. Raises ``ValueError`` for what does not fit."""
    centres, regions = sizes["F"], sizes["R"]
    check_names("Ecommerce", Params, numbers, also=("elasticity",))

    cells = regions, sizes["K"]
    demand = numbers.pop("demand", None)
    demand = Poisson(jnp.full(cells, 5.0, jnp.float32)) if demand is None else demand
    check_demand("Ecommerce", demand, cells)
    response = _response(numbers)

    # Centres and regions spread along a line of length 1.
    distance = np.abs((np.arange(centres)[:, None] + 0.5) / centres - (np.arange(regions)[None] + 0.5) / regions)
    mean = np.asarray(demand.mean())
    scale = mean.sum(0) / centres
    reference = np.asarray(numbers.get("reference_price", 20.0))
    lead_time = np.asarray(numbers.get("lead_time", max_lead_time))
    defaults = {
        "reference_price": 20.0, "price_low": 0.5 * reference, "price_high": 2.0 * reference, "unit_cost": 8.0,
        "fixed_order_cost": 50.0, "holding_cost": 0.1, "lead_time": max_lead_time,
        "shipping_cost": 2.0 + 4.0 * distance, "delivery_time": 1.0 + 3.0 * distance, "split_cost": 1.0,
        "late_cost": 1.0, "lost_cost": 2.0, "backlog_share": 0.5, "return_share": 0.1,
        "return_delay": max_return_delay, "return_cost": 2.0, "initial_satisfaction": 1.0, "satisfaction_rate": 0.1,
        "satisfaction_effect": 0.5, "impatience": 0.1, "batch_size": 1.0, "minimum_order": 0.0,
        "initial_stock": np.ceil(scale * (np.broadcast_to(lead_time, (centres,))[:, None] + 3)),
        "demand_scale": np.maximum(scale, 0.1),
    }  # fmt: skip
    for name, axes in _SHAPES.items():
        shape = tuple(sizes[axis] for axis in axes)
        numbers[name] = broadcast(f"Ecommerce.{name}", numbers.get(name, defaults[name]), shape)
    for name, most in (("lead_time", max_lead_time), ("return_delay", max_return_delay)):
        if (numbers[name] > most).any():
            raise ValueError(f"Ecommerce.{name} must be <= max_{name} = {most}, got {numbers[name].max()}")
    params = Params(demand=demand, response=response, **numbers)
    _check_law(params)
    return params


def _response(numbers: dict[str, Any]) -> PriceResponse:
    """Takes ``response`` or ``elasticity`` out of the numbers."""
    response, elasticity = numbers.pop("response", None), numbers.pop("elasticity", None)
    if response is not None and elasticity is not None:
        raise ValueError("Ecommerce: give response or elasticity, not both")
    if response is None:
        return ConstantElasticity() if elasticity is None else ConstantElasticity(elasticity)
    response = response() if callable(response) else response  # of an instance, made when it is needed
    if not isinstance(response, PriceResponse):
        raise ValueError(f"Ecommerce.response must be a PriceResponse, got {type(response).__name__}")
    return response


def _check_law(params: Params) -> None:
    """Raises ``ValueError`` unless price and satisfaction can change the demand."""

    def quantile(params: Params) -> Array:
        demand, price = params.demand, params.reference_price
        law = demand.law(demand.init(jnp.zeros(demand.num_initial_uniforms)))
        law = params.response.law(law, price, price, jnp.ones((demand.shape[0], 1)))
        return law.quantile(jnp.zeros(demand.shape))

    try:
        jax.eval_shape(quantile, params)
    except NotImplementedError as error:
        raise ValueError(f"Ecommerce.demand must have a law per period that can be scaled: {error}") from None
