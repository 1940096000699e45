"""Reads places from flat obs, as `Group.whereabouts` tells where they stand.

Those who act ask at every step, of few rows, so what they ask is compiled: a loop costs less than the calls of the
operations that it stands for. No gradient flows there.
"""

import math
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from numba import njit
from torch import Tensor

from marl_ppo.envs.world import Array, Group, Thing, Whereabouts
from marl_ppo.errors import ConfigError


class PlaceReader:
    """Of one group. Ways and places are in the units of `Whereabouts`."""

    def __init__(self, whereabouts: Whereabouts, offset: int) -> None:
        """The leaf `vector` begins at `offset`."""
        self.whereabouts = whereabouts
        self.things: Mapping[str, Thing] = whereabouts.things
        self.own_column = offset + whereabouts.own
        """the first of two, that tell where the agent is"""
        self.cells = torch.tensor(whereabouts.cells, dtype=torch.float32) / 2
        """what makes a cell's width 1"""
        places = [offset + thing.place for thing in self.things.values()]
        self._ways = torch.tensor([[place, place + 1] for place in places], dtype=torch.int64).view(-1, 2)
        known = [thing.known for thing in self.things.values()]
        self._known = torch.tensor([0 if index is None else offset + index for index in known], dtype=torch.int64)
        self.columns = torch.cat([self._ways, self._known[:, None]], -1).numpy()
        """int64 [T, 3]: of every thing, the two that tell the way to it, and the one that tells whether it is there"""
        self.above = np.array([-np.inf if index is None else 0.5 for index in known], np.float32)
        """[T]: it is known to be, where that number is greater"""

    @classmethod
    def of(cls, group: Group, kind: str, *, of_things: bool = False) -> "PlaceReader":
        """For subgoals of a kind. Raises ConfigError where obs tell no places, or no things where they are `of_things`."""
        if group.whereabouts is None:
            raise ConfigError(
                f"subgoals {kind!r} need obs that tell places, and those of group {group.name!r} do not: its world declares no "
                "whereabouts; use subgoals of a plugin, or --policy flat"
            )
        if of_things and not group.whereabouts.things:
            raise ConfigError(f"subgoals {kind!r} need things that obs tell of, which group {group.name!r} has none of")
        offset = 0
        for leaf, space in group.obs.items():
            if leaf == "vector":
                break
            offset += math.prod(space.shape)
        return cls(group.whereabouts, offset)

    def own(self, obs: Float[Tensor, "B d"]) -> Float[Tensor, "B 2"]:
        """Where the agent is."""
        return obs[:, self.own_column : self.own_column + 2].float()

    def ways(self, obs: Float[Tensor, "B d"]) -> tuple[Float[Tensor, "B T 2"], Bool[Tensor, "B T"]]:
        """From the agent to every thing, and whether it is known to be there."""
        return obs[:, self._ways].float(), obs[:, self._known] > torch.from_numpy(self.above)

    def way(self, thing: Int64[Tensor, " B"], obs: Float[Tensor, "B d"]) -> tuple[Float[Tensor, "B 2"], Bool[Tensor, " B"]]:
        """The same to one thing for each row."""
        way, known = np.empty((len(thing), 2), np.float32), np.empty(len(thing), np.bool_)
        _read_way(obs.detach().numpy(), self.columns, self.above, thing.numpy(), way, known)
        return torch.from_numpy(way), torch.from_numpy(known)

    def cell(self, obs: Float[Tensor, "B d"]) -> Int64[Tensor, " B"]:
        """Number of the cell that the agent is in."""
        return self.cell_of(self.own(obs))

    def cell_of(self, place: Float[Tensor, "B 2"]) -> Int64[Tensor, " B"]:
        """Number of the cell at a place, or of the nearest where that is outside: line by line from below."""
        column, line = torch.minimum(((place + 1) * self.cells).long().clamp(min=0), (2 * self.cells - 1).long()).unbind(-1)
        return line * self.whereabouts.cells[0] + column

    def thing_on(self, way: Float[Tensor, "B W 2"], obs: Float[Tensor, "B d"]) -> Int64[Tensor, " B"]:
        """The first thing that lies on a way of W places; where none does, the nearest to the last place."""
        ways, known = self.ways(obs)
        apart = self.cells * (self.own(obs)[:, None, None] + ways[:, None] - way[:, :, None])
        lies_there = (apart.abs() < 0.5).all(-1) & known[:, None]
        met, first = lies_there.any(-1).max(-1)
        far = torch.linalg.vector_norm(apart[:, -1], dim=-1).masked_fill(~known & known.any(-1, keepdim=True), torch.inf)
        return torch.where(met, lies_there[torch.arange(len(obs)), first].int().argmax(-1), far.argmin(-1))


@njit(cache=True, nogil=True, boundscheck=True, error_model="numpy")
def _read_way(obs: Array, columns: Array, above: Array, thing: Array, way: Array, known: Array) -> None:
    for row in range(len(thing)):
        own = columns[thing[row]]
        way[row, 0], way[row, 1] = obs[row, own[0]], obs[row, own[1]]
        known[row] = obs[row, own[2]] > above[thing[row]]


@njit(cache=True, nogil=True, inline="always")
def is_near(x: np.float32, y: np.float32, cells: Array) -> bool:
    """Whether a way is shorter than half a cell along both axes."""
    return abs(x) * cells[0] < 0.5 and abs(y) * cells[1] < 0.5


@njit(cache=True, nogil=True, inline="always")
def cells_between(x: np.float32, y: np.float32, cells: Array) -> np.float32:
    """Length of a way, in cells' widths."""
    across, along = x * cells[0], y * cells[1]
    return np.sqrt(across * across + along * along)
