"""What records: an observer of a play that keeps the actions of every episode, and hands over those that have ended.

It costs a copy of the actions at each step; all else that a replay holds follows from them, and is found once it is known
which episodes are worth keeping (replays/sealing.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marl_ppo.envs.world import Array, Outputs, World
from marl_ppo.replays.digests import state_digest

MOST_BYTES = 256 * 2**20
"""of actions that are kept at a time"""
_FIRST_ROOM = 128  # steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One episode as it was played."""

    copy: int
    round: int
    """how many episodes its copy had begun before"""
    seed: int
    params: Mapping[str, float]
    actions: tuple[Array, ...]
    """per group [T, A, ...]"""
    end: Mapping[str, Array]
    """the last moment of all copies that ended with it, as `World.snapshot_of` has it; empty where it cannot be had"""
    row: int
    """its own among these"""
    complete: bool = True

    @property
    def steps(self) -> int:
        """T"""
        return len(self.actions[0])

    @property
    def digest(self) -> int | None:
        """Of the last moment."""
        return state_digest({name: array[self.row] for name, array in self.end.items()}) if self.end else None


class Recorder:
    """Observer of a play in `world`."""

    def __init__(self, world: World, copies: Sequence[int] | None = None) -> None:
        """Record all copies, or some."""
        self._world = world
        self._copies = np.arange(world.num_envs) if copies is None else np.array(copies, np.int64)
        self._steps = np.zeros(world.num_envs, np.int64)
        self._rounds = np.full(world.num_envs, -1)
        self._rows = np.arange(len(self._copies))
        self._taken: list[Array] = [
            np.zeros((len(self._copies), 0, len(group.agents), *group.action_shape), _dtype(group.action))
            for group in world.spec.groups
        ]
        self._finished: list[Recording] = []
        self.dropped = 0
        """episodes that were not kept, since so many were kept already"""
        self._bytes = 0

    def on_reset(self, where: Array, outputs: Outputs) -> None:
        self._steps[where] = 0
        self._rounds[where] += 1

    def on_step(self, outputs: Outputs, actions: Sequence[Array]) -> None:
        at = self._steps[self._copies]
        if len(at) and at.max() >= self._taken[0].shape[1]:
            self._make_room()
        for kept, taken in zip(self._taken, actions, strict=True):
            kept[self._rows, at] = taken[self._copies]
        self._steps += 1

    def on_end(self, where: Array, outputs: Outputs) -> None:
        rows = np.flatnonzero((where & ~outputs.faulted)[self._copies])
        self._finish(rows, complete=True)

    def take(self) -> list[Recording]:
        """The episodes that have ended since the last call."""
        finished, self._finished, self._bytes = self._finished, [], 0
        return finished

    def cut(self, copy: int) -> Recording:
        """An episode that is still being played, as far as it got."""
        row = int(np.flatnonzero(self._copies == copy)[0])
        self._finish(np.array([row]), complete=False)
        return self._finished.pop()

    def _finish(self, rows: Array, *, complete: bool) -> None:
        copies = self._copies[rows]
        if not len(copies):
            return
        world = self._world
        end = world.snapshot_of(copies) if "snapshot" in world.spec.capabilities else {}
        for place, (row, copy) in enumerate(zip(rows, copies, strict=True)):
            steps = int(self._steps[copy])
            actions = tuple(taken[row, :steps].copy() for taken in self._taken)
            size = sum(array.nbytes for array in actions)
            if self._bytes + size > MOST_BYTES:
                self.dropped += 1
                continue
            self._bytes += size
            self._finished.append(
                Recording(
                    copy=int(copy),
                    round=int(self._rounds[copy]),
                    seed=int(world.seeds[copy]),
                    params=dict(zip(world.spec.params, world.params[copy].tolist(), strict=True)),
                    actions=actions,
                    end=end,
                    row=place,
                    complete=complete,
                )
            )

    def _make_room(self) -> None:
        for g, kept in enumerate(self._taken):
            more = max(_FIRST_ROOM, kept.shape[1])
            self._taken[g] = np.concatenate([kept, np.zeros((len(kept), more, *kept.shape[2:]), kept.dtype)], axis=1)


def _dtype(space: object) -> type:
    most = int(np.max(getattr(space, "nvec", getattr(space, "n", 0))))
    if not most:
        return np.float32
    return np.uint8 if most <= 2**8 else np.int64
