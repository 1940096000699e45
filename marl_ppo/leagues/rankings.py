"""Who is how good: plays the ladder's games between members and keeps what came of them: pay-offs, ratings and the title."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from marl_ppo.envs.world import Array, World
from marl_ppo.leagues import meta_solvers
from marl_ppo.leagues.exact import ExactGame
from marl_ppo.leagues.highlights import Highlight, find_upset, highlights_of
from marl_ppo.leagues.ladder import Fixture, Played, can_meet, parts_of, play_fixtures
from marl_ppo.leagues.learner import part_in_words
from marl_ppo.leagues.members import Members
from marl_ppo.leagues.payoffs import Payoffs
from marl_ppo.leagues.ratings import Ratings
from marl_ppo.leagues.scheduling import choose_fixtures
from marl_ppo.leagues.store import EventRow, MatchRow, RatingRow, Store
from marl_ppo.leagues.title import TITLE_GAMES, Title
from marl_ppo.replays.recorder import Recorder


class Results(NamedTuple):
    """What a turn's ladder brought, for the store."""

    matches: list[MatchRow]
    events: list[EventRow]
    ratings: list[RatingRow]
    """of all who played"""
    games: int
    highlights: list[Highlight]
    """games worth a replay"""


class Rankings:
    """Of the members, who never change."""

    def __init__(self, world: World, members: Members, *, seed: int, alpha: float) -> None:
        self._world, self._members, self._seed = world, members, seed
        self._together = len(world.spec.teams) == 1
        self._matches: dict[tuple[str, str, str], MatchRow] = {}
        self._ratings = Ratings()
        self.title = Title(alpha=alpha)
        self._exact = ExactGame.of(world.spec)

    def restore(self, store: Store, title: Mapping[str, Any]) -> None:
        """Go on from what a store has."""
        self._matches = {(m.first, m.second, m.side): m for m in store.matches("ladder")}
        self._ratings = Ratings.load({row.player: row.as_rating() for row in store.ratings()})
        self.title = Title.load(title)

    def payoffs(self, names: Sequence[str]) -> Payoffs:
        """Of the games so far."""
        return Payoffs.of(names, list(self._matches.values()), together=self._together)

    def meta_game(self, names: Sequence[str]) -> Array:
        """What each of some members gets against each: exact where the game has a tree, else of the games so far."""
        if self._exact is not None:
            self._exact.learn(self._members.load(name for name in names if not self._exact.knows(name)))
            return self._exact.payoffs(names)
        means = self.payoffs(names).means
        return np.nan_to_num(means) if self._together else meta_solvers.payoffs_of(means)

    def play(
        self,
        agents: Mapping[str, frozenset[str]],
        *,
        games: int,
        turn: int,
        record: bool = False,
        on_progress: Callable[[int, int], Any] = lambda done, total: None,
    ) -> Results:
        """A turn of the ladder, between the members `agents` tells what they play; of equal leagues equal results."""
        names = list(agents)

        def may_meet(first: str, second: str) -> bool:
            return bool(can_meet(self._world.spec, agents[first], agents[second]))

        fixtures = choose_fixtures(
            self.payoffs(names), lambda i, j: may_meet(names[i], names[j]), games, together=self._together
        )
        if not self._together and (match := self.title.match()):
            fixtures.append(Fixture(*match, TITLE_GAMES))
        if not fixtures:
            return Results([], [], [], 0, [])
        players = self._members.load(name for fixture in fixtures for name in (fixture.first, fixture.second))
        recorder = Recorder(self._world) if record else None
        played = play_fixtures(
            self._world, fixtures, players, seed=self._seed, number=turn, recorder=recorder, on_progress=on_progress
        )
        # Before these games are rated: an upset is one to those who knew no more.
        upset = None if recorder is None or self._together else find_upset(played, self._ratings)
        matches = [row for one in played for row in self._take(one)]
        title = next((one for one in played if one.fixture.games == TITLE_GAMES), None)
        told = None if title is None else self.title.take(title)
        events = []
        if told is not None:
            events.append(EventRow(kind="promoted" if told.won else "kept out", player=told.challenger, text=told.text))
        highlights = []
        if recorder is not None:
            promotion = None if title is None or told is None or not told.won else title
            highlights = highlights_of(
                played, recorder.take(), players, self._world, turn=turn, upset=upset, promotion=promotion
            )
        return Results(matches, events, self._rating_rows(matches), sum(len(one.scores) for one in played), highlights)

    def _take(self, played: Played) -> Iterable[MatchRow]:
        """Count a fixture's games, and rate them one by one."""
        first, second = played.fixture.first, played.fixture.second
        spec = self._world.spec
        parts = parts_of(spec)
        for part in np.unique(played.parts):
            row = MatchRow.of("ladder", first, second, part_in_words(spec, parts[part]), played.scores[played.parts == part])
            key = (first, second, row.side)
            self._matches[key] = self._matches[key] + row if key in self._matches else row
            yield row
        if not self._together and first != second:
            for score in played.scores:
                self._ratings.rate(first, second, float(score))

    def _rating_rows(self, matches: Sequence[MatchRow]) -> list[RatingRow]:
        if self._together:
            return []
        names = sorted({name for match in matches for name in (match.first, match.second)})
        return [RatingRow.of(name, self._ratings[name]) for name in names]
