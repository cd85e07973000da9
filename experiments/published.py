"""Costs of an instance by the library's own means: exactly where the state space allows, else by simulation."""

import dataclasses
import math
import time
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from experiments import heuristics
from jaxinv import policies, solvers
from jaxinv.demand import Normal
from jaxinv.demand.lead_time import lead_time_demand
from jaxinv.env import build
from jaxinv.env.distribution import Distribution
from jaxinv.env.finite import FiniteModel
from jaxinv.env.instances import Figure, Instance
from jaxinv.env.serial import Serial
from jaxinv.env.single_item import SingleItem
from jaxinv.env.supply_network import SupplyNetwork
from jaxinv.evaluate import Paths, evaluate, sample_paths
from jaxinv.optimise import hindsight_bound
from jaxinv.policies.clark_scarf import serial_cost, serial_optimum
from jaxinv.policies.closed_forms import normal_newsvendor

_PERIODS = 365  # counted by the criterion "year", after a warm-up
_LONG_RUN = 2000  # simulated for an average, after a warm-up
WARMUP = 100
_NEGLIGIBLE = 1e-4  # discount that ends a simulation
_LARGEST_CHAIN = 1e8  # states that a policy may reach x outcomes, for its cost to be computed exactly
_LARGEST_MYOPIC = 40  # units a period may demand
_PLANS = 100  # paths that plans in hindsight are made for


