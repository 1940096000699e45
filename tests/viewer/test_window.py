"""Real windows on a virtual screen: seen from outside with the X server's own eyes, driven with real key events."""

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pygame
import pytest
from PIL import Image
from viewer.scenes import disc_at, scene, walk

from marl_ppo.errors import DisplayError
from marl_ppo.viewer.palette import TEAMS
from marl_ppo.viewer.playback import Playback
from marl_ppo.viewer.renderer import Renderer
from marl_ppo.viewer.watch import watch
from marl_ppo.viewer.window import Window, has_display

SIZE = (300, 200)


@pytest.fixture
def window(screen: str) -> Iterator[Window]:
    opened = Window(SIZE, "test")
    yield opened
    opened.close()


def press(key: int, text: str = "") -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, unicode=text))


def test_a_window_shows_the_picture(window: Window) -> None:
    """SDL's copy of the screen holds team 0's colour where the disc is drawn."""
    picture = Renderer(SIZE).draw(scene(disc_at(0.0)))
    window.present(picture)
    shown = pygame.display.get_surface()

    assert shown.get_size() == SIZE
    assert pygame.image.tobytes(shown, "RGB") == pygame.image.tobytes(picture, "RGB")


def test_a_picture_of_another_size_is_scaled_to_the_window(window: Window) -> None:
    picture = pygame.Surface((64, 64))
    picture.fill(TEAMS[1])
    window.present(picture)

    assert tuple(pygame.display.get_surface().get_at((290, 190)))[:3] == TEAMS[1]


def test_keys_are_named_by_what_they_print_or_by_their_name(window: Window) -> None:
    window.pressed()
    press(pygame.K_SPACE, " ")
    press(pygame.K_RIGHT)
    press(pygame.K_EQUALS, "+")
    press(pygame.K_ESCAPE, "\x1b")
    press(pygame.K_q, "q")

    assert window.pressed() == ["space", "right", "+", "escape", "q"]
    assert window.pressed() == []


def test_closing_from_outside_is_noticed_and_nothing_is_drawn_after(window: Window) -> None:
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    window.pressed()
    window.present(pygame.Surface(SIZE))
    window.close()

    assert window.closed
    assert not pygame.display.get_init()
    assert window.pressed() == []


def test_a_renderer_shows_and_closes_and_opens_again(screen: str) -> None:
    renderer = Renderer(SIZE)
    renderer.show(scene(disc_at(0.0)))
    opened = pygame.display.get_init()
    renderer.close()
    closed = not pygame.display.get_init()
    renderer.show(scene())
    again = pygame.display.get_init()
    renderer.close()

    assert (opened, closed, again) == (True, True, True)


def test_a_window_that_the_user_closed_stays_closed(screen: str) -> None:
    renderer = Renderer(SIZE)
    renderer.show(scene())
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    renderer.show(scene())
    renderer.show(scene())

    assert not pygame.display.get_init()


def test_where_no_window_opens_it_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    monkeypatch.setenv("DISPLAY", ":65000")

    with pytest.raises(DisplayError, match=r"no window could be opened \(.+\); .* write a gif instead"):
        Window(SIZE, "test")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the environment tells only on Linux")
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True),
        ({"DISPLAY": ":0", "SDL_VIDEODRIVER": "dummy"}, False),
    ],
)
def test_a_display_is_known_by_the_environment(
    headless: None, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: bool
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert has_display() is expected


def test_without_a_screen_watching_writes_a_gif_and_says_where(
    headless: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    path = watch(walk(4), renderer=Renderer(SIZE), say=said.append)

    assert path == Path("watch.gif")
    with Image.open(path) as gif:
        assert gif.size == SIZE
    assert len(said) == 1
    assert said[0].startswith("There is no screen to open a window on. Wrote watch.gif (")


def test_a_screen_that_does_not_answer_is_no_screen(headless: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISPLAY", ":65000")
    said: list[str] = []

    assert watch(walk(2), renderer=Renderer(SIZE), say=said.append) == Path("watch.gif")
    assert "no window could be opened" in said[0]


def test_a_named_file_is_written_even_where_there_is_a_screen(screen: str, tmp_path: Path) -> None:
    path = watch(walk(2), renderer=Renderer(SIZE), out=tmp_path / "a.gif", say=lambda _: None)

    assert path == tmp_path / "a.gif"
    assert not pygame.display.get_init()


@pytest.mark.parametrize("key", ["q", "Escape"])
def test_a_person_watches_presses_a_key_and_leaves(screen: str, key: str) -> None:
    """Pressed with xdotool, so the event takes the way that a keyboard's takes."""
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed, so nobody can press a key: apt-get install xdotool")
    fingers = threading.Timer(0.5, subprocess.run, [["xdotool", "key", key]], {"check": True, "timeout": 10})
    rescue = threading.Timer(30.0, pygame.event.post, [pygame.event.Event(pygame.QUIT)])
    started = time.monotonic()
    fingers.start()
    rescue.start()

    assert watch(walk(10**6), renderer=Renderer(SIZE)) is None
    rescue.cancel()
    assert time.monotonic() - started < 20.0
    assert not pygame.display.get_init()


def test_a_window_plays_at_the_rate_and_in_many_frames(screen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second at 20 steps per second, 0.1 each, is 2.0; bodies are seen at places between two steps too."""
    seen: list[float] = []
    original = Playback.picture

    def note(playback: Playback) -> object:
        picture = original(playback)
        seen.append(picture.scene.primitives[0].x)
        if time.monotonic() > started + 1.0:
            playback.press("q")
        return picture

    monkeypatch.setattr(Playback, "picture", note)
    started = time.monotonic()
    watch(walk(10**6), renderer=Renderer(SIZE), rate=20.0)
    elapsed = time.monotonic() - started

    assert seen == sorted(seen)
    assert len({round(place % 0.1, 3) for place in seen}) > 5
    assert 0.5 < seen[-1] <= 2.0 * elapsed


def test_a_window_whose_display_is_gone_counts_as_closed(screen: str) -> None:
    """All windows of a process share one display: closing one closes the others."""
    first, second = Window((100, 100), "first"), Window((100, 100), "second")
    first.close()

    assert second.pressed() == []
    assert second.closed


def test_a_picture_follows_the_window_that_is_made_larger(screen: str) -> None:
    renderer = Renderer((300, 200))
    renderer.show(scene(disc_at(0.0)))
    pygame.display.set_mode((500, 400), pygame.RESIZABLE)
    open_still = renderer.show(scene(disc_at(0.0)))
    shown = pygame.display.get_surface().get_size()
    renderer.close()

    assert open_still
    assert renderer.size == shown == (500, 400)
