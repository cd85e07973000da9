"""Published instances of ``Perishable-v0`` and ``PerishablePair-v0``."""

import numpy as np

from jaxinv.demand import Cyclic, Demand, Empirical, NegativeBinomial
from jaxinv.demand.two_moment import adan_fit
from jaxinv.env.instances.instance import Figure, Instance

# -- De Moor: 365 discounted periods after 100 from an empty shop, means of 10,000 simulations. By shelf life, then
# lead time, waste cost and issuing: optimal cost, best base-stock level and its cost. Two decimals are recomputed.
_DE_MOOR = {
    (2, 1, 7, "lifo"): ((1553, 1552.99), (5, 1565, 1565.27)),
    (2, 1, 7, "fifo"): ((1457, 1457.28), (7, 1474, 1474.55)),
    (2, 1, 10, "lifo"): ((1571, 1570.86), (5, 1581, 1580.90)),
    (2, 1, 10, "fifo"): ((1463, 1463.51), (6, 1485, 1484.78)),
    (2, 2, 7, "lifo"): ((1551, 1551.42), (7, 1590, 1589.98)),
    (2, 2, 7, "fifo"): ((1461, 1461.30), (9, 1495, 1495.21)),
    (2, 2, 10, "lifo"): ((1569, 1569.20), (7, 1606, 1605.95)),
    (2, 2, 10, "fifo"): ((1469, 1469.01), (9, 1504, 1504.54)),
    (3, 1, 7, "lifo"): ((1490, 1489.97), (6, 1500, 1500.76)),
    (3, 1, 7, "fifo"): ((1424, 1424.39), (8, 1435, 1434.95)),
    (3, 1, 10, "lifo"): ((1498, 1498.73), (6, 1512, 1512.45)),
    (3, 1, 10, "fifo"): ((1425, 1425.10), (8, 1436, 1436.73)),
}
_ROLLOUT_ERROR = 0.6  # of a mean of 10,000 simulations, whose standard deviation is 55 to 65


def _de_moor(shelf_life: int, lead_time: int, waste: int, issuing: str) -> Instance:
    figures = ()
    if (shelf_life, lead_time, waste, issuing) in _DE_MOOR:
        (printed, optimum), (level, printed_cost, cost) = _DE_MOOR[shelf_life, lead_time, waste, issuing]
        noise = {"printed": 0, "error": _ROLLOUT_ERROR}
        figures = (
            Figure("optimum", optimum, 2, simulated=printed, **noise),
            Figure("BaseStock", cost, 2, simulated=printed_cost, parameters={"level": level}, **noise),
        )
    experiment = 1 + 4 * (lead_time - 1) + 2 * (waste == 10) + (issuing == "fifo")
    return Instance(
        env="Perishable-v0",
        name=f"demoor2022/m{shelf_life}-exp{experiment}",
        settings={
            "demand": "gamma", "demand.mean": 4, "demand.cv": 0.5, "shelf_life": shelf_life, "lead_time": lead_time,
            "issuing": issuing, "unit_cost": 3, "holding_cost": 1, "stockout_cost": 5, "waste_cost": waste,
            "discount": 0.99,
        },
        source="De Moor, Gijsbrechts and Boute 2022, EJOR 301(2); Farrington et al. 2025, table 3",
        figures=figures,
        criterion="year",
    )  # fmt: skip


# -- Hendrix: profit per day, here a negative cost.
_HENDRIX = "Hendrix, Ortega, Haijema, Buisman and Garcia 2019, Computational and Mathematical Methods 1(4)"


def _hendrix(shelf_life: int, optimum: float, digits: int) -> Instance:
    return Instance(
        env="Perishable-v0",
        name=f"hendrix2019/m{shelf_life}",
        settings={
            "demand": "poisson", "demand.mean": 5, "shelf_life": shelf_life, "lead_time": 1, "price": 1,
            "unit_cost": 0.5, "holding_cost": 0, "stockout_cost": 0, "waste_cost": 0,
        },
        source=_HENDRIX,
        figures=(Figure("optimum", optimum, digits, printed=2),),
    )  # fmt: skip


def _hendrix_pair(mean_a: int, mean_b: int, optimum: float, note: str = "") -> Instance:
    return Instance(
        env="PerishablePair-v0",
        name=f"hendrix2019/pair-{mean_a}-{mean_b}",
        settings={
            "demand": "poisson", "demand.mean": (mean_a, mean_b), "shelf_life": 2, "price": 1, "unit_cost": 0.5,
            "substitution": 0.5,
        },
        source=f"{_HENDRIX}, by the authors' code",
        figures=(Figure("optimum", optimum, 5, printed=3, note=note),),
    )  # fmt: skip


