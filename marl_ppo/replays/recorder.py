"""What records: an observer of a play that keeps the actions of every episode, and hands over those that have ended.

It costs a copy of the actions at each step; all else that a replay holds follows from them, and is found once it is known
which episodes are worth keeping (replays/sealing.py).

batch  episodes of several copies that began at one step and ended at another
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.world import ActionSpace, Array, Outputs, World
from marl_ppo.replays.digests import state_digest

MOST_BYTES = 256 * 2**20
"""of actions that are kept at a time"""
_FIRST_ROOM = 128  # steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One episode as it was played."""

    seed: int
    params: Mapping[str, float]
    actions: tuple[Array, ...]
    """per group [T, A, ...]"""
    end: Mapping[str, Array]
    """the simulation's arrays at the last moment, of this copy; empty where they cannot be had"""
    complete: bool = True

    @property
    def steps(self) -> int:
        """T"""
        return len(self.actions[0])

    @property
    def digest(self) -> int | None:
        """Of the last moment."""
        return state_digest(self.end) if self.end else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    copies: Array
    """int64 [C]"""
    rounds: Array
    """int64 [C]: how many episodes each copy had begun before"""
    seeds: Array
    params: Array
    """float64 [C, P]"""
    names: tuple[str, ...]
    """of the params"""
    actions: tuple[Array, ...]
    """per group [T, C, A, ...]"""
    end: Mapping[str, Array]
    """of all copies that ended at that step"""
    rows: Sequence[int]
    """[C]: those of these copies in `end`"""
    complete: bool

    def __getitem__(self, place: int) -> Recording:
        return Recording(
            seed=int(self.seeds[place]),
            params=dict(zip(self.names, self.params[place].tolist(), strict=True)),
            actions=tuple(taken[:, place] for taken in self.actions),
            end={name: array[self.rows[place]] for name, array in self.end.items()},
            complete=self.complete,
        )


@dataclass(slots=True)
class Recordings:
    """Episodes that have ended. Each is made a `Recording` when it is asked for: most are never looked at."""

    _batches: list[_Batch] = field(default_factory=list)
    dropped: int = 0
    """episodes that were not kept, since so many were kept already"""

    def add(self, batch: _Batch) -> None:
        """Those that have just ended."""
        self._batches.append(batch)

    def __len__(self) -> int:
        return sum(len(batch.copies) for batch in self._batches)

    def of_copies(self, copies: Sequence[int] | Array, rounds: Sequence[int] | Array) -> list["Recording | None"]:
        """By the copy each was played in and its round there; None for those that were not kept."""
        places = {
            key: (batch, place)
            for batch in self._batches
            for place, key in enumerate(zip(batch.copies.tolist(), batch.rounds.tolist(), strict=True))
        }
        found = [places.get((int(copy), int(number))) for copy, number in zip(copies, rounds, strict=True)]
        return [None if one is None else one[0][one[1]] for one in found]

    def all(self) -> list[Recording]:
        """Every one, in the order in which they ended."""
        return [batch[place] for batch in self._batches for place in range(len(batch.copies))]


class Recorder:
    """Observer of a play in `world`."""

    def __init__(self, world: World) -> None:
        self._world = world
        copies = world.num_envs
        self._begun = np.zeros(copies, np.int64)
        """the row of each copy's first step"""
        self._rounds = np.full(copies, -1)
        self._row = 0
        self._taken: list[Array] = [
            np.zeros((_FIRST_ROOM, copies, len(group.agents), *group.action_shape), _dtype(group.action))
            for group in world.spec.groups
        ]
        """per group [rows, N, A, ...]: what everybody did, a row per step"""
        self._ended = Recordings()
        self._bytes = 0

    def on_reset(self, where: Array, outputs: Outputs) -> None:
        self._begun[where] = self._row
        self._rounds[where] += 1

    def on_step(self, outputs: Outputs, actions: Sequence[Array]) -> None:
        if self._row == len(self._taken[0]):
            self._make_room()
        for rows, taken in zip(self._taken, actions, strict=True):
            rows[self._row] = taken
        self._row += 1

    def on_end(self, where: Array, outputs: Outputs) -> None:
        (copies,) = (where & ~outputs.faulted).nonzero()
        if not len(copies):
            return
        end = self._state(copies)
        together: dict[int, list[int]] = {}
        for place, begun in enumerate(self._begun[copies].tolist()):
            together.setdefault(begun, []).append(place)
        for places in together.values():
            self._keep(self._batch(copies[places], end, places, complete=True))

    def take(self) -> Recordings:
        """The episodes that have ended since the last call."""
        ended, self._ended, self._bytes = self._ended, Recordings(), 0
        return ended

    def cut(self, copy: int) -> Recording:
        """An episode that is still being played, as far as it got."""
        copies = np.array([copy])
        return self._batch(copies, self._state(copies), [0], complete=False)[0]

    def _state(self, copies: Array) -> dict[str, Array]:
        world = self._world
        return world.state_of(copies) if "snapshot" in world.spec.capabilities and len(copies) else {}

    def _keep(self, batch: _Batch) -> None:
        size = sum(taken.nbytes for taken in batch.actions)
        if self._bytes + size > MOST_BYTES:
            self._ended.dropped += len(batch.copies)
            return
        self._bytes += size
        self._ended.add(batch)

    def _batch(self, copies: Array, end: Mapping[str, Array], places: Sequence[int], *, complete: bool) -> _Batch:
        """Of copies that began together."""
        world, rows = self._world, slice(int(self._begun[copies[0]]), self._row)
        first = int(copies[0])
        # Most batches are of one copy, and a slice is quicker than a list of places.
        columns: Any = slice(first, first + 1) if len(copies) == 1 else copies
        return _Batch(
            copies=copies,
            rounds=self._rounds[copies],
            seeds=world.seeds[copies],
            params=world.params[copies],
            names=tuple(world.spec.params),
            actions=tuple(taken[rows, columns].copy() for taken in self._taken),
            end=end,
            rows=places,
            complete=complete,
        )

    def _make_room(self) -> None:
        """Forget the rows that no running episode needs, or where there are few of them, take more memory."""
        needed = int(self._begun.min())
        room = len(self._taken[0])
        for g, taken in enumerate(self._taken):
            if needed < room // 2:
                taken = np.concatenate([taken, np.zeros_like(taken)])
            taken[: room - needed] = taken[needed:room].copy()
            self._taken[g] = taken
        self._begun -= needed
        self._row -= needed


def _dtype(space: ActionSpace) -> type:
    if isinstance(space, spaces.Box):
        return np.float32
    most = int(space.nvec.max()) if isinstance(space, spaces.MultiDiscrete) else int(space.n)
    return np.uint8 if most <= 2**8 else np.int64
