"""Networks from files: what a description means, and what is said of one that does not fit."""

import json
from pathlib import Path

import jax
import pytest

from jaxinv.env import build
from jaxinv.env.supply_network import SupplyNetwork
from jaxinv.env.supply_network_topology import Arc, Topology

EXAMPLE = Path(__file__).parents[2] / "experiments" / "network.yaml"


def test_a_file_describes_a_network(tmp_path):
    env, params = SupplyNetwork.from_file(EXAMPLE)
    assert env.topology.sources == ("frame builder", "wheel builder")
    assert env.topology.stock_names == ("factory:frame", "factory:wheel", "warehouse", "north shop", "south shop")
    assert env.horizon == 52
    assert params.components[:, 0].tolist() == [1, 2, 1, 1, 1]
    assert params.unit_cost[:, 0].tolist() == [90, 15, 180, 220, 220]
    assert params.capacity[:, 0].tolist() == [50, 1e9, 1e9, 1e9, 60, 1e9]
    assert params.demand.mean()[:, 0].tolist() == [12, 18]
    observation, _ = env.reset(jax.random.key(0), params)
    assert env.observation_space(params).contains(observation)

    chain = {
        "nodes": [{"name": 1, "kind": "retailer", "holding_cost": [1, "2e0"]}, {"name": "mill", "kind": "factory"}],
        "arcs": [{"from": "mill", "to": 1, "lead_time": 2, "unit_cost": 3}],
        "markets": [{"name": "m", "from": 1, "demand": {"kind": "normal", "mean": [5, 6], "std": 1, "rounded": True}}],
        "num_skus": 2,
    }  # fmt: skip
    (tmp_path / "chain.json").write_text(json.dumps(chain))
    env, params = SupplyNetwork.from_file(tmp_path / "chain.json")
    assert env.topology == Topology(("1", "mill"), (), (Arc("mill", "1", 2),), (("1", "m"),), ("mill",))
    assert params.holding_cost.tolist() == [[1, 2]]
    assert params.demand.shape == (1, 2)
    assert jax.tree.structure(build("SupplyNetwork-v0", chain)[1]) == jax.tree.structure(params)


