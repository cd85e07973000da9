"""A network that is wired as the supply network that it decides for (flax.linen)."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv.agents.networks import Head, dense, in_context
from jaxinv.env import spaces
from jaxinv.env.multi_agent import Owners


class GraphNetwork(nn.Module):
    """One small network over every node of a ``SupplyNetwork``: each layer sees, besides the node, the means over its
    suppliers and over its customers (message passing: Gilmer et al. 2017, arXiv:1704.01212), so that after two of them
    a node knows of what its neighbours' neighbours have.

    Observations are vectors, of which each node reads its own entries, in their order, and what concerns all; nodes
    have the same weights and are told which of them they are. Leaves of the action have the shape (P, K) of the stocks
    or (E, K) of the arcs (:meth:`of` says which), and are read from the node that holds the stock or orders on the arc.
    The value is read from the mean over all nodes.
    """

    owners: tuple[int, ...]  # the node of each entry of the observation, or ``ALL``
    arcs: tuple[tuple[int, int], ...]  # (supplier, customer) among the J nodes
    deciding: tuple[int, ...]  # the node of each row of the action
    num_nodes: int
    hidden: tuple[int, ...] = (64, 64)
    activation: str = "tanh"  # a function of flax.linen
    shared: bool = False  # whether policy and value share the hidden layers
    initial_log_std: float = -0.5

    @classmethod
    def of(cls, env: Any, *, stocks: bool = True, **fields: Any) -> "GraphNetwork":
        """For actions per stock, as the levels of a heuristic, or per arc, as orders."""
        t = env.topology
        nodes = len(t.nodes)
        among = [(int(s), int(c)) for s, c in zip(t.supplier_of, t.customer_of, strict=True) if s < nodes]
        return cls(
            owners=env.agent_axes["node"].observation.owners,
            arcs=tuple(among),
            deciding=tuple(map(int, t.node_of if stocks else t.customer_of)),
            num_nodes=nodes,
            **fields,
        )

    @nn.compact
    def __call__(self, observation: Array, space: spaces.Space) -> tuple[tuple, Array]:
        own = Owners(self.owners, self.num_nodes).split(observation)
        x = jnp.concatenate([own, jnp.eye(self.num_nodes)], 1)
        policy = self._embed(x)
        value = policy if self.shared else self._embed(x)
        rows = policy[np.asarray(self.deciding)]
        heads = tuple(Head(self.initial_log_std)(rows, leaf) for leaf in spaces.leaves(space))
        return heads, dense(1, 1.0)(jnp.mean(value, 0))[0]

    def _embed(self, x: Array) -> Array:
        neighbours = self._neighbours()
        return in_context(x, self.hidden, self.activation, lambda x: [mean @ x for mean in neighbours])

    def _neighbours(self) -> list[Array]:
        """Matrices [J, J] that take the mean over suppliers and over customers; 0 where there are none."""
        supplies = np.zeros((self.num_nodes, self.num_nodes), np.float32)
        for supplier, customer in self.arcs:
            supplies[customer, supplier] = 1.0
        return [jnp.asarray(m / np.maximum(m.sum(1, keepdims=True), 1.0)) for m in (supplies, supplies.T)]
