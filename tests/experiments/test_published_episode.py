"""Costs of an episode in the table of published values: exact and simulated."""

import pytest

from experiments.published import Problem
from jaxinv.env import Instance
from jaxinv.env.instances import find
from jaxinv.policies import BaseStock


def test_the_board_run_of_the_beer_game_is_in_the_table():
    problem = Problem(find("BeerGame-v0", "sterman1989/board"), 1e6, 2)
    rule, _ = problem.rows()
    assert (rule.published, rule.computed, rule.agrees) == (204, 204, True)
    assert rule.quantity == "AnchorAndAdjust(level=28 28 28 20, opening=5)"


def test_an_episode_is_solved_without_discount():
    """Three newsvendors: with 2 units for a demand of 0, 1, 2 or 3, each costs (2 + 1 + 0 + 2) / 4."""
    settings = {
        "demand": "uniform", "demand.low": 0, "demand.high": 3, "lead_time": 0, "stockout_cost": 2, "discount": 0.5,
        "initial_inventory": 0, "max_steps_in_episode": 3,
    }  # fmt: skip
    problem = Problem(Instance("SingleItem-v0", "given/newsvendor", settings, "none", criterion="episode"), 1e6, 2)
    assert problem.optimum() == pytest.approx(3 * 1.25)
    assert problem.cost(BaseStock(level=2.0)) == (pytest.approx(3 * 1.25), None)
