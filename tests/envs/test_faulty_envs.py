"""Envs that raise, give what is not finite, or give another shape than they declare: the episode is lost, not the run."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from pettingzoo import ParallelEnv

from marl_ppo.agents.scripted.uniform import UniformPolicy
from marl_ppo.envs import World
from marl_ppo.envs.conformance import Check
from marl_ppo.envs.conformance.drive import Driver
from marl_ppo.envs.conformance.outputs import check_endings_are_edges, check_masks, check_the_dead_see_zeros, check_who_acts
from marl_ppo.envs.pettingzoo import from_env
from marl_ppo.envs.pettingzoo.adapter import FAULTS_IN_A_ROW, NEXT_SEED
from marl_ppo.envs.seeds import stream
from marl_ppo.errors import ConfigError, WorldError
from marl_ppo.evaluation.evaluate import evaluate
from marl_ppo.play.seating import Player

LENGTH = 5
"""steps of an episode that does not break"""

Breaks = Callable[[int, int], bool]
"""(seed, tick) → whether the env breaks there; tick 0 is the reset"""


class Brittle(ParallelEnv):
    """Two agents that see [tick, seed % 100] and earn the tick; the first leaves after 3 of LENGTH steps."""

    made: list["Brittle"]
    """by the test that runs"""

    def __init__(self, how: str, breaks: Breaks) -> None:
        self.metadata = {"name": "brittle_v1"}
        self.possible_agents = ["leaver", "stayer"]
        self.how, self.breaks = how, breaks
        self.resets = 0
        self.closed = False
        Brittle.made.append(self)

    def observation_space(self, agent: str) -> spaces.Space:
        shown = spaces.Box(-np.inf, np.inf, (2,), np.float32)
        return spaces.Dict({"observation": shown, "action_mask": spaces.MultiBinary(3)})

    def action_space(self, agent: str) -> spaces.Space:
        return spaces.Discrete(3)

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        assert not self.closed
        self.resets += 1
        self.seed, self.tick = seed, 0
        self.agents = list(self.possible_agents)
        return self.seen(self.agents), {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, int]) -> tuple[dict[str, Any], ...]:
        assert not self.closed
        self.tick += 1
        played = list(self.agents)
        over = {agent: self.tick == (LENGTH if agent == "stayer" else 3) for agent in played}
        self.agents = [agent for agent in played if not over[agent]]
        reward = np.nan if self.how == "nan reward" and self.breaks(self.seed, self.tick) else float(self.tick)
        return (
            self.seen(played),
            dict.fromkeys(played, reward),
            over,
            dict.fromkeys(played, False),
            {agent: {} for agent in played},
        )

    def seen(self, agents: list[str]) -> dict[str, Any]:
        obs = np.array([self.tick, self.seed % 100], np.float32)
        if self.breaks(self.seed, self.tick):
            if self.how == "raises":
                raise RuntimeError("the wheels came off")
            if self.how == "nan obs":
                obs[0] = np.nan
            if self.how == "shape":
                obs = np.append(obs, 0.0)
        # The last one shown is the one that is broken.
        shown = {agent: np.array([self.tick, self.seed % 100], np.float32) for agent in agents[:-1]} | {agents[-1]: obs}
        return {agent: {"observation": value, "action_mask": np.array([1, 0, 1], np.int8)} for agent, value in shown.items()}

    def close(self) -> None:
        self.closed = True


WORDS = {
    "raises": "RuntimeError: the wheels came off",
    "nan obs": "ValueError: a number that is not finite in the obs 'vector' of leaver",
    "nan reward": "ValueError: a number that is not finite in the rewards of leaver",
    "shape": r"ValueError: an observation of shape [3], where [2] is declared",
}
every_way = pytest.mark.parametrize("how", WORDS)


@pytest.fixture(autouse=True)
def made() -> list[Brittle]:
    """The envs made in the test, in order."""
    Brittle.made = []
    return Brittle.made


def brittle(how: str, breaks: Breaks, num_envs: int = 1) -> World:
    return from_env(lambda: Brittle(how, breaks), num_envs=num_envs)


def at(*moments: tuple[int, int]) -> Breaks:
    return lambda seed, tick: (seed, tick) in moments


def keys(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.uint64)


def step(world: World) -> Any:
    (group,) = world.spec.groups
    return world.step([np.zeros((world.num_envs, len(group.agents)), np.int64)])


# --- one copy ---------------------------------------------------------------------------------------------------------


@every_way
def test_a_copy_that_breaks_is_faulted_and_over_and_what_its_last_step_told_is_forgotten(how: str) -> None:
    world = brittle(how, at((7, 2)))
    world.reset(keys(7))
    assert not step(world).faulted[0]
    out = step(world)

    assert (out.faulted[0], out.ended[0]) == (True, True)
    assert not out.rewards[0].any()
    assert not out.acting[0].any()
    assert not out.terminations[0].any()
    assert out.truncations[0].all()
    assert not out.obs[0]["vector"].any()
    assert out.action_mask[0].all()
    assert world.take_notices() == [
        f"copy 0 broke at a step ({WORDS[how]}); its episode is left out, and a new env takes its place"
    ]
    with pytest.raises(WorldError, match="copy 0 has ended"):
        step(world)


@every_way
def test_the_next_episode_is_played_by_a_new_env_as_if_nothing_had_been(how: str, made: list[Brittle]) -> None:
    world = brittle(how, at((7, 2)))
    world.reset(keys(7))
    step(world)
    step(world)
    assert [env.closed for env in made] == [True]
    out = world.reset(keys(8))

    assert len(made) == 2
    assert (out.faulted[0], out.ended[0]) == (False, False)
    assert out.obs[0]["vector"].tolist() == [[[0, 8], [0, 8]]]
    assert out.action_mask[0].tolist() == [[[True, False, True]] * 2]
    rewards = [step(world).rewards[0].tolist() for _ in range(LENGTH)]
    assert rewards == [[[1, 1]], [[2, 2]], [[3, 3]], [[0, 4]], [[0, 5]]]
    assert world.outputs.ended[0]
    world.reset(keys(9))
    assert len(made) == 2


@every_way
def test_an_agent_that_leaves_at_the_step_that_breaks_has_not_left(how: str) -> None:
    """At step 3 one would leave: it is cut off as the other is, since that step never happened."""
    world = brittle(how, at((7, 3)))
    world.reset(keys(7))
    out = [step(world) for _ in range(3)][-1]

    assert out.faulted[0]
    assert out.truncations[0].all()
    assert not out.terminations[0].any()


@every_way
def test_an_agent_that_had_left_before_stays_away(how: str) -> None:
    world = brittle(how, at((7, 4)))
    world.reset(keys(7))
    out = [step(world) for _ in range(4)][-1]

    assert out.faulted[0]
    assert out.truncations[0].tolist() == [[False, True]]


@pytest.mark.parametrize("how", ["raises", "nan obs", "shape"])
def test_a_reset_that_breaks_is_tried_again_with_a_new_env(how: str, made: list[Brittle]) -> None:
    """And from another seed: the first two cannot be begun from."""
    world = brittle(how, lambda seed, tick: seed in (7, 7 + NEXT_SEED) and tick == 0)
    out = world.reset(keys(7))

    assert len(made) == 3
    assert not out.faulted[0]
    assert out.obs[0]["vector"].tolist() == [[[0, (7 + 2 * NEXT_SEED) % 100]] * 2]
    words = WORDS[how]
    assert [text.partition(";")[0] for text in world.take_notices()] == [f"copy 0 broke at a reset ({words})"] * 2


# --- giving up --------------------------------------------------------------------------------------------------------


@every_way
def test_an_env_that_breaks_in_every_episode_is_given_up_with_world_copy_and_error(how: str) -> None:
    world = brittle(how, lambda seed, tick: tick == 1 and seed == 1, num_envs=2)
    world.reset(keys(0, 1))
    faults = 0

    def play_on() -> None:
        nonlocal faults
        while True:
            out = step(world)
            faults += int(out.faulted.sum())
            world.reset(keys(0, 1), where=out.ended.copy())

    with pytest.raises(WorldError, match=r"world 'pettingzoo:brittle_v1': copy 1 broke .*11th time in a row") as raised:
        play_on()

    assert faults == FAULTS_IN_A_ROW == 10
    assert WORDS[how] in str(raised.value)


def test_a_reset_that_breaks_every_time_is_given_up() -> None:
    world = brittle("raises", lambda seed, tick: tick == 0)

    with pytest.raises(WorldError, match=r"copy 0 broke at a reset \(RuntimeError: the wheels came off\), for the 11th time"):
        world.reset(keys(0))


def test_an_episode_that_ends_well_begins_the_count_again() -> None:
    """Five bad, one good, five times over, are fine: 25 faults, but five in a row at most."""
    world = brittle("raises", lambda seed, tick: tick == 1 and seed % 6 > 0)
    faults = 0
    for seed in range(30):
        out = world.reset(keys(seed))
        while not out.ended[0]:
            out = step(world)
        faults += int(out.faulted[0])

    assert faults == 25


def test_an_env_that_cannot_be_made_again_is_said_at_once() -> None:
    def make() -> Brittle:
        if Brittle.made:
            raise ConfigError("no second one can be had")
        return Brittle("raises", at((7, 1)))

    world = from_env(make, num_envs=1)
    world.reset(keys(7))
    step(world)

    with pytest.raises(ConfigError, match="no second one can be had"):
        world.reset(keys(8))


# --- the others -------------------------------------------------------------------------------------------------------


@every_way
def test_a_fault_in_one_copy_changes_nothing_in_the_others(how: str) -> None:
    """Copy 1 breaks now and then: copies 0 and 2 are told, to the bit, what they are told beside a copy that is sound."""
    of_copy_1 = {int(seed) % 2**31 for seed in stream(0, "eval", 1, np.arange(40))}

    def histories(breaks: Breaks) -> list[Any]:
        driver = Driver(brittle(how, breaks, num_envs=3), range(3))
        return driver.start().play(30).histories

    sound = histories(at())
    faulty = histories(lambda seed, tick: seed in of_copy_1 and tick == 1 + seed % 4)

    assert sum(bool(row["faulted"]) for row in faulty[1]) > 3
    for copy in (0, 2):
        for row, other in zip(sound[copy], faulty[copy], strict=True):
            for name in row:
                np.testing.assert_array_equal(row[name], other[name], err_msg=name)


@every_way
@pytest.mark.parametrize("check", [check_endings_are_edges, check_who_acts, check_masks, check_the_dead_see_zeros])
def test_a_world_that_breaks_now_and_then_keeps_the_contract(how: str, check: Check) -> None:
    check(lambda num_envs: brittle(how, lambda seed, tick: tick > 0 and (seed + tick) % 7 == 0, num_envs))


# --- evaluation -------------------------------------------------------------------------------------------------------


def evaluated(how: str, breaks: Breaks, episodes: int = 12) -> Any:
    world = brittle(how, breaks, num_envs=3)
    policy = UniformPolicy(world.spec.groups[0])
    player = Player(name="random", policies=dict.fromkeys(world.spec.agents, policy))
    return evaluate(world, [player] * len(world.spec.teams), episodes=episodes)


@every_way
def test_episodes_that_break_are_counted_and_left_out_of_an_evaluation(how: str) -> None:
    """Of 12 episodes those with seeds that 3 divides break: the others are those of a sound env."""
    sound, faulty = evaluated(how, at()), evaluated(how, lambda seed, tick: tick == 4 and seed % 3 == 0)
    broken = np.array([int(seed) % 2**31 % 3 == 0 for seed in stream(0, "eval", 0, np.arange(12))])

    assert 1 <= broken.sum() < 12
    assert (sound.faulted, faulty.faulted) == (0, broken.sum())
    np.testing.assert_array_equal(faulty.returns, sound.returns[~broken])
    np.testing.assert_array_equal(faulty.lengths, sound.lengths[~broken])


def test_an_evaluation_of_which_nothing_is_left_says_so() -> None:
    with pytest.raises(
        WorldError, match=r"all 4 episodes of world 'pettingzoo:brittle_v1' broke; the last time, copy \d broke at a step"
    ):
        evaluated("raises", lambda seed, tick: tick == 2, episodes=4)
