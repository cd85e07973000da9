"""Figures and the table say what they were given."""

import io

import numpy as np
import pytest
from rich.console import Console

from jaxinv import report

CAUSES = {"holding": 3.0, "stockout": 2.0, "revenue": -1.0, "transfer": 0.0}


def entry(cost, difference):
    return {
        "cost_mean": cost,
        "cost_ci95": [cost - 1, cost + 1],
        "fill_rate": 0.9,
        "service_level": 0.8,
        "cost_by_cause": CAUSES,
        "difference_to_best_heuristic": {"mean": difference, "ci95": [difference - 0.5, difference + 0.5]},
    }


def text(result, **options):
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(report.comparison_table(result, **options))
    return console.export_text()


def test_the_table_is_sorted_and_relative_to_the_best_heuristic():
    result = {
        "policies": {"base_stock": entry(100.0, 0.0), "ppo": entry(95.0, -5.0)},
        "best_heuristic": "base_stock",
        "lower_bound": 60.0,
    }
    shown = text(result)
    rows = [line for line in shown.splitlines() if line.startswith("│")]
    assert [row.split()[1] for row in rows] == ["ppo", "base_stock", "lower"]
    assert "-5.0 % (-5.5 to -4.5)" in shown
    assert "60.0" in shown
    assert "holding" in shown
    assert "transfer" not in shown  # nothing was transferred


def test_profit_is_cost_with_the_other_sign():
    """More of it is better, and gains by cause are positive."""
    result = {
        "policies": {"static": entry(-100.0, 0.0), "sac": entry(-104.0, -4.0)},
        "learners": {"sac": {}},
        "best_heuristic": "static",
        "lower_bound": None,
    }
    shown = text(result, profit=True)
    assert "103.0 to 105.0" in shown
    assert "+4.0 % (+3.5 to +4.5)" in shown
    assert "-2.0" in shown  # the stock-out cost
    causes = report.cost_by_cause({"a": CAUSES}, profit=True).axes[0]
    assert causes.texts[0].get_text().strip() == "-4.0"
    assert causes.get_xlabel() == "profit per period"
    axes = report.learning_curve([1, 2], [-3.0, -5.0], {"static": -4.0}, profit=True).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [3, 5])
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [4, 4])


def test_cost_by_cause_stacks_to_the_total():
    figure = report.cost_by_cause({"a": CAUSES, "b": {**CAUSES, "holding": 5.0}}, bound=1.0)
    axes = figure.axes[0]
    assert {t.get_text().strip() for t in axes.texts} == {"4.0", "6.0"}
    widths = sum(bar.get_width() for bars in axes.containers for bar in bars)
    assert widths == pytest.approx(4.0 + 6.0)


def test_more_causes_and_policies_than_colours():
    """All are drawn; bars that share a colour differ in their hatch."""
    causes = {f"cause {i}": 1.0 for i in range(len(report.figures.COLOURS) + 2)}
    bars = [bar for bars in report.cost_by_cause({"a": causes}).axes[0].containers for bar in bars]
    assert len(bars) == len(causes)
    assert len({(bar.get_facecolor(), bar.get_hatch()) for bar in bars}) == len(causes)
    series = {"shock": {"cost": np.ones(3)}, "calm": {"cost": np.ones(3)}}
    figure = report.shock_response(np.arange(3), dict.fromkeys(causes, series), 1)
    assert {line.get_label() for line in figure.axes[0].lines} >= set(causes)


def test_learning_curve_shows_the_median_over_seeds():
    costs = np.array([[9.0, 7.0, 8.0], [5.0, 4.0, 6.0], [3.0, 1.0, 2.0], [3.0, 1.0, 2.0]])
    axes = report.learning_curve([1, 2, 3, 4], costs, {"base_stock": 2.5}).axes[0]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [8, 5, 2, 2])
    assert axes.get_ylim()[0] < 2.0


def test_several_learners_have_a_curve_each():
    axes = report.learning_curve({"a": [1, 2], "b": [2, 4]}, {"a": [5.0, 3.0], "b": [6.0, 2.0]}, {}).axes[0]
    assert {line.get_label(): line.get_xdata().tolist() for line in axes.lines} == {"a": [1, 2], "b": [2, 4]}


def test_decisions_over_time_has_a_panel_per_item_and_a_line_per_policy():
    panels = {"one": {"a": np.arange(3.0), "b": np.ones(3)}, "two": {"a": np.zeros(3), "b": np.ones(3)}}
    figure = report.decisions_over_time(np.arange(3), panels, bars={"one": np.ones(3), "two": np.ones(3)})
    assert [axes.get_title() for axes in figure.axes if axes.get_title()] == ["one", "two"]
    assert [line.get_label() for line in figure.axes[0].lines] == ["a", "b"]


def test_stock_paths_has_a_row_per_cell_and_a_column_per_policy():
    series = {name: np.arange(6.0).reshape(3, 2) for name in ("on_hand", "demand", "orders")}
    dates = np.datetime64("2020-01-01") + np.arange(3) * np.timedelta64(1, "D")
    sent = {**series, "transfers": np.array([[0.0, 3.0], [5.0, 0.0], [0.0, 0.0]])}
    figure = report.stock_paths(dates, ["one", "two"], {"ppo": sent, "base_stock": series})
    assert [axes.get_title() for axes in figure.axes] == ["ppo: one", "base_stock: one", "ppo: two", "base_stock: two"]
    crosses = [[line.get_ydata() for line in axes.lines if line.get_marker() == "x"] for axes in figure.axes]
    assert crosses == [[5.0], [], [3.0], []]


def test_policy_map_uses_one_scale():
    maps = {"ppo": np.zeros((3, 2)), "base_stock": np.full((3, 2), 7.0)}
    figure = report.policy_map(np.arange(3), np.arange(2), maps)
    assert {axes.collections[0].get_clim() for axes in figure.axes[:2]} == {(0.0, 7.0)}