# -- Temizoz: best base-stock level and its cost, cost of deep controlled learning, by shelf life, lead time, ratio of
# the coefficient of variation and share of customers who take the oldest. Theirs are means over 1,000 simulations of
# 5,000 periods; the last number is the standard error of such a mean of the base-stock cost, estimated from 300.
_TEMIZOZ = {
    (5, 2, 2.0, 0.0): (16, 135.078, 123.396, 0.098),
    (4, 2, 2.0, 1.0): (18, 98.114, 85.390, 0.098),
    (4, 2, 1.5, 1.0): (18, 51.401, 45.512, 0.064),
    (4, 1, 1.0, 0.5): (11, 32.200, 29.828, 0.037),
    (3, 2, 2.0, 0.5): (14, 165.592, 146.094, 0.126),
    (5, 2, 1.5, 0.5): (17, 64.929, 59.892, 0.069),
}


def _temizoz(shelf_life: int, lead_time: int, ratio: float, share: float) -> Instance:
    level, cost, learned, error = _TEMIZOZ[shelf_life, lead_time, ratio, share]

    def demand() -> Demand:  # two streams that share a mean of 4 and a variance of 4 ratio^2
        shares = np.array([share, 1.0 - share])
        return adan_fit(4.0 * shares, 4.0 * ratio**2 * shares)

    return Instance(
        env="Perishable-v0",
        name=f"temizoz2025/m{shelf_life}-L{lead_time}-cv{ratio:g}-f{share:g}",
        settings={
            "demand": demand, "shelf_life": shelf_life, "lead_time": lead_time, "issuing": "mixed", "unit_cost": 0,
            "holding_cost": 0, "stockout_cost": 100, "waste_cost": 100,
        },
        source="Temizoz et al. 2025, EJOR 324(1), authors' logs",
        figures=(
            Figure("BaseStock", cost, 3, printed=3, parameters={"level": level}, error=error),
            Figure("deep controlled learning", learned, 3, printed=3, error=error),
        ),
    )  # fmt: skip


# -- Mirjalili: platelets of a blood bank. Demand of Monday to Sunday: dispersion n and mean of a negative binomial, cut
# at 20 units. Wasted units are held too. What is published is the order of a Monday for every stock (figure 6.1).
_WEEK = (
    (3.497361, 5.660569),
    (10.985837, 6.922555),
    (7.183407, 6.504332),
    (11.064622, 6.165049),
    (5.930222, 5.816060),
    (5.473242, 3.326408),
    (2.193797, 3.426814),
)


def _platelets(life: str, fixed_order_cost: float) -> Instance:
    def day(dispersion: float, mean: float) -> Empirical:
        whole = NegativeBinomial(mean, 1.0 / dispersion)  # type: ignore[arg-type]
        units, probabilities = (np.asarray(x, np.float64) for x in whole.support())
        return Empirical(units[:21], [*probabilities[:20], probabilities[20:].sum()])  # type: ignore[arg-type]

    logits = {"random_shelf_life": True, "life_logits": [1.0, 0.5], "life_logits_per_unit": [0.4, 0.8]}
    return Instance(
        env="Perishable-v0",
        name=f"mirjalili2022/{life}-life-K{fixed_order_cost:g}",
        settings={
            "demand": lambda: Cyclic(tuple(day(*numbers) for numbers in _WEEK)), "shelf_life": 3, "lead_time": 0,
            "unit_cost": 0, "fixed_order_cost": fixed_order_cost, "stockout_cost": 20,
            "waste_cost": 6, "holding_cost": 1, "discount": 0.95,
            **(logits if life == "random" else {}),
        },
        source="Mirjalili 2022, PhD thesis, University of Toronto, figure 6.1",
        criterion="discounted",
    )  # fmt: skip


INSTANCES = (
    *(
        _de_moor(shelf_life, lead_time, waste, issuing)
        for shelf_life in (2, 3, 4, 5)
        for lead_time in (1, 2)
        for waste in (7, 10)
        for issuing in ("lifo", "fifo")
    ),
    _hendrix(2, -2.21515, 5),
    _hendrix(3, -2.39851, 5),
    _hendrix(4, -2.47, 2),
    _hendrix_pair(5, 5, -4.50320),
    _hendrix_pair(7, 3, -4.52257),
    *(_temizoz(*key) for key in _TEMIZOZ),
    *(_platelets(life, cost) for life in ("certain", "random") for cost in (0.0, 10.0)),
)
