"""Gif files, read back."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from viewer.scenes import Walk, disc_at, scene

from marl_ppo.errors import ConfigError
from marl_ppo.viewer.gif import Frame, write_gif
from marl_ppo.viewer.palette import TEAMS
from marl_ppo.viewer.playback import END_PAUSE_S
from marl_ppo.viewer.renderer import Renderer
from marl_ppo.viewer.show import Show
from marl_ppo.viewer.watch import gif_frames

SIZE = (160, 120)


def frames(count: int) -> list[Frame]:
    renderer = Renderer(SIZE)
    return [renderer.frame(scene(disc_at(i / 40 - 0.8))) for i in range(count)]


def test_a_gif_has_every_frame_for_its_time_and_loops(tmp_path: Path) -> None:
    path = write_gif(tmp_path / "new" / "match.gif", iter(frames(12)), fps=20)

    with Image.open(path) as gif:
        assert (gif.n_frames, gif.size, gif.info["loop"]) == (12, SIZE, 0)
        assert {duration(gif, i) for i in range(12)} == {50}


def duration(gif: Image.Image, number: int) -> int:
    gif.seek(number)
    return int(gif.info["duration"])


def test_a_gifs_frames_show_what_was_drawn(tmp_path: Path) -> None:
    """256 colours for all: flat areas come back within a few levels, at every frame."""
    drawn = frames(60)
    path = write_gif(tmp_path / "match.gif", drawn)

    with Image.open(path) as gif:
        for number in (0, 30, 59):
            gif.seek(number)
            seen = np.asarray(gif.convert("RGB")).astype(int)
            assert np.abs(seen - drawn[number]).max(axis=2).mean() < 2.0
            assert (np.abs(seen - TEAMS[0]).max(axis=2) <= 4).sum() > 50


def test_a_still_picture_takes_one_frame_and_all_of_the_time(tmp_path: Path) -> None:
    path = write_gif(tmp_path / "still.gif", frames(1) * 10, fps=10)

    with Image.open(path) as gif:
        assert sum(duration(gif, i) for i in range(gif.n_frames)) == 1000
        assert gif.n_frames == 1


def test_only_what_changed_is_stored(tmp_path: Path) -> None:
    """One disc of a hundred moves: forty frames take less than ten times the room of one."""
    still = [disc_at(i % 10 / 5 - 0.9, i // 10 / 5 - 0.9, key=str(i), team=i) for i in range(99)]
    renderer = Renderer((320, 240))
    moving = [renderer.frame(scene(*still, disc_at(i / 40))) for i in range(40)]
    one = write_gif(tmp_path / "one.gif", moving[:1]).stat().st_size

    assert write_gif(tmp_path / "all.gif", moving).stat().st_size < 10 * one


def test_a_show_gives_a_frame_per_tick_and_holds_the_end() -> None:
    """3 steps at 2 per second is 1.5 s; with the pause at the end 2.3 s; at 10 frames per second 23 of them."""
    taken = list(gif_frames(Show([[Walk(3, rate=2.0)]]), SIZE, seconds=60.0, fps=10))

    assert len(taken) == pytest.approx((1.5 + END_PAUSE_S) * 10, abs=1)
    assert taken[-1].tobytes() == taken[-7].tobytes()


def test_an_endless_show_is_cut() -> None:
    taken = list(gif_frames(Show([[Walk(10**9, rate=2.0)]]), SIZE, seconds=1.5, fps=10))

    assert len(taken) == 15


def test_a_gif_goes_on_to_the_next_match() -> None:
    """Two matches of half a second, each with its pause: 2.6 s."""
    taken = list(gif_frames(Show([[Walk(1, rate=2.0), Walk(1, rate=2.0)]]), SIZE, seconds=60.0, fps=10))

    assert len(taken) == pytest.approx(2 * (0.5 + END_PAUSE_S) * 10, abs=2)


@pytest.mark.parametrize(
    ("name", "given", "fps", "message"),
    [
        ("match.mp4", frames(1), 20, r"a gif's name ends in \.gif, got '.*match\.mp4'"),
        ("match.gif", [], 20, "there is no frame to write to"),
        ("match.gif", frames(1), 60, "fps must be between 1 and 50 in a gif, got 60"),
        ("match.gif", [*frames(1), np.zeros((9, 9, 3), np.uint8)], 20, r"frame 1 is \[9, 9, 3\], but the first one is"),
        ("match.gif", [np.zeros((9, 9), np.float32)], 20, r"frame 0 must be uint8 \[H, W, 3\], got float32 \[9, 9\]"),
    ],
)
def test_what_cannot_be_a_gif_is_refused(tmp_path: Path, name: str, given: list[Frame], fps: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        write_gif(tmp_path / name, given, fps=fps)

    assert not (tmp_path / name).exists()
