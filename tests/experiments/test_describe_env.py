"""What is printed of an environment: its events, its numbers and what they mean."""

import io

import pytest
from rich.console import Console

from experiments.describe_env import Config, run
from jaxinv.demand import Modulated, Poisson, Weekly
from jaxinv.env import make, registered
from jaxinv.report.describe import _short, field_comments, parameter_table, space_table, structure_table


def test_all_is_told(tmp_path):
    text = io.StringIO()
    config = Config("SingleItem-v0", instance="zipkin2008/poisson-p4-L4", out=tmp_path)
    path = run(config, Console(file=text, width=200))
    for part in (
        "Order of events",
        "stockout_cost",
        "on units lost, and on the backlog",
        "lead_time",
        "Poisson(rate=5)",
        ">= 0",
    ):
        assert part in text.getvalue()
    assert path.stat().st_size > 1000


def test_numbers_of_structures_and_processes():
    """Of a topology who is in it, of demand that is made of another its parts, of what does not bind that."""
    env, params = make("SupplyNetwork-v0")
    text = io.StringIO()
    for table in (structure_table(env), parameter_table(params), space_table(env, params)):
        Console(file=text, width=250).print(table)
    told = text.getvalue()
    assert "nodes=(retailer, factory1, factory2)" in told
    assert "factory1->retailer" in told
    assert "M, K = (1, 1)" in told
    assert "0 to unlimited" in told
    assert "1e+09" not in told
    demand = Modulated(Poisson(5.0), (Weekly(profile=[0.5] * 5 + [2.0] * 2),))
    assert _short(demand).startswith("Modulated(base=Poisson(rate=5), modifiers=(Weekly(profile=0.5 to 2)), ")


@pytest.mark.parametrize("name", registered())
def test_every_parameter_and_static_field_has_a_meaning(name):
    for described in make(name):
        comments = field_comments(type(described))
        assert {field for field in vars(described) if not comments.get(field)} == set()
