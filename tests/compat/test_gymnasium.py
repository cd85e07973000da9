import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="a client of the extra 'compat'")

import gymnasium  # pyright: ignore[reportMissingImports]
from gymnasium.utils import seeding  # pyright: ignore[reportMissingImports]
from gymnasium.utils.env_checker import check_env, data_equivalence  # pyright: ignore[reportMissingImports]
from gymnasium.vector import AutoresetMode, SyncVectorEnv  # pyright: ignore[reportMissingImports]
from gymnasium.wrappers.vector import DictInfoToList, NormalizeObservation, RecordEpisodeStatistics  # pyright: ignore[reportMissingImports]

from jaxinv.compat import GymnasiumEnv, GymnasiumVectorEnv
from tests.agents.probes import MatchTheObservation
from tests.compat.problems import Counter, Units, any_order, lost_sales, one_warehouse, warehouses, worth

# True of these environments: what they observe has no bounds, nor have order-up-to levels.
unbounded = pytest.mark.filterwarnings(r"ignore:.*A Box \w+ space m..imum value is -?infinity:UserWarning")
# True, too: orders are in units.
in_units = pytest.mark.filterwarnings(r"ignore:.*For Box action spaces, we recommend using a symmetric:UserWarning")


@pytest.fixture
def registered():
    """Makes environments known to Gymnasium for the length of a test."""
    names = []

    def register(env, params):
        names.append(f"Test{len(names)}-v0")
        gymnasium.register(
            names[-1],
            entry_point=lambda: GymnasiumEnv(env, params),  # type: ignore[arg-type]
            vector_entry_point=lambda num_envs: GymnasiumVectorEnv(env, num_envs, params),  # type: ignore[arg-type]
        )
        return names[-1]

    yield register
    for name in names:
        gymnasium.registry.pop(name)


def uniforms(generator, shape):
    return jnp.asarray(generator.random(shape, np.float32))


@unbounded
@in_units
@pytest.mark.parametrize(
    "problem",
    [lost_sales(), one_warehouse(), any_order(), warehouses(), (Counter(), None), (Units(), None)],
    ids=lambda p: type(p[0]).__name__,
)
def test_check_env(registered, problem):
    check_env(gymnasium.make(registered(*problem)).unwrapped)


def test_spaces():
    env = GymnasiumEnv(*lost_sales())
    assert env.action_space == gymnasium.spaces.Discrete(11)
    assert env.observation_space == gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    assert GymnasiumEnv(Units()).action_space == gymnasium.spaces.MultiDiscrete([4, 4])
    orders = GymnasiumEnv(*warehouses()).action_space["orders"]
    assert orders == gymnasium.spaces.Box(0, 1e9, (2, 3), np.float32)
    assert GymnasiumEnv(Counter()).observation_space == gymnasium.spaces.Dict(
        {"even": gymnasium.spaces.Discrete(2), "time": gymnasium.spaces.Box(0, 3)}
    )


def test_episode_is_the_environments():
    """Uniforms come from the environment's generator: the same ones give the same episode outside of Gymnasium."""
    env, params = lost_sales(length=4)
    theirs = GymnasiumEnv(env, params)
    generator, _ = seeding.np_random(7)
    observation, _ = theirs.reset(seed=7)
    state = env.init_state(uniforms(generator, env.num_initial_uniforms(params)), params)
    np.testing.assert_array_equal(observation, env.observe(state, params))
    for time in range(1, 5):
        observation, reward, terminated, truncated, info = theirs.step(time)
        exo = env.exogenous(uniforms(generator, env.num_uniforms(params)), state, params)
        state, outcome = env.transition(state, np.int32(time), exo, params)
        np.testing.assert_allclose(observation, env.observe(state, params), rtol=1e-6)  # compiled or not: float32
        np.testing.assert_allclose(reward, outcome.reward, rtol=1e-6)
        np.testing.assert_allclose(info["ledger"]["stockout"], outcome.ledger.stockout, rtol=1e-6)
        assert (terminated, truncated) == (False, time == 4)


