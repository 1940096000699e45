"""Scenes to pictures: the board with its shapes, words above them, a caption under it, a panel with teams and HUD.

Only pygame's Surfaces and fonts are used, which need no display; `show` opens a window, `frame` and `draw` never do.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pygame

from marl_ppo.envs.scene import Box, Disc, Line, Picture, Scene, Sprite, Text
from marl_ppo.errors import ConfigError
from marl_ppo.viewer import palette
from marl_ppo.viewer.layout import Layout, Rect, View, arrange
from marl_ppo.viewer.lettering import Lettering
from marl_ppo.viewer.palette import Colour
from marl_ppo.viewer.pictures import PICTURES
from marl_ppo.viewer.shapes import Canvas
from marl_ppo.viewer.window import Window

SMALLEST_PICTURE_PX = 64
_LARGEST_LABEL_PX = 28
_HALO = ((-1, 0), (1, 0), (0, -1), (0, 1))  # where the dark copies behind a label go


class Renderer:
    """Draws scenes of one size, with a panel that names the teams and holds the HUD lines.

        renderer = Renderer(size=(720, 480), teams=("chasers", "prey"))
        pixels = renderer.frame(world.scene(0), hud=("step: 12", "return: -3.2"))

    A HUD line "name: value" is set in two columns, an empty one is a gap. Equal arguments give equal bytes.
    """

    def __init__(self, size: tuple[int, int] = (720, 480), *, teams: Sequence[str] = (), title: str = "") -> None:
        if min(size) < SMALLEST_PICTURE_PX:
            raise ConfigError(f"a picture must be at least {SMALLEST_PICTURE_PX} pixels each way, got size={size}")
        self.size = size
        """width and height in pixels"""
        self.teams = tuple(teams)
        self.title = title
        self._letters = Lettering()
        self._canvas = Canvas()
        self._window: Window | None = None

    def frame(self, scene: Scene, hud: Sequence[str] = ()) -> "np.ndarray[Any, np.dtype[np.uint8]]":
        """The picture as uint8 [H, W, 3]."""
        picture = self.draw(scene, hud)
        # Twice as fast as pygame.surfarray.array3d, and rows come first, as image libraries have it.
        pixels = np.frombuffer(bytearray(pygame.image.tobytes(picture, "RGB")), np.uint8)
        return pixels.reshape(picture.get_height(), picture.get_width(), 3)

    def show(self, scene: Scene, hud: Sequence[str] = ()) -> bool:
        """Draw in a window, opened at the first call; a window that the user closed stays closed. Tells whether it is open."""
        if self._window is None:
            self._window = Window(self.size, self.title or "marl_ppo")
        self._window.pressed()
        if not self._window.closed:
            self.resize(self._window.size)
            self._window.present(self.draw(scene, hud))
        return not self._window.closed

    def close(self) -> None:
        """Close the window, if one is open; the next `show` opens another."""
        if self._window is not None:
            self._window.close()
        self._window = None

    def resize(self, size: tuple[int, int]) -> None:
        """Draw pictures of `size` from now on, or of the smallest size that can be drawn."""
        self.size = max(size[0], SMALLEST_PICTURE_PX), max(size[1], SMALLEST_PICTURE_PX)

    def draw(self, scene: Scene, hud: Sequence[str] = ()) -> Any:
        """The picture as a new pygame Surface."""
        lines = self._panel_lines(hud)
        layout = arrange(self.size, len(lines))
        view = View.fit(scene, layout.board)
        picture = pygame.Surface(self.size, 0, 32)
        picture.fill(palette.PAGE)
        picture.blit(self._canvas.draw_board(scene, view), view.rect[:2])
        picture.set_clip(view.rect)
        self._write_words(picture, scene, view)
        picture.set_clip(None)
        if scene.caption:
            left, top, width, height = view.rect
            caption = self._letters.render(scene.caption, layout.text_px, palette.TEXT, room=layout.caption[2])
            picture.blit(caption, caption.get_rect(midtop=(left + width // 2, top + height + layout.text_px // 3)))
        self._write_panel(picture, layout, lines)
        return picture

    def _write_words(self, picture: Any, scene: Scene, view: View) -> None:
        for primitive in scene.primitives:
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
                self._write_label(picture, primitive, words, centre, view.scale)

    def _write_label(
        self, picture: Any, body: Disc | Box | Sprite, words: str, centre: tuple[float, float], scale: float
    ) -> None:
        """Write on the body where the words fit, else in small letters beside it."""
        width = 2 * body.radius if isinstance(body, Disc) else body.width
        height = 2 * body.radius if isinstance(body, Disc) else body.height
        colour, alpha = palette.team_colour(body.team), getattr(body, "alpha", 1.0)
        filled = getattr(body, "filled", True)
        ground = palette.mixed(palette.BOARD, colour, alpha if filled else 0.0)
        middle, small_px = (round(centre[0]), round(centre[1])), round(min(self.size) / 42)
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

    def _panel_lines(self, hud: Sequence[str]) -> list[tuple[str, int | None]]:
        """(words, team) of each cell of the panel; the team is None but in the legend."""
        lines: list[tuple[str, int | None]] = [(self.title, None)] if self.title else []
        lines += [(name, team) for team, name in enumerate(self.teams)]
        if not arrange(self.size, 1).side_panel:
            return lines + [(line, None) for line in hud if line]  # a gap is for a column, not for a grid
        if lines and hud:
            lines.append(("", None))
        return lines + [(line, None) for line in hud]

    def _write_panel(self, picture: Any, layout: Layout, lines: Sequence[tuple[str, int | None]]) -> None:
        size_px = layout.text_px
        for i, ((words, team), cell) in enumerate(zip(lines, layout.cells, strict=True)):
            left, top, width, height = cell
            name, colon, value = words.partition(": ")
            if i == 0 and self.title:
                self._write(picture, words, cell, size_px, palette.TEXT, bold=True)
            elif team is not None:
                swatch = self._canvas.draw_swatch(team, size_px)
                picture.blit(swatch, swatch.get_rect(center=(left + size_px // 2, top + height // 2)))
                shift = round(size_px * 1.5)
                self._write(picture, words, (left + shift, top, width - shift, height), size_px, palette.TEXT)
            elif not colon:
                self._write(picture, words, cell, size_px, palette.TEXT)
            else:
                number = self._letters.render(value, size_px, palette.TEXT, room=width)
                picture.blit(number, number.get_rect(midright=(left + width, top + height // 2)))
                room = (left, top, max(0, width - number.get_width() - size_px), height)
                self._write(picture, name.replace("_", " "), room, size_px, palette.QUIET)

    def _write(self, picture: Any, words: str, cell: Rect, size_px: int, colour: Colour, bold: bool = False) -> None:
        text = self._letters.render(words, size_px, colour, bold=bold, room=cell[2])
        picture.blit(text, text.get_rect(midleft=(cell[0], cell[1] + cell[3] // 2)))


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
