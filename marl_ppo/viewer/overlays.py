"""What is laid over a scene on demand: who is followed, subgoals, what an agent sees, and how probable its actions are."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

import pygame

from marl_ppo.envs.scene import Box, Disc, Line, Picture, Primitive, Scene, Sprite, Text
from marl_ppo.envs.world import Array
from marl_ppo.viewer import palette
from marl_ppo.viewer.feed import Subgoal, Thought
from marl_ppo.viewer.layout import Rect
from marl_ppo.viewer.lettering import Lettering

_SLACK_PX = 8
"""how far beside a body a click may be"""
_CARD_ALPHA = 242
_NEW_FOR = 3
"""decisions for which a ring shows that a subgoal was just set"""
_WIDTH_OF_LETTER = 0.6
"""beside its height, about"""


def bodies(scene: Scene, agents: Iterable[str]) -> dict[str, Disc | Box | Sprite]:
    """By agent, those that can be seen: an agent's body has its name as key."""
    wanted = set(agents)
    found = (primitive for primitive in scene.primitives if primitive.key in wanted)
    return {body.key: body for body in found if not isinstance(body, Line | Text | Picture)}


def agent_at(scene: Scene, agents: Iterable[str], x: float, y: float, scale: float) -> str | None:
    """Whose body is at world (x, y), or nearest to it by a little; `scale` is in pixels per unit."""

    def beside(body: Disc | Box | Sprite) -> float:
        return ((body.x - x) ** 2 + (body.y - y) ** 2) ** 0.5 - _reach(body)

    near = min(bodies(scene, agents).values(), key=beside, default=None)
    return near.key if near is not None and beside(near) * scale <= _SLACK_PX else None


def marks(
    scene: Scene, agents: Iterable[str], followed: str | None, overlays: Set[str], thoughts: Mapping[str, Thought]
) -> list[Primitive]:
    """Shapes to be drawn over a scene."""
    found: list[Primitive] = []
    seen = bodies(scene, agents)
    if "sight" in overlays and followed is not None:
        found += scene.sight.get(followed, ())
    if "subgoals" in overlays:
        subgoals = {agent: thought.subgoal for agent, thought in thoughts.items() if thought.subgoal and agent in seen}
        for agent, subgoal in subgoals.items():
            found += _subgoal(seen[agent], subgoal, is_followed=agent == followed)
        found += _stacked([_words(seen[agent], subgoal) for agent, subgoal in subgoals.items() if subgoal.words])
    if followed in seen:
        body = seen[followed]
        found.append(Disc(key="followed", x=body.x, y=body.y, radius=1.35 * _reach(body), team=palette.BRIGHT, filled=False))
    return found


def _subgoal(body: Disc | Box | Sprite, subgoal: Subgoal, *, is_followed: bool) -> list[Primitive]:
    """A line from a body to a target in a ring, which is wide at first; nothing for one that is nowhere."""
    if not subgoal.place:
        return []
    (x, y), key, team, size = subgoal.place, f"subgoal_{body.key}", body.team, 0.5 * _reach(body)
    alpha = 1.0 if is_followed else 0.6 + 0.4 * _newness(subgoal)
    return [
        Line(key=key, x=body.x, y=body.y, x2=x, y2=y, team=team, width=0.25 * size, alpha=0.5 * alpha),
        Disc(key=f"{key}_ring", x=x, y=y, radius=_ring(subgoal) * size, team=team, filled=False, alpha=alpha),
        Disc(key=f"{key}_dot", x=x, y=y, radius=0.6 * size, team=team, alpha=alpha),
    ]


def _words(body: Disc | Box | Sprite, subgoal: Subgoal) -> Text:
    """What a subgoal is called, over its place, or over the body if it is nowhere."""
    x, y = subgoal.place or (body.x, body.y)
    size = 0.5 * _reach(body)
    above = _ring(subgoal) + 1.2 if subgoal.place else 3.2
    return Text(key=f"subgoal_{body.key}_words", x=x, y=y + above * size, text=subgoal.words, height=1.6 * size, team=body.team)


