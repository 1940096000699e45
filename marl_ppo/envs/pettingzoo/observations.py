"""From what an env shows an agent, in whatever space, to the leaves of obs that worlds have.

Dict and Tuple are taken apart into leaves named by their path, such as `hand.cards`; an observation that is one space
is the leaf `vector`, or `observation` where it has more axes.

Box              as it is, in uint8 where that holds all its values, else in float32; a single number has the shape [1]
Discrete         one-hot
MultiDiscrete    tokens where it is a list of at least TOKENS equal choices, else one one-hot behind the other
MultiBinary      numbers 0 and 1
anything else    left out: Text, Graph, Sequence
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.world import Array, ObsLeaf
from marl_ppo.errors import ConfigError

TOKENS = 8
"""a MultiDiscrete of so many equal choices is taken for a list of names, not for so many separate ones"""
MASK = "action_mask"
"""the key of a Dict observation that tells the legal actions"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One leaf: where it lies in an observation, and how it is written down."""

    name: str
    path: tuple[Any, ...]
    space: ObsLeaf
    encode: Callable[[Any], Any]
    """from the env's value to one that numpy can assign; raises ValueError where its shape is not the declared one"""

    def of(self, observation: Any) -> Any:
        """The leaf's value in an observation, as the env gave it."""
        for key in self.path:
            observation = observation[key]
        return observation


class ObservationCodec:
    """Takes the observations of one declared space apart. Raises ConfigError where nothing of it can be shown."""

    def __init__(self, space: spaces.Space[Any], agent: str) -> None:
        self.masked = isinstance(space, spaces.Dict) and MASK in space.spaces
        self.left_out: list[str] = []
        """what cannot be shown, in words"""
        self.leaves: list[Leaf] = []
        self._collect(space, (), agent)
        if not self.leaves:
            raise ConfigError(
                f"nothing of the observation space of {agent!r} can be shown to a policy, got {space}; "
                "Box, Discrete, MultiDiscrete, MultiBinary, and Dict or Tuple of those can"
            )

    @property
    def group_obs(self) -> dict[str, ObsLeaf]:
        """What a group's `obs` is."""
        return {leaf.name: leaf.space for leaf in self.leaves}

    def write(self, observation: Any, obs: Mapping[str, Array], place: tuple[int, int]) -> None:
        """Write one agent's observation at `place` = (copy, agent) of the arrays of its group."""
        for leaf in self.leaves:
            obs[leaf.name][place] = leaf.encode(leaf.of(observation))

    def _collect(self, space: spaces.Space[Any], path: tuple[Any, ...], agent: str) -> None:
        if isinstance(space, spaces.Dict | spaces.Tuple):
            parts = space.spaces.items() if isinstance(space, spaces.Dict) else enumerate(space.spaces)
            for key, part in parts:
                if path or not (self.masked and key == MASK):
                    self._collect(part, (*path, key), agent)
            return
        made = _shown(space)
        if made is None:
            where = ".".join(map(str, path)) or "all"
            self.left_out.append(f"the part {where!r} of what {agent} sees, a {type(space).__name__}, is left out")
            return
        shown, encode = made
        # Beside a mask, PettingZoo's word for what is left is `observation`.
        alone = not path or (self.masked and path == ("observation",))
        name = "observation" if alone else ".".join(map(str, path))
        if alone and len(shown.shape) < 2 and isinstance(shown, spaces.Box):
            name = "vector"
        self.leaves.append(Leaf(name=name, path=path, space=shown, encode=encode))


def _shown(space: spaces.Space[Any]) -> tuple[ObsLeaf, Callable[[Any], Any]] | None:
    """The leaf's space and how values become members of it; None where there is no way."""
    if isinstance(space, spaces.Box):
        dtype: Any = np.float32 if np.issubdtype(space.dtype, np.floating) or not _fits_a_byte(space) else np.uint8
        with np.errstate(over="ignore"):  # bounds beyond float32 are no bounds
            low, high = (np.atleast_1d(bound).astype(dtype) for bound in (space.low, space.high))
        of_shape = _of_shape(space.shape)
        if dtype is np.uint8 and space.dtype != np.uint8:  # 300 is nearer to 255 than to 44, its remainder
            return spaces.Box(low, high, dtype=dtype), lambda value: np.clip(of_shape(value), 0, 255)
        return spaces.Box(low, high, dtype=dtype), of_shape
    if isinstance(space, spaces.Discrete):
        return spaces.Box(0, 1, (int(space.n),), np.float32), _one_hot(np.array([space.n]), np.array([space.start]))
    if isinstance(space, spaces.MultiDiscrete):
        choices, start = space.nvec.reshape(-1), space.start.reshape(-1)
        if space.nvec.ndim == 1 and len(choices) >= TOKENS and (choices == choices[0]).all():
            return spaces.MultiDiscrete(choices), _tokens(choices, start)
        return spaces.Box(0, 1, (int(choices.sum()),), np.float32), _one_hot(choices, start)
    if isinstance(space, spaces.MultiBinary):
        return spaces.Box(0, 1, space.shape or (1,), np.float32), _of_shape(space.shape)
    return None


def _fits_a_byte(space: spaces.Box) -> bool:
    return bool((space.low >= 0).all() and (space.high <= 255).all())


def _of_shape(shape: tuple[int, ...]) -> Callable[[Any], Any]:
    def encode(value: Any) -> Any:
        if np.shape(value) != shape:
            raise ValueError(f"an observation of shape {list(np.shape(value))}, where {list(shape)} is declared")
        return value

    return encode


def _one_hot(choices: Array, start: Array) -> Callable[[Any], Any]:
    """A choice that there is not is written as zeros."""
    offsets = np.concatenate([[0], np.cumsum(choices)[:-1]]) - start
    size = int(choices.sum())

    def encode(value: Any) -> Any:
        chosen = _flat(value, len(choices))
        row = np.zeros(size, np.float32)
        known = (chosen >= start) & (chosen < start + choices)
        row[(chosen + offsets)[known]] = 1.0
        return row

    return encode


def _tokens(choices: Array, start: Array) -> Callable[[Any], Any]:
    def encode(value: Any) -> Any:
        return _flat(value, len(choices)) - start

    return encode


def _flat(value: Any, size: int) -> Array:
    flat = np.asarray(value).reshape(-1)
    if flat.shape != (size,):
        raise ValueError(f"an observation of {flat.size} choices, where {size} are declared")
    return flat.astype(np.int64)
