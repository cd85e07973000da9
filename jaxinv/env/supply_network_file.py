"""A supply network as planners write it: a list of nodes, of arcs and of markets, each with its numbers.

``experiments/network.yaml`` is an example. A file is YAML or JSON with

* ``nodes``: ``name`` and ``kind``, a :data:`KINDS`; of all but sources ``holding_cost`` and ``initial_stock``; of
  factories ``capacity``, ``yield_rate``, ``operating_cost`` and ``components``; of sources ``capacity``. A factory
  without suppliers has all the raw material it needs. ``components``, and the ``holding_cost`` and
  ``initial_stock`` of a factory that has some, are mappings of their names.
* ``arcs``: ``from``, ``to``, ``lead_time``, with components ``component``, and any number that ``Params`` has per arc.
* ``markets``: ``name``, ``from`` (the node that serves it), any number that ``Params`` has per market, and ``demand``:
  its ``kind`` and numbers, as ``demand.make_demand`` takes them, of one kind in all markets.
* whatever else ``SupplyNetwork`` and ``Params`` have fields for, by their names: a number of nodes, arcs or markets
  that is given there is that of all that do not tell their own.

With ``num_skus``, a number is one for all or a list with one per SKU.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxinv import struct
from jaxinv.demand.named import make_demand
from jaxinv.env.given import whole
from jaxinv.env.supply_network_params import Params, names_by_axis
from jaxinv.env.supply_network_topology import Arc, Topology

NAME = "SupplyNetwork-v0"
KINDS = ("source", "factory", "distributor", "retailer")
_STOCK = ("holding_cost", "initial_stock")
_OF_KIND = {
    "source": ("capacity",),
    "factory": ("capacity", "yield_rate", "operating_cost", "components", *_STOCK),
    "distributor": _STOCK,
    "retailer": _STOCK,
}
_PARAMETERS = {field.name: field.metadata for field in dataclasses.fields(Params) if "dtype" in field.metadata}
_OF_ARC, _OF_MARKET = (tuple(name for name, x in _PARAMETERS.items() if x["shape"] == axes) for axes in ("EK", "MK"))
_KINDS_OF_DEMAND = ("poisson", "geometric", "negative_binomial", "gamma", "normal", "uniform")


def read(path: Any) -> dict[str, Any]:
    """The mapping in a YAML or JSON file; raises ``ValueError`` for what is neither."""
    import yaml  # jaxinv.env needs it only here

    path = Path(path)
    try:
        text = path.read_text()
        description = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, yaml.YAMLError, json.JSONDecodeError) as error:
        raise ValueError(f"cannot read it: {error}") from None
    if not isinstance(description, dict):
        raise ValueError(f"it must hold a mapping with nodes, arcs and markets, got {type(description).__name__}")
    return description


def settings(description: Mapping[str, Any]) -> dict[str, Any]:
    """What ``registry.build`` takes, from a description. Raises ``ValueError`` for what it must not say."""
    if description.get("env", NAME) != NAME:
        raise ValueError(f"env must be {NAME}, got {description['env']!r}")
    for key in {"topology", "demand"} & description.keys():
        raise ValueError(f"{key} must not be given besides nodes, arcs and markets, which tell it")
    rest = {key: value for key, value in description.items() if key not in ("nodes", "arcs", "markets", "env")}
    num_skus = whole("num_skus", rest.get("num_skus", 1), 1)
    nodes, arcs, markets = (_entries(description, what) for what in ("nodes", "arcs", "markets"))
    numbers: dict[str, dict[str, Any]] = {}

    kinds = {}
    for node in nodes:
        name, kind = _text(node, "name", "node"), node.get("kind")
        if kind not in KINDS:
            raise ValueError(f"kind of node {name!r} must be one of {', '.join(KINDS)}, got {kind!r}")
        if name in kinds:
            raise ValueError(f"there are two nodes {name!r}")
        kinds[name] = kind
        for key, value in _numbers(node, ("name", "kind"), _OF_KIND[kind], f"{kind} {name!r}"):
            parts = value if isinstance(value, Mapping) and key in ("components", *_STOCK) else {"": value}
            for component, number in parts.items():
                label = f"{name}:{component}" if component else name
                numbers.setdefault(key, {})[label] = _number(number, key, f"{kind} {label!r}")

    lanes = []
    for arc in arcs:
        supplier, customer = (_text(arc, end, "arc") for end in ("from", "to"))
        where = f"arc {supplier}->{customer}"
        if "lead_time" not in arc:
            raise ValueError(f"{where} needs a lead_time")
        lane = Arc(supplier, customer, arc["lead_time"], str(arc.get("component", "")))
        lanes.append(lane)
        for key, value in _numbers(arc, ("from", "to", "lead_time", "component"), _OF_ARC, where):
            numbers.setdefault(key, {})[lane.name] = _number(value, key, where)

    links, demands = [], []
    for market in markets:
        name, server = _text(market, "name", "market"), _text(market, "from", "market")
        links.append((server, name))
        demands.append(market.get("demand"))
        for key, value in _numbers(market, ("name", "from", "demand"), _OF_MARKET, f"market {name!r}"):
            numbers.setdefault(key, {})[f"{server}->{name}"] = _number(value, key, f"market {name!r}")

    supplied = {lane.customer for lane in lanes}
    topology = Topology(
        nodes=tuple(name for name, kind in kinds.items() if kind != "source"),
        sources=tuple(name for name, kind in kinds.items() if kind == "source"),
        arcs=tuple(lanes),
        markets=tuple(links),
        plants=tuple(name for name, kind in kinds.items() if kind == "factory" and name not in supplied),
    )
    for key in _PARAMETERS.keys() & rest.keys():
        rest[key] = _of_all(key, rest[key], topology, numbers.pop(key, {}))
    demand = _demand([name for _, name in links], demands, num_skus)
    return {"topology": topology, "demand": demand, **rest, **numbers}


def _of_all(key: str, value: Any, topology: Topology, named: Mapping[str, Any]) -> Any:
    """What stands at the top of a file for all, or by name, where some have ``named`` their own."""
    if isinstance(value, Mapping):
        return {**{name: _number(number, key, repr(name)) for name, number in value.items()}, **named}
    value = _number(value, key, "the network")
    if not named:
        return value
    if np.ndim(value) > 0:
        raise ValueError(f"{key} of the network must be one number where some tell their own, got {value!r}")
    return {**dict.fromkeys(names_by_axis(topology)[_PARAMETERS[key]["shape"][0]], value), **named}


def _demand(names: list[str], demands: list[Any], num_skus: int) -> Any:
    """One process of shape [M, K]."""
    for name, demand in zip(names, demands, strict=True):
        if not isinstance(demand, Mapping) or demand.get("kind") not in _KINDS_OF_DEMAND:
            got = demand.get("kind") if isinstance(demand, Mapping) else demand
            raise ValueError(f"demand of market {name!r} needs a kind of {', '.join(_KINDS_OF_DEMAND)}; got {got!r}")
        if demand.keys() != demands[0].keys() or demand["kind"] != demands[0]["kind"]:
            raise ValueError(
                f"demand of all markets must be of one kind with the same numbers: {names[0]!r} has "
                f"{dict(demands[0])}, {name!r} has {dict(demand)}"
            )
    stacked = {}
    for key in demands[0].keys() - {"kind"}:
        if isinstance(demands[0][key], bool):  # whether it is rounded
            stacked[key] = demands[0][key]
            continue
        rows = []
        for name, demand in zip(names, demands, strict=True):
            row = _number(demand[key], f"demand.{key}", f"market {name!r}")
            if np.shape(row) not in ((), (num_skus,)):
                raise ValueError(f"demand.{key} of market {name!r} must be a number, or one per SKU, got {row!r}")
            rows.append(np.broadcast_to(row, (num_skus,)))
        stacked[key] = np.stack(rows)
    return make_demand(demands[0]["kind"], **stacked)


def _entries(description: Mapping[str, Any], what: str) -> list[Mapping[str, Any]]:
    entries = description.get(what)
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise ValueError(f"{what} must be a list of mappings, got {entries!r}")
    return entries


def _text(entry: Mapping[str, Any], key: str, what: str) -> str:
    if not isinstance(entry.get(key), str | int) or entry[key] == "":
        raise ValueError(f"{what} {dict(entry)} needs {key!r}")
    return str(entry[key])


def _numbers(entry: Mapping[str, Any], other: tuple[str, ...], known: tuple[str, ...], where: str):
    """Name and value of what is not in ``other``, all of which must be ``known``."""
    for key, value in entry.items():
        if key not in other:
            if key not in known:
                raise ValueError(f"{where} has no {key!r}; it may have {', '.join(known)}")
            yield key, value


def _number(value: Any, key: str, where: str) -> Any:
    """A number, or several, checked where it is one of the parameters; YAML reads those like 1e6 as text."""
    try:
        number = np.asarray(value, float)
    except (TypeError, ValueError):
        number = np.asarray(np.nan)
    if np.isnan(number).any():  # or nothing at all
        raise ValueError(f"{key} of {where} must be a number, got {value!r}")
    struct.check(f"{key} of {where}", number.tolist(), _PARAMETERS.get(key, {}))
    return number.tolist()
