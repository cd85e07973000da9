"""Adapters through which agents and tools written for other packages run on any environment.

===========================  ==============================================================================
``GymnaxEnv``                a ``gymnax.environments.environment.Environment`` of gymnax 1.0, six values a step
``GymnaxFiveValueEnv``       the same with the five values a step of gymnax before 1.0
``GymnasiumEnv``             a ``gymnasium.Env``
``GymnasiumVectorEnv``       a ``gymnasium.vector.VectorEnv``: all environments in one compiled call
``JaxMarlEnv``               a ``jaxmarl.MultiAgentEnv`` of ``env.multi_agent.MultiAgent``
``JumanjiEnv``               a ``jumanji.Environment`` with the time steps of dm_env
``StoaEnv``                  a ``stoa.Environment``
===========================  ==============================================================================

The package adapted to is imported with its adapter, and only then.

All of them show a struct or dictionary of arrays as a flat dictionary by field name (fields of fields joined by
``_``), a discrete space of a single entry as a scalar, and a real number as a vector of one.
"""

import importlib
from typing import Any

# Adapter -> the package it adapts to; it is defined in the module to_PACKAGE.
_CLIENTS = {
    "GymnaxEnv": "gymnax",
    "GymnaxFiveValueEnv": "gymnax",
    "GymnasiumEnv": "gymnasium",
    "GymnasiumVectorEnv": "gymnasium",
    "JaxMarlEnv": "jaxmarl",
    "JumanjiEnv": "jumanji",
    "StoaEnv": "stoa",
}


def __getattr__(name: str) -> Any:
    if name not in _CLIENTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(_CLIENTS)}")
    client = _CLIENTS[name]
    try:
        return getattr(importlib.import_module(f"{__name__}.to_{client}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != client:  # the client is there, what it needs itself is not
            raise
        raise ImportError(f'{__name__}.{name} needs {client}: pip install "jaxinv[compat]"', name=client) from error


def __dir__() -> list[str]:
    return [*globals(), *_CLIENTS]
