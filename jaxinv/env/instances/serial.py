"""Published instances of ``Serial-v0`` and of ``BeerGame-v0``. Stages are listed from the customers on.

Optimal costs are those of the recursion of Clark and Scarf, recomputed; sources whose figures differ in the last digits
put demand on coarser lattices.
"""

from jaxinv.demand import Trace
from jaxinv.env.instances.instance import Figure, Instance

# -- textbook examples ------------------------------------------------------------------------------------------------
_BOOK = "Snyder and Shen 2019, Fundamentals of Supply Chain Theory, 2nd ed., example 6.1"
_PACKAGE = "Snyder 2023, Stockpyl, INFORMS TutORials in Operations Research"

_EXAMPLES = (
    Instance(
        env="Serial-v0",
        name="snyder2019/example-6.1",
        settings={
            "demand": "normal", "demand.mean": 5, "demand.std": 1, "demand.rounded": False, "lead_times": (1, 1, 2),
            "echelon_holding_cost": (3, 2, 2), "stockout_cost": 37.12,
        },
        source=_BOOK,
        figures=(
            Figure("optimum", 47.6602, 4, printed=2, simulated=47.65, note="stockpyl has 47.67 on a coarser lattice"),
            Figure("SerialBaseStock", 47.6602, 4, parameters={"level": (6.49, 12.02, 22.705)}),
            Figure(
                "SerialBaseStock", 47.6663, 4, parameters={"level": (6.4909, 12.0274, 22.634)},
                note="levels of newsvendors",
            ),
        ),
    ),
    Instance(
        env="Serial-v0",
        name="snyder2023/poisson-one-stage",
        settings={
            "demand": "poisson", "demand.mean": 5, "lead_times": (1,), "holding_cost": 1, "stockout_cost": 9,
        },
        source=_PACKAGE,
        figures=(
            Figure(
                "optimum", 4.221093, 6, printed=6, simulated=4.220849, note="the source cuts the tail of demand"
            ),
            Figure("SerialBaseStock", 4.221093, 6, parameters={"level": 8}),
        ),
    ),
    Instance(
        env="Serial-v0",
        name="snyder2023/poisson-two-stages",
        settings={
            "demand": "poisson", "demand.mean": 5, "lead_times": (1, 1), "echelon_holding_cost": (2, 1),
            "stockout_cost": 10,
        },
        source=_PACKAGE,
        figures=(
            Figure(
                "optimum", 16.798349, 6, printed=6, simulated=16.797779, note="the source cuts the tail of demand"
            ),
            Figure("SerialBaseStock", 16.798349, 6, parameters={"level": (7, 13)}),
        ),
    ),
    Instance(
        env="Serial-v0",
        name="snyder2023/five-stages-normal",
        settings={
            "demand": "normal", "demand.mean": 32, "demand.std": 32**0.5, "demand.rounded": False,
            "lead_times": (1, 1, 1, 1, 1), "holding_cost": (3.5, 2.5, 1.5, 1, 0.5), "stockout_cost": 12,
        },
        source=_PACKAGE,
        figures=(
            Figure(
                "optimum", 225.8047, 4, printed=4, simulated=225.8672,
                note="the source puts demand on a coarser lattice",
            ),
        ),
    ),
    Instance(
        env="Serial-v0",
        name="snyder2023/five-stages-poisson",
        settings={
            "demand": "poisson", "demand.mean": 32, "lead_times": (1, 1, 1, 1, 1),
            "holding_cost": (3.5, 2.5, 1.5, 1, 0.5), "stockout_cost": 12,
        },
        source=_PACKAGE,
        figures=(Figure("optimum", 226.84578, 5, printed=4),),
    ),
)  # fmt: skip


