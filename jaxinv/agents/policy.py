"""What a learner hands over: its network as a policy."""

from typing import Any

import flax.linen as nn
from jax import Array

from jaxinv import struct
from jaxinv.agents import distributions
from jaxinv.agents.normalise import RunningStatistics
from jaxinv.env import spaces


@struct.dataclass(kw_only=True)
class NetworkPolicy:
    """A trained network as a policy of ``jaxinv.env.core``. Deterministic (the mode) unless said otherwise."""

    network: nn.Module = struct.static()
    params: Any  # the network's weights
    statistics: RunningStatistics | None  # that observations are standardised by; None: taken as they are
    action_space: spaces.Space  # of the environment that the policy learned in
    deterministic: bool = struct.static(True)
    squashed: bool = struct.static(False)  # whether actions in a finite box are tanh of a normal

    def __call__(self, env: Any, state: Any, params: Any, key: Array | None = None) -> Any:
        return self.act(env.observe(state, params), env.action_mask(state, params), key)

    def act(self, observation: Any, mask: Any = None, key: Array | None = None) -> Any:
        """The action for one observation; ``key`` is needed unless deterministic."""
        distribution = self._distribution(observation, mask)
        raw = distribution.mode() if self.deterministic else distribution.sample(seed=key)
        return distributions.to_env(self.action_space, raw)

    def choose(self, env: Any, state: Any, params: Any, noise: Any) -> tuple[Any, Array, Array]:
        """The action with sampled choices and the likeliest quantities, the logarithm [] of the probability of these
        choices, and their entropy []; ``noise`` is one of ``distributions.noise``."""
        distribution = self._distribution(env.observe(state, params), env.action_mask(state, params))
        raw, log_prob = distributions.choose(self.action_space, distribution, noise)
        entropy = distributions.choice_entropy(self.action_space, distribution)
        return distributions.to_env(self.action_space, raw), log_prob, entropy

    def _distribution(self, observation: Any, mask: Any) -> Any:
        if self.statistics is not None:
            observation = self.statistics.standardise(observation)
        heads, _ = self.network.apply(self.params, observation, self.action_space)  # type: ignore[misc]
        return distributions.distribution(self.action_space, heads, mask, squashed=self.squashed)
