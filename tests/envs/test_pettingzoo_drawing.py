"""Render modes of the PettingZoo view."""

import subprocess
import sys
import types
from collections.abc import Sequence

import pytest
from nim import Nim

from marl_ppo.envs.pettingzoo import parallel_env
from marl_ppo.envs.pettingzoo.view import RENDER_FPS, WorldParallelEnv
from marl_ppo.envs.scene import Scene
from marl_ppo.errors import ConfigError, WorldError


def test_no_window_library_is_loaded_until_something_is_drawn() -> None:
    probe = (
        "import sys; from marl_ppo.envs.pettingzoo import aec_env, parallel_env\n"
        "for env in (parallel_env('bandit', render_mode='rgb_array'), aec_env('bandit')): env.reset(seed=0)\n"
        "print(*{'pygame', 'torch', 'marl_ppo.viewer'} & set(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout

    assert loaded.split() == []


def test_a_render_mode_the_world_cannot_serve_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"must be None or one of \['human', 'rgb_array'\], got 'ansi'"):
        parallel_env("bandit", render_mode="ansi")
    with pytest.raises(ConfigError, match=r"must be None or one of \[\], got 'human'"):
        WorldParallelEnv(Nim(1, capabilities=()), render_mode="human")


def test_drawing_without_a_mode_warns_and_drawing_before_a_reset_is_refused() -> None:
    with pytest.warns(UserWarning, match="render_mode='rgb_array'"):
        assert WorldParallelEnv(Nim(1)).render() is None
    with pytest.raises(WorldError, match=r"call reset\(\) first"):
        WorldParallelEnv(Nim(1), render_mode="rgb_array").render()


def test_the_human_mode_shows_every_step_by_itself_at_a_speed_for_humans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to wait for before the first picture; then up to 1 / RENDER_FPS seconds before each."""
    shown: list[str] = []
    waits: list[float] = []

    class FakeRenderer:
        def __init__(self, teams: Sequence[str], title: str) -> None:
            shown.append(f"{title}: {' against '.join(teams)}")

        def show(self, scene: Scene, hud: Sequence[str]) -> bool:
            shown.append(f"{scene.primitives[0].text}, {hud[0]}")
            return len(shown) < 4

        def close(self) -> None:
            shown.append("closed")

    monkeypatch.setattr("time.sleep", waits.append)
    monkeypatch.setitem(sys.modules, "marl_ppo.viewer.renderer", types.SimpleNamespace(Renderer=FakeRenderer))
    env = WorldParallelEnv(Nim(1), render_mode="human")
    env.reset(seed=0)
    heap = int(env.state()[0])
    env.step({"player_0": 0})
    env.step({"player_1": 0})
    env.reset(seed=0)
    env.close()

    assert shown == [
        "nim: first against second",
        f"{heap}, step: 0",
        f"{heap - 1}, step: 1",
        f"{heap - 2}, step: 2",
        f"{heap}, step: 0",
        "closed",
    ]
    assert waits[0] == 0
    assert 0 < waits[1] <= 1 / RENDER_FPS
    assert waits[3] == 0, "nobody waits for a window that was closed"


def test_a_picture_has_the_hud_beside_the_scene_and_may_be_drawn_on() -> None:
    """One step of no move on either side changes nothing but the numbers in the panel."""
    env = parallel_env("bandit", render_mode="rgb_array")
    env.reset(seed=0)
    before = env.render()
    env.step(dict.fromkeys(env.agents, 0))
    after = env.render()

    assert before is not None
    assert after is not None
    panel = slice(480, None)
    assert (before[:, panel] != after[:, panel]).any()
    after[...] = 0
