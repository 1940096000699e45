"""Matches played at a speed, forward, backward and by hand: which moment is in view. Knows no window and no clock.

match     a timeline; those that come after it may not have been played yet
position  where in the match we are, in world steps: 2.5 is half-way between moments 2 and 3
"""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from marl_ppo.envs.scene import Scene
from marl_ppo.errors import ConfigError
from marl_ppo.viewer.feed import Moment, Timeline
from marl_ppo.viewer.interpolate import between

END_PAUSE_S = 0.8
"""how long the last moment of a match stays in view"""
MOST_KEPT = 20
"""matches that one can go back to"""


class View(NamedTuple):
    """What to draw now."""

    scene: Scene
    """between two moments"""
    moment: Moment
    """the one before; its scene tells what everybody sees"""


class Playback:
    """Plays one match after the other, each at its own rate. Raises ConfigError where there is none, or its rate is wrong."""

    def __init__(self, matches: Iterable[Timeline]) -> None:
        self._coming: Iterator[Timeline] = iter(matches)
        self._matches: list[Timeline] = []
        self._place = -1
        self.position = 0.0
        self._held_s = 0.0
        self._at_end = False
        if not self.next_match():
            raise ConfigError("there is nothing to watch: no match was given")

    @property
    def match(self) -> Timeline:
        """The one in view."""
        return self._matches[self._place]

    @property
    def step(self) -> int:
        """Number of the moment in view."""
        return math.floor(self.position)

    @property
    def over(self) -> bool:
        """Whether the last moment of a match is in view that has come to its end."""
        return self._at_end and self.position >= self.match.last

    def view(self, *, sight_of: str | None = None) -> View:
        """What to draw: the scene between two moments, with what `sight_of` sees."""
        step = self.step
        moment = self.match.moment(step)
        if self.position == step:
            return View(moment.scene, moment)
        after = self.match.moment(step + 1)
        if after.is_first:
            return View(moment.scene, moment)
        return View(between(moment.scene, after.scene, self.position - step, sight_of=sight_of), moment)

    def tick(self, seconds: float, speed: float = 1.0) -> None:
        """Let `seconds` pass at so many times the match's rate; the last moment is held, and the next match begins."""
        per_step_s = 1.0 / (self.match.rate * speed)
        wanted = self.position + seconds / per_step_s
        self.seek(wanted)
        if not self.over:
            return
        self._held_s += max(0.0, wanted - self.position) * per_step_s
        if self._held_s >= END_PAUSE_S:
            self.next_match()

    def seek(self, position: float) -> None:
        """Go to any place; beyond the last moment of a match that goes on, as far as it will."""
        position = max(position, 0.0)
        while (last := self.match.last) <= position:
            self.match.moment(last)
            if self.match.last == last:
                break
        self._at_end = self.match.last <= position
        if position < self.position:
            self._held_s = 0.0
        self.position = min(position, float(self.match.last))

    def go(self, steps: int) -> None:
        """So many moments on, or back: from between two, to the nearer one in that direction first."""
        begin = math.floor(self.position) if steps > 0 else math.ceil(self.position)
        self.seek(float(begin + steps))

    def to_event(self, direction: int) -> None:
        """To the next event (1), or the one before (-1); stays where there is none."""
        steps = sorted({event.step for event in self.match.events})
        if direction > 0:
            found = next((step for step in steps if step > self.position), None)
        else:
            found = next((step for step in reversed(steps) if step < self.step), None)
        if found is not None:
            self.seek(float(found))

    def next_match(self) -> bool:
        """Begin the match after this one; tells whether there is one."""
        if self._place + 1 == len(self._matches):
            coming = next(self._coming, None)
            if coming is None:
                return False
            if not coming.rate > 0.0 or math.isinf(coming.rate):
                raise ConfigError(f"rate must be above 0 world steps per second, got {coming.rate}")
            self._matches.append(coming)
            dropped = max(0, len(self._matches) - MOST_KEPT)
            self._place, self._matches = self._place - dropped, self._matches[dropped:]
        self._begin(self._place + 1)
        return True

    def previous_match(self) -> None:
        """Begin the match before this one, or this one again where it is the first that is kept."""
        self._begin(max(0, self._place - 1))

    def _begin(self, place: int) -> None:
        self._place, self.position, self._held_s, self._at_end = place, 0.0, 0.0, False
        self.seek(0.0)
