"""Environments by name, instances by name, and settings that do not fit."""

import itertools

import jax
import numpy as np
import pytest

from jaxinv.demand import Poisson, UniformInteger
from jaxinv.env import Instance, build, instances, make, register, registered
from jaxinv.env.instances import CRITERIA, Figure, find
from jaxinv.env.multi_warehouse import MultiWarehouse
from jaxinv.env.single_item import SingleItem

SETTINGS = {"demand": "poisson", "demand.mean": 5, "lead_time": 2, "stockout_cost": 4}


def same(one, other):
    """Whether two (environment, parameters) are equal."""
    assert jax.tree.structure(one[1]) == jax.tree.structure(other[1])
    pairs = zip(jax.tree.leaves(one[1]), jax.tree.leaves(other[1]), strict=True)
    return one[0] == other[0] and all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)


# -- environments -----------------------------------------------------------------------------------------------------


def test_environments_by_name():
    assert {"MultiWarehouse-v0", "SingleItem-v0"} <= set(registered())
    assert registered() == sorted(registered())
    env, params = make("SingleItem-v0", lead_time=3, horizon=9)
    assert env == SingleItem(lead_time=3, horizon=9)
    assert same((env, params), (env, env.default_params()))
    assert make("MultiWarehouse-v0", num_skus=2)[0] == MultiWarehouse(num_skus=2)


def test_environments_can_be_added_once(monkeypatch):
    from jaxinv.env import registry

    monkeypatch.setattr(registry, "_ENVIRONMENTS", dict(registry._ENVIRONMENTS))
    register("Mine-v0", "jaxinv.env.single_item:SingleItem")
    assert make("Mine-v0", lead_time=1)[0] == SingleItem(lead_time=1)
    with pytest.raises(ValueError, match="environment 'Mine-v0' is registered already"):
        register("Mine-v0", "somewhere:Else")


@pytest.mark.parametrize("call", [make, lambda name: build(name, {})])
def test_a_name_that_does_not_exist(call):
    with pytest.raises(ValueError, match=f"no environment 'SingleItem'; registered are {', '.join(registered())}"):
        call("SingleItem")


# -- settings ---------------------------------------------------------------------------------------------------------


def test_settings_are_fields_of_the_class_and_of_its_parameters():
    env, params = build("SingleItem-v0", {**SETTINGS, "horizon": 10, "discount": 0.5})
    assert env == SingleItem(lead_time=2, horizon=10)
    meant = env.make_params(demand=Poisson(5.0), stockout_cost=4.0, discount=0.5)
    assert same((env, params), (env, meant))


def test_demand_may_be_a_process():
    uniform = UniformInteger(0.0, 4.0)
    env, params = build("SingleItem-v0", {"demand": uniform})
    assert params.demand is uniform
    cells = Poisson(np.ones((2, 3), np.float32))
    env, params = build("MultiWarehouse-v0", {"num_warehouses": 2, "num_skus": 3, "demand": cells})
    assert env.cells == params.demand.shape == (2, 3)


def test_no_settings_are_the_defaults():
    for name in registered():
        assert same(build(name, {}), make(name))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({**SETTINGS, "stock_cost": 1}, "SingleItem has no parameter 'stock_cost'; it has .*stockout_cost"),
        ({**SETTINGS, "lead_time": -1}, "SingleItem.lead_time must be a whole number >= 0, got -1"),
        ({**SETTINGS, "stockout_cost": -4}, "stockout_cost must be >= 0.0, got -4"),
        ({**SETTINGS, "stockout_cost": "four"}, "stockout_cost must be numeric, got 'four'"),
        ({**SETTINGS, "demand": "weibull"}, "demand must be one of poisson, .*; got 'weibull'"),
        ({**SETTINGS, "demand.rate": 5}, "demand.rate is not a number of poisson demand"),
        ({"demand.mean": 5}, "demand.mean needs demand to be the name of a kind"),
        ({**SETTINGS, "demand": Poisson(5.0)}, "demand.mean needs demand to be the name of a kind"),
        ({"demand": 5}, r"SingleItem.demand must be a demand process of shape \(\), got int"),
    ],
)
def test_settings_that_do_not_fit_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        build("SingleItem-v0", settings)


