"""Discs, boxes, lines, sprites and pictures drawn with pygame, with smooth edges.

pygame draws hard edges at whole pixels. A shape is drawn `SUPERSAMPLING` times larger than it will be seen, on nothing,
and then shrunk: edges come out smooth, and slow motion advances by a quarter of a pixel. The result, a stamp, is kept and
put on the picture again for every shape that looks the same, which is what makes it fast.

fine     a length in fine pixels, SUPERSAMPLING to a pixel
stamp    a Surface with premultiplied alpha: black and transparent where nothing was drawn
"""

import math
from collections.abc import Iterable
from typing import Any

import pygame

from marl_ppo.envs.scene import Box, Disc, Line, Picture, Primitive, Sprite
from marl_ppo.viewer import palette
from marl_ppo.viewer.layout import View
from marl_ppo.viewer.palette import Colour
from marl_ppo.viewer.pictures import PICTURES

SUPERSAMPLING = 4  # a power of two: pygame rounds colours down a little when it shrinks by others
_RIM_SHADE = 0.45  # how much darker the outline of a body is
_FAR_PX = 30_000  # farther out than any picture; pygame's numbers overflow somewhere beyond
_KEPT_PX = 8_000_000  # pixels of stamps that are kept, of four bytes each
_TILE_PX = 64  # long lines are drawn in pieces, so that a slanting one does not need a stamp of the whole board
_LARGE_PX = 96  # boxes from here on are drawn small and their middle stretched

Mark = tuple[Any, tuple[int, int]]
"""a stamp, and where its corner goes"""


