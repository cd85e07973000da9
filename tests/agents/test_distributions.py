import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxinv.agents import distributions
from jaxinv.env import spaces

SPACE = spaces.Tree({"choice": spaces.Discrete(4, (3,)), "level": spaces.Box(0.0, 10.0, (2, 2))})
BATCH = 6


@pytest.fixture
def heads():
    keys = jax.random.split(jax.random.key(0), 3)
    logits = jax.random.normal(keys[0], (BATCH, 3, 4))
    return logits, (jax.random.normal(keys[1], (BATCH, 2, 2)), 0.3 * jax.random.normal(keys[2], (BATCH, 2, 2)))


def test_entropy_of_choices_leaves_quantities_out(heads):
    logits, (mean, log_std) = heads
    found = distributions.choice_entropy(SPACE, distributions.distribution(SPACE, heads))
    wider = distributions.distribution(SPACE, (logits, (mean, log_std + 1.0)))
    np.testing.assert_array_equal(found, distributions.choice_entropy(SPACE, wider))
    log_probs = jax.nn.log_softmax(logits)
    np.testing.assert_allclose(found, -(np.exp(log_probs) * log_probs).sum((1, 2)), rtol=1e-5)


def test_choices_are_sampled_and_quantities_are_not(heads, key):
    logits, (mean, _) = heads
    distribution = distributions.distribution(SPACE, heads)
    noise = distributions.noise(SPACE, key, BATCH)
    action, log_prob = distributions.choose(SPACE, distribution, noise)
    np.testing.assert_array_equal(action["level"], mean)
    np.testing.assert_array_equal(action["choice"], distributions.sample(distribution, noise)["choice"])
    picked = np.take_along_axis(np.asarray(jax.nn.log_softmax(logits)), np.asarray(action["choice"])[..., None], -1)
    np.testing.assert_allclose(log_prob, picked[..., 0].sum(1), rtol=1e-5)


def test_log_prob_and_entropy_are_sums_over_all_entries(heads, key):
    logits, (mean, log_std) = heads
    distribution = distributions.distribution(SPACE, heads)
    action = distribution.sample(seed=key)
    assert action["choice"].shape == (BATCH, 3)
    assert action["level"].shape == (BATCH, 2, 2)

    log_probs = np.asarray(jax.nn.log_softmax(logits))
    picked = np.take_along_axis(log_probs, np.asarray(action["choice"])[..., None], -1).sum((1, 2))
    density = stats.norm(mean, np.exp(log_std)).logpdf(action["level"]).sum((1, 2))
    np.testing.assert_allclose(distribution.log_prob(action), picked + density, rtol=1e-5)

    entropy = -(np.exp(log_probs) * log_probs).sum((1, 2)) + stats.norm(mean, np.exp(log_std)).entropy().sum((1, 2))
    np.testing.assert_allclose(distribution.entropy(), entropy, rtol=1e-5)

    mode = distribution.mode()
    np.testing.assert_array_equal(mode["choice"], jnp.argmax(logits, -1))
    np.testing.assert_array_equal(mode["level"], mean)


def test_categorical_samples_have_their_probabilities(key):
    logits = jnp.log(jnp.array([0.5, 0.0, 0.3, 0.2]))
    n = 100_000
    draws = distributions.distribution(spaces.Discrete(4), (jnp.broadcast_to(logits, (n, 4)),)).sample(seed=key)
    frequency = np.bincount(draws, minlength=4) / n
    assert frequency[1] == 0
    np.testing.assert_allclose(frequency, [0.5, 0, 0.3, 0.2], atol=4 * 0.5 / n**0.5)  # four standard errors


def test_masked_choices_are_never_sampled_and_cost_no_probability(heads, key):
    logits, _ = heads
    space, mask = spaces.Discrete(4, (3,)), jnp.array([True, False, True, False])
    mask = jnp.broadcast_to(mask, logits.shape)
    distribution = distributions.distribution(space, (logits,), mask)
    draws = distribution.sample(seed=key, sample_shape=(200,))
    assert set(np.unique(draws)) == {0, 2}
    legal = distributions.distribution(spaces.Discrete(2, (3,)), (logits[..., ::2],))
    np.testing.assert_allclose(distribution.log_prob(draws[0]), legal.log_prob(draws[0] // 2), rtol=1e-5)
    np.testing.assert_allclose(distribution.entropy(), legal.entropy(), rtol=1e-5)

    def entropy(logits):
        return jnp.sum(distributions.distribution(space, (logits,), mask).entropy())

    gradient = jax.grad(entropy)(logits)
    assert jnp.isfinite(gradient).all()
    assert (gradient[~mask] == 0).all()


def test_mask_of_one_leaf_only(heads, key):
    mask = {"choice": jnp.ones((BATCH, 3, 4), bool).at[..., 0].set(False), "level": None}
    draws = distributions.distribution(SPACE, heads, mask).sample(seed=key)
    assert (draws["choice"] > 0).all()


@pytest.mark.parametrize(
    ("low", "high", "raw", "action"),
    [
        (0.0, 10.0, [0.0, 1.0, -1.0, 0.5, 3.0], [5.0, 10.0, 0.0, 7.5, 10.0]),
        (-4.0, -2.0, [0.0, 1.0, -9.0], [-3.0, -2.0, -4.0]),
        (0.0, np.inf, [-1.0, 0.0, 7.0], [0.0, 0.0, 7.0]),
        (-np.inf, 3.0, [-8.0, 4.0], [-8.0, 3.0]),
        (-np.inf, np.inf, [-8.0, 4.0], [-8.0, 4.0]),
    ],
)
def test_raw_boxes_are_in_half_ranges_from_the_middle(low, high, raw, action):
    space = spaces.Box(low, high, (len(raw),))
    got = distributions.to_env(space, jnp.array(raw))
    np.testing.assert_allclose(got, action)
    assert space.contains(got)


def test_bounds_may_differ_by_entry():
    space = spaces.Box(jnp.array([0.0, 0.0]), jnp.array([10.0, jnp.inf]), (2,))
    np.testing.assert_allclose(distributions.to_env(space, jnp.array([1.0, 1.0])), [10.0, 1.0])


def test_samples_lie_in_the_space(heads, key):
    raw = distributions.distribution(SPACE, heads).sample(seed=key)
    action = jax.vmap(distributions.to_env, in_axes=(None, 0))(SPACE, raw)
    assert all(SPACE.contains(jax.tree.map(lambda x, i=i: x[i], action)) for i in range(BATCH))
