"""What is laid over a scene on demand: who is followed, subgoals, what an agent sees, and how probable its actions are."""

from collections.abc import Iterable, Mapping, Sequence, Set
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
        for agent, thought in thoughts.items():
            if thought.subgoal is not None and agent in seen:
                found += _subgoal(seen[agent], thought.subgoal, is_followed=agent == followed)
    if followed in seen:
        body = seen[followed]
        found.append(Disc(key="followed", x=body.x, y=body.y, radius=1.35 * _reach(body), team=palette.BRIGHT, filled=False))
    return found


def _subgoal(body: Disc | Box | Sprite, subgoal: Subgoal, *, is_followed: bool) -> list[Primitive]:
    """A line from a body to a target in a ring, which is wide at first, and what it is called; just that of one that is
    nowhere, over the body."""
    key, team, size = f"subgoal_{body.key}", body.team, 0.5 * _reach(body)
    newness = max(0.0, 1 - subgoal.age / _NEW_FOR)
    alpha = 1.0 if is_followed else 0.6 + 0.4 * newness
    x, y = subgoal.place or (body.x, body.y)
    radius = (1.6 + 1.2 * newness) * size if subgoal.place else 2 * size
    found: list[Primitive] = []
    if subgoal.words:
        found.append(Text(key=f"{key}_words", x=x, y=y + radius + 1.2 * size, text=subgoal.words, height=1.6 * size, team=team))
    if subgoal.place:
        found += [
            Line(key=key, x=body.x, y=body.y, x2=x, y2=y, team=team, width=0.25 * size, alpha=0.5 * alpha),
            Disc(key=f"{key}_ring", x=x, y=y, radius=radius, team=team, filled=False, alpha=alpha),
            Disc(key=f"{key}_dot", x=x, y=y, radius=0.6 * size, team=team, alpha=alpha),
        ]
    return found


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
