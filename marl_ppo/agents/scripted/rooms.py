"""Players of rooms that plan: they read the obs that `marl_ppo/envs/rooms/README.md` tables, remember the walls they have seen,
and walk the shortest way through what is known, in the hope that the rest is free.

Axes: B walkers, M memory size, K things, C cells.
"""

import re
from abc import abstractmethod
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numba import njit
from torch import Tensor

from marl_ppo.agents.scripted.pathfinding import NOWHERE, UNKNOWN, WALL, cell_at, remember, search, walk
from marl_ppo.agents.scripted.script import Script, Turn
from marl_ppo.envs.rooms.observe import PLACE
from marl_ppo.envs.world import Array, Group, WorldSpec
from marl_ppo.errors import ConfigError

KINDS = ("target", "key", "door", "plate", "gate", "own_door", "parcel", "own_flag", "other_flag", "own_base", "other_base")
TARGET, KEY, DOOR, PLATE, GATE, OWN_DOOR, PARCEL, OWN_FLAG, OTHER_FLAG, OWN_BASE, OTHER_BASE = range(len(KINDS))
_NAME = re.compile(rf"({'|'.join(sorted(KINDS, key=len, reverse=True))})(?:_([a-z0-9]))?(?:_\d+)?")


class Reading(NamedTuple):
    """Where what stands in obs, and the size of the map."""

    width: int
    height: int
    span: int
    """of the window, in cells"""
    bag: int
    others: int
    pockets: int
    num_others: int
    window: int
    kind: Array
    """int64 [K], of each thing"""
    mark: Array
    """int64 [K], its letter or number, which keys share with doors"""
    at: Array
    """int64 [K], where its place stands"""


class Rambler(Script):
    """What the planners below share: reading obs, and a memory of walls."""

    def __init__(self, group: Group, spec: WorldSpec) -> None:
        super().__init__(group, spec)
        whereabouts = group.whereabouts
        if whereabouts is None:
            raise ConfigError(f"group {group.name!r} of world {spec.id!r} tells no places to plan with")
        width, height = whereabouts.cells
        kinds, marks = [], []
        for name in whereabouts.things:
            found = _NAME.fullmatch(name)
            assert found is not None, name  # the names are those of the family
            kinds.append(KINDS.index(found[1]))
            marks.append(int(found[2], 36) if found[2] else 0)
        view, size = spec.config["view"], group.obs["vector"].shape[0]
        channels = 1 + bool({DOOR, GATE, OWN_DOOR} & set(kinds))
        keys = sorted({mark for kind, mark in zip(kinds, marks, strict=True) if kind == KEY})
        pockets = len(keys) + bool({PARCEL, OTHER_FLAG} & set(kinds))
        first = min(thing.place for thing in whereabouts.things.values())
        # Doors and keys carry the number of the pocket that tells of the key.
        marks = [keys.index(m) if kind in (KEY, DOOR) and m in keys else m for kind, m in zip(kinds, marks, strict=True)]
        self.reading = Reading(
            width=width,
            height=height,
            span=view,
            bag=first - pockets,
            others=first + 3 * len(kinds),
            pockets=pockets,
            num_others=len(group.agents) - 1,
            window=size - channels * view * view,
            kind=np.array(kinds, np.int64),
            mark=np.array(marks, np.int64),
            at=np.array([thing.place for thing in whereabouts.things.values()], np.int64),
        )
        self.memory_size = width * height

    @abstractmethod
    def fill(self, *arrays: Any) -> None:
        """Write memories, actions and ways, by a kernel: obs [B, O], memory [B, M], index [B], the reading, actions [B], ways
        [B, W] of cells, and `more`."""

    def more(self, turn: Turn) -> tuple[Tensor, ...]:
        """What the kernel is given last, each [B]."""
        return ()

    def play(self, turn: Turn) -> tuple[Tensor, Float[Tensor, "B M"]]:
        actions, _, memory = self._decide(turn)
        return actions, memory

    def way(self, turn: Turn) -> tuple[Float[Tensor, "B W 2"], Float[Tensor, "B M"]]:
        """See `KnowsTheWay`."""
        _, ways, memory = self._decide(turn)
        width, height = self.reading.width, self.reading.height
        column, row = ways % width, ways // width
        return torch.stack([(2 * column + 1) / width - 1, 1 - (2 * row + 1) / height], -1), memory

    def _decide(self, turn: Turn) -> tuple[Tensor, Tensor, Tensor]:
        given = (turn.obs, turn.agent_index, *self.more(turn))
        obs, index, *rest = (part.detach().cpu().contiguous().numpy() for part in given)
        memory = turn.memory.detach().cpu().clone().contiguous().numpy()
        actions = np.zeros(len(obs), np.int64)
        ways = np.zeros((len(obs), self.reading.width + self.reading.height), np.int64)
        self.fill(obs, memory, index, self.reading, actions, ways, *rest)
        device = turn.obs.device
        return torch.from_numpy(actions).to(device), torch.from_numpy(ways).to(device), torch.from_numpy(memory).to(device)


