"""`marl-ppo worlds`: what there is, and all about one."""

from pathlib import Path
from typing import Any

import pytest
from plugin_folders import write_plugin

from marl_ppo.envs import registered_worlds


def test_every_registered_world_is_listed_with_what_it_is_about(marl_ppo: Any) -> None:
    said = marl_ppo("worlds")

    for world in registered_worlds():
        (line,) = [line for line in said.lines if line.split()[:1] == [world.id]]
        assert world.description in line
        assert ("(probe)" in line) == world.probe


def test_one_world_is_told_with_its_agents_metrics_params_and_settings(marl_ppo: Any) -> None:
    said = " ".join(marl_ppo("worlds", "spread").out.split())

    assert said.startswith("spread version 1, at most 25 steps, teams ['agents']")
    assert "agents: agent_0, agent_1, agent_2; obs vector (18,); action Discrete(5)" in said
    assert "metric coverage: share of landmarks" in said
    assert "param landmark_spread: half width" in said
    assert "settings: agents=3, action=discrete, dynamics=mpe2, local_ratio=0.5, max_steps=25" in said


def test_a_world_is_told_as_its_settings_make_it(marl_ppo: Any) -> None:
    said = " ".join(marl_ppo("worlds", "spread", "agents=2", "max_steps=7").out.split())

    assert "at most 7 steps" in said
    assert "agent_0, agent_1; obs vector (12,)" in said


def test_an_installed_env_is_told_like_a_world(marl_ppo: Any) -> None:
    said = " ".join(marl_ppo("worlds", "pettingzoo:mpe2.simple_spread_v3").out.split())

    assert said.startswith("pettingzoo:mpe2.simple_spread_v3 version 3, steps as many as the env says, teams ['agent']")
    assert "agent: agent_0, agent_1, agent_2; obs vector (18,); action Discrete(5)" in said
    assert "settings: whatever the env takes, as name=value; now none" in said
    assert "--wrap, in any order: resize, grayscale" in said


def test_an_installed_env_is_told_as_it_is_trained_on(marl_ppo: Any) -> None:
    """The shipped settings say who wins together; what is written behind the name goes over them."""
    rps = "pettingzoo:pettingzoo.classic.rps_v2"

    assert "teams ['player_0', 'player_1']" in marl_ppo("worlds", rps).out
    assert "teams ['both']" in marl_ppo("worlds", rps, "--teams", "both=*").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("worlds spraed", "No world is called 'spraed'. Did you mean 'spread'?"),
        ("worlds chess", "No world is called 'chess'. `marl-ppo worlds` lists what there is."),
        ("worlds spread agent=2", "world 'spread' has no setting 'agent'"),
        ("worlds spread tag", "worlds takes one world at most, got 'spread tag'"),
        ("worlds agents=5", "name a world before its settings, got 'agents=5'"),
        ("worlds spread num_envs=5", "num_envs is no setting of a world"),
        ("worlds pettingzoo:.foo", "must name an installed module with a `parallel_env`"),
        ("worlds gymnasium:CartPol-v1", "No Gymnasium env is called 'CartPol-v1'. Did you mean 'CartPole-v1'?"),
        ("worlds pettingzoo:mpe2.simple_spread_v3 N=-1", "cannot be made with {'N': -1}: "),
        ("worlds --all", "worlds takes one world at most, got '--all'"),
        ("worlds pettingzoo:mpe2.simple_soccer_v1", "install its package"),
        ("worlds pettingzoo:", "'pettingzoo:' must name an installed module with a `parallel_env`"),
    ],
)
def test_a_world_that_is_not_there_is_said(marl_ppo: Any, arguments: str, message: str) -> None:
    said = marl_ppo(*arguments.split())

    assert said.code == 2
    assert message in said.err


def test_worlds_of_plugins_are_listed_under_where_they_come_from_and_faults_with_a_mark(marl_ppo: Any) -> None:
    """Nothing of theirs runs for it: this code would raise."""
    write_plugin(Path("envs"), "aviary", {"nest": "make"}, code="raise RuntimeError")
    write_plugin(Path("envs"), "hive", {"honey": "make", "nest": "make", "spread": "make"}, code="raise RuntimeError")
    Path("envs/amiss").mkdir()
    Path("envs/amiss/pyproject.toml").write_text("[project")
    said = marl_ppo("worlds")
    words = " ".join(said.out.split())

    assert said.code == 0
    assert "from envs/aviary-world (aviary-world 0.3) nest aviary: bees gather honey" in words
    assert "from envs/hive-world (hive-world 0.3) honey hive: bees gather honey" in words
    assert "! nest of envs/hive-world (hive-world 0.3) is hidden by that of envs/aviary-world (aviary-world 0.3)" in words
    assert "! spread of envs/hive-world (hive-world 0.3) is hidden by a built-in world" in words
    assert "! envs/amiss/pyproject.toml is not TOML" in words


def test_a_plugin_that_does_not_work_is_told_with_its_traceback(marl_ppo: Any) -> None:
    write_plugin(Path("envs"), "wreck", {"honey": "make"}, code="raise RuntimeError('no bees')")
    said = marl_ppo("worlds", "honey")

    assert said.code == 2
    assert "marl-ppo: the world 'honey' of envs/wreck-world (wreck-world 0.3) does not work" in said.err
    assert "RuntimeError: no bees" in said.err
