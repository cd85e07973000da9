"""Environments that are observed with what is known of the demand ahead."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from jaxinv.env import spaces
from jaxinv.env.wrappers import Wrapper


class Informed(Wrapper):
    """What the environment shows of each cell, [*cells, F], and after it what its demand process was given to tell:
    quantiles of the demand ahead [Q], in ``demand_scale``, and covariates [C]. Both were computed beforehand, for every
    date (``demand.Trace``); of a process without them it is the environment itself.

    Raises ``ValueError`` where an observation is not an array of the cells of the demand.
    """

    def observe(self, state: Any, params: Any) -> Array:
        demand = params.demand
        forecast = demand.forecast(state.exo.demand) / params.demand_scale[..., None]
        return jnp.concatenate([self.env.observe(state, params), forecast, demand.signals(state.exo.demand)], -1)

    def observation_space(self, params: Any) -> spaces.Box:
        demand, bare = params.demand, self.env.observation_space(params)
        if not isinstance(bare, spaces.Box) or bare.shape[:-1] != demand.shape:
            raise ValueError(f"Informed.env must observe an array {(*demand.shape, '...')}, got {bare}")
        state = demand.init(jnp.zeros(demand.num_initial_uniforms))
        more = demand.forecast(state).shape[-1] + demand.signals(state).shape[-1]
        return spaces.unbounded((*demand.shape, bare.shape[-1] + more))
