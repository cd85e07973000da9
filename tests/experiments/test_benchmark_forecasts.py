"""The forecast table: what is compared, what rows hold, and that settings that cannot be are refused."""

import importlib.util
import json

import numpy as np
import pytest

from experiments import benchmark_forecasts, forecasters
from experiments.benchmark_forecasts import Config, run
from experiments.forecast_table import markdown

SALES = ["date,location,sku,quantity"]
RNG = np.random.default_rng(0)
for day in np.arange("2024-01-01", "2024-04-29", dtype="datetime64[D]"):
    SALES += [f"{day},s,{sku},{RNG.poisson(2 + 3 * sku)}" for sku in range(3)]


@pytest.fixture
def sales(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text("\n".join(SALES))
    return str(path)


def test_rows_are_paired_with_the_best_classical_method(sales, tmp_path):
    only = ("naive", "exponential smoothing")
    rows = run(Config(demand=(sales,), only=only, test_days=28, num_paths=10, out=tmp_path), lambda line: None)
    assert json.loads((tmp_path / "forecasting.json").read_text()) == rows
    assert [row["forecaster"] for row in rows] == list(only)
    assert {row["panel"] for row in rows} == {"sales"}
    naive, smooth = rows
    assert (naive["series"], naive["periods"], naive["dates"], naive["horizon"]) == (3, 91, 3, 14)
    assert naive["best_classical"] == "exponential smoothing"
    mean, low, high = naive["against_best"]["wql"]
    assert mean == pytest.approx(naive["scores"]["wql"][0] - smooth["scores"]["wql"][0], abs=1e-6)
    assert low < mean < high
    assert mean > 0
    page = (tmp_path / "forecasting.md").read_text()
    assert page == markdown(rows)
    assert f"| naive | {naive['scores']['wql'][0]:.4f} | {mean:+.4f} ({low:+.4f} to {high:+.4f}) |" in page


def test_who_is_there_to_compare():
    one = forecasters.candidates(Config(), None, [], 14)
    assert list(one) == [*forecasters.CLASSICAL, *forecasters.NETWORKS, "pool"]
    assert list(forecasters.candidates(Config(), None, [None], 14))[-2:] == ["zero-shot", "tuned"]
    assert list(forecasters.candidates(Config(only=("gru",)), None, [None], 14)) == ["gru"]
    for name in forecasters.CLASSICAL:
        assert type(forecasters.classical(name, 7)).__name__.lower() == name.replace(" ", "").replace("-", "")
    assert forecasters.neural(Config(steps=5), 9, "Transformer").horizon == 9


def test_the_largest_series_are_read(sales):
    panel = forecasters.read(sales, {}, 2)
    assert panel.skus == ("2", "1")
    assert forecasters.name_of("a/b/sales.csv.gz") == "sales"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"horizon_days": 10}, "horizon_days must be whole weeks, a multiple of 7; got 10"),
        ({"test_days": 7}, "test_days must be at least horizon_days = 14, got 7"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Config(**fields)


def test_too_few_dates_are_refused(sales, tmp_path):
    with pytest.raises(ValueError, match="test_days = 112 leaves 7 periods of sales to fit to"):
        run(Config(demand=(sales,), out=tmp_path))


@pytest.mark.skipif(importlib.util.find_spec("statsforecast") is not None, reason="statsforecast is installed")
def test_peers_that_are_not_installed_are_said_so(sales, tmp_path):
    with pytest.raises(ValueError, match="peers needs statsforecast, which is not installed"):
        run(Config(demand=(sales,), peers=True, out=tmp_path))


@pytest.mark.skipif(importlib.util.find_spec("statsforecast") is None, reason="needs the extra forecast-peers")
def test_peers_are_scored_alike(sales):
    """statsforecast's seasonal naive has the errors of ours."""
    from experiments import forecast_peers
    from jaxinv.forecast import SeasonalNaive, backtest

    panel = forecasters.read(sales, {}, 3)
    theirs = forecast_peers.backtests(panel, 7, 91, 7)
    assert set(theirs) == {f"statsforecast {name}" for name in ("AutoETS", "CrostonSBA", "SeasonalNaive")}
    ours = backtest(SeasonalNaive().fit(panel), panel, 7, first=91, every=7)
    test, _ = theirs["statsforecast SeasonalNaive"]
    for part in ("demand", "periods"):
        np.testing.assert_allclose(test.sums[part], ours.sums[part])
    assert 0.5 < float(test.score("wql").mean) / float(ours.score("wql").mean) < 1.5


def test_presets_are_known():
    assert benchmark_forecasts.PRESETS["smoke"].steps < benchmark_forecasts.PRESETS["default"].steps
