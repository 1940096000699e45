"""A player in a PettingZoo loop plays what it plays inside the platform."""

import importlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpe2.simple_tag_v3
import numpy as np
import pytest

from marl_ppo import find_player, load, make_world, parallel_env
from marl_ppo.envs.pettingzoo import aec_env
from marl_ppo.envs.seeds import stream
from marl_ppo.errors import ConfigError, UnknownNameError
from marl_ppo.play.play import Play
from marl_ppo.play.seating import seat_players
from marl_ppo.training.config import HierarchyConfig
from marl_ppo.training.run import train

STEPS = 1000
Actions = list[dict[str, Any]]
"""by agent, of those that decided, for each step"""


@pytest.fixture(scope="module")
def trained(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """The folder of a small run on a world, one per setting; its policies are no longer near to uniform."""
    made: dict[str, str] = {}

    def run(world: str, memory: str = "none", **settings: Any) -> str:
        key = f"{world}-{memory}-{settings}"
        if key not in made:
            config = small(world, world_config=settings, network={"memory": memory}, ppo={"learning_rate": 0.03})
            made[key] = str(train(config, tmp_path_factory.mktemp("runs") / "run").folder)
        return made[key]

    return run


def inside(name: str, world_id: str, settings: dict[str, Any], *, greedy: bool, seed: int) -> Actions:
    """What a Play of one copy plays."""
    world = make_world(world_id, **settings)
    player = find_player(name, world.spec, greedy=greedy)
    seating = seat_players(world.spec, 1, [player] * len(world.spec.teams))
    play = Play(
        world, seating.policies, seating.seats, lambda copies, n: stream(seed, "eval", copies, n), greedy=seating.greedy
    )
    play.start()
    told: Actions = []
    for _ in range(STEPS):
        acting = [mask[0].copy() for mask in world.outputs.acting]
        play.decide()
        told.append(
            {
                agent: play.actions[g][0, a].copy()
                for g, group in enumerate(world.spec.groups)
                for a, agent in enumerate(group.agents)
                if acting[g][a]
            }
        )
        play.advance()
        play.reset_ended()
    return told


def outside(name: str, world_id: str, settings: dict[str, Any], *, greedy: bool, seed: int) -> Actions:
    """What a bot plays in a standard loop, in which it is told of all agents, those that wait or have just died included."""
    env = parallel_env(world_id, **settings)
    bot = load(name, greedy=greedy)
    observations, infos = env.reset(seed=seed)
    bot.reset(seed)
    told: Actions = []
    while len(told) < STEPS:
        told.append(bot.act(observations, infos))
        observations, _, _, _, infos = env.step(told[-1])
        if not env.agents:
            observations, infos = env.reset()
            bot.reset()
    return told


CASES = {
    "plain": ("spread", "none", {}),
    "continuous": ("spread", "none", {"action": "continuous"}),
    "turns and masks": ("kuhn", "none", {}),
    "turns, masks and memory": ("kuhn", "gru", {}),
    "memory": ("recall", "gru", {}),
    "deaths and memory": ("staggered", "gru", {}),
    "waits and memory": ("waits", "gru", {}),
    "several groups": ("two_kinds", "gru", {}),
}


@pytest.mark.parametrize("greedy", [True, False], ids=["greedy", "stochastic"])
@pytest.mark.parametrize("case", CASES)
def test_a_loaded_bot_plays_a_thousand_steps_as_inside_the_platform(trained: Any, case: str, greedy: bool) -> None:
    world, memory, settings = CASES[case]
    name = trained(world, memory, **settings)
    mine = outside(name, world, settings, greedy=greedy, seed=7)
    twin = inside(name, world, settings, greedy=greedy, seed=7)

    assert [step.keys() for step in mine] == [step.keys() for step in twin]
    for step, same in zip(mine, twin, strict=True):
        for agent, action in step.items():
            np.testing.assert_array_equal(action, same[agent])
    assert len({str(step) for step in mine}) > 1


def test_a_team_s_manager_plays_outside_as_inside(small: Any, tmp_path: Path) -> None:
    """It is shown its mates in either loop."""
    levels = HierarchyConfig(subgoals="thing", manages="team", subgoal_steps=3)
    name = str(train(small("plates", policy="hierarchical", hierarchy=levels), tmp_path / "run").folder)

    assert outside(name, "plates", {}, greedy=False, seed=7) == inside(name, "plates", {}, greedy=False, seed=7)


def test_sampled_actions_follow_from_the_episodes_seed(trained: Any) -> None:
    name = trained("spread")
    told = [outside(name, "spread", {}, greedy=False, seed=seed)[:50] for seed in (1, 1, 2)]

    assert told[0] == told[1] != told[2]


@pytest.mark.parametrize("case", CASES)
def test_agents_that_choose_one_by_one_play_the_same_game(trained: Any, case: str) -> None:
    """The AEC form of the first episodes; only rounding could differ, and in these it changes no greedy choice."""
    world, memory, settings = CASES[case]
    name = trained(world, memory, **settings)
    twin = inside(name, world, settings, greedy=True, seed=3)
    env, bot = aec_env(world, **settings), load(name)
    told: list[tuple[str, Any]] = []
    for seed in (3, None, None):
        env.reset(seed=seed)
        bot.reset(seed)
        for agent in env.agent_iter():
            observation, _, termination, truncation, info = env.last()
            action = None if termination or truncation else bot.act_one(agent, observation, info)
            told += [] if action is None else [(agent, action)]
            env.step(action)

    played = [(agent, action) for step in twin for agent, action in step.items()][: len(told)]
    assert [agent for agent, _ in told] == [agent for agent, _ in played]
    for (_, action), (_, same) in zip(told, played, strict=True):
        np.testing.assert_allclose(action, same, atol=1e-5)


def test_a_bot_of_an_installed_env_plays_the_env_itself_as_inside_the_platform(trained: Any) -> None:
    """mpe2's own tag, without our wrapping: two groups that see and do different things."""
    name = trained("pettingzoo:mpe2.simple_tag_v3", continuous_actions=True)
    twin = inside(name, "pettingzoo:mpe2.simple_tag_v3", {"continuous_actions": True}, greedy=True, seed=3)[:100]
    env, bot = mpe2.simple_tag_v3.parallel_env(continuous_actions=True), load(name)
    mine: Actions = []
    for episode in range(4):
        observations, infos = env.reset(seed=int(stream(3, "eval", 0, episode)) % 2**31)
        bot.reset()
        while env.agents:
            mine.append(bot.act(observations, infos))
            observations, _, _, _, infos = env.step(mine[-1])

    assert len(mine) == len(twin)
    for step, same in zip(mine, twin, strict=True):
        for agent, action in step.items():
            np.testing.assert_allclose(action, same[agent], atol=1e-6)


def test_a_bot_of_an_installed_game_of_turns_finds_its_masks(trained: Any) -> None:
    """Connect four against itself, until the board is full or somebody wins: an illegal move would end in an error."""
    name = trained("pettingzoo:pettingzoo.classic.connect_four_v3")
    env, bot = env_of("pettingzoo.classic.connect_four_v3"), load(name, greedy=False)
    for seed in range(5):
        env.reset(seed=seed)
        bot.reset(seed)
        for agent in env.agent_iter():
            observation, _, termination, truncation, info = env.last()
            over = termination or truncation
            action = None if over else bot.act_one(agent, observation, info)
            assert over or observation["action_mask"][action] == 1
            env.step(action)


def env_of(module: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module(module).env()


def test_settings_of_the_training_hold_and_others_may_be_given(trained: Any) -> None:
    """Two agents see 12 numbers each, three see 18."""
    assert load(trained("spread", agents=2)).agents == ("agent_0", "agent_1")
    with pytest.raises(ConfigError, match="cannot play 'spread'"):
        load(trained("spread", agents=2), agents=3)
    assert len(load("scripted", "spread", agents=4).agents) == 4


def test_whoever_needs_no_training_is_loaded_for_a_world_that_is_named() -> None:
    env, bot = parallel_env("kuhn"), load("random", "kuhn")
    observations, infos = env.reset(seed=0)

    assert bot.act(observations, infos).keys() == set(env.acting)
    with pytest.raises(ConfigError, match="say which world 'random' plays"):
        load("random")
    with pytest.raises(UnknownNameError, match="No player is called 'nobody'"):
        load("nobody")
