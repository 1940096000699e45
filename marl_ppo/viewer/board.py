"""The board: ground, shapes and words of a scene, drawn into a rectangle of a picture.

What lies at the bottom and has not changed since the picture before, such as a pitch with its lines, is kept drawn. It
is drawn in the same way and order whether it was kept or not, so that equal scenes give equal pixels.
"""

import math
from collections.abc import Sequence
from typing import Any

import pygame

from marl_ppo.envs.scene import Box, Disc, Line, Picture, Primitive, Scene, Sprite, Text
from marl_ppo.viewer import palette
from marl_ppo.viewer.layout import View, grid_step
from marl_ppo.viewer.lettering import Lettering
from marl_ppo.viewer.pictures import PICTURES
from marl_ppo.viewer.shapes import SUPERSAMPLING, Stamps

_CORNER_PX = 6  # radius of the board's corners
_LARGEST_LABEL_PX = 28
_HALO = ((-1, 0), (1, 0), (0, -1), (0, 1))  # where the dark copies behind a label go


class Board:
    """Draws the scenes of one match."""

    def __init__(self, letters: Lettering, stamps: Stamps) -> None:
        self._letters, self._stamps = letters, stamps
        self._base: Any = None
        self._base_of: tuple[object, ...] = ()
        self._below: Sequence[Primitive] = ()
        self._before: Sequence[Primitive] = ()

    def draw(self, picture: Any, scene: Scene, view: View, *, above: Sequence[Primitive] = ()) -> None:
        """Draw `scene` where `view` puts it; `above` are shapes to be drawn over its own, under its words."""
        base, done = self._drawn_base(scene, view)
        picture.blit(base, view.rect[:2])
        picture.set_clip(view.rect)
        self._stamps.draw(picture, scene.primitives[done:], view)
        self._stamps.draw(picture, above, view)
        self._write_words(picture, (*scene.primitives, *above), view)
        picture.set_clip(None)

    def _drawn_base(self, scene: Scene, view: View) -> tuple[Any, int]:
        """(a Surface with the ground and the first so many shapes on it, how many)."""
        of = (view.rect[2:], scene.bounds)
        if self._base is None or self._base_of != of:
            self._base, self._base_of, self._below, self._before = _ground(scene, view), of, (), ()
        still = _shared(self._before, scene.primitives)
        if _shared(self._below, scene.primitives) < len(self._below):
            self._base, self._below = _ground(scene, view), ()
        if still > len(self._below):
            size = view.rect[2:]
            at_corner = View(left=view.left, top=view.top, scale=view.scale, rect=(0, 0, *size))
            self._stamps.draw(self._base, scene.primitives[len(self._below) : still], at_corner)
            self._below = scene.primitives[:still]
        self._before = scene.primitives
        return self._base, len(self._below)

    def _write_words(self, picture: Any, primitives: Sequence[Primitive], view: View) -> None:
        small_px = round(min(max(min(view.rect[2:]) / 40, 11), 18))
        for primitive in primitives:
            if isinstance(primitive, Line | Picture) or not (words := _words(primitive)):
                continue
            x, y = view.point(primitive.x, primitive.y)
            centre = (view.rect[0] + x, view.rect[1] + y)
            if not (abs(centre[0]) < 1e6 and abs(centre[1]) < 1e6):  # nowhere, or not a number
                continue
            if isinstance(primitive, Text):
                colour = palette.TEXT if primitive.team < 0 else palette.team_colour(primitive.team)
                text = self._letters.render(words, round(primitive.height * view.scale), colour)
                picture.blit(text, text.get_rect(center=(round(centre[0]), round(centre[1]))))
            else:
                self._write_label(picture, primitive, words, centre, view.scale, small_px)

    def _write_label(
        self, picture: Any, body: Disc | Box | Sprite, words: str, centre: tuple[float, float], scale: float, small_px: int
    ) -> None:
        """Write on the body where the words fit, else in small letters beside it."""
        width = 2 * body.radius if isinstance(body, Disc) else body.width
        height = 2 * body.radius if isinstance(body, Disc) else body.height
        colour, alpha = palette.team_colour(body.team), getattr(body, "alpha", 1.0)
        filled = getattr(body, "filled", True)
        ground = palette.mixed(palette.BOARD, colour, alpha if filled else 0.0)
        middle = (round(centre[0]), round(centre[1]))
        size_px, room = min(round(height * scale * 0.4), _LARGEST_LABEL_PX), width * scale * 0.85
        text = self._letters.render(words, size_px, palette.legible_on(ground))
        if text.get_width() > room and (fitting_px := int(size_px * room / text.get_width())) >= small_px:
            text = self._letters.render(words, fitting_px, palette.legible_on(ground))
        if text.get_width() <= room:
            picture.blit(_with_alpha(text, alpha), text.get_rect(center=middle))
            return
        text = self._letters.render(words, small_px, palette.LABEL)
        halo = self._letters.render(words, small_px, palette.PAGE)
        # Above scenery and under players: a player often stands on scenery, and both names should be read.
        place = text.get_rect(midtop=(middle[0], round(centre[1] + height * scale / 2) + 1))
        if body.team < 0:
            place = text.get_rect(midbottom=(middle[0], round(centre[1] - height * scale / 2) - 1))
        place = place.clamp(picture.get_clip())
        for shift in _HALO:
            picture.blit(_with_alpha(halo, alpha), place.move(shift))
        picture.blit(_with_alpha(text, alpha), place)