def _newness(subgoal: Subgoal) -> float:
    return max(0.0, 1 - subgoal.age / _NEW_FOR)


def _ring(subgoal: Subgoal) -> float:
    return 1.6 + 1.2 * _newness(subgoal)


def _stacked(words: Sequence[Text]) -> list[Text]:
    """Each as far up as it has to be to lie on none before it; the same words of one team are said once."""
    placed: list[Text] = []
    for text in words:
        while under := next((other for other in placed if _overlap(text, other)), None):
            if (text.text, text.team) == (under.text, under.team):
                break
            text = replace(text, y=under.y + max(text.height, under.height))
        else:
            placed.append(text)
    return placed


def _overlap(text: Text, other: Text) -> bool:
    half = (len(text.text) * text.height + len(other.text) * other.height) * _WIDTH_OF_LETTER / 2
    return abs(text.x - other.x) < half and abs(text.y - other.y) < 0.99 * max(text.height, other.height)


def _reach(body: Disc | Box | Sprite) -> float:
    return body.radius if isinstance(body, Disc) else max(body.width, body.height) / 2


def draw_card(picture: Any, rect: Rect) -> None:
    """Dark ground for words on top of a picture."""
    card = pygame.Surface(rect[2:], 0, 32)
    card.fill(palette.PAGE)
    pygame.draw.rect(card, palette.EDGE, card.get_rect(), 1)
    card.set_alpha(_CARD_ALPHA)
    picture.blit(card, rect[:2])


def draw_probabilities(
    picture: Any,
    rect: Rect,
    letters: Lettering,
    text_px: int,
    heading: str,
    chances: Array | None,
    team: int,
    names: Sequence[str],
) -> None:
    """A column for each choice, the most probable one in the team's colour, named; or why there is none.

    Under the columns stand `names` where they have room, else numbers.
    """
    left, top, width, height = rect
    line = round(1.5 * text_px)
    title = letters.render(heading, text_px, palette.TEXT, room=width)
    picture.blit(title, (left, top))
    if chances is None:
        words = letters.render("tells none, or decides nothing here", text_px, palette.QUIET, room=width)
        picture.blit(words, (left, top + line))
        return
    small_px = max(text_px * 3 // 4, 9)
    base, room = top + height - round(1.3 * small_px), height - line - round(1.3 * small_px)
    step = width / len(chances)
    best, numbers = int(chances.argmax()), [str(i) for i in range(len(chances))]
    names = names if len(names) == len(chances) else numbers

    def widest(words: Sequence[str]) -> int:
        return max(int(letters.render(word, small_px, palette.QUIET).get_width()) for word in words) + 3

    under = names if widest(names) <= step else numbers
    every = 1 + int(widest(under) // step)
    pygame.draw.rect(picture, palette.EDGE, (left, base, width, 1))
    for i, chance in enumerate(chances):
        high = round(float(chance) * room)
        begin, end = left + round(i * step), left + round((i + 1) * step) - (1 if step >= 3 else 0)
        colour = palette.team_colour(team) if i == best else palette.mixed(palette.team_colour(team), palette.PAGE, 0.55)
        pygame.draw.rect(picture, colour, (begin, base - high, max(end - begin, 1), high))
        if i % every == 0:
            word = letters.render(under[i], small_px, palette.TEXT if i == best else palette.QUIET)
            picture.blit(word, word.get_rect(midtop=((begin + end) // 2, base + 2)))
    told = letters.render(f"{names[best]}: {float(chances[best]):.0%}", small_px, palette.TEXT, room=width)
    at = left + round((best + 0.5) * step)
    place = told.get_rect(midbottom=(at, base - round(float(chances[best]) * room) - 1)).clamp(pygame.Rect(rect))
    picture.blit(told, place)
