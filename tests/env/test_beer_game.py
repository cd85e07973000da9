"""BeerGame: each event by hand, the board run, one player as a stage of Serial, conservation over the chain."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinv.demand import Poisson
from jaxinv.env import make
from jaxinv.env.beer_game import BeerGame, Exogenous, Ledger, OrderDeviations
from jaxinv.env.serial import Serial
from jaxinv.evaluate import evaluate, sample_paths
from jaxinv.policies import AnchorAndAdjust, BaseStock

KEY = jax.random.key(0)


# -- the order of events ----------------------------------------------------------------------------------------------


def play(env, params, demands, orders, **state):
    """The states after each week and the weeks' ledgers of given demands and orders, from ``state`` on."""
    _, current = env.reset(KEY, params)
    current = current.replace(**{name: jnp.asarray(value, jnp.float32) for name, value in state.items()})
    step, states, ledgers = jax.jit(env.transition), [], []
    for demand, order in zip(demands, orders, strict=True):
        exo = Exogenous(next=current.exo, demand=jnp.float32(demand))
        current, outcome = step(current, jnp.asarray(order, jnp.float32), exo, params)
        np.testing.assert_allclose(outcome.reward, outcome.ledger.reward())
        assert not outcome.terminated
        states.append(current)
        ledgers.append(outcome.ledger)
    return states, jax.tree.map(lambda *x: np.stack(x).tolist(), *ledgers)


def test_three_weeks_by_hand():
    """Two players. Player 0: orders are read after 2 weeks, shipments take 1. Player 1: 1 and 2 weeks."""
    env = BeerGame(order_delays=(2, 1), transport_delays=(1, 2))
    params = env.make_params(holding_cost=[1.0, 0.5], backlog_cost=[2.0, 3.0], smoothing=[0.5, 0.0], demand_scale=1.0)
    start = dict(
        inventory=[3, 2], mail=[[6, 0]], transit=[[4, 1], [0, 5]], incoming=[4, 4], expected=[4, 4]
    )  # fmt: skip
    states, ledger = play(env, params, [9, 2, 1], [[7, 8], [0, 3], [1, 0]], **start)
    # Week 1. 4 and 1 arrive: 7 and 3 on hand. Wanted are 9, and the 6 ordered a week before: 7 and 3 are shipped.
    # Week 2. 3 and 5 arrive. Owed are 2 and 3, wanted 2 and the 7 of week 1: 3 and 5 are shipped.
    # Week 3. 5 and the 8 that were read in week 1 arrive. Owed are 1 and 5, wanted 1 and 0: 2 and 5 are shipped.
    assert ledger.received == [[4, 1], [3, 5], [5, 8]]
    assert ledger.incoming == [[9, 6], [2, 7], [1, 0]]
    assert ledger.shipped == [[7, 3], [3, 5], [2, 5]]
    assert ledger.on_hand == [[0, 0], [0, 0], [3, 3]]
    assert ledger.owed == [[2, 3], [1, 5], [0, 0]]
    assert ledger.holding == [[0, 0], [0, 0], [3, 1.5]]
    assert ledger.backlog == [[4, 9], [2, 15], [0, 0]]
    assert (ledger.demanded, ledger.sold, ledger.backlogged) == ([9, 2, 1], [7, 3, 2], [2, 1, 0])
    # After week 2 player 0 waits for 5 under way and 5 owed; player 1 for the 8 and the 3.
    np.testing.assert_array_equal(env.on_order(states[1]), [0 + 5 + 5, 8 + 3])
    np.testing.assert_array_equal(env.inventory_position(states[1]), [9, 6])
    np.testing.assert_array_equal(states[1].expected, [(0.5 * (4 + 9) + 2) / 2, 4])
    observed = [[-1, 10, 2, 4.25, 5, 0, 0], [-5, 11, 7, 4, 8, 3, 0]]
    np.testing.assert_array_equal(env.observe(states[1], params), observed)


def test_the_board_is_set_up_week_by_week_of_its_delays():
    env, params = make("BeerGame-v0", instance="sterman1989/board")
    _, state = env.reset(KEY, params)
    np.testing.assert_array_equal(state.mail, [[4, 4, 4, 0]])  # the factory's requests are read at once
    np.testing.assert_array_equal(state.transit, np.full((2, 4), 4))
    np.testing.assert_array_equal(env.on_order(state), [12, 12, 12, 8])