def _ground(scene: Scene, view: View) -> Any:
    """The empty board: a grid at round distances of the world, an edge, round corners."""
    width, height = view.rect[2:]
    ground = pygame.Surface((width, height), 0, 32)
    ground.fill(palette.BOARD)
    left, bottom, right, top = scene.bounds
    step = grid_step(max(right - left, top - bottom))
    for i in range(math.floor(left / step) + 1, math.ceil(right / step)):
        x, _ = view.point(i * step, 0.0)
        ground.fill(palette.GRID, (round(x), 0, 1, height))
    for i in range(math.floor(bottom / step) + 1, math.ceil(top / step)):
        _, y = view.point(0.0, i * step)
        ground.fill(palette.GRID, (0, round(y), width, 1))
    pygame.draw.rect(ground, palette.EDGE, ground.get_rect(), 1)
    radius = min(_CORNER_PX, width // 2, height // 2)
    corners = _round_corners(radius)
    for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
        place = (x * (width - radius), y * (height - radius))
        ground.blit(corners, place, (x * radius, y * radius, radius, radius))
    return ground


def _round_corners(radius: int) -> Any:
    """The four corners of a board, together: a circle with an edge on the page."""
    size = max(2 * radius, 1)
    fine = pygame.Surface((size * SUPERSAMPLING, size * SUPERSAMPLING), 0, 32)
    fine.fill(palette.PAGE)
    pygame.draw.rect(fine, palette.BOARD, fine.get_rect(), border_radius=radius * SUPERSAMPLING)
    pygame.draw.rect(fine, palette.EDGE, fine.get_rect(), SUPERSAMPLING, border_radius=radius * SUPERSAMPLING)
    return pygame.transform.smoothscale(fine, (size, size))


def _shared(before: Sequence[Primitive], now: Sequence[Primitive]) -> int:
    """How many of the first primitives are equal."""
    for i, (old, new) in enumerate(zip(before, now, strict=False)):
        if old is not new and old != new:
            return i
    return min(len(before), len(now))


def _words(primitive: Disc | Box | Sprite | Text) -> str:
    match primitive:
        case Text():
            return primitive.text
        case Sprite():
            return "" if primitive.name in PICTURES else primitive.name
    return primitive.label


def _with_alpha(text: Any, alpha: float) -> Any:
    if alpha >= 1.0:
        return text
    faded = text.copy()
    faded.set_alpha(round(255 * max(alpha, 0.0)))
    return faded
