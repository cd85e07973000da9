"""What holds for all adapters: the client is imported late, and they are values as environments are."""

import copy
import pickle
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

import jaxinv.compat
from jaxinv.compat import view
from tests.compat.problems import Counter, Parts, lost_sales, worth

CLIENTS = {
    "GymnaxEnv": "gymnax",
    "GymnaxFiveValueEnv": "gymnax",
    "GymnasiumEnv": "gymnasium",
    "GymnasiumVectorEnv": "gymnasium",
    "JaxMarlEnv": "jaxmarl",
    "JumanjiEnv": "jumanji",
    "StoaEnv": "stoa",
}


def test_no_client_is_imported_before_its_adapter():
    code = "import sys, jaxinv.compat; print(' '.join(sorted({m.split('.')[0] for m in sys.modules})))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {*CLIENTS.values(), "rejax", "dm_env", "optax", "distrax"} & set(run.stdout.split())


@pytest.mark.parametrize(("name", "client"), CLIENTS.items())
def test_a_missing_client_names_the_extra(monkeypatch, name, client):
    for module in [module for module in sys.modules if module.startswith((f"{client}.", f"jaxinv.compat.to_{client}"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, client, None)  # the import statement then raises
    with pytest.raises(ImportError, match=rf'{name} needs {client}: pip install "jaxinv\[compat\]"'):
        getattr(jaxinv.compat, name)


def test_unknown_names():
    assert set(dir(jaxinv.compat)) >= set(CLIENTS)
    with pytest.raises(AttributeError, match=r"no attribute 'Gym'; it has GymnaxEnv"):
        _ = jaxinv.compat.Gym


@pytest.mark.parametrize("name", ["GymnaxEnv", "GymnaxFiveValueEnv", "JumanjiEnv", "StoaEnv"])
def test_adapters_are_values(name):
    pytest.importorskip(CLIENTS[name], reason="a client of the extra 'compat'")
    adapter = getattr(jaxinv.compat, name)
    env, params = lost_sales()
    made = adapter(env) if "Gymnax" in name else adapter(env, params)
    again = lost_sales()[0]
    twin = adapter(again) if "Gymnax" in name else adapter(again, lost_sales()[1])
    for other in (twin, copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert other == made
        assert hash(other) == hash(made)
        assert other.env == env
    assert made != adapter(Counter())
    assert made != env
    if "Gymnax" not in name:
        assert made != adapter(env, params.replace(stockout_cost=params.stockout_cost + 1))
        assert made != adapter(env, jax.tree.map(lambda x: x[None], params))
    with pytest.raises(AttributeError):
        made.env = env
    with pytest.raises(AttributeError):
        _ = made.no_such_thing


def test_the_two_gymnax_adapters_differ():
    pytest.importorskip("gymnax", reason="a client of the extra 'compat'")
    assert jaxinv.compat.GymnaxEnv(Counter()) != jaxinv.compat.GymnaxFiveValueEnv(Counter())


def test_actions_go_in_by_name_and_come_out_flat(key):
    env, params = Counter(), Counter().default_params()
    space = env.action_space(params)
    action = Parts(units=jnp.array([2, 3]), choice=jnp.array([[4]]), amount=jnp.float32(0.5))
    shown = view.outward(space, action)
    assert {name: jnp.shape(x) for name, x in shown.items()} == {"units": (2,), "choice": (), "amount": (1,)}
    back = view.inward(space, {"amount": 0.5, "choice": 4, "units": [2, 3]})
    assert space.contains(back)
    assert jax.tree.all(jax.tree.map(jnp.array_equal, back, action))
    _, state = env.reset(key, params)
    _, _, reward, *_ = view.period(env, jnp.zeros(0), state, shown, params)
    assert reward == worth([2, 3], 4, 0.5)


@pytest.mark.parametrize("action", [{"units": [2, 3], "choice": 4}, {"units": [2, 3], "choice": 4, "amuont": 0.5}])
def test_actions_of_other_names(action):
    with pytest.raises(ValueError, match="must have the entries units, choice, amount, got units, choice"):
        view.inward(Counter().action_space(Counter().default_params()), action)


def test_actions_of_another_size():
    env, params = lost_sales()
    with pytest.raises(ValueError, match=r"must have the shape \(\), got \(2,\)"):
        view.inward(env.action_space(params), [1, 2])
