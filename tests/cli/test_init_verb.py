"""`marl-ppo init`: a folder to work in."""

from pathlib import Path
from typing import Any

import pytest

from marl_ppo.workspace import FOLDERS, known_bots


def test_a_workspace_has_a_place_for_everything_and_says_what_for(marl_ppo: Any) -> None:
    said = marl_ppo("init", "mine")
    readme = Path("mine/README.md").read_text()

    assert said.code == 0
    assert sorted(path.name for path in Path("mine").iterdir()) == ["README.md", *sorted(FOLDERS)]
    assert all(f"| `{name}` | {about} |" in readme for name, about in FOLDERS.items())
    assert said.lines[-1] == "Go on:  cd mine && marl-ppo train spread --minutes 2"


def test_the_readme_names_the_bots_that_are_there(marl_ppo: Any) -> None:
    marl_ppo("init", "mine")
    watched = [
        line.split()[-1] for line in Path("mine/README.md").read_text().splitlines() if line.startswith("marl-ppo watch")
    ]

    assert known_bots()
    assert watched == ["first", *known_bots()]


def test_what_is_one_already_keeps_what_it_has(marl_ppo: Any) -> None:
    """Also a folder in which somebody has trained before thinking of a workspace."""
    Path("mine/runs/old").mkdir(parents=True)
    Path("mine/README.md").write_text("mine")
    said = [marl_ppo("init", "mine"), marl_ppo("init", "mine")]
    Path("mine/notes.txt").touch()
    said.append(marl_ppo("init", "mine"))

    assert [one.code for one in said] == [0, 0, 0]
    assert Path("mine/README.md").read_text() == "mine"
    assert Path("mine/runs/old").is_dir()


def test_the_current_folder_can_become_one(marl_ppo: Any) -> None:
    assert marl_ppo("init", ".").lines[-1] == "Go on:  marl-ppo train spread --minutes 2"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("init full", "full is not empty and no workspace; name a new folder, such as `marl-ppo init my-agents`"),
        ("init file", "file is not empty and no workspace"),
        ("init", "init takes one folder, got ''; usage: marl-ppo init DIR"),
        ("init a b", "init takes one folder, got 'a b'"),
        ("init --force", "init takes one folder, got '--force'"),
    ],
)
def test_what_cannot_become_one_is_refused(marl_ppo: Any, arguments: str, message: str) -> None:
    Path("full").mkdir()
    Path("full/thesis.tex").touch()
    Path("file").touch()
    said = marl_ppo(*arguments.split())

    assert said.code == 2
    assert message in said.err
    assert sorted(path.name for path in Path().rglob("*")) == ["file", "full", "thesis.tex"]
