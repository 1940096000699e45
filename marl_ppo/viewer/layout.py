"""Where things go: a picture is a board with a caption line under it, and a panel of cells at its right or bottom.

cell   one line of the panel: the title, a team of the legend, or a line of the HUD
board  the rectangle a scene's bounds are fitted into; pixels, y down, while scenes have y up
"""

import math
from dataclasses import dataclass

from marl_ppo.envs.scene import Scene
from marl_ppo.errors import ConfigError

Rect = tuple[int, int, int, int]
"""left, top, width, height in pixels"""

_WIDE = 1.2  # width over height from which a panel stands at the side


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The places of one picture; a function of its size and the number of cells, so that frames do not jump."""

    board: Rect
    caption: Rect
    cells: tuple[Rect, ...]
    text_px: int
    """height of ordinary text"""
    side_panel: bool
    """whether the panel is a column at the side"""


def arrange(size: tuple[int, int], num_cells: int) -> Layout:
    """Divide a picture of `size` (width, height): the panel is a column beside a wide one, else a grid below."""
    width, height = size
    text_px = min(max(round(min(size) / 36), 11), 20)
    line, margin = round(text_px * 1.7), text_px
    side_panel = num_cells > 0 and width >= _WIDE * height
    if side_panel:
        panel_width = max(width - height, 11 * text_px)
        panel = (width - panel_width, margin, panel_width - margin, height - 2 * margin)
        columns, board_right, board_bottom = 1, width - panel_width, height
    else:
        columns = max(1, width // (13 * text_px))
        rows = math.ceil(num_cells / columns)
        top = height - rows * line - (margin // 2 if rows else 0)
        panel = (margin, top, width - 2 * margin, rows * line)
        board_right, board_bottom = width, top
    cell_width = panel[2] // columns
    gap = 2 * text_px if columns > 1 else 0
    return Layout(
        board=(margin, margin, max(1, board_right - 2 * margin), max(1, board_bottom - margin - line)),
        caption=(margin, board_bottom - line, max(1, board_right - 2 * margin), line),
        cells=tuple(
            (panel[0] + (i % columns) * cell_width, panel[1] + (i // columns) * line, cell_width - gap, line)
            for i in range(num_cells)
        ),
        text_px=text_px,
        side_panel=side_panel,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A scene's bounds fitted into a board, undistorted and centred."""

    left: float
    top: float
    scale: float
    """pixels per world unit"""
    rect: Rect
    """the pixels the bounds cover"""

    @classmethod
    def fit(cls, scene: Scene, board: Rect) -> "View":
        """Raises ConfigError where the bounds enclose nothing."""
        left, bottom, right, top = scene.bounds
        if not (right > left and top > bottom and math.isfinite(right - left) and math.isfinite(top - bottom)):
            raise ConfigError(f"a scene's bounds must be (left, bottom, right, top) with an area, got {scene.bounds}")
        wide, high = right - left, top - bottom
        scale = min(board[2] / wide, board[3] / high)
        width, height = max(1, round(wide * scale)), max(1, round(high * scale))
        corner = (board[0] + (board[2] - width) // 2, board[1] + (board[3] - height) // 2)
        return cls(left=left, top=top, scale=scale, rect=(*corner, width, height))

    def point(self, x: float, y: float) -> tuple[float, float]:
        """World (x, y) in pixels from the corner of `rect`."""
        return (x - self.left) * self.scale, (self.top - y) * self.scale


def grid_step(span: float) -> float:
    """A round distance (1, 2 or 5 times a power of ten) that divides `span` into five to twelve or so."""
    power = 10.0 ** math.floor(math.log10(span / 5))
    return max((step for step in (power, 2 * power, 5 * power) if step <= span / 5), default=power)
