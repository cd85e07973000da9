"""What is known of a published instance."""

import dataclasses
from collections.abc import Mapping
from typing import Any

# Quantities that no policy stands for.
_NO_POLICY = ("optimum", "lower bound")

# What a cost is: per period in the long run; discounted, from the initial state; over the environment's finite horizon;
# of 365 periods, discounted, after 100 from the initial state on; or of an episode, not discounted.
CRITERIA = ("average", "discounted", "finite", "year", "episode")


@dataclasses.dataclass(frozen=True)
class Figure:
    """A value of an instance: a cost under the instance's criterion, smaller is better."""

    quantity: str  # "optimum", "lower bound", or a class of ``jaxinv.policies``
    value: float | None  # None where only ``gap`` is published
    digits: int = 0  # decimals of ``value`` that are known
    printed: int | None = None  # decimals that the source prints; None: the value is not published but recomputed
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # of the policy; none: its best ones
    simulated: float | None = None  # the printed value, where it was simulated and is not ``value`` rounded
    error: float = 0.0  # standard error of the printed value, where it was simulated
    gap: float | None = None  # published percentage above the optimum, to two decimals
    note: str = ""  # why what is computed differs from what is printed

    @property
    def published(self) -> float | None:
        """The value as printed, if it is."""
        if self.printed is None or self.value is None:
            return None
        return round(self.value, self.printed) if self.simulated is None else self.simulated


@dataclasses.dataclass(frozen=True)
class Instance:
    """An environment with the numbers of a publication, and what was found of it."""

    env: str  # as registered
    name: str  # family/instance
    settings: Mapping[str, Any]  # as ``registry.build`` takes them
    source: str
    figures: tuple[Figure, ...] = ()
    criterion: str = "average"  # one of CRITERIA

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
        heuristics = [f for f in self.figures if f.quantity not in _NO_POLICY and f.value is not None]
        return min(heuristics, key=lambda figure: figure.value or 0.0, default=None)
