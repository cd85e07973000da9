"""The four scenarios of gym-invmgmt whose demand is stationary: profit with perfect information and of two heuristics,
which their authors print as means of ten seeds. ``tests/parity`` holds the transitions themselves to that package's."""

import pytest

from experiments.published import Problem
from jaxinv.env import instances

SCENARIOS = [instance for instance in instances("SupplyNetwork-v0") if instance.figures]


@pytest.mark.slow
@pytest.mark.parametrize("instance", SCENARIOS, ids=lambda i: i.name)
def test_profits_of_ten_seeds(instance):
    """Within three standard errors, which are mostly the print's."""
    rows = {row.quantity.partition("(")[0]: row for row in Problem(instance, 0.0, 40).rows()}
    assert set(rows) == {"lower bound", "NetworkBaseStock", "NetworkReorderPoint"}
    for row in rows.values():
        assert row.agrees, row
        assert row.error < 0.015 * abs(row.computed)
    bound = rows.pop("lower bound").computed
    assert all(row.computed > bound + 50.0 for row in rows.values())


def test_all_with_printed_results_are_there():
    assert {instance.name.split("/")[1] for instance in SCENARIOS} == {
        "network-backlog", "network-lost", "serial-backlog", "serial-lost",
    }  # fmt: skip
