"""A window on the screen: shows Surfaces and tells what the user did. What that means is the caller's business."""

import os
import sys
from typing import Any, Literal, NamedTuple

import pygame

from marl_ppo.errors import DisplayError

_UNSEEN = ("dummy", "offscreen")  # SDL's video drivers that show nothing


def has_display() -> bool:
    """Whether it makes sense to try to open a window here; opening may still fail."""
    if os.environ.get("SDL_VIDEODRIVER") in _UNSEEN:
        return False
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class Input(NamedTuple):
    """One thing a user did."""

    kind: Literal["key", "down", "up", "move", "redraw"]
    """down, up: the mouse's first button; redraw: what the window shows is lost, or has another size"""
    key: str = ""
    """a printed character as it is, others by name ("space", "right"), which shift goes before ("shift right")"""
    at: tuple[int, int] | None = None
    """of the mouse, in pixels; None where it has left the window"""


class Window:
    """A resizable window, of `size` or what the screen has room for. Raises DisplayError where none can be opened."""

    def __init__(self, size: tuple[int, int], title: str) -> None:
        try:
            pygame.display.init()
            pygame.display.set_mode(_fitting(size), pygame.RESIZABLE)
        except pygame.error as reason:
            pygame.display.quit()
            raise _no_window(str(reason)) from reason
        driver = pygame.display.get_driver()
        if driver in _UNSEEN and driver != os.environ.get("SDL_VIDEODRIVER"):
            # Where the screen does not answer, SDL silently takes a driver under which nobody would see anything.
            pygame.display.quit()
            raise _no_window(f"SDL found only its driver {driver!r}, which shows nothing")
        pygame.display.set_caption(title)
        self.closed = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels: what the user last dragged it to."""
        width, height = pygame.display.get_window_size()
        return width, height

    def pressed(self) -> list[str]:
        """Keys pressed since the last call, as `Input` names them."""
        return [happened.key for happened in self.happened() if happened.key]

    def happened(self) -> list[Input]:
        """What the user did since the last call.

        Also notes whether the user closed the window, so it has to be called at every frame.
        """
        found: list[Input] = []
        for event in self.events():
            match event.type:
                case pygame.KEYDOWN:
                    if (key := _named(event)) is not None:
                        found.append(Input("key", key=key))
                case pygame.MOUSEBUTTONDOWN | pygame.MOUSEBUTTONUP if event.button == 1:
                    found.append(Input("down" if event.type == pygame.MOUSEBUTTONDOWN else "up", at=event.pos))
                case pygame.MOUSEMOTION:
                    found.append(Input("move", at=event.pos))
                case pygame.WINDOWLEAVE:
                    found.append(Input("move"))
                case pygame.WINDOWEXPOSED | pygame.WINDOWRESIZED | pygame.VIDEORESIZE:
                    found.append(Input("redraw"))
        return found

    def events(self) -> list[Any]:
        """pygame's events since the last call, up to the one that closed the window."""
        # There is one display: another window of this process, or a pygame.quit(), may have closed it.
        self.closed = self.closed or not pygame.display.get_init()
        if self.closed:
            return []
        events: list[Any] = []
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                self.close()
                break
            events.append(event)
        return events

    def present(self, picture: Any) -> None:
        """Put a Surface on the screen; one of another size, drawn before a resize, is scaled to fit."""
        if self.closed:
            return
        screen: Any = pygame.display.get_surface()
        if picture.get_size() != screen.get_size():
            picture = pygame.transform.smoothscale(picture, screen.get_size())
        screen.blit(picture, (0, 0))
        pygame.display.flip()

    def shown(self) -> Any:
        """The Surface that the window shows after the next `flip`, to be drawn on."""
        return pygame.display.get_surface()

    def flip(self) -> None:
        """Show what was drawn."""
        if not self.closed:
            pygame.display.flip()

    def close(self) -> None:
        """Close the window; calling it again does nothing."""
        if not self.closed:
            # Not pygame.quit(): other code in this process may use pygame's fonts or sounds.
            pygame.display.quit()
        self.closed = True


def _no_window(reason: str) -> DisplayError:
    return DisplayError(f"no window could be opened ({reason}); on a machine without a screen, write a gif instead")


def _named(event: Any) -> str | None:
    """The name of a pressed key; None for those that only change others."""
    if event.key in (pygame.K_LSHIFT, pygame.K_RSHIFT):
        return None
    if event.unicode.isprintable() and event.unicode.strip():
        return str(event.unicode)
    shift = "shift " if getattr(event, "mod", 0) & pygame.KMOD_SHIFT else ""
    return shift + pygame.key.name(event.key)


def _fitting(size: tuple[int, int]) -> tuple[int, int]:
    """No larger than the first screen."""
    width, height = next(iter(pygame.display.get_desktop_sizes()), size)
    return min(size[0], width), min(size[1], height)
