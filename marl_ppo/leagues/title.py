"""Who is the champion: a challenger is promoted when a sequential test shows it to be better.

One challenger at a time meets the champion in title games, until the test passes, or the same test for the champion does,
or MOST_GAMES are over. Then the newest player that has joined since is the next challenger.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from marl_ppo.leagues.ladder import Played
from marl_ppo.leagues.promotion import SequentialTest

TITLE_GAMES = 64
"""in a turn; even, so that both sides come up equally often"""
MOST_GAMES = 1024
"""after which a challenger that is not clearly better is not promoted"""


class Verdict(NamedTuple):
    """How a challenge ended."""

    challenger: str
    won: bool
    text: str


class Title:
    """The champion, its challenger, and the test between them."""

    def __init__(self, *, alpha: float) -> None:
        self.champion = ""
        """empty before the first player"""
        self.challenger = ""
        self._next = ""
        self._better, self._worse = SequentialTest(alpha), SequentialTest(alpha)

    def challenge(self, name: str) -> None:
        """Somebody has joined: the first one is champion, later ones wait for their turn, the newest of them only."""
        if not self.champion:
            self.champion = name
        elif not self.challenger:
            self._begin(name)
        else:
            self._next = name

    def match(self) -> tuple[str, str] | None:
        """(challenger, champion), while there is a challenge."""
        return (self.challenger, self.champion) if self.challenger else None

    def take(self, played: Played) -> Verdict | None:
        """Title games; tells how the challenge ended, if it did."""
        scores = by_round(played)
        promoted, refused = self._better.add(scores), self._worse.add(1 - scores)
        # Rounds of two games, one on each side.
        if not (promoted or refused or 2 * self._better.scores >= MOST_GAMES):
            return None
        score, games, champion, challenger = self._better.mean, 2 * self._better.scores, self.champion, self.challenger
        if promoted:
            self.champion = challenger
            verdict = Verdict(challenger, True, f"scores {score:.2f} against {champion} in {games} games and is champion")
        else:
            verdict = Verdict(challenger, False, f"scores {score:.2f} against the champion {champion} in {games} games")
        self.challenger = ""
        if self._next:
            waiting, self._next = self._next, ""
            self._begin(waiting)
        return verdict

    def state(self) -> dict[str, Any]:
        """Plain data for storage; `load` takes it back."""
        return {
            "champion": self.champion,
            "challenger": self.challenger,
            "next": self._next,
            "better": self._better.state(),
            "worse": self._worse.state(),
        }

    @classmethod
    def load(cls, state: Mapping[str, Any]) -> Self:
        """A title as `state` gave it."""
        title = cls(alpha=state["better"]["alpha"])
        title.champion, title.challenger, title._next = state["champion"], state["challenger"], state["next"]
        title._better, title._worse = SequentialTest.load(state["better"]), SequentialTest.load(state["worse"])
        return title

    def _begin(self, challenger: str) -> None:
        self.challenger = challenger
        alpha = self._better.alpha
        self._better, self._worse = SequentialTest(alpha), SequentialTest(alpha)


def by_round(played: Played) -> np.ndarray:
    """Mean score of a game on each side, since a side may be worth something."""
    sides = [played.scores[played.parts == part] for part in np.unique(played.parts)]
    rounds = min(map(len, sides), default=0)
    return np.mean([side[:rounds] for side in sides], axis=0) if rounds else np.zeros(0)
