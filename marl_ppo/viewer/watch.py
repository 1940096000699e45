"""Watch a feed: in a window where there is a screen, else as a gif."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pygame

from marl_ppo.errors import DisplayError
from marl_ppo.viewer.feed import Feed
from marl_ppo.viewer.gif import Frame, write_gif
from marl_ppo.viewer.playback import CONTROLS, END_PAUSE_S, Playback
from marl_ppo.viewer.renderer import Renderer
from marl_ppo.viewer.window import Window, has_display

WINDOW_FPS = 60
GIF_FPS = 20


def watch(
    feed: Feed,
    *,
    renderer: Renderer | None = None,
    rate: float = 8.0,
    out: Path | None = None,
    seconds: float = 20.0,
    say: Callable[[str], None] = print,
) -> Path | None:
    """Play `feed` at `rate` world steps per second until the user quits; returns None, or the gif's path.

    With `out`, or where no window can be opened, the first `seconds` of the playback are written as a gif instead (to
    `watch.gif` unless `out` names another file), and `say` is told where it went.
    """
    renderer = renderer or Renderer()
    playback = Playback(feed, rate)
    if out is None and has_display():
        try:
            _play_in_window(playback, renderer)
            return None
        except DisplayError as reason:
            say(f"{reason}.")
    path = write_gif(out or Path("watch.gif"), gif_frames(playback, renderer, seconds=seconds), fps=GIF_FPS)
    why = "" if out else "There is no screen to open a window on. "
    say(f"{why}Wrote {path} ({path.stat().st_size / 1e6:.1f} MB).")
    return path


def gif_frames(playback: Playback, renderer: Renderer, *, seconds: float, fps: int = GIF_FPS) -> Iterator[Frame]:
    """The frames of the first `seconds` of a playback; less of a feed that is over earlier, its end held in view."""
    held = round(END_PAUSE_S * fps)
    for _ in range(max(1, round(seconds * fps))):
        yield renderer.frame(*playback.picture())
        if playback.over:
            held -= 1
            if held < 1:
                return
        playback.tick(1.0 / fps)


def _play_in_window(playback: Playback, renderer: Renderer) -> None:
    window = Window(renderer.size, renderer.title or "marl_ppo")
    clock = pygame.time.Clock()
    try:
        while True:
            for key in window.pressed():
                playback.press(key)
            if window.closed or playback.quit:
                return
            renderer.resize(window.size)
            scene, hud = playback.picture()
            window.present(renderer.draw(scene, (*hud, "", *_status(playback), "", *CONTROLS)))
            playback.tick(clock.tick(WINDOW_FPS) / 1000.0)
    finally:
        window.close()


def _status(playback: Playback) -> tuple[str, ...]:
    state = "the end" if playback.over else "paused" if playback.paused else "playing"
    return (f"{state}: {playback.rate:g} steps/s",)