class Stamps:
    """Draws shapes, and keeps their stamps."""

    def __init__(self) -> None:
        self._kept: dict[object, Any] = {}
        self._pixels = 0
        self._picture: tuple[Any, tuple[int, int], Any] | None = None

    def draw(self, surface: Any, primitives: Iterable[Primitive], view: View) -> None:
        """Draw shapes in their order; words are drawn by others. What lies outside the clip of `surface` is left out."""
        clip = surface.get_clip()
        left, top = view.rect[:2]
        for primitive in primitives:
            if isinstance(primitive, Picture):
                self._draw_picture(surface, primitive, view)
                continue
            for stamp, (x, y) in self._marks(primitive, view, clip.move(-left, -top)):
                self.put(surface, stamp, (left + x, top + y))

    @staticmethod
    def put(surface: Any, stamp: Any, corner: tuple[int, int]) -> None:
        """Put a stamp on a picture."""
        surface.blit(stamp, corner, special_flags=pygame.BLEND_PREMULTIPLIED)

    def swatch(self, team: int, size_px: int) -> Any:
        """The stamp of a dot in the team's colour, drawn like the team's discs."""
        view = View(left=-1.0, top=1.0, scale=size_px / 2, rect=(0, 0, size_px, size_px))
        ((stamp, _),) = self._marks(Disc(key="", x=0, y=0, radius=0.85, team=team), view, pygame.Rect(view.rect))
        return stamp

    def _marks(self, primitive: Primitive, view: View, visible: Any) -> list[Mark]:
        """What is to be put where, in pixels from the corner of `view.rect`."""
        match primitive:
            case Disc():
                return self._disc(primitive, view, visible)
            case Box():
                return self._box(primitive, view, visible)
            case Line():
                return self._line(primitive, view, visible)
            case Sprite():
                return self._sprite(primitive, view, visible)
        return []

    def _disc(self, disc: Disc, view: View, visible: Any) -> list[Mark]:
        if not _finite(centre := view.point(disc.x, disc.y)):
            return []
        x, y = _fine(centre[0]), _fine(centre[1])
        radius = _length(disc.radius * view.scale)
        touched = _touched(x - radius, y - radius, x + radius + 1, y + radius + 1).clip(visible)
        if not touched:
            return []
        at = (x - touched.x * SUPERSAMPLING, y - touched.y * SUPERSAMPLING)
        key = ("disc", at, radius, touched.size, disc.team, disc.filled, alpha := _byte(disc.alpha))

        def paint(canvas: Any) -> None:
            colour, rim = palette.team_colour(disc.team), _rim(2 * radius)
            if disc.filled:
                pygame.draw.circle(canvas, _rim_colour(colour), at, radius)
                pygame.draw.circle(canvas, colour, at, max(radius - rim, 1))
            else:
                pygame.draw.circle(canvas, colour, at, radius, round(1.6 * rim))

        return [(self._stamp(key, touched.size, alpha, paint), touched.topleft)]

    def _box(self, box: Box, view: View, visible: Any) -> list[Mark]:
        if not _finite(centre := view.point(box.x, box.y)):
            return []
        width, height = _length(box.width * view.scale), _length(box.height * view.scale)
        rim, corner = _rim(min(width, height)), round(min(min(width, height) * 0.12, 8 * SUPERSAMPLING))
        # Sides far outside of what can be seen are drawn nearer, but still outside.
        x, right = _within(_fine(centre[0]) - width // 2, width, visible.left, visible.right)
        y, bottom = _within(_fine(centre[1]) - height // 2, height, visible.top, visible.bottom)
        touched = _touched(x, y, right, bottom)
        if not touched.colliderect(visible):
            return []
        width, height = right - x, bottom - y
        # As much of the middle as looks the same from pixel to pixel is left out, and put back by stretching.
        out_x, out_y = max(0, touched.width - _LARGE_PX), max(0, touched.height - _LARGE_PX)
        drawn = (touched.width - out_x, touched.height - out_y)
        at = (x - touched.x * SUPERSAMPLING, y - touched.y * SUPERSAMPLING)
        sides = (width - out_x * SUPERSAMPLING, height - out_y * SUPERSAMPLING)
        key = ("box", at, sides, rim, corner, touched.size, box.team, box.filled, alpha := _byte(box.alpha))

        def paint(canvas: Any) -> None:
            colour, rect = palette.team_colour(box.team), pygame.Rect(at, sides)
            if box.filled:
                pygame.draw.rect(canvas, _rim_colour(colour), rect, border_radius=corner)
                pygame.draw.rect(canvas, colour, rect.inflate(-2 * rim, -2 * rim), border_radius=max(corner - rim, 0))
            else:
                pygame.draw.rect(canvas, colour, rect, rim, border_radius=corner)

        return [(self._stamp(key, drawn, alpha, paint, stretched=touched.size), touched.topleft)]

    def _line(self, line: Line, view: View, visible: Any) -> list[Mark]:
        ends = view.point(line.x, line.y), view.point(line.x2, line.y2)
        if not all(map(_finite, ends)):
            return []
        (x, y), (x2, y2) = ((_fine(end[0]), _fine(end[1])) for end in ends)
        width = _length(line.width * view.scale)
        reach = width // 2 + 1
        alpha, marks = _byte(line.alpha), []
        for left, top, right, bottom in _pieces(x, y, x2, y2, reach):
            touched = _touched(left, top, right, bottom).clip(visible)
            if not touched:
                continue
            shift = (touched.x * SUPERSAMPLING, touched.y * SUPERSAMPLING)
            a, b = (x - shift[0], y - shift[1]), (x2 - shift[0], y2 - shift[1])
            key = ("line", a, b, width, touched.size, line.team, alpha)

            def paint(canvas: Any, a: tuple[int, int] = a, b: tuple[int, int] = b) -> None:
                _paint_line(canvas, a, b, width / 2, palette.team_colour(line.team))

            marks.append((self._stamp(key, touched.size, alpha, paint), touched.topleft))
        return marks

    def _sprite(self, sprite: Sprite, view: View, visible: Any) -> list[Mark]:
        if sprite.name not in PICTURES:
            box = Box(key=sprite.key, x=sprite.x, y=sprite.y, width=sprite.width, height=sprite.height, team=sprite.team)
            return self._box(box, view, visible)
        if not _finite(centre := view.point(sprite.x, sprite.y)):
            return []
        cos, sin = math.cos(sprite.heading_rad), math.sin(sprite.heading_rad)
        colour = palette.team_colour(sprite.team)
        outlines = []
        for shade, outline in PICTURES[sprite.name]:
            ahead_left = ((u * sprite.width * view.scale, v * sprite.height * view.scale) for u, v in outline)
            corners = ((centre[0] + u * cos - v * sin, centre[1] - u * sin - v * cos) for u, v in ahead_left)
            outlines.append((palette.mixed(colour, palette.PAGE, shade), [(_fine(x), _fine(y)) for x, y in corners]))
        xs, ys = zip(*(corner for _, corners in outlines for corner in corners), strict=True)
        touched = _touched(min(xs), min(ys), max(xs) + 1, max(ys) + 1).clip(visible)
        if not touched:
            return []
        shift = (touched.x * SUPERSAMPLING, touched.y * SUPERSAMPLING)
        moved = [(shade, tuple((x - shift[0], y - shift[1]) for x, y in corners)) for shade, corners in outlines]

        def paint(canvas: Any) -> None:
            for shade, corners in moved:
                pygame.draw.polygon(canvas, shade, corners)

        return [(self._stamp(("sprite", tuple(moved), touched.size), touched.size, 255, paint), touched.topleft)]

    def _draw_picture(self, surface: Any, picture: Picture, view: View) -> None:
        (x, y), (width, height) = view.point(picture.x, picture.y), (picture.width * view.scale, picture.height * view.scale)
        if not _finite((x, y)) or not 0 < width < _FAR_PX or not 0 < height < _FAR_PX:
            return
        size = max(1, round(width)), max(1, round(height))
        if self._picture is None or self._picture[0] is not picture.pixels or self._picture[1] != size:
            rows, columns = picture.pixels.shape[:2]
            drawn = pygame.image.frombuffer(picture.pixels.tobytes(), (columns, rows), "RGB")
            self._picture = (picture.pixels, size, pygame.transform.smoothscale(drawn, size))
        surface.blit(self._picture[2], (view.rect[0] + round(x - width / 2), view.rect[1] + round(y - height / 2)))

    def _stamp(
        self, key: object, size: tuple[int, int], alpha: int, paint: Any, stretched: tuple[int, int] | None = None
    ) -> Any:
        """The stamp that is kept under `key`, made by `paint` on a fine canvas for `size` pixels where there is none."""
        if key in self._kept:
            self._kept[key] = stamp = self._kept.pop(key)  # the last to be given up
            return stamp
        canvas = pygame.Surface((size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING), pygame.SRCALPHA, 32)
        paint(canvas)
        stamp = pygame.transform.smoothscale(canvas, size)
        if alpha < 255:
            stamp.fill((alpha, alpha, alpha, alpha), special_flags=pygame.BLEND_RGBA_MULT)
        if stretched is not None and stretched != size:
            stamp = _stretched(stamp, stretched)
        self._kept[key] = stamp
        self._pixels += stamp.get_width() * stamp.get_height()
        while self._pixels > _KEPT_PX and len(self._kept) > 1:
            oldest = self._kept.pop(next(iter(self._kept)))
            self._pixels -= oldest.get_width() * oldest.get_height()
        return stamp


def _stretched(stamp: Any, size: tuple[int, int]) -> Any:
    """A stamp whose middle row and column are repeated until it has `size`."""
    width, height = stamp.get_size()
    wider = pygame.Surface((size[0], height), pygame.SRCALPHA, 32)
    higher = pygame.Surface(size, pygame.SRCALPHA, 32)
    middle, more = width // 2, size[0] - width
    wider.blit(stamp, (0, 0), (0, 0, middle, height), special_flags=pygame.BLEND_RGBA_ADD)
    column = pygame.transform.scale(stamp.subsurface((middle, 0, 1, height)), (more + 1, height))
    wider.blit(column, (middle, 0), special_flags=pygame.BLEND_RGBA_ADD)
    rest = (middle + 1, 0, width - middle - 1, height)
    wider.blit(stamp, (middle + 1 + more, 0), rest, special_flags=pygame.BLEND_RGBA_ADD)
    middle, more = height // 2, size[1] - height
    higher.blit(wider, (0, 0), (0, 0, size[0], middle), special_flags=pygame.BLEND_RGBA_ADD)
    row = pygame.transform.scale(wider.subsurface((0, middle, size[0], 1)), (size[0], more + 1))
    higher.blit(row, (0, middle), special_flags=pygame.BLEND_RGBA_ADD)
    rest = (0, middle + 1, size[0], height - middle - 1)
    higher.blit(wider, (0, middle + 1 + more), rest, special_flags=pygame.BLEND_RGBA_ADD)
    return higher


def _paint_line(canvas: Any, a: tuple[int, int], b: tuple[int, int], radius: float, colour: Colour) -> None:
    (x, y), (x2, y2) = a, b
    length = math.hypot(x2 - x, y2 - y)
    if length > 0.0:
        u, v = (y - y2) / length * radius, (x2 - x) / length * radius  # from the middle of the line to its side
        pygame.draw.polygon(canvas, colour, ((x + u, y + v), (x2 + u, y2 + v), (x2 - u, y2 - v), (x - u, y - v)))
    for tip in (a, b):
        pygame.draw.circle(canvas, colour, tip, radius)


def _pieces(x: int, y: int, x2: int, y2: int, reach: int) -> Iterable[tuple[int, int, int, int]]:
    """Fine rectangles, none over another, that together hold a line: strips across its longer side."""
    left, right, top, bottom = min(x, x2) - reach, max(x, x2) + reach + 1, min(y, y2) - reach, max(y, y2) + reach + 1
    tile, slants = _TILE_PX * SUPERSAMPLING, min(right - left, bottom - top) > 3 * _TILE_PX
    if not slants or max(right - left, bottom - top) <= 2 * tile:
        return ((left, top, right, bottom),)
    across = right - left < bottom - top
    low, high = (top, bottom) if across else (left, right)
    (u, v), (u2, v2) = ((y, x), (y2, x2)) if across else ((x, y), (x2, y2))
    slope = (v2 - v) / (u2 - u)
    # Half the width of a slanting line, measured across the strip.
    thick = math.ceil(reach * math.hypot(1.0, slope)) + reach
    found = []
    for start in range(low // tile * tile, high, tile):
        begin, end = max(start, low), min(start + tile, high)
        first, second = v + slope * (begin - u), v + slope * (end - u)
        side = math.floor(min(first, second)) - thick, math.ceil(max(first, second)) + thick
        found.append((side[0], begin, side[1], end) if across else (begin, side[0], end, side[1]))
    return found


def _touched(left: int, top: int, right: int, bottom: int) -> Any:
    """The pixels that fine ones from `left`, `top` to before `right`, `bottom` are part of; a Rect."""
    x, y = _near(left) // SUPERSAMPLING, _near(top) // SUPERSAMPLING
    return pygame.Rect(x, y, -(-_near(right) // SUPERSAMPLING) - x, -(-_near(bottom) // SUPERSAMPLING) - y)


def _within(start: int, length: int, low: int, high: int) -> tuple[int, int]:
    """Start and end of a fine length, cut not far outside of the pixels `low` to `high`."""
    return max(start, _fine(low - _LARGE_PX)), min(start + length, _fine(high + _LARGE_PX))


def _near(fine: int) -> int:
    return min(max(fine, -_FAR_PX * SUPERSAMPLING), _FAR_PX * SUPERSAMPLING)


def _finite(point: tuple[float, float]) -> bool:
    """Whether a point is somewhere near enough to be drawn."""
    return abs(point[0]) < _FAR_PX and abs(point[1]) < _FAR_PX


def _fine(pixels: float) -> int:
    return round(pixels * SUPERSAMPLING)


def _length(pixels: float) -> int:
    """In fine pixels: no less than one of the final picture, no more than can be drawn."""
    return _fine(min(max(pixels, 1.0), _FAR_PX)) if math.isfinite(pixels) else SUPERSAMPLING


def _byte(alpha: float) -> int:
    return round(255 * min(max(alpha, 0.0), 1.0))


def _rim(thickness: int) -> int:
    """Width of the outline of a body of this thickness: soft, never thinner than a pixel of the final picture."""
    return round(min(max(thickness * 0.07, SUPERSAMPLING), 3 * SUPERSAMPLING))


def _rim_colour(colour: Colour) -> Colour:
    return palette.mixed(colour, palette.PAGE, _RIM_SHADE)
