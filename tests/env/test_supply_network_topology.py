"""Topologies: what is said of those that do not fit, and that they compare by value."""

import numpy as np
import pytest

from jaxinv.env.supply_network import SupplyNetwork
from jaxinv.env.supply_network_topology import Arc, Topology, assembly, diamond, divergent, serial


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: serial([]), r"serial: lead_times must be whole numbers >= 0, one per node, got \[\]"),
        (lambda: divergent(1, []), "divergent: retailer_lead_times must be whole numbers >= 0"),
        (lambda: assembly(1, [1.5]), "assembly: component_lead_times must be whole numbers >= 0"),
        (lambda: diamond([1, 2], [1]), "lead_times and factory_lead_times must be as many, got 2 and 1"),
        (lambda: Arc("a", "b", True), "lead time of a->b must be a whole number >= 0, got True"),
        (lambda: Topology(("a",), ("s",), (("s", "a", 1),), (("a", "m"),)), r"arcs must be Arcs, got \('s', 'a', 1\)"),
        (lambda: Topology(("a",), ("s",), (Arc("s", "a"),), ("a->m",)), "markets must be pairs, got 'a->m'"),
        (lambda: Topology((1,), ("s",), (Arc("s", "a"),), (("a", "m"),)), "nodes must be strings, got 1"),
        (lambda: Topology("a", ("s",), (Arc("s", "a"),), (("a", "m"),)), "Topology.nodes must be a tuple, got 'a'"),
    ],
)
def test_topologies_that_do_not_fit_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_a_topology_of_lists_is_one_of_tuples():
    listed = Topology(["a"], ["s"], [Arc("s", "a", np.int64(1))], [["a", "m"]])  # type: ignore[arg-type]
    assert listed == Topology(("a",), ("s",), (Arc("s", "a", 1),), (("a", "m"),))
    assert hash(SupplyNetwork(listed)) == hash(SupplyNetwork(listed))
