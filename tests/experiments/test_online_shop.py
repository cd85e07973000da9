"""The embedded online shop as an environment: fitted and replayed demand, what is refused, and prices learned in it."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import sac_pricing
from experiments.online_shop import OnlineShopConfig, build
from jaxinv.data import load_panel
from jaxinv.evaluate import evaluate, sample_paths
from jaxinv.policies.ecommerce import StaticPrice

CONFIG = OnlineShopConfig(skus=3, lead_time=2)


@pytest.fixture(scope="module")
def shop():
    return build(load_panel("online_retail").select(skus=list(range(8))), CONFIG)


def test_demand_and_prices_are_those_of_the_panel(shop):
    panel, params = shop.train_panel, shop.train_params
    assert shop.env.lanes == (2, 4, 3)
    assert (panel.price.min((0, 1)) <= params.reference_price).all()
    assert (params.reference_price <= panel.price.max((0, 1))).all()
    mean = np.asarray(params.demand.mean())
    np.testing.assert_allclose(mean.sum(0), np.asarray(shop.fitted.process.mean())[0], rtol=1e-4)
    np.testing.assert_allclose(mean / mean.sum(0), np.array(CONFIG.regions)[:, None] * np.ones((1, 3)), rtol=1e-4)
    # The fit knows Saturdays, on which the shop is closed, and no holidays.
    saturday = (panel.start_day + np.arange(len(panel.dates))) % 7 == 5
    usual = saturday[:, None, None] | panel.available
    np.testing.assert_allclose(mean.sum(0), panel.quantity.sum((0, 1)) / usual.sum((0, 1)), rtol=0.01)


def test_the_replay_is_the_held_out_demand_at_the_reference_price(shop):
    """At the price of the day it is what was sold, but for the rounding in four regions."""
    params, panel = shop.test_params, shop.test_panel
    days = len(panel.dates)
    assert panel.dates[0] > shop.train_panel.dates[-1]
    trace = params.demand

    @jax.jit
    def demand(u, day, price):
        law = trace.law(trace.init(jnp.zeros(1)).replace(day=trace.start_day + day))
        return params.response.law(law, price, params.reference_price, jnp.ones((4, 1))).quantile(u)

    u = jax.random.uniform(jax.random.key(0), (days, 4, 3))
    replayed = jax.vmap(demand)(u, jnp.arange(days), jnp.asarray(panel.price[:, 0]))
    # A number rounded at random has a variance of at most 1/4: 380 of them per SKU, 4 standard errors.
    np.testing.assert_allclose(replayed.sum((0, 1)), panel.quantity.sum((0, 1)), atol=4 * np.sqrt(days * 4 / 4))


@pytest.mark.parametrize("which", ["train_params", pytest.param("test_params", marks=pytest.mark.slow)])
def test_policies_run_on_it(shop, which):
    params = getattr(shop, which)
    level = 1.5 * (CONFIG.lead_time + 1) * np.asarray(params.demand_scale)[None].repeat(2, 0)
    paths = sample_paths(shop.env, params, jax.random.key(0), 2, len(shop.test_panel.dates))
    evaluation = evaluate(StaticPrice(level=level), shop.env, params, paths)
    assert 0.3 < evaluation.fill_rate < 1.0
    assert np.isfinite(evaluation.cost).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"skus": 9}, r"env.skus must be in 1..8, what the panel holds; got 9"),
        ({"regions": (0.5, 0.6)}, r"env.regions must be positive and sum to 1, got \(0.5, 0.6\)"),
        ({"test_days": 730}, "env.test_days must leave 28 of 739 days to train on; got 730"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    panel = load_panel("online_retail").select(skus=list(range(8)))
    with pytest.raises(ValueError, match=message):
        build(panel, dataclasses.replace(CONFIG, **change))
    with pytest.raises(ValueError, match="needs a panel with a price"):
        build(dataclasses.replace(panel, price=None), CONFIG)


def test_some_held_out_days_must_be_counted():
    with pytest.raises(ValueError, match="warmup_days must leave some of the 95 held-out days, got 95"):
        sac_pricing.Config(warmup_days=95)


@pytest.mark.slow
def test_the_job_writes_what_it_documents(tmp_path):
    job = [sys.executable, "-m", "experiments.sac_pricing", "--preset", "smoke", "--out", str(tmp_path)]
    subprocess.run(job, check=True, cwd=Path(__file__).parents[2])
    result = json.loads((tmp_path / "result.json").read_text())
    assert list(result["learners"]) == ["sac"]
    for entry in result["policies"].values():
        np.testing.assert_allclose(sum(entry["cost_by_cause"].values()), entry["cost_mean"], rtol=1e-4)
        assert entry["cost_mean"] < 0 < entry["fill_rate"]  # it earns
    names = ["cost_by_cause", "learning_curve", "policy_map", "prices", "stock"]
    assert sorted(path.stem for path in (tmp_path / "figures").glob("*.png")) == names
