"""Pictures between two world steps, so that motion is smooth at any speed of playback. Pure functions of scenes.

Primitives are matched by key and kind. What both scenes have moves; what only one has fades where it has an `alpha`,
and else changes half-way, as do words, teams and pictures.
"""

import math
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


def between(before: Scene, after: Scene, fraction: float) -> Scene:
    """The scene at `fraction` of the way: `before` itself at 0, `after` itself at 1, clamped outside."""
    if fraction <= 0.0 or before is after:
        return before
    if fraction >= 1.0:
        return after
    old = {(type(primitive), primitive.key): primitive for primitive in before.primitives}
    new = {(type(primitive), primitive.key) for primitive in after.primitives}
    leaving = (_faded(primitive, 1.0 - fraction) for name, primitive in old.items() if name not in new)
    staying = (
        _moved(old[type(primitive), primitive.key], primitive, fraction)
        if (type(primitive), primitive.key) in old
        else _faded(primitive, fraction)
        for primitive in after.primitives
    )
    left, bottom, right, top = (_lerp(a, b, fraction) for a, b in zip(before.bounds, after.bounds, strict=True))
    return Scene(
        bounds=(left, bottom, right, top),
        # What leaves lies below what stays: it must not hide it.
        primitives=tuple(primitive for primitive in (*leaving, *staying) if primitive is not None),
        caption=(before if fraction < 0.5 else after).caption,
    )


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
