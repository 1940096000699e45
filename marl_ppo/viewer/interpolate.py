"""Pictures between two world steps, so that motion is smooth at any speed of playback. Pure functions of scenes.

Primitives are matched by key and kind. What both scenes have moves; what only one has fades where it has an `alpha`,
and else changes half-way, as do words, teams and pictures.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from marl_ppo.envs.scene import Box, Disc, Line, Picture, Primitive, Scene, Sprite, Text

_MOVING: dict[type, tuple[str, ...]] = {
    Disc: ("x", "y", "radius", "alpha"),
    Box: ("x", "y", "width", "height", "alpha"),
    Line: ("x", "y", "x2", "y2", "width", "alpha"),
    Text: ("x", "y", "height"),
    Sprite: ("x", "y", "width", "height"),
    Picture: (),
}


def between(before: Scene, after: Scene, fraction: float, *, sight_of: str | None = None) -> Scene:
    """The scene at `fraction` of the way: `before` itself at 0, `after` itself at 1, clamped outside.

    Between the two, only the agent `sight_of` is told what it sees.
    """
    if fraction <= 0.0 or before is after:
        return before
    if fraction >= 1.0:
        return after
    left, bottom, right, top = (_lerp(a, b, fraction) for a, b in zip(before.bounds, after.bounds, strict=True))
    sight = {}
    if sight_of is not None:
        sight = {sight_of: _blended(before.sight.get(sight_of, ()), after.sight.get(sight_of, ()), fraction)}
    return Scene(
        bounds=(left, bottom, right, top),
        primitives=_blended(before.primitives, after.primitives, fraction),
        caption=(before if fraction < 0.5 else after).caption,
        sight=sight,
    )


def _blended(before: Sequence[Primitive], after: Sequence[Primitive], fraction: float) -> tuple[Primitive, ...]:
    old = {(type(primitive), primitive.key): primitive for primitive in before}
    new = {(type(primitive), primitive.key) for primitive in after}
    # What leaves keeps its place in the order of drawing: right above what it was drawn upon, and below all that is drawn
    # there now, which it must not hide.
    leaving: dict[object, list[Primitive | None]] = {}
    below: object = None
    for name, primitive in old.items():
        if name in new:
            below = name
        else:
            leaving.setdefault(below, []).append(_faded(primitive, 1.0 - fraction))
    blended = leaving.get(None, [])
    for primitive in after:
        name = (type(primitive), primitive.key)
        blended.append(_moved(old[name], primitive, fraction) if name in old else _faded(primitive, fraction))
        blended += leaving.get(name, ())
    return tuple(primitive for primitive in blended if primitive is not None)


def _moved(before: Primitive, after: Primitive, fraction: float) -> Primitive:
    if before == after:
        return after
    fields: dict[str, Any] = {
        name: _lerp(getattr(before, name), getattr(after, name), fraction) for name in _MOVING[type(after)]
    }
    if isinstance(before, Sprite) and isinstance(after, Sprite):
        turn = math.remainder(after.heading_rad - before.heading_rad, math.tau)  # the short way round
        fields["heading_rad"] = before.heading_rad + turn * fraction
    return replace(before if fraction < 0.5 else after, **fields)


def _faded(primitive: Primitive, presence: float) -> Primitive | None:
    """A primitive that only one scene has, at `presence` 0 (gone) to 1 (there)."""
    if isinstance(primitive, Text | Sprite | Picture):
        return primitive if presence >= 0.5 else None
    return replace(primitive, alpha=primitive.alpha * presence)


def _lerp(a: float, b: float, fraction: float) -> float:
    return a + (b - a) * fraction