def test_the_board_run():
    """36 weeks with orders of 4 up to week 4, as in the experiments, then by the rule with its best levels cost 46, 50,
    54, 54 (Edali and Yasarcan 2014, Journal of Artificial Societies and Social Simulation 17(4))."""
    env, params = make("BeerGame-v0", instance="sterman1989/board")
    _, state = env.reset(KEY, params)
    path = env.sample_path(KEY, state, params, 36)
    np.testing.assert_array_equal(path.demand, [4] * 4 + [8] * 32)
    policy = AnchorAndAdjust(level=[28.0, 28.0, 28.0, 20.0], opening=5)
    final, records = env.rollout(policy, state, path, params)
    ledger = records.outcome.ledger
    np.testing.assert_array_equal(jnp.sum(ledger.holding + ledger.backlog, 0), [46, 50, 54, 54])
    np.testing.assert_array_equal(records.action[:5], np.full((5, 4), 4))
    np.testing.assert_array_equal(final.inventory, np.zeros(4))
    np.testing.assert_array_equal(ledger.ordered[-1], np.full(4, 8))


# -- properties -------------------------------------------------------------------------------------------------------


def test_units_are_conserved_and_money_is_the_units():
    env = BeerGame(order_delays=(1, 3, 2), transport_delays=(2, 1, 4))
    params = env.make_params(demand=Poisson(6.0), holding_cost=[3.0, 2.0, 1.0], initial_inventory=0.0)
    _, state = env.reset(jax.random.key(3), params)
    path = env.sample_path(jax.random.key(4), state, params, 60)

    def random_orders(env, state, params, key):
        most = jnp.where(state.time % 20 < 10, 20.0, 4.0)  # so that everyone has stock and owes in turn
        return jnp.round(most * jax.random.uniform(key, env.cells))

    final, records = jax.jit(lambda s, p: env.rollout(random_orders, s, p, params, jax.random.key(5)))(state, path)
    before, ledger = records.state, records.outcome.ledger
    after = jax.tree.map(lambda x, last: jnp.concatenate([x[1:], last[None]]), before, final)
    position = jax.vmap(env.inventory_position)
    np.testing.assert_allclose(position(after), position(before) + ledger.ordered - ledger.incoming)
    np.testing.assert_allclose(after.inventory, before.inventory + ledger.received - ledger.incoming)
    np.testing.assert_allclose(after.inventory, ledger.on_hand - ledger.owed)
    sent = jnp.concatenate([ledger.shipped[:, 1:], jnp.full((60, 1), jnp.nan)], 1)  # to a player by the next one
    moved = jnp.sum(after.transit, 1) - jnp.sum(before.transit, 1) + ledger.received
    np.testing.assert_allclose(moved[:, :-1], sent[:, :-1])
    owed_before = jnp.maximum(-before.inventory, 0.0)
    assert (ledger.shipped <= owed_before + ledger.incoming).all()
    assert (ledger.shipped <= jnp.maximum(before.inventory, 0.0) + ledger.received).all()
    np.testing.assert_array_equal(jnp.minimum(ledger.on_hand, ledger.owed), 0.0)  # who has stock ships
    for player in range(3):
        assert (ledger.owed[:, player] > 0).any()
        assert (ledger.on_hand[:, player] > 0).any()
    # Orders are read when the mail says, the shipments of the outside source arrive 2 + 4 weeks after they are ordered.
    np.testing.assert_array_equal(ledger.incoming[:, 1], ledger.ordered[:, 0])
    np.testing.assert_array_equal(ledger.incoming[2:, 2], ledger.ordered[:-2, 1])
    np.testing.assert_array_equal(ledger.received[5:, 2], ledger.ordered[:-5, 2])
    np.testing.assert_allclose(ledger.holding, params.holding_cost[None] * ledger.on_hand)
    np.testing.assert_allclose(ledger.backlog, params.backlog_cost[None] * ledger.owed)
    np.testing.assert_allclose(records.outcome.reward, jax.vmap(Ledger.reward)(ledger), rtol=1e-6)


