"""From an env's action space to the one of a world, and from a policy's action back to what the env takes.

Discrete         Discrete, counted from 0
MultiDiscrete    MultiDiscrete of one axis; MultiBinary, and Dict or Tuple of discrete spaces, as well, part behind part
Box              Box of one axis; Dict or Tuple of Boxes, as well, part behind part
both together    MultiDiscrete, in which each number of a Box is one of LEVELS even ones (Tang and Agrawal 2020,
                 arXiv:1901.10500)

A mask has the form of the actions: an array for each discrete part, in the same Dict or Tuple; or all of them in a row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.world import ActionSpace, Array
from marl_ppo.errors import ConfigError

LEVELS = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A basic space inside the action space, and its share of the flat action."""

    path: tuple[Any, ...]
    space: spaces.Space[Any]
    first: int
    size: int


class ActionCodec:
    """Serves one declared action space. Raises ConfigError for a space that no policy can choose from."""

    def __init__(self, space: spaces.Space[Any], agent: str) -> None:
        self._space = space
        self._parts: list[_Part] = []
        self._collect(space, (), agent)
        basic = [part.space for part in self._parts]
        self._leveled = not all(isinstance(part, spaces.Box) for part in basic) and any(
            isinstance(part, spaces.Box) for part in basic
        )
        if self._leveled and not all(part.is_bounded() for part in basic if isinstance(part, spaces.Box)):
            raise ConfigError(f"the action space of {agent!r} has an unbounded Box beside discrete choices, got {space}")
        self.space: ActionSpace = self._world_space()
        self.to_env: Callable[[Any], Any] = self._discrete if isinstance(space, spaces.Discrete) else self._composite

    def mask(self, mask: Any) -> Array:
        """The legal choices, bool [K], in the order of the world's action space.

        Raises ValueError on another size, and where a number of the action is left without a choice.
        """
        choices = _choices(self.space)
        size = int(choices.sum())
        legal = np.concatenate([np.asarray(part, bool).reshape(-1) for part in _in_a_row(mask, self._space)])
        if self._leveled and legal.size < size:
            legal = self._with_levels(legal)
        if legal.shape != (size,):
            raise ValueError(f"an action mask of {legal.size} entries, where there are {size} choices")
        if not np.logical_or.reduceat(legal, np.cumsum(choices) - choices).all():
            raise ValueError("an action mask without a legal action")
        return legal

    def _discrete(self, action: Any) -> Any:
        return int(action + self._space.start)  # type: ignore[attr-defined]

    def _composite(self, action: Any) -> Any:
        values = {part.path: self._value(part, action[part.first : part.first + part.size]) for part in self._parts}
        return _built(self._space, (), values)

    def _value(self, part: _Part, action: Array) -> Any:
        space = part.space
        if isinstance(space, spaces.Discrete):
            return int(action[0] + space.start)
        if isinstance(space, spaces.MultiDiscrete):
            return (action.reshape(space.shape) + space.start).astype(space.dtype)
        if isinstance(space, spaces.MultiBinary):
            return action.reshape(space.shape).astype(space.dtype)
        assert isinstance(space, spaces.Box)
        # Bounds of whole numbers are as wide apart as their dtype allows, and their difference would not fit it.
        low, high = space.low.astype(np.float64), space.high.astype(np.float64)
        action = action.reshape(space.shape)
        if self._leveled:
            action = low + action / (LEVELS - 1) * (high - low)
        action = np.clip(action, low, high)
        if not np.issubdtype(space.dtype, np.floating):
            action = np.rint(action)
        return np.asarray(action, space.dtype)

    def _world_space(self) -> ActionSpace:
        if isinstance(self._space, spaces.Discrete):
            return spaces.Discrete(int(self._space.n))
        if all(isinstance(part.space, spaces.Box) for part in self._parts):
            boxes = [part.space for part in self._parts if isinstance(part.space, spaces.Box)]
            with np.errstate(over="ignore"):
                low, high = (
                    np.concatenate([getattr(box, end).reshape(-1) for box in boxes]).astype(np.float32)
                    for end in ("low", "high")
                )
            return spaces.Box(low, high, dtype=np.float32)
        return spaces.MultiDiscrete(np.concatenate([_choices(part.space) for part in self._parts]))

    def _with_levels(self, legal: Array) -> Array:
        """A mask of the discrete parts alone, with all levels of the Boxes added as legal."""
        rows, taken = [], 0
        for part in self._parts:
            size = int(_choices(part.space).sum())
            if isinstance(part.space, spaces.Box):
                rows.append(np.ones(size, bool))
            else:
                rows.append(legal[taken : taken + size])
                taken += size
        return np.concatenate(rows)

    def _collect(self, space: spaces.Space[Any], path: tuple[Any, ...], agent: str) -> None:
        if isinstance(space, spaces.Dict | spaces.Tuple):
            for key, part in space.spaces.items() if isinstance(space, spaces.Dict) else enumerate(space.spaces):
                self._collect(part, (*path, key), agent)
            return
        if not isinstance(space, spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary | spaces.Box):
            raise ConfigError(
                f"no policy can choose from the action space of {agent!r}, got {space}; "
                "Discrete, MultiDiscrete, MultiBinary, Box, and Dict or Tuple of those will do"
            )
        first = sum(part.size for part in self._parts)
        size = int(np.prod(space.shape or (1,)))
        self._parts.append(_Part(path=path, space=space, first=first, size=size))


def _choices(space: spaces.Space[Any]) -> Array:
    """How many choices each number of a part has."""
    if isinstance(space, spaces.Discrete):
        return np.array([space.n])
    if isinstance(space, spaces.MultiDiscrete):
        return np.asarray(space.nvec.reshape(-1))
    return np.full(int(np.prod(space.shape or (1,))), 2 if isinstance(space, spaces.MultiBinary) else LEVELS)


def _built(space: spaces.Space[Any], path: tuple[Any, ...], values: Mapping[tuple[Any, ...], Any]) -> Any:
    if isinstance(space, spaces.Dict):
        return {key: _built(part, (*path, key), values) for key, part in space.spaces.items()}
    if isinstance(space, spaces.Tuple):
        return tuple(_built(part, (*path, key), values) for key, part in enumerate(space.spaces))
    return values[path]


def _in_a_row(mask: Any, space: spaces.Space[Any]) -> list[Any]:
    """The arrays of a mask in the order of the space's parts, as deep as they are nested; a Box may have none."""
    if isinstance(space, spaces.Dict) and isinstance(mask, Mapping):
        return [array for key, part in space.spaces.items() if key in mask for array in _in_a_row(mask[key], part)]
    if isinstance(mask, Sequence) and len(mask) and isinstance(mask[0], Mapping | Sequence | np.ndarray):
        parts = space.spaces if isinstance(space, spaces.Tuple) else [space] * len(mask)
        return [array for within, part in zip(mask, parts, strict=False) for array in _in_a_row(within, part)]
    return [mask]