_NUMBERS = ("published", "computed", "difference", "error", "seconds")


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the table; None where there is nothing to say."""

    instance: str
    quantity: str
    published: float | None  # as printed
    computed: float | None
    difference: float | None
    error: float | None  # standard error of a simulated value; None for exact ones
    agrees: bool | None  # to the digits printed or, simulated, within three standard errors
    seconds: float
    note: str = ""

    @classmethod
    def from_text(cls, fields: dict[str, str]) -> "Row":
        """The row that a CSV file holds."""
        numbers = {name: float(fields[name]) if fields[name] else None for name in _NUMBERS}
        agrees = {"": None, "True": True, "False": False}[fields["agrees"]]
        texts = {name: fields[name] for name in ("instance", "quantity", "note")}
        return cls(**texts, **numbers, agrees=agrees)  # type: ignore[arg-type]


class Problem:
    """An instance, built, with what is computed of it."""

    def __init__(self, instance: Instance, max_triples: float, num_paths: int):
        self.instance = instance
        self.env: Any
        self.env, self.params = build(instance.env, instance.settings)
        self.max_triples = max_triples
        self.num_paths = num_paths
        self.model: Any = None  # a FiniteModel, where there is one
        if hasattr(self.env, "finite_model"):
            try:
                self.model = self.env.finite_model(self.params)
            except (ValueError, NotImplementedError):  # no whole units or no finite support
                self.model = None

    # -- optimum --------------------------------------------------------------------------------------------------
    def optimum(self) -> float | None:
        """Optimal cost; None where the problem is too large."""
        env, params = self.env, self.params
        if self._is_newsvendor():
            demand, deviation = params.demand, params.demand.deviation * (env.lead_time + 1.0) ** 0.5
            return float(normal_newsvendor(demand.location, deviation, params.holding_cost, params.stockout_cost)[1])
        if isinstance(env, Serial) and self.instance.criterion == "average":
            return serial_optimum(env, params)[1]
        if self.model is None or self.model.num_states * self.model.num_actions * self._outcomes() > self.max_triples:
            return None
        criterion = self.instance.criterion
        if criterion == "average":
            return -float(solvers.relative_value_iteration(self.model, self.params).gain)
        if criterion in ("finite", "episode"):
            horizon, params = self._horizon()
            return -float(solvers.backward_induction(self.model, params, horizon).values[0, self._start()])
        solution = solvers.value_iteration(self.model, self.params)
        if criterion == "discounted":
            return -float(solution.values[self._start()])
        return self._chain_cost(self.model, jnp.asarray(solution.actions))

    def _is_newsvendor(self) -> bool:
        """Whether it is one item with normal demand, full backlog and nothing that is fixed, whose optimal cost is a
        closed form if demand is not cut at 0."""
        env, params = self.env, self.params
        if not isinstance(env, SingleItem) or not isinstance(params.demand, Normal) or params.demand.rounded:
            return False
        certain = not env.random_lead_time and env.supply_yield == "certain" and env.horizon is None
        free = not any(float(x) for x in (params.fixed_order_cost, params.unit_cost, params.price))
        return certain and free and float(params.backlog_share) == 1.0 and self.instance.criterion == "average"

    def _horizon(self) -> tuple[int, Any]:
        """Periods that a finite criterion counts, and the parameters with its discount."""
        if self.instance.criterion == "finite":
            return self.env.horizon, self.params
        return int(self.params.max_steps_in_episode), self.params.replace(discount=jnp.float32(1.0))

    def _outcomes(self) -> int:
        """Outcomes that an action has in a state of the model."""
        model = self.model

        def probabilities(params):
            state = model.index_to_state(jnp.int32(0), params)
            return model.exogenous_support(state, model.index_to_action(jnp.int32(0), params), params)[1]

        return jax.eval_shape(probabilities, self.params).shape[0]

    def _start(self) -> int:
        state = self.env.init_state(jnp.zeros(self.env.num_initial_uniforms(self.params)), self.params)
        return int(self.model.state_to_index(state, self.params))

    def lower_bound(self) -> tuple[float, float | None]:
        """Of a network in hindsight, with its standard error; of a centre without stock whose stores have the same
        costs and lead time.

        Raises ``ValueError`` where none is known.
        """
        if isinstance(self.env, SupplyNetwork):
            length, params = self._horizon()
            paths = sample_paths(self.env, params, jax.random.key(0), min(self.num_paths, _PLANS), length)
            plans = [length * hindsight_bound(self.env, params, path) for path in paths.exogenous.demand]
            return _mean(np.array(plans))
        if not isinstance(self.env, Distribution) or not self.env.cross_docking:
            raise ValueError(f"no lower bound is known for {self.instance.name}")
        covariance = policies.demand_covariance(self.params.demand)
        env: Any = self.env  # store lead times that differ are refused below
        lead_times = env.warehouse_lead_time, env.store_lead_time
        costs = float(self.params.holding_cost[1]), float(self.params.stockout_cost[0])
        return float(policies.cross_docking_bound(covariance, *lead_times, *costs)[1]), None

    # -- policies -------------------------------------------------------------------------------------------------
    def cost(self, policy: Any, env: Any = None) -> tuple[float, float | None]:
        """Cost of a policy, which acts in ``env`` (the problem's own or one around it), and, where it is simulated, its
        standard error."""
        env = self.env if env is None else env
        echelon = isinstance(self.env, Serial) and isinstance(policy, policies.SerialBaseStock)
        if echelon and self.instance.criterion == "average":
            return serial_cost(self.env, self.params, np.broadcast_to(policy.level, self.env.cells)), None
        for model in self._models(env):
            try:
                return self._chain_cost(model, policy), None
            except solvers.OutOfBounds:
                continue
            except ValueError:  # it reaches too many states
                break
        return self.simulated(policy, env, self.paths(jax.random.key(0), self.num_paths))

    def _models(self, env: Any) -> Iterator[FiniteModel]:
        """The model, its states moved by ``env``, and ones with wider bounds for policies that go beyond what is
        optimal."""
        for factor in (1.0, 1.5, 3.0, 6.0):
            if self.model is not None and len(lattice := self.model.lattice.wider(factor)) < 2**31:
                yield dataclasses.replace(self.model, lattice=lattice, env=env)

    def _chain_cost(self, model: FiniteModel, policy: Any) -> float:
        chain = solvers.reachable_chain(model, self.params, policy, max_states=int(_LARGEST_CHAIN / self._outcomes()))
        criterion = self.instance.criterion
        if criterion == "average":
            return -float(chain.gain())
        if criterion == "discounted":
            return -float(chain.values(float(self.params.discount))[0])
        if criterion == "episode":
            return -float(chain.total(int(self.params.max_steps_in_episode)))
        return -float(chain.total(_PERIODS, float(self.params.discount), WARMUP))

    def paths(self, key: Array, num_paths: int) -> Paths:
        """Exogenous paths as long as the criterion asks for."""
        return sample_paths(self.env, self.params, key, num_paths, len(self._weights()))

    def simulated(self, policy: Any, env: Any, paths: Paths) -> tuple[float, float]:
        """Cost of a policy that acts in ``env``, on :meth:`paths`, and its standard error."""
        return _mean(np.asarray(evaluate(policy, env, self.params, paths).cost).sum(-1) @ self._weights())

    def _weights(self) -> np.ndarray:
        """What the cost of each period counts by the criterion."""
        criterion, discount = self.instance.criterion, float(self.params.discount)
        if criterion == "average":
            return np.repeat([0.0, 1.0 / _LONG_RUN], [WARMUP, _LONG_RUN])
        if criterion in ("finite", "episode"):
            length, params = self._horizon()
            return float(params.discount) ** np.arange(length)
        if criterion == "year":
            return np.append(np.zeros(WARMUP), discount ** np.arange(_PERIODS))
        return discount ** np.arange(math.ceil(math.log(_NEGLIGIBLE) / math.log(discount)))

    def tuned(self, grid: heuristics.Grid) -> Any:
        """The best policy of a grid, by simulation on common paths; more of them where there are few candidates."""
        num_paths = 256 if len(grid.values) == 1 else 32
        paths = sample_paths(self.env, self.params, jax.random.key(1), num_paths, 1000)
        return grid.search(self.env, self.params, paths, WARMUP)

    # -- rows -----------------------------------------------------------------------------------------------------
    def rows(self) -> Iterator[Row]:
        """The optimum, where it is published or can be computed, and heuristics: the published ones or, where none are,
        those of few parameters that fit the problem."""
        figures = list(self.instance.figures)
        if not any(figure.quantity == "optimum" for figure in figures):
            figures.insert(0, Figure("optimum", None))
        found = heuristics.candidates(self.env, self.params, self._paths)
        grids = {name: each for name, each in found.items() if isinstance(each, heuristics.Grid)}
        if len(figures) == 1:
            figures += [Figure(name, None) for name in grids]
        best = None
        for figure in figures:
            row = self._row(figure, grids)
            empty = figure.quantity == "optimum" and row.published is None and row.computed is None
            if (figure.value is not None or figure.gap is None) and not empty:
                yield row
            if figure.quantity == "optimum":
                best = row.computed
            if figure.gap is not None:
                gap = None if best is None or row.computed is None else 100 * (row.computed / best - 1)
                # Figures cut some labels and round others: half a digit more.
                name, half_digit = f"{row.quantity}, % above optimum", 0.005 / 3
                yield self._compared(name, figure.gap, 2, gap, half_digit, None, 0.0, row.note)

    def _paths(self) -> Any:
        return sample_paths(self.env, self.params, jax.random.key(1), 32, 1000)

    def _row(self, figure: Figure, grids: dict[str, heuristics.Grid]) -> Row:
        begin, error, parameters, note = time.perf_counter(), None, dict(figure.parameters), figure.note
        if figure.quantity == "optimum":
            computed = self.optimum()
            note = note or ("" if computed is not None else "too large to be solved exactly")
        elif figure.quantity == "lower bound":
            computed, error = self.lower_bound()
        elif not hasattr(policies, figure.quantity):
            computed, note = None, note or "published result of a learner"
        elif figure.quantity == "Myopic2" and len(lead_time_demand(self.params.demand, 1)) > _LARGEST_MYOPIC:
            computed, note = None, note or "not computed: its work grows with the fourth power of the largest demand"
        else:
            kind = getattr(policies, figure.quantity)
            if parameters:
                policy = kind(**parameters)
            elif figure.quantity in grids:
                grid = grids[figure.quantity]
                policy = self.tuned(grid)
                parameters = {name: np.round(np.asarray(getattr(policy, name), np.float64), 4) for name in grid.values}
                note = note or "tuned by simulation"
            else:
                policy = kind.of(self.env, self.params)
            computed, error = self.cost(policy)
        of = ", ".join(f"{name}={' '.join(f'{x:g}' for x in np.ravel(value))}" for name, value in parameters.items())
        quantity = f"{figure.quantity}({of})" if of else figure.quantity
        seconds = time.perf_counter() - begin
        return self._compared(quantity, figure.published, figure.printed, computed, figure.error, error, seconds, note)

    def _compared(self, quantity, published, printed, computed, published_error, error, seconds, note) -> Row:
        difference = None if published is None or computed is None else computed - published
        agrees = None
        if difference is not None:
            noise = math.hypot(published_error, error or 0.0)
            agrees = abs(difference) <= 0.5 * 10.0**-printed * 1.0001 + 3 * noise
        return Row(self.instance.name, quantity, published, computed, difference, error, agrees, seconds, note)


def _mean(cost: np.ndarray) -> tuple[float, float]:
    """Mean and standard error over paths."""
    return float(cost.mean()), float(cost.std(ddof=1) / np.sqrt(len(cost)))
