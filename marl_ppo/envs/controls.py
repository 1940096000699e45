"""How a person plays an agent by hand: what keys, and places of the scene, mean. Data and functions; no window is known here.

key     what it is called on a keyboard, in small letters: "left", "space", "shift", "a", "3"
action  a number, or several in the order of a multi-discrete or a continuous action
steer   the world goes on by itself, and what is held down decides each step
choose  the world waits until the person has chosen one of a few actions

A world tells them by `World.controls`. For one that does not, `default_controls` makes some up where it can.
"""

import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

Action = int | tuple[int, ...] | tuple[float, ...]
Mask = np.ndarray[Any, np.dtype[np.bool_]] | None
"""bool [K], True means legal; None where everything is"""

WAYS = {"left": ("left", "a"), "right": ("right", "d"), "down": ("down", "s"), "up": ("up", "w")}
"""the keys of each direction of the picture"""
STEERING = "arrows, WASD"
"""these keys, for a legend"""
ARROWS = {
    (0, 0): "·",
    (1, 0): "→",
    (1, 1): "↗",
    (0, 1): "↑",
    (-1, 1): "↖",
    (-1, 0): "←",
    (-1, -1): "↙",
    (0, -1): "↓",
    (1, -1): "↘",
}
"""what a move is called that goes (x, y) in the picture"""
CHOICE_KEYS = string.digits + string.ascii_lowercase
"""of choices that nobody named, in this order"""


@dataclass(frozen=True, slots=True)
class Keys:
    """What a person does with the keyboard."""

    held: frozenset[str] = frozenset()
    """keys that are down, or were for a moment since the last step"""
    pressed: tuple[str, ...] = ()
    """every key that was pressed in this episode, each once, the latest last"""

    def down(self, way: str) -> bool:
        """Whether a key of a direction is held."""
        return not self.held.isdisjoint(WAYS[way])

    def push(self) -> tuple[int, int]:
        """(x, y) of the directions that are held, -1, 0 or 1 each; y points up."""
        return self.down("right") - self.down("left"), self.down("up") - self.down("down")

    def way(self) -> str:
        """The direction that was pressed last of those that are held; empty where none is."""
        ways = {key: way for way, keys in WAYS.items() for key in keys}
        return next((ways[key] for key in reversed(self.pressed) if key in ways and key in self.held), "")

    def latest(self, keys: str) -> int | None:
        """The place among `keys` of the one that was pressed last, even if it is held no more; None where none was."""
        return next((keys.index(key) for key in reversed(self.pressed) if key in keys), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Steering:
    """Steered step by step."""

    legend: tuple[tuple[str, str], ...]
    """(keys, what they do), in words"""
    act: Callable[[Keys, Mask], Action]
    names: tuple[str, ...] = ()
    """what each choice is called, in few letters, those of a multi-discrete action side by side; none for continuous ones"""
    rate: float = 10.0
    """steps per second at which it is fun"""
    body: str = ""
    """key of the primitive that is the person's body in the scene; the agent's name if empty"""

    def describe(self, mask: Mask) -> list[tuple[str, str, bool]]:
        """(keys, what they do, whether that can be done now)."""
        return [(keys, does, True) for keys, does in self.legend]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One action that can be chosen."""

    key: str
    name: str
    action: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """Chosen when the person is on turn."""

    choices: tuple[Choice, ...]
    legend: tuple[tuple[str, str], ...] = ()
    """(keys, what they do), in words, where that is shorter than the choices one by one"""
    at: Callable[[float, float], int | None] | None = None
    """the action that a click at (x, y) of the scene chooses; None where it chooses nothing"""
    place: Callable[[int], tuple[float, float]] | None = None
    """where in the scene an action is pointed at"""
    rate: float = 1.5
    """steps per second of the others' turns"""
    body: str = ""
    """see `Steering.body`"""

    @property
    def names(self) -> tuple[str, ...]:
        """What the actions are called, in their order."""
        return tuple(choice.name for choice in sorted(self.choices, key=lambda choice: choice.action))

    def legal(self, mask: Mask) -> list[Choice]:
        """Those that can be chosen now."""
        return [choice for choice in self.choices if mask is None or mask[choice.action]]

    def describe(self, mask: Mask) -> list[tuple[str, str, bool]]:
        """(keys, what they do, whether that can be done now)."""
        if self.legend:
            return [(keys, does, True) for keys, does in self.legend]
        legal = self.legal(mask)
        return [(choice.key, choice.name, choice in legal) for choice in self.choices]


Controls = Steering | Choosing


def default_controls(action: spaces.Space[Any]) -> Choosing | None:
    """A key for each of a few numbered actions; None where the actions are too many or of another kind."""
    if not isinstance(action, spaces.Discrete) or action.n > len(CHOICE_KEYS):
        return None
    return Choosing(
        choices=tuple(Choice(key=key, name=f"action {a}", action=a) for a, key in enumerate(CHOICE_KEYS[: int(action.n)]))
    )
