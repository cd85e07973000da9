"""Panels cut by date: no episode leaves its dates, and a real panel runs through a chain of warehouses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.data import DemandPanel, load_panel, replay_windows
from jaxinv.env.multi_sku import MultiSku
from jaxinv.evaluate import evaluate, sample_paths
from jaxinv.policies import BaseStock, chain_sizing

DAYS = 90


def panel():
    """Every day sells its own number: demand tells the row."""
    rows = np.arange(DAYS, dtype=np.float32)[:, None, None]
    return DemandPanel(
        quantity=np.broadcast_to(rows * [1.0, 2.0], (DAYS, 3, 2)),
        dates=np.datetime64("2024-01-01") + np.arange(DAYS),
        locations=("a", "b", "c"),
        skus=("x", "y"),
    )


CUTS = {"validation": "2024-02-20", "test": "2024-03-10"}  # rows 50 and 69


def test_episodes_stay_within_their_dates_and_begin_on_all_of_them():
    windows = replay_windows(panel(), **CUTS, length=10, history=7)
    assert list(windows) == ["train", "validation", "test"]
    env = MultiSku(num_skus=2)
    params = env.make_params(demand=windows["train"], max_steps_in_episode=10)

    @jax.jit
    def rows(u, params):  # of the episode that begins by u, told by its demand, of three locations together
        state = env.init_state(u, params)
        path = env.sample_path(jax.random.key(0), state, params, 10)
        return path.demand[:, 0] / 3.0

    uniforms = jnp.linspace(0.0, 1.0, 101, endpoint=False)[:, None]
    for name, (begin, end) in {"train": (7, 50), "validation": (50, 69), "test": (69, 90)}.items():
        seen = jax.vmap(rows, in_axes=(0, None))(uniforms, params.replace(demand=windows[name]))
        assert (jnp.diff(seen, axis=1) == 1).all()
        assert set(np.unique(seen[:, 0])) == set(range(begin, end - 9))
        assert (seen.min(), seen.max()) == (begin, end - 1)


def test_the_three_share_their_arrays():
    windows = replay_windows(panel(), **CUTS, length=10)
    assert windows["train"].quantity is windows["validation"].quantity is windows["test"].quantity
    assert windows["test"].start_day == panel().start_day


def test_scales_are_those_of_the_whole_panel():
    """Not of its first weeks, in which most items of a shop may not have been sold at all."""
    shop = load_panel("online_retail")
    windows = replay_windows(shop, validation="2011-06-01", test="2011-09-01", length=60)
    params = MultiSku(num_skus=len(shop.skus)).make_params(demand=windows["train"])
    mean = shop.quantity.sum(1).mean(0)
    np.testing.assert_allclose(params.demand_scale, np.maximum(mean, 0.1), rtol=1e-5)
    first_weeks = np.maximum(shop.quantity[:28].sum(1).mean(0), 0.1)
    assert (mean / first_weeks).max() > 50.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"length": 20}, "validation has 19 periods, too few for length 20"),
        ({"length": 0}, "train has 22 periods, too few for length 0"),
        ({"history": 45}, "train has 5 periods, too few for length 10"),
        ({"history": 0}, "history must be at least 1, got 0"),
        ({"test": "2024-02-01"}, "validation has 0 periods"),
        ({"test": "soon"}, "a date must be like"),
    ],
)
def test_what_does_not_fit_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        replay_windows(panel(), **{**CUTS, "length": 10, **changes})


def test_a_real_panel_runs_through(key):
    """200 gifts of an online shop in two warehouses, levels from its training dates, judged on its test dates."""
    shop = load_panel("online_retail")
    cuts = {"validation": "2011-06-01", "test": "2011-09-01"}
    windows = replay_windows(shop, **cuts, length=60)
    sold = shop.between(end=cuts["validation"]).quantity.sum(1)
    env = MultiSku(num_skus=200, num_echelons=2, max_lead_time=3)
    scale = np.maximum(sold.mean(0), 0.1)
    params = env.make_params(demand=windows["train"], demand_scale=scale, initial_stock=8 * scale, lead_time=[[2], [3]])
    policy = BaseStock.from_factors(chain_sizing(env, params, jnp.asarray(sold)), safety=jnp.float32(0))
    params = params.replace(demand=windows["test"])
    result = evaluate(policy, env, params, sample_paths(env, params, key, 3, 60))
    on_test_dates = shop.between(start=cuts["test"]).quantity.sum((1, 2))
    assert on_test_dates.min() <= result.units["demanded"] <= on_test_dates.max()
    assert 0.5 < result.fill_rate < 1.0
