"""Networks over time, what they put out, and the windows they see."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from forecast.panels import panel, random_panel
from scipy import stats

from jaxinv.forecast.networks import GRU, Convolution, Transformer
from jaxinv.forecast.outputs import Mixture
from jaxinv.forecast.training import Windows

SMALL = [GRU(8), Convolution(8, 4), Transformer(8, 2, 2, window=9)]
each = pytest.mark.parametrize("network", SMALL, ids=lambda network: type(network).__name__)


@each
def test_one_period_at_a_time_is_all_at_once(network, key):
    """Of two paths, of which one is the other's history changed."""
    context, horizon = 12, 6
    x = jax.random.normal(key, (2, context + horizon, 5))
    variables = jax.jit(network.init)(key, x)
    apply, step = jax.jit(network.apply), jax.jit(partial(network.apply, method="step"))
    whole, _ = apply(variables, x)
    _, memory = apply(variables, x[:, :context])
    own = network.apply(variables, memory, 2, horizon, method="begin")
    for i in range(horizon):
        paths = jnp.stack([x[:, context + i], 2.0 * x[:, context + i]], 1)
        output, own = step(variables, memory, own, paths, jnp.int32(i))
        np.testing.assert_allclose(output[:, 0], whole[:, context + i], rtol=2e-4, atol=2e-5)
        assert np.abs(output[:, 1] - output[:, 0]).max() > 1e-3


@each
def test_nothing_is_seen_ahead(network, key):
    x = jax.random.normal(key, (1, 20, 5))
    variables = jax.jit(network.init)(key, x)
    apply = jax.jit(network.apply)
    before, after = (apply(variables, each)[0] for each in (x, x.at[:, 13:].add(1.0)))
    np.testing.assert_array_equal(before[:, :13], after[:, :13])
    assert (before[:, 13:] != after[:, 13:]).any(-1).all()


MIXTURE = Mixture(
    log_weight=jnp.log(jnp.array([[0.2, 0.5, 0.3]])), mean=jnp.array([[3.0, 20.0]]), shape=jnp.array([[0.7, 5.0]])
)


def test_counts_are_a_mixture_of_negative_binomials():
    counts = np.arange(200)
    parts = [stats.nbinom(r, r / (r + m)).pmf(counts) for m, r in ((3.0, 0.7), (20.0, 5.0))]
    expected = 0.2 * (counts == 0) + 0.5 * parts[0] + 0.3 * parts[1]
    spread = jax.tree.map(lambda x: jnp.broadcast_to(x, (200, x.shape[1])), MIXTURE)
    found = jnp.exp(spread.log_prob(jnp.asarray(counts, jnp.float32), jnp.ones(200, bool)))
    np.testing.assert_allclose(found, expected, rtol=1e-3)  # float32 log-gammas of numbers up to 200


def test_other_demand_is_a_mixture_of_gammas():
    values = np.array([0.0, 0.3, 2.5, 17.0])
    parts = [stats.gamma(r, scale=m / r).pdf(values[1:]) for m, r in ((3.0, 0.7), (20.0, 5.0))]
    spread = jax.tree.map(lambda x: jnp.broadcast_to(x, (4, x.shape[1])), MIXTURE)
    found = jnp.exp(spread.log_prob(jnp.asarray(values, jnp.float32), jnp.zeros(4, bool)))
    np.testing.assert_allclose(found, [0.2, *(0.5 * parts[0] + 0.3 * parts[1])], rtol=1e-4)


@pytest.mark.parametrize("whole", [True, False])
def test_draws_have_the_mixtures_distribution(whole, key):
    count = 40_000
    spread = jax.tree.map(lambda x: jnp.broadcast_to(x, (count, x.shape[1])), MIXTURE)
    drawn = np.asarray(spread.quantile(*jax.random.uniform(key, (2, count)), jnp.bool_(whole)))
    assert (drawn == np.round(drawn)).all() == whole
    first, second = (
        (stats.nbinom(r, r / (r + m)) if whole else stats.gamma(r, scale=m / r)) for m, r in ((3.0, 0.7), (20.0, 5.0))
    )
    for y in (0, 1, 5, 20, 40):
        expected = 0.2 + 0.5 * first.cdf(y) + 0.3 * second.cdf(y)
        # Four standard errors of a share.
        assert np.mean(drawn <= y) == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / count) + 1e-4)


def cut(demand_panel, origin=40, series=2, prices_planned=False):
    windows = Windows.of([demand_panel], 16, 6, prices_planned)
    return jax.jit(Windows.window)(windows, jnp.int32(series), jnp.int32(origin))


