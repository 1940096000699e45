"""Subgoals that are named things."""

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

_PROGRESS, _NOTHING, _ONE = np.float32(PROGRESS), np.float32(0), np.float32(1)


@dataclass
class Things:
    """A named thing, such as a key (object goals; Kulkarni et al. 2016, arXiv:1604.06057): paid for reaching it.

    A thing that is taken when it is reached is reached where it is gone after the step that led there. Satisfies
    `SubgoalSpace`.
    """

    group: Group
    masked = True

    def __post_init__(self) -> None:
        self._read = PlaceReader.of(self.group, "thing", of_things=True)
        self.names = tuple(self._read.things)
        self.action: ActionSpace = spaces.Discrete(len(self.names))
        self.size = len(self.names) + 2

    def legal(self, obs: Float[Tensor, "B d"]) -> Bool[Tensor, "B K"]:
        """Those that are known to be there; all of them where none is."""
        legal = np.empty((len(obs), len(self._read.things)), np.bool_)
        _find_legal(obs.detach().numpy(), self._read.columns, self._read.above, legal)
        return torch.from_numpy(legal)

    def shown(self, chosen: Int64[Tensor, " B"], obs: Float[Tensor, "B d"]) -> Float[Tensor, "B size"]:
        """Which it is, and the way there."""
        shown = np.zeros((len(chosen), self.size), np.float32)
        _show(chosen.numpy(), obs.detach().numpy(), self._read.columns, shown)
        return torch.from_numpy(shown)

    def reached(self, chosen: Int64[Tensor, " B"], obs: Float[Tensor, "B d"]) -> Bool[Tensor, " B"]:
        """At it, or it is not there any more."""
        reached, read = np.empty(len(chosen), np.bool_), self._read
        _find_reached(chosen.numpy(), obs.detach().numpy(), read.columns, read.above, read.cells.numpy(), reached)
        return torch.from_numpy(reached)

    def reward(
        self, chosen: Int64[Tensor, " B"], before: Float[Tensor, "B d"], after: Float[Tensor, "B d"]
    ) -> Float[Tensor, " B"]:
        """See `SubgoalSpace`."""
        paid, read = np.empty(len(chosen), np.float32), self._read
        obs = (before.detach().numpy(), after.detach().numpy())
        _pay(chosen.numpy(), *obs, read.columns, read.above, read.cells.numpy(), paid)
        return torch.from_numpy(paid)

    def place(self, chosen: Int64[Tensor, " B"], obs: Float[Tensor, "B d"]) -> Float[Tensor, "B 2"]:
        """Where it is."""
        way, known = self._read.way(chosen, obs)
        return torch.where(known.unsqueeze(-1), self._read.own(obs) + way, torch.nan)

    def on_the_way(self, way: Float[Tensor, "B W 2"], obs: Float[Tensor, "B d"]) -> Int64[Tensor, " B"]:
        """See `PlaceReader.thing_on`."""
        return self._read.thing_on(way, obs)


@njit(cache=True, nogil=True, boundscheck=True, error_model="numpy")
def _find_legal(obs: Array, columns: Array, above: Array, legal: Array) -> None:
    for row in range(len(obs)):
        some = False
        for thing in range(len(columns)):
            legal[row, thing] = obs[row, columns[thing, 2]] > above[thing]
            some |= legal[row, thing]
        for thing in range(len(columns)):
            legal[row, thing] |= not some


@njit(cache=True, nogil=True, boundscheck=True, error_model="numpy")
def _show(chosen: Array, obs: Array, columns: Array, shown: Array) -> None:
    things = len(columns)
    for row in range(len(chosen)):
        own = columns[chosen[row]]
        shown[row, chosen[row]] = _ONE
        shown[row, things], shown[row, things + 1] = obs[row, own[0]], obs[row, own[1]]


@njit(cache=True, nogil=True, boundscheck=True, error_model="numpy")
def _find_reached(chosen: Array, obs: Array, columns: Array, above: Array, cells: Array, reached: Array) -> None:
    for row in range(len(chosen)):
        own = columns[chosen[row]]
        known = obs[row, own[2]] > above[chosen[row]]
        reached[row] = not known or is_near(obs[row, own[0]], obs[row, own[1]], cells)


@njit(cache=True, nogil=True, boundscheck=True, error_model="numpy")
def _pay(chosen: Array, before: Array, after: Array, columns: Array, above: Array, cells: Array, paid: Array) -> None:
    for row in range(len(chosen)):
        own, least = columns[chosen[row]], above[chosen[row]]
        if not before[row, own[2]] > least:
            paid[row] = _NOTHING
            continue
        far = cells_between(before[row, own[0]], before[row, own[1]], cells)
        if after[row, own[2]] > least:
            x, y = after[row, own[0]], after[row, own[1]]
            paid[row] = _PROGRESS * (far - cells_between(x, y, cells)) + np.float32(is_near(x, y, cells))
        else:
            # It was taken, by whoever was next to it.
            paid[row] = np.float32(far < 1.5)
