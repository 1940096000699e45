"""Files from anybody: opened, or refused with our own error; in little memory, and nothing is written or started."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pygame
import pytest

from marl_ppo.errors import FileFormatError
from marl_ppo.replays.files import read_replay, write_replay
from marl_ppo.replays.members import LARGEST_CONTENT
from marl_ppo.replays.replay import Event, Thoughts
from marl_ppo.viewer.feed import Subgoal
from marl_ppo.viewer.renderer import Renderer, pixels_of
from marl_ppo.viewer.replayed import ReplayTimeline
from marl_ppo.viewer.screen import Screen
from marl_ppo.viewer.show import Show

HERE = Path(__file__).parent
GOLDEN = HERE.parents[1] / "replays"
COUNT = 2000


def test_two_thousand_mutated_files_are_opened_or_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(HERE / "open_mutations.py"), str(GOLDEN), "0", str(COUNT)],
        cwd=tmp_path,
        env={**os.environ, "SDL_VIDEODRIVER": "dummy"},
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)

    assert told["wrong"] == []
    assert told["written"] == []
    assert told["left"] == ["it.replay"]
    assert told["peak_mb"] < 500
    assert sum(told["came"].values()) == COUNT
    # Mutations that reach every layer: some change nothing that matters, some only what is told, most everything.
    assert told["came"]["exact"] > 50
    assert told["came"]["differs"] > 30
    assert told["came"]["refused"] > 500


def test_a_file_that_unpacks_to_more_than_it_may_is_refused(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "bomb.replay"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("match.json", b" " * (LARGEST_CONTENT + 1))

    with pytest.raises(FileFormatError, match=r"match.json has more than \d+ bytes"):
        read_replay(path)


def test_words_are_shown_as_letters_and_nothing_else(tmp_path: Path) -> None:
    """No terminal is told to do something, and no window is asked to draw half of a surrogate pair."""
    words = "\x1b]0;title\x07 \ud800 \u202e \0 ü [b]"
    good = read_replay(GOLDEN / "tag.replay")
    bad = replace(good, players=dict.fromkeys(good.players, words), versions={words: "1"}, events=(Event(1, "x", words),))
    replay = read_replay(write_replay(bad, tmp_path / "it.replay"))
    frame = Renderer((240, 160), title=replay.sides[0]).frame(ReplayTimeline(replay).moment(1).scene)

    assert replay.sides == ("�]0;title� � � � ü [b]",)
    assert replay.events[0].text == next(iter(replay.versions)) == replay.sides[0]
    assert frame.shape == (160, 240, 3)


def test_chances_that_are_no_numbers_are_not_drawn() -> None:
    good = read_replay(GOLDEN / "tag.replay")
    endless = [Thoughts(probabilities=np.full((*taken.shape[:2], 5), np.inf, np.float16)) for taken in good.actions]
    drawn = []
    for thoughts in (tuple(endless), ()):
        show = Show([[ReplayTimeline(replace(good, thoughts=thoughts))]])
        show.press("p")
        show.press("tab")
        picture = pygame.Surface((480, 320), 0, 32)
        Screen(show).draw(picture)
        drawn.append(pixels_of(picture))

    assert (drawn[0] == drawn[1]).all(), "as where nobody told any"


def test_names_of_subgoals_are_kept_and_those_that_are_not_there_are_refused(tmp_path: Path) -> None:
    good = read_replay(GOLDEN / "tag.replay")
    shapes = [taken.shape[:2] for taken in good.actions]
    words = ("the door", "a \x1b[31mkey")
    named = [Thoughts(ages=np.zeros(shape, np.int16), told=np.ones(shape, np.int16), words=words) for shape in shapes]
    read = read_replay(write_replay(replace(good, thoughts=tuple(named)), tmp_path / "it.replay"))
    cut = tuple(replace(thoughts, words=words[:1]) for thoughts in named)
    nameless = write_replay(replace(good, thoughts=cut), tmp_path / "other.replay")
    moment = ReplayTimeline(read).moment(1)

    assert read.thoughts[0].words == ("the door", "a �[31mkey")
    assert {thought.subgoal for thought in moment.thoughts.values()} == {Subgoal(None, "a �[31mkey", 0)}
    with pytest.raises(FileFormatError, match="its subgoals have 1 names, not so many as are told"):
        read_replay(nameless)


def test_names_that_would_fill_the_memory_are_refused(tmp_path: Path) -> None:
    """Millions of short ones take next to nothing in a zip."""
    good = read_replay(GOLDEN / "tag.replay")
    path = write_replay(replace(good, thoughts=(Thoughts(words=("x",) * 1_000_000), Thoughts())), tmp_path / "it.replay")

    with pytest.raises(FileFormatError, match="its subgoals have more than 10000 names"):
        read_replay(path)


def test_subgoals_of_which_nobody_noted_when_they_were_set_are_not_new(tmp_path: Path) -> None:
    good = read_replay(GOLDEN / "tag.replay")
    places = [np.full((*taken.shape[:2], 2), 0.5, np.float32) for taken in good.actions]
    path = write_replay(replace(good, thoughts=tuple(Thoughts(subgoals=one) for one in places)), tmp_path / "it.replay")
    match = ReplayTimeline(read_replay(path))
    subgoals = {thought.subgoal for thought in match.moment(1).thoughts.values()}

    assert {(subgoal.place, subgoal.words) for subgoal in subgoals if subgoal} == {((0.5, 0.5), "")}
    assert all(subgoal and subgoal.age > 1000 for subgoal in subgoals)
    assert not any(len(match.options(agent)) for agent in match.players)


def test_a_small_file_of_a_match_too_large_for_the_memory_is_refused(tmp_path: Path) -> None:
    """A million steps that are all alike take next to nothing in a zip."""
    good = read_replay(GOLDEN / "soccer.replay")
    steps, agents = 500_000, 40
    large = replace(
        good,
        steps=steps,
        actions=(np.zeros((steps, agents), np.uint8),),
        players={f"p{n}": "x" for n in range(agents)},
        returns=(0.0,) * agents,
        chain=np.zeros(0, np.uint64),
        keyframes=None,
        thoughts=(),
    )
    path = write_replay(large, tmp_path / "it.replay")

    assert path.stat().st_size < 100_000
    with pytest.raises(FileFormatError, match="500000 steps of 40 agents; at most 16000000"):
        read_replay(path)


@pytest.mark.parametrize("team", [-2, 2, 2**70])
def test_an_event_of_no_team_is_refused(tmp_path: Path, team: int) -> None:
    """It would have no colour."""
    good = read_replay(GOLDEN / "tag.replay")
    path = write_replay(replace(good, events=(Event(1, "x", "y", team),)), tmp_path / "it.replay")

    with pytest.raises(FileFormatError, match="its returns or events are not of this match"):
        read_replay(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip at all"])
def test_what_is_no_zip_is_no_replay(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "it.replay"
    path.write_bytes(content)

    with pytest.raises(FileFormatError, match="is damaged, or no replay"):
        read_replay(path)
