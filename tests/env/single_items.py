"""Variants of ``SingleItem``: name -> (structure, numbers)."""

from jaxinv.demand import Cyclic, Gamma, Modulated, Poisson, Weekly

WEEKLY = Modulated(Poisson(4.0), (Weekly([0.5, 1.0, 1.0, 1.0, 1.5, 2.0, 0.0]),), first_day=3, span=7)
VARIANTS = {
    "default": ({}, {}),
    "L0": (dict(lead_time=0), {}),
    "L1": (dict(lead_time=1), dict(backlog_share=0.5, fixed_order_cost=3.0, price=2.0)),
    "L2": (dict(lead_time=2), dict(backlog_share=1.0)),
    "random L1": (dict(lead_time=1, random_lead_time=True), {}),
    "random L3": (dict(lead_time=3, random_lead_time=True), dict(lead_time_probs=[0.1, 0.2, 0.3, 0.4])),
    "binomial": (dict(lead_time=2, supply_yield="binomial"), dict(yield_probability=0.7)),
    "all or nothing": (dict(lead_time=0, supply_yield="all_or_nothing"), dict(yield_probability=0.7)),
    "horizon": (dict(lead_time=1, horizon=2), dict(final_holding_cost=-2.0, final_stockout_cost=4.0)),
    "calendar": (dict(lead_time=2, calendar=True), dict(demand=WEEKLY)),
    "cyclic": (dict(lead_time=1, calendar=True), dict(demand=Cyclic((Poisson(2.0), Poisson(8.0))))),
    "smooth": (dict(lead_time=2), dict(demand=Gamma(5.0, 0.5, rounded=False))),
    "everything": (
        dict(lead_time=3, random_lead_time=True, supply_yield="binomial", horizon=5, calendar=True),
        dict(demand=WEEKLY, yield_probability=0.5, backlog_share=0.3, price=7.0, unit_cost=1.0),
    ),
}
