"""What a person's hands do, from pygame's events: keys that go down and up again, and where the mouse is clicked."""

from typing import Any, NamedTuple

import pygame


class Press(NamedTuple):
    """A key went down."""

    key: str
    """as `envs.controls` calls it"""


class Release(NamedTuple):
    """A key went up."""

    key: str


class Point(NamedTuple):
    """The mouse is somewhere else, or was clicked there."""

    x: int
    """pixels, from the left"""
    y: int
    """pixels, from the top"""
    clicked: bool


class Blur(NamedTuple):
    """The window is no longer the one that is typed into: nobody will be told what happens to keys."""


Deed = Press | Release | Point | Blur

_NAMES = {"return": "enter", "left shift": "shift", "right shift": "shift"}


def deeds_of(events: list[Any]) -> list[Deed]:
    """What was done, in order."""
    found: list[Deed] = []
    for event in events:
        if event.type == pygame.KEYDOWN:
            found.append(Press("?" if event.unicode == "?" else key_name(event.key)))
        elif event.type == pygame.KEYUP:
            found.append(Release(key_name(event.key)))
        elif event.type == pygame.MOUSEMOTION:
            found.append(Point(event.pos[0], event.pos[1], clicked=False))
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            found.append(Point(event.pos[0], event.pos[1], clicked=True))
        elif event.type == pygame.WINDOWFOCUSLOST:
            found.append(Blur())
    return found


def key_name(key: int) -> str:
    """The name of one of pygame's keys; those of the number pad are called as their likes."""
    name = pygame.key.name(key).lower().strip("[]")
    return _NAMES.get(name, name)
