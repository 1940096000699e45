"""What a person sees who plays: the board, a panel that tells who plays and what keys do, and what is to be done now.

row     one line of the panel
prompt  a few lines under the board, the first one large: countdown, whose turn it is, result
menu    a box on the board, while the match is paused
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pygame

from marl_ppo.envs.controls import Choosing
from marl_ppo.viewer import palette
from marl_ppo.viewer.human_play import MENU, HumanPlay
from marl_ppo.viewer.layout import Rect, View
from marl_ppo.viewer.palette import Colour
from marl_ppo.viewer.renderer import SMALLEST_PICTURE_PX, Renderer

_WIDE = 1.2
"""width over height from which the panel stands at the side"""
_MENU_ALPHA = 235
_LARGE = 1.8
"""height of a prompt's first line, ordinary text being 1"""
_PROMPT_LINES = 3
"""after the first one"""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the panel: words, and what stands at the right end."""

    words: str
    value: str = ""
    team: int = -1
    """whose swatch stands before the words"""
    colour: Colour = palette.TEXT
    value_colour: Colour = palette.TEXT
    bold: bool = False


GAP = Row("")


class PersonView:
    """Draws a `HumanPlay` at any size."""

    def __init__(self, *, title: str, teams: Sequence[tuple[str, str]], body: str) -> None:
        """`teams` are (team, who plays it, in words); `body` is what the person's agent is called."""
        self._title, self._teams, self._body = title, tuple(teams), body
        self._renderer = Renderer((SMALLEST_PICTURE_PX, SMALLEST_PICTURE_PX))
        self._letters, self._stamps = self._renderer.pens
        self._view: View | None = None

    def draw(self, game: HumanPlay, size: tuple[int, int]) -> Any:
        """A pygame Surface of `size`."""
        size = max(size[0], SMALLEST_PICTURE_PX), max(size[1], SMALLEST_PICTURE_PX)
        text_px = min(max(round(min(size) / 36), 12), 22)
        rows = self._rows(game)
        board, prompt, panel = _divide(size, text_px, len(rows))
        scene = game.scene()
        picture = pygame.Surface(size, 0, 32)
        picture.fill(palette.PAGE)
        # The board's corner is the picture's.
        self._view = self._renderer.draw_on(picture.subsurface(board), scene, text_px=text_px).view
        self._write_prompt(picture, prompt, self._prompt(game), text_px)
        picture.set_clip(panel)
        self._write_panel(picture, panel, rows, text_px)
        picture.set_clip(None)
        if game.phase == "paused":
            self._write_menu(picture, board, self._menu(game), text_px)
        return picture

    def place(self, x: int, y: int) -> tuple[float, float]:
        """Where in the scene a pixel of the picture is that was drawn last."""
        if self._view is None:
            return float("nan"), float("nan")
        left, top = self._view.rect[:2]
        return self._view.left + (x - left) / self._view.scale, self._view.top - (y - top) / self._view.scale

    def _rows(self, game: HumanPlay) -> list[Row]:
        rows = [Row(self._title, bold=True)]
        rows += [Row(team, who, team=number) for number, (team, who) in enumerate(self._teams)]
        rows.append(GAP)
        described = game.controls.describe(game.mask if game.on_turn else None)
        pointed = None
        if isinstance(game.controls, Choosing) and not game.controls.legend:
            pointed = next((choice.key for choice in game.controls.choices if choice.action == game.cursor), None)
        for keys, does, possible in described:
            colour = palette.TEXT if possible else palette.EDGE
            mark = "▸ " if keys == pointed else ""
            rows.append(Row(mark + keys, does, colour=palette.QUIET if possible else palette.EDGE, value_colour=colour))
        rows += [Row("esc", "pause", colour=palette.QUIET), Row("?", "help", colour=palette.QUIET), GAP]
        for line in game.facts:
            name, _, value = line.partition(": ")
            rows.append(Row(name.replace("_", " "), value.removesuffix(".00"), colour=palette.QUIET))
        return rows

    def _prompt(self, game: HumanPlay) -> list[str]:
        """Its first line is large."""
        who = f"you are {self._body}"
        does = "   ".join(f"{keys}: {what}" for keys, what, _ in game.controls.describe(None))
        match game.phase:
            case "ready":
                return [str(game.count), who, does]
            case "paused":
                return ["paused"]
            case "over":
                return [game.verdict, "enter: play again   q: quit", *game.told] if game.finished else [game.verdict]
        if isinstance(game.controls, Choosing):
            return ["your turn" if game.on_turn else "wait …", does if game.on_turn else who]
        return ["", who, does]

    def _menu(self, game: HumanPlay) -> list[str]:
        """Its first line is large."""
        lines = [f"{keys}: {what}" for keys, what in MENU]
        if not game.help:
            return ["paused", *lines, "?: help"]
        keys = [f"{keys}: {what}" for keys, what, _ in game.controls.describe(None)]
        return [f"you are {self._body}", *keys, "", *lines]

    def _write_prompt(self, picture: Any, place: Rect, lines: Sequence[str], text_px: int) -> None:
        left, top, width, _ = place
        y = top + text_px // 3
        for i, words in enumerate(lines):
            size_px = round(_LARGE * text_px) if i == 0 else text_px
            colour = palette.TEXT if i < 2 else palette.QUIET
            text = self._letters.render(words, size_px, colour, bold=i == 0)
            if text.get_width() > width:
                size_px = max(round(0.75 * size_px), size_px * width // text.get_width())
                text = self._letters.render(words, size_px, colour, bold=i == 0, room=width)
            picture.blit(text, text.get_rect(midtop=(left + width // 2, y)))
            y += round(1.35 * size_px)

    def _write_panel(self, picture: Any, panel: Rect, rows: Sequence[Row], text_px: int) -> None:
        left, top, width, _ = panel
        line = round(1.7 * text_px)
        y = top
        for row in rows:
            room, x = width, left
            if row.team >= 0:
                swatch = self._stamps.swatch(row.team, text_px)
                self._stamps.put(picture, swatch, (left, y + line // 2 - text_px // 2))
                x, room = left + round(1.5 * text_px), width - round(1.5 * text_px)
            words = self._letters.render(row.words, text_px, row.colour, bold=row.bold, room=room)
            picture.blit(words, words.get_rect(midleft=(x, y + line // 2)))
            if row.value:
                gap = round(0.8 * text_px)
                whole = self._letters.render(row.value, text_px, row.value_colour)
                if whole.get_width() + words.get_width() + gap > room:  # below, where there is more room
                    y += line
                    whole = self._letters.render(row.value, text_px, row.value_colour, room=width)
                picture.blit(whole, whole.get_rect(midright=(left + width, y + line // 2)))
            y += line if row.words else line // 2

    def _write_menu(self, picture: Any, board: Rect, lines: Sequence[str], text_px: int) -> None:
        large = round(2.4 * text_px)
        room = board[2] - 4 * text_px
        texts = [
            self._letters.render(words, large if i == 0 else text_px, palette.TEXT, bold=i == 0, room=room)
            for i, words in enumerate(lines)
        ]
        heights = [round(1.5 * (large if i == 0 else text_px)) if words else text_px // 2 for i, words in enumerate(lines)]
        width = max(text.get_width() for text in texts) + 2 * text_px
        height = sum(heights) + round(1.2 * text_px)
        box = pygame.Surface((width, height), pygame.SRCALPHA)
        corner = text_px // 2
        pygame.draw.rect(box, (*palette.PAGE, _MENU_ALPHA), box.get_rect(), border_radius=corner)
        pygame.draw.rect(box, palette.EDGE, box.get_rect(), 1, border_radius=corner)
        y = round(0.6 * text_px)
        for text, used in zip(texts, heights, strict=True):
            box.blit(text, text.get_rect(center=(width // 2, y + used // 2)))
            y += used
        picture.blit(box, box.get_rect(center=(board[0] + board[2] // 2, board[1] + board[3] // 2)))


def _divide(size: tuple[int, int], text_px: int, num_rows: int) -> tuple[Rect, Rect, Rect]:
    """(board, prompt, panel): the panel stands beside the board of a wide picture, else below it."""
    width, height = size
    prompt = round((_LARGE + _PROMPT_LINES) * 1.35 * text_px) + text_px
    if width >= _WIDE * height:
        column = max(round(0.8 * (width - height)), 14 * text_px)
        left, bottom, panel = width - column, height, (width - column, text_px, column - text_px, height - text_px)
    else:
        below = min(round(1.7 * text_px) * num_rows, height // 3)
        left, bottom, panel = width, height - below, (text_px, height - below, width - 2 * text_px, below)
    board = (0, 0, max(left, 1), max(bottom - prompt, 1))
    return board, (text_px, bottom - prompt, max(left - 2 * text_px, 1), prompt), panel
