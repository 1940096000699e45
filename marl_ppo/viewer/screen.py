"""A show as a picture: one match with its panel, bar and overlays, or several side by side; and what a click there means."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pygame

from marl_ppo.envs.scene import Scene
from marl_ppo.viewer import palette
from marl_ppo.viewer.bar import Bar, Curve
from marl_ppo.viewer.feed import Moment, Timeline
from marl_ppo.viewer.layout import Rect, View, aspect_of, text_size
from marl_ppo.viewer.lettering import Lettering
from marl_ppo.viewer.overlays import agent_at, bodies, draw_card, draw_probabilities, marks
from marl_ppo.viewer.renderer import Drawn, Pens, Renderer
from marl_ppo.viewer.shapes import Stamps
from marl_ppo.viewer.show import KEYS, Show

_CARD_LINES = 8
"""height of what tells probabilities, in heights of text"""
_LONGEST_HINT_S = 1.5
"""for how long what has happened is told, at the match's own rate"""


class _Pane(NamedTuple):
    """Where a match is on the screen."""

    number: int
    rect: Rect
    view: View
    """in pixels of the whole screen"""
    bar: Bar


class Screen:
    """Draws a show, and leads the mouse to it."""

    def __init__(self, show: Show) -> None:
        self.show = show
        self._pens = Pens(Lettering(), Stamps())
        self._renderers = [Renderer(pens=self._pens) for _ in show.playbacks]
        self._told: list[Timeline | None] = [None] * len(show.playbacks)
        self._panes: list[_Pane] = []
        self._pointer: tuple[int, int] | None = None

    def draw(self, picture: Any, *, controls: bool = True) -> None:
        """Draw everything; without `controls`, as in a gif, only what there is to see."""
        picture.fill(palette.PAGE)
        text_px = text_size(picture.get_size())
        bottom = self._controls_height(text_px) if controls else 0
        width, height = picture.get_size()
        room = (0, 0, width, max(height - bottom, 1))
        if self.show.whole is None:
            self._panes = self._draw_side_by_side(picture, room, text_px, controls)
        else:
            self._panes = [self._draw_whole(picture, self.show.whole, room, text_px, controls)]
        if controls:
            self._draw_state(picture, text_px)
            self._draw_hint(picture, text_px)
        if self.show.help:
            self._draw_help(picture, text_px)

    def down(self, at: tuple[int, int]) -> None:
        """The mouse button went down: on a bar, it takes hold of it; on a match, it picks that, or a body in it."""
        self._pointer = at
        for pane in self._panes:
            if pane.bar.holds(at):
                self.show.held = pane.number
                self.show.playbacks[pane.number].seek(pane.bar.position_at(at[0]))
                return
        for pane in self._panes:
            if not pygame.Rect(pane.rect).collidepoint(at):
                continue
            if self.show.whole is None:
                self.show.whole = pane.number
            elif pygame.Rect(pane.view.rect).collidepoint(at):
                playback = self.show.playbacks[pane.number]
                x, y = pane.view.place(*at)
                agent = agent_at(playback.view().scene, playback.match.players, x, y, pane.view.scale)
                self.show.follow(pane.number, agent)

    def move(self, at: tuple[int, int] | None) -> None:
        """The mouse moved: what is held goes with it."""
        self._pointer = at
        held = next((pane for pane in self._panes if pane.number == self.show.held), None)
        if held is not None and at is not None:
            self.show.playbacks[held.number].seek(held.bar.position_at(at[0]))

    def up(self) -> None:
        """The mouse button went up."""
        self.show.held = None

    def _controls_height(self, text_px: int) -> int:
        bar = round(2.9 * text_px)
        if self.show.whole is None:
            return round(1.7 * text_px)
        return bar + (round(5 * text_px) if "values" in self.show.overlays else 0)

    def _draw_whole(self, picture: Any, number: int, room: Rect, text_px: int, controls: bool) -> _Pane:
        playback, followed = self.show.playbacks[number], self.show.followed[number]
        scene, moment = playback.view(sight_of=followed)
        match, renderer = playback.match, self._renderer(number, scene)
        above = marks(scene, match.players, followed, self.show.overlays, moment.thoughts)
        upper = picture.subsurface(room)
        asked = "probabilities" in self.show.overlays and followed is not None
        spare = _CARD_LINES * text_px if asked else 0
        drawn = renderer.draw_on(upper, scene, self._hud(number, moment), above=above, text_px=text_px, spare=spare)
        left, width, bottom = text_px, picture.get_width() - 2 * text_px, picture.get_height()
        bar = Bar((left, bottom - round(2.4 * text_px), width, round(0.6 * text_px)), playback)
        if asked:
            self._draw_probabilities(upper, drawn, number, scene, moment)
        if controls:
            bar.draw(picture)
            if "values" in self.show.overlays:
                rect = (left, bar.rect[1] - round(5.3 * text_px), width, round(4.6 * text_px))
                curves = self._curves(number, scene)
                heading = f"value of {followed}" if followed else "mean value of each team"
                heading += ", marks: new subgoals" if any(len(curve.marked) for curve in curves) else ""
                bar.draw_curves(picture, rect, curves, heading, self._pens.letters, text_px)
        return _Pane(number, room, drawn.view, bar)

    def _draw_side_by_side(self, picture: Any, room: Rect, text_px: int, controls: bool) -> list[_Pane]:
        show = self.show
        views = [playback.view(sight_of=followed) for playback, followed in zip(show.playbacks, show.followed, strict=True)]
        aspects = [aspect_of(view.scene) for view in views]
        head, foot = round(1.6 * text_px), round(0.9 * text_px)
        columns, rows = _grid(aspects, room, head + foot)
        # As a name each side and the step need it.
        text_px = max(min(text_px, room[2] // columns // 26), 10)
        width, height, gap = room[2] // columns, room[3] // rows, text_px // 2
        panes = []
        for number, (scene, moment) in enumerate(views):
            left, top = (number % columns) * width, (number // columns) * height
            rect = (left + gap, top, width - 2 * gap, height)
            match, renderer = show.playbacks[number].match, self._renderer(number, scene)
            board = (rect[0], top + head, max(rect[2], 1), max(height - head - foot, 1))
            view = View.fit(scene, board)
            above = marks(scene, match.players, show.followed[number], show.overlays, moment.thoughts)
            renderer.draw_board(picture, scene, view, above=above)
            bar_rect = (view.rect[0], view.rect[1] + view.rect[3] + foot // 4, view.rect[2], max(foot // 2, 4))
            bar = Bar(bar_rect, show.playbacks[number])
            self._write_head(picture, number, (view.rect[0], view.rect[1] - head, view.rect[2], head), moment, text_px)
            if controls:
                bar.draw(picture)
            if self._pointer and pygame.Rect(rect).collidepoint(self._pointer) and not bar.holds(self._pointer):
                pygame.draw.rect(picture, palette.LABEL, pygame.Rect(view.rect).inflate(2, 2), 1, border_radius=6)
            panes.append(_Pane(number, rect, view, bar))
        return panes

    def _write_head(self, picture: Any, number: int, rect: Rect, moment: Moment, text_px: int) -> None:
        """Over a match among others: its number, who plays for whom, the step."""
        letters, (left, top, width, height) = self._pens.letters, rect
        middle, end = top + height // 2, left + width
        step = letters.render(_step_of(moment), text_px, palette.QUIET)
        picture.blit(step, step.get_rect(midright=(end, middle)))
        end -= step.get_width() + text_px
        name = letters.render(f"{number + 1}", text_px, palette.QUIET)
        picture.blit(name, name.get_rect(midleft=(left, middle)))
        left += name.get_width() + text_px // 2
        renderer = self._renderers[number]
        told = [(t, (renderer.sides.get(team) or [team])[0]) for t, team in enumerate(renderer.teams)]
        for place, (team, words) in enumerate(told):
            share = (end - left) // (len(told) - place)
            if share < 2 * text_px:
                return
            self._pens.stamps.put(picture, self._pens.stamps.swatch(team, text_px), (left, middle - text_px // 2))
            room = share - round(1.9 * text_px)
            text = letters.render(words, text_px, palette.TEXT, room=max(room, 1))
            picture.blit(text, text.get_rect(midleft=(left + round(1.3 * text_px), middle)))
            left += min(share, text.get_width() + round(2.2 * text_px))

    def _draw_probabilities(self, picture: Any, drawn: Drawn, number: int, scene: Scene, moment: Moment) -> None:
        text_px, free = drawn.layout.text_px, drawn.layout.free
        followed = self.show.followed[number] or ""
        thought = moment.thoughts.get(followed)
        body = bodies(scene, [followed]).get(followed)
        value = "" if thought is None or thought.value is None else f", value {thought.value:.2f}"
        heading = f"{followed}{value}"
        chances = None if thought is None else thought.probabilities
        if free[3] >= 4 * text_px:
            height = min(free[3] - text_px // 2, 11 * text_px)
            rect = (free[0], free[1] + free[3] - height, free[2], height)
        else:
            board = drawn.view.rect
            width, height = min(board[2] - text_px, 18 * text_px), min(board[3] - text_px, _CARD_LINES * text_px)
            card = (board[0] + text_px // 2, board[1] + board[3] - height - text_px // 2, max(width, 1), max(height, 1))
            draw_card(picture, card)
            inner = pygame.Rect(card).inflate(-text_px, -text_px // 2)
            rect = (inner.x, inner.y, inner.width, inner.height)
        if rect[2] > 2 * text_px and rect[3] > 3 * text_px:
            team = -1 if body is None else body.team
            names = self.show.playbacks[number].match.choices.get(followed, ())
            draw_probabilities(picture, rect, self._pens.letters, text_px, heading, chances, team, names)

    def _curves(self, number: int, scene: Scene) -> list[Curve]:
        """Of the agent that is followed, or the mean of each team's."""
        match, followed = self.show.playbacks[number].match, self.show.followed[number]
        teams = {agent: body.team for agent, body in bodies(scene, match.players).items()}
        unmarked = np.zeros(0, np.int64)
        if followed is not None:
            marked = match.options(followed) if "subgoals" in self.show.overlays else unmarked
            return [Curve(palette.team_colour(teams.get(followed, palette.BRIGHT)), match.values(followed), marked)]
        by_team: dict[int, list[str]] = {}
        for agent in match.players:
            by_team.setdefault(teams.get(agent, -1), []).append(agent)
        found = []
        for team, agents in sorted(by_team.items()):
            values = np.stack([match.values(agent) for agent in agents])
            known = np.isfinite(values)
            count = known.sum(axis=0)
            mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1)
            found.append(Curve(palette.team_colour(team), np.where(count > 0, mean, np.nan), unmarked))
        return found

    def _hud(self, number: int, moment: Moment) -> list[str]:
        """The world's lines, and what is to be said of overlays that show nothing."""
        overlays, followed = self.show.overlays, self.show.followed[number]
        notes = []
        if "sight" in overlays:
            notes.append("sight: everything" if not moment.scene.sight else f"sight: of {followed or 'whom? (tab)'}")
        if "subgoals" in overlays and not any(thought.subgoal for thought in moment.thoughts.values()):
            notes.append("subgoals: none")
        if "probabilities" in overlays and followed is None:
            notes.append("probabilities: of whom? (tab)")
        return [*moment.hud, *([""] if notes else []), *notes]

    def _renderer(self, number: int, scene: Scene) -> Renderer:
        """The one of a playback, told of the match it is at."""
        match, renderer = self.show.playbacks[number].match, self._renderers[number]
        if self._told[number] is not match:
            self._told[number] = match
            renderer.title, renderer.teams = match.title, tuple(match.teams)
            renderer.sides = _sides(match, scene, self.show.ratings)
        return renderer

    def _draw_state(self, picture: Any, text_px: int) -> None:
        """The lowest line: how it is played, what has just happened, where the list of keys is."""
        show, letters = self.show, self._pens.letters
        width, height = picture.get_size()
        middle, left = height - round(0.85 * text_px), text_px
        state = "the end" if show.over else "paused" if show.paused or show.held is not None else "playing"
        words = f"{state}   {_speed(show.speed)}"
        keys = letters.render("?: keys", text_px, palette.QUIET)
        picture.blit(keys, keys.get_rect(midright=(width - left, middle)))
        room = width - 2 * left - keys.get_width() - text_px
        if show.whole is not None:
            playback = show.playbacks[show.whole]
            words += f"   step {playback.step} of {playback.match.longest or playback.match.last}"
        text = letters.render(words, text_px, palette.TEXT, room=room)
        picture.blit(text, text.get_rect(midleft=(left, middle)))
        if show.whole is None:
            return
        playback = show.playbacks[show.whole]
        recent = [e for e in playback.match.events if 0 <= playback.step - e.step <= _LONGEST_HINT_S * playback.match.rate]
        begin = left + text.get_width() + 2 * text_px
        if recent and begin < width - left - keys.get_width() - 5 * text_px:
            colour = palette.TEXT if recent[-1].team < 0 else palette.team_colour(recent[-1].team)
            room = width - left - keys.get_width() - text_px - begin
            happened = letters.render(recent[-1].text, text_px, colour, bold=True, room=room)
            picture.blit(happened, happened.get_rect(midleft=(begin, middle)))

    def _draw_hint(self, picture: Any, text_px: int) -> None:
        """What is under the pointer, where that is on a bar."""
        pointer = self._pointer
        if pointer is None:
            return
        for pane in self._panes:
            if pane.number == self.show.held or (self.show.held is None and pane.bar.holds(pointer)):
                pane.bar.draw_hint(picture, pointer[0], self._pens.letters, text_px)

    def _draw_help(self, picture: Any, text_px: int) -> None:
        """All keys, in as many columns as it takes."""
        letters, (width, height) = self._pens.letters, picture.get_size()
        line = round(1.6 * text_px)
        columns = min(2, math.ceil((len(KEYS) + 2) * line / max(height - 2 * text_px, 1)))
        rows = math.ceil(len(KEYS) / columns)
        keys_px = max(letters.render(keys, text_px, palette.TEXT).get_width() for keys, _ in KEYS) + text_px
        about_px = max(letters.render(about, text_px, palette.TEXT).get_width() for _, about in KEYS) + text_px
        card = pygame.Rect(0, 0, columns * (keys_px + about_px) + text_px, rows * line + 2 * text_px)
        card.center = (width // 2, height // 2)
        card = card.clip(picture.get_rect())
        draw_card(picture, (card.x, card.y, card.width, card.height))
        picture.set_clip(card)
        for i, (keys, about) in enumerate(KEYS):
            left = card.x + text_px + (i // rows) * (keys_px + about_px)
            middle = card.y + text_px + (i % rows) * line + line // 2
            name = letters.render(keys, text_px, palette.TEXT, bold=False)
            picture.blit(name, name.get_rect(midleft=(left, middle)))
            meaning = letters.render(about, text_px, palette.LABEL)
            picture.blit(meaning, meaning.get_rect(midleft=(left + keys_px, middle)))
        picture.set_clip(None)


def _grid(aspects: Sequence[float], room: Rect, extra: int) -> tuple[int, int]:
    """(columns, rows) in which boards are largest; `extra` pixels of each height are not the board's."""

    def size(columns: int) -> float:
        width, height = room[2] / columns, room[3] / math.ceil(len(aspects) / columns) - extra
        return sum(min(width / aspect, height) for aspect in aspects)

    columns = max(range(1, len(aspects) + 1), key=size)
    return columns, math.ceil(len(aspects) / columns)


def _sides(match: Timeline, scene: Scene, ratings: Mapping[str, str]) -> dict[str, Sequence[str]]:
    """By team: who plays it, and their ratings. A team is known by the colour of its bodies, or as one of as many agents."""
    teams = {agent: body.team for agent, body in bodies(scene, match.players).items()}
    if len(match.teams) == 1:
        teams = dict.fromkeys(match.players, 0)
    elif not teams and len(match.players) == len(match.teams):
        teams = {agent: t for t, agent in enumerate(match.players)}
    found: dict[str, Sequence[str]] = {}
    for t, team in enumerate(match.teams):
        names = list(dict.fromkeys(player for agent, player in match.players.items() if teams.get(agent) == t))
        if names:
            found[team] = [", ".join(names), *(ratings[name] for name in names if name in ratings)]
    return found


def _step_of(moment: Moment) -> str:
    """The first line of the HUD, which is the step, in short."""
    return next((line.partition(": ")[2] for line in moment.hud if line.startswith("step: ")), "")


def _speed(speed: float) -> str:
    return {0.25: "¼×", 0.5: "½×"}.get(speed, f"{speed:g}×")
