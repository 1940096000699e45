"""A replay played again: any of its moments, in any order.

The first way through a match is a simulation from its seed and actions; on the way snapshots are kept in memory, from which
every moment is near. What a file says its snapshots are is not restored here: a stranger could have put anything into them,
and compiled kernels do not look where they index (docs/decisions/0010-replays.md).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from marl_ppo.envs.registry import make_world
from marl_ppo.envs.scene import Scene
from marl_ppo.envs.world import Array, World, WorldSpec
from marl_ppo.errors import CapabilityError, ConfigError, FileFormatError, UnknownNameError, WorldError
from marl_ppo.replays.replay import Event, Replay

EVERY = 50
"""steps between snapshots"""
MOST_BYTES = 32 * 2**20
"""of a row of snapshots; where it becomes larger, every second one goes"""


class Snapshots:
    """Moments of a match that are kept, from the first one on: one each `every` steps, and of long matches fewer."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.arrays: dict[int, Mapping[str, Array]] = {}
        """by step, rising"""

    def before(self, step: int) -> int:
        """The last one that is kept up to a step."""
        return min(step // self.every, len(self.arrays) - 1) * self.every

    def is_due(self, step: int) -> bool:
        """Whether a step is to be kept and is not yet."""
        return step % self.every == 0 and step not in self.arrays

    def keep(self, step: int, moment: Mapping[str, Array]) -> None:
        """Add the next one."""
        self.arrays[step] = moment
        while len(self.arrays) > 2 and len(self.arrays) * sum(array.nbytes for array in moment.values()) > MOST_BYTES:
            self.every *= 2
            self.arrays = {kept: one for kept, one in self.arrays.items() if kept % self.every == 0}


class Simulation:
    """One match in a world of its own, of which every copy plays it. Close it, or use it as a context."""

    def __init__(self, replay: Replay, *, num_envs: int = 1) -> None:
        """Raises FileFormatError where the match is of another world, another version of it, or of other agents."""
        self.replay = replay
        self.world = world_of(replay, num_envs)
        self.step = 0
        """the moment the world is at"""
        self._copy = num_envs - 1
        self._kept = Snapshots(EVERY)
        self.restart()

    def restart(self) -> None:
        """Go to moment 0, by a reset."""
        seeds = np.full(self.world.num_envs, self.replay.seed, np.uint64)
        try:
            self.world.reset(seeds, params=self.replay.params)
        except ConfigError as error:
            raise FileFormatError(f"the match cannot begin: {error}") from error
        self.step = 0
        self._keep()

    def advance(self) -> None:
        """Play one step. Raises FileFormatError where the recorded actions cannot be played, or the match is over."""
        if self.step >= self.replay.steps:
            raise FileFormatError(f"the match has {self.replay.steps} steps")
        try:
            self.world.step(self._actions())
        except WorldError as error:
            raise FileFormatError(f"step {self.step} of the match cannot be played: {error}") from error
        self.step += 1
        self._keep()

    def seek(self, step: int) -> None:
        """Go to any moment, by way of the snapshot before it."""
        if not 0 <= step <= self.replay.steps:
            raise ValueError(f"step must be from 0 to {self.replay.steps}, got {step}")
        near = self._kept.before(step)
        if step < self.step or near > self.step:
            self.world.restore(self._kept.arrays[near])
            self.step = near
        while self.step < step:
            self.advance()

    def scene(self) -> Scene:
        """What the moment looks like."""
        return self.world.scene(self._copy)

    def moment(self) -> dict[str, Array]:
        """A snapshot of this one copy: every array without the axis of the copies."""
        return {name: array[0] for name, array in self.world.snapshot_of(np.array([self._copy])).items()}

    def close(self) -> None:
        """End the world."""
        self.world.close()

    def __enter__(self) -> "Simulation":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _actions(self) -> list[Array]:
        """What everybody does now, in every copy."""
        groups, now = self.world.spec.groups, self.step
        return [
            np.repeat(own[now : now + 1].astype(group.action_dtype), self.world.num_envs, axis=0)
            for own, group in zip(self.replay.actions, groups, strict=True)
        ]

    def _keep(self) -> None:
        """Note how to come back here, once."""
        if self._kept.is_due(self.step):
            self._kept.keep(self.step, self.world.snapshot())


def world_of(replay: Replay, num_envs: int = 1) -> World:
    """The world a match was played in. Raises FileFormatError where it is not here, or not as it was then."""
    if ":" in replay.world:
        raise FileFormatError(
            f"world {replay.world!r} cannot be played again from its actions; its replays are pictures and can only be watched"
        )
    try:
        world = make_world(replay.world, num_envs=num_envs, **replay.config)
    except UnknownNameError as error:
        raise FileFormatError(f"the match is of the world {replay.world!r}, which is not here. {error}") from error
    except ConfigError as error:
        raise FileFormatError(f"the match is of a world with settings that cannot be: {error}") from error
    try:
        _require_same(replay, world.spec)
    except BaseException:
        world.close()
        raise
    return world


def _require_same(replay: Replay, spec: WorldSpec) -> None:
    if spec.version != replay.version:
        raise FileFormatError(
            f"the match is of version {replay.version} of the world {replay.world!r}, whose rules have changed: here it has "
            f"version {spec.version}, in which other things would happen. It was recorded with {_told(replay)}"
        )
    try:
        spec.require("resimulate", "to play a match again")
        spec.require("snapshot", "to play a match again")
    except CapabilityError as error:
        raise FileFormatError(str(error)) from error
    if tuple(replay.players) != spec.agents or replay.teams != spec.teams or len(replay.actions) != len(spec.groups):
        raise FileFormatError(f"the match is of other agents or teams than the world {replay.world!r} has")
    for group, actions in zip(spec.groups, replay.actions, strict=True):
        wanted = (replay.steps, len(group.agents), *group.action_shape)
        real = group.action_dtype is np.float32
        if actions.shape != wanted or (actions.dtype.kind == "f") != real or actions.dtype.kind == "b":
            raise FileFormatError(
                f"the actions of {group.name!r} are {actions.dtype} {list(actions.shape)}, not {list(wanted)}"
            )


def _told(replay: Replay) -> str:
    told = ", ".join(f"{package} {version}" for package, version in replay.versions.items())
    return told[:200] or "an unknown version of marl_ppo"


class EventFinder:
    """Notices what is worth looking at while a match is played, step by step."""

    def __init__(self, spec: WorldSpec, copy: int = 0) -> None:
        self._spec, self._copy = spec, copy
        self._before = dict.fromkeys(spec.metrics, 0.0)
        self._rising = dict.fromkeys(spec.metrics, False)
        self.found: list[Event] = []

    def look(self, step: int, world: World) -> None:
        """After each step, in order."""
        out, n = world.outputs, self._copy
        for name, metric in self._spec.metrics.items():
            value = float(out.metrics[name][n])
            rises = value > self._before[name]
            if metric.event and rises and not self._rising[name]:
                self.found.append(Event(step, metric.event, self._told(metric.event, metric.event_team), metric.event_team))
            self._before[name], self._rising[name] = value, rises
        ended = bool(out.ended[n])
        for group, terminated in zip(self._spec.groups, out.terminations, strict=True):
            for a in np.flatnonzero(terminated[n]) if not ended else ():
                self.found.append(Event(step, "death", f"{group.agents[a]} is out", group.team[a]))
        if ended:
            self.found.append(Event(step, "end", _result(self._spec, out.outcomes[n]), -1))

    def _told(self, event: str, team: int) -> str:
        return f"{event} for {self._spec.teams[team]}" if team >= 0 else event


def _result(spec: WorldSpec, outcome: Sequence[float]) -> str:
    if "outcomes" not in spec.capabilities or len(spec.teams) < 2:
        return "the end"
    first = [team for team, score in zip(spec.teams, outcome, strict=True) if score == max(outcome)]
    return f"{first[0]} wins" if len(first) == 1 else "a draw"