def test_ends_and_limits_are_told_apart():
    env = Counter(end=2)
    for limit, ends in ((1, (False, True)), (2, (True, False)), (3, (True, False))):
        theirs = GymnasiumEnv(env, env.default_params().replace(max_steps_in_episode=np.int32(limit)))
        theirs.reset()
        for _ in range(min(limit, 2)):
            *_, terminated, truncated, _ = theirs.step(theirs.action_space.sample())
        assert (terminated, truncated) == ends


def test_every_part_of_an_action_arrives():
    env = GymnasiumEnv(Counter())
    env.reset()
    env.action_space.seed(1)
    action = env.action_space.sample()
    _, reward, *_, info = env.step(action)
    assert reward == pytest.approx(float(worth(**action)), rel=1e-6)  # float32
    assert info["ledger"] == {"earned": np.float32(reward)}


@pytest.mark.parametrize("problem", [lost_sales, one_warehouse])
def test_masks_fit_their_sampling(problem):
    """Nothing may be ordered above a position of 15, which is what there is at the start."""
    env = GymnasiumEnv(*problem(max_position=15.0))
    env.action_space.seed(0)
    _, info = env.reset(seed=0)
    np.testing.assert_array_equal(info["action_mask"], np.arange(11) == 0)
    for _ in range(5):
        action = env.action_space.sample(info["action_mask"])
        *_, info = env.step(action)
        assert info["action_mask"].shape == (11,)
    assert info["action_mask"].sum() > 1


def test_observations_are_the_users_to_write_in():
    env, vector = GymnasiumEnv(*lost_sales()), GymnasiumVectorEnv(lost_sales()[0], 2)
    for made, action in ((env, 1), (vector, [1, 1])):
        made.reset()[0][:] = 0
        made.step(action)[0][:] = 0


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize("num_envs", [None, 3])
def test_copies_go_on_alike(copied, num_envs):
    env, params = lost_sales()
    made = GymnasiumEnv(env, params) if num_envs is None else GymnasiumVectorEnv(env, num_envs, params)
    made.reset(seed=3)
    made.action_space.seed(3)
    action = made.action_space.sample()
    made.step(action)
    twin = copied(made)
    assert len({made, twin}) == 2  # with a state of its own each
    for mine, its in zip(made.step(action), twin.step(action), strict=True):
        assert data_equivalence(mine, its, exact=True)


@pytest.mark.parametrize("make", [GymnasiumEnv, lambda env: GymnasiumVectorEnv(env, 2)])
def test_reset_comes_first(make):
    env = make(Counter())
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(env.action_space.sample())