def test_one_player_is_a_stage_whose_lead_time_is_both_delays():
    game, chain = BeerGame(order_delays=(2,), transport_delays=(3,)), Serial(lead_times=(5,))
    demand = Poisson(4.0)
    one = game.make_params(demand=demand, holding_cost=2.0, backlog_cost=7.0, initial_inventory=5.0)
    other = chain.make_params(demand=demand, holding_cost=2.0, stockout_cost=7.0, initial_inventory=5.0)
    policy = BaseStock(level=[30.0])
    path = game.sample_path(KEY, game.reset(KEY, one)[1], one, 30)
    runs = []
    for env, params in ((game, one), (chain, other)):
        _, state = env.reset(KEY, params)
        np.testing.assert_array_equal(env.inventory_position(state), [5 + 4 * 4])
        exo = path if env is game else env.sample_path(KEY, state, params, 30)
        runs.append(jax.jit(lambda s, p, env=env, params=params: env.rollout(policy, s, p, params)[1])(state, exo))
    np.testing.assert_array_equal(runs[0].outcome.reward, runs[1].outcome.reward)
    np.testing.assert_array_equal(runs[0].action, runs[1].action)
    assert len(np.unique(runs[0].outcome.reward)) > 5


# -- what acts in it --------------------------------------------------------------------------------------------------


def test_orders_relative_to_the_incoming_one():
    env = OrderDeviations(BeerGame(), largest=2)
    params = env.default_params()
    space = env.action_space(params)
    assert (space.n, space.shape) == (5, (4,))
    _, state = env.reset(KEY, params)
    state = state.replace(incoming=jnp.array([4.0, 1.0, 0.0, 7.0]))
    action = jnp.array([0, 0, 2, 4])
    np.testing.assert_array_equal(env.native_action(action, state, params), [2, 0, 0, 9])
    following, _ = env.transition(state, action, env.exogenous(jnp.full(1, 0.5), state, params), params)
    np.testing.assert_array_equal(following.mail, [[2, 0, 0, 0]])  # the factory's 9 are read at once


def test_base_stock_passes_orders_on_and_the_rule_of_thumb_can_be_one():
    env = BeerGame()
    params = env.make_params(smoothing=0.0, initial_inventory=[12.0, 12.0, 12.0, 12.0])
    paths = sample_paths(env, params, KEY, 4, 40)
    level = jnp.array([24.0, 26.0, 25.0, 21.0])
    rule = AnchorAndAdjust(level=level - 4.0)  # the expectation of 4 is added

    @jax.jit
    def run(policy):
        return jax.vmap(lambda s, p: env.rollout(policy, s, p, params)[1])(paths.states, paths.exogenous)

    runs = run(BaseStock(level=level)), run(rule)
    np.testing.assert_array_equal(runs[0].action, runs[1].action)
    ledger = runs[0].outcome.ledger
    np.testing.assert_array_equal(ledger.ordered[:, 1:], ledger.incoming[:, :-1])


def test_forgetting_the_supply_line_costs():
    """Who forgets most of what is on order orders it once more (the bullwhip effect)."""
    env = BeerGame()
    params = env.default_params()
    paths = sample_paths(env, params, KEY, 16, 120)
    level = jnp.array([16.0, 16.0, 16.0, 12.0])
    costs = [
        evaluate(AnchorAndAdjust(level=level, adjustment=0.5, supply_line=beta), env, params, paths, warmup=20)
        for beta in (1.0, 0.3)
    ]
    assert costs[1].cost_mean > 2.0 * costs[0].cost_mean
    assert costs[0].cost.shape == (16, 100, 4)  # by player
    np.testing.assert_allclose(sum(costs[0].cost_by_cause.values()), costs[0].cost_mean, rtol=1e-5)


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("structure", "message"),
    [
        (dict(order_delays=(2, 0, 2, 1)), "BeerGame.order_delays must be whole numbers >= 1, one per player .*, got"),
        (dict(transport_delays=(2.0,) * 4), "BeerGame.transport_delays must be whole numbers >= 1"),
        (dict(order_delays=(1, 1)), "BeerGame.order_delays and transport_delays must be as many, got 2 and 4"),
    ],
)
def test_bad_structure_raises(structure, message):
    with pytest.raises(ValueError, match=message):
        BeerGame(**structure)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (dict(stockout_cost=1.0), "BeerGame has no parameter 'stockout_cost'; it has .*backlog_cost"),
        (dict(demand=Poisson([1.0] * 4)), r"BeerGame.demand must be a demand process of shape \(\), got \(4,\)"),
        (dict(initial_flow=[1.0, 2.0]), r"BeerGame.initial_flow must have shape \(4,\) .*, got shape \(2,\)"),
        (dict(smoothing=1.5), "BeerGame.smoothing must be <= 1.0"),
        (dict(max_steps_in_episode=[3, 4]), "BeerGame.max_steps_in_episode must be one number"),
    ],
)
def test_bad_numbers_raise(numbers, message):
    with pytest.raises(ValueError, match=message):
        BeerGame().make_params(**numbers)
