"""What is printed of an environment: its events, its numbers and what they mean."""

import io

import pytest
from rich.console import Console

from experiments.describe_env import Config, run
from jaxinv.env import make, registered
from jaxinv.report.describe import field_comments


def test_all_is_told(tmp_path):
    text = io.StringIO()
    config = Config("SingleItem-v0", instance="zipkin2008/poisson-p4-L4", out=tmp_path)
    path = run(config, Console(file=text, width=200))
    for part in (
        "Order of events",
        "stockout_cost",
        "on units lost, and on the backlog",
        "lead_time",
        "Poisson",
        ">= 0",
    ):
        assert part in text.getvalue()
    assert path.stat().st_size > 1000


@pytest.mark.parametrize("name", registered())
def test_every_parameter_has_a_meaning(name):
    _, params = make(name)
    comments = field_comments(type(params))
    assert {field for field in vars(params) if not comments.get(field)} == set()
