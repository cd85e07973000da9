"""Published instances of ``SingleItem-v0``."""

from jaxinv.env.instances.instance import Figure, Instance

_ENV = "SingleItem-v0"

# Lost sales, demand of mean 5, holding cost 1: Zipkin's tables 3 and 4. Optimal costs by lead time 1..4, known to five
# decimals by relative value iteration; they agree with the two that are printed.
_ZIPKIN = "Zipkin 2008, Operations Research 56(5), tables 3 and 4"
_OPTIMA = {
    ("poisson", 4): (4.04071, 4.39530, 4.59872, 4.72853),
    ("poisson", 19): (6.67574, 7.66442, 8.36251, 8.88718),
    ("geometric", 4): (9.81749, 10.24021, 10.46671, 10.60650),
    ("geometric", 39): (23.86569, 26.21377, 27.96354, 29.35593),
}
# Costs of heuristics by lead time 1..4, four decimals by exact evaluation of the Markov chain, two of them printed;
# capped base-stock is not in the paper.
_HEURISTICS = {
    ("poisson", 4): {
        "Myopic1": (4.1113, 4.5581, 4.8435, 5.0628),
        "Myopic2": (4.0407, 4.4059, 4.6375, 4.8183),
        "BaseStock": ((4.1628, 12), (4.6386, 16), (4.9750, 20), (5.1978, 25)),
        "StandardBaseStock": ((4.3895, 13), (4.9434, 18), (5.7714, 24), (6.1363, 29)),
        "VectorBaseStock": (4.3055, 4.8041, 5.5140, 5.8341),
        "CappedBaseStock": ((4.0654, 12, 6), (4.4057, 17, 5), (4.6308, 21, 5), (4.7978, 26, 5)),
    },
    ("poisson", 19): {
        "Myopic1": (6.6881, 7.7732, 8.5632, 9.1810),
        "Myopic2": (6.6757, 7.6689, 8.3966, 8.9611),
        "BaseStock": ((6.7278, 15), (7.8422, 21), (8.6045, 26), (9.2319, 31)),
        "StandardBaseStock": ((6.7278, 15), (8.1473, 22), (9.1862, 28), (9.6703, 33)),
        "VectorBaseStock": (6.7068, 8.0802, 9.0941, 9.5687),
        "CappedBaseStock": ((6.6877, 15, 8), (7.7209, 21, 7), (8.4010, 26, 6), (8.9544, 31, 6)),
    },
}
# Two decimals as printed, base-stock at its best level, which is not printed.
_PRINTED = {
    ("geometric", 4): {
        "BaseStock": (10.04, 10.70, 11.13, 11.44),
        "Myopic1": (9.95, 10.57, 10.99, 11.31),
        "Myopic2": (9.83, 10.29, 10.59, 10.79),
    },
    ("geometric", 9): {
        "BaseStock": (14.73, 15.99, 16.87, 17.54),
        "Myopic1": (14.64, 15.93, 16.86, 17.61),
        "Myopic2": (14.51, 15.57, 16.32, 16.89),
    },
    ("geometric", 19): {
        "BaseStock": (19.40, 21.31, 22.73, 23.85),
        "Myopic1": (19.37, 21.30, 22.79, 24.02),
        "Myopic2": (19.22, 20.95, 22.24, 23.28),
    },
    ("geometric", 39): {
        "BaseStock": (24.00, 26.55, 28.51, 30.12),
        "Myopic1": (23.97, 26.55, 28.61, 30.31),
        "Myopic2": (23.87, 26.26, 28.10, 29.63),
    },
}
_CONSTANT = {("poisson", 4): (5.27, 4), ("poisson", 9): (10.27, 4), ("geometric", 4): (11.00, 3)}
# Printed values that are not the exact ones rounded.
_NOTES = {
    ("geometric", 19, 2, "Myopic1"): "exact to 0.03 %, not a rounding of the exact cost",
    ("geometric", 39, 1, "BaseStock"): "exact to 0.03 %, and below the exact cost of every level",
    ("geometric", 39, 4, "BaseStock"): "exact to 0.04 %; between the exact costs of levels 45 and 46",
}
_PARAMETERS = {
    "BaseStock": ("level",), "StandardBaseStock": ("level",), "CappedBaseStock": ("level", "cap"),
}  # fmt: skip


def _zipkin(law: str, penalty: int, lead_time: int) -> Instance:
    column = lead_time - 1
    figures = []
    if (law, penalty) in _OPTIMA:
        figures.append(Figure("optimum", _OPTIMA[law, penalty][column], 5, printed=2))
    for quantity, values in _HEURISTICS.get((law, penalty), {}).items():
        value, *numbers = values[column] if isinstance(values[column], tuple) else (values[column],)
        parameters = dict(zip(_PARAMETERS.get(quantity, ()), numbers, strict=True))
        printed = None if quantity == "CappedBaseStock" else 2
        figures.append(Figure(quantity.removeprefix("Standard"), value, 4, printed, parameters))
    for quantity, values in _PRINTED.get((law, penalty), {}).items():
        note = _NOTES.get((law, penalty, lead_time, quantity), "")
        figures.append(Figure(quantity, values[column], 2, printed=2, note=note))
    if (law, penalty) in _CONSTANT:
        value, quantity = _CONSTANT[law, penalty]
        figures.append(Figure("ConstantOrder", value, 2, 2, {"quantity": quantity}))
    return Instance(
        env=_ENV,
        name=f"zipkin2008/{law}-p{penalty}-L{lead_time}",
        settings={
            "demand": law, "demand.mean": 5, "lead_time": lead_time, "stockout_cost": penalty, "holding_cost": 1,
            "discount": 0.995,
        },
        source=_ZIPKIN,
        figures=tuple(figures),
    )  # fmt: skip