class Collector(Rambler):
    """Takes the nearest key it can get to, then goes to the nearest target; if it knows of nothing to get to, it explores."""

    def fill(self, *arrays: Any) -> None:
        _collect(*arrays)


@njit(cache=True, nogil=True)
def _collect(obs: Array, memory: Array, index: Array, reading: Reading, actions: Array, ways: Array) -> None:
    """See `Rambler.fill`."""
    num_cells = reading.width * reading.height
    steps, first, queue = np.empty(num_cells, np.int64), np.empty(num_cells, np.int64), np.empty(num_cells, np.int64)
    blocked, thing = np.empty(num_cells, np.bool_), np.empty(reading.kind.shape[0], np.int64)
    for b in range(obs.shape[0]):
        here = look_around(obs[b], memory[b], reading, thing, blocked)
        search(blocked, here, reading.width, steps, first, queue)
        best, to = num_cells + 1, NOWHERE
        for wanted in (KEY, TARGET):
            for k in range(thing.shape[0]):
                if reading.kind[k] == wanted and thing[k] != NOWHERE and NOWHERE < steps[thing[k]] < best:
                    best, to = steps[thing[k]], thing[k]
            if to != NOWHERE:
                break
        if to == NOWHERE:
            to = nearest_unknown(memory[b], steps)
        walk(to, here, steps, first, reading.width, actions[b : b + 1], ways[b])


@njit(cache=True, nogil=True)
def look_around(seen: Array, memory: Array, reading: Reading, thing: Array, blocked: Array) -> int:
    """The cell of a walker; writes its memory of walls, the cells of things, NOWHERE of those not known, and what is blocked
    for it: walls, and doors that it has no key for."""
    width, height, span = reading.width, reading.height, reading.span
    x, y = seen[PLACE], seen[PLACE + 1]
    here = cell_at(x, y, width, height)
    remember(memory, seen[reading.window : reading.window + span * span], here, width, height, span)
    for c in range(memory.shape[0]):
        blocked[c] = memory[c] == WALL
    for k in range(thing.shape[0]):
        at = reading.at[k]
        thing[k] = NOWHERE
        if seen[at + 2] > 0.5:
            thing[k] = cell_at(x + seen[at], y + seen[at + 1], width, height)
            if reading.kind[k] == DOOR and seen[reading.bag + reading.mark[k]] < 0.5:
                blocked[thing[k]] = True
    return here


@njit(cache=True, nogil=True)
def nearest_unknown(memory: Array, steps: Array) -> int:
    """The nearest cell of which nothing was seen."""
    best, to = memory.shape[0] + 1, NOWHERE
    for c in range(memory.shape[0]):
        if memory[c] == UNKNOWN and NOWHERE < steps[c] < best:
            best, to = steps[c], c
    return to