def test_windows_are_the_series_around_a_date():
    demand = random_panel(periods=60)
    window = cut(demand)
    np.testing.assert_array_equal(window.demand, demand.quantity[24:46, 0, 2])
    np.testing.assert_array_equal(window.observed, demand.available[24:46, 0, 2])
    before, seen = demand.quantity[:40, 0, 2], demand.available[:40, 0, 2]
    expected = 0.9 * before[24:].sum() / seen[24:].sum() + 0.1 * before.sum() / seen.sum()
    assert float(window.scale) == pytest.approx(expected, rel=1e-5)


def test_early_windows_begin_before_the_series():
    """Of weeks too, where a year is shorter than a context."""
    for period in ("day", "week"):
        demand = random_panel(periods=60, period=period)
        windows = Windows.of([demand], 56, 6)
        window = jax.jit(Windows.window)(windows, jnp.int32(1), jnp.int32(5))
        np.testing.assert_array_equal(window.demand, [*[0.0] * 51, *demand.quantity[:11, 0, 1]])
        assert not window.observed[:51].any()


def test_inputs_are_free_of_scale():
    """But for the logarithm of the scale itself."""
    demand = random_panel(periods=60)
    larger = dataclasses.replace(demand, quantity=50.0 * demand.quantity)
    one, other = (cut(each).inputs() for each in (demand, larger))
    different = np.flatnonzero(np.abs(one - other).max(0) > 1e-4)
    assert len(different) == 1
    np.testing.assert_allclose((other - one)[:, different], np.log(50.0) / 4.0, rtol=1e-3)


def test_inputs_hold_no_demand_of_their_own_period_or_later():
    demand = random_panel(periods=60)
    for period in (40, 43, 45):
        changed = demand.quantity.copy()
        changed[period:] += 100.0
        one, other = (cut(each).inputs() for each in (demand, dataclasses.replace(demand, quantity=changed)))
        last = period - 24  # of the window, which begins at 24
        np.testing.assert_array_equal(one[: last + 1], other[: last + 1])
        assert last == 21 or (one[last + 1] != other[last + 1]).any()


def test_prices_ahead_are_read_only_where_they_are_planned():
    demand = random_panel(periods=60)
    price = np.full(demand.quantity.shape, 2.0)
    price[42:] = 1.0
    cheap = panel(demand.quantity, available=demand.available, price=price)
    same = panel(demand.quantity, available=demand.available, price=np.full(price.shape, 2.0))
    np.testing.assert_array_equal(cut(cheap).inputs(), cut(same).inputs())
    planned = cut(cheap, prices_planned=True).inputs() - cut(same, prices_planned=True).inputs()
    assert (np.abs(planned).max(1) > 0).tolist() == [False] * 18 + [True] * 4
    np.testing.assert_allclose(planned[18:].min(1), np.log(0.5), rtol=1e-5)


def test_dates_of_windows_lie_between_the_first_sale_and_the_end():
    quantity = np.zeros((50, 1, 3))
    quantity[20:, 0, 0] = quantity[:, 0, 1] = 4.0  # the third never sells
    windows = Windows.of([panel(quantity), random_panel(periods=90)], 16, 6)
    assert windows.first.tolist()[:2] == [29, 9]
    # Those that a network is judged by follow: the last sixth of the periods.
    assert windows.last.tolist() == [36] * 3 + [69] * 6
    assert windows.end.tolist() == [44] * 3 + [84] * 6
    chance = np.diff(windows.chance, prepend=0.0)
    roots = np.sqrt([4.0 * 30 / 50, 4.0, 0.0])
    np.testing.assert_allclose(chance[:3], 0.5 * roots / roots.sum(), atol=1e-6)
    assert chance[3:].sum() == pytest.approx(0.5, abs=1e-6)
    # Of its first series the last of 8 dates has a window that begins after the first sale, and each of those that are
    # held out: 42 to 44, whose periods ahead no other window holds.
    for sample, share in ((windows.sample, 1 / 8), (windows.sample_held_out, 1.0)):
        sampled = jax.vmap(sample)(jax.random.split(jax.random.key(0), 500))
        flat = np.asarray(sampled.demand == 4.0).all(1).mean()
        expected = chance[0] * share + chance[1]
        assert flat == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 500))  # standard errors


@pytest.mark.parametrize(
    ("panels", "message"),
    [
        ([], "panels must hold at least one panel"),
        ([random_panel(periods=7)], r"panels\[0\] has 7 periods, too few to learn 6 periods ahead"),
        ([random_panel(periods=99, period="week")], "horizon must be at most 52 periods, a year"),
        ([random_panel(), panel(np.zeros((40, 1, 1)))], r"panels\[1\] holds no sales"),
    ],
)
def test_panels_that_teach_nothing_are_refused(panels, message):
    horizon = 60 if "year" in message else 6
    with pytest.raises(ValueError, match=message):
        Windows.of(panels, 16, horizon)
