"""What a viewer watches: a timeline, a match whose moments, one per world step, can be looked at in any order.

Whoever has a match (live, replayed) makes the timeline.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from marl_ppo.envs.scene import Scene
from marl_ppo.envs.world import Array, World
from marl_ppo.replays.replay import Event


class Subgoal(NamedTuple):
    """What a manager has set its worker."""

    place: tuple[float, float] | None
    """in the scene's units; None where it is nowhere"""
    words: str = ""
    """what it is called, if it has a name"""
    age: int = 0
    """the worker's decisions since it was set"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thought:
    """What an agent's player thought when it made the decision that follows a moment; None where that is not known."""

    probabilities: Array | None = None
    """float [K]: of each choice, those of a multi-discrete action side by side"""
    value: float | None = None
    """the return it expects from here on"""
    subgoal: Subgoal | None = None
    """of one that has a manager"""


class Moment(NamedTuple):
    """One world step, ready to be drawn."""

    scene: Scene
    hud: Sequence[str] = ()
    """lines beside the picture, "name: value" each: step, return, task metrics"""
    is_first: bool = False
    """the first of an episode: nothing moves here from the moment before"""
    thoughts: Mapping[str, Thought] = {}
    """by agent; of those that decide now"""


class Timeline(Protocol):
    """A match whose moments 0 … `last` can be drawn in any order."""

    title: str
    teams: Sequence[str]
    players: Mapping[str, str]
    """agent → who plays it, in the order of the agents"""
    choices: Mapping[str, Sequence[str]]
    """agent → what its choices are called, of those whose world names them"""
    rate: float
    """world steps per second at which it looks natural"""
    longest: int | None
    """number of the last moment that it can have, where that is known; of a match that is over, `last`"""

    @property
    def last(self) -> int:
        """Number of the last moment; of a match that goes on, it grows."""

    @property
    def events(self) -> Sequence[Event]:
        """In the order of their steps."""

    def moment(self, step: int) -> Moment:
        """Any moment; those near the one drawn last are cheap."""

    def values(self, agent: str) -> Array:
        """float64 [last + 1]: the return that the agent's player expects at each moment; NaN where that is not known."""

    def options(self, agent: str) -> Array:
        """int64 [K]: the moments at which the agent's manager set a subgoal."""


def subgoal_of(place: Array, words: str, age: int) -> Subgoal | None:
    """As it was told: [2], NaN where it is nowhere; none where it has no age."""
    somewhere = (float(place[0]), float(place[1])) if np.isfinite(place).all() else None
    return None if age < 0 else Subgoal(somewhere, words, int(age))


def choices_of(world: World) -> dict[str, Sequence[str]]:
    """What the agents' choices are called in a world that tells it, as it does to people who play."""
    controls = {agent: world.controls(agent) for agent in world.spec.agents}
    return {agent: told.names for agent, told in controls.items() if told is not None and told.names}
