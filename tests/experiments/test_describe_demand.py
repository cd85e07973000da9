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
    path = run(Config(sales(tmp_path / "sales.csv"), out=tmp_path), Console(file=text, width=200))
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
    ):
        assert part in told
    assert path.name == "sales.png"
    assert path.stat().st_size > 10_000


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