# Long lead times: average costs of the authors' logs, best base-stock and deep controlled learning with 20,000 samples.
_DCL = "Temizoz, Imdahl, Dijkman, Lamghari-Idrissi, van Jaarsveld 2025, EJOR 324(1), authors' logs"
_LONG = {6: (10.184, 9.648), 8: (10.905, 10.175), 10: (11.475, 10.574)}


def _long_lead_time(lead_time: int, base_stock: float, learned: float) -> Instance:
    settings = {
        "demand": "poisson", "demand.mean": 5, "lead_time": lead_time, "stockout_cost": 19, "holding_cost": 1,
    }  # fmt: skip
    figures = Figure("BaseStock", base_stock, 3, 3), Figure("deep controlled learning", learned, 3, 3)
    return Instance(_ENV, f"temizoz2025/poisson-p19-L{lead_time}", settings, _DCL, figures)


_BIJVANK = Instance(
    env=_ENV,
    name="bijvank2015/K5",
    settings={
        "demand": "poisson", "demand.mean": 5, "lead_time": 2, "stockout_cost": 14, "holding_cost": 1,
        "fixed_order_cost": 5,
    },
    source="Bijvank, Bhulai and Huh 2015, EJOR 247(2), table 1",
    figures=(
        Figure("optimum", 11.46305, 5, 2),
        Figure("ReorderPoint", 11.61815, 5, 2, {"reorder": 17, "up_to": 23}),
        Figure("ReorderQuantity", 11.55522, 5, 2, {"reorder": 17, "quantity": 7}),
        Figure("CappedReorderPoint", 11.49740, 5, 2, {"reorder": 17, "up_to": 23, "cap": 7}),
    ),
)  # fmt: skip


def _reorder_point(name: str, mean: float, penalty: float, fixed: float, levels: tuple, cost: float, source: str):
    """(s, S) with full backlog and no lead time."""
    reorder, up_to = levels
    digits = 4 if fixed == 64 else 6
    return Instance(
        env=_ENV,
        name=name,
        settings={
            "demand": "poisson", "demand.mean": mean, "lead_time": 0, "stockout_cost": penalty, "holding_cost": 1,
            "fixed_order_cost": fixed, "backlog_share": 1,
        },
        source=source,
        figures=(
            Figure("optimum", cost, digits, digits),
            Figure("ReorderPoint", cost, digits, digits, {"reorder": reorder, "up_to": up_to}),
        ),
    )  # fmt: skip


_ZHENG = "Zheng and Federgruen 1991, Operations Research 39(4), test bed with h 1, p 9, K 64"
_SNYDER = "Snyder and Shen 2019, Fundamentals of Supply Chain Theory, 2nd ed."

_NEWSVENDOR = Instance(
    env=_ENV,
    name="snyder2019/newsvendor",
    settings={
        "demand": "poisson", "demand.mean": 6, "lead_time": 0, "stockout_cost": 4, "holding_cost": 1,
        "backlog_share": 1,
    },
    source=_SNYDER,
    figures=(Figure("optimum", 3.570107, 6, 6), Figure("BaseStock", 3.570107, 6, 6, {"level": 8})),
)  # fmt: skip

# No publication: the plain problem of a shop that pays 10 for a unit and 0.5 a period for keeping it.
_RETAILER = Instance(
    env=_ENV,
    name="retailer/plain",
    settings={
        "demand": "poisson", "demand.mean": 5, "lead_time": 1, "price": 20, "unit_cost": 10, "holding_cost": 0.5,
        "stockout_cost": 0, "discount": 0.9,
    },
    source="none: unit cost 10, holding cost 0.5, discount 0.9, sold at twice its cost",
    criterion="discounted",
)  # fmt: skip

INSTANCES = (
    *(_zipkin(law, p, lead) for law in ("poisson", "geometric") for p in (4, 9, 19, 39) for lead in (1, 2, 3, 4)),
    *(_long_lead_time(lead_time, *costs) for lead_time, costs in _LONG.items()),
    _BIJVANK,
    *(
        _reorder_point(f"zheng1991/mean{mean}", mean, 9, 64, levels, cost, _ZHENG)
        for mean, levels, cost in (
            (10, (6, 40), 35.0216), (20, (14, 62), 49.1730), (40, (33, 87), 64.5118), (64, (55, 74), 78.4023),
        )
    ),
    _reorder_point("snyder2019/reorder-point", 6, 4, 5, (4, 10), 8.034112, _SNYDER),
    _NEWSVENDOR,
    _RETAILER,
)  # fmt: skip
