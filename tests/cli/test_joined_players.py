"""MANAGER+WORKER, the manager of one player with the worker of another, where players are named on the command line."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import SMALL

from marl_ppo.cli.main import main


@pytest.fixture(scope="module")
def hierarchies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs of managers and workers, `a` and `b`, and a flat one, `c`; read only."""
    place = tmp_path_factory.mktemp("hierarchies")
    with contextlib.chdir(place):
        for seed, name in enumerate("ab"):
            main(["train", "spread", "--policy", "hierarchical", "--seed", str(seed), "--name", name, *SMALL])
        main(["train", "spread", "--name", "c", *SMALL])
    return place


@pytest.mark.parametrize(
    "command",
    [
        ("evaluate", "a+b", "--episodes", "8", "--num-envs", "8"),
        ("match", "spread", "a+b", "b+a", "random", "--episodes", "8", "--num-envs", "8"),
        ("watch", "a+b", "--seconds", "0.2", "--out", "joined.gif"),
        ("watch", "runs/a+runs/b", "--seconds", "0.2", "--out", "joined.gif"),
    ],
    ids=lambda command: command[0],
)
def test_wherever_players_play_two_may_be_joined(
    marl_ppo: Any, hierarchies: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(hierarchies)
    said = marl_ppo(*command)

    assert said.code == 0, said.err
    assert command[1] in said.out or (hierarchies / "joined.gif").read_bytes().startswith(b"GIF89a")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a+scripted", "a+scripted cannot be joined: scripted has no manager and worker"),
        ("a+c", "has no manager and worker: it was trained with --policy flat"),
        ("a+nobody", "No player is called 'nobody'"),
    ],
)
def test_what_cannot_be_joined_is_said(
    marl_ppo: Any, hierarchies: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    monkeypatch.chdir(hierarchies)
    said = marl_ppo("evaluate", name, "--episodes", "8")

    assert said.code != 0
    assert reason in " ".join(said.err.split())


def test_two_joined_are_no_single_player_to_be_exported(
    marl_ppo: Any, hierarchies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(hierarchies)
    said = marl_ppo("export", "a+b")

    assert said.code != 0
    assert "No single player is called 'a+b'" in " ".join(said.err.split())
