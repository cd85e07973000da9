"""Trajectories of gym-invmgmt for the parity tests. By hand, where that package is installed:

python record_gym_invmgmt.py gym_invmgmt.json
"""

import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import gym_invmgmt
import numpy as np
import yaml

# What the package's own two networks lack: a yield below 1, fixed order costs, a factory that supplies two nodes,
# two markets of one retailer.
CUSTOM = {
    "nodes": [
        {"id": "north"},
        {"id": "south"},
        {"id": "shop", "I0": 60, "h": 0.03},
        {"id": "depot", "I0": 40, "h": 0.02},
        {"id": "plant", "I0": 300, "C": 45, "v": 0.8, "o": 0.05, "h": 0.01},
        {"id": "ore"},
    ],
    "edges": [
        {"from": "shop", "to": "north", "p": 2.0, "b": 0.2, "demand_dist": "poisson", "dist_param": {"mu": 12}},
        {"from": "shop", "to": "south", "p": 2.5, "b": 0.1, "demand_dist": "poisson", "dist_param": {"mu": 8}},
        {"from": "depot", "to": "shop", "L": 1, "p": 1.2, "g": 0.01, "K": 0.7},
        {"from": "plant", "to": "shop", "L": 3, "p": 1.0, "g": 0.004},
        {"from": "plant", "to": "depot", "L": 2, "p": 0.9, "g": 0.006, "K": 1.5},
        {"from": "ore", "to": "plant", "L": 0, "p": 0.4, "g": 0.0},
    ],
}


def trajectory(largest: float, whole: bool, goodwill: bool = False, **structure) -> dict:
    """30 periods of random orders of up to ``largest`` on every link, and of random demand."""
    rng = np.random.default_rng(7)
    network = gym_invmgmt.CoreEnv(num_periods=30, **structure).network
    demand = {link: rng.poisson(20 / len(network.retail_links), 30) for link in network.retail_links}
    env = gym_invmgmt.CoreEnv(
        num_periods=30, user_D=demand, demand_config={"base_mu": 20, "use_goodwill": goodwill}, **structure
    )
    env.reset(seed=0)
    record = {
        "links": [[str(node) for node in link] for link in env.network.reorder_links],
        "markets": [[str(node) for node in link] for link in env.network.retail_links],
        "nodes": [str(node) for node in env.network.main_nodes],
        "demand": [[int(demand[link][t]) for link in env.network.retail_links] for t in range(30)],
        "orders": [], "rewards": [], "goodwill": [],
    }  # fmt: skip
    for _ in range(30):
        orders = rng.uniform(0, largest, len(record["links"])) * (rng.random(len(record["links"])) < 0.8)
        orders = np.round(orders) if whole else np.round(orders, 3)
        reward = env.step(orders)[1]
        record["orders"].append(orders.tolist())
        record["rewards"].append(reward)
        record["goodwill"].append(float(env.demand_engine.sentiment))
    index = [env.network.node_map[node] for node in env.network.main_nodes]
    record["shipped"] = env.R.tolist()
    record["on_hand"] = env.X[1:, index].tolist()
    record["in_transit"] = env.Y[1:].tolist()
    record["unfilled"] = env.U.tolist()
    record["profit"] = env.P[:, index].tolist()
    return record


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "custom.yaml"
        config.write_text(yaml.safe_dump(CUSTOM))
        record = {
            "network-backlog": trajectory(25, False, scenario="network", backlog=True),
            "network-lost": trajectory(90, True, scenario="network", backlog=False),
            "network-goodwill": trajectory(20, False, goodwill=True, scenario="network", backlog=False),
            "serial-backlog": trajectory(50, True, scenario="serial", backlog=True),
            "serial-lost": trajectory(120, False, scenario="serial", backlog=False),
            "custom-backlog": trajectory(30, False, scenario="custom", config_path=config, backlog=True),
        }
    packages = {name: version(name) for name in ("gym-invmgmt", "gymnasium", "numpy")}
    target.write_text(json.dumps({"packages": packages, "custom": CUSTOM, "trajectories": record}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
