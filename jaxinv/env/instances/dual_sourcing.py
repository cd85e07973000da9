"""Published instances of ``DualSourcing-v0``."""

from jaxinv.env.instances.instance import Figure, Instance

# Optimal cost, recomputed; then for each heuristic its best parameters, its cost, recomputed, and the published
# percentage above the optimum. 200 of each cost is the purchase that no policy avoids.
_PARAMETERS = {
    "CappedDualIndex": ("expedited_level", "regular_level", "cap"),
    "DualIndex": ("expedited_level", "regular_level"),
    "SingleIndex": ("expedited_level", "regular_level"),
    "TailoredBaseSurge": ("expedited_level", "quantity"),
}
_FIGURES = {
    (2, 105): (
        216.76980, ((4, 7, 2), 216.7824, 0.00), ((4, 7), 217.0221, 0.11), ((5, 6), 218.0000, 0.56),
        ((4, 1), 216.9030, 0.06), 0.52,
    ),
    (2, 110): (
        219.73333, ((4, 8, 2), 219.7994, 0.03), ((4, 8), 220.1253, 0.18), ((6, 8), 222.0000, 1.03),
        ((4, 1), 221.9030, 0.99), 0.80,
    ),
    (3, 105): (
        216.87672, ((4, 9, 1), 216.8783, 0.00), ((4, 8), 217.4582, 0.27), ((6, 7), 219.0000, 0.98),
        ((4, 1), 216.9030, 0.01), 0.82,
    ),
    (3, 110): (
        220.34105, ((4, 10, 2), 220.4657, 0.06), ((4, 9), 221.1353, 0.36), ((8, 10), 225.0000, 2.11),
        ((4, 1), 221.9030, 0.71), 0.51,
    ),
    (4, 105): (
        216.89305, ((4, 11, 1), 216.8931, 0.00), ((4, 8), 217.6744, 0.36), ((7, 8), 220.0000, 1.43),
        ((4, 1), 216.9030, 0.00), None,
    ),
    (4, 110): (
        220.61223, ((4, 11, 2), 220.8638, 0.11), ((4, 11), 221.6851, 0.49), ((7, 8), 226.0000, 2.44),
        ((4, 1), 221.9030, 0.58), None,
    ),
}  # fmt: skip
_SOURCE = "Gijsbrechts, Boute, Van Mieghem, Zhang 2022, MSOM 24(3), figure 9"


def _instance(lead_time: int, expedited_cost: int) -> Instance:
    optimum, *heuristics, learner = _FIGURES[lead_time, expedited_cost]
    figures = [Figure("optimum", optimum, 5)]
    for (name, names), (numbers, cost, gap) in zip(_PARAMETERS.items(), heuristics, strict=True):
        figures.append(Figure(name, cost, 4, parameters=dict(zip(names, numbers, strict=True)), gap=gap))
    if learner is not None:
        figures.append(Figure("asynchronous advantage actor-critic", None, gap=learner))
    return Instance(
        env="DualSourcing-v0",
        name=f"gijsbrechts2022/lr{lead_time}-ce{expedited_cost}",
        settings={
            "demand": "uniform", "demand.low": 0, "demand.high": 4, "regular_lead_time": lead_time,
            "expedited_lead_time": 0, "regular_cost": 100, "expedited_cost": expedited_cost, "holding_cost": 5,
            "stockout_cost": 495,
        },
        source=_SOURCE,
        figures=tuple(figures),
    )  # fmt: skip


INSTANCES = tuple(_instance(*key) for key in _FIGURES)
