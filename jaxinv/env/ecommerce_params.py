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
from jaxinv.env.given import Given, array, at_most, check_law


@struct.dataclass(kw_only=True)
class Params(core.EnvParams):
    """Numbers of the problem, F centres by K SKUs by R regions. Money per unit unless said otherwise. The cost of a
    lane that does not exist is ``dynamics.UNLIMITED``."""

    demand: Demand  # a process of shape [R, K]: at the reference price, of satisfied customers
    response: PriceResponse  # of demand to price
    reference_price: Array = struct.leaf(20.0, shape="K", above=0.0)  # money per unit, at which demand is known
    price_low: Array = struct.leaf(shape="K", above=0.0)  # least price, money per unit, kept by the action space
    price_high: Array = struct.leaf(shape="K", above=0.0)  # dearest price, likewise
    unit_cost: Array = struct.leaf(8.0, shape="FK", low=0.0)  # per unit ordered
    fixed_order_cost: Array = struct.leaf(50.0, shape="F", low=0.0)  # money per delivery ordered, whatever is on it
    holding_cost: Array = struct.leaf(0.1, shape="FK", low=0.0)  # per period, on stock at the end of the period
    lead_time: Array = struct.leaf(shape="F", dtype=jnp.int32, low=0)  # periods, 0..L
    shipping_cost: Array = struct.leaf(shape="FR", low=0.0)  # per unit from centre to region
    delivery_time: Array = struct.leaf(shape="FR", low=0.0)  # periods that customers wait for what is shipped
    split_cost: Array = struct.leaf(1.0, shape="R", low=0.0)  # per unit from another than the main centre of the period
    late_cost: Array = struct.leaf(1.0, shape="RK", low=0.0)  # per period, on orders waiting at its end
    lost_cost: Array = struct.leaf(2.0, shape="RK", low=0.0)  # on orders cancelled
    backlog_share: Array = struct.leaf(0.5, shape="RK", low=0.0, high=1.0)  # part of new orders not shipped that waits
    return_share: Array = struct.leaf(0.1, shape="K", low=0.0, high=1.0)  # part of the units shipped that comes back
    return_delay: Array = struct.leaf(shape="K", dtype=jnp.int32, low=1)  # periods until then, 1..D
    return_cost: Array = struct.leaf(2.0, shape="K", low=0.0)  # of handling a unit that comes back, besides the refund
    initial_satisfaction: Array = struct.leaf(1.0, shape="R", low=0.0, high=1.0)  # at reset; 1: all are satisfied
    satisfaction_rate: Array = struct.leaf(0.1, shape="R", low=0.0, high=1.0)  # weight of a period's service; 0: fixed
    satisfaction_effect: Array = struct.leaf(0.5, shape="R", low=0.0, high=1.0)  # part of demand that hangs on it
    impatience: Array = struct.leaf(0.1, shape="R", low=0.0)  # per period of delivery time; 0: that does not count
    batch_size: Array = struct.leaf(1.0, shape="K", above=0.0)  # units; met by action transforms, not by the transition
    minimum_order: Array = struct.leaf(0.0, shape="K", low=0.0)  # units; likewise
    initial_stock: Array = struct.leaf(shape="FK", low=0.0)  # units on hand at reset
    demand_scale: Array = struct.leaf(shape="K", above=0.0)  # units: a centre's part of demand, scale of observations

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
    elasticity = numbers.pop("elasticity", None)
    given = Given("Ecommerce", Params, numbers, sizes, also=("elasticity",))
    cells = regions, sizes["K"]
    demand = given.demand(lambda: Poisson(jnp.full(cells, 5.0, jnp.float32)), cells)
    reference = given.array("reference_price")
    lead_time = given.array("lead_time", max_lead_time)
    at_most("Ecommerce.lead_time", lead_time, "max_lead_time", max_lead_time)
    return_delay = given.array("return_delay", max_return_delay)
    at_most("Ecommerce.return_delay", return_delay, "max_return_delay", max_return_delay)

    # Centres and regions spread along a line of length 1.
    distance = np.abs((np.arange(centres)[:, None] + 0.5) / centres - (np.arange(regions)[None] + 0.5) / regions)
    mean = np.asarray(demand.mean())
    scale = mean.sum(0) / centres
    response = _response(given.numbers.get("response"), elasticity, reference)
    params = given.params(
        demand=demand,
        response=response,
        reference_price=reference,
        price_low=0.5 * reference,
        price_high=2.0 * reference,
        lead_time=lead_time,
        shipping_cost=2.0 + 4.0 * distance,
        delivery_time=1.0 + 3.0 * distance,
        return_delay=return_delay,
        initial_stock=np.ceil(scale * (lead_time[:, None] + 3)),
        demand_scale=np.maximum(scale, 0.1),
    )
    check_law("Ecommerce", demand, lambda law: response.law(law, reference, reference, jnp.ones((regions, 1))))
    return params


def _response(response: Any, elasticity: Any, reference: np.ndarray) -> PriceResponse:
    """The ``response`` given, or that of an ``elasticity``: for as many SKUs as have a ``reference`` price."""
    if response is not None and elasticity is not None:
        raise ValueError("Ecommerce: give response or elasticity, not both")
    if elasticity is not None:
        array("Ecommerce.elasticity", elasticity, reference.shape, {"low": 0.0})
        return ConstantElasticity(elasticity)
    response = response() if callable(response) else response  # of an instance, made when it is needed
    if response is None:
        return ConstantElasticity()
    if not isinstance(response, PriceResponse):
        raise ValueError(f"Ecommerce.response must be a PriceResponse, got {type(response).__name__}")
    try:
        fits = jax.eval_shape(response.factor, reference, reference).shape == reference.shape
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise ValueError(f"Ecommerce.response must hold {len(reference)} numbers, one per SKU, or one for all")
    return response
