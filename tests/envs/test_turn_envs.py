"""PettingZoo's AEC envs, in which one agent acts at a time, as worlds."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from pettingzoo import AECEnv

from marl_ppo.envs import World, make_world
from marl_ppo.envs.conformance import Check
from marl_ppo.envs.conformance.drive import Driver
from marl_ppo.envs.conformance.outputs import OUTPUT_CHECKS
from marl_ppo.envs.pettingzoo import from_env

connect_four = pytest.importorskip("pettingzoo.classic.connect_four_v3")
CONNECT_FOUR = "pettingzoo:pettingzoo.classic.connect_four_v3"


def keys(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.uint64)


class Ring(AECEnv):
    """a_0, a_1, a_2, a_0, ... act in turn until a step of the timetable: step → {agent: how it ends}.

    Who acts is paid 1, and all others that are left 10; who is selected sees [step, its own number].
    """

    def __init__(self, timetable: dict[int, dict[str, str]]) -> None:
        super().__init__()
        self.metadata = {"name": "ring_v2", "is_parallelizable": False}
        self.timetable = timetable
        self.possible_agents = ["a_0", "a_1", "a_2"]
        self.observation_spaces = dict.fromkeys(self.possible_agents, spaces.Box(0.0, 100.0, (2,), np.float32))
        self.action_spaces = dict.fromkeys(self.possible_agents, spaces.Discrete(2))
        self.acted: list[str] = []

    def observation_space(self, agent: str) -> spaces.Space:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space:
        return self.action_spaces[agent]

    def observe(self, agent: str) -> np.ndarray:
        return np.array([self.tick, 1 + self.possible_agents.index(agent)], np.float32)

    def reset(self, seed: int | None = None, options: Any = None) -> None:
        self.tick = 0
        self.agents = list(self.possible_agents)
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos = {agent: {} for agent in self.agents}
        self.agent_selection = "a_0"

    def step(self, action: int | None) -> None:
        actor = self.agent_selection
        if self.terminations[actor] or self.truncations[actor]:
            self._was_dead_step(action)
            return
        self.acted.append(actor)
        self.tick += 1
        self._cumulative_rewards[actor] = 0.0
        self.rewards = {agent: 1.0 if agent == actor else 10.0 for agent in self.agents}
        for agent, how in self.timetable.get(self.tick, {}).items():
            (self.terminations if how == "terminated" else self.truncations)[agent] = True
        self._accumulate_rewards()
        others = self.possible_agents[self.possible_agents.index(actor) + 1 :] + self.possible_agents
        over = {agent for agent in self.agents if self.terminations[agent] or self.truncations[agent]}
        self.agent_selection = next((agent for agent in others if agent in set(self.agents) - over), self.agents[0])
        self._deads_step_first()


def ring(timetable: dict[int, dict[str, str]]) -> World:
    """One copy, reset; everybody is in one group."""
    world = from_env(lambda: Ring(timetable), num_envs=1)
    world.reset(keys(0))
    return world


def step(world: World) -> Any:
    return world.step([np.zeros((1, 3), np.int64)])


# --- the order of turns -----------------------------------------------------------------------------------------------


def test_one_turn_is_one_step_and_who_waits_keeps_what_it_was_shown_last() -> None:
    """Nobody that has not been selected yet has seen anything."""
    world = ring({})
    out = world.outputs

    assert out.alive[0].tolist() == [[True, True, True]]
    assert out.acting[0].tolist() == [[True, False, False]]
    assert out.obs[0]["vector"].tolist() == [[[0, 1], [0, 0], [0, 0]]]
    out = step(world)
    assert out.acting[0].tolist() == [[False, True, False]]
    assert out.obs[0]["vector"].tolist() == [[[0, 1], [1, 2], [0, 0]]]
    step(world)
    out = step(world)
    assert out.acting[0].tolist() == [[True, False, False]]
    assert out.obs[0]["vector"].tolist() == [[[3, 1], [1, 2], [2, 3]]]


def test_a_reward_arrives_when_its_agent_is_selected_again_and_holds_all_since_it_acted() -> None:
    """a_0 is paid 1 for its own turn and 10 for each of the two after it."""
    world = ring({})
    rewards = [step(world).rewards[0].tolist() for _ in range(4)]

    assert rewards == [[[0, 10, 0]], [[0, 0, 20]], [[21, 0, 0]], [[0, 21, 0]]]


def test_all_agents_are_a_team_of_their_own_unless_patterns_say_otherwise() -> None:
    assert ring({}).spec.teams == ("a_0", "a_1", "a_2")
    assert from_env(lambda: Ring({}), num_envs=1, teams="pair=a_0+a_1,*").spec.teams == ("pair", "all")


def test_nobody_remembers_what_was_shown_in_the_episode_before() -> None:
    """A reset in the middle of an episode, and one after a truncation: a_1 and a_2 have not been selected yet."""
    world = ring({4: dict.fromkeys(["a_0", "a_1", "a_2"], "truncated")})
    for steps in (3, 4):
        for _ in range(steps):
            out = step(world)
        assert out.ended.tolist() == [steps == 4]
        out = world.reset(keys(0))

        assert out.obs[0]["vector"].tolist() == [[[0, 1], [0, 0], [0, 0]]]


# --- endings ----------------------------------------------------------------------------------------------------------


def test_an_agent_that_dies_in_the_middle_is_paid_its_due_and_the_others_play_on() -> None:
    """a_1 dies by the turn of a_0 at step 4: it is paid 1 for its own turn, and 10 each for those of a_2 and a_0."""
    world = ring({4: {"a_1": "terminated"}})
    for _ in range(3):
        step(world)
    out = step(world)

    assert out.terminations[0].tolist() == [[False, True, False]]
    assert out.alive[0].tolist() == [[True, False, True]]
    assert out.acting[0].tolist() == [[False, False, True]]
    assert out.obs[0]["vector"][0, 1].tolist() == [0, 0]
    assert out.rewards[0].tolist() == [[0, 21, 11]]
    assert not out.ended[0]
    out = step(world)
    assert out.acting[0].tolist() == [[True, False, False]]
    assert not out.terminations[0].any()
    assert envs_of(world)[0].acted[-2:] == ["a_0", "a_2"]


def test_who_is_cut_off_sees_its_last_obs_for_the_bootstrap_and_is_paid() -> None:
    world = ring({4: dict.fromkeys(["a_0", "a_1", "a_2"], "truncated")})
    for _ in range(4):
        out = step(world)

    assert out.ended[0]
    assert out.truncations[0].all()
    assert out.alive[0].all()
    assert not out.acting[0].any()
    assert out.obs[0]["vector"].tolist() == [[[4, 1], [4, 2], [4, 3]]]
    assert out.rewards[0].tolist() == [[1, 21, 11]]


def test_the_agent_on_turn_may_die_itself() -> None:
    world = ring({1: {"a_0": "terminated"}, 2: {"a_1": "terminated"}, 3: {"a_2": "terminated"}})
    endings = [(step(world).terminations[0].tolist(), world.outputs.ended[0]) for _ in range(3)]

    assert endings == [([[True, False, False]], False), ([[False, True, False]], False), ([[False, False, True]], True)]


def envs_of(world: World) -> list[Any]:
    return [driver._env for driver in world._drivers]


# --- connect four -----------------------------------------------------------------------------------------------------


def random_games(world: World, games: int) -> Iterator[tuple[list[int], Any]]:
    """The columns that random legal play chose so far, and what the world told then, over many games in copy 0."""
    driver = Driver(world, range(world.num_envs))
    driver.start()
    while driver.episodes[0] < games:
        driver.episodes += driver.told.ended
        driver.reset(driver.told.ended if driver.told.ended.any() else driver.everywhere)
        chosen: list[int] = []
        yield chosen, driver.told
        while not driver.told.ended[0]:
            actions = driver.actions()
            (player,) = np.flatnonzero(driver.told.acting[0][0])
            chosen.append(int(actions[0][0, player]))
            driver.step()
            yield chosen, driver.told


def test_connect_four_is_the_game_played_by_hand_beside_it() -> None:
    """Obs, masks, rewards and ends of 20 random games; both players are paid at the end, whoever moved last."""
    world, env = make_world(CONNECT_FOUR), connect_four.env()
    ends = set()
    for chosen, told in random_games(world, games=20):
        env.reset(seed=0)
        for column in chosen:
            assert env.last()[0]["action_mask"][column] == 1
            env.step(column)
        over = all(env.terminations.values())
        assert told.ended[0] == over
        for a, agent in enumerate(env.possible_agents):
            assert told.terminations[0][0, a] == over
            assert told.acting[0][0, a] == (agent == env.agent_selection and not over)
            assert told.rewards[0][0, a] == (env.rewards[agent] if over else 0)
            if told.acting[0][0, a]:
                seen = env.observe(agent)
                np.testing.assert_array_equal(told.obs[0]["observation"][0, a], seen["observation"])
                np.testing.assert_array_equal(told.action_mask[0][0, a], seen["action_mask"])
            else:
                assert told.action_mask[0][0, a].all()
        if over:
            ends.add((tuple(told.rewards[0][0].tolist()), len(chosen) % 2))

    assert {((1.0, -1.0), 1), ((-1.0, 1.0), 0)} <= ends


def test_who_obeys_the_masks_never_makes_an_illegal_move() -> None:
    """50 games of connect four, whose env punishes an illegal move by ending the game at once with -1 and 0."""
    world = make_world(CONNECT_FOUR)
    finished = [told.rewards[0][0].tolist() for _, told in random_games(world, games=50) if told.ended[0]]

    assert len(finished) >= 50
    assert all(sum(rewards) == 0 for rewards in finished)


def test_an_illegal_move_is_one_where_masks_are_not_obeyed() -> None:
    """The control of the test above: column 0 seven times over."""
    world = make_world(CONNECT_FOUR)
    world.reset(keys(0))
    for _ in range(7):
        out = world.step([np.zeros((1, 2), np.int64)])

    assert out.ended[0]
    assert out.rewards[0].sum() == -1


@pytest.mark.parametrize("check", OUTPUT_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_connect_four_keeps_the_contract(check: Check) -> None:
    check(lambda num_envs: make_world(CONNECT_FOUR, num_envs=num_envs))


# --- OpenSpiel --------------------------------------------------------------------------------------------------------


@pytest.fixture
def leduc() -> Any:
    pytest.importorskip("pyspiel")
    pytest.importorskip("shimmy")
    return lambda num_envs: make_world("pettingzoo:shimmy:OpenSpielCompatibilityV0", num_envs=num_envs, game_name="leduc_poker")


@pytest.mark.parametrize("check", OUTPUT_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_leduc_poker_keeps_the_contract(leduc: Any, check: Check) -> None:
    check(leduc)


def test_leduc_poker_tells_its_masks_in_the_info(leduc: Any) -> None:
    """Fold, call, raise: a fold is legal after a raise alone, and a third raise in a round is not."""
    world = leduc(1)
    out = world.reset(keys(3))
    group = world.spec.groups[0]

    assert group.masked
    assert group.agents == ("player_0", "player_1")
    assert out.action_mask[0][0].tolist() == [[False, True, True], [True, True, True]]
    out = world.step([np.full((1, 2), 2)])
    assert out.action_mask[0][0].tolist() == [[True, True, True], [True, True, True]]
    assert out.acting[0].tolist() == [[False, True]]
    out = world.step([np.full((1, 2), 2)])
    assert out.action_mask[0][0].tolist() == [[True, True, False], [True, True, True]]


def test_leduc_poker_is_played_to_the_end_by_legal_moves_and_sums_to_zero(leduc: Any) -> None:
    """Chips won are chips lost; a raise of 2 and 4, at most twice a round, beside an ante of 1: 13 at most."""
    world = leduc(1)
    paid = [told.rewards[0][0] for _, told in random_games(world, games=50) if told.ended[0]]

    assert len(paid) >= 50
    assert all(rewards.sum() == 0 for rewards in paid)
    assert 1 <= max(np.abs(paid).flatten()) <= 13
    assert world.take_notices() == []
