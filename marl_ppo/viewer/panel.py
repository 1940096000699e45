"""The panel: title, teams with who plays them, and the lines of the HUD, each in a cell."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from marl_ppo.viewer import palette
from marl_ppo.viewer.layout import Layout, Rect
from marl_ppo.viewer.lettering import Lettering
from marl_ppo.viewer.shapes import Stamps


class Line(NamedTuple):
    """One line of the panel. "name: value" is set in two columns."""

    words: str
    team: int | None = None
    """whose dot stands before it"""
    value: str = ""
    """at the right; of a line that names it apart"""
    is_title: bool = False


def panel_lines(title: str, teams: Sequence[str], hud: Sequence[str], sides: Mapping[str, Sequence[str]]) -> list[Line]:
    """What stands in a panel; `sides` tells by team who plays it, and more of it on lines below. Empty lines are gaps."""
    lines = [Line(title, is_title=True)] if title else []
    for team, name in enumerate(teams):
        who, *more = sides.get(name) or [""]
        lines += [Line(name, team, who), *(Line("", value=words) for words in more)]
    if lines and hud:
        lines.append(Line(""))
    for words in hud:
        name, colon, value = words.partition(": ")
        lines.append(Line(name.replace("_", " "), value=value) if colon else Line(words))
    return lines


class Panel:
    """Writes lines into the cells of a layout."""

    def __init__(self, letters: Lettering, stamps: Stamps) -> None:
        self._letters, self._stamps = letters, stamps

    def draw(self, picture: Any, layout: Layout, lines: Sequence[Line]) -> None:
        """As many lines as there are cells, which may be fewer where the picture is small."""
        bottom = picture.get_height()
        for line, cell in zip(lines, layout.cells, strict=False):
            if cell[1] + layout.text_px <= bottom:
                self._write(picture, line, cell, layout.text_px)

    def _write(self, picture: Any, line: Line, cell: Rect, size_px: int) -> None:
        left, top, width, height = cell
        middle = top + height // 2
        if line.team is not None:
            swatch = self._stamps.swatch(line.team, size_px)
            self._stamps.put(picture, swatch, (left, middle - size_px // 2))
            left, width = left + round(size_px * 1.5), width - round(size_px * 1.5)
        if line.value:
            # A name may take what the other leaves, and each of two long ones about a half.
            name_px = self._letters.render(line.words, size_px, palette.QUIET).get_width()
            room = max(width - name_px - size_px, width * 11 // 20)
            value = self._letters.render(line.value, size_px, palette.TEXT, room=room)
            picture.blit(value, value.get_rect(midright=(left + width, middle)))
            width = max(0, width - value.get_width() - size_px)
        colour = palette.QUIET if line.value and line.team is None else palette.TEXT
        name = self._letters.render(line.words, size_px, colour, bold=line.is_title, room=width)
        picture.blit(name, name.get_rect(midleft=(left, middle)))
