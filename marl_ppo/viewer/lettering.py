"""Words as Surfaces, kept once rendered: most words of a picture are those of the picture before."""

import importlib.util
from pathlib import Path
from typing import Any

import pygame

from marl_ppo.viewer.palette import Colour

SMALLEST_PX = 9
"""text is never set smaller, since nobody could read it"""
_KEPT = 512  # texts kept; a HUD's numbers change for ever


class Lettering:
    """Renders words at any size in pixels."""

    def __init__(self) -> None:
        self._fonts: dict[tuple[int, bool], Any] = {}
        self._texts: dict[tuple[str, int, Colour, bool], Any] = {}

    def render(self, words: str, size_px: int, colour: Colour, *, bold: bool = False, room: int | None = None) -> Any:
        """`words` as a transparent Surface, not to be drawn on; cut with an ellipsis where wider than `room` pixels."""
        text = self._whole(words, max(size_px, SMALLEST_PX), colour, bold)
        kept = len(words)
        while room is not None and text.get_width() > room and kept > 1:
            kept = min(kept - 1, max(1, kept * room // text.get_width()))
            text = self._whole(words[:kept].rstrip() + "…", max(size_px, SMALLEST_PX), colour, bold)
        return text

    def _whole(self, words: str, size_px: int, colour: Colour, bold: bool) -> Any:
        key = (words, size_px, colour, bold)
        if key not in self._texts:
            if len(self._texts) >= _KEPT:
                self._texts.clear()
            try:
                self._texts[key] = self._font(size_px, bold).render(words, True, colour)
            except pygame.error:
                # Other code called pygame.quit() and init() again, which makes every open font invalid.
                self._fonts.clear()
                self._texts[key] = self._font(size_px, bold).render(words, True, colour)
        return self._texts[key]

    def _font(self, size_px: int, bold: bool) -> Any:
        if not pygame.font.get_init():
            # First use, or other code in this process called pygame.quit(), which makes every open font invalid.
            pygame.font.init()
            self._fonts.clear()
        if (size_px, bold) not in self._fonts:
            self._fonts[size_px, bold] = pygame.font.Font(_font_file(bold), size_px)
        return self._fonts[size_px, bold]


def _font_file(bold: bool) -> str | None:
    """DejaVu Sans as it comes with matplotlib, which has arrows and card suits; None means pygame's own font."""
    spec = importlib.util.find_spec("matplotlib")  # finds the package without the cost of importing it
    if spec is None or spec.origin is None:
        return None
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    file = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / name
    return str(file) if file.exists() else None
