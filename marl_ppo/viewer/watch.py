"""Watch a show: in a window where there is a screen, else as a gif."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pygame

from marl_ppo.errors import DisplayError
from marl_ppo.viewer.gif import Frame, write_gif
from marl_ppo.viewer.playback import END_PAUSE_S
from marl_ppo.viewer.renderer import pixels_of
from marl_ppo.viewer.screen import Screen
from marl_ppo.viewer.show import Show
from marl_ppo.viewer.window import Window, has_display

WINDOW_FPS = 60
WINDOW_SIZE = (1280, 720)
GIF_FPS = 20
GIF_SIZE = (720, 480)


def watch(
    show: Show,
    *,
    title: str = "marl_ppo",
    size: tuple[int, int] | None = None,
    out: Path | None = None,
    seconds: float = 20.0,
    say: Callable[[str], None] = print,
) -> Path | None:
    """Show matches until the user quits; returns None, or the gif's path.

    With `out`, or where no window can be opened, the first `seconds` are written as a gif instead (to `watch.gif` unless
    `out` names another file), and `say` is told where it went.
    """
    if out is None and has_display():
        try:
            _in_window(show, title, size or WINDOW_SIZE)
            return None
        except DisplayError as reason:
            say(f"{reason}.")
    path = write_gif(out or Path("watch.gif"), gif_frames(show, size or GIF_SIZE, seconds=seconds), fps=GIF_FPS)
    why = "" if out else "There is no screen to open a window on. "
    say(f"{why}Wrote {path} ({path.stat().st_size / 1e6:.1f} MB).")
    return path


def gif_frames(show: Show, size: tuple[int, int], *, seconds: float, fps: int = GIF_FPS) -> Iterator[Frame]:
    """The frames of the first `seconds` of a show; less where all is over earlier, its end held in view."""
    screen, picture = Screen(show), pygame.Surface(size, 0, 32)
    held = round(END_PAUSE_S * fps)
    for _ in range(max(1, round(seconds * fps))):
        screen.draw(picture, controls=False)
        yield pixels_of(picture)
        # Where another match follows, the next tick begins it.
        held = held - 1 if show.over else round(END_PAUSE_S * fps)
        show.tick(1.0 / fps)
        if held < 0 and show.over:
            return


def _in_window(show: Show, title: str, size: tuple[int, int]) -> None:
    window, screen, clock = Window(size, title), Screen(show), pygame.time.Clock()
    drawn: object = None
    try:
        while True:
            inputs = window.happened()
            for happened in inputs:
                match happened.kind, happened.at:
                    case "key", _:
                        show.press(happened.key)
                    case "down", (int(), int()) as at:
                        screen.down(at)
                    case "move", at:
                        screen.move(at)
                    case "up", _:
                        screen.up()
            if window.closed or show.quit:
                return
            # What stands still is not drawn again: whoever pauses leaves the processor to others.
            now = (window.size, [(id(playback.match), playback.position) for playback in show.playbacks])
            if inputs or now != drawn:
                screen.draw(window.shown())
                window.flip()
                drawn = now
            show.tick(clock.tick(WINDOW_FPS) / 1000.0)
    finally:
        window.close()
