"""The command line in this process, in a folder of its own."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from marl_ppo.cli.main import main

SMALL = (
    *("--total-steps", "64", "--num-envs", "8", "--num-steps", "4", "--threads", "1"),
    *("--ppo.num-minibatches", "2", "--ppo.update-epochs", "1", "--fused", "False"),
)
"""flags of a training of two updates, over before it began"""


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Command = Callable[..., Said]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty at first; the terminal is 80 columns wide and there is no screen."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def marl_ppo(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command: marl_ppo("train", "spread", "agents=5")."""

    def run(*arguments: str) -> Said:
        code = 0
        try:
            main(list(arguments))
        except SystemExit as exit:
            code = int(exit.code or 0)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.fixture
def small() -> tuple[str, ...]:
    return SMALL


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs to measure and watch: `solo` on waits, `duel` on tag; read only."""
    place = tmp_path_factory.mktemp("workspace")
    with contextlib.chdir(place):
        main(["train", "waits", "--name", "solo", *SMALL])
        main(["train", "tag", "--name", "duel", *SMALL])
        main(["train", "tag", "--name", "hunt", "--learn", "chasers", *SMALL])
    return place


@pytest.fixture
def trained(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the runs of `workspace` in it."""
    monkeypatch.chdir(workspace)
    return workspace
