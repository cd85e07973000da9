import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.agents import returns

DISCOUNT, LAMBDA = 0.9, 0.7


def slow_advantages(reward, value, next_value, terminated, truncated):
    """One environment, one step after the other, by the definition: a sum of discounted errors up to the end of the
    episode."""
    advantages = []
    for start in range(len(reward)):
        total, weight = 0.0, 1.0
        for t in range(start, len(reward)):
            future = 0.0 if terminated[t] else next_value[t]
            total += weight * (reward[t] + DISCOUNT * future - value[t])
            weight *= DISCOUNT * LAMBDA
            if terminated[t] or truncated[t]:
                break
        advantages.append(total)
    return advantages


@pytest.mark.parametrize(
    ("terminations", "truncations"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.3), (0.2, 0.2)], ids=lambda p: str(p)
)
def test_advantages_are_those_of_a_slow_loop(terminations, truncations):
    length, envs = 40, 5
    rng = np.random.default_rng(0)
    reward, value, next_value = rng.normal(size=(3, length, envs))
    kind = rng.random((length, envs))
    terminated, truncated = kind < terminations, kind > 1 - truncations
    got = returns.generalised_advantages(
        *(jnp.asarray(x, jnp.float32) for x in (reward, value, next_value)),
        jnp.asarray(terminated),
        jnp.asarray(truncated),
        DISCOUNT,
        LAMBDA,
    )
    want = [
        slow_advantages(*(x[:, i] for x in (reward, value, next_value, terminated, truncated))) for i in range(envs)
    ]
    np.testing.assert_allclose(got, np.array(want).T, atol=1e-5)  # sums of about ten float32 terms of order one


def test_termination_ignores_the_next_value_and_truncation_does_not():
    def advantage(terminated, truncated):
        one = jnp.ones(1)
        return returns.generalised_advantages(
            one, 0 * one, 10 * one, jnp.array([terminated]), jnp.array([truncated]), 0.5, 1.0
        )[0]

    assert advantage(True, False) == 1.0
    assert advantage(False, True) == advantage(False, False) == 6.0


def test_discounted_sums_carry_on_and_begin_anew():
    reward = jnp.arange(1.0, 7.0)
    done = jnp.array([False, False, True, False, False, False])
    last, sums = returns.discounted_sums(jnp.float32(10), reward, done, 0.5)
    np.testing.assert_allclose(sums, [6, 5, 5.5, 4, 7, 9.5])
    assert last == 9.5
    first, head = returns.discounted_sums(jnp.float32(10), reward[:3], done[:3], 0.5)
    _, tail = returns.discounted_sums(first, reward[3:], done[3:], 0.5)
    np.testing.assert_array_equal(jnp.concatenate([head, tail]), sums)


def test_gradients_are_finite():
    def total(value):
        done = jnp.array([False, True, False])
        return jnp.sum(returns.generalised_advantages(value, value, value, done, ~done, 0.9, 0.9))

    assert jnp.isfinite(jax.grad(total)(jnp.ones(3))).all()


def slow_n_step(reward, terminated, truncated):
    """One window, one period after the other."""
    total, weight = 0.0, 1.0
    for t in range(len(reward)):
        total += weight * reward[t]
        weight *= DISCOUNT
        if terminated[t] or truncated[t]:
            break
    return total, t, 0.0 if terminated[t] else weight


@pytest.mark.parametrize("n", [1, 3])
def test_n_step_sums_are_those_of_a_slow_loop(n):
    """In windows with all combinations of going on, being cut off and terminating."""
    ends = np.array(np.meshgrid(*[range(3)] * n)).reshape(n, -1)
    terminated, truncated = ends == 1, ends == 2
    reward = np.random.default_rng(0).normal(size=ends.shape)
    total, last, bootstrap = returns.n_step_sums(
        jnp.asarray(reward, jnp.float32), jnp.asarray(terminated), jnp.asarray(truncated), DISCOUNT
    )
    want = np.array([slow_n_step(reward[:, i], terminated[:, i], truncated[:, i]) for i in range(ends.shape[1])])
    np.testing.assert_allclose(np.stack([total, last, bootstrap], 1), want, atol=1e-6)  # float32
