"""People in a league: their games against its members are counted and rated, and nothing else in the league is changed.

A person enters with the first game. A member's rating stays what its own games have made it: the league goes on as if nobody
had played, to the last byte. The ladder never calls for a person.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from marl_ppo.envs.world import WorldSpec
from marl_ppo.errors import ConfigError, UnknownNameError
from marl_ppo.leagues.guests import check_name
from marl_ppo.leagues.league import LOCK
from marl_ppo.leagues.members import Members
from marl_ppo.leagues.ratings import Rating, Ratings
from marl_ppo.leagues.recipe import recipe_from
from marl_ppo.leagues.store import EventRow, MatchRow, PlayerRow, RatingRow, Store
from marl_ppo.play.seating import Player
from marl_ppo.training.run import alone


@dataclass(frozen=True, slots=True)
class PersonalLeague:
    """A league as one person sees it."""

    name: str
    """the person's"""
    folder: Path
    store: Store

    @property
    def world(self) -> tuple[str, dict[str, Any]]:
        """(id, settings) of what is played."""
        recipe = recipe_from(self.store.facts()["recipe"], source=str(self.store.file))
        config = recipe.train_config(recipe.learners[0])
        return config.world, dict(config.world_config)

    @property
    def rating(self) -> Rating:
        """The person's; a beginner's before the first game."""
        return self._ratings().get(self.name, Rating())

    def opponent(self, name: str | None, teams: list[str], spec: WorldSpec) -> Player:
        """A member that plays `teams`: the one called `name`, or the one whose rating is nearest to the person's.

        Raises UnknownNameError or ConfigError where there is none.
        """
        rows = {row.name: row for row in self.store.players() if row.kind not in ("learner", "person")}
        if name is not None and name not in rows:
            raise UnknownNameError.near(
                f"member of the league {self.folder.name}", name, list(rows), otherwise=f"It has {', '.join(rows)}."
            )
        able = [row for row in rows.values() if set(teams) <= set(row.teams) and name in (None, row.name)]
        if not able:
            who = "nobody in the league" if name is None else repr(name)
            raise ConfigError(f"{who} plays {' and '.join(teams)}; name another seat or another opponent")
        ratings, own = self._ratings(), self.rating
        # Of equals, those that were trained, and of these the newest.
        nearest = min(reversed(able), key=lambda r: (abs(ratings.get(r.name, Rating()).mu - own.mu), r.kind == "anchor"))
        members = Members(self.folder, spec)
        members.know([nearest])
        return members.load([nearest.name])[nearest.name]

    def add(
        self, opponent: str, side: str, score: float, *, teams: tuple[str, ...], together: bool, text: str
    ) -> Rating | None:
        """Write down a game: `score` as `leagues.payoffs` has it. Returns the new rating, where there is one."""
        row = next((row for row in self.store.players() if row.name == self.name), None)
        row = row or PlayerRow(name=self.name, kind="person", teams=teams)
        match = MatchRow.of("person", self.name, opponent, side, np.array([score]))
        rating = None
        if not together:
            ratings = Ratings.load({name: asdict(one) for name, one in self._ratings().items()})
            # Of the two that change, only the person's is written down.
            ratings.rate(self.name, opponent, score)
            rating = ratings[self.name]
        self.store.add_game(
            row,
            match,
            None if rating is None else RatingRow.of(self.name, rating),
            EventRow(kind="played", player=self.name, text=text),
        )
        return rating

    def _ratings(self) -> dict[str, Rating]:
        return {row.player: Rating(row.mu, row.sigma, row.elo, row.games) for row in self.store.ratings()}


@contextmanager
def personal_league(folder: Path, name: str) -> Iterator[PersonalLeague]:
    """A league for a person called `name` to play in; nobody else can train in it meanwhile.

    Raises ConfigError while the league runs, and for a name that may not be used.
    """
    (folder / LOCK).touch()
    with ExitStack() as stack:
        try:
            stack.enter_context(alone(folder / LOCK))
        except ConfigError as error:
            raise ConfigError(f"no game can be rated in a league that runs: {error}") from error
        store = stack.enter_context(Store.open(folder, writing=True))
        if not store.state():
            raise ConfigError(f"{folder} has not begun yet; let it run for a turn: marl-ppo league run --resume {folder}")
        if name not in {row.name for row in store.players() if row.kind == "person"}:
            check_name(name, store, "--rated")
        yield PersonalLeague(name, folder, store)
