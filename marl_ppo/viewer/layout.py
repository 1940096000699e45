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

_CELL = 14  # width of a cell over the height of its text; narrower ones cut names


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The places of one picture; a function of its size, the board's shape and the number of cells: frames do not jump."""

    board: Rect
    caption: Rect
    cells: tuple[Rect, ...]
    text_px: int
    """height of ordinary text"""
    side_panel: bool
    """whether the panel is a column at the side"""
    free: Rect
    """what cells leave of a column at the side; else no height"""


def text_size(size: tuple[int, int]) -> int:
    """Height of ordinary text in a picture of `size`."""
    return min(max(round(min(size) / 36), 11), 20)


def arrange(
    size: tuple[int, int], num_cells: int, *, aspect: float = 1.0, text_px: int | None = None, spare: int = 0
) -> Layout:
    """Divide a picture of `size` (width, height) so that a board `aspect` times as wide as high becomes as large as can be:
    the panel is a column beside it, or a grid below. A column leaves `spare` pixels free where it can."""
    text_px = text_size(size) if text_px is None else text_px
    beside, below = _beside(size, num_cells, aspect, text_px, spare), _below(size, num_cells, text_px)
    return beside if num_cells and _scale(beside, aspect) >= _scale(below, aspect) else below


def _beside(size: tuple[int, int], num_cells: int, aspect: float, text_px: int, spare: int) -> Layout:
    (width, height), line, margin = size, round(text_px * 1.7), text_px
    fitting = round((height - 2 * margin - line) * aspect) + 2 * margin
    panel_width = min(max(width - fitting, _CELL * text_px + margin), 28 * text_px, width // 2)
    left, top, room = width - panel_width, margin, height - 2 * margin
    # What does not fit is set closer, down to lines that nearly touch.
    step = min(line, max((room - spare) // max(num_cells, 1), round(1.15 * text_px)))
    return Layout(
        board=(margin, margin, max(1, left - 2 * margin), max(1, height - 2 * margin - line)),
        caption=(margin, height - margin - line, max(1, left - 2 * margin), line),
        cells=tuple((left, top + i * step, panel_width - margin, step) for i in range(num_cells)),
        text_px=text_px,
        side_panel=True,
        free=(left, top + num_cells * step, panel_width - margin, max(0, room - num_cells * step)),
    )


def _below(size: tuple[int, int], num_cells: int, text_px: int) -> Layout:
    (width, height), line, margin = size, round(text_px * 1.7), text_px
    columns = max(1, width // (_CELL * text_px))
    rows = math.ceil(num_cells / columns)
    top = height - rows * line - (margin // 2 if rows else 0)
    cell_width, gap = (width - 2 * margin) // columns, 2 * text_px if columns > 1 else 0
    return Layout(
        board=(margin, margin, max(1, width - 2 * margin), max(1, top - margin - line)),
        caption=(margin, top - line, max(1, width - 2 * margin), line),
        cells=tuple(
            (margin + (i % columns) * cell_width, top + (i // columns) * line, cell_width - gap, line) for i in range(num_cells)
        ),
        text_px=text_px,
        side_panel=False,
        free=(margin, height, width - 2 * margin, 0),
    )


def _scale(layout: Layout, aspect: float) -> float:
    """How high a board would be."""
    return min(layout.board[2] / aspect, layout.board[3])


def aspect_of(scene: Scene) -> float:
    """Width over height of what a scene shows. Raises ConfigError where the bounds enclose nothing."""
    left, bottom, right, top = scene.bounds
    if not (right > left and top > bottom and math.isfinite(right - left) and math.isfinite(top - bottom)):
        raise ConfigError(f"a scene's bounds must be (left, bottom, right, top) with an area, got {scene.bounds}")
    return (right - left) / (top - bottom)


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
        aspect_of(scene)
        left, bottom, right, top = scene.bounds
        wide, high = right - left, top - bottom
        scale = min(board[2] / wide, board[3] / high)
        width, height = max(1, round(wide * scale)), max(1, round(high * scale))
        corner = (board[0] + (board[2] - width) // 2, board[1] + (board[3] - height) // 2)
        return cls(left=left, top=top, scale=scale, rect=(*corner, width, height))

    def point(self, x: float, y: float) -> tuple[float, float]:
        """World (x, y) in pixels from the corner of `rect`."""
        return (x - self.left) * self.scale, (self.top - y) * self.scale

    def place(self, x: float, y: float) -> tuple[float, float]:
        """The way back: world (x, y) of a pixel of the picture."""
        return (x - self.rect[0]) / self.scale + self.left, self.top - (y - self.rect[1]) / self.scale


def grid_step(span: float) -> float:
    """A round distance (1, 2 or 5 times a power of ten) that divides `span` into five to twelve or so."""
    power = 10.0 ** math.floor(math.log10(span / 5))
    return max((step for step in (power, 2 * power, 5 * power) if step <= span / 5), default=power)
