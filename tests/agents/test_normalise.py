import jax
import jax.numpy as jnp
import numpy as np

from jaxinv.agents.normalise import CLIP, RunningStatistics

RNG = np.random.default_rng(1)


def test_batches_merge_to_the_statistics_of_all():
    batches = RNG.normal(3.0, 2.0, size=(6, 50, 4)).astype(np.float32) * np.float32([1, 10, 100, 1000])
    statistics = RunningStatistics.like(jnp.zeros(4), memory=100)
    for batch in batches:
        statistics = statistics.update(jnp.asarray(batch))
    everything = batches.reshape(-1, 4)
    np.testing.assert_allclose(statistics.mean, everything.mean(0), rtol=1e-5)
    np.testing.assert_allclose(statistics.variance, everything.var(0), rtol=1e-5)
    standard = statistics.standardise(jnp.asarray(everything))
    np.testing.assert_allclose(np.std(standard, 0), 1.0, rtol=1e-3)  # a few values are clipped at most


def test_cells_are_pooled_per_feature():
    batch = jnp.asarray(RNG.normal(size=(7, 3, 2, 5)), jnp.float32)  # 7 observations of 3 x 2 cells, 5 features
    statistics = RunningStatistics.like(batch[0], memory=10).update(batch)
    assert statistics.mean.shape == (5,)
    np.testing.assert_allclose(statistics.mean, np.mean(batch, (0, 1, 2)), atol=1e-6)
    one = statistics.standardise(batch[0])
    np.testing.assert_array_equal(one, statistics.standardise(batch)[0])


def test_trees_and_scalars():
    observation = {"a": jnp.zeros(3), "b": jnp.zeros(())}
    batch = {"a": jnp.ones((5, 3)), "b": jnp.arange(5.0)}
    statistics = RunningStatistics.like(observation, memory=10).update(batch)
    assert statistics.mean["b"] == 2.0
    assert statistics.variance["b"] == 2.0
    assert jax.tree.structure(statistics.standardise(batch)) == jax.tree.structure(batch)


def test_old_batches_are_forgotten():
    statistics = RunningStatistics.like(jnp.zeros(1), memory=10)
    for i in range(60):
        mean = 1e4 if i < 5 else 0.0
        statistics = statistics.update(mean + jnp.array([[-1.0], [1.0]]))
    np.testing.assert_allclose(statistics.mean, 1e4 * 0.5 * 0.9**50, rtol=1e-3)


def test_counting_does_not_saturate():
    late = RunningStatistics.like(jnp.zeros(1), memory=10).replace(batches=jnp.int32(2**30))
    np.testing.assert_allclose(late.update(jnp.full((4, 1), 5.0)).mean, 0.5)


def test_constant_features_are_centred_only():
    batch = jnp.array([[0.0, 1e5], [0.0, 1e5]])
    statistics = RunningStatistics.like(jnp.zeros(2), memory=10).update(batch)
    np.testing.assert_array_equal(statistics.standardise(jnp.array([1.0, 1e5 + 1])), [1.0, 1.0])


def test_outliers_are_clipped():
    statistics = RunningStatistics.like(jnp.zeros(1), memory=10).update(jnp.array([[-1.0], [1.0]]))
    np.testing.assert_array_equal(statistics.standardise(jnp.array([1e6])), [CLIP])