# -- instances --------------------------------------------------------------------------------------------------------


def test_instances_say_what_they_are():
    families = {i.family for i in instances("SingleItem-v0")}
    assert families >= {"zipkin2008", "temizoz2025", "bijvank2015", "zheng1991", "snyder2019"}
    assert len({(i.env, i.name) for i in instances()}) == len(instances())
    for instance in instances():
        assert instance.env in registered()
        assert instance.source
        assert instance.criterion in CRITERIA
        assert find(instance.env, instance.name) is instance
    assert instances("Nothing-v0") == []


@pytest.mark.parametrize("instance", instances("SingleItem-v0"), ids=lambda i: i.name)
def test_an_instance_is_made_of_its_settings(instance):
    env, params = made = make(instance.env, instance=instance.name)
    assert same(made, build(instance.env, instance.settings))
    cut_at_0 = 1e-4 if instance.settings["demand"] == "normal" else 1e-6  # which raises the mean a little
    assert params.demand.mean() == pytest.approx(instance.settings["demand.mean"], rel=cut_at_0)
    for key, value in instance.settings.items():
        if not key.startswith("demand"):
            held = getattr(env, key) if hasattr(env, key) else getattr(params, key)
            assert float(held) == pytest.approx(value)


def test_an_instance_can_be_changed():
    _, params = make("SingleItem-v0", instance="bijvank2015/K5", fixed_order_cost=0.0)
    env, _ = make("SingleItem-v0", instance="bijvank2015/K5", lead_time=3)
    assert params.fixed_order_cost == 0.0
    assert params.stockout_cost == 14.0
    assert env.lead_time == 3


@pytest.mark.parametrize("instance", instances(), ids=lambda i: f"{i.env}-{i.name}")
def test_figures_fit_together(instance):
    """No heuristic beats an optimum, values have the digits they claim, and what is best is that."""
    known = [figure for figure in instance.figures if figure.value is not None]
    for figure in known:
        assert figure.digits >= (figure.printed or 0)
        assert round(figure.value, figure.digits) == pytest.approx(figure.value, abs=1e-12)
    heuristics = [figure for figure in known if figure.quantity not in ("optimum", "lower bound")]
    best = instance.best_heuristic
    assert (best is None) == (not heuristics)
    if best is not None:
        assert all(figure.value >= best.value for figure in heuristics)
        if instance.optimum is not None:
            # Half a unit of the last digit, of both.
            assert best.value >= instance.optimum - 0.5 * 10.0**-best.digits - 1e-6


def test_what_is_known_of_an_instance():
    zipkin = find("SingleItem-v0", "zipkin2008/poisson-p4-L4")
    assert zipkin.optimum == 4.72853  # Zipkin (2008), table 3: 4.73
    assert zipkin.best_heuristic == Figure("CappedBaseStock", 4.7978, 4, None, {"level": 26, "cap": 5})
    unsolved = Instance("SingleItem-v0", "mine/one", {}, "nowhere")
    assert unsolved.optimum is unsolved.best_heuristic is None
    assert unsolved.family == "mine"


def test_zipkins_table_is_complete():
    names = {i.name for i in instances("SingleItem-v0") if i.family == "zipkin2008"}
    table = itertools.product(("poisson", "geometric"), (4, 9, 19, 39), (1, 2, 3, 4))
    assert names == {f"zipkin2008/{law}-p{penalty}-L{lead_time}" for law, penalty, lead_time in table}


def test_an_instance_that_does_not_exist():
    with pytest.raises(ValueError, match="SingleItem-v0 has no instance 'zipkin2008'; it has zipkin2008/poisson-p4-L1"):
        make("SingleItem-v0", instance="zipkin2008")
    with pytest.raises(ValueError, match="MultiWarehouse-v0 has no instance 'x'; it has none"):
        make("MultiWarehouse-v0", instance="x")
