"""A part of a match, as a match of its own."""

from collections.abc import Mapping, Sequence

from marl_ppo.envs.world import Array
from marl_ppo.replays.replay import Event
from marl_ppo.viewer.feed import Moment, Timeline


class Clip:
    """The moments `start` to `stop` of a timeline, both included, as a `Timeline`."""

    def __init__(self, whole: Timeline, start: int, stop: int) -> None:
        self._whole, self._start, self.last = whole, start, stop - start
        self.longest: int | None = self.last
        self.title, self.teams, self.rate = whole.title, whole.teams, whole.rate
        self.players: Mapping[str, str] = whole.players
        self.choices: Mapping[str, Sequence[str]] = whole.choices

    @property
    def events(self) -> Sequence[Event]:
        found = [event._replace(step=event.step - self._start) for event in self._whole.events]
        return [event for event in found if 0 <= event.step <= self.last]

    def moment(self, step: int) -> Moment:
        return self._whole.moment(self._start + step)._replace(is_first=step == 0)

    def values(self, agent: str) -> Array:
        return self._whole.values(agent)[self._start : self._start + self.last + 1]

    def options(self, agent: str) -> Array:
        moments = self._whole.options(agent) - self._start
        return moments[(moments >= 0) & (moments <= self.last)]
