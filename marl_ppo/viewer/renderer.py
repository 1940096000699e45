"""Scenes to pictures: the board, a caption under it, a panel with teams and HUD.

Only pygame's Surfaces and fonts are used, which need no display; `show` opens a window, `frame` and `draw` never do.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pygame

from marl_ppo.envs.scene import Primitive, Scene
from marl_ppo.errors import ConfigError
from marl_ppo.viewer import palette
from marl_ppo.viewer.board import Board
from marl_ppo.viewer.layout import Layout, View, arrange, aspect_of
from marl_ppo.viewer.lettering import Lettering
from marl_ppo.viewer.panel import Panel, panel_lines
from marl_ppo.viewer.shapes import Stamps
from marl_ppo.viewer.window import Window

SMALLEST_PICTURE_PX = 64


class Pens(NamedTuple):
    """What draws; several renderers may share them, and what they keep."""

    letters: Lettering
    stamps: Stamps


class Drawn(NamedTuple):
    """Where things are in a picture."""

    layout: Layout
    view: View


class Renderer:
    """Draws scenes of one size, with a panel that names the teams and holds the HUD lines.

        renderer = Renderer(size=(720, 480), teams=("chasers", "prey"))
        pixels = renderer.frame(world.scene(0), hud=("step: 12", "return: -3.2"))

    A HUD line "name: value" is set in two columns, an empty one is a gap. Equal arguments give equal bytes.
    """

    def __init__(
        self, size: tuple[int, int] = (720, 480), *, teams: Sequence[str] = (), title: str = "", pens: Pens | None = None
    ) -> None:
        if min(size) < SMALLEST_PICTURE_PX:
            raise ConfigError(f"a picture must be at least {SMALLEST_PICTURE_PX} pixels each way, got size={size}")
        self.size = size
        """width and height in pixels"""
        self.teams = tuple(teams)
        self.title = title
        self.sides: Mapping[str, Sequence[str]] = {}
        """team → lines to be written beside it, such as who plays it"""
        self.pens = pens or Pens(Lettering(), Stamps())
        self._board = Board(*self.pens)
        self._panel = Panel(*self.pens)
        self._window: Window | None = None

    def frame(self, scene: Scene, hud: Sequence[str] = ()) -> "np.ndarray[Any, np.dtype[np.uint8]]":
        """The picture as uint8 [H, W, 3]."""
        return pixels_of(self.draw(scene, hud))

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
        picture = pygame.Surface(self.size, 0, 32)
        picture.fill(palette.PAGE)
        self.draw_on(picture, scene, hud)
        return picture

    def draw_on(
        self,
        picture: Any,
        scene: Scene,
        hud: Sequence[str] = (),
        *,
        above: Sequence[Primitive] = (),
        text_px: int | None = None,
        spare: int = 0,
    ) -> Drawn:
        """Draw on the empty Surface `picture`, whatever its size, and tell what is where; `above` is drawn over the scene.

        A panel at the side leaves `spare` pixels of its height free where it can.
        """
        size, aspect = picture.get_size(), aspect_of(scene)
        lines = panel_lines(self.title, self.teams, hud, self.sides)
        without_gaps = [line for line in lines if line.words or line.value]  # a gap is for a column, not for a grid
        layout = arrange(size, len(without_gaps), aspect=aspect, text_px=text_px, spare=spare)
        if layout.side_panel:
            layout = arrange(size, len(lines), aspect=aspect, text_px=text_px, spare=spare)
        view = View.fit(scene, layout.board)
        self._board.draw(picture, scene, view, above=above)
        if scene.caption:
            left, top, width, height = view.rect
            caption = self.pens.letters.render(scene.caption, layout.text_px, palette.TEXT, room=layout.caption[2])
            picture.blit(caption, caption.get_rect(midtop=(left + width // 2, top + height + layout.text_px // 3)))
        self._panel.draw(picture, layout, lines if layout.side_panel else without_gaps)
        return Drawn(layout, view)

    def draw_board(self, picture: Any, scene: Scene, view: View, *, above: Sequence[Primitive] = ()) -> None:
        """Draw only the board, where `view` puts it."""
        self._board.draw(picture, scene, view, above=above)


def pixels_of(picture: Any) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """A Surface as uint8 [H, W, 3]."""
    # Twice as fast as pygame.surfarray.array3d, and rows come first, as image libraries have it.
    pixels = np.frombuffer(bytearray(pygame.image.tobytes(picture, "RGB")), np.uint8)
    return pixels.reshape(picture.get_height(), picture.get_width(), 3)
