"""Agents that arrive late, are absent at a step, return, or leave all at once; and one that nobody has announced."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from marl_ppo.agents.scripted import uniform_policy
from marl_ppo.envs import World
from marl_ppo.envs.conformance.drive import Driver
from marl_ppo.envs.pettingzoo import from_env
from marl_ppo.envs.seeds import stream
from marl_ppo.play.play import Play


class Visitors(ParallelEnv):
    """At tick t `agents` is attendance[t], of whom those of `blind[t]` are shown nothing; all are paid 1 a step.

    An agent that is there sees [tick, its own number].
    """

    def __init__(self, attendance: list[str], blind: Mapping[int, str] | None = None) -> None:
        self.metadata = {"name": "visitors_v1"}
        self.possible_agents = ["a", "b", "c"]
        self.attendance, self.blind = attendance, blind or {}
        self.received: list[list[str]] = []

    def observation_space(self, agent: str) -> spaces.Space:
        return spaces.Box(0.0, 100.0, (2,), np.float32)

    def action_space(self, agent: str) -> spaces.Space:
        return spaces.Discrete(2)

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        self.tick = 0
        self.agents = list(self.attendance[0])
        return self.seen(), {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, Any]) -> tuple[dict[str, Any], ...]:
        self.received.append(sorted(actions))
        before = list(self.agents)
        self.tick += 1
        self.agents = list(self.attendance[self.tick])
        flags = dict.fromkeys(before, False)
        return self.seen(), dict.fromkeys(before, 1.0), flags, flags, {agent: {} for agent in before}

    def seen(self) -> dict[str, Any]:
        shown = [agent for agent in self.agents if agent not in self.blind.get(self.tick, "")]
        return {agent: np.array([self.tick, "abc".find(agent)], np.float32) for agent in shown}


def visitors(*attendance: str, blind: Mapping[int, str] | None = None) -> World:
    """One copy, reset."""
    world = from_env(lambda: Visitors(list(attendance), blind), num_envs=1, groups="all=*")
    world.reset(np.zeros(1, np.uint64))
    return world


def step(world: World) -> Any:
    return world.step([np.zeros((1, 3), np.int64)])


def received(world: World) -> list[str]:
    """Whose actions the env got, step by step."""
    return ["".join(agents) for agents in world._drivers[0]._env.received]


def test_an_agent_that_arrives_in_mid_episode_acts_from_then_on_in_its_own_column() -> None:
    world = visitors("ac", "ac", "abc", "abc")
    step(world)
    assert world.outputs.alive[0].tolist() == [[True, False, True]]
    out = step(world)

    assert out.alive[0].tolist() == out.acting[0].tolist() == [[True, True, True]]
    assert out.obs[0]["vector"].tolist() == [[[2, 0], [2, 1], [2, 2]]]
    assert out.rewards[0].tolist() == [[1, 0, 1]]
    step(world)
    assert received(world) == ["ac", "ac", "abc"]
    assert not out.terminations[0].any()


def test_an_agent_that_is_shown_nothing_at_a_step_waits_and_keeps_what_it_was_shown_last() -> None:
    world = visitors("abc", "abc", "abc", blind={1: "b"})
    out = step(world)

    assert out.alive[0].tolist() == [[True, True, True]]
    assert out.acting[0].tolist() == [[True, False, True]]
    assert out.obs[0]["vector"].tolist() == [[[1, 0], [0, 1], [1, 2]]]
    assert out.rewards[0].tolist() == [[1, 1, 1]]
    assert not out.terminations[0].any()
    out = step(world)
    assert out.acting[0].all()
    assert out.obs[0]["vector"][0, 1].tolist() == [2, 1]
    assert received(world) == ["abc", "ac"]


def test_an_observation_that_is_none_is_nothing_shown() -> None:
    class Nones(Visitors):
        def seen(self) -> dict[str, Any]:
            return {agent: super(Nones, self).seen().get(agent) for agent in self.agents}

    world = from_env(lambda: Nones(["abc", "abc"], {0: "c"}), num_envs=1, groups="all=*")

    assert world.reset(np.zeros(1, np.uint64)).acting[0].tolist() == [[True, True, False]]


def test_a_step_at_which_nobody_is_shown_anything_is_waited_through() -> None:
    world = visitors("abc", "abc", "abc", blind={1: "abc"})
    out = step(world)

    assert not out.acting[0].any()
    assert not out.ended[0]
    assert step(world).acting[0].all()
    assert received(world) == ["abc", ""]


def test_all_may_leave_at_once() -> None:
    world = visitors("abc", "")
    out = step(world)

    assert out.ended[0]
    assert not out.faulted[0]
    assert out.terminations[0].all()
    assert not out.alive[0].any()
    assert not out.obs[0]["vector"].any()
    assert out.rewards[0].tolist() == [[1, 1, 1]]


def test_an_agent_may_leave_and_return() -> None:
    """A termination each time it leaves; what it was shown before is gone."""
    world = visitors("abc", "ac", "abc", "ac", "")
    told = [step(world) and (world.outputs.terminations[0][0, 1], world.outputs.acting[0][0, 1]) for _ in range(4)]

    assert told == [(True, False), (False, True), (True, False), (False, False)]


def test_an_agent_that_returns_starts_anew() -> None:
    """Its first decision since is a start, so that a policy forgets; its noise goes on, and does not repeat itself."""
    world = visitors("abc", "ac", "abc", "abc", "")
    play = Play(
        world,
        [uniform_policy(world.spec.groups[0])],
        [np.zeros((1, 3), np.int64)],
        lambda copies, n: stream(0, "eval", copies, n),
    )
    play.start()
    starts = []
    for _ in range(4):
        acting = world.outputs.acting[0][0].copy()
        (decided,) = play.decide()
        starts.append(dict(zip(np.flatnonzero(acting).tolist(), decided.is_start.tolist(), strict=True)))
        play.advance()

    assert starts == [
        {0: True, 1: True, 2: True},
        {0: False, 2: False},
        {0: False, 1: True, 2: False},
        {0: False, 1: False, 2: False},
    ]
    assert play.decisions[0].tolist() == [[4, 3, 4]]


def test_an_episode_that_begins_without_agents_is_a_fault() -> None:
    """There would be nobody to step it with: a fault, and another try."""

    class Late(Visitors):
        resets = 0

        def reset(self, seed: int | None = None, options: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
            Late.resets += 1
            self.attendance = ["a" if Late.resets > 2 else "", ""]
            return super().reset()

    world = from_env(lambda: Late([]), num_envs=1, groups="all=*")
    out = world.reset(np.zeros(1, np.uint64))

    assert out.acting[0].tolist() == [[True, False, False]]
    assert not out.ended[0]
    assert "at a reset (ValueError: an episode that begins without agents)" in world.take_notices()[0]


def test_an_agent_that_nobody_has_announced_is_a_fault_that_names_it() -> None:
    world = visitors("abc", "abcx")
    out = step(world)

    assert (out.faulted[0], out.ended[0]) == (True, True)
    (notice,) = world.take_notices()
    assert "copy 0 broke at a step (ValueError: the agents ['x'], which are not among its possible_agents)" in notice


def test_an_agent_that_is_absent_never_has_its_action_read() -> None:
    """Whatever is in its column."""
    world = visitors("ac", "ac")
    world.step([np.array([[0, 77, 1]])])

    assert received(world) == ["ac"]


def test_random_play_with_comings_and_goings_leaves_no_traces_in_the_next_episode() -> None:
    """Two episodes of one copy: what is told in the second is what a new world tells."""
    attendance = ("ac", "abc", "b", "bc", "")

    def told(world: World, episodes: int) -> list[dict[str, Any]]:
        driver = Driver(world, [0])
        driver.start().play(len(attendance[1:]) * episodes)
        return driver.histories[0][-len(attendance) :]

    def make() -> World:
        return from_env(lambda: Visitors(list(attendance)), num_envs=1, groups="all=*")

    for first, second in zip(told(make(), 1), told(make(), 2), strict=True):
        for name in first:
            np.testing.assert_array_equal(first[name], second[name], err_msg=name)
