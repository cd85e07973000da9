"""An instance as a benchmark of learners: its optimum, its heuristics, and the gaps of what is learned."""

import contextlib
import functools
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments import learners
from experiments.heuristics import tuned
from experiments.published import WARMUP, Problem
from jaxinv.agents import DCL, GraphNetwork
from jaxinv.env.dual_sourcing import DualSourcing
from jaxinv.env.instances import Instance
from jaxinv.env.supply_network import SupplyNetwork
from jaxinv.env.wrappers import RoundToBatches
from jaxinv.evaluate import mean_interval, sample_paths
from jaxinv.optimise import Pathwise, shift_levels
from jaxinv.train import FitResult, fit

_MAX_TRIPLES = 2e9  # states x actions x outcomes up to which an optimum is computed
_TUNING_PATHS, _TUNING_PERIODS = 32, 600  # that heuristics are tuned on
_CHUNK = 50  # iterations compiled into one program
PATIENCE = 2  # generations of DCL that gain nothing, after which there are no more
_CHOOSING_PATHS = 4096  # that generations of DCL, and ways to round, are compared on


class Benchmark:
    """What all learners of an instance are compared with is computed once, when it is first needed."""

    def __init__(self, instance: Instance, num_paths: int):
        self.problem = Problem(instance, _MAX_TRIPLES, num_paths)

    def demand_paths(self) -> Any:
        """That heuristics are made for."""
        problem = self.problem
        return sample_paths(problem.env, problem.params, jax.random.key(2), _TUNING_PATHS, _TUNING_PERIODS)

    @functools.cached_property
    def reference(self) -> tuple[str, float]:
        """What costs are compared with, and its cost: "optimum", else "lower bound", else the best "heuristic"."""
        optimum = self.problem.optimum()
        if optimum is None:
            optimum = self.problem.instance.optimum
        if optimum is not None:
            return "optimum", optimum
        with contextlib.suppress(ValueError):
            return "lower bound", self.problem.lower_bound()[0]
        return "heuristic", self.heuristic[1]

    @property
    def unavoidable(self) -> float:
        """Part of every policy's cost: where all demand is met in the end, it has to be bought."""
        env, params = self.problem.env, self.problem.params
        if not isinstance(env, DualSourcing):
            return 0.0
        return float(jnp.minimum(params.regular_cost, params.expedited_cost) * params.demand.mean())

    @functools.cached_property
    def heuristics(self) -> dict[str, Any]:
        """The heuristics of the problem, tuned."""
        return tuned(
            self.problem.env,
            self.problem.params,
            jax.random.key(1),
            num_paths=_TUNING_PATHS,
            length=_TUNING_PERIODS,
            warmup=100,
        )

    @functools.cached_property
    def heuristic(self) -> tuple[str, float, Any]:
        """The cheapest heuristic of the problem: its name, its cost and itself."""
        costs = {name: self.problem.cost(policy)[0] for name, policy in self.heuristics.items()}
        best = min(costs, key=lambda name: costs[name])
        return best, costs[best], self.heuristics[best]

    def _structure(self, agent: str, heuristic: Any) -> dict[str, Any]:
        """What of a learner follows from the problem."""
        kind, env = learners.LEARNERS[agent][0], self.problem.env
        if issubclass(kind, DCL):
            return {"teacher": heuristic}
        if not issubclass(kind, Pathwise):
            return {}
        network = {"network": GraphNetwork.of(env, shared=True)} if isinstance(env, SupplyNetwork) else {}
        return network | learners.along_paths(env)

    @functools.cached_property
    def _choosing_paths(self) -> Any:
        return self.problem.paths(jax.random.key(3), _CHOOSING_PATHS)

    def _trained(self, algo: Any, judged_in: Any, num_seeds: int) -> FitResult:
        """What the learner makes of the problem. DCL ends where generations gain nothing, simulated on paths that it is
        not judged on."""
        given: dict[str, Any] = {"chunk": _CHUNK}
        if isinstance(algo, DCL):
            given = {
                "chunk": 1,
                "patience": PATIENCE,
                "evaluate": lambda policy: self.problem.simulated(policy, judged_in, self._choosing_paths)[0],
            }
        return fit(algo, self.problem.params, jax.random.key(0), num_seeds=num_seeds, progress=False, **given)

    def rounded(self, policy: Any, judged_in: Any) -> Any:
        """The policy in a view that rounds its levels to batches, where it does, rounded best."""
        if not isinstance(getattr(judged_in, "env", None), RoundToBatches):
            return policy
        return shift_levels(policy, judged_in, self.problem.params, self._choosing_paths, warmup=WARMUP)

    def row(self, agent: str, num_seeds: int, budget: float) -> dict[str, Any] | None:
        """A row of the table; None for a learner that cannot decide what the problem asks for."""
        problem = self.problem
        decided = learners.decision(agent, problem.env, problem.params, problem.model, self.demand_paths)
        if decided is None:
            return None
        env, judged_in = decided
        name, heuristic, policy = self.heuristic
        algo = learners.learner(agent, env, budget, **self._structure(agent, policy))
        trained = self._trained(algo, judged_in, num_seeds)
        states = [trained.best_state]
        if num_seeds > 1:
            states = [jax.tree.map(lambda x, i=i: x[i], trained.best_state) for i in range(num_seeds)]
        before = time.perf_counter()
        policies = jax.block_until_ready([self.rounded(algo.policy(state), judged_in) for state in states])
        seconds = trained.wall_seconds + time.perf_counter() - before
        judged = [problem.cost(policy, judged_in) for policy in policies]
        reference, optimum = self.reference
        gaps = 100 * (np.array([cost for cost, _ in judged]) - optimum) / abs(optimum)
        # Noise of the seeds and, where costs are simulated, of the paths, which all seeds share.
        error = 100 * max(error or 0.0 for _, error in judged) / abs(optimum)
        low, high = np.asarray(mean_interval(jnp.asarray(gaps)[:, None])) if num_seeds > 1 else (gaps[0], gaps[0])
        return {
            "instance": problem.instance.name,
            "agent": agent,
            "cost": float(np.mean([cost for cost, _ in judged])),
            "gap": float(gaps.mean()),
            "gap_ci95": [float(low) - 1.96 * error, float(high) + 1.96 * error],
            "gaps": gaps.tolist(),
            "gap_avoidable": float(gaps.mean()) * abs(optimum) / abs(optimum - self.unavoidable),
            "reference": reference,
            "optimum": optimum,
            "heuristic": name,
            "heuristic_gap": 100 * (heuristic - optimum) / abs(optimum),
            "seeds": num_seeds,
            "train_steps": len(trained.history) * algo.steps_per_update,
            "wall_seconds": seconds,
        }
