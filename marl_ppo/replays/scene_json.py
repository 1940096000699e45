"""Scenes as JSON, for worlds whose matches are kept as pictures: [kind, field, field, ...] for each primitive.

Pictures lie apart, in arrays, each once however often it is shown.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from marl_ppo.envs.scene import Box, Disc, Line, Picture, Primitive, Scene, Sprite, Text
from marl_ppo.envs.world import Array
from marl_ppo.settings import fits

_KINDS: Mapping[str, type[Any]] = {kind.__name__.lower(): kind for kind in (Disc, Box, Line, Text, Sprite, Picture)}
_FIELDS = {name: [(field.name, get_type_hints(kind)[field.name]) for field in fields(kind)] for name, kind in _KINDS.items()}


def scene_to(scene: Scene, pictures: dict[str, Array]) -> list[Any]:
    """A scene as lists; the pixels it shows are added to `pictures`, and named in their place."""
    rows = []
    for primitive in scene.primitives:
        kind = type(primitive).__name__.lower()
        row: list[Any] = [kind]
        for name, _ in _FIELDS[kind]:
            value = getattr(primitive, name)
            row.append(_kept(value, pictures) if isinstance(primitive, Picture) and name == "pixels" else value)
        rows.append(row)
    return [list(scene.bounds), rows, scene.caption]


def scene_from(told: Any, pictures: Mapping[str, Array]) -> Scene:
    """The way back. Raises ValueError for anything else."""
    if not (isinstance(told, list) and len(told) == 3 and fits(told[0], tuple[float]) and len(told[0]) == 4):
        raise ValueError("a scene in it is none")
    bounds, rows, caption = told
    if not isinstance(rows, list) or not isinstance(caption, str):
        raise ValueError("a scene in it is none")
    primitives = tuple(_primitive(row, pictures) for row in rows)
    return Scene(bounds=tuple(map(float, bounds)), primitives=primitives, caption=caption)  # type: ignore[arg-type]


def _primitive(row: Any, pictures: Mapping[str, Array]) -> Primitive:
    if not isinstance(row, list) or not row or row[0] not in _KINDS or len(row) != 1 + len(_FIELDS[row[0]]):
        raise ValueError(f"a scene in it has {str(row)[:80]}")
    given: dict[str, Any] = {}
    for (name, kind), value in zip(_FIELDS[row[0]], row[1:], strict=True):
        if row[0] == "picture" and name == "pixels":
            given[name] = pictures[value]
        elif fits(value, kind):
            given[name] = value
        else:
            raise ValueError(f"the {name} of a {row[0]} in it is {str(value)[:80]!r}")
    made: Primitive = _KINDS[row[0]](**given)
    return made


def _kept(pixels: Array, pictures: dict[str, Array]) -> str:
    """The name of a picture, which is kept once where the one before is the same."""
    last = str(len(pictures) - 1)
    if pictures and pictures[last].shape == pixels.shape and (pictures[last] == pixels).all():
        return last
    name = str(len(pictures))
    pictures[name] = pixels
    return name
