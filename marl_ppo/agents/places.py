"""Subgoals that are cells of the world."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Bool, Float, Int64
from numba import njit
from torch import Tensor

from marl_ppo.agents.place_reader import PlaceReader, cells_between, is_near
from marl_ppo.agents.subgoals import PROGRESS
from marl_ppo.envs.world import ActionSpace, Array, Group

_PROGRESS = np.float32(PROGRESS)


@dataclass
class Places:
    """A cell of the world (absolute subgoals): paid for coming nearer, and for being there. Satisfies `SubgoalSpace`."""

    group: Group
    masked = False
    size = 4

    def __post_init__(self) -> None:
        self._read = PlaceReader.of(self.group, "place")
        columns, lines = self._read.whereabouts.cells
        self.action: ActionSpace = spaces.Discrete(columns * lines)
        middles = ((2 * torch.arange(count) + 1) / count - 1 for count in (lines, columns))
        self._places = torch.stack(torch.meshgrid(*middles, indexing="ij")[::-1], -1).view(-1, 2)
        """of every cell, line by line from below"""
        self._told = (self._read.own_column, self._places.numpy(), self._read.cells.numpy())

    def legal(self, obs: Float[Tensor, "B d"]) -> Bool[Tensor, "B K"]:
        """All of them."""
        return torch.ones(len(obs), math.prod(self._read.whereabouts.cells), dtype=torch.bool)

    def shown(self, chosen: Int64[Tensor, " B"], obs: Float[Tensor, "B d"]) -> Float[Tensor, "B 4"]:
        """Where it is, and the way there."""
        shown = np.empty((len(chosen), self.size), np.float32)
        _show(chosen.numpy(), obs.detach().numpy(), *self._told, shown)
        return torch.from_numpy(shown)

    def reached(self, chosen: Int64[Tensor, " B"], obs: Float[Tensor, "B d"]) -> Bool[Tensor, " B"]:
        """In the cell."""
        reached = np.empty(len(chosen), np.bool_)
        _find_reached(chosen.numpy(), obs.detach().numpy(), *self._told, reached)
        return torch.from_numpy(reached)

    def reward(
        self, chosen: Int64[Tensor, " B"], before: Float[Tensor, "B d"], after: Float[Tensor, "B d"]
    ) -> Float[Tensor, " B"]:
        """See `SubgoalSpace`."""
        paid = np.empty(len(chosen), np.float32)
        _pay(chosen.numpy(), before.detach().numpy(), after.detach().numpy(), *self._told, paid)
        return torch.from_numpy(paid)

    def place(self, chosen: Int64[Tensor, " B"], obs: Float[Tensor, "B d"]) -> Float[Tensor, "B 2"]:
        """The middle of the cell."""
        return self._places[chosen]

    def on_the_way(self, way: Float[Tensor, "B W 2"], obs: Float[Tensor, "B d"]) -> Int64[Tensor, " B"]:
        """The last place."""
        return self._read.cell_of(way[:, -1])


@njit(cache=True, nogil=True, boundscheck=True, error_model="numpy")
def _show(chosen: Array, obs: Array, own: int, places: Array, cells: Array, shown: Array) -> None:
    for row in range(len(chosen)):
        place = places[chosen[row]]
        shown[row, 0], shown[row, 1] = place[0], place[1]
        shown[row, 2], shown[row, 3] = place[0] - obs[row, own], place[1] - obs[row, own + 1]


@njit(cache=True, nogil=True, boundscheck=True, error_model="numpy")
def _find_reached(chosen: Array, obs: Array, own: int, places: Array, cells: Array, reached: Array) -> None:
    for row in range(len(chosen)):
        place = places[chosen[row]]
        reached[row] = is_near(place[0] - obs[row, own], place[1] - obs[row, own + 1], cells)


@njit(cache=True, nogil=True, boundscheck=True, error_model="numpy")
def _pay(chosen: Array, before: Array, after: Array, own: int, places: Array, cells: Array, paid: Array) -> None:
    for row in range(len(chosen)):
        place = places[chosen[row]]
        x, y = place[0] - after[row, own], place[1] - after[row, own + 1]
        nearer = cells_between(place[0] - before[row, own], place[1] - before[row, own + 1], cells) - cells_between(x, y, cells)
        paid[row] = _PROGRESS * nearer + np.float32(is_near(x, y, cells))