# -- vectors of environments ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("env", [lost_sales()[0], MatchTheObservation()])
def test_vector_steps_are_the_environments(env):
    """Also where initial states are random."""
    params = env.default_params().replace(max_steps_in_episode=jnp.int32(3))
    vector = GymnasiumVectorEnv(env, 5, params, autoreset_mode=AutoresetMode.SAME_STEP)
    generator, _ = seeding.np_random(7)
    vector.reset(seed=7)
    vector.action_space.seed(7)
    u = uniforms(generator, (5, env.num_initial_uniforms(params)))
    state = jax.vmap(env.init_state, (0, None))(u, params)
    step = jax.jit(jax.vmap(env.step_from_uniforms, (0, 0, 0, None)))
    for _ in range(7):
        actions = vector.action_space.sample()
        observation, *outcome, info = vector.step(actions)
        u = uniforms(generator, (5, env.num_step_uniforms(params)))
        expected, state, *others, expected_info = step(u, state, actions, params)
        # compiled in another program: float32 rounding
        np.testing.assert_allclose(observation, expected, rtol=1e-6)
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-6), outcome, others)
        if outcome[2].any():
            np.testing.assert_allclose(np.stack(info["final_obs"]), expected_info["final_observation"], rtol=1e-6)


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
@pytest.mark.parametrize("limit", [2, 365])
@pytest.mark.parametrize("env", [Counter(), Units()])
def test_vector_is_that_of_single_environments(env, limit, mode):
    """Gymnasium's own loop over environments says what a vector returns; nothing is random here."""
    params = env.default_params().replace(max_steps_in_episode=np.int32(limit))
    ours = DictInfoToList(GymnasiumVectorEnv(env, 3, params, autoreset_mode=mode))
    loop = DictInfoToList(SyncVectorEnv([lambda: GymnasiumEnv(env, params)] * 3, autoreset_mode=mode))
    assert ours.observation_space == loop.observation_space
    assert ours.action_space == loop.action_space
    assert ours.metadata["autoreset_mode"] is mode
    assert data_equivalence(ours.reset(seed=0), loop.reset(seed=0))
    ours.action_space.seed(0)
    ended = 0
    for _ in range(8):
        actions = ours.action_space.sample()
        (*mine, infos), (*its, expected) = ours.step(actions), loop.step(actions)
        mine[1] = mine[1].astype(np.float64)  # rewards, float32 here
        assert data_equivalence(mine, its)
        assert data_equivalence(infos, expected)
        ended += mine[2].sum() + mine[3].sum()
    assert ended > 3


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
def test_masks_of_a_vector_are_for_the_next_action(mode):
    """One period long: after the step that ends it, the mask is that of a new episode."""
    env, params = lost_sales(length=1, max_position=15.0)
    vector = GymnasiumVectorEnv(env, 4, params, autoreset_mode=mode)
    _, info = vector.reset(seed=0)
    first = info["action_mask"]
    *_, info = vector.step(np.zeros(4, int))
    last = info["final_info"]["action_mask"] if mode is AutoresetMode.SAME_STEP else info["action_mask"]
    assert (last != first).any()
    if mode is AutoresetMode.NEXT_STEP:
        *_, info = vector.step(np.zeros(4, int))
        assert not info["_ledger"].any()
        assert not info["ledger"]["stockout"].any()
    np.testing.assert_array_equal(info["action_mask"], first)


def test_their_vector_wrappers_run(registered):
    """Over two episodes of five periods and the step between that resets."""
    envs = gymnasium.make_vec(registered(*lost_sales(length=5)), num_envs=4, vectorization_mode="vector_entry_point")
    envs = NormalizeObservation(RecordEpisodeStatistics(envs))
    envs.reset(seed=0)
    envs.action_space.seed(0)
    for steps in (5, 6):
        total = np.zeros(4)
        for _ in range(steps):
            observation, reward, _, truncated, info = envs.step(envs.action_space.sample())
            assert observation.shape == (4, 2)
            total += reward
        assert truncated.all()
        np.testing.assert_allclose(info["episode"]["r"], total, rtol=1e-6)
        np.testing.assert_array_equal(info["episode"]["l"], 5)
    envs.close()


def test_vector_episodes_repeat_with_the_seed_and_differ_among_environments():
    vector = GymnasiumVectorEnv(lost_sales()[0], 8)

    def run(seed):
        vector.reset(seed=seed)
        return np.stack([vector.step(np.full(8, 5))[1] for _ in range(5)])

    first = run(0)
    np.testing.assert_array_equal(run(0), first)
    assert (run(1) != first).any()
    assert len(np.unique(first, axis=1).T) > 1


def test_vector_rejects_what_it_cannot_do():
    with pytest.raises(ValueError, match="num_envs must be >= 1, got 0"):
        GymnasiumVectorEnv(Counter(), 0)
    with pytest.raises(ValueError, match=r"autoreset_mode must be NEXT_STEP or SAME_STEP, got .*DISABLED"):
        GymnasiumVectorEnv(Counter(), 1, autoreset_mode=AutoresetMode.DISABLED)
    with pytest.raises(ValueError, match="reset_mask"):
        GymnasiumVectorEnv(Counter(), 1).reset(options={"reset_mask": np.ones(1, bool)})
