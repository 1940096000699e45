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
from viewer.scenes import Walk, disc_at, scene

from marl_ppo.errors import DisplayError
from marl_ppo.replays.replay import Event
from marl_ppo.viewer.palette import TEAMS
from marl_ppo.viewer.renderer import Renderer
from marl_ppo.viewer.screen import Screen
from marl_ppo.viewer.show import Show
from marl_ppo.viewer.watch import watch
from marl_ppo.viewer.window import Input, Window, has_display

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
    path = watch(Show([[Walk(4)]]), size=SIZE, say=said.append)

    assert path == Path("watch.gif")
    with Image.open(path) as gif:
        assert gif.size == SIZE
    assert len(said) == 1
    assert said[0].startswith("There is no screen to open a window on. Wrote watch.gif (")


def test_a_screen_that_does_not_answer_is_no_screen(headless: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISPLAY", ":65000")
    said: list[str] = []

    assert watch(Show([[Walk(2)]]), size=SIZE, say=said.append) == Path("watch.gif")
    assert "no window could be opened" in said[0]


def test_a_named_file_is_written_even_where_there_is_a_screen(screen: str, tmp_path: Path) -> None:
    path = watch(Show([[Walk(2)]]), size=SIZE, out=tmp_path / "a.gif", say=lambda _: None)

    assert path == tmp_path / "a.gif"
    assert not pygame.display.get_init()


class Person:
    """Somebody at keyboard and mouse, who acts while a show is watched: xdotool's events take the way that theirs take."""

    def __init__(self, show: Show, size: tuple[int, int], *actions: str) -> None:
        """`actions` for xdotool, one after the other, each once the one before has been drawn."""
        self._show, self._size, self._actions = show, size, actions
        self.seen: list[str] = []
        """after each action, who is followed where, what is shown and where the matches are"""

    def watch(self) -> None:
        if shutil.which("xdotool") is None:
            pytest.skip("xdotool is not installed, so nobody can press a key: apt-get install xdotool")
        hands = threading.Thread(target=self._act)
        rescue = threading.Timer(30.0, pygame.event.post, [pygame.event.Event(pygame.QUIT)])
        hands.start()
        rescue.start()
        assert watch(self._show, size=self._size) is None
        rescue.cancel()
        hands.join(timeout=10)

    def _act(self) -> None:
        time.sleep(0.5)
        for action in (*self._actions, "key q"):
            subprocess.run(["xdotool", *action.split()], check=True, timeout=10)
            time.sleep(0.25)
            show = self._show
            places = [round(playback.position, 3) for playback in show.playbacks]
            self.seen.append(f"{show.whole} {show.followed} {sorted(show.overlays)} {places}")


@pytest.mark.parametrize("key", ["q", "Escape"])
def test_a_person_watches_presses_a_key_and_leaves(screen: str, key: str) -> None:
    started = time.monotonic()
    Person(Show([[Walk(10**6)]]), SIZE, f"key {key}").watch()

    assert time.monotonic() - started < 20.0
    assert not pygame.display.get_init()


def test_a_person_pauses_steps_jumps_and_looks_closer(screen: str) -> None:
    show = Show([[Walk(50, events=[Event(30, "goal", "goal for red", 0)])]])
    person = Person(
        show,
        (640, 480),
        *("key space", "key Home", "key Right", "key shift+Right", "key Left", "key bracketright", "key Tab p v plus"),
    )
    person.watch()

    assert person.seen[1:7] == [
        "0 [None] [] [0.0]",
        "0 [None] [] [1.0]",
        "0 [None] [] [11.0]",
        "0 [None] [] [10.0]",
        "0 [None] [] [30.0]",
        "0 ['agent'] ['probabilities', 'values'] [30.0]",
    ]
    assert show.speed == 2.0


def test_a_person_drags_the_bar_and_clicks_on_a_body(screen: str) -> None:
    """Where the bar and the bodies are is told by a screen that was drawn without a window."""
    show = Show([[Walk(40)]])
    show.press("space")
    drawn = Screen(show)
    drawn.draw(pygame.Surface((640, 480)))
    (pane,) = drawn._panes
    left, top, width, height = pane.bar.rect
    column, row = pane.view.point(0.0, 0.6)
    other = f"{pane.view.rect[0] + round(column)} {pane.view.rect[1] + round(row)}"
    person = Person(
        show,
        (640, 480),
        f"mousemove {left + width // 4} {top + height // 2} mousedown 1",
        f"mousemove {left + width // 2} {top - 60}",
        f"mouseup 1 mousemove {left} {top + height // 2}",
        f"mousemove {other} click 1",
        f"mousemove {pane.view.rect[0] + 5} {pane.view.rect[1] + 5} click 1",
    )
    person.watch()
    places = [float(seen.split("[")[-1].rstrip("]")) for seen in person.seen]

    assert places[:4] == pytest.approx([10.0, 20.0, 20.0, 20.0], abs=0.2)
    assert [seen.split("[")[1] for seen in person.seen[2:5]] == ["None] ", "'other'] ", "None] "]


def test_a_person_picks_one_of_several_matches_and_goes_back(screen: str) -> None:
    show = Show([[Walk(50)] for _ in range(4)])
    person = Person(show, (640, 480), "mousemove 480 120 click 1", "key m", "key 3")
    person.watch()

    assert [seen.split()[0] for seen in person.seen[:3]] == ["1", "None", "2"]


def test_a_window_plays_at_the_rate_and_in_many_frames(screen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second at 20 steps per second is 20 steps; places between two steps are drawn too."""
    seen: list[float] = []
    draw = Screen.draw

    def note(self: Screen, picture: object, *, controls: bool = True) -> None:
        seen.append(self.show.playbacks[0].position)
        if time.monotonic() > started + 1.0:
            self.show.press("q")
        draw(self, picture, controls=controls)

    monkeypatch.setattr(Screen, "draw", note)
    started = time.monotonic()
    watch(Show([[Walk(10**6, rate=20.0)]]), size=SIZE)
    elapsed = time.monotonic() - started

    assert seen == sorted(seen)
    assert len({round(place % 1, 2) for place in seen}) > 5
    assert 5 < seen[-1] <= 20 * elapsed


def test_what_stands_still_is_not_drawn_again(screen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever pauses leaves the processor to a training; what the user does is drawn at once."""
    drawn: list[float] = []
    draw = Screen.draw

    def note(self: Screen, picture: object, *, controls: bool = True) -> None:
        drawn.append(time.monotonic())
        draw(self, picture, controls=controls)

    monkeypatch.setattr(Screen, "draw", note)
    show = Show([[Walk(50)]])
    show.press("space")
    Person(show, SIZE, "key Right", "sleep 1").watch()

    assert 2 <= len(drawn) < 20


def test_what_the_mouse_does_is_told_with_its_place(window: Window) -> None:
    window.happened()
    for kind, more in (
        (pygame.MOUSEMOTION, {"pos": (3, 4), "rel": (0, 0), "buttons": (0, 0, 0)}),
        (pygame.MOUSEBUTTONDOWN, {"pos": (3, 4), "button": 1}),
        (pygame.MOUSEBUTTONDOWN, {"pos": (3, 4), "button": 3}),
        (pygame.MOUSEBUTTONUP, {"pos": (5, 6), "button": 1}),
        (pygame.WINDOWLEAVE, {}),
    ):
        pygame.event.post(pygame.event.Event(kind, more))
    told = [happened for happened in window.happened() if happened.kind != "redraw"]

    assert told == [Input("move", at=(3, 4)), Input("down", at=(3, 4)), Input("up", at=(5, 6)), Input("move")]


def test_shift_is_part_of_a_keys_name_where_nothing_is_printed(window: Window) -> None:
    window.pressed()
    for key, text in ((pygame.K_LSHIFT, ""), (pygame.K_RIGHT, ""), (pygame.K_SLASH, "?"), (pygame.K_TAB, "\t")):
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, unicode=text, mod=pygame.KMOD_LSHIFT))

    assert window.pressed() == ["shift right", "?", "shift tab"]


def test_a_window_is_no_larger_than_the_screen(screen: str) -> None:
    opened = Window((5000, 300), "wide")
    size = opened.size
    opened.close()

    assert size == (1024, 300)


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
