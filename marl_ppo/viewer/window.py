"""A window on the screen: shows Surfaces and tells which keys were pressed. What they mean is the caller's business."""

import os
import sys
from typing import Any

import pygame

from marl_ppo.errors import DisplayError

_UNSEEN = ("dummy", "offscreen")  # SDL's video drivers that show nothing


def has_display() -> bool:
    """Whether it makes sense to try to open a window here; opening may still fail."""
    if os.environ.get("SDL_VIDEODRIVER") in _UNSEEN:
        return False
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class Window:
    """A resizable window. Raises DisplayError where none can be opened."""

    def __init__(self, size: tuple[int, int], title: str) -> None:
        try:
            pygame.display.init()
            pygame.display.set_mode(size, pygame.RESIZABLE)
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
        """Keys pressed since the last call: printed characters as they are, others by name ("space", "right").

        Also notes whether the user closed the window, so it has to be called at every frame.
        """
        # There is one display: another window of this process, or a pygame.quit(), may have closed it.
        self.closed = self.closed or not pygame.display.get_init()
        if self.closed:
            return []
        keys: list[str] = []
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                self.close()
                return keys
            if event.type == pygame.KEYDOWN:
                printed = event.unicode.isprintable() and bool(event.unicode.strip())
                keys.append(event.unicode if printed else pygame.key.name(event.key))
        return keys

    def present(self, picture: Any) -> None:
        """Put a Surface on the screen; one of another size, drawn before a resize, is scaled to fit."""
        if self.closed:
            return
        screen: Any = pygame.display.get_surface()
        if picture.get_size() != screen.get_size():
            picture = pygame.transform.smoothscale(picture, screen.get_size())
        screen.blit(picture, (0, 0))
        pygame.display.flip()

    def close(self) -> None:
        """Close the window; calling it again does nothing."""
        if not self.closed:
            # Not pygame.quit(): other code in this process may use pygame's fonts or sounds.
            pygame.display.quit()
        self.closed = True


def _no_window(reason: str) -> DisplayError:
    return DisplayError(f"no window could be opened ({reason}); on a machine without a screen, write a gif instead")
