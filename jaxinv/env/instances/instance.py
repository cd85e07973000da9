"""What is known of a published instance."""

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Figure:
    """A value of an instance: a cost under the instance's criterion, smaller is better."""

    quantity: str  # "optimum", or a class of ``jaxinv.policies``
    value: float
    digits: int  # decimals of ``value`` that are known
    printed: int | None = None  # decimals that the source prints; None: the value is not published but recomputed
    parameters: Mapping[str, float] = dataclasses.field(default_factory=dict)  # of the policy; none: its best ones
    note: str = ""  # why what is computed differs from what is printed


@dataclasses.dataclass(frozen=True)
class Instance:
    """An environment with the numbers of a publication, and what was found of it."""

    env: str  # as registered
    name: str  # family/instance
    settings: Mapping[str, Any]  # as ``registry.build`` takes them
    source: str
    figures: tuple[Figure, ...] = ()
    criterion: str = "average"  # "average" cost per period, "discounted" cost from the initial state, ...

    @property
    def family(self) -> str:
        return self.name.split("/")[0]

    @property
    def optimum(self) -> float | None:
        """The optimal cost, where it is known."""
        return next((figure.value for figure in self.figures if figure.quantity == "optimum"), None)

    @property
    def best_heuristic(self) -> Figure | None:
        """The cheapest heuristic that is published, where one is."""
        heuristics = [figure for figure in self.figures if figure.quantity != "optimum"]
        return min(heuristics, key=lambda figure: figure.value, default=None)