# -- the serial system of differentiable policy optimisation ----------------------------------------------------------
# Optimal cost by lead time 1..4 of the store and stock-out cost; the source prints gaps only. Its store is supplied
# before the demand of a period, so its lead time covers a period more; stock is held where it is sent from, and neither
# in transit nor in the period of its arrival.
_ALVO = {
    1: (6.8986, 8.3669, 9.6080, 10.7009),
    2: (7.5984, 9.2610, 10.6703, 11.9129),
    3: (8.2059, 10.0366, 11.5919, 12.9648),
    4: (8.7525, 10.7339, 12.4201, 13.9099),
}


def _alvo(lead_time: int, stockout_cost: int, optimum: float) -> Instance:
    return Instance(
        env="Serial-v0",
        name=f"alvo2023/serial-L{lead_time}-p{stockout_cost}",
        settings={
            "demand": "normal", "demand.mean": 5, "demand.std": 2, "demand.rounded": False,
            "lead_times": (lead_time + 1, 3, 4, 2), "hold_arrivals": False, "holding_cost": (1, 0.5, 0.2, 0.1),
            "transit_cost": 0, "stockout_cost": stockout_cost,
        },
        source="Alvo, Russo and Kanoria 2023, arXiv:2306.11246, serial system",
        figures=(Figure("optimum", optimum, 4),),
    )  # fmt: skip


# -- the beer game ----------------------------------------------------------------------------------------------------
def _step() -> Trace:
    """Customers want 4 in each of the first four weeks and 8 ever after."""
    weeks = [4.0, 4.0, 4.0, 4.0, 8.0]
    return Trace(quantity=weeks, expected=weeks)  # type: ignore[arg-type]


# Levels are published, costs are not, nor how play begins: with the environment's defaults here.
_DNN = "Oroojlooyjadid, Nazari, Snyder and Takac 2022, Manufacturing and Service Operations Management 24(1)"
_BEER_GAMES = (
    Instance(
        env="BeerGame-v0",
        name="sterman1989/board",
        settings={
            "demand": _step, "holding_cost": 0.5, "backlog_cost": 1, "smoothing": 0, "initial_inventory": 12,
            "initial_flow": 4, "max_steps_in_episode": 36,
        },
        source="Sterman 1989, Management Science 35(3)",
        # The board run: up to the fourth week all order 4. Then by the rule with the best levels.
        figures=(
            Figure("AnchorAndAdjust", 204.0, 1, printed=0, parameters={"level": (28, 28, 28, 20), "opening": 5}),
            Figure("BaseStock", 186.0, 1, parameters={"level": (32, 32, 32, 24)}, note="free from the first week on"),
        ),
        criterion="episode",
    ),
    Instance(
        env="BeerGame-v0",
        name="oroojlooyjadid2022/uniform-0-8",
        settings={"demand": "uniform", "demand.low": 0, "demand.high": 8, "holding_cost": 0.5, "backlog_cost": 1},
        source=_DNN,
        figures=(Figure("BaseStock", None, parameters={"level": (19, 20, 20, 14)}),),
    ),
    Instance(
        env="BeerGame-v0",
        name="oroojlooyjadid2022/normal-10-2",
        settings={
            "demand": "normal", "demand.mean": 10, "demand.std": 2, "holding_cost": (1, 0.75, 0.5, 0.25),
            "backlog_cost": (10, 0, 0, 0),
        },
        source=_DNN,
        figures=(Figure("BaseStock", None, parameters={"level": (48, 43, 41, 30)}),),
    ),
    Instance(
        env="BeerGame-v0",
        name="oroojlooyjadid2022/uniform-0-2",
        settings={
            "demand": "uniform", "demand.low": 0, "demand.high": 2, "order_delays": (2, 2, 2, 2), "holding_cost": 2,
            "backlog_cost": (2, 0, 0, 0),
        },
        source=_DNN,
        figures=(Figure("BaseStock", None, parameters={"level": (8, 8, 0, 0)}),),
    ),
)  # fmt: skip

INSTANCES = (
    *_EXAMPLES,
    *(
        _alvo(lead_time, p, cost)
        for lead_time, costs in _ALVO.items()
        for p, cost in zip((4, 9, 19, 39), costs, strict=True)
    ),
    *_BEER_GAMES,
)
