"""Policies as tables over the states of a finite model: what exact solvers find."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxinv import struct
from jaxinv.env.finite import FiniteModel


@struct.dataclass
class TablePolicy(struct.Typed):
    """An action for every state of a finite model. A state beyond the model's bounds is decided as the nearest one."""

    actions: Array = struct.leaf(dtype=jnp.int32, low=0)  # [S] numbers of actions
    model: FiniteModel = struct.static()  # type: ignore[reportGeneralTypeIssues]

    def validate(self):
        if self.actions.shape[-1:] != (self.model.num_states,):
            raise ValueError(
                f"TablePolicy.actions must be one per state, {self.model.num_states}, got shape {self.actions.shape}"
            )

    def __call__(self, env: Any, state: Any, params: Any, key: Array) -> Any:
        return self.model.index_to_action(self.actions[self.model.state_to_index(state, params)], params)

    def save(self, path: str | Path) -> None:
        """Write to ``path``, a .npz file."""
        with Path(path).open("wb") as file:
            np.savez_compressed(file, actions=np.asarray(self.actions), model=np.array(repr(self.model)))

    @classmethod
    def load(cls, path: str | Path, model: FiniteModel) -> "TablePolicy":
        """The policy saved at ``path``; raises ``ValueError`` unless it is one for ``model``."""
        with np.load(path) as file:
            if str(file["model"]) != repr(model):
                raise ValueError(f"{path} holds a policy for another model: {file['model']}, not {model!r}")
            return cls(actions=file["actions"], model=model)
