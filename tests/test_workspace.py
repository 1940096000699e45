"""Where names are looked up."""

from pathlib import Path

import pytest

from marl_ppo import workspace
from marl_ppo.workspace import bundled, known_bots, places

ROOT = Path(__file__).parents[1]


def test_the_workspace_comes_first_and_what_is_bundled_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert places("agents") == [Path("agents"), ROOT / "agents"]

    monkeypatch.chdir(ROOT)
    assert places("agents") == [Path("agents")]


def test_a_wheel_has_its_content_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the folders beside the package, site-packages, are nothing of ours, whatever they are called."""
    (tmp_path / "site/marl_ppo").mkdir(parents=True)
    (tmp_path / "site/agents").mkdir()
    monkeypatch.setattr(workspace, "__file__", str(tmp_path / "site/marl_ppo/workspace.py"))
    assert bundled("agents") is None

    (tmp_path / "site/marl_ppo/bundled/agents").mkdir(parents=True)
    assert bundled("agents") == tmp_path / "site/marl_ppo/bundled/agents"
    assert bundled("envs") is None


def test_bots_are_known_by_their_cards_each_name_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workspace, "bundled", lambda folder: tmp_path / "shipped")
    for bot in ("agents/mine", "agents/both", "shipped/both", "shipped/theirs"):
        Path(bot).mkdir(parents=True)
        Path(bot, "card.toml").touch()
    Path("agents/notes").mkdir()

    assert known_bots() == ["both", "mine", "theirs"]
