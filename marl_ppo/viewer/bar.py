"""The bar at the bottom of a match: where in it we are, what happened when, and, above it, how values went over time.

span   steps from the left to the right end: those played, or as many as the match may take
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pygame

from marl_ppo.envs.world import Array
from marl_ppo.replays.replay import Event
from marl_ppo.viewer import palette
from marl_ppo.viewer.layout import Rect
from marl_ppo.viewer.lettering import Lettering
from marl_ppo.viewer.palette import Colour
from marl_ppo.viewer.playback import Playback

_NEAR_PX = 6
"""how far from an event's mark the pointer may be"""
_MARK_PX = 6
"""height of a mark under a curve"""
_GRIP_PX = 9
"""how far above and under the track it can still be taken hold of"""


class Curve(NamedTuple):
    """One line of values."""

    colour: Colour
    values: Array
    """float64 [T]; NaN where there is none"""
    marked: Array
    """int64 [K]: moments that are marked under it"""


class Bar:
    """The bar of one playback, at `rect`."""

    def __init__(self, rect: Rect, playback: Playback) -> None:
        self.rect = rect
        self._playback = playback
        self._span = max(1, playback.match.last, playback.match.longest or 0)

    def position_at(self, x: float) -> float:
        """Place in the match under a pixel column."""
        return min(max((x - self.rect[0]) / max(self.rect[2] - 1, 1), 0.0), 1.0) * self._span

    def holds(self, point: tuple[int, int]) -> bool:
        """Whether a pointer there means the bar."""
        return bool(pygame.Rect(self.rect).inflate(2 * _GRIP_PX, 2 * _GRIP_PX).collidepoint(point))

    def event_at(self, x: float) -> Event | None:
        """The event whose mark is nearest to a pixel column, if it is near."""
        events = self._playback.match.events
        near = min(events, key=lambda event: abs(self._column(event.step) - x), default=None)
        return near if near is not None and abs(self._column(near.step) - x) <= _NEAR_PX else None

    def draw(self, picture: Any) -> None:
        """Track, what of it has been played, the way behind us, events, and the place we are at."""
        left, top, _, height = self.rect
        radius = height // 2
        pygame.draw.rect(picture, palette.BOARD, self.rect, border_radius=radius)
        played, here = self._column(self._playback.match.last), self._column(self._playback.position)
        pygame.draw.rect(picture, palette.GRID, (left, top, played - left + 1, height), border_radius=radius)
        pygame.draw.rect(picture, palette.EDGE, (left, top, here - left + 1, height), border_radius=radius)
        for event in self._playback.match.events:
            colour = palette.LABEL if event.team < 0 else palette.team_colour(event.team)
            pygame.draw.rect(picture, colour, (self._column(event.step) - 1, top - 2, 3, height + 4), border_radius=1)
        pygame.draw.rect(picture, palette.PAGE, (here - 3, top - 4, 7, height + 8), border_radius=3)
        pygame.draw.rect(picture, palette.TEXT, (here - 2, top - 3, 5, height + 6), border_radius=2)

    def draw_hint(self, picture: Any, x: int, letters: Lettering, text_px: int) -> None:
        """Above the bar, what is under the pointer."""
        event, step = self.event_at(x), int(self.position_at(x))
        words = f"step {step}" if event is None else f"step {event.step}: {event.text}"
        colour = palette.TEXT if event is None or event.team < 0 else palette.team_colour(event.team)
        text = letters.render(words, text_px, colour, room=picture.get_width() - 2 * text_px)
        card = text.get_rect(midbottom=(x, self.rect[1] - text_px // 2)).inflate(text_px, text_px // 2)
        card.clamp_ip(picture.get_rect())
        pygame.draw.rect(picture, palette.PAGE, card, border_radius=4)
        pygame.draw.rect(picture, palette.EDGE, card, 1, border_radius=4)
        picture.blit(text, text.get_rect(center=card.center))

    def draw_curves(
        self, picture: Any, rect: Rect, curves: Sequence[Curve], heading: str, letters: Lettering, text_px: int
    ) -> None:
        """Values over time, straight above their moments on the bar, with a line through the place we are at."""
        left, top, width, height = rect
        pygame.draw.rect(picture, palette.BOARD, rect, border_radius=4)
        known = [curve.values[np.isfinite(curve.values)] for curve in curves]
        title = letters.render(heading, text_px, palette.QUIET, room=width // 2)
        for curve in curves:
            for step in curve.marked:
                picture.fill(curve.colour, (self._column(int(step)), top + height - _MARK_PX, 1, _MARK_PX))
        if not any(len(values) for values in known):
            words = letters.render("nobody here tells values", text_px, palette.QUIET, room=width // 2)
            picture.blit(words, words.get_rect(center=(left + width // 2, top + height // 2)))
            picture.blit(title, (left + text_px // 2, top + 2))
            return
        low, high = min(float(v.min()) for v in known if len(v)), max(float(v.max()) for v in known if len(v))
        reach = max(high - low, 1e-9)

        def row(value: float) -> float:
            return top + height - 4 - (value - low) / reach * (height - 8)

        if low < 0.0 < high:
            picture.fill(palette.EDGE, (left, round(row(0.0)), width, 1))
        for curve in curves:
            points = self._points(curve.values, low, reach, top, height)
            if len(points) > 1:
                pygame.draw.aalines(picture, curve.colour, False, points)
        here = self._column(self._playback.position)
        picture.fill(palette.TEXT, (here, top, 1, height))
        small_px = max(text_px * 3 // 4, 9)
        for value, place in ((high, top + 2), (low, top + height - 2 - round(1.2 * small_px))):
            number = letters.render(f"{value:.2f}", small_px, palette.LABEL)
            picture.blit(number, number.get_rect(topright=(left + width - 4, place)))
        picture.blit(title, (left + text_px // 2, top + 2))

    def _points(self, values: Array, low: float, reach: float, top: int, height: int) -> list[tuple[float, float]]:
        """Of a curve, no more than there are pixel columns. Where decisions take several steps, it goes straight between."""
        steps = np.arange(0, len(values), max(1, len(values) // max(self.rect[2], 1)))
        rows = top + height - 4 - (values[steps] - low) / reach * (height - 8)
        columns = self.rect[0] + steps / self._span * (self.rect[2] - 1)
        known = np.isfinite(rows)
        return list(zip(columns[known].tolist(), rows[known].tolist(), strict=True))

    def _column(self, step: float) -> int:
        return self.rect[0] + round(step / self._span * (self.rect[2] - 1))
