"""A renderer-agnostic picture of one copy: a list of primitives in world units. Drawing never changes a world.

`key` names a primitive for as long as it lives, so that a renderer can move it smoothly between two frames.
`team` picks the team's colour; -1 means no team (scenery). y points up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Disc:
    """A circle."""

    key: str
    x: float
    y: float
    radius: float
    team: int = -1
    label: str = ""
    filled: bool = True
    alpha: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """An upright rectangle."""

    key: str
    x: float
    """centre"""
    y: float
    width: float
    height: float
    team: int = -1
    label: str = ""
    filled: bool = True
    alpha: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A straight line."""

    key: str
    x: float
    y: float
    x2: float
    y2: float
    team: int = -1
    width: float = 0.01
    alpha: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Words, centred."""

    key: str
    x: float
    y: float
    text: str
    height: float = 0.1
    team: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sprite:
    """A named picture."""

    key: str
    x: float
    y: float
    name: str
    """of a picture the renderer knows; one that it does not know is drawn as a labelled box"""
    width: float
    height: float
    heading_rad: float = 0.0
    team: int = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """Pixels, as an env of somebody else's draws itself."""

    key: str
    x: float
    """centre"""
    y: float
    width: float
    height: float
    pixels: "np.ndarray[Any, np.dtype[np.uint8]]"
    """uint8 [H, W, 3]"""


Primitive = Disc | Box | Line | Text | Sprite | Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What to draw: `primitives` in drawing order inside the rectangle `bounds`."""

    bounds: tuple[float, float, float, float]
    """(left, bottom, right, top) in world units"""
    primitives: tuple[Primitive, ...] = field(default=())
    caption: str = ""
    """a short line under the picture: whose turn, what was said"""
    sight: Mapping[str, tuple[Primitive, ...]] = field(default_factory=dict)
    """by agent, what shows how far it sees, drawn where somebody asks for it; empty where everybody sees everything"""


def picture_scene(pixels: "np.ndarray[Any, np.dtype[np.uint8]]") -> Scene:
    """A scene that is one picture, uint8 [H, W, 3], a pixel being a unit."""
    height, width = pixels.shape[:2]
    whole = Picture(key="picture", x=width / 2, y=height / 2, width=width, height=height, pixels=pixels)
    return Scene(bounds=(0.0, 0.0, float(width), float(height)), primitives=(whole,))