def described(**changes):
    """A small description with one thing changed: ``nodes__1__kind="source"``."""
    description = {
        "nodes": [
            {"name": "ore", "kind": "source"},
            {"name": "mill", "kind": "factory", "capacity": 9},
            {"name": "shop", "kind": "retailer", "holding_cost": 1},
        ],
        "arcs": [{"from": "ore", "to": "mill", "lead_time": 1}, {"from": "mill", "to": "shop", "lead_time": 2}],
        "markets": [{"name": "town", "from": "shop", "demand": {"kind": "poisson", "mean": 4}}],
    }
    for path, value in changes.items():
        *parents, last = [int(part) if part.isdigit() else part for part in path.split("__")]
        target = description
        for part in parents:
            target = target[part]
        if isinstance(target, list) and last == len(target):
            target.append(value)
        else:
            target[last] = value
    return description


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nodes": None}, "nodes must be a list of mappings, got None"),
        ({"nodes__1__kind": "warehouse"}, "kind of node 'mill' must be one of source, factory, .*, got 'warehouse'"),
        ({"nodes__3": {"name": "ore", "kind": "source"}}, "there are two nodes 'ore'"),
        ({"nodes__2__capacity": 3}, "retailer 'shop' has no 'capacity'; it may have holding_cost, initial_stock"),
        ({"nodes__1__capacity": "much"}, "capacity of factory 'mill' must be a number, got 'much'"),
        ({"nodes__1__capacity": -2}, "capacity of factory 'mill' must be >= 0.0, got -2.0"),
        ({"nodes__1__capacity": None}, "capacity of factory 'mill' must be a number, got None"),
        ({"nodes__1__yield_rate": 0}, "yield_rate of factory 'mill' must be > 0.0, got 0.0"),
        ({"nodes__1__components": {"wheel": 2}}, "components names 'mill:wheel'; there are mill, shop"),
        ({"arcs__0__from": "sea"}, "sea->mill names 'sea', which is no node; there are mill, shop, ore"),
        ({"arcs__1__lead_time": -1}, "lead time of mill->shop must be a whole number >= 0, got -1"),
        ({"arcs__1__unit_price": 1}, "arc mill->shop has no 'unit_price'; it may have unit_cost"),
        ({"arcs__2": {"from": "shop", "to": "mill", "lead_time": 1}}, "there is a cycle among mill, shop"),
        ({"arcs__2": {"from": "mill", "to": "shop", "lead_time": 1}}, "there are two arcs mill->shop"),
        ({"arcs__2": {"from": "mill", "to": "ore", "lead_time": 1}}, "mill->ore supplies a source"),
        ({"arcs__2": {"from": "ore", "to": "shop"}}, "arc ore->shop needs a lead_time"),
        (
            {"arcs__2": {"from": "ore", "to": "mill", "lead_time": 1, "component": "x"}},
            r"all arcs into 'mill' must name a component, or none; got \['', 'x'\]",
        ),
        ({"arcs__1__from": "ore"}, "node 'mill' supplies nobody"),
        ({"nodes__3": {"name": "depot", "kind": "distributor"}}, "node 'depot' has no supplier"),
        ({"markets": []}, "Topology.markets must not be empty"),
        ({"markets__0__from": "ore"}, "market 'town' must be served by a node of the network, not by 'ore'"),
        ({"markets__0__from": "kiosk"}, "market 'town' names 'kiosk', which is no node"),
        ({"markets__0__demand": 4}, "demand of market 'town' needs a kind of poisson, .*; got 4"),
        ({"markets__0__demand__mean": "some"}, "demand.mean of market 'town' must be a number, got 'some'"),
        ({"markets__0__demand__mean": [1, 2]}, "demand.mean of market 'town' must be a number, or one per SKU"),
        ({"markets__0__backlog_share": 2}, "backlog_share of market 'town' must be <= 1.0, got 2.0"),
        ({"markets__0__price": None}, "price of market 'town' must be a number, got None"),
        ({"arcs__0__unit_cost": [1, 2]}, r"unit_cost of ore->mill must have shape \(1,\) .*, got shape \(2,\)"),
        (
            {"markets__1": {"name": "city", "from": "shop", "demand": {"kind": "geometric", "mean": 4}}},
            "demand of all markets must be of one kind with the same numbers: 'town' has",
        ),
        ({"alocation": "priority"}, "SupplyNetwork has no parameter 'alocation'"),
        ({"allocation": "fair"}, "allocation must be one of priority, proportional, got 'fair'"),
        ({"num_skus": "2"}, "num_skus must be a whole number >= 1, got '2'"),
        ({"goodwill": "no"}, "goodwill must be True or False, got 'no'"),
        ({"env": "Serial-v0"}, "env must be SupplyNetwork-v0, got 'Serial-v0'"),
        ({"demand": "poisson"}, "demand must not be given besides nodes, arcs and markets"),
        ({"holding_cost": [1, 2]}, r"holding_cost of the network must be one number where .*, got \[1.0, 2.0\]"),
        ({"holding_cost": -7}, "holding_cost of the network must be >= 0.0, got -7.0"),
        ({"holding_cost": {"kiosk": 1}}, "holding_cost names 'kiosk'; there are mill, shop"),
    ],
)
def test_files_that_do_not_fit_say_what_and_where(tmp_path, changes, message):
    file = tmp_path / "network.json"
    file.write_text(json.dumps(described(**changes)))
    with pytest.raises(ValueError, match=f"network.json: .*{message}"):
        SupplyNetwork.from_file(file)


def test_a_number_for_the_whole_network_is_that_of_those_who_tell_none():
    description = described(holding_cost=7, capacity="5e1", nodes__2__holding_cost=2, discount="9e-1")
    _, params = build("SupplyNetwork-v0", description)
    assert params.holding_cost[:, 0].tolist() == [7, 2]
    assert params.capacity[:, 0].tolist() == [9, 50, 50]
    assert float(params.discount) == pytest.approx(0.9)
    _, params = build("SupplyNetwork-v0", described(holding_cost={"mill": 5}))
    assert params.holding_cost[:, 0].tolist() == [5, 1]


@pytest.mark.parametrize("text", ["nodes: [", "3", None])
def test_what_is_no_description_is_named(tmp_path, text):
    file = tmp_path / "network.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ValueError, match=r"network.yaml: (cannot read it|it must hold a mapping)"):
        SupplyNetwork.from_file(file)
