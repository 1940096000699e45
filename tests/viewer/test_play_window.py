"""People at a real window on a virtual screen: keys are pressed with xdotool, so they take the way that a keyboard's take."""

import contextlib
import io
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pygame
import pytest

from marl_ppo.cli.main import main
from marl_ppo.envs.scene import Disc
from marl_ppo.replays.files import find_replay, read_replay
from marl_ppo.replays.simulation import Simulation
from marl_ppo.replays.verify import verify

TINY = """
world = "tag"
total_steps = 400
turn_updates = 1
ladder_games = 16
anchors = ["random"]
replays = 0

[train]
num_envs = 8
num_steps = 25
network.hidden = [8, 8]
ppo.num_minibatches = 1
ppo.update_epochs = 1

[[learners]]
name = "main"
"""
Hand = tuple[float, Sequence[str]]
"""seconds to wait, and what xdotool is told then"""


@pytest.fixture
def hands(screen: str) -> None:
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed, so nobody can press a key: apt-get install xdotool")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def play(arguments: str, deeds: Sequence[Hand]) -> str:
    """`marl-ppo play` with hands at the keyboard from the moment that the window is there; returns what it printed.

    When the match has been saved, the hands let go of all keys and quit.
    """
    saved = len(list(Path("replays").glob("*")))

    def move() -> None:
        while not pygame.display.get_init():
            time.sleep(0.05)
        for wait, words in deeds:
            time.sleep(wait)
            subprocess.run(["xdotool", *words], check=True, timeout=10)
        while len(list(Path("replays").glob("*.replay"))) == saved:
            time.sleep(0.05)
        held = [word for _, words in deeds for place, word in enumerate(words) if words[place - 1] == "keydown"]
        # The result is in view by the time that a key is up.
        time.sleep(0.5)
        subprocess.run(["xdotool", *(word for key in held for word in ("keyup", key)), "key", "q"], check=True, timeout=10)

    fingers = threading.Thread(target=move, daemon=True)
    rescue = threading.Timer(60.0, pygame.event.post, [pygame.event.Event(pygame.QUIT)])
    rescue.start()
    fingers.start()
    try:
        with contextlib.redirect_stdout(io.StringIO()) as said:
            main(["play", *arguments.split()])
    finally:
        rescue.cancel()
        fingers.join(timeout=20)
    return said.getvalue()


def test_a_person_wins_at_tag_and_stands_in_the_league(
    hands: None, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On this seed, prey that stands still is caught by random chasers, and prey that runs away from the start is not."""
    (workspace / "leagues").mkdir()
    (workspace / "leagues/tiny.toml").write_text(TINY)
    main(["league", "run", "tiny", "--name", "tiny"])
    command = "tag --seat prey --seed 4 --rate 20 --league tiny --rated ann --against random"
    ran = play(command, [(0.5, ["keydown", "Up"])])
    stood = play(command, [])
    capsys.readouterr()
    main(["league", "standings", "tiny"])
    row = next(line for line in capsys.readouterr().out.splitlines() if "ann (person)" in line)
    (first, second) = (read_replay(workspace / line.split()[-1]) for line in (ran + stood).splitlines() if "saved as" in line)

    assert re.search(r"ann: rating [\d.]+ \(μ [\d.]+ ± [\d.]+\) after 1 game in tiny", ran)
    assert "after 2 games in tiny" in stood
    assert first.outcome == (0.0, 1.0)
    assert second.outcome == (1.0, 0.0)
    assert first.players["agent_0"] == "ann"
    # Won one of two, and how sure that is.
    assert "50%" in row
    assert row.split()[-1] == "2"
    assert "±" in row


def test_a_person_plays_on_from_a_recorded_moment(hands: None, workspace: Path) -> None:
    """The first ten steps are the recorded ones; what is saved says where it comes from."""
    said = play("--replay tag --at 10 --seat prey --against random --rate 20", [])
    origin = read_replay(find_replay("tag"))
    branch = read_replay(workspace / said.split()[-1])

    assert branch.origin is not None
    assert (branch.origin.id, branch.origin.step) == (origin.id, 10)
    assert (branch.chain[:11] == origin.chain[:11]).all()
    assert branch.players["agent_0"] == "person"
    assert verify(branch).kind == "exact"


def test_keys_move_a_body_in_soccer_as_told(hands: None, workspace: Path) -> None:
    """Orange runs left and down in the picture: ahead and left in its own frame, which is move 2."""
    held = ["keydown", "Left", "keydown", "Down"]
    said = play("soccer max_steps=15 --seat orange_0 --against random --with random --seed 1", [(0.3, held)])
    replay = read_replay(workspace / said.split()[-1])
    with Simulation(replay) as simulation:
        ways = []
        for step in (0, 15):
            simulation.seek(step)
            body = next(p for p in simulation.scene().primitives if p.key == "orange_0")
            assert isinstance(body, Disc)
            ways.append((body.x, body.y))

    assert replay.actions[0][:, 2].tolist() == [2] * 15
    assert ways[1][0] < ways[0][0] - 0.2
    assert ways[1][1] < ways[0][1] - 0.2


def test_connect_four_is_won_with_the_mouse(hands: None, workspace: Path) -> None:
    """Four clicks on one column, which a random player does not block on this seed; the window is in the corner."""
    click = ["mousemove", "300", "250", "click", "1"]
    said = play("connect_four --against random --rate 20 --seed 1", [(0.6, click)] * 4)
    replay = read_replay(workspace / said.split()[-1])
    own = replay.actions[0][::2, 0]

    assert replay.outcome == (1.0, -1.0)
    assert len(set(own.tolist())) == 1


def test_where_there_is_no_screen_it_is_said(headless: None, workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["play", "kuhn"])

    assert "there is no screen to open a window on, and nobody can play without one" in capsys.readouterr().err
