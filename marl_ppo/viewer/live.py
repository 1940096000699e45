"""A match being played now, as a timeline: it is played as far as somebody looks, and what was seen is kept."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marl_ppo.envs.hud import Hud
from marl_ppo.envs.world import Array
from marl_ppo.play.play import Play
from marl_ppo.play.seating import Player
from marl_ppo.play.thinking import Thinker
from marl_ppo.replays.replay import Event
from marl_ppo.replays.simulation import EventFinder
from marl_ppo.viewer.feed import Moment, Thought, choices_of, subgoal_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """Who meets in the copy 0 of a play, for one match or for many."""

    play: Play
    players: Mapping[str, Player]
    """agent → who plays it, in the order of the agents"""
    title: str = ""
    rate: float = 8.0
    """world steps per second"""
    notes: Sequence[str] = ()
    """lines of the HUD that stay, such as "update: 120" """


Renew = Callable[[], Meeting | None]
"""asked when a match is over: who meets from now on; None for the same as before"""


class LiveTimeline:
    """One match, a `Timeline`: looking at its last moment plays one step more, until it is over."""

    def __init__(self, meeting: Meeting, *, begin: bool = True) -> None:
        """`begin` starts the first episode; else the match goes on from where the play stands, which is moment 0."""
        self._play = meeting.play
        self._notes = tuple(meeting.notes)
        self.title, self.rate = meeting.title, meeting.rate
        self.players: Mapping[str, str] = {agent: player.name for agent, player in meeting.players.items()}
        world = self._play.world
        self.teams: Sequence[str] = world.spec.teams
        self.choices: Mapping[str, Sequence[str]] = choices_of(world)
        self.longest: int | None = world.spec.max_steps
        self._hud = Hud(world.spec)
        self._finder = EventFinder(world.spec)
        self._thinker = Thinker(world.spec, meeting.players)
        if begin:
            self._play.start()
        self._over = bool(world.outputs.ended[0])
        self._moments = [self._seen(is_first=True)]

    @property
    def last(self) -> int:
        return len(self._moments) - 1

    @property
    def events(self) -> Sequence[Event]:
        return self._finder.found

    def moment(self, step: int) -> Moment:
        while step >= self.last and not self._over:
            self._advance()
        return self._moments[step]

    def values(self, agent: str) -> Array:
        thoughts = (moment.thoughts.get(agent) for moment in self._moments)
        return np.array([np.nan if t is None or t.value is None else t.value for t in thoughts])

    def options(self, agent: str) -> Array:
        subgoals = {
            step: moment.thoughts[agent].subgoal for step, moment in enumerate(self._moments) if agent in moment.thoughts
        }
        return np.array([step for step, subgoal in subgoals.items() if subgoal and subgoal.age == 0], np.int64)

    def leave(self) -> None:
        """Nobody plays it on: it is over where it stands."""
        self._over, self.longest = True, self.last

    def _advance(self) -> None:
        play = self._play
        thoughts = self._thoughts()
        self._moments[-1] = self._moments[-1]._replace(thoughts=thoughts)
        outputs = play.advance()
        self._hud.add(outputs)
        self._finder.look(len(self._moments), play.world)
        self._moments.append(self._seen())
        if outputs.ended[0]:
            self.leave()

    def _thoughts(self) -> dict[str, Thought]:
        """Let everybody decide, and tell what they thought."""
        found = {}
        for group, told in zip(self._play.world.spec.groups, self._thinker.decide(self._play), strict=True):
            for a, agent in enumerate(group.agents):
                chances, value = told.probabilities[a], float(told.values[a])
                known = chances.size > 0 and not np.isnan(chances).any()
                subgoal = subgoal_of(told.subgoals[a], told.words[a], told.ages[a])
                if known or subgoal is not None or not np.isnan(value):
                    found[agent] = Thought(
                        probabilities=chances if known else None, value=None if np.isnan(value) else value, subgoal=subgoal
                    )
        return found

    def _seen(self, *, is_first: bool = False) -> Moment:
        world = self._play.world
        return Moment(world.scene(0), (*self._notes, *self._hud.lines(world.outputs)), is_first)


def live_matches(meeting: Meeting, renew: Renew = lambda: None, *, begin: bool = True) -> Iterator[LiveTimeline]:
    """Match after match, for ever. One that is left before its end is never played on."""
    while True:
        match = LiveTimeline(meeting, begin=begin)
        yield match
        match.leave()
        newer = renew()
        if newer is not None and newer.play is not meeting.play:
            meeting, begin = newer, True
            continue
        meeting, begin = newer or meeting, False
        meeting.play.episode += 1
        # All copies anew: the one that is watched may not have come to its end.
        meeting.play.start()
