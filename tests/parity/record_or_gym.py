"""Trajectories of or-gym for the parity tests. By hand, where that package is installed (with numpy below 2):

python record_or_gym.py or_gym.json
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from or_gym.envs.supply_chain import inventory_management, network_management


def serial(backlog: bool, largest: float) -> dict:
    """30 periods of random orders and demand in InvManagement-v0 (backlog) or -v1 (lost sales)."""
    rng = np.random.default_rng(3)
    names = {True: "InvManagementBacklogEnv", False: "InvManagementLostSalesEnv"}
    env = getattr(inventory_management, names[backlog])(dist=5, user_D=rng.poisson(20, 30))
    env.reset()
    orders = np.round(rng.uniform(0, largest, (30, 3)))
    rewards = [float(env.step(order)[1]) for order in orders]
    return {
        "orders": orders.tolist(), "demand": env.D[:, None].tolist(), "rewards": rewards, "shipped": env.R.tolist(),
        "on_hand": env.I[1:].tolist(), "in_transit": env.T[1:].tolist(), "unfilled": (env.B + env.LS).tolist(),
    }  # fmt: skip


def network(backlog: bool, largest: float) -> dict:
    """30 periods of random orders and demand in NetworkManagement-v0 (backlog) or -v1 (lost sales).

    Its suppliers do not take what one link is sent from what they can send on the next, so that stock becomes negative.
    Orders are kept low enough for that not to happen: ``competing`` tells where it would have.
    """
    rng = np.random.default_rng(5)
    names = {True: "NetInvMgmtBacklogEnv", False: "NetInvMgmtLostSalesEnv"}
    env = getattr(network_management, names[backlog])(user_D={(1, 0): rng.poisson(20, 30)})
    env.reset()
    links, competing = env.reorder_links, 0
    limit = np.array([200 if link[0] in env.rawmat else largest for link in links])
    orders = np.round(rng.uniform(0, limit, (30, len(links))))
    rewards = []
    for t, order in enumerate(orders):
        rewards.append(float(env.step(order)[1]))
        for node in env.main_nodes:
            sent = sum(env.R.loc[t, link] for link in links if link[0] == node)
            limit = min(env.X.loc[t, node], env.graph.nodes[node].get("C", np.inf))
            competing += bool(sent > limit)
    return {
        "links": [[str(node) for node in link] for link in links],
        "nodes": [str(node) for node in env.main_nodes],
        "orders": orders.tolist(), "demand": env.D.values.tolist(), "rewards": rewards,
        "shipped": env.R.values.tolist(), "on_hand": env.X.values[1:].tolist(), "in_transit": env.Y.values[1:].tolist(),
        "unfilled": env.U.values.tolist(), "profit": env.P.values.tolist(), "competing": competing,
    }  # fmt: skip


def main(target: Path) -> None:
    record = {
        "serial-backlog": serial(True, 60),
        "serial-lost": serial(False, 60),
        "network-backlog": network(True, 8),
        "network-lost": network(False, 9),
        "network-competing": network(True, 90),
    }
    packages = {name: version(name) for name in ("or-gym", "numpy")}
    target.write_text(json.dumps({"packages": packages, "trajectories": record}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
