"""What records: an observer of a play that keeps the actions of every episode, and hands over those that have ended.

It costs a copy of the actions at each step; all else that a replay holds follows from them, and is found once it is known
which episodes are worth keeping (replays/sealing.py).

table  what everybody did, a row per step; an episode is some rows of one, and holds it for as long as it may be asked for
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from gymnasium import spaces

from marl_ppo.envs.world import ActionSpace, Array, Outputs, World
from marl_ppo.replays.digests import state_digest

MOST_BYTES = 256 * 2**20
"""of actions that are kept at a time; no more tables are begun to be held beyond it"""
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


class _Batch(NamedTuple):
    """Episodes that ended at one step."""

    copies: Array
    """int64 [C]"""
    rounds: Array
    """int64 [C]: how many episodes each copy had begun before"""
    begun: Array
    """int64 [C]: each one's first row in `taken`"""
    until: int
    """the row after the last one, of all"""
    taken: tuple[Array, ...]
    """per group [rows, N, A, ...]"""
    seeds: Array
    params: Array
    """float64 [C, P]"""
    names: tuple[str, ...]
    """of the params"""
    end: Mapping[str, Array]
    """[C, ...]"""
    complete: bool = True

    def recording(self, place: int) -> Recording:
        """One of them."""
        rows, copy = slice(int(self.begun[place]), self.until), int(self.copies[place])
        return Recording(
            seed=int(self.seeds[place]),
            params=dict(zip(self.names, self.params[place].tolist(), strict=True)),
            actions=tuple(taken[rows, copy].copy() for taken in self.taken),
            end={name: array[place] for name, array in self.end.items()},
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
        return [None if one is None else one[0].recording(one[1]) for one in found]

    def all(self) -> list[Recording]:
        """Every one, in the order in which they ended."""
        return [batch.recording(place) for batch in self._batches for place in range(len(batch.copies))]


class Recorder:
    """Observer of a play in `world`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._names = tuple(world.spec.params)
        copies = world.num_envs
        self._begun = np.zeros(copies, np.int64)
        """the row of each copy's first step"""
        self._rounds = np.full(copies, -1)
        self._row = 0
        self._taken: tuple[Array, ...] = tuple(
            np.empty((_FIRST_ROOM, copies, len(group.agents), *group.action_shape), _dtype(group.action))
            for group in world.spec.groups
        )
        """per group [rows, N, A, ...]: what everybody did, a row per step"""
        self._ended = Recordings()
        self._held: tuple[Array, ...] | None = None
        """the newest tables that an episode holds"""
        self._bytes = 0
        """of all that are held"""

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
        if self._held is not self._taken:
            if self._bytes > MOST_BYTES:
                self._ended.dropped += len(copies)
                return
            self._held = self._taken
            self._bytes += sum(taken.nbytes for taken in self._taken)
        self._ended.add(self._batch(copies))

    def take(self) -> Recordings:
        """The episodes that have ended since the last call."""
        ended, self._ended, self._held, self._bytes = self._ended, Recordings(), None, 0
        return ended

    def cut(self, copy: int) -> Recording:
        """An episode that is still being played, as far as it got."""
        return self._batch(np.array([copy]))._replace(complete=False).recording(0)

    def _batch(self, copies: Array) -> _Batch:
        """What these copies play, up to now. Their actions are copied only for those who ask."""
        world = self._world
        return _Batch(
            copies=copies,
            rounds=self._rounds[copies],
            begun=self._begun[copies],
            until=self._row,
            taken=self._taken,
            seeds=world.seeds[copies],
            params=world.params[copies],
            names=self._names,
            end=world.state_of(copies) if "snapshot" in world.spec.capabilities else {},
        )

    def _make_room(self) -> None:
        """Go on in new tables, with the rows of running episodes: the old ones belong to those that have ended."""
        needed = int(self._begun.min())
        kept = self._row - needed
        # Twice as large where most of it is needed, so that few rows are written twice.
        room = len(self._taken[0]) * (2 if 2 * kept > self._row else 1)
        fresh = tuple(np.empty((room, *taken.shape[1:]), taken.dtype) for taken in self._taken)
        for rows, taken in zip(fresh, self._taken, strict=True):
            rows[:kept] = taken[needed:]
        self._taken, self._row = fresh, kept
        self._begun -= needed


def _dtype(space: ActionSpace) -> type:
    if isinstance(space, spaces.Box):
        return np.float32
    most = int(space.nvec.max()) if isinstance(space, spaces.MultiDiscrete) else int(space.n)
    return np.uint8 if most <= 2**8 else np.int64
