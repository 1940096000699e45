"""What a replay holds: a world, a seed and everybody's actions, from which the whole match follows; and what was made of it.

step      0 is the moment after the reset, T the end: there are T actions and T + 1 moments
digest    8 bytes that stand for all of a copy's arrays at a moment, those of the moments before included
keyframe  a snapshot of one copy, from which a match can be played on without what was before
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from marl_ppo.envs.world import Array
from marl_ppo.replays.frames import Frames

FORMAT = 1
"""version of the file format"""


def _nothing() -> Array:
    return np.zeros(0, np.float32)


class Event(NamedTuple):
    """Something worth looking at, such as a goal."""

    step: int
    """the moment at which it can be seen"""
    kind: str
    """one word: goal, catch, death, end"""
    text: str
    team: int = -1
    """whose colour marks it; -1 nobody's"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The match that a branch began as."""

    id: str
    """of the replay it was cut from"""
    step: int
    """moment up to which both are the same"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thoughts:
    """What the players of one group thought at each of T decisions; arrays of size 0 where that is not known.

    NaN, or -1 where whole numbers stand, where a seat decided nothing.
    """

    probabilities: Array = field(default_factory=_nothing)
    """float16 [T, A, K]: of each choice, those of a multi-discrete action side by side"""
    values: Array = field(default_factory=_nothing)
    """float32 [T, A]: the return that is expected from then on"""
    subgoals: Array = field(default_factory=_nothing)
    """float32 [T, A, 2]: the place a manager sends its worker to, in the scene's units"""
    ages: Array = field(default_factory=_nothing)
    """int32 [T, A]: the worker's decisions since it was set its subgoal"""
    told: Array = field(default_factory=_nothing)
    """int32 [T, A]: which of `words` the subgoal is called; -1 where it has no name"""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyframes:
    """F snapshots of one copy, at steps that rise."""

    steps: Array
    """int64 [F]"""
    arrays: Mapping[str, Array]
    """as `World.snapshot` names them, each [F, ...] without the axis of the copies"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One match."""

    world: str
    version: int
    config: Mapping[str, Any]
    seed: int
    params: Mapping[str, float]
    teams: tuple[str, ...]
    players: Mapping[str, str]
    """agent → who played it, all agents in their order"""
    hashes: Mapping[str, str] = field(default_factory=dict)
    """player → hash of its weights, of those that have any"""
    actions: tuple[Array, ...]
    """per group [T, A, ...] of the group's action dtype"""
    steps: int
    """T"""
    outcome: tuple[float, ...]
    """by team; empty for worlds that tell none"""
    returns: tuple[float, ...]
    """sum of each agent's rewards"""
    metrics: Mapping[str, float]
    complete: bool = True
    """whether it goes on to the end of the episode"""
    events: tuple[Event, ...] = ()
    chain: Array = field(default_factory=lambda: np.zeros(0, np.uint64))
    """uint64 [T + 1]: the digest of each moment"""
    keyframes: Keyframes | None = None
    frames: Frames | None = None
    """what was seen, of worlds that cannot be played again from their actions"""
    thoughts: tuple[Thoughts, ...] = ()
    """by group"""
    origin: Origin | None = None
    recorded: str = ""
    """date, as YYYY-MM-DD"""
    versions: Mapping[str, str] = field(default_factory=dict)
    """package → version it was recorded with"""
    note: str = ""
    """why it was kept: upset, longest"""

    @property
    def id(self) -> str:
        """Equal for the same match, whoever recorded it: the last digest; without one, nothing."""
        return f"{int(self.chain[-1]):016x}" if len(self.chain) else ""

    @property
    def sides(self) -> tuple[str, ...]:
        """Who played, each name once, in the order of the agents."""
        return tuple(dict.fromkeys(self.players.values()))
