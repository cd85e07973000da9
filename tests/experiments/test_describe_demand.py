"""What is told of a file of sales, and the drawing."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from experiments import describe_demand
from experiments.describe_demand import Config, run


def sales(path, days=400):
    rng = np.random.default_rng(0)
    lines = ["date,store,item,quantity,price,promo,sun"]
    for t, date in enumerate(np.datetime64("2023-01-01") + np.arange(days)):
        for item, level in (("a", 9.0), ("b", 0.2)):
            promo = t % 10 == 0
            price = 2.0 - 0.5 * promo
            quantity = rng.poisson(level * (1.5 if promo else 1.0) * (2.0 if t % 7 == 5 else 1.0))
            lines.append(f"{date},s,{item},{quantity},{price},{int(promo)},{t % 3}")
    path.write_text("\n".join(lines))
    return path


def test_all_is_told_and_drawn(tmp_path):
    text = io.StringIO()
    config = Config(
        sales(tmp_path / "sales.csv"), held_out=100, lead_times=(1, 3), recent=60, prices=True, shut=True, out=tmp_path
    )
    path = run(config, Console(file=text, width=200))
    told = text.getvalue()
    for part in (
        "quantity: 'quantity', by name",
        "2 in 1 locations x 2 SKUs",
        "400 days, 2023-01-01 to 2024-02-04",
        "0 days without anything on sale",
        "1 smooth, 1 intermittent",
        "10.0% of days; sales 1.",
        "Mon 0.",
        "Dec ",
        "Best of 2 series by BIC",
        "share of zeros",
        "1: quantile 0.9",
        "3: coverage of 0.95",
    ):
        assert part in told
    # 60 days of 9 units tell the mean to 4 %, and 100 days held out to 3 %.
    mean = next(line for line in told.splitlines() if line.strip(" │").startswith("mean "))
    assert mean.count("yes") == 2
    assert path.name == "sales.png"
    assert path.stat().st_size > 10_000


def test_what_is_held_out_must_be_there(tmp_path):
    path = sales(tmp_path / "sales.csv")
    for changes, message in (({"held_out": 400}, "held_out must be below the 400 days"), ({"recent": -1}, "recent")):
        with pytest.raises(ValueError, match=message):
            run(Config(path, out=tmp_path, **changes), Console(file=io.StringIO()))


def test_embedded_panels_and_money(tmp_path):
    text = io.StringIO()
    run(Config(Path("online_retail"), fit=0, out=tmp_path), Console(file=text, width=200))
    assert "135 days without anything on sale" in text.getvalue()
    path = tmp_path / "totals.csv"
    path.write_text("Date,Store,Sales\n2024-01-01,1,5\n2024-01-02,1,7\n2024-01-03,1,0\n")
    with pytest.raises(ValueError, match="looks like revenue"):
        run(Config(path, out=tmp_path), Console(file=text, width=200))
    run(Config(path, revenue=True, out=tmp_path), Console(file=text, width=200))
    assert "money per day" in text.getvalue()


def test_the_command_ends_with_what_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["describe_demand", str(tmp_path / "none.csv"), "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"error: there is no sales file .*none.csv"):
        describe_demand.main()
