"""Discs, boxes, lines and sprites drawn with pygame, far larger than they will be seen.

pygame draws hard edges at whole pixels. Drawn `SUPERSAMPLING` times larger and then shrunk, edges come out smooth and
slow motion advances by a quarter of a pixel.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pygame

from marl_ppo.envs.scene import Box, Disc, Line, Primitive, Scene, Sprite, Text
from marl_ppo.viewer import palette
from marl_ppo.viewer.layout import View, grid_step
from marl_ppo.viewer.palette import Colour
from marl_ppo.viewer.pictures import PICTURES

SUPERSAMPLING = 4  # a power of two: pygame rounds colours down a little when it shrinks by others
_CORNER = 6 * SUPERSAMPLING  # radius of the board's corners
_RIM_SHADE = 0.45  # how much darker the outline of a body is
_FAR_PX = 30_000  # farther out than any picture; pygame's numbers overflow somewhere beyond


class Canvas:
    """Draws boards. It keeps its memory, since to allocate a large picture takes longer than to fill it."""

    def __init__(self) -> None:
        self._large: Any = None

    def draw_board(self, scene: Scene, view: View) -> Any:
        """A Surface of the size of `view.rect`: a board with a grid, and on it all of `scene` but its words."""
        large = self._cleared(view, palette.PAGE)
        pygame.draw.rect(large, palette.BOARD, large.get_rect(), border_radius=_CORNER)
        enlarged = replace(view, scale=view.scale * SUPERSAMPLING)
        _draw_grid(large, scene, enlarged)
        pygame.draw.rect(large, palette.EDGE, large.get_rect(), SUPERSAMPLING, border_radius=_CORNER)
        _draw_shapes(large, scene, enlarged)
        return pygame.transform.smoothscale(large, view.rect[2:])

    def draw_swatch(self, team: int, size_px: int) -> Any:
        """A square with a dot in the team's colour, drawn like the team's discs."""
        scene = Scene(bounds=(-1, -1, 1, 1), primitives=(Disc(key="", x=0, y=0, radius=0.85, team=team),))
        view = View.fit(scene, (0, 0, size_px, size_px))
        large = pygame.Surface((size_px * SUPERSAMPLING, size_px * SUPERSAMPLING), 0, 32)
        large.fill(palette.PAGE)
        _draw_shapes(large, scene, replace(view, scale=view.scale * SUPERSAMPLING))
        return pygame.transform.smoothscale(large, (size_px, size_px))

    def _cleared(self, view: View, colour: Colour) -> Any:
        size = (view.rect[2] * SUPERSAMPLING, view.rect[3] * SUPERSAMPLING)
        if self._large is None or self._large.get_size() != size:
            self._large = pygame.Surface(size, 0, 32)
        self._large.fill(colour)
        return self._large


def _draw_grid(canvas: Any, scene: Scene, view: View) -> None:
    """Lines at round distances of the world."""
    width, height = canvas.get_size()
    left, bottom, right, top = scene.bounds
    step = grid_step(max(right - left, top - bottom))
    for i in range(math.floor(left / step) + 1, math.ceil(right / step)):
        x, _ = view.point(i * step, 0.0)
        canvas.fill(palette.GRID, (round(x), 0, SUPERSAMPLING, height))
    for i in range(math.floor(bottom / step) + 1, math.ceil(top / step)):
        _, y = view.point(0.0, i * step)
        canvas.fill(palette.GRID, (0, round(y), width, SUPERSAMPLING))


def _draw_shapes(canvas: Any, scene: Scene, view: View) -> None:
    for primitive in scene.primitives:
        touched = _extent(primitive, view).clip(canvas.get_rect())
        if not touched:
            continue
        with _faded(canvas, touched, getattr(primitive, "alpha", 1.0)):
            match primitive:
                case Disc():
                    _draw_disc(canvas, primitive, view)
                case Box():
                    _draw_box(canvas, primitive, view)
                case Line():
                    _draw_line(canvas, primitive, view)
                case Sprite():
                    _draw_sprite(canvas, primitive, view)


@contextmanager
def _faded(canvas: Any, touched: Any, alpha: float) -> Iterator[None]:
    """What is drawn inside gets `alpha`: the canvas as it was is laid over it with the rest."""
    before = canvas.subsurface(touched).copy() if alpha < 1.0 else None
    yield
    if before is not None:
        before.set_alpha(round(255 * (1.0 - max(alpha, 0.0))))
        canvas.blit(before, touched)


def _extent(primitive: Primitive, view: View) -> Any:
    """A Rect around all that a shape may colour; empty for words and for what is nowhere (not a number)."""
    points = [view.point(primitive.x, primitive.y)]
    match primitive:
        case Disc():
            reach_x = reach_y = primitive.radius
        case Box():
            reach_x, reach_y = primitive.width / 2, primitive.height / 2
        case Sprite():
            reach_x = reach_y = math.hypot(primitive.width, primitive.height) / 2
        case Line():
            points.append(view.point(primitive.x2, primitive.y2))
            reach_x = reach_y = primitive.width / 2
        case Text():
            return pygame.Rect(0, 0, 0, 0)
    if not all(math.isfinite(number) for point in points for number in point):
        return pygame.Rect(0, 0, 0, 0)
    xs, ys = zip(*points, strict=True)
    margin = 2 * SUPERSAMPLING  # thin shapes are drawn thicker than they are
    left, right = _near(min(xs) - reach_x * view.scale) - margin, _near(max(xs) + reach_x * view.scale) + margin
    top, bottom = _near(min(ys) - reach_y * view.scale) - margin, _near(max(ys) + reach_y * view.scale) + margin
    return pygame.Rect(left, top, right - left, bottom - top)


def _near(pixels: float) -> int:
    return round(min(max(pixels, -_FAR_PX), _FAR_PX))


def _rim_px(thickness: float) -> int:
    """Width of the outline of a body of this thickness: soft, never thinner than a pixel of the final picture."""
    return round(min(max(thickness * 0.07, SUPERSAMPLING), 3 * SUPERSAMPLING))


def _draw_disc(canvas: Any, disc: Disc, view: View) -> None:
    centre, radius = view.point(disc.x, disc.y), max(disc.radius * view.scale, SUPERSAMPLING)
    colour, rim = palette.team_colour(disc.team), _rim_px(2 * radius)
    if disc.filled:
        pygame.draw.circle(canvas, palette.mixed(colour, palette.PAGE, _RIM_SHADE), centre, radius)
        pygame.draw.circle(canvas, colour, centre, max(radius - rim, 1))
    else:
        pygame.draw.circle(canvas, colour, centre, radius, round(1.6 * rim))


def _draw_box(canvas: Any, box: Box, view: View) -> None:
    x, y = view.point(box.x, box.y)
    width, height = max(box.width * view.scale, SUPERSAMPLING), max(box.height * view.scale, SUPERSAMPLING)
    rect = pygame.Rect(round(x - width / 2), round(y - height / 2), round(width), round(height))
    colour, rim = palette.team_colour(box.team), _rim_px(min(width, height))
    corner = round(min(min(width, height) * 0.12, 8 * SUPERSAMPLING))
    if box.filled:
        pygame.draw.rect(canvas, palette.mixed(colour, palette.PAGE, _RIM_SHADE), rect, border_radius=corner)
        pygame.draw.rect(canvas, colour, rect.inflate(-2 * rim, -2 * rim), border_radius=max(corner - rim, 0))
    else:
        pygame.draw.rect(canvas, colour, rect, rim, border_radius=corner)


def _draw_line(canvas: Any, line: Line, view: View) -> None:
    (x, y), (x2, y2) = view.point(line.x, line.y), view.point(line.x2, line.y2)
    radius, length = max(line.width * view.scale, SUPERSAMPLING) / 2, math.hypot(x2 - x, y2 - y)
    colour = palette.team_colour(line.team)
    if length > 0.0:
        u, v = (y - y2) / length * radius, (x2 - x) / length * radius  # from the middle of the line to its side
        pygame.draw.polygon(canvas, colour, ((x + u, y + v), (x2 + u, y2 + v), (x2 - u, y2 - v), (x - u, y - v)))
    for tip in ((x, y), (x2, y2)):
        pygame.draw.circle(canvas, colour, tip, radius)


def _draw_sprite(canvas: Any, sprite: Sprite, view: View) -> None:
    if sprite.name not in PICTURES:
        box = Box(key=sprite.key, x=sprite.x, y=sprite.y, width=sprite.width, height=sprite.height, team=sprite.team)
        _draw_box(canvas, box, view)
        return
    cos, sin = math.cos(sprite.heading_rad), math.sin(sprite.heading_rad)
    colour = palette.team_colour(sprite.team)
    for shade, outline in PICTURES[sprite.name]:
        ahead_left = ((u * sprite.width, v * sprite.height) for u, v in outline)
        corners = [view.point(sprite.x + u * cos - v * sin, sprite.y + u * sin + v * cos) for u, v in ahead_left]
        pygame.draw.polygon(canvas, palette.mixed(colour, palette.PAGE, shade), corners)
